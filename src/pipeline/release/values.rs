//! The values that a deploy passes to helm and writes to the Secret. Pure.

use super::{checks, passed_values};
use crate::cluster::state::secret::ReleaseSecret;
use crate::external_charts::PlannedChart;
use crate::inputs::Settled;
use crate::pipeline::release::deploy_request::Deploy;
use crate::pipeline::release::host_names;
use crate::pipeline::release::host_names::Hosts;
use crate::pipeline::release::snapshot::ReleaseSnapshot;
use crate::targets::kubernetes::chart_values::merge;
use crate::targets::kubernetes::{Plan, SecretUse, escaped_key, image_values};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The content of the Secret: each secret from deploy, and its URI-escaped form where it is needed.
pub(crate) fn secret_data(plan: &Plan, settled: &Settled) -> BTreeMap<String, Vec<u8>> {
    let mut data = BTreeMap::new();
    for (name, value) in &settled.secret {
        data.insert(name.clone(), value.clone().into_bytes());
        if plan.secrets.get(name).is_some_and(|secret| secret.uri) {
            data.insert(escaped_key(name), crate::app::escape_uri_data(value).into_bytes());
        }
    }
    data
}

/// The claims that live and die with each key. A third-party chart that was set up with a key is like a claim: it may have put
/// the value into data of its own.
pub(crate) fn claims_by_key(plan: &Plan, charts: &[PlannedChart]) -> BTreeMap<String, Vec<String>> {
    let with_claims =
        plan.secrets.iter().filter(|(_, secret)| !secret.claims.is_empty() && secret.is_written_by_deploy());
    let mut by_key: BTreeMap<String, Vec<String>> = with_claims
        .flat_map(|(name, secret)| [(name.clone(), secret.claims.clone()), (escaped_key(name), secret.claims.clone())])
        .collect();
    for chart in charts {
        for input in chart.values_from.values() {
            if plan.secrets.get(input).is_some_and(SecretUse::is_written_by_deploy) {
                by_key.entry(input.clone()).or_default().push(remembered(chart));
            }
        }
    }
    by_key
}

/// How the Secret remembers that a chart was set up with a key. No claim can be called so.
pub(crate) fn remembered(chart: &PlannedChart) -> String {
    format!("{}{}", crate::inputs::CHART, chart.name)
}

/// The values that only a deploy gives. `replicas` are those of autoscaled workloads, by workload, which are the autoscaler's
/// to decide.
pub(crate) fn values(
    request: &Deploy,
    settled: &Settled,
    secret: &ReleaseSecret,
    before: &ReleaseSnapshot,
    replicas: &Map<String, Json>,
    hosts: &Hosts,
) -> Json {
    let parameters: BTreeMap<&String, &String> = settled.plain.iter().chain(&settled.chart_secret).collect();
    let from_deploy = request.plan.secrets.iter().filter(|(_, used)| used.is_written_by_deploy());
    let revisions: Map<String, Json> = from_deploy
        .filter_map(|(name, _)| Some((name.clone(), json!({"revision": secret.marks.get(name)?}))))
        .collect();
    let mut workloads = checks::mounted_folders(before.plan(request.plan), &before.claims);
    if let Some(adopted) = &before.adopted {
        merge(&mut workloads, &adopted.values());
    }
    merge(&mut workloads, &Json::Object(replicas.clone()));
    // No template reads it: helm keeps it with the revision, so that a rollback finds what the next deploy starts from.
    let mut remembered = passed_values::remembered(&request.passed.values);
    merge(&mut remembered, &json!({"kept": kept(settled, hosts)}));
    let mut values = Json::Object(request.passed.values.clone());
    let ours = json!({
        "global": {"aspire": remembered},
        "parameters": parameters,
        "secrets": revisions,
        "workloads": workloads,
    });
    merge(&mut values, &ours);
    merge(&mut values, &host_names::values(request.plan, hosts));
    merge(&mut values, &image_values(request.plan, &settled.images));
    values
}

/// What the cluster remembers for the next deploy and is no secret.
pub(crate) fn kept(settled: &Settled, hosts: &Hosts) -> BTreeMap<String, String> {
    settled.kept().chain(hosts).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Values that nothing may show.
pub(crate) fn secrets_of(settled: &Settled) -> Vec<String> {
    let values = settled.secret.values().chain(settled.chart_secret.values());
    values.filter(|value| !value.is_empty()).cloned().collect()
}

/// The chart's values, with those of the chosen environment and what a user passed over them.
pub(crate) fn of_chart(request: &Deploy) -> Json {
    let mut values = request.plan.values.to_json();
    if let Some((_, environment)) = &request.environment {
        merge(&mut values, environment);
    }
    merge(&mut values, &Json::Object(request.passed.values.clone()));
    values
}

/// Files of values in the chart's folder that the chosen environment adds.
pub(crate) fn files(request: &Deploy, chart: &Path) -> Vec<PathBuf> {
    request.environment.iter().map(|(name, _)| chart.join(format!("values-{name}.yaml"))).collect()
}
