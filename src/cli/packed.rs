//! SOURCE as a rendered chart: a folder, an archive, or a reference to a registry.

use super::CliError;
use super::args::Source;
use super::described::has_manifest;
use super::rendered::Rendered;
use crate::cluster::connect::environment::Environment;
use crate::config::Config;
use crate::pipeline;
use crate::support::diagnostic::{Code, Diagnostic, nearest, suggestion};
use crate::support::yaml;
use crate::targets::built_images::{BuiltImages, check_resources};
use crate::targets::kubernetes::chart::{self, Chart};
use crate::targets::kubernetes::{CONTENTS, Contents};
use serde_json::Value as Json;

/// Start of references into registries.
const REGISTRY: &str = "oci://";

/// Whether SOURCE is a chart, ours or not.
pub(super) fn is_chart(source: &Source) -> bool {
    let path = source.path();
    path.to_string_lossy().starts_with(REGISTRY)
        || chart::is_archive(path)
        || (chart::is_chart(path) && !has_manifest(path))
}

/// A chart that was rendered before.
pub(super) struct Packed {
    shown: String,
    name: String,
    chart: Chart,
    contents: Contents,
    values: Json,
}

impl Packed {
    /// Reads it, wherever it is.
    pub(super) fn load(source: &Source) -> Result<Self, CliError> {
        let shown = source.path().display().to_string();
        if source.beside.config.is_some() {
            return Err(CliError::Usage(
                Code::InvalidUsage,
                format!(
                    "{shown} is a rendered chart, with the settings that aspire-k8s.yaml had when it was rendered; omit \
                    --config, or pass the manifest"
                ),
            ));
        }
        let chart = if shown.starts_with(REGISTRY) {
            let environment = Environment::of_process();
            let fetched = pipeline::fetch(&shown, source.version.as_deref(), source.plain_http, &environment)?;
            chart::read(&fetched.archive)?
        } else {
            chart::read(source.path())?
        };
        let wrong = |diagnostic: Diagnostic| CliError::input(&shown, diagnostic);
        let Some(contents) = chart.files.get(CONTENTS) else {
            let diagnostic = Diagnostic::new(
                Code::NotARenderedChart,
                "",
                format!("the chart contains no {CONTENTS}: an earlier version rendered it"),
            );
            return Err(wrong(diagnostic.hint("render it again")));
        };
        let contents = Contents::parse(contents).map_err(wrong)?;
        let values = yaml(&chart, "values.yaml").map_err(wrong)?;
        let metadata = yaml(&chart, "Chart.yaml").map_err(wrong)?;
        let name = metadata["name"].as_str().unwrap_or_default().to_owned();
        Ok(Self { shown, name, chart, contents, values })
    }

    /// Its intent, as far as it is needed to name the release, and the id of the application.
    pub(super) fn intent(&self, environment: Option<&str>) -> Result<(Config, String, String), CliError> {
        let rendered = self.restore(environment)?;
        Ok((rendered.config, rendered.app.name, rendered.app.id))
    }

    /// The application, as a render gives it. Images are values of the chart: what was chosen goes to helm over them.
    pub(super) fn render(&self, environment: Option<&str>, images: &BuiltImages) -> Result<Rendered, CliError> {
        let rendered = self.restore(environment)?;
        let resources = rendered.plan.workloads.iter().map(|workload| workload.resource.as_str());
        let diagnostics = check_resources(images, &resources.collect::<Vec<_>>());
        diagnostics.or(rendered).map_err(|diagnostics| CliError::input(&self.shown, diagnostics))
    }

    fn restore(&self, environment: Option<&str>) -> Result<Rendered, CliError> {
        let wrong = |diagnostic: Diagnostic| CliError::input(&self.shown, diagnostic);
        let over = match environment {
            Some(name) if self.contents.environments().any(|known| known == name) => {
                Some(yaml(&self.chart, &format!("values-{name}.yaml")).map_err(wrong)?)
            }
            _ => None,
        };
        let Some((app, plan, release)) = self.contents.restore(&self.name, &self.values, environment) else {
            let name = environment.unwrap_or_default();
            let diagnostic = Diagnostic::new(
                Code::UnknownEnvironment,
                "",
                format!("the chart was rendered without an environment `{name}`"),
            );
            return Err(wrong(diagnostic.hint(suggestion(
                nearest(name, self.contents.environments()),
                "add it to aspire-k8s.yaml and render again",
            ))));
        };
        let config = Config { release, ..Config::default() };
        Ok(Rendered {
            app,
            plan,
            chart: self.chart.clone(),
            config,
            environment_values: over,
            sops_file: None,
            folder: None,
        })
    }
}

/// A YAML file of the chart; empty is an empty map.
fn yaml(chart: &Chart, path: &str) -> Result<Json, Diagnostic> {
    let text = chart
        .text(path)
        .ok_or_else(|| Diagnostic::new(Code::NotARenderedChart, path, "the chart does not contain it as text"))?;
    yaml::affordable(text).map_err(|costly| Diagnostic::new(Code::TooComplex, path, costly.to_string()))?;
    let value: Json = serde_yaml::from_str(text)
        .map_err(|error| Diagnostic::new(Code::NotARenderedChart, path, error.to_string()))?;
    Ok(if value.is_null() { Json::Object(serde_json::Map::new()) } else { value })
}
