//! What a run writes down before it acts, so that any machine can go on: the ConfigMap `aspire-transition-<release>`.
//!
//! Helm does not own it, so that no action of helm touches it. Every write is guarded: of two runs one loses. What the
//! text means is decided elsewhere; it holds no secrets.

use serde_json::{Value, json};

use super::error::Result;
use super::kind::CONFIG_MAP;
use super::objects::{Guard, Objects, Owner, Propagation, check_ours, name_of};

const KEY: &str = "journal";

/// The note of a release, as it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Note {
    live: Option<Value>,
}

impl Note {
    /// The name of the object.
    pub fn name(release: &str) -> String {
        format!("aspire-transition-{release}")
    }

    /// Reads it; an empty one when there is none. Refuses one that is not ours.
    pub fn read(store: &impl Objects, owner: Owner<'_>, namespace: &str) -> Result<Self> {
        let live = store.get(&CONFIG_MAP, namespace, &Self::name(owner.release))?;
        if let Some(live) = &live {
            check_ours(live, &CONFIG_MAP, namespace, owner)?;
        }
        Ok(Self { live })
    }

    /// What it says; none when there is none.
    pub fn text(&self) -> Option<&str> {
        self.live.as_ref()?["data"][KEY].as_str()
    }

    /// Writes it; a conflict when somebody wrote it since it was read.
    pub fn write(&mut self, store: &impl Objects, owner: Owner<'_>, namespace: &str, text: &str) -> Result<()> {
        let mut object = self.live.clone().unwrap_or_else(|| json!({"metadata": {}}));
        object["apiVersion"] = json!(CONFIG_MAP.api_version);
        object["kind"] = json!(CONFIG_MAP.kind);
        object["metadata"]["name"] = json!(Self::name(owner.release));
        owner.write_into(&mut object);
        object["data"] = json!({KEY: text});
        self.live = Some(match &self.live {
            Some(live) => store.replace(&CONFIG_MAP, namespace, &object, &Guard::of(live))?,
            None => store.create(&CONFIG_MAP, namespace, &object)?,
        });
        Ok(())
    }

    /// Deletes what was read.
    pub fn delete(self, store: &impl Objects, namespace: &str) -> Result<()> {
        if let Some(live) = &self.live {
            let guard = Guard::of(live).any_state();
            store.delete(&CONFIG_MAP, namespace, name_of(live), &guard, Propagation::Background)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::fake::Fake;

    const OWNER: Owner<'_> = Owner { release: "shop", application: "app" };

    #[test]
    fn of_two_writers_one_loses() {
        let store = Fake::default();
        let mut one = Note::read(&store, OWNER, "n").unwrap();
        let mut two = one.clone();
        one.write(&store, OWNER, "n", "first").unwrap();
        assert!(two.write(&store, OWNER, "n", "second").unwrap_err().is_conflict());
        two = Note::read(&store, OWNER, "n").unwrap();
        assert_eq!(two.text(), Some("first"));
        one.write(&store, OWNER, "n", "more").unwrap();
        assert!(two.write(&store, OWNER, "n", "second").unwrap_err().is_conflict());
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let store = Fake::default();
        store.put(&CONFIG_MAP, "n", json!({"metadata": {"name": "aspire-transition-shop"}, "data": {"journal": "{}"}}));
        assert!(Note::read(&store, OWNER, "n").is_err());
    }
}
