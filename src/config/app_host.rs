//! Keys that `aspire-k8s.yaml` lacks and the model of the AppHost fills: which they are, and what could not be taken over.
//!
//! Must not know the model: who fills a key records it here.

use super::{EachProbe, EnvironmentResource, Probes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What comes from the AppHost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FromAppHost {
    pub settings: Vec<AppHostSetting>,
    /// A resource, and what the AppHost says of it that is not taken over.
    pub losses: Vec<(String, String)>,
    /// Resources of databases, and the SQL that creates each.
    pub creation_scripts: Vec<(String, String)>,
}

/// A key of a resource that the AppHost sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppHostSetting {
    pub resource: String,
    /// The key of `resources.<resource>`, such as `probes.readiness`.
    pub key: String,
    /// Its value, for people.
    pub value: String,
}

impl FromAppHost {
    /// Whether the AppHost sets this key.
    pub(crate) fn sets(&self, resource: &str, key: &str) -> bool {
        self.settings.iter().any(|setting| setting.resource == resource && setting.key == key)
    }

    /// The setting of the AppHost at a place in the configuration: that key, or what is in it.
    pub(crate) fn at(&self, path: &str) -> Option<&AppHostSetting> {
        self.settings.iter().find(|setting| {
            let key = format!("resources.{}.{}", setting.resource, setting.key);
            path.strip_prefix(&key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Forgets the keys that an environment sets in place of the AppHost.
    pub(super) fn take(&mut self, resource: &str, theirs: &EnvironmentResource) {
        let is_set = |key: &str| match (key, &theirs.probes) {
            ("replicas", _) => theirs.replicas.is_some(),
            (_, Some(Probes::Word(_))) => key.starts_with("probes."),
            (_, Some(Probes::Each(EachProbe { startup, liveness, readiness }))) => match key {
                "probes.startup" => startup.is_some(),
                "probes.liveness" => liveness.is_some(),
                "probes.readiness" => readiness.is_some(),
                _ => false,
            },
            _ => false,
        };
        self.settings.retain(|setting| setting.resource != resource || !is_set(&setting.key));
    }
}
