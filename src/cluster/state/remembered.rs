//! What is stored of a release between runs and is not secret: the ConfigMap `<release>-aspire`.
//!
//! It names the application that the release belongs to, and holds plain values that were prompted for or discovered
//! once.

use std::collections::BTreeMap;

use serde_json::json;

use crate::cluster::api::objects::Objects;
use crate::cluster::state::owned_config_map::OwnMap;
use crate::k8s::error::{Error, ErrorKind, Result};
use crate::k8s::ownership::Owner;

const VALUES: &str = "values";
const FOREIGN: &str = "foreign";
const JOBS: &str = "jobs";

/// Most names of jobs that are stored: more than the revisions that helm keeps contain.
const MOST_JOBS: usize = 200;
const APPLICATION: &str = "application";

/// The remembered state of a release, as it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Plain values by name.
    pub values: BTreeMap<String, String>,
    /// Secrets that are not ours and that the release uses: name and key by input.
    pub foreign: BTreeMap<String, (String, String)>,
    /// Names of jobs that have completed, the latest last. Anyone who can write ConfigMaps can add one.
    pub jobs: Vec<String>,
    map: OwnMap,
}

impl State {
    /// The name of the object.
    pub fn name(release: &str) -> String {
        format!("{release}-aspire")
    }

    /// Reads the state; empty if it does not exist. Refuses one that is not ours.
    pub fn read(store: &impl Objects, owner: Owner<'_>, namespace: &str) -> Result<Self> {
        let name = Self::name(owner.release);
        let map = OwnMap::read(store, owner, namespace, &name)?;
        let text = map.text(VALUES).unwrap_or("{}");
        let values = serde_json::from_str(text).map_err(|_| {
            let sentence = format!("the ConfigMap {name} in namespace {namespace} was edited manually");
            Error::new(ErrorKind::Invalid, format!("{sentence}: its `{VALUES}` is not a JSON map of strings"))
                .hint("fix it, or delete it and supply the values again")
        })?;
        // An edit of these by hand only means that values are not kept.
        let foreign = map.text(FOREIGN).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let jobs = map.text(JOBS).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        Ok(Self { values, foreign, jobs, map })
    }

    /// Adds names of jobs that have completed, and drops the oldest of too many.
    pub(crate) fn remember_jobs<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            if !self.jobs.iter().any(|known| known == name) {
                self.jobs.push(name.to_owned());
            }
        }
        let surplus = self.jobs.len().saturating_sub(MOST_JOBS);
        self.jobs.drain(..surplus);
    }

    /// Whether there is one in the cluster.
    pub fn exists(&self) -> bool {
        self.map.exists()
    }

    /// Writes the state, if it differs from what was read; a conflict if another client wrote it since.
    pub fn write(&self, store: &impl Objects, owner: Owner<'_>, namespace: &str) -> Result<Self> {
        let mut data = json!({APPLICATION: owner.application, VALUES: json!(self.values).to_string()});
        if !self.foreign.is_empty() {
            data[FOREIGN] = json!(json!(self.foreign).to_string());
        }
        if !self.jobs.is_empty() {
            data[JOBS] = json!(json!(self.jobs).to_string());
        }
        if self.map.says(&data) {
            return Ok(self.clone());
        }
        let map = self.map.write(store, owner, namespace, &Self::name(owner.release), data)?;
        Ok(Self { map, ..self.clone() })
    }

    /// Deletes the state that was read.
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

    fn with(mut state: State, key: &str, value: &str) -> State {
        state.values.insert(key.into(), value.into());
        state
    }

    #[test]
    fn values_are_kept_from_run_to_run() {
        let store = Fake::default();
        let first = State::read(&store, OWNER, "n").unwrap();
        assert!(!first.exists());
        let written = with(first, "host", "a.example").write(&store, OWNER, "n").unwrap();
        let read = State::read(&store, OWNER, "n").unwrap();
        assert_eq!(read, written);
        read.write(&store, OWNER, "n").unwrap();
        assert_eq!(*store.log.borrow(), ["create shop-aspire"], "the same again is not written");
        let object = store.peek(&CONFIG_MAP, "n", "shop-aspire").unwrap();
        assert_eq!(object["data"], json!({"application": "app", "values": "{\"host\":\"a.example\"}"}));
        read.delete(&store, "n").unwrap();
        assert!(!State::read(&store, OWNER, "n").unwrap().exists());
    }

    #[test]
    fn two_writers_do_not_lose_each_others_values() {
        let store = Fake::default();
        State::default().write(&store, OWNER, "n").unwrap();
        let (one, two) = (State::read(&store, OWNER, "n").unwrap(), State::read(&store, OWNER, "n").unwrap());
        with(one, "a", "1").write(&store, OWNER, "n").unwrap();
        assert!(with(two, "b", "2").write(&store, OWNER, "n").unwrap_err().is_conflict());
        assert!(State::default().write(&store, OWNER, "n").unwrap_err().is_conflict());
    }

    #[test]
    fn what_is_not_ours_or_damaged_is_said() {
        let store = Fake::default();
        store.put(&CONFIG_MAP, "n", json!({"metadata": {"name": "shop-aspire"}}));
        assert_eq!(State::read(&store, OWNER, "n").unwrap_err().kind(), ErrorKind::Refused);
        let mut object = json!({"metadata": {"name": "shop-aspire"}, "data": {"values": "[1]"}});
        OWNER.write_into(&mut object);
        store.put(&CONFIG_MAP, "n", object);
        let error = State::read(&store, OWNER, "n").unwrap_err();
        assert!(error.to_string().contains("edited manually"), "{error}");
    }
}
