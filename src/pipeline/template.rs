//! Plain objects: what helm makes of the chart, without a cluster.

use super::Error;
use crate::app::App;
use crate::chart::Chart;
use crate::cluster::{Access, Environment, MASK};
use crate::helm::{Helm, Target, Values};
use crate::inputs::{Given, Kept, Random, settle};
use crate::kubernetes::{Plan, escaped_key};
use serde_json::{Map, Value as Json, json};
use std::path::PathBuf;

/// What to show.
pub struct Template<'a> {
    /// The application, with the values of the chosen environment.
    pub app: &'a App,
    /// Its plan.
    pub plan: &'a Plan,
    /// Its chart.
    pub chart: &'a Chart,
    /// The chosen environment.
    pub environment: Option<String>,
    /// Values that a person gave.
    pub given: &'a Given,
    /// Release name.
    pub release: &'a str,
    /// Namespace.
    pub namespace: &'a str,
    /// Whether values of secrets are shown.
    pub show_secrets: bool,
}

/// The objects as YAML: the Secret that deploy would write, and what helm renders.
pub fn template(request: &Template, environment: &Environment, random: &mut Random) -> Result<String, Error> {
    let settled = settle(request.app, request.plan, request.given, &Kept::default(), random)?;
    let helm = Helm::find(environment)?;
    let target = Target::new(request.release, request.namespace, Access::default())?;
    let folder = tempfile::Builder::new().prefix("aspire-render-").tempdir().map_err(Error::Temporary)?;
    let chart = folder.path().join("chart");
    crate::chart::write(request.chart, &chart)?;
    let files: Vec<PathBuf> =
        request.environment.iter().map(|name| chart.join(format!("values-{name}.yaml"))).collect();
    // What is masked never reaches helm, so that it cannot be in the output in any form.
    let shown = |value: &String| if request.show_secrets { value.clone() } else { MASK.to_owned() };
    let mut parameters: Map<String, Json> =
        settled.plain.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    parameters.extend(settled.chart_secret.iter().map(|(name, value)| (name.clone(), json!(shown(value)))));
    let from_deploy = request.plan.secrets.iter().filter(|(_, secret)| secret.is_written_by_deploy());
    let revisions: Map<String, Json> = from_deploy.map(|(name, _)| (name.clone(), json!({"revision": "1"}))).collect();
    let values = json!({"parameters": parameters, "secrets": revisions});
    let objects = helm.template(&target, &chart, &Values { files: &files, over: &values }, &[])?;
    let mut data = Map::new();
    for (name, value) in &settled.secret {
        data.insert(name.clone(), json!(shown(value)));
        if request.plan.secrets.get(name).is_some_and(|secret| secret.uri) {
            let escaped = if request.show_secrets { crate::app::escape_uri_data(value) } else { MASK.to_owned() };
            data.insert(escaped_key(name), json!(escaped));
        }
    }
    if data.is_empty() {
        return Ok(objects);
    }
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": format!("{}-secrets", request.release), "labels": {
            "app.kubernetes.io/managed-by": "kubectl-aspire", "app.kubernetes.io/instance": request.release}},
        "stringData": data,
    });
    Ok(format!(
        "---\n# Written by `helm aspire deploy` before helm runs\n{}{objects}",
        crate::chart::data_yaml(&secret)
    ))
}
