//! Installs one chart: its namespace, its lock, helm, and its `waitFor` objects.

use super::decided::{Decided, at};
use super::fetch::Ready;
use super::trial;
use super::values::{self, Known};
use super::work::{Work, of_chart};
use crate::cluster::api::namespace;
use crate::external_charts::PlannedChart;
use crate::helm::{Helm, Options, Target};
use crate::k8s::ownership::Owner;
use crate::pipeline::Error;
use crate::pipeline::engine::event::say;
use crate::pipeline::release::lock::{LastRevision, LockGuard};
use crate::pipeline::release::records;
use crate::pipeline::release::records::{Operation, Origin, Verb};
use crate::pipeline::release::watch::Watching;
use crate::support::diagnostic::Code;
use std::time::Duration;

/// Time between two tries while a webhook does not answer.
const PAUSE: Duration = Duration::from_secs(2);

impl Work<'_> {
    /// Does what was decided, and waits until what was asked for is there.
    pub(super) fn install(&self, index: usize, ready: &Ready, decided: &Decided, known: &Known) -> Result<(), Error> {
        let chart = &self.charts[index];
        let action = decided.action.described(&decided.version);
        say(self.report, format!("chart {} ({} in {}): {action}", chart.name, chart.release, chart.namespace));
        if decided.action.is_change() {
            self.run(chart, ready, decided, known).map_err(|error| self.told(index, error))?;
        }
        self.wait_for(chart)
    }

    fn run(&self, chart: &PlannedChart, ready: &Ready, decided: &Decided, known: &Known) -> Result<(), Error> {
        let given = match values::given(chart, known, self.cluster, &self.release.namespace)? {
            Ok(given) => given,
            Err(missing) => return Err(Error::Refused(missing.diagnostics)),
        };
        let (release, helm, target) = of_chart(self, chart)?;
        helm.hide(given.secrets.clone());
        if namespace::ensure(self.cluster, &chart.namespace, &chart.release)? == namespace::Found::Created {
            say(self.report, format!("created namespace {}", chart.namespace));
        }
        let (live, seen) = LastRevision::look(&helm, &target, self.cluster, &release)?;
        if live.map(|live| live.revision) != decided.revision {
            let what = format!(
                "the release {} in namespace {} was changed while this run was reading it",
                chart.release, chart.namespace
            );
            return Err(Error::Refused(at(Code::ReleaseChanged, chart, what).hint("run again").into()));
        }
        let operation = if chart.tried {
            let objects = trial::objects(chart, ready, &helm, &target, &given)?;
            self.wait_for_trial(chart, &objects)?;
            Operation::ours(Verb::Upgrade(Some(objects)))
        } else {
            Operation { verb: Verb::Upgrade(None), origin: Origin::Others(None), shown: None }
        };
        records::check(self.cluster, &release, &operation)?;
        let owner = Owner { release: &chart.release, application: self.application };
        let hold = LockGuard::new(self.word.assume_helm_dead, self.limits);
        hold.keep(seen);
        hold.take(&helm, &release, owner, "deploy")?;
        let ran = hold.recover(self.cluster, &release, self.limits, self.report).and_then(|()| {
            hold.lock()?.expects(operation);
            let what = format!("the chart {}", chart.name);
            let watching = Watching {
                jobs: false,
                what: &what,
                release: &release,
                secrets: &given.secrets,
                report: self.report,
                give_up: None,
            };
            let ran = watching.during(|| self.upgrade(chart, ready, decided, &helm, &target, &given));
            let noted = hold.lock().and_then(|lock| lock.helm_ended(self.cluster, &release, ran.is_ok()));
            ran.and(noted)
        });
        // What failed says more than that the lock could not be given back.
        let given_back = hold.release();
        ran.and(given_back)
    }

    fn upgrade(
        &self,
        chart: &PlannedChart,
        ready: &Ready,
        decided: &Decided,
        helm: &Helm,
        target: &Target,
        given: &values::Given,
    ) -> Result<(), Error> {
        let labels: Vec<String> = decided.marks.labels().iter().map(|(key, value)| format!("{key}={value}")).collect();
        let mut extra = vec![format!("--labels={}", labels.join(","))];
        if chart.force_conflicts && helm.version()?.major >= 4 {
            // Helm 3 merges on the client, where field managers do not conflict.
            extra.extend(["--server-side=true".to_owned(), "--force-conflicts".to_owned()]);
        }
        let mut told = false;
        loop {
            let options =
                Options { timeout: self.limits.left(), wait: !chart.tried, extra: extra.clone(), ..Options::default() };
            match helm.upgrade_install(target, &ready.path, &given.values(), &options, &mut |_| {}) {
                // What was installed before may bring a webhook that needs a moment more than helm waited for.
                Err(error) if error.is_webhook_away() && self.limits.left() > PAUSE && !(self.limits.stopped)() => {
                    if !std::mem::replace(&mut told, true) {
                        say(self.report, format!("chart {}: a webhook does not respond yet; retrying", chart.name));
                    }
                    std::thread::sleep(PAUSE);
                }
                other => return Ok(other?),
            }
        }
    }

    /// What was installed before stays; the person hears of it once, with what stopped.
    fn told(&self, index: usize, error: Error) -> Error {
        let chart = &self.charts[index];
        say(
            self.report,
            format!("installed charts are kept; run the same command again to continue with {}", chart.name),
        );
        error
    }
}
