//! The endpoints of a workload, and the changes to the variables that set where it listens.

use super::Port;
use indexmap::{IndexMap, IndexSet};
use std::fmt::Write as _;

/// What the variables of a server become.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Serving {
    /// Variables with another text, or with none when they are left out; one that the manifest lacks is added.
    pub changes: IndexMap<String, Option<String>>,
    /// Those of them that ask for http because there is no certificate.
    pub in_clear: Vec<String>,
    /// What a user should know.
    pub notes: Vec<String>,
}

/// The endpoints of a workload, and the bindings that stand for another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Endpoints {
    /// Endpoints of its own, by binding name.
    pub ports: IndexMap<String, Port>,
    /// An https binding that nothing listens on, and the http endpoint that answers in its place. One that listens in clear
    /// under its own name stands for itself.
    pub twins: IndexMap<String, String>,
    /// What becomes of the variables by which it listens.
    pub serving: Serving,
}

impl Endpoints {
    /// The endpoint that a reference to `binding` means, its name, and whether it is the http twin of an https binding.
    ///
    /// The AppHost may have asked for an endpoint in other letters before it existed, so case is the second choice.
    pub(super) fn find(&self, binding: &str) -> Option<(&str, &Port, bool)> {
        self.find_exact(binding).or_else(|| {
            let names = self.ports.keys().chain(self.twins.keys());
            let name = names.into_iter().find(|name| name.eq_ignore_ascii_case(binding))?;
            self.find_exact(name)
        })
    }

    /// One sentence for all https endpoints of a resource that has no certificate; none if they are not used.
    pub(super) fn without_tls(&self, name: &str, asked: Option<&IndexSet<String>>) -> Option<String> {
        let serving = &self.serving;
        if asked.is_none() && serving.left_out().next().is_none() && serving.in_clear.is_empty() {
            return None;
        }
        let mut text = "it has no certificate in the cluster".to_owned();
        if let Some((_, answers)) = self.twins.first() {
            let twins: Vec<&str> = self.twins.keys().map(String::as_str).collect();
            let _ = write!(
                text,
                ", so it serves http instead of https (`{}`), at its endpoint `{answers}`",
                twins.join("`, `")
            );
        }
        let left_out = serving.left_out().chain(asked.into_iter().flatten()).map(String::as_str).collect::<Vec<_>>();
        if !left_out.is_empty() {
            let _ = write!(text, "; left out: {}", left_out.join(", "));
        }
        if !serving.in_clear.is_empty() {
            let _ = write!(text, "; without TLS: {}", serving.in_clear.join(", "));
        }
        Some(text + &format!("; `certificate` under resources.{name} of aspire-k8s.yaml keeps https"))
    }

    fn find_exact(&self, binding: &str) -> Option<(&str, &Port, bool)> {
        if let Some(twin) = self.twins.get(binding) {
            return self.ports.get(twin).map(|port| (twin.as_str(), port, true));
        }
        self.ports.get_key_value(binding).map(|(name, port)| (name.as_str(), port, false))
    }
}

impl Serving {
    /// Variables that are left out.
    pub(super) fn left_out(&self) -> impl Iterator<Item = &String> {
        self.changes.iter().filter(|(_, text)| text.is_none()).map(|(name, _)| name)
    }
}
