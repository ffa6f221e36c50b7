//! A ConfigMap that we own and helm does not: read, written and deleted as a whole.
//!
//! One of another owner is refused, and every write is guarded: if two runs write, one fails. Other modules decide what
//! its content means.

use serde_json::{Value, json};

use crate::cluster::api::objects::{Guard, Objects, Propagation, check_ours};
use crate::k8s::error::Result;
use crate::k8s::kind::CONFIG_MAP;
use crate::k8s::object::name_of;
use crate::k8s::ownership::Owner;

/// The ConfigMap, as it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct OwnMap {
    live: Option<Value>,
}

impl OwnMap {
    /// Reads it; empty if it does not exist. Refuses one that is not ours.
    pub(crate) fn read(store: &impl Objects, owner: Owner<'_>, namespace: &str, name: &str) -> Result<Self> {
        let live = store.get(&CONFIG_MAP, namespace, name)?;
        if let Some(live) = &live {
            check_ours(live, &CONFIG_MAP, namespace, owner)?;
        }
        Ok(Self { live })
    }

    /// Whether there is one in the cluster.
    pub(crate) fn exists(&self) -> bool {
        self.live.is_some()
    }

    /// The text under a key.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.live.as_ref()?["data"][key].as_str()
    }

    /// Whether it says just this.
    pub(crate) fn says(&self, data: &Value) -> bool {
        self.live.as_ref().is_some_and(|live| live["data"] == *data)
    }

    /// Writes it, and is what was written; a conflict if another client wrote it since it was read.
    pub(crate) fn write(
        &self,
        store: &impl Objects,
        owner: Owner<'_>,
        namespace: &str,
        name: &str,
        data: Value,
    ) -> Result<Self> {
        let mut object = self.live.clone().unwrap_or_else(|| json!({"metadata": {}}));
        object["apiVersion"] = json!(CONFIG_MAP.api_version);
        object["kind"] = json!(CONFIG_MAP.kind);
        object["metadata"]["name"] = json!(name);
        owner.write_into(&mut object);
        object["data"] = data;
        let written = match &self.live {
            Some(live) => store.replace(&CONFIG_MAP, namespace, &object, &Guard::of(live))?,
            None => store.create(&CONFIG_MAP, namespace, &object)?,
        };
        Ok(Self { live: Some(written) })
    }

    /// Deletes what was read.
    pub(crate) fn delete(&self, store: &impl Objects, namespace: &str) -> Result<()> {
        if let Some(live) = &self.live {
            let guard = Guard::of(live).any_state();
            store.delete(&CONFIG_MAP, namespace, name_of(live), &guard, Propagation::Background)?;
        }
        Ok(())
    }
}
