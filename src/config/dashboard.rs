//! `dashboard:` as written: the Aspire dashboard beside the application, its defaults, and the rules that types cannot
//! express.

use super::findings::Findings;
use super::path::{Path, shown};
use super::rules;
use super::{Config, Resource};
use crate::support::diagnostic::Code;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// The label by which the dashboard of a release is found on a cluster, whatever it is called.
pub(crate) const DASHBOARD_LABEL: &str = "aspire-k8s/dashboard";

/// Aspire's own tool takes the newest nightly; what runs beside an application is pinned.
const IMAGE: &str = "mcr.microsoft.com/dotnet/aspire-dashboard:13.4.2";

/// As Aspire's own host calls it, which leaves `dashboard` to resources of the application.
const NAME: &str = "aspire-dashboard";

/// Settings that decide who may look and who may send. They are ours, because the dashboard without them is open to all.
const OURS: [&str; 6] = [
    "ASPNETCORE_URLS",
    "DASHBOARD__FRONTEND__AUTHMODE",
    "DASHBOARD__FRONTEND__BROWSERTOKEN",
    "DASHBOARD__OTLP__AUTHMODE",
    "DASHBOARD__OTLP__PRIMARYAPIKEY",
    "ASPIRE_DASHBOARD_FORWARDEDHEADERS_ENABLED",
];

/// `dashboard:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Dashboard {
    /// Name of its workload and Service; aspire-dashboard when absent.
    pub name: Option<String>,
    /// Whether it runs; true when absent.
    pub enabled: Option<bool>,
    /// Its image.
    pub image: Option<String>,
    /// Port of the Service for the browser; 18888 when absent.
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Ports of the Service for telemetry.
    pub otlp_ports: OtlpPorts,
    /// Whether it trusts the headers of a proxy in front of it; false when absent.
    pub forwarded_headers: Option<bool>,
    /// Further settings, as environment variables.
    pub env: IndexMap<String, String>,
    /// Resource requests and limits, as in a pod.
    pub resources: Option<Map<String, Value>>,
}

/// `dashboard.otlpPorts:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OtlpPorts {
    /// For gRPC; 18889 when absent.
    #[schemars(range(min = 1))]
    pub grpc: Option<u16>,
    /// For HTTP; 18890 when absent.
    #[schemars(range(min = 1))]
    pub http: Option<u16>,
}

/// `dashboard:` of an environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentDashboard {
    /// Whether it runs.
    pub enabled: Option<bool>,
    /// Its image.
    pub image: Option<String>,
    /// Port of the Service for the browser.
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Ports of the Service for telemetry.
    pub otlp_ports: OtlpPorts,
    /// Whether it trusts the headers of a proxy in front of it.
    pub forwarded_headers: Option<bool>,
    /// Further settings, as environment variables.
    pub env: IndexMap<String, String>,
    /// Resource requests and limits, as in a pod.
    pub resources: Option<Map<String, Value>>,
}

impl Dashboard {
    /// Name of its workload.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(NAME)
    }

    /// Whether it runs.
    pub fn is_enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }

    /// Its image.
    pub fn image(&self) -> &str {
        self.image.as_deref().unwrap_or(IMAGE)
    }

    /// Its ports: name, that of the Service, that of the container.
    pub fn ports(&self) -> [(&'static str, u16, u16); 3] {
        [
            ("http", self.port.unwrap_or(18888), 18888),
            ("otlp-grpc", self.otlp_ports.grpc.unwrap_or(18889), 18889),
            ("otlp-http", self.otlp_ports.http.unwrap_or(18890), 18890),
        ]
    }

    /// Its settings as those of a resource. It runs as the user of the .NET images, with nothing but that; its root file
    /// system stays writable unless `defaults.security` says `restricted`, because .NET does not start on a read-only one
    /// without a folder for temporary files.
    fn as_resource(&self) -> Resource {
        let security = json!({
            "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true,
            "runAsUser": 1654, "seccompProfile": {"type": "RuntimeDefault"},
        });
        let requests = json!({"requests": {"cpu": "50m", "memory": "256Mi"}});
        Resource {
            replicas: Some(u32::from(self.is_enabled())),
            resources: self.resources.clone().or_else(|| requests.as_object().cloned()),
            security_context: security.as_object().cloned(),
            labels: IndexMap::from([(DASHBOARD_LABEL.to_owned(), "true".to_owned())]),
            ..Resource::default()
        }
    }
}

impl Config {
    /// What the file says of a workload: of a resource of the manifest, or of the dashboard.
    pub fn intent(&self, workload: &str) -> Cow<'_, Resource> {
        if let Some(dashboard) = self.dashboard.as_ref().filter(|dashboard| dashboard.name() == workload) {
            return Cow::Owned(dashboard.as_resource());
        }
        self.resources.get(workload).map_or_else(|| Cow::Owned(Resource::default()), Cow::Borrowed)
    }
}

impl Dashboard {
    /// The ports that the file says: for the browser, gRPC and HTTP.
    fn written_ports(&self) -> [Option<u16>; 3] {
        [self.port, self.otlp_ports.grpc, self.otlp_ports.http]
    }
}

/// Reports what is not legal in `dashboard:`.
pub(super) fn check(dashboard: &Dashboard, findings: &mut Findings, at: &Path<'_>) {
    check_written(dashboard, dashboard.written_ports(), findings, at);
}

/// The same for an environment: what it leaves as it is has its place elsewhere.
pub(super) fn check_environment(base: &Dashboard, own: &EnvironmentDashboard, findings: &mut Findings, at: &Path<'_>) {
    let mut merged = Dashboard { name: None, image: None, env: IndexMap::new(), ..base.clone() };
    merged.take(own);
    check_written(&merged, [own.port, own.otlp_ports.grpc, own.otlp_ports.http], findings, at);
}

fn check_written(dashboard: &Dashboard, written: [Option<u16>; 3], findings: &mut Findings, at: &Path<'_>) {
    let mut text = |text: Option<&str>, rule: &rules::Rule, at: &Path<'_>| {
        if let Some(text) = text.filter(|text| !(rule.legal)(text)) {
            findings.add(Code::InvalidValue, at, format!("{} is not valid as {}", shown(text), rule.what), rule.says);
        }
    };
    text(dashboard.name.as_deref(), &rules::WORKLOAD_NAME, &at.key("name"));
    for name in dashboard.env.keys() {
        text(Some(name), &rules::ENV_NAME, &at.key("env").key(name));
    }
    let image = dashboard.image().rsplit('/').next().unwrap_or_default();
    if let Some(wrong) = rules::IMAGE.broken_by(dashboard.image()) {
        findings.add(Code::InvalidImage, &at.key("image"), wrong, rules::IMAGE.says);
    } else if !image.contains([':', '@']) || image.ends_with(":latest") {
        findings.add(
            Code::InvalidValue,
            &at.key("image"),
            format!("{} has no version", shown(dashboard.image())),
            "set one, such as `:13.4.2`, so that a restarted pod runs the same program",
        );
    }
    for name in dashboard.env.keys().filter(|name| is_ours(name)) {
        findings.add(
            Code::InvalidVariable,
            &at.key("env").key(name),
            format!("{} cannot be set in a file", shown(name)),
            "login and API key cannot be disabled; ports and forwarded headers have keys of their own",
        );
    }
    let otlp = at.key("otlpPorts");
    let places = [at.key("port"), otlp.key("grpc"), otlp.key("http")];
    let numbers = dashboard.ports().map(|(_, port, _)| port);
    for ((place, written), number) in places.iter().zip(written).zip(numbers) {
        if written.is_some() && numbers.iter().filter(|other| **other == number).count() > 1 {
            findings.add(
                Code::DuplicateEntry,
                place,
                format!("two ports of the dashboard's Service have the number {number}"),
                "its three ports must differ",
            );
        }
    }
}

/// .NET reads variables in any case, and `:` in a name as `__`.
fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_uppercase().replace(':', "__");
    OURS.contains(&name.as_str()) || name.ends_with("UNSECURED_ALLOW_ANONYMOUS")
}
