//! The next action of a workload migration, done on an object as it was read.

use super::driver::{Driver, Observation};
use super::log::Log;
use super::look::kind;
use crate::cluster::api::objects::{Guard, Objects as _, Propagation};
use crate::cluster::state::record::Record;
use crate::k8s::error::ErrorKind;
use crate::k8s::kind::{CLAIM, REPLICA_SET, VOLUME};
use crate::k8s::labels;
use crate::k8s::object;
use crate::k8s::object::name_of;
use crate::migration::{Action, Change, ClaimNote, How, Named, POLICIES, Role, entry_of_ours, former_policy, retired};
use crate::pipeline::Error;
use crate::pipeline::engine::event::warn;
use crate::pipeline::release::lock::cut_short;
use crate::support::diagnostic::Code;
use serde_json::{Value as Json, json};

impl Driver<'_> {
    /// Does one thing. An object that another client changed since it was read is read again.
    pub(crate) fn act(&self, log: &mut Log, seen: &Observation, action: Action) -> Result<(), Error> {
        let changes = log.journal.changes.clone();
        let named = |index: usize, role: Role| {
            let change = &changes[index];
            if role == Role::Old { change.old.clone() } else { change.new.clone() }
        };
        let done = match action {
            Action::Unlock => self.unlock(seen),
            Action::Protect(index) => self.protect(log, seen, index),
            Action::Restore(index) => self.give_back(&log.journal.claims[index], seen),
            Action::Stop(index, role) => {
                log.journal.progress.stops += 1;
                self.write(log)?;
                let named = named(index, role);
                self.patch(seen, &named.kind, &named.name, |_| json!({"spec": {"replicas": 0}}))
            }
            Action::Start(index, role) => {
                let named = named(index, role);
                self.patch(seen, &named.kind, &named.name, |_| json!({"spec": {"replicas": named.replicas}}))
            }
            Action::Disown(index, role) => {
                let named = named(index, role);
                self.patch(seen, &named.kind, &named.name, without_us)
            }
            Action::Grow(index) => self.grow(&log.journal.claims[index], seen),
            Action::Retire(index) => self.retire(&changes[index], seen),
            Action::KeepClaims(index, role) => {
                let named = named(index, role);
                let policy = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
                let patch = json!({"spec": {"persistentVolumeClaimRetentionPolicy": policy}});
                self.patch(seen, &named.kind, &named.name, |_| patch.clone())
            }
            Action::Delete(index, role) => {
                let named = named(index, role);
                let how = match changes[index].how {
                    How::Stop => Propagation::Background,
                    How::Adopt => Propagation::Orphan,
                    How::Replace => Propagation::Foreground,
                };
                match seen.live.find(&named) {
                    Some(object) => self
                        .on
                        .cluster
                        .delete(&kind(&named.kind), self.space(), &named.name, &Guard::of(object), how)
                        .map(|_| ())
                        .map_err(Error::from),
                    None => Ok(()),
                }
            }
            Action::Wait(_)
            | Action::Helm(_)
            | Action::MarkSplit
            | Action::TurnBack
            | Action::Finish(_)
            | Action::Halt(_) => Ok(()),
        };
        match done {
            Err(Error::Cluster(error)) if error.is_conflict() || error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn patch(
        &self,
        seen: &Observation,
        kind_name: &str,
        name: &str,
        patch: impl Fn(&Json) -> Json,
    ) -> Result<(), Error> {
        let named = Named { kind: kind_name.to_owned(), name: name.to_owned(), replicas: 0 };
        let Some(object) = seen.live.find(&named) else { return Ok(()) };
        self.on.cluster.patch(&kind(kind_name), self.space(), name, &Guard::of(object), &patch(object))?;
        Ok(())
    }

    fn unlock(&self, seen: &Observation) -> Result<(), Error> {
        let record = Record::read(self.on.cluster, self.space(), &self.on.release.name, seen.number)?;
        if let Some(record) = record.filter(Record::is_under_way) {
            record.fail(self.on.cluster, self.space(), &cut_short(&record))?;
            warn(
                self.on.report,
                Code::ReleaseBusy,
                format!(
                    "revision {} was left unfinished by a helm process that has ended: marked as failed",
                    seen.number
                ),
            );
        }
        Ok(())
    }

    fn protect(&self, log: &mut Log, seen: &Observation, index: usize) -> Result<(), Error> {
        let note = log.journal.claims[index].clone();
        let Some(claim) = seen.live.claim(&note.name) else { return Ok(()) };
        if object::annotation(claim, labels::RESOURCE_POLICY) != Some(labels::KEEP) {
            let patch = json!({"metadata": {"annotations": {labels::RESOURCE_POLICY: labels::KEEP}}});
            self.on.cluster.patch(&CLAIM, self.space(), &note.name, &Guard::of(claim), &patch)?;
            return Ok(());
        }
        match self.retain(&note, seen) {
            Err(Error::Cluster(error)) if error.kind() == ErrorKind::Forbidden => {
                warn(
                    self.on.report,
                    Code::MissingPermission,
                    format!("the PersistentVolume of PVC {} cannot be protected too: {error}", note.name),
                );
                log.journal.claims[index].retained = None;
                self.write(log)
            }
            other => other,
        }
    }

    fn grow(&self, note: &ClaimNote, seen: &Observation) -> Result<(), Error> {
        let (Some(claim), Some(size)) = (seen.live.claim(&note.name), &note.grows) else { return Ok(()) };
        let patch = json!({"spec": {"resources": {"requests": {"storage": size}}}});
        self.on.cluster.patch(&CLAIM, self.space(), &note.name, &Guard::of(claim), &patch)?;
        Ok(())
    }

    /// The pods that went on end now that the new ones are ready.
    fn retire(&self, change: &Change, seen: &Observation) -> Result<(), Error> {
        for set in retired(change, self.name(), &seen.live) {
            let guard = Guard::of(set);
            self.on.cluster.delete(&REPLICA_SET, self.space(), name_of(set), &guard, Propagation::Background)?;
        }
        Ok(())
    }

    /// Keeps the volume of a claim, and writes its policy from before onto the volume itself: only who may change volumes
    /// can say later what it was.
    fn retain(&self, note: &ClaimNote, seen: &Observation) -> Result<(), Error> {
        let Some(volume) = self.volume(note, seen) else { return Ok(()) };
        let policy =
            volume["spec"]["persistentVolumeReclaimPolicy"].as_str().filter(|policy| POLICIES.contains(policy));
        self.reclaim(volume, "Retain", policy)
    }

    /// Gives the volume the policy that it says it had.
    fn give_back(&self, note: &ClaimNote, seen: &Observation) -> Result<(), Error> {
        let Some(volume) = self.volume(note, seen) else { return Ok(()) };
        former_policy(volume).map_or(Ok(()), |policy| self.reclaim(volume, policy, None))
    }

    fn volume<'s>(&self, note: &ClaimNote, seen: &'s Observation) -> Option<&'s Json> {
        seen.live.volume(seen.live.claim(&note.name)?, self.name())
    }

    fn reclaim(&self, volume: &Json, policy: &str, former: Option<&str>) -> Result<(), Error> {
        let patch = json!({
            "metadata": {"annotations": {labels::RECLAIM_POLICY: former}},
            "spec": {"persistentVolumeReclaimPolicy": policy},
        });
        self.on.cluster.patch(&VOLUME, "", name_of(volume), &Guard::of(volume), &patch)?;
        Ok(())
    }
}

/// The managed fields without our entry, so that helm owns the number of pods alone.
fn without_us(object: &Json) -> Json {
    let mut entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    if let Some(ours) = entry_of_ours(object) {
        entries.remove(ours);
    }
    json!({"metadata": {"managedFields": entries}})
}
