//! A change of kinds on its way: `promote` says where one stands, goes on with it or back.
//!
//! ```text
//! look: what lives ──> crate::promotion::next(), pure ──> driver ──> act: the one thing, done
//! log: the journal, written before anything is done
//! ```

mod act;
mod driver;
mod log;
mod look;

pub use driver::{Driver, Terms, Upgrade, Way};
pub use log::Log;
pub use look::{kind, live, nodes, others, volumes};

use super::event::say;
use super::installation::Installation;
use super::lock::{self, Hold};
use super::rollback;
use super::run::Conduct;
use super::{Error, Release};
use crate::cluster::Owner;
use crate::problem::Problem;
use crate::promotion::Direction;

/// What is wished of a change of kinds that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To know where it stands.
    Status,
    /// To go on, as far as that needs no chart.
    Resume,
    /// To go back.
    Abort,
}

/// Says where a change of kinds stands, goes on with it or back.
pub fn promote(wish: Wish, release: &Release, assume_helm_dead: bool, conduct: &Conduct) -> Result<(), Error> {
    let cluster = release.connect()?;
    let nothing = || {
        let what = format!("no change of kinds is under way in the {}", release.described());
        Error::Refused(Problem::at("", what).into())
    };
    let application = super::destroy::live_application(&cluster, release)?.ok_or_else(nothing)?;
    let owner = Owner { release: &release.name, application: &application };
    if wish != Wish::Status {
        lock::wait_for_helm(&cluster, release, owner, &conduct.limits, conduct.report)?;
    }
    let log = Log::read(&cluster, owner, &release.namespace)?.ok_or_else(nothing)?;
    say(conduct.report, log.journal.described());
    if wish == Wish::Status {
        return Ok(());
    }
    if !log.journal.is_open() {
        return Err(nothing());
    }
    let (helm, target) = release.helm()?;
    let on = Installation { cluster: &cluster, helm: &helm, target: &target, release, owner, report: conduct.report };
    // The way back needs no chart.
    driver::check(&on, &log.journal, wish == Wish::Abort)?;
    if wish == Wish::Abort {
        driver::check_base(&on, log.journal.base)?;
    }
    let back = wish == Wish::Abort || log.journal.progress.direction == Direction::Back;
    driver::check_records(&on, &log.journal, back)?;
    let (_, seen) = lock::Seen::look(&helm, &target, &cluster, release)?;
    let hold = Hold::new(assume_helm_dead, &conduct.limits);
    hold.keep(seen);
    hold.take(&helm, release, owner, "promote")?;
    let ended = drive(wish, log, on, &hold, conduct);
    hold.release()?;
    ended
}

fn drive(wish: Wish, mut log: Log, on: Installation, hold: &Hold, conduct: &Conduct) -> Result<(), Error> {
    hold.recover(on.cluster, on.release, &conduct.limits, conduct.report)?;
    log.journal.progress = log.journal.progress.resumed();
    if wish == Wish::Abort {
        log.journal.progress = log.journal.progress.back();
    }
    log.write(on.cluster, on.owner, on.space())?;
    let base = log.journal.base;
    let secrets: Vec<String> = crate::cluster::secret::read(on.cluster, on.owner, on.space())?.texts().collect();
    let driver = Driver {
        on,
        lock: hold.lock()?,
        secrets: &secrets,
        terms: Terms::within(conduct.limits.left()),
        stopped: conduct.limits.stopped,
        take_back: &|| {
            rollback::take_back_killed_run(on.cluster, on.owner, on.space())?;
            rollback::put_back_values(&on, base)
        },
    };
    match driver.drive(&mut log, None)? {
        Way::Back(why) if wish == Wish::Resume => Err(Error::KindsUnchanged(why)),
        Way::Forward => {
            let to = log.journal.to;
            to.map_or(Ok(()), |to| rollback::put_back_values(&on, to))
        }
        Way::Back(_) => Ok(()),
    }
}
