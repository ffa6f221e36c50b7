//! The inputs of a prediction.

use crate::diff::Object;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What is looked at.
pub(crate) struct Comparison<'a> {
    /// The objects as they were applied.
    pub last: &'a BTreeMap<Object, Json>,
    /// As they would be applied.
    pub wanted: &'a BTreeMap<Object, Json>,
    /// Whether the API server merges them; none: helm would stop before it applied anything.
    pub by_server: Option<bool>,
    /// Kinds and names of what is deleted and recreated.
    pub replaced: &'a BTreeSet<(String, String)>,
    /// Whether fields that another client set are taken over.
    pub force: bool,
}
