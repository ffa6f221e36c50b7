//! The service accounts that the chart makes: their names, annotations and roles, and the label by which a cloud knows a pod.
//!
//! Must not know a cluster: whether a role exists is found when it is applied.

use super::name::Name;
use crate::config::{Account, Config, split_role};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

/// A service account of the chart, as the templates see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountView {
    pub name: String,
    /// Each has a RoleBinding.
    pub roles: Vec<RoleView>,
}

/// A role that a service account gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleView {
    /// Name of the RoleBinding.
    pub binding: String,
    /// `Role` or `ClusterRole`.
    pub kind: &'static str,
    /// Name of the role.
    pub role: String,
}

/// The account that the chart makes for a workload.
pub(crate) fn view(config: &Config, resource: &str, workload: &Name) -> Option<AccountView> {
    let Account::Made(settings) = config.account_of(resource) else { return None };
    let name = settings.name.unwrap_or_else(|| workload.with("-sa"));
    let view = |role: &String| {
        let (kind, role) = split_role(role);
        let end = if kind == "Role" { role.to_owned() } else { format!("cluster-{role}") };
        RoleView { binding: Name::of_label(&format!("{name}-{end}")).to_string(), kind, role: role.to_owned() }
    };
    Some(AccountView { roles: settings.roles.iter().map(view).collect(), name })
}

/// The name of the account that pods take with a token, in the values; empty if they have no token.
pub(crate) fn with_token(config: &Config, resource: &str, workload: &Name) -> String {
    match (config.account_of(resource), view(config, resource, workload)) {
        (Account::Existing(name), _) => name,
        (Account::Made(_), Some(view)) if !view.roles.is_empty() => view.name,
        _ => String::new(),
    }
}

/// `serviceAccount` in the values of a workload for which the chart makes one.
pub(crate) fn values(config: &Config, resource: &str) -> Option<Json> {
    let Account::Made(settings) = config.account_of(resource) else { return None };
    let mut annotations = Map::new();
    if let Some(identity) = &config.intent(resource).identity {
        annotations.extend(identity.annotations().into_iter().map(|(_, key, value)| (key.to_owned(), json!(value))));
    }
    annotations.extend(settings.annotations.into_iter().map(|(key, value)| (key, Json::String(value))));
    Some(json!({"annotations": annotations}))
}
