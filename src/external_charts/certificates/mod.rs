//! cert-manager and the issuers of `certManager:`, as charts like all others: one is downloaded, one is generated.
//!
//! The issuers are values of a chart whose only template prints them, so that plain helm and GitOps install the same.

pub(crate) mod spec;
#[cfg(test)]
mod tests;

pub(crate) use spec::Lives;

use super::{PlannedChart, Source};
use crate::config::{Config, ExternalChart, IssuerKind, Phase, WaitFor, WaitObject, parameters_in};
use crate::support::diagnostic::Diagnostics;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Its name among the charts, its release and its namespace.
pub(crate) const CERT_MANAGER: &str = "cert-manager";
/// The name of the issuers among the charts.
pub(crate) const ISSUERS: &str = "issuers";
/// Group and version of its kinds.
pub(crate) const API: &str = "cert-manager.io/v1";

const CHART: &str = "oci://quay.io/jetstack/charts/cert-manager";
/// The version that this was tested with.
const VERSION: &str = "v1.21.2";
/// A definition that every cert-manager has.
const DEFINITION: &str = "issuers.cert-manager.io";
const DEFINITIONS: [&str; 4] = [
    "certificaterequests.cert-manager.io",
    "certificates.cert-manager.io",
    "clusterissuers.cert-manager.io",
    DEFINITION,
];

/// End of the names of the definitions of Gateways and their routes.
const GATEWAY_API: &str = ".gateway.networking.k8s.io";

const FILES: [(&str, &str); 2] = [
    ("Chart.yaml", include_str!("../../../charts/issuers/Chart.yaml")),
    ("templates/issuers.yaml", include_str!("../../../charts/issuers/templates/issuers.yaml")),
];

/// The chart of cert-manager, when it is to be installed.
pub(crate) fn cert_manager(config: &Config) -> Option<PlannedChart> {
    let manager = &config.cert_manager;
    if !manager.is_installed() {
        return None;
    }
    let reference = manager.chart.as_deref().unwrap_or(CHART);
    let source = if reference.starts_with("oci://") {
        Source::Oci { reference: reference.to_owned(), plain_http: manager.plain_http }
    } else {
        Source::File(reference.to_owned())
    };
    let version = source.is_remote().then(|| manager.version.clone().unwrap_or_else(|| VERSION.to_owned()));
    let mut values = json!({"crds": {"enabled": true}});
    let mut needs = manager.needs.clone();
    if !config.gateways.is_empty() {
        // It does not start without the definitions that it is told to watch.
        let brings = |chart: &ExternalChart| {
            chart.phase() == Phase::Before && chart.wait_for.crds.iter().any(|name| name.ends_with(GATEWAY_API))
        };
        let bringing = config.charts.iter().filter(|(name, chart)| brings(chart) && !needs.contains(name));
        let bringing: Vec<String> = bringing.map(|(name, _)| name.clone()).collect();
        needs.extend(bringing);
        values["config"] = json!({
            "apiVersion": "controller.config.cert-manager.io/v1alpha1",
            "kind": "ControllerConfiguration",
            "enableGatewayAPI": true,
        });
    }
    let Value::Object(mut values) = values else { return None };
    merge(&mut values, &manager.values);
    Some(PlannedChart {
        name: CERT_MANAGER.to_owned(),
        source,
        version,
        release: CERT_MANAGER.to_owned(),
        namespace: manager.namespace.clone().unwrap_or_else(|| CERT_MANAGER.to_owned()),
        values,
        phase: Phase::Before,
        needs,
        wait_for: WaitFor { crds: DEFINITIONS.map(str::to_owned).to_vec(), objects: Vec::new() },
        destroy: manager.destroy,
        unless: Some(DEFINITION.to_owned()),
        ..PlannedChart::default()
    })
}

/// Whether the chart of the issuers holds objects of this kind in its namespace.
pub(crate) fn makes(group: &str, kind: &str) -> bool {
    API.split_once('/').is_some_and(|(of, _)| of == group) && kind == IssuerKind::Issuer.name()
}

/// The name of the release of the issuers that are made for a release.
pub(crate) fn issuers_of(release: &str) -> String {
    format!("{release}-{ISSUERS}")
}

/// The chart of the issuers, when there are any to be made for a release. `lives` says where the value of a secret
/// parameter is read from.
pub(crate) fn issuers(
    config: &Config,
    release: &str,
    namespace: &str,
    lives: &Lives<'_>,
) -> Result<Option<PlannedChart>, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let (mut values, mut objects) = (Map::new(), Vec::new());
    for (name, issuer) in config.cert_manager.made() {
        match spec::spec(config, name, issuer, namespace, lives) {
            Ok(spec) => drop(values.insert(name.clone(), json!({"kind": issuer.kind().name(), "spec": spec}))),
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
        objects.push(WaitObject {
            api_version: Some(API.to_owned()),
            kind: issuer.kind().name().to_owned(),
            name: name.clone(),
            namespace: (issuer.kind() == IssuerKind::Issuer).then(|| namespace.to_owned()),
            condition: Some("Ready".to_owned()),
        });
    }
    if values.is_empty() {
        return diagnostics.or(None);
    }
    let values = Value::Object(values);
    let parameters = texts(&values).into_iter().flat_map(parameters_in);
    let values_from = parameters.map(|name| (format!("parameters.{name}"), name.to_owned())).collect();
    let installed = config.cert_manager.is_installed();
    let needs = if installed {
        vec![CERT_MANAGER.to_owned()]
    } else {
        // One of them may bring it.
        let of_before = |(_, chart): &(&String, &ExternalChart)| chart.phase() == Phase::Before;
        let others =
            config.charts.iter().filter(of_before).filter(|(_, chart)| !chart.needs.iter().any(|it| it == ISSUERS));
        others.map(|(name, _)| name.clone()).collect()
    };
    diagnostics.or(Some(PlannedChart {
        name: ISSUERS.to_owned(),
        source: Source::Generated(FILES.map(|(path, text)| (path.to_owned(), text.to_owned())).into()),
        release: issuers_of(release),
        namespace: namespace.to_owned(),
        values: Map::from_iter([(ISSUERS.to_owned(), values)]),
        values_from,
        phase: Phase::Before,
        needs,
        wait_for: WaitFor { crds: Vec::new(), objects },
        destroy: true,
        tried: true,
        ..PlannedChart::default()
    }))
}

impl PlannedChart {
    /// Names of the cluster issuers that it makes.
    pub fn cluster_issuers(&self) -> BTreeSet<&str> {
        let made = self.values.get(ISSUERS).and_then(Value::as_object).filter(|_| self.tried);
        let is_one = |issuer: &Value| issuer["kind"] == IssuerKind::ClusterIssuer.name();
        made.into_iter().flatten().filter(|(_, issuer)| is_one(issuer)).map(|(name, _)| name.as_str()).collect()
    }

    /// The chart of the issuers as files that plain helm installs: its values are in it, as `yaml` writes them, because helm
    /// reads words such as `n` as booleans.
    pub fn issuer_files(&self, yaml: impl Fn(&Value) -> String) -> BTreeMap<String, String> {
        let mut files: BTreeMap<String, String> = FILES.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
        let to_give: Vec<String> = self.values_from.values().map(|name| format!("parameters.{name}")).collect();
        let head = if to_give.is_empty() { String::new() } else { format!("# To be given: {}\n", to_give.join(", ")) };
        let values = yaml(&Value::Object(self.values.clone()));
        files.insert("values.yaml".to_owned(), head + &values);
        files
    }
}

/// All texts in a value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(map) => map.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn merge(ours: &mut Map<String, Value>, theirs: &Map<String, Value>) {
    for (key, value) in theirs {
        match (ours.get_mut(key), value) {
            (Some(Value::Object(ours)), Value::Object(theirs)) => merge(ours, theirs),
            _ => drop(ours.insert(key.clone(), value.clone())),
        }
    }
}
