//! `promote`: shows an interrupted workload migration, resumes it or rolls it back.

use crate::cluster::state::secret;
use crate::pipeline::release::migration::driver;
use crate::pipeline::release::migration::driver::{Driver, Terms, Way};
use crate::pipeline::release::migration::log::Log;
use crate::pipeline::release::{application, helm_rollback};

use super::{Error, Release};
use crate::k8s::ownership::Owner;
use crate::migration::Direction;
use crate::pipeline::engine::event::say;
use crate::pipeline::engine::run::RunOptions;
use crate::pipeline::release::installation::Installation;
use crate::pipeline::release::lock;
use crate::pipeline::release::lock::LockGuard;
use crate::support::diagnostic::{Code, Diagnostic};

/// What is wished of a workload migration that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PromoteAction {
    /// To know where it stands.
    Status,
    /// To continue, as far as that needs no chart.
    Resume,
    /// To go back.
    Abort,
}

/// Shows where a workload migration stands, resumes it or rolls it back.
pub(crate) fn promote(
    action: PromoteAction,
    release: &Release,
    assume_helm_dead: bool,
    conduct: &RunOptions,
) -> Result<(), Error> {
    let cluster = release.connect()?;
    let nothing = || {
        let what = format!("no workload migration is in progress in the {}", release.described());
        Error::Refused(Diagnostic::new(Code::ReleaseNotFound, "", what).into())
    };
    let application = application::live_application(&cluster, release)?.ok_or_else(nothing)?;
    let owner = Owner { release: &release.name, application: &application };
    if action != PromoteAction::Status {
        lock::wait_for_helm(&cluster, release, owner, &conduct.limits, conduct.report)?;
    }
    let log = Log::read(&cluster, owner, &release.namespace)?.ok_or_else(nothing)?;
    say(conduct.report, log.journal.described());
    if action == PromoteAction::Status {
        return Ok(());
    }
    if !log.journal.is_open() {
        return Err(nothing());
    }
    let (helm, target) = release.helm()?;
    let on = Installation { cluster: &cluster, helm: &helm, target: &target, release, owner, report: conduct.report };
    // The rollback needs no chart.
    driver::check(&on, &log.journal, action == PromoteAction::Abort)?;
    if action == PromoteAction::Abort {
        driver::check_base(&on, log.journal.base)?;
    }
    let back = action == PromoteAction::Abort || log.journal.progress.direction == Direction::Back;
    driver::check_records(&on, &log.journal, back)?;
    let (_, seen) = lock::LastRevision::look(&helm, &target, &cluster, release)?;
    let hold = LockGuard::new(assume_helm_dead, &conduct.limits);
    hold.keep(seen);
    hold.take(&helm, release, owner, "promote")?;
    let ended = drive(action, log, on, &hold, conduct);
    hold.release()?;
    ended
}

fn drive(
    action: PromoteAction,
    mut log: Log,
    on: Installation,
    hold: &LockGuard,
    conduct: &RunOptions,
) -> Result<(), Error> {
    hold.recover(on.cluster, on.release, &conduct.limits, conduct.report)?;
    log.journal.progress = log.journal.progress.resumed();
    if action == PromoteAction::Abort {
        log.journal.progress = log.journal.progress.back();
    }
    log.write(on.cluster, on.owner, on.space())?;
    let base = log.journal.base;
    let secrets: Vec<String> = secret::read(on.cluster, on.owner, on.space())?.texts().collect();
    let driver = Driver {
        on,
        lock: hold.lock()?,
        secrets: &secrets,
        terms: Terms::within(conduct.limits.left()),
        stopped: conduct.limits.stopped,
        take_back: &|| {
            helm_rollback::take_back_killed_run(on.cluster, on.owner, on.space())?;
            helm_rollback::put_back_values(&on, base)
        },
    };
    match driver.drive(&mut log, None)? {
        Way::Back(why) if action == PromoteAction::Resume => Err(Error::MigrationRolledBack(why)),
        Way::Forward => {
            let to = log.journal.to;
            to.map_or(Ok(()), |to| helm_rollback::put_back_values(&on, to))
        }
        Way::Back(_) => Ok(()),
    }
}
