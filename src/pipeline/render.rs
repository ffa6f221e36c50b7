//! Render, step by step: a chart or a Compose project to a folder, or plain objects as helm renders them from the chart,
//! without a cluster.

use super::{Error, Random, Slot};
use crate::app::App;
use crate::cluster::connect::access::Access;
use crate::cluster::connect::environment::Environment;
use crate::helm::{Helm, Target, Values};
use crate::inputs::{Given, Kept, Settled, settle};
use crate::k8s::labels;
use crate::pipeline::engine::graph::{Graph, Step};
use crate::pipeline::engine::run::{RunOptions, run};
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::redact::MASK;
use crate::support::temporary;
use crate::targets::compose::{self, Files};
use crate::targets::kubernetes::chart;
use crate::targets::kubernetes::chart::write;
use crate::targets::kubernetes::chart::{Chart, WriteError};
use crate::targets::kubernetes::chart_values::merge;
use crate::targets::kubernetes::{Plan, escaped_key, image_values};
use serde_json::{Map, Value as Json, json};
use std::path::{Path, PathBuf};

/// What to show.
pub(crate) struct Template<'a> {
    /// The application, with the values of the chosen environment.
    pub app: &'a App,
    pub plan: &'a Plan,
    pub chart: &'a Chart,
    /// The chosen environment.
    pub environment: Option<String>,
    /// Values that a user gave.
    pub given: &'a Given,
    /// Release name.
    pub release: &'a str,
    pub namespace: &'a str,
    /// Whether values of secrets are shown.
    pub show_secrets: bool,
}

/// What the steps of one rendering of objects share.
pub(crate) struct Templating<'a> {
    request: &'a Template<'a>,
    environment: &'a Environment,
    random: &'a Random<'a>,
    settled: Slot<Settled>,
    helm: Slot<Helm>,
    objects: Slot<String>,
}

/// A chart that is written to its folder.
pub(crate) struct Publishing<'a> {
    chart: &'a Chart,
    folder: &'a Path,
    stopped: &'a (dyn Fn() -> bool + Sync),
}

/// The steps that write a chart.
pub(crate) fn chart_steps<'a>() -> Result<Graph<'a, Publishing<'a>>, Diagnostic> {
    let write = |to: &Publishing| match chart::write_unless(to.chart, to.folder, to.stopped) {
        Err(WriteError::Interrupted) => Err(Error::Interrupted),
        written => Ok(written?),
    };
    Graph::new(vec![Step::new("publish-kubernetes", "write the chart to its folder", &[], write)])
}

/// The files of a Compose project that are written to their folder.
pub(crate) struct ComposePublishing<'a> {
    files: &'a Files,
    folder: &'a Path,
    overwrite: bool,
    stopped: &'a (dyn Fn() -> bool + Sync),
}

/// The steps that write a Compose project.
pub(crate) fn compose_steps<'a>() -> Result<Graph<'a, ComposePublishing<'a>>, Diagnostic> {
    let write = |to: &ComposePublishing| match compose::write::write(to.files, to.folder, to.overwrite, to.stopped) {
        Err(_) if (to.stopped)() => Err(Error::Interrupted),
        Err(refused) if refused.0.iter().all(|it| it.code == Code::GeneratedFileEdited) => Err(Error::Refused(refused)),
        written => Ok(written?),
    };
    Graph::new(vec![Step::new(
        "publish-compose",
        "write the Compose file and its .env files to their folder",
        &[],
        write,
    )])
}

/// Writes a Compose project into a folder; `overwrite` discards edits of generated files.
pub(crate) fn publish_compose(
    files: &Files,
    folder: &Path,
    overwrite: bool,
    conduct: &RunOptions,
) -> Result<(), Error> {
    let to = ComposePublishing { files, folder, overwrite, stopped: conduct.limits.stopped };
    run(&compose_steps()?.part(conduct.only)?, &to, conduct.report, &conduct.limits)
}

/// The steps that make plain objects.
pub(crate) fn template_steps<'a>() -> Result<Graph<'a, Templating<'a>>, Diagnostic> {
    Graph::new(vec![
        Step::new("check-helm-prereqs-kubernetes", "find helm and check its version", &[], Templating::find_helm),
        Step::new("process-parameters", "resolve the value of every input", &[], Templating::settle),
        Step::new(
            "publish-kubernetes",
            "render the objects of the chart with helm",
            &["check-helm-prereqs-kubernetes", "process-parameters"],
            Templating::publish,
        ),
    ])
}

/// Writes the chart into a folder.
pub(crate) fn publish(chart: &Chart, folder: &Path, conduct: &RunOptions) -> Result<(), Error> {
    let to = Publishing { chart, folder, stopped: conduct.limits.stopped };
    run(&chart_steps()?.part(conduct.only)?, &to, conduct.report, &conduct.limits)
}

/// The objects as YAML: the Secret that deploy would write, and what helm renders. None when only a step before the last
/// was wanted.
pub(crate) fn template(
    request: &Template,
    environment: &Environment,
    random: &Random,
    conduct: &RunOptions,
) -> Result<Option<String>, Error> {
    let graph = template_steps()?.part(conduct.only)?;
    let (settled, helm, objects) = (Slot::default(), Slot::default(), Slot::default());
    let templating = Templating { request, environment, random, settled, helm, objects };
    run(&graph, &templating, conduct.report, &conduct.limits)?;
    Ok(templating.objects.into_inner())
}

impl Templating<'_> {
    fn find_helm(&self) -> Result<(), Error> {
        let helm = Helm::find(self.environment)?;
        helm.version()?;
        self.helm.put(helm);
        Ok(())
    }

    fn settle(&self) -> Result<(), Error> {
        let request = self.request;
        let mut random = |bytes: &mut [u8]| (self.random)(bytes);
        self.settled.put(settle(request.app, request.plan, request.given, &Kept::default(), &mut random)?);
        Ok(())
    }

    fn publish(&self) -> Result<(), Error> {
        self.objects.put(objects(self.request, self.settled.get()?, self.helm.get()?)?);
        Ok(())
    }
}

fn objects(request: &Template, settled: &Settled, helm: &Helm) -> Result<String, Error> {
    let target = Target::new(request.release, request.namespace, Access::default())?;
    let folder = temporary::folder("render").map_err(Error::Temporary)?;
    let chart = folder.path().join("chart");
    write::write(request.chart, &chart)?;
    let files: Vec<PathBuf> =
        request.environment.iter().map(|name| chart.join(format!("values-{name}.yaml"))).collect();
    // What is masked never reaches helm, so that it cannot be in the output in any form.
    let shown = |value: &String| if request.show_secrets { value.clone() } else { MASK.to_owned() };
    let mut parameters: Map<String, Json> =
        settled.plain.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    parameters.extend(settled.chart_secret.iter().map(|(name, value)| (name.clone(), json!(shown(value)))));
    let from_deploy = request.plan.secrets.iter().filter(|(_, secret)| secret.is_written_by_deploy());
    let revisions: Map<String, Json> = from_deploy.map(|(name, _)| (name.clone(), json!({"revision": "1"}))).collect();
    let mut values = json!({"parameters": parameters, "secrets": revisions});
    merge(&mut values, &image_values(request.plan, &settled.images));
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
            labels::MANAGED_BY: labels::US, labels::INSTANCE: request.release}},
        "stringData": data,
    });
    Ok(format!("---\n# Written by `kubectl aspire deploy` before helm runs\n{}{objects}", chart::data_yaml(&secret)))
}
