//! The values of a chart: its values files, `values` in aspire-k8s.yaml, and inputs of the application. Secrets among
//! them are passed to helm on standard input, as for the application.

use crate::app::App;
use crate::cluster::api::objects::Objects as _;
use crate::cluster::connect::client::Cluster;
use crate::config::{SecretSource, path_keys};
use crate::external_charts::PlannedChart;
use crate::helm::{Helm, Target, Values};
use crate::inputs::Settled;
use crate::k8s::kind::SECRET;
use crate::pipeline::Error;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::redact::unbase64;
use crate::support::temporary;
use crate::targets::kubernetes::Plan;
use serde_json::{Map, Value as Json};
use std::path::PathBuf;
use tempfile::TempDir;

/// Where the inputs of the application are known from.
pub(crate) struct Known<'a> {
    pub app: &'a App,
    pub plan: &'a Plan,
    pub settled: &'a Settled,
    /// Name of the release of the application.
    pub release: &'a str,
}

/// What a chart is given.
pub(crate) struct Given {
    files: Vec<PathBuf>,
    over: Json,
    /// Values that nothing may show.
    pub secrets: Vec<String>,
    _folder: Option<TempDir>,
}

impl Given {
    /// As helm takes them.
    pub(crate) fn values(&self) -> Values<'_> {
        Values { files: &self.files, over: &self.over }
    }
}

/// What is not there yet: inputs that are in Secrets of other owners, and the sentences that say so.
pub(crate) struct Missing {
    pub inputs: Vec<String>,
    pub diagnostics: Diagnostics,
}

/// The values of a chart, or what of them is not there yet.
pub(crate) fn given(
    chart: &PlannedChart,
    known: &Known,
    cluster: &Cluster,
    namespace: &str,
) -> Result<Result<Given, Missing>, Error> {
    let mut over = chart.values.clone();
    let mut secrets = Vec::new();
    let mut missing = Missing { inputs: Vec::new(), diagnostics: Diagnostics::default() };
    for (path, input) in &chart.values_from {
        let found = match known.find(input) {
            Some(value) => Ok(value),
            None => foreign(chart, input, known, cluster, namespace)?,
        };
        match found {
            Ok(value) => {
                let is_secret = known.app.inputs.get(input).is_none_or(|input| input.secret);
                secrets.extend(Some(value.clone()).filter(|value| is_secret && !value.is_empty()));
                put(&mut over, &path_keys(path), value);
            }
            Err(diagnostic) => {
                missing.inputs.push(input.clone());
                missing.diagnostics.push(diagnostic);
            }
        }
    }
    if !missing.inputs.is_empty() {
        return Ok(Err(missing));
    }
    let (mut files, mut folder) = (Vec::new(), None);
    if !chart.values_files.is_empty() {
        // Readable by the user only: a file of values may hold what its author took for no secret.
        let made = temporary::folder("values").map_err(Error::Temporary)?;
        for (index, (_, text)) in chart.values_files.iter().enumerate() {
            let path = made.path().join(format!("{index}.yaml"));
            temporary::write(&path, text.as_bytes()).map_err(Error::Temporary)?;
            files.push(path);
        }
        folder = Some(made);
    }
    Ok(Ok(Given { files, over: Json::Object(over), secrets, _folder: folder }))
}

impl Known<'_> {
    fn find(&self, input: &str) -> Option<String> {
        let settled = self.settled;
        let found = [&settled.plain, &settled.secret, &settled.chart_secret].into_iter().find_map(|map| map.get(input));
        let default = || {
            let input = self.app.inputs.get(input).filter(|input| !input.secret)?;
            input.default.clone()
        };
        found.cloned().or_else(default)
    }
}

/// A value that is in a Secret of another owner.
fn foreign(
    chart: &PlannedChart,
    input: &str,
    known: &Known,
    cluster: &Cluster,
    namespace: &str,
) -> Result<Result<String, Diagnostic>, Error> {
    let place = chart.place().key("valuesFrom");
    let used = known.plan.secrets.get(input);
    let Some((name, key)) = used.and_then(|used| used.foreign_key(known.release, input)) else {
        return Ok(Err(Diagnostic::new(Code::ChartSecretMissing, place, format!("no value for input `{input}`"))));
    };
    let secret = cluster.get(&SECRET, namespace, &name)?;
    let value = secret.as_ref().and_then(|secret| unbase64(secret["data"][&key].as_str()?));
    if let Some(value) = value.and_then(|bytes| String::from_utf8(bytes).ok()) {
        cluster.hide([value.clone()]);
        return Ok(Ok(value));
    }
    let what = format!(
        "it needs `{input}` from the key {key} of the Secret {name} in namespace {namespace}, which does not exist \
        or is not text"
    );
    let made_by_app =
        used.is_some_and(|used| matches!(used.source, SecretSource::ExternalSecrets(_) | SecretSource::Sealed));
    let hint = if made_by_app {
        "the application's own chart creates this Secret: set `phase: after` on this chart, or another `from` for \
        the parameter"
    } else {
        "create the Secret first, or add the chart that creates it to `needs`"
    };
    Ok(Err(Diagnostic::new(Code::ChartSecretMissing, place, what).hint(hint)))
}

/// Puts a text at a path; what stands in the way there gives way.
fn put(values: &mut Map<String, Json>, keys: &[String], text: String) {
    match keys {
        [] => {}
        [last] => drop(values.insert(last.clone(), Json::String(text))),
        [first, rest @ ..] => {
            let inner = values.entry(first.clone()).or_insert_with(|| Json::Object(Map::new()));
            if !inner.is_object() {
                *inner = Json::Object(Map::new());
            }
            if let Json::Object(inner) = inner {
                put(inner, rest, text);
            }
        }
    }
}

/// The values as helm itself merges them, to be compared with those that a release has: a chart of ours that only shows
/// what it is given is rendered, without a cluster, because helm reads YAML in its own way.
pub(crate) fn merged(helm: &Helm, target: &Target, given: &Given) -> Result<Json, Error> {
    let folder = temporary::folder("values").map_err(Error::Temporary)?;
    let templates = folder.path().join("templates");
    std::fs::create_dir(&templates).map_err(Error::Temporary)?;
    std::fs::write(folder.path().join("Chart.yaml"), "apiVersion: v2\nname: values\nversion: 0.0.0\n")
        .map_err(Error::Temporary)?;
    std::fs::write(templates.join("values.yaml"), "values: {{ mustToJson .Values }}\n").map_err(Error::Temporary)?;
    let text = helm.template(target, folder.path(), &given.values(), &[])?;
    let json = text.lines().find_map(|line| line.strip_prefix("values: "));
    let parsed = json.and_then(|json| serde_json::from_str(json).ok());
    parsed.ok_or_else(|| Error::Defect("the values of a chart".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_is_put_at_its_path() {
        let Json::Object(mut values) = json!({"auth": {"user": "a"}, "flat": 1}) else { unreachable!() };
        for (path, text) in [("auth.password", "p"), ("flat.deep", "q"), (r"a\.b", "r")] {
            put(&mut values, &path_keys(path), text.to_owned());
        }
        assert_eq!(
            Json::Object(values),
            json!({"auth": {"user": "a", "password": "p"}, "flat": {"deep": "q"}, "a.b": "r"})
        );
    }
}
