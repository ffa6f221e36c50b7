//! Recovery from a helm process that is dead: revisions that are still pending, objects that are still being deleted.

use super::last_revision::LastRevision;
use crate::cluster::api::objects::Objects;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::record::Record;
use crate::cluster::state::record::RecordedObject;
use crate::k8s::kind::SECRET;
use crate::pipeline::engine::event::{Report, say};
use crate::pipeline::engine::run::Limits;
use crate::pipeline::release::history::CUT_SHORT;
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic};
use std::time::Duration;

/// Sets the last revision, whose helm is dead, to `failed`, so that helm continues from it. A removal that was cut short is
/// waited for first: what is going must not be taken for what is there.
pub(crate) fn recover(
    cluster: &Cluster,
    release: &Release,
    seen: &LastRevision,
    limits: &Limits,
    report: &Report,
) -> Result<(), Error> {
    let Some(record) = &seen.record else { return Ok(()) };
    if record.status == "uninstalling" {
        wait_for_the_going(cluster, release, &record.objects(), limits, report)?;
    }
    record.fail(cluster, &release.namespace, &cut_short(record))?;
    say(
        report,
        format!(
            "revision {} was left {} by a helm process that has ended; it is marked as failed",
            record.revision, record.status
        ),
    );
    Ok(())
}

/// What is said of a revision whose helm is dead. Where a rollback led stays, for the next one.
pub(crate) fn cut_short(record: &Record) -> String {
    let (led, status) = (record.description.as_str(), record.status.as_str());
    let led = if status == "pending-rollback" { format!("{led}: ") } else { String::new() };
    format!("{led}{status} was cut short; {CUT_SHORT}")
}

fn wait_for_the_going(
    cluster: &Cluster,
    release: &Release,
    objects: &[RecordedObject],
    limits: &Limits,
    report: &Report,
) -> Result<(), Error> {
    for object in objects {
        let Some(kind) = cluster.kind(&object.api_version, &object.kind)? else { continue };
        let namespace = object.namespace.as_deref().unwrap_or(&release.namespace);
        let going = || -> Result<bool, Error> {
            let live = cluster.get(&kind, namespace, &object.name)?;
            Ok(live.is_some_and(|live| live["metadata"]["deletionTimestamp"].is_string()))
        };
        if going()? {
            say(
                report,
                format!("waiting until the {kind} {} is gone, which an earlier run started to delete", object.name),
            );
        }
        while going()? {
            if limits.left().is_zero() || (limits.stopped)() {
                let what = format!("the {kind} {} in namespace {namespace} is still being deleted", object.name);
                let hint = "wait until it is gone, then run again; `kubectl get -o yaml` shows its finalizers";
                return Err(Error::Refused(Diagnostic::new(Code::StillDeleting, "", what).hint(hint).into()));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(())
}

/// Sets what a dead helm of ours left pending to `failed`. False when something is left that only a later run can settle.
pub(crate) fn settle(cluster: &Cluster, release: &Release) -> Result<bool, Error> {
    let under_way = "status in (pending-install,pending-upgrade,pending-rollback,uninstalling)";
    let selector = format!("owner=helm,name={},{under_way}", release.name);
    let mut settled = true;
    for object in cluster.list(&SECRET, &release.namespace, &selector)? {
        let record = Record::of(object)?;
        if record.status.starts_with("pending-") {
            record.fail(cluster, &release.namespace, &cut_short(&record))?;
        } else {
            settled = false;
        }
    }
    Ok(settled)
}
