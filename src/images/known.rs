//! What is known of an application beside its builds.

use super::platform::Platform;
use crate::app::{App, Input};
use crate::targets::kubernetes::ImageReference;
use indexmap::IndexMap;
use std::collections::HashMap;

/// What the list of images needs to know.
pub(crate) struct Known<'a> {
    pub app: &'a App,
    /// All inputs, those that only builds need too.
    pub inputs: &'a IndexMap<String, Input>,
    /// The value that a person gave for an input.
    pub given: &'a dyn Fn(&str) -> Option<String>,
    /// The names under which workloads are reached, by resource.
    pub hosts: HashMap<String, String>,
    /// The images that the chart runs, by resource.
    pub references: &'a IndexMap<String, ImageReference>,
    /// Images that init containers run.
    pub waits: Vec<String>,
    pub platforms: Vec<&'static Platform>,
    /// A path of the manifest as it is from the current folder.
    pub path: &'a dyn Fn(&str) -> String,
}
