//! The journal of a workload migration, written before each action so that any machine can continue: the ConfigMap
//! `aspire-transition-<release>`.
//!
//! Helm does not own it, so no helm command changes it. Every write is guarded: if two runs write, one fails. Other
//! modules decide what the text means; it holds no secrets.

use serde_json::json;

use crate::cluster::api::objects::Objects;
use crate::cluster::state::owned_config_map::OwnMap;
use crate::k8s::error::Result;
use crate::k8s::ownership::Owner;

const KEY: &str = "journal";

/// The note of a release, as it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TransitionRecord {
    map: OwnMap,
}

impl TransitionRecord {
    /// The name of the object.
    pub fn name(release: &str) -> String {
        format!("aspire-transition-{release}")
    }

    /// Reads it; empty if it does not exist. Refuses one that is not ours.
    pub fn read(store: &impl Objects, owner: Owner<'_>, namespace: &str) -> Result<Self> {
        Ok(Self { map: OwnMap::read(store, owner, namespace, &Self::name(owner.release))? })
    }

    /// Whether there is one.
    pub fn exists(&self) -> bool {
        self.map.exists()
    }

    /// What it says; `None` if it does not exist.
    pub fn text(&self) -> Option<&str> {
        self.map.text(KEY)
    }

    /// Writes it; a conflict if another client wrote it since it was read.
    pub fn write(&mut self, store: &impl Objects, owner: Owner<'_>, namespace: &str, text: &str) -> Result<()> {
        self.map = self.map.write(store, owner, namespace, &Self::name(owner.release), json!({KEY: text}))?;
        Ok(())
    }

    /// Deletes what was read.
    pub fn delete(self, store: &impl Objects, namespace: &str) -> Result<()> {
        self.map.delete(store, namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::api::fake::Fake;
    use crate::k8s::kind::CONFIG_MAP;

    const OWNER: Owner<'_> = Owner { release: "shop", application: "app" };

    #[test]
    fn of_two_writers_one_loses() {
        let store = Fake::default();
        let mut one = TransitionRecord::read(&store, OWNER, "n").unwrap();
        let mut two = one.clone();
        one.write(&store, OWNER, "n", "first").unwrap();
        assert!(two.write(&store, OWNER, "n", "second").unwrap_err().is_conflict());
        two = TransitionRecord::read(&store, OWNER, "n").unwrap();
        assert_eq!(two.text(), Some("first"));
        one.write(&store, OWNER, "n", "more").unwrap();
        assert!(two.write(&store, OWNER, "n", "second").unwrap_err().is_conflict());
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let store = Fake::default();
        store.put(&CONFIG_MAP, "n", json!({"metadata": {"name": "aspire-transition-shop"}, "data": {"journal": "{}"}}));
        assert!(TransitionRecord::read(&store, OWNER, "n").is_err());
    }
}
