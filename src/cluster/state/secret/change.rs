//! Writes the Secret of a release so that the change can be reverted after a failed or killed run.
//!
//! Before anything changes, the old content is copied to `<release>-secrets-before`. [`Change::commit`] deletes that
//! copy, [`Change::restore`] writes it back. An existing copy was left by a killed run: it is the last content known to
//! be good, so it is kept and not overwritten.

use serde_json::Value;

use super::ReleaseSecret;
use crate::cluster::api::objects::{Guard, Objects, Propagation, check_ours};
use crate::k8s::error::{Error, ErrorKind, Result};
use crate::k8s::kind::SECRET;
use crate::k8s::labels;
use crate::k8s::object;
use crate::k8s::ownership::Owner;

const BEFORE: &str = "before";

/// A change of the Secret under way: helm runs between its beginning and its end.
#[derive(Debug)]
pub(crate) struct Change {
    release: String,
    application: String,
    namespace: String,
    /// The Secret as it is now in the cluster.
    now: ReleaseSecret,
    /// The Secret as it will be once nothing takes what goes.
    wanted: ReleaseSecret,
    /// The copy of what was before, if there is one.
    copy: Option<Value>,
}

/// The live Secret of a release; empty if it does not exist. Refuses one that is not ours.
pub(crate) fn read(store: &impl Objects, owner: Owner<'_>, namespace: &str) -> Result<ReleaseSecret> {
    let live = live(store, owner, namespace, &ReleaseSecret::name(owner.release))?;
    Ok(live.map_or_else(ReleaseSecret::default, |object| ReleaseSecret::from_object(&object)))
}

/// What a killed run left to go back to, if it left anything.
pub(crate) fn leftover(store: &impl Objects, owner: Owner<'_>, namespace: &str) -> Result<Option<ReleaseSecret>> {
    let copy = live(store, owner, namespace, &copy_name(owner.release))?;
    Ok(copy.map(|object| ReleaseSecret::from_object(&object)))
}

/// Deletes what a killed run left. For when the release turns out to be good: only the end of that run was missing.
pub(crate) fn discard_leftover(store: &impl Objects, owner: Owner<'_>, namespace: &str) -> Result<()> {
    match live(store, owner, namespace, &copy_name(owner.release))? {
        Some(copy) => delete(store, namespace, &copy),
        None => Ok(()),
    }
}

/// Removes the Secret of a destroyed release. Keys that kept claims were set up with stay, unless the data goes too.
pub(crate) fn retire(store: &impl Objects, owner: Owner<'_>, namespace: &str, delete_data: bool) -> Result<()> {
    discard_leftover(store, owner, namespace)?;
    let name = ReleaseSecret::name(owner.release);
    let Some(object) = live(store, owner, namespace, &name)? else { return Ok(()) };
    let now = ReleaseSecret::from_object(&object);
    match rest(&now, delete_data) {
        None => delete(store, namespace, &object),
        Some(rest) if rest.says_the_same(&now) => Ok(()),
        Some(rest) => {
            let kept = rest.to_object(owner, &name, Some(&object));
            store.replace(&SECRET, namespace, &kept, &Guard::of(&object)).map(drop)
        }
    }
}

/// What [`retire()`] would remove, each in words: Secrets, and keys by their names.
pub(crate) fn retiring(
    store: &impl Objects,
    owner: Owner<'_>,
    namespace: &str,
    delete_data: bool,
) -> Result<Vec<String>> {
    let copy = copy_name(owner.release);
    let mut found: Vec<String> =
        live(store, owner, namespace, &copy)?.map(|_| format!("Secret {copy}")).into_iter().collect();
    let name = ReleaseSecret::name(owner.release);
    let Some(object) = live(store, owner, namespace, &name)? else { return Ok(found) };
    let now = ReleaseSecret::from_object(&object);
    let Some(rest) = rest(&now, delete_data) else {
        found.push(format!("Secret {name}"));
        return Ok(found);
    };
    let going: Vec<&str> = now.data.keys().filter(|key| !rest.data.contains_key(*key)).map(String::as_str).collect();
    if !going.is_empty() {
        found.push(format!("keys of the Secret {name} that no PVC depends on ({})", going.join(", ")));
    }
    Ok(found)
}

/// What stays of the Secret of a destroyed release; nothing when it goes.
fn rest(now: &ReleaseSecret, delete_data: bool) -> Option<ReleaseSecret> {
    Some(now.only_claimed()).filter(|rest| !delete_data && !rest.data.is_empty())
}

impl Change {
    /// Puts the new Secret in place, with what was before beside it. Keys that go stay until [`Self::commit`], because pods
    /// that run still take them. `new` was made from what [`read`] gave; when
    /// another client wrote the Secret since, this is a conflict and nothing is changed.
    pub(crate) fn begin(store: &impl Objects, owner: Owner<'_>, namespace: &str, new: &ReleaseSecret) -> Result<Self> {
        let name = ReleaseSecret::name(owner.release);
        let live = live(store, owner, namespace, &name)?;
        let current = live.as_ref().map_or_else(ReleaseSecret::default, ReleaseSecret::from_object);
        if (&current.uid, &current.resource_version) != (&new.uid, &new.resource_version) {
            let sentence = format!("the Secret {name} in namespace {namespace} was changed since it was read");
            return Err(Error::new(ErrorKind::Conflict, sentence).hint("run again"));
        }
        let mut change = Self {
            release: owner.release.to_owned(),
            application: owner.application.to_owned(),
            namespace: namespace.to_owned(),
            now: current.clone(),
            wanted: new.clone(),
            copy: self::live(store, owner, namespace, &copy_name(owner.release))?,
        };
        let new = new.and_still(&current);
        if new.says_the_same(&current) {
            return Ok(change);
        }
        if let (Some(_), None) = (&live, &change.copy) {
            change.copy = Some(store.create(&SECRET, namespace, &copy_of(&current, owner))?);
        }
        let object = new.to_object(owner, &name, live.as_ref());
        let written = match &live {
            Some(live) => store.replace(&SECRET, namespace, &object, &Guard::of(live))?,
            None if new.data.is_empty() => return Ok(change),
            None => store.create(&SECRET, namespace, &object)?,
        };
        change.now = ReleaseSecret::from_object(&written);
        Ok(change)
    }

    /// The Secret as it is now in the cluster, with the marks that the chart is given.
    pub(crate) fn now(&self) -> &ReleaseSecret {
        &self.now
    }

    /// The release is good and runs: what was before is no longer needed, and a Secret without keys neither.
    pub(crate) fn commit(self, store: &impl Objects) -> Result<()> {
        let owner = Owner { release: &self.release, application: &self.application };
        let name = ReleaseSecret::name(&self.release);
        if let (false, Some(live)) = (self.wanted.says_the_same(&self.now), live(store, owner, &self.namespace, &name)?)
        {
            if self.wanted.data.is_empty() {
                delete(store, &self.namespace, &live)?;
            } else {
                let guard = Guard { uid: self.now.uid.clone(), resource_version: self.now.resource_version.clone() };
                store.replace(&SECRET, &self.namespace, &self.wanted.to_object(owner, &name, Some(&live)), &guard)?;
            }
        }
        self.keep_leaving(store)
    }

    /// The release is good, but pods that take what goes may still run: it goes with the next change that is committed.
    pub(crate) fn keep_leaving(self, store: &impl Objects) -> Result<()> {
        match &self.copy {
            Some(copy) => delete(store, &self.namespace, copy),
            None => Ok(()),
        }
    }

    /// The release failed: the values from before come back, then the copy goes. After a failed first install there is
    /// nothing to go back to, and everything stays: claims may have been set up with these values already.
    pub(crate) fn restore(self, store: &impl Objects) -> Result<()> {
        let Some(copy) = &self.copy else { return Ok(()) };
        let owner = Owner { release: &self.release, application: &self.application };
        let name = ReleaseSecret::name(&self.release);
        let back = self.now.restored(&ReleaseSecret::from_object(copy));
        if !back.says_the_same(&self.now) {
            let live = live(store, owner, &self.namespace, &name)?;
            let object = back.to_object(owner, &name, live.as_ref());
            let guard = Guard { uid: back.uid.clone(), resource_version: back.resource_version.clone() };
            store.replace(&SECRET, &self.namespace, &object, &guard)?;
        }
        delete(store, &self.namespace, copy)
    }
}

fn copy_name(release: &str) -> String {
    format!("{}-{BEFORE}", ReleaseSecret::name(release))
}

fn copy_of(secret: &ReleaseSecret, owner: Owner<'_>) -> Value {
    let mut object = secret.to_object(owner, &copy_name(owner.release), None);
    object::set(&mut object, &["metadata", "labels", labels::ROLE], BEFORE.into());
    object
}

fn live(store: &impl Objects, owner: Owner<'_>, namespace: &str, name: &str) -> Result<Option<Value>> {
    let found = store.get(&SECRET, namespace, name)?;
    if let Some(object) = &found {
        check_ours(object, &SECRET, namespace, owner)?;
    }
    Ok(found)
}

fn delete(store: &impl Objects, namespace: &str, object: &Value) -> Result<()> {
    let guard = Guard::of(object).any_state();
    store.delete(&SECRET, namespace, object::name_of(object), &guard, Propagation::Background)?;
    Ok(())
}
