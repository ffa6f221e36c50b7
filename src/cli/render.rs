//! `render`: the chart to a folder, to standard output, or as plain objects.

use super::args::{Common, Format, Parameters, Part, Render, Target};
use super::images;
use super::project::{Project, given};
use super::rendered::Rendered;
use super::run_options::{conduct_of_render, listed, random};
use super::which_release::release_name;
use super::{CliError, Exit, compose, output};
use crate::app::Note;
use crate::cluster::connect::environment::Environment;
use crate::config::compatibility::NEWEST;
use crate::inputs;
use crate::pipeline;
use crate::report::harmless;
use crate::support::diagnostic::{Code, Diagnostic, Place};
use crate::support::read_file;
use crate::support::redact::MASK;
use crate::targets::built_images::BuiltImages;
use crate::targets::kubernetes::chart::{self, Chart};
use crate::targets::kubernetes::{CONTENTS, Contents, moved_claims};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Renders the application.
pub(super) fn render(common: &Common, options: &Render) -> Result<Exit, CliError> {
    if let Some(format) = options.steps.list_steps {
        let steps = match (options.target, options.format) {
            (Target::Compose, _) => pipeline::compose_steps().map(|graph| graph.list()),
            (_, Format::Chart) => pipeline::chart_steps().map(|graph| graph.list()),
            (_, Format::Yaml) => pipeline::template_steps().map(|graph| graph.list()),
        };
        return Ok(listed(&steps.map_err(pipeline::Error::from)?, format));
    }
    if options.target == Target::Compose {
        return compose::compose(common, options);
    }
    refuse_contradictions(options)?;
    warn_of_inputs(options);
    let project = Project::load(&options.source)?;
    let images = images::parse(&options.images)?;
    let environment = common.environment.as_deref();
    let rendered = project.render(environment, &images)?;
    let folder = options.output.clone().unwrap_or_else(|| PathBuf::from(&rendered.plan.chart));
    let is_chart = options.format == Format::Chart && options.part == Part::App;
    let former = if is_chart { former(&folder) } else { None };
    let number = former.as_ref().map_or(NEWEST, Contents::compatibility);
    let rendered = project.keeping(rendered, &|| number, environment, &images)?;
    if options.part == Part::Issuers {
        return issuers(common, options, &rendered);
    }
    output::notes(&rendered.plan.notes);
    if options.format == Format::Yaml {
        return objects(common, options, &rendered, &images);
    }
    if !options.check && !options.overwrite {
        refuse_edited(former.as_ref(), &rendered.chart, &folder)?;
    }
    output::notes(&moved(&rendered, former));
    publish(options, &rendered.chart, &folder, || summary(&rendered, &folder))
}

/// What the chart of ours that lies in the folder says of itself.
fn former(folder: &Path) -> Option<Contents> {
    let chart = read_file::found(&folder.join("Chart.yaml")).ok()?;
    if !chart::is_ours(&String::from_utf8_lossy(&chart)) {
        return None;
    }
    read_file::found(&folder.join(CONTENTS)).ok().and_then(|bytes| Contents::parse(&bytes).ok())
}

/// Fails if the render would overwrite an edited file.
fn refuse_edited(former: Option<&Contents>, chart: &Chart, folder: &Path) -> Result<(), CliError> {
    let lying = |path: &str| read_file::found(&folder.join(path)).ok();
    let edited = former.map(|former| former.edited(&chart.files, &lying)).unwrap_or_default();
    if edited.is_empty() {
        return Ok(());
    }
    let what = format!("generated files were edited: {}", edited.join(", "));
    let hint = "set the changes under `values` or `patch` in aspire-k8s.yaml, or pass --overwrite to discard them";
    let place = Place::in_file(folder.display().to_string(), "");
    let refused = Diagnostic::new(Code::GeneratedFileEdited, place, what).hint(hint);
    Err(pipeline::Error::Refused(refused.into()).into())
}

/// Claims that would be called otherwise than in the chart that lies in the folder; none if there is no such chart.
fn moved(rendered: &Rendered, former: Option<Contents>) -> Vec<Note> {
    let new = rendered.chart.files.get(CONTENTS).and_then(|bytes| Contents::parse(bytes).ok());
    let (app, config) = (&rendered.app, &rendered.config);
    former.zip(new).map(|(former, new)| moved_claims(&former, &new, app, config)).unwrap_or_default()
}

/// A chart to its folder, to standard output, or held against what lies there.
fn publish(options: &Render, chart: &Chart, folder: &Path, done: impl FnOnce() -> String) -> Result<Exit, CliError> {
    if options.check {
        return check(chart, folder);
    }
    if folder == Path::new("-") {
        output::files(&chart.files);
        return Ok(Exit::Done);
    }
    pipeline::publish(chart, folder, &conduct_of_render(options))?;
    output::say(&done());
    Ok(Exit::Done)
}

/// The chart of the issuers, for who installs it with other tools.
fn issuers(common: &Common, options: &Render, rendered: &Rendered) -> Result<Exit, CliError> {
    let name = release_name(options.release.as_deref(), &rendered.config, &rendered.app.name)?;
    let namespace = common.namespace.as_deref().or(rendered.config.release.namespace.as_deref()).unwrap_or("default");
    let Some(planned) = super::charts::issuers(rendered, &name, namespace)? else {
        return Err(CliError::Usage(
            Code::InvalidUsage,
            "--part issuers: `certManager.issuers` of aspire-k8s.yaml defines none".into(),
        ));
    };
    let files =
        planned.issuer_files(chart::data_yaml).into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    let chart = Chart { files };
    let folder = options.output.clone().unwrap_or_else(|| PathBuf::from(&planned.release));
    publish(options, &chart, &folder, || {
        format!(
            "chart of the issuers written to {}: install it as {} in {namespace}",
            folder.display(),
            planned.release
        )
    })
}

/// A flag that would have no effect is a misunderstanding, and silence would hide it.
fn refuse_contradictions(options: &Render) -> Result<(), CliError> {
    let to_stdout = options.output.as_deref() == Some(Path::new("-"));
    let what = match options.format {
        _ if options.project_name.is_some() => "--project-name names a Compose project; pass --target compose too",
        Format::Yaml if options.part == Part::Issuers => {
            "--part issuers writes a chart; use `helm template` to render its objects"
        }
        Format::Yaml if options.check => "--check compares charts, so it does not support --format yaml",
        Format::Chart if options.check && to_stdout => "--check compares with a folder, so it does not support `-o -`",
        Format::Chart if options.release.is_some() && options.part == Part::App => {
            "a chart has no release name; --release is for --format yaml"
        }
        Format::Chart if options.output.as_deref().is_some_and(is_a_format) => {
            "-o is the output folder of the chart; use --format yaml for Kubernetes objects, or -o ./yaml for a folder of that name"
        }
        Format::Chart if options.show_secrets => "a chart holds no secrets; --show-secrets is for --format yaml",
        _ => return Ok(()),
    };
    Err(CliError::Usage(Code::InvalidUsage, what.into()))
}

/// Whether `-o` has a value of kubectl and helm, and no such folder exists.
fn is_a_format(folder: &Path) -> bool {
    ["yaml", "json"].map(Path::new).contains(&folder) && !folder.exists()
}

/// Scripts give `render` and `deploy` the same flags; what a chart leaves out is said, and no error.
fn warn_of_inputs(options: &Render) {
    let Parameters { assignments, files, sources } = &options.parameters;
    let given = !assignments.is_empty() || !files.is_empty() || !sources.is_empty();
    if given && options.format == Format::Chart {
        output::warn(
            Code::NoEffect,
            "a chart does not contain values of inputs; pass them to deploy or with --format yaml, and set defaults \
            as `parameters` in aspire-k8s.yaml",
        );
    }
}

/// Plain objects: to standard output, or into one file of the folder.
fn objects(common: &Common, options: &Render, rendered: &Rendered, images: &BuiltImages) -> Result<Exit, CliError> {
    let Some(text) = template(common, rendered, images, options)? else { return Ok(Exit::Done) };
    match &options.output {
        Some(folder) if folder != Path::new("-") => {
            let file = chart::write_objects(&text, folder)?;
            output::say(&format!("objects written to {}", file.display()));
        }
        _ => output::document(&text),
    }
    if !options.show_secrets && text.contains(MASK) {
        output::warn(
            Code::MaskedSecrets,
            "the values of secrets are replaced by ***; do not apply these objects, because a database keeps its first \
             password. Use `deploy`, or pass --show-secrets to print the values",
        );
    }
    Ok(Exit::Done)
}

fn check(chart: &Chart, folder: &Path) -> Result<Exit, CliError> {
    let difference = chart::check(chart, folder)?;
    // Also into a file: the folder may contain text of anyone, and a diff is read on a terminal.
    output::text(&harmless(&difference.diff));
    Ok(if difference.diff.is_empty() { Exit::Done } else { Exit::Differs })
}

fn summary(rendered: &Rendered, folder: &Path) -> String {
    let workloads = output::counted(rendered.plan.workloads.len(), "workload", "workloads");
    let claims = output::counted(rendered.plan.claims().count(), "claim", "claims");
    let asked = inputs::list(&rendered.app, &rendered.plan).into_iter().filter(|listed| listed.required);
    let left: BTreeSet<String> =
        asked.map(|listed| listed.name).chain(rendered.plan.required.keys().cloned()).collect();
    let inputs = output::counted(left.len(), "input", "inputs");
    format!("chart {} written to {}: {workloads}, {claims}; {inputs} to supply", rendered.plan.chart, folder.display())
}

/// The objects of an application as YAML.
fn template(
    common: &Common,
    rendered: &Rendered,
    images: &BuiltImages,
    options: &Render,
) -> Result<Option<String>, CliError> {
    let (release, show_secrets) = (options.release.as_deref(), options.show_secrets);
    let given = given(&options.parameters, images, rendered)?;
    let name = release_name(release, &rendered.config, &rendered.app.name)?;
    let namespace = common.namespace.as_deref().or(rendered.config.release.namespace.as_deref()).unwrap_or("default");
    let request = pipeline::Template {
        app: &rendered.app,
        plan: &rendered.plan,
        chart: &rendered.chart,
        environment: common.environment.clone(),
        given: &given,
        release: &name,
        namespace,
        show_secrets,
    };
    let conduct = conduct_of_render(options);
    Ok(pipeline::template(&request, &Environment::of_process(), &random, &conduct)?)
}
