//! Objects in memory, with uids, resource versions and the refusals of a real API server. For tests only.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::objects::{Guard, Objects, Propagation};
use crate::k8s::error::{Error, ErrorKind, Result};
use crate::k8s::kind::Kind;
use crate::k8s::object::name_of;

/// The store. `log` holds one line per write that was tried.
#[derive(Default)]
pub(crate) struct Fake {
    objects: RefCell<BTreeMap<(String, String, String), Value>>,
    clock: Cell<u64>,
    pub log: RefCell<Vec<String>>,
    /// Writes that still succeed; the next one fails, as if the program had been killed there.
    pub writes_left: Cell<Option<u32>>,
    /// Kinds that may not be read.
    pub forbidden: RefCell<Vec<String>>,
}

impl Fake {
    /// Puts an object there, as another user would.
    pub(crate) fn put(&self, kind: &Kind, namespace: &str, mut object: Value) {
        let key = key(kind, namespace, name_of(&object));
        let uid = self.objects.borrow().get(&key).map(|old| old["metadata"]["uid"].clone());
        object["metadata"]["uid"] = uid.unwrap_or_else(|| json!(format!("uid-{}", self.tick())));
        object["metadata"]["resourceVersion"] = json!(self.tick().to_string());
        self.objects.borrow_mut().insert(key, object);
    }

    /// The object as it is.
    pub(crate) fn peek(&self, kind: &Kind, namespace: &str, name: &str) -> Option<Value> {
        self.objects.borrow().get(&key(kind, namespace, name)).cloned()
    }

    fn tick(&self) -> u64 {
        self.clock.set(self.clock.get() + 1);
        self.clock.get()
    }

    fn write(&self, verb: &str, name: &str) -> Result<()> {
        self.log.borrow_mut().push(format!("{verb} {name}"));
        match self.writes_left.get() {
            Some(0) => Err(Error::new(ErrorKind::Unreachable, "killed")),
            left => {
                self.writes_left.set(left.map(|count| count - 1));
                Ok(())
            }
        }
    }

    fn check(&self, key: &(String, String, String), guard: &Guard) -> Result<()> {
        let objects = self.objects.borrow();
        let Some(live) = objects.get(key) else { return Err(Error::new(ErrorKind::NotFound, "not found")) };
        let live = Guard::of(live);
        let other_state = guard.resource_version.is_some() && guard.resource_version != live.resource_version;
        if guard.uid != live.uid || other_state {
            return Err(Error::new(ErrorKind::Conflict, "the object has been modified"));
        }
        Ok(())
    }
}

fn key(kind: &Kind, namespace: &str, name: &str) -> (String, String, String) {
    let namespace = if kind.namespaced { namespace } else { "" };
    (kind.kind.to_string(), namespace.to_owned(), name.to_owned())
}

impl Objects for Fake {
    fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Option<Value>> {
        if self.forbidden.borrow().iter().any(|word| *word == kind.kind) {
            return Err(Error::new(ErrorKind::Forbidden, format!("may not read {kind}")));
        }
        Ok(self.peek(kind, namespace, name))
    }

    fn create(&self, kind: &Kind, namespace: &str, object: &Value) -> Result<Value> {
        let name = name_of(object);
        self.write("create", name)?;
        if self.peek(kind, namespace, name).is_some() {
            return Err(Error::new(ErrorKind::AlreadyExists, format!("{kind} {name} already exists")));
        }
        self.put(kind, namespace, object.clone());
        Ok(self.peek(kind, namespace, name).unwrap())
    }

    fn replace(&self, kind: &Kind, namespace: &str, object: &Value, guard: &Guard) -> Result<Value> {
        let name = name_of(object);
        self.write("replace", name)?;
        self.check(&key(kind, namespace, name), guard)?;
        self.put(kind, namespace, object.clone());
        Ok(self.peek(kind, namespace, name).unwrap())
    }

    fn delete(&self, kind: &Kind, namespace: &str, name: &str, guard: &Guard, _how: Propagation) -> Result<bool> {
        self.write("delete", name)?;
        match self.check(&key(kind, namespace, name), guard) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            other => other?,
        }
        Ok(self.objects.borrow_mut().remove(&key(kind, namespace, name)).is_some())
    }
}
