//! The workload migration of a deploy, new or resumed: detected, confirmed and driven.

use crate::cluster::state::secret::ReleaseSecret;
use crate::diff::Action;
use crate::helm::Values;
use crate::migration::Journal;
use crate::pipeline::Error;
use crate::pipeline::release::deploy_run::DeployRun;
use crate::pipeline::release::migration::consent::{Agreed, Intent};
use crate::pipeline::release::migration::driver::{Driver, Terms, Upgrade, Way};
use crate::pipeline::release::records::shown;
use crate::pipeline::release::{checks, external_secrets, own_objects, values};
use serde_json::json;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

impl DeployRun<'_> {
    pub(super) fn confirm(&self) -> Result<(), Error> {
        self.tell_what_goes()?;
        let agreed = match self.workload_migration()? {
            Some(Intent::New(change)) => {
                self.installation()?.begin_change(change, &self.request.consent, self.ask.agree)?
            }
            Some(Intent::UnderWay(log, objects)) => Some(self.installation()?.go_on_with(log, &objects, None)?),
            None => None,
        };
        *self.agreed.lock().unwrap_or_else(PoisonError::into_inner) = agreed;
        Ok(())
    }

    /// Every object that this deploy takes away, by helm or by itself.
    fn tell_what_goes(&self) -> Result<(), Error> {
        for object in self.goes.get()? {
            self.say(format!("to be removed: {}", shown(object)));
        }
        if let Some(issuers) = self.issuers_that_leave() {
            self.say(format!("to be removed: {issuers}"));
        }
        if !self.request.wait.waits() {
            return Ok(());
        }
        let (release, mut own) = (self.release, Vec::new());
        let leaving = external_secrets::leaving(self.cluster.get()?, release, Some(self.request.plan))?;
        own_objects::clear_up(release, self.before.get()?, self.settled.get()?, &leaving, &mut own);
        for change in own.iter().filter(|change| change.action == Action::Delete) {
            self.say(format!("to be removed: {} {} in namespace {}", change.kind, change.name, change.namespace));
        }
        Ok(())
    }

    /// The workload migration that this deploy is, or continues with; none in most cases.
    pub(in crate::pipeline) fn workload_migration(&self) -> Result<Option<Intent>, Error> {
        let (on, before) = (self.installation()?, self.before.get()?);
        let release = self.release.helm_name();
        let open = on.change_under_way()?;
        if open.is_none() && !checks::transition(release, before, self.foreseen.get()?) {
            return Ok(None);
        }
        // Whatever their values: workloads only hold the numbers of secrets.
        let marks = self.request.plan.secrets.keys().map(|name| (name.clone(), json!({"revision": "plan"})));
        let mut over = self.values(&ReleaseSecret::default())?;
        over["secrets"] = marks.collect::<serde_json::Map<_, _>>().into();
        let chart = self.chart.get()?.path().join("chart");
        let values = Values { files: &values::files(self.request, &chart), over: &over };
        let objects = on.objects_to_come(&chart, &values, self.kube_version.get()?)?;
        match open {
            Some(log) => Ok(Some(Intent::UnderWay(log, objects))),
            None => Ok(on.plan_change(&objects, None)?.map(Intent::New)),
        }
    }

    pub(super) fn change_kinds(&self, agreed: Agreed) -> Result<(), Error> {
        self.migrates.store(true, Ordering::SeqCst);
        let called = AtomicBool::new(false);
        let upgrade = |before: u64| {
            self.newest.store(before, Ordering::SeqCst);
            self.run_helm()?;
            called.store(true, Ordering::SeqCst);
            Ok(())
        };
        match self.drive(agreed, self.limits.left(), Some(&upgrade))? {
            (Way::Forward, journal) => {
                // From here on it is a deploy like any other.
                self.migrates.store(false, Ordering::SeqCst);
                if called.load(Ordering::SeqCst) {
                    return Ok(());
                }
                // An earlier run called helm, and it is unknown with what.
                self.newest.store(journal.last, Ordering::SeqCst);
                self.run_helm()
            }
            (Way::Back(why), journal) => {
                self.rolled_back.put(Some(journal.base));
                Err(Error::MigrationRolledBack(why))
            }
        }
    }

    /// Drives a workload migration to its end: how it ended, and its journal.
    pub(super) fn drive(
        &self,
        agreed: Agreed,
        time: Duration,
        upgrade: Option<&Upgrade>,
    ) -> Result<(Way, Journal), Error> {
        let on = self.installation()?;
        let mut log = agreed.log(&on)?;
        let (lock, secrets) = (self.hold.lock()?, self.secrets()?);
        let (terms, stopped) = (Terms::within(time), self.limits.stopped);
        let take_back = &|| self.take_back(on.cluster);
        let driver = Driver { on, lock, secrets: &secrets, terms, stopped, take_back };
        let way = driver.drive(&mut log, upgrade)?;
        Ok((way, log.journal))
    }
}
