//! What we remember of a release between runs and what is no secret: the ConfigMap `<release>-aspire`.
//!
//! It names the application that the release belongs to, and holds plain values that were asked for or found once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::{Error, ErrorKind, Result};
use super::kind::CONFIG_MAP;
use super::objects::{Guard, Objects, Owner, Propagation, check_ours, name_of};

const VALUES: &str = "values";
const FOREIGN: &str = "foreign";
const APPLICATION: &str = "application";

/// The remembered state of a release, as it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Plain values by name.
    pub values: BTreeMap<String, String>,
    /// Secrets that are not ours and that the release uses: name and key by input.
    pub foreign: BTreeMap<String, (String, String)>,
    live: Option<Value>,
}

impl State {
    /// The name of the object.
    pub fn name(release: &str) -> String {
        format!("{release}-aspire")
    }

    /// Reads the state; the empty one when there is none. Refuses one that is not ours.
    pub fn read(store: &impl Objects, owner: Owner<'_>, namespace: &str) -> Result<Self> {
        let Some(live) = store.get(&CONFIG_MAP, namespace, &Self::name(owner.release))? else {
            return Ok(Self::default());
        };
        check_ours(&live, &CONFIG_MAP, namespace, owner)?;
        let text = live["data"][VALUES].as_str().unwrap_or("{}");
        let values = serde_json::from_str(text).map_err(|_| {
            let sentence = format!("the ConfigMap {} in namespace {namespace} was edited by hand", name_of(&live));
            Error::new(ErrorKind::Invalid, format!("{sentence}: its `{VALUES}` is no JSON map of texts"))
                .hint("mend it, or delete it to be asked for the values again")
        })?;
        // Somebody's edit of these only costs that values are not taken along.
        let foreign =
            live["data"][FOREIGN].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        Ok(Self { values, foreign, live: Some(live) })
    }

    /// Whether there is one in the cluster.
    pub fn exists(&self) -> bool {
        self.live.is_some()
    }

    /// Writes the state, if it differs from what was read; a conflict when somebody wrote it since.
    pub fn write(&self, store: &impl Objects, owner: Owner<'_>, namespace: &str) -> Result<Self> {
        let mut object = self.live.clone().unwrap_or_else(|| json!({"metadata": {}}));
        object["apiVersion"] = json!(CONFIG_MAP.api_version);
        object["kind"] = json!(CONFIG_MAP.kind);
        object["metadata"]["name"] = json!(Self::name(owner.release));
        owner.write_into(&mut object);
        object["data"] = json!({APPLICATION: owner.application, VALUES: json!(self.values).to_string()});
        if !self.foreign.is_empty() {
            object["data"][FOREIGN] = json!(json!(self.foreign).to_string());
        }
        let written = match &self.live {
            Some(live) if live["data"] == object["data"] => return Ok(self.clone()),
            Some(live) => store.replace(&CONFIG_MAP, namespace, &object, &Guard::of(live))?,
            None => store.create(&CONFIG_MAP, namespace, &object)?,
        };
        Ok(Self { live: Some(written), ..self.clone() })
    }

    /// Deletes the state that was read.
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
        assert!(error.to_string().contains("edited by hand"), "{error}");
    }
}
