//! What one workload gets, whoever says so: the oracle from the manifest, or the observer from Kubernetes objects.
//!
//! Values are bytes, because a container sees bytes. This module must not decide anything; it only holds and compares.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Write as _};

/// Text as a container sees it.
pub(crate) type Bytes = Vec<u8>;

/// Everything the comparison looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Workload {
    /// `Deployment` or `StatefulSet`.
    pub kind: String,
    /// Reference of the image.
    pub image: String,
    /// Name of a variable to its value.
    pub env: BTreeMap<String, Bytes>,
    /// Replaces the entry point of the image; empty for none.
    pub command: Vec<Bytes>,
    /// Arguments.
    pub args: Vec<Bytes>,
    /// Port and protocol of the container.
    pub container_ports: BTreeSet<(u64, String)>,
    /// Port of the Service, port of the container behind it, protocol.
    pub service_ports: BTreeSet<(u64, u64, String)>,
    /// Claim, where it is mounted, whether read-only.
    pub claims: BTreeSet<(String, String, bool)>,
    /// Where scratch space is mounted.
    pub scratch: BTreeSet<String>,
    /// Mounted files by their full path.
    pub files: BTreeMap<String, Bytes>,
}

/// Workloads by name.
pub(crate) type Workloads = BTreeMap<String, Workload>;

/// The differences, one line each; empty when both say the same.
pub(crate) fn differences(wanted: &Workloads, got: &Workloads) -> Vec<String> {
    let names: BTreeSet<&String> = wanted.keys().chain(got.keys()).collect();
    let mut lines = Vec::new();
    for name in names {
        match (wanted.get(name), got.get(name)) {
            (Some(wanted), Some(got)) => compare(name, wanted, got, &mut lines),
            (Some(_), None) => lines.push(format!("{name}: no such workload")),
            (None, _) => lines.push(format!("{name}: a workload that should not be there")),
        }
    }
    lines
}

fn compare(name: &str, wanted: &Workload, got: &Workload, lines: &mut Vec<String>) {
    let mut field = |field: &str, wanted: String, got: String| {
        if wanted != got {
            lines.push(format!("{name} {field}:\n    wanted {wanted}\n    got    {got}"));
        }
    };
    field("kind", shown(&wanted.kind), shown(&got.kind));
    field("image", shown(&wanted.image), shown(&got.image));
    field("command", list(&wanted.command), list(&got.command));
    field("container ports", shown(&wanted.container_ports), shown(&got.container_ports));
    field("service ports", shown(&wanted.service_ports), shown(&got.service_ports));
    field("claims", shown(&wanted.claims), shown(&got.claims));
    field("scratch", shown(&wanted.scratch), shown(&got.scratch));
    compare_args(name, &wanted.args, &got.args, lines);
    compare_maps(&format!("{name} env"), &wanted.env, &got.env, lines);
    compare_maps(&format!("{name} file"), &wanted.files, &got.files, lines);
}

fn compare_args(name: &str, wanted: &[Bytes], got: &[Bytes], lines: &mut Vec<String>) {
    let numbered = |args: &[Bytes]| args.iter().enumerate().map(|(n, arg)| (format!("{n:03}"), arg.clone())).collect();
    compare_maps(&format!("{name} arg"), &numbered(wanted), &numbered(got), lines);
}

fn compare_maps(what: &str, wanted: &BTreeMap<String, Bytes>, got: &BTreeMap<String, Bytes>, lines: &mut Vec<String>) {
    let keys: BTreeSet<&String> = wanted.keys().chain(got.keys()).collect();
    for key in keys.into_iter().filter(|key| wanted.get(*key) != got.get(*key)) {
        let (wanted, got) = (optional(wanted.get(key)), optional(got.get(key)));
        lines.push(format!("{what} {key:?}:\n    wanted {wanted}\n    got    {got}"));
    }
}

fn shown(value: &impl Debug) -> String {
    format!("{value:?}")
}

fn list(values: &[Bytes]) -> String {
    values.iter().fold(String::new(), |mut all, value| {
        let _ = write!(all, "{} ", bytes(value));
        all
    })
}

fn optional(value: Option<&Bytes>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| bytes(value))
}

fn bytes(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("b\"{}\"", value.escape_ascii()),
    }
}
