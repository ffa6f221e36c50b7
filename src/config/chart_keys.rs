//! The top-level keys in the values of a generated chart. This list must not know what they mean: the target does.

/// The keys. Users may add all others.
pub(crate) const CHART_KEYS: [&str; 12] = [
    "images",
    "parameters",
    "secrets",
    "workloads",
    "ingresses",
    "gateways",
    "daprComponents",
    "daprObjects",
    "waits",
    "networkPolicy",
    "skipGuards",
    "global",
];
