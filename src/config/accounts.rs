//! `serviceAccount`, `identity` and `imagePullSecrets` of a resource, as written: as whom its pods act, in the cluster and at a
//! cloud.
//!
//! Must not know what a cloud answers: which annotation a cloud reads is the one fact about it here.

use super::Config;
use super::findings::Findings;
use super::path::{Path, shown};
use super::rules::{self, Rule};
use crate::support::diagnostic::Code;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `serviceAccount:` of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ServiceAccount {
    /// One that exists already.
    Existing(String),
    /// One of the chart, or an existing one.
    Settings(AccountSettings),
}

/// A service account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AccountSettings {
    /// Whether the chart makes it; true when absent.
    pub create: Option<bool>,
    /// Its name; `<resource>-sa` when absent.
    pub name: Option<String>,
    /// Its annotations. References to parameters are replaced.
    pub annotations: IndexMap<String, String>,
    /// Existing Roles that it gets: `NAME`, or `ClusterRole/NAME`, in the namespace of the release. Its pods then have a token.
    pub roles: Vec<String>,
}

/// `defaults.serviceAccount:`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DefaultAccount {
    /// Whether the chart makes one for each resource, `<resource>-sa`; false when absent.
    pub create: bool,
}

/// `identity:` of a resource: who it is at a cloud. References to parameters are replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Identity {
    /// Workload identity of AKS.
    Azure(AzureIdentity),
    /// IAM role of EKS.
    Aws(AwsIdentity),
    /// Workload identity of GKE.
    Gcp(GcpIdentity),
}

/// A managed identity or an app registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AzureIdentity {
    /// Its client id.
    pub client_id: String,
    /// Its tenant; that of the cluster when absent.
    #[serde(default)]
    pub tenant_id: Option<String>,
}

/// An IAM role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwsIdentity {
    /// Its ARN.
    pub role_arn: String,
}

/// A service account of Google Cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GcpIdentity {
    /// Its email.
    pub service_account: String,
}

const CLIENT_ID: Rule = Rule {
    what: "the id of a client or tenant",
    says: "a UUID such as 00000000-0000-0000-0000-000000000000, or a parameter such as {api-client-id.value}",
    legal: |text| is_filled_in(text) || is_uuid(text),
};
const ROLE_ARN: Rule = Rule {
    what: "the ARN of a role",
    says: "such as arn:aws:iam::111122223333:role/api, or a parameter such as {api-role.value}",
    legal: |text| is_filled_in(text) || text.starts_with("arn:") && text.contains(":role/") && !has_space(text),
};
const EMAIL: Rule = Rule {
    what: "the email of a service account",
    says: "such as api@project.iam.gserviceaccount.com, or a parameter such as {api-account.value}",
    legal: |text| {
        is_filled_in(text) || text.split_once('@').is_some_and(|(_, host)| rules::is_host(host)) && !has_space(text)
    },
};
const ROLE: Rule = Rule {
    what: "a role",
    says: "the name of a Role of the namespace, or ClusterRole/NAME",
    legal: |text| (rules::OBJECT_NAME.legal)(split_role(text).1),
};

/// Whether parameters make up a text.
fn is_filled_in(text: &str) -> bool {
    text.contains('{')
}

fn has_space(text: &str) -> bool {
    text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Kind and name of a role as written.
pub(crate) fn split_role(text: &str) -> (&'static str, &str) {
    match text.strip_prefix("ClusterRole/") {
        Some(name) => ("ClusterRole", name),
        None => ("Role", text.strip_prefix("Role/").unwrap_or(text)),
    }
}

impl Identity {
    /// Annotations of the service account: what is called how, and its value. The keys are those of the three clouds.
    pub(crate) fn annotations(&self) -> Vec<(&'static str, &'static str, &str)> {
        match self {
            Self::Azure(AzureIdentity { client_id, tenant_id }) => {
                let client = ("azure.clientId", "azure.workload.identity/client-id", client_id.as_str());
                let tenant = tenant_id.as_deref();
                let tenant = tenant.map(|id| ("azure.tenantId", "azure.workload.identity/tenant-id", id));
                std::iter::once(client).chain(tenant).collect()
            }
            Self::Aws(aws) => vec![("aws.roleArn", "eks.amazonaws.com/role-arn", &aws.role_arn)],
            Self::Gcp(gcp) => vec![("gcp.serviceAccount", "iam.gke.io/gcp-service-account", &gcp.service_account)],
        }
    }

    /// The label without which AKS gives a pod no token.
    pub(crate) fn label(&self) -> Option<(&'static str, &'static str)> {
        matches!(self, Self::Azure(_)).then_some(("azure.workload.identity/use", "true"))
    }

    fn rule(&self) -> &'static Rule {
        match self {
            Self::Azure(_) => &CLIENT_ID,
            Self::Aws(_) => &ROLE_ARN,
            Self::Gcp(_) => &EMAIL,
        }
    }
}

/// The service account of the pods of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Account {
    /// The default one of the namespace, without a token.
    Default,
    /// One that exists already.
    Existing(String),
    /// One of the chart.
    Made(AccountSettings),
}

impl Config {
    /// The service account that a workload asks for.
    pub(crate) fn account_of(&self, workload: &str) -> Account {
        let intent = self.intent(workload);
        let wanted = self.defaults.service_account.as_ref().is_some_and(|account| account.create);
        match &intent.service_account {
            Some(ServiceAccount::Existing(name)) => Account::Existing(name.clone()),
            Some(ServiceAccount::Settings(AccountSettings { create: Some(false), name, .. })) => {
                name.clone().map_or(Account::Default, Account::Existing)
            }
            Some(ServiceAccount::Settings(settings)) => Account::Made(settings.clone()),
            None if wanted || intent.identity.is_some() => Account::Made(AccountSettings::default()),
            None => Account::Default,
        }
    }
}

/// Reports what is not legal in `serviceAccount` and `identity` of a resource, which stands at `at`.
pub(super) fn check(
    account: Option<&ServiceAccount>,
    identity: Option<&Identity>,
    findings: &mut Findings,
    at: &Path<'_>,
) {
    check_account(account, findings, &at.key("serviceAccount"));
    let Some(identity) = identity else { return };
    let (here, rule) = (at.key("identity"), identity.rule());
    for (key, _, value) in identity.annotations().into_iter().filter(|(.., value)| !(rule.legal)(value)) {
        let (cloud, key) = key.split_once('.').unwrap_or_default();
        let what = format!("{} is not valid as {}", shown(value), rule.what);
        findings.add(Code::InvalidValue, &here.key(cloud).key(key), what, rule.says);
    }
    let is_made = match account {
        Some(ServiceAccount::Settings(settings)) => settings.create != Some(false),
        Some(ServiceAccount::Existing(_)) => false,
        None => true,
    };
    if !is_made {
        let hint = "let the chart create the account (remove `serviceAccount`, or its `create: false`), or annotate the existing \
                    one yourself and remove `identity`; AKS also needs the label `azure.workload.identity/use: \"true\"` in `labels`";
        let what = "`identity` is written to a service account of the chart, but this one exists already";
        findings.add(Code::ConflictingKeys, &here, what, hint);
    }
}

fn check_account(account: Option<&ServiceAccount>, findings: &mut Findings, at: &Path<'_>) {
    let mut text = |text: &str, rule: &Rule, at: &Path<'_>| {
        if !(rule.legal)(text) {
            findings.add(Code::InvalidValue, at, format!("{} is not valid as {}", shown(text), rule.what), rule.says);
        }
    };
    let settings = match account {
        Some(ServiceAccount::Settings(settings)) => settings,
        Some(ServiceAccount::Existing(name)) => return text(name, &rules::OBJECT_NAME, at),
        None => return,
    };
    let AccountSettings { create, name, annotations, roles } = settings;
    if let Some(name) = name {
        text(name, &rules::OBJECT_NAME, &at.key("name"));
    }
    for key in annotations.keys() {
        text(key, &rules::ANNOTATION_KEY, &at.key("annotations").key(key));
    }
    let list = at.key("roles");
    for (index, role) in roles.iter().enumerate() {
        text(role, &ROLE, &list.item(index));
    }
    for (index, role) in roles.iter().enumerate().filter(|(index, role)| is_repeated(&roles[..*index], role)) {
        findings.add(Code::DuplicateEntry, &list.item(index), format!("{} is listed twice", shown(role)), "remove one");
    }
    findings.reserved_annotations(annotations.keys(), &at.key("annotations"));
    if *create != Some(false) {
        return;
    }
    if name.is_none() {
        let hint = "set `name` to the account that exists, or remove `serviceAccount`";
        findings.add(Code::MissingKey, at, "`name` is missing: the chart does not create the account", hint);
    }
    let unused = [("annotations", annotations.is_empty()), ("roles", roles.is_empty())];
    for (key, _) in unused.into_iter().filter(|(_, is_empty)| !is_empty) {
        let what = format!("`{key}` has no effect: the chart does not create the account");
        findings.add(Code::NoEffect, &at.key(key), what, "remove it, or `create: false`");
    }
}

fn is_repeated(before: &[String], role: &str) -> bool {
    before.iter().any(|other| split_role(other) == split_role(role))
}
