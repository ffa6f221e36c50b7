//! Files that a manifest refers to, as found by a caller with a file system.

use std::collections::BTreeMap;

/// What was found at each path that a manifest points to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    found: BTreeMap<String, Found>,
    said: BTreeMap<String, Vec<String>>,
}

impl Sources {
    /// Adds what was found at a path, and sentences about it that are no errors: what was left out of it.
    pub fn insert(&mut self, path: &str, found: Found, said: Vec<String>) {
        self.found.insert(path.to_owned(), found);
        self.said.insert(path.to_owned(), said);
    }

    /// The sentences about what was found at a path.
    pub fn said(&self, path: &str) -> impl Iterator<Item = &String> {
        self.said.get(path).into_iter().flatten()
    }

    /// What was found at a path.
    pub fn get(&self, path: &str) -> Option<&Found> {
        self.found.get(path)
    }
}

/// What was found at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    File(Vec<u8>),
    /// A folder: relative path (slashes) to bytes.
    Folder(BTreeMap<String, Vec<u8>>),
    /// Nothing.
    Missing,
    /// Something outside of the folder that files may be taken from.
    Outside,
    /// A socket, there or by its name.
    Socket,
    /// Something that must not or cannot be taken; the sentence says what.
    Refused(String),
}
