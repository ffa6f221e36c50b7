//! Which inputs need values, as reported by a target. Inputs know no target.

use crate::config::SecretSource;
use std::collections::BTreeSet;

/// A target's plan, as far as values are concerned.
pub trait ValueNeeds {
    /// A secret that is in use, by its name.
    fn secret(&self, name: &str) -> Option<SecretNeed<'_>>;

    /// The names of all secrets that are in use, in their order.
    fn secret_names(&self) -> Vec<&str>;

    /// Where images come from.
    fn images(&self) -> ImageNeeds<'_>;
}

/// A secret that is in use.
#[derive(Debug, Clone, Copy)]
pub struct SecretNeed<'a> {
    /// Where its value comes from.
    pub source: &'a SecretSource,
    /// Whether another client writes it, so that no value is asked for.
    pub is_foreign: bool,
    /// Claims of the workloads that take it.
    pub claims: &'a [String],
}

/// What the target itself says about images, and what it leaves open.
#[derive(Debug, Clone)]
pub struct ImageNeeds<'a> {
    /// Whether it names the registry of built images.
    pub has_registry: bool,
    /// Resources whose image takes registry and tag of built images.
    pub built: &'a [String],
    /// Resources whose image a flag or aspire-k8s.yaml names.
    pub named: &'a BTreeSet<String>,
    /// All resources that run.
    pub resources: Vec<&'a str>,
    /// Resources whose image needs a tag; none if none is missing.
    pub untagged: Option<&'a [String]>,
}
