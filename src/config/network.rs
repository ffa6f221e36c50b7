//! `networkPolicy:`: whether the chart has NetworkPolicies, and what they allow beyond the references of the application.
//!
//! Must not know resources: which pods connect to which is derived from the application.

use super::Config;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `networkPolicy:`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NetworkPolicy {
    /// Ingress rules from the references of the application, with the default settings.
    Word(NetworkPolicyWord),
    /// The same with settings.
    Settings(NetworkPolicySettings),
}

/// `networkPolicy:` in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NetworkPolicyWord {
    /// A pod accepts connections from the resources that refer to it, and from what its routes and Service type need.
    FromReferences,
    /// No NetworkPolicies.
    None,
}

/// Settings of the NetworkPolicies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NetworkPolicySettings {
    /// Whether pods may also only connect to the resources that they refer to, to DNS servers, and to `external`.
    pub egress: bool,
    /// Namespaces of the controllers behind `ingresses` and `gateways`; without it, every address may connect to the ports that
    /// a route leads to.
    pub controller_namespaces: Vec<String>,
    /// Addresses outside of the application that pods may connect to with `egress`.
    pub external: Vec<ExternalAddress>,
}

/// Addresses outside of the application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExternalAddress {
    /// An IP range, such as 10.20.0.0/16.
    pub cidr: String,
    /// TCP ports; all ports when empty.
    pub ports: Vec<u16>,
    /// Resources whose pods may connect; all when empty.
    pub from: Vec<String>,
}

/// The settings in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NetworkPolicies {
    /// Whether the policies are applied.
    pub enabled: bool,
    pub settings: NetworkPolicySettings,
}

impl Config {
    /// Whether the chart has templates of NetworkPolicies: if the file or any environment uses them.
    pub(crate) fn has_network_policies(&self) -> bool {
        let environments = self.environments.values().filter_map(|environment| environment.network_policy.as_ref());
        let is_used = self.network_policy.iter().chain(environments).any(is_enabled);
        is_used || (self.environment.is_some() && self.network_policy.is_some())
    }

    /// Gives the configuration of an environment the templates that the file has for all of them: `none` stands for
    /// policies that are turned off.
    pub(super) fn keep_network_policies_of(&mut self, file: &Self) {
        if !file.has_network_policies() {
            self.network_policy = None;
        } else if self.network_policy.is_none() {
            self.network_policy = Some(NetworkPolicy::Word(NetworkPolicyWord::None));
        }
    }

    /// The settings for the chart or the chosen environment.
    pub(crate) fn network_policies(&self) -> NetworkPolicies {
        let settings = match &self.network_policy {
            Some(NetworkPolicy::Settings(settings)) => settings.clone(),
            Some(NetworkPolicy::Word(_)) | None => NetworkPolicySettings::default(),
        };
        NetworkPolicies { enabled: self.network_policy.as_ref().is_some_and(is_enabled), settings }
    }
}

fn is_enabled(policy: &NetworkPolicy) -> bool {
    !matches!(policy, NetworkPolicy::Word(NetworkPolicyWord::None))
}
