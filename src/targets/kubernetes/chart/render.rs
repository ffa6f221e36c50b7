//! The template environment, and the files of a chart.

use super::{CHART_ANNOTATION, COMPATIBILITY, Chart, MARK, readme, values};
use crate::config::compatibility::OLDEST;
use crate::support::literal;
use crate::targets::kubernetes::patches;
use crate::targets::kubernetes::schema::Schema;
use crate::targets::kubernetes::view::ScaleView;
use crate::targets::kubernetes::{
    KINDS, KindSpec, Object, Plan, View, WorkloadView, controllers, helm_yaml, switched, yaml,
};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value, context};
use serde::Serialize;

/// Files that every chart carries as they are.
const BASE: [(&str, &str); 2] = [
    (".helmignore", include_str!("../../../../charts/base/.helmignore")),
    ("templates/_helpers.tpl", include_str!("../../../../charts/base/templates/_helpers.tpl")),
];

/// The same, of charts with routes or service accounts: texts with references.
const ROUTES: (&str, &str) = ("templates/_routes.tpl", include_str!("../../../../charts/base/templates/_routes.tpl"));

/// The same, of charts whose pods wait.
const WAITS: (&str, &str) = ("templates/_waits.tpl", include_str!("../../../../charts/base/templates/_waits.tpl"));
/// The same, of charts with autoscalers or PodDisruptionBudgets.
const SCALE: (&str, &str) = ("templates/_scale.tpl", include_str!("../../../../charts/base/templates/_scale.tpl"));
/// The same, of charts with patches.
const PATCH: (&str, &str) = ("templates/_patch.tpl", include_str!("../../../../charts/base/templates/_patch.tpl"));

/// Parts that several templates include.
const PARTS: [(&str, &str); 12] = [
    ("_before.yaml.j2", include_str!("../../../../templates/_before.yaml.j2")),
    ("_container.yaml.j2", include_str!("../../../../templates/_container.yaml.j2")),
    ("_initcontainer.yaml.j2", include_str!("../../../../templates/_initcontainer.yaml.j2")),
    ("_initvariables.yaml.j2", include_str!("../../../../templates/_initvariables.yaml.j2")),
    ("_job.yaml.j2", include_str!("../../../../templates/_job.yaml.j2")),
    ("_mount.yaml.j2", include_str!("../../../../templates/_mount.yaml.j2")),
    ("_owned.yaml.j2", include_str!("../../../../templates/_owned.yaml.j2")),
    ("_parents.yaml.j2", include_str!("../../../../templates/_parents.yaml.j2")),
    ("_pod.yaml.j2", include_str!("../../../../templates/_pod.yaml.j2")),
    ("_podvolumes.yaml.j2", include_str!("../../../../templates/_podvolumes.yaml.j2")),
    ("_routehead.yaml.j2", include_str!("../../../../templates/_routehead.yaml.j2")),
    ("_variables.yaml.j2", include_str!("../../../../templates/_variables.yaml.j2")),
];

/// The files of the chart. The error names a template of ours and its line: it is a defect of this program.
pub fn render(plan: &Plan) -> Result<Chart, Error> {
    let mut chart = Chart::default();
    let mut add = |path: &str, mut text: String| {
        // Text that grew has room that is never used, in large files as much as they hold.
        text.shrink_to_fit();
        chart.files.insert(path.to_owned(), text.into_bytes())
    };
    for (path, text) in BASE {
        let marked = path.starts_with("templates/");
        add(path, if marked { format!("{MARK}{text}") } else { text.to_owned() });
    }
    let has_routes = !(plan.routes.ingresses.is_empty() && plan.routes.gateways.is_empty());
    if has_routes || plan.workloads.iter().any(|workload| workload.view.account.is_some()) {
        add(ROUTES.0, format!("{MARK}{}", ROUTES.1));
    }
    if has_routes {
        add("templates/_controllers.tpl", controllers_tpl());
    }
    if plan.workloads.iter().any(|workload| !workload.view.waits.is_empty()) {
        add(WAITS.0, format!("{MARK}{}", WAITS.1));
    }
    if plan.workloads.iter().any(|workload| workload.view.scale != ScaleView::default()) {
        add(SCALE.0, format!("{MARK}{}", SCALE.1));
    }
    if !plan.patches.is_empty() {
        add(PATCH.0, format!("{MARK}{}", PATCH.1));
    }
    for object in &plan.extra {
        add(&object.path(), format!("{MARK}{}", object.template));
    }
    for (path, text) in objects(plan)? {
        add(&path, text);
    }
    add("Chart.yaml", chart_yaml(plan));
    add("values.yaml", values::values_yaml(&plan.values));
    add("values.schema.json", pretty(&Schema::of(&plan.values, &plan.parameters)));
    add("templates/_inputs.tpl", inputs(plan));
    add("templates/NOTES.txt", readme::notes(plan));
    add("README.md", readme::readme(plan));
    for file in &plan.files {
        chart.files.insert(file.path.clone(), file.bytes.clone());
    }
    Ok(chart)
}

/// The files of all objects, by their path.
fn objects(plan: &Plan) -> Result<Vec<(String, String)>, Error> {
    let environment = environment()?;
    let mut objects: Vec<_> =
        KINDS.iter().flat_map(|spec| (spec.objects)(plan).into_iter().map(move |object| (spec, object))).collect();
    // Those of one workload after each other, so that what their templates see is made once.
    objects.sort_by_key(|(_, object)| object.folder);
    let mut seen: Option<(&WorkloadView, Value)> = None;
    let mut files = Vec::with_capacity(objects.len());
    for (spec, object) in objects {
        let (path, target) = (path(spec, &object), patches::key(spec, &object));
        let folder = object.folder.filter(|_| !is_route(spec));
        let view = match (object.view, &seen) {
            (View::Own(view), _) => view(),
            (View::Workload(view), Some((last, value))) if std::ptr::eq(view, *last) => value.clone(),
            (View::Workload(view), _) => seen.insert((view, Value::from(Serde(view)))).1.clone(),
        };
        let text = environment.get_template(spec.template)?.render(context! {
            w => view,
            object => context! { qualifier => object.qualifier },
        })?;
        let text = switched(plan, folder, &text).unwrap_or(text);
        let text = patches::patched(plan, &path, &target, &text).unwrap_or(text);
        files.push((path, [MARK, &text].concat()));
    }
    Ok(files)
}

/// Whether an object belongs to a route, which may be called like a workload.
fn is_route(spec: &KindSpec) -> bool {
    matches!(spec.group, "traefik.io" | "gateway.networking.k8s.io") || spec.kind == "Ingress"
}

fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(
        SyntaxConfig::builder()
            .block_delimiters("[%", "%]")
            .variable_delimiters("[[", "]]")
            .comment_delimiters("[#", "#]")
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?,
    );
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_formatter(literal);
    for (name, source) in PARTS {
        environment.add_template(name, source)?;
    }
    for spec in &KINDS {
        environment.add_template(spec.template, spec.source)?;
    }
    Ok(environment)
}

/// Writes one expression of a template: strings as quoted literals, expressions for Helm as they are.
fn literal(out: &mut Output, _: &mut State, value: &Value) -> Result<(), Error> {
    let written = match value.kind() {
        ValueKind::String if value.is_safe() => write!(out, "{value}"),
        ValueKind::String => literal::write_quoted(out, value.as_str().unwrap_or_default(), true),
        ValueKind::Number => write!(out, "{value}"),
        ValueKind::Bool => out.write_str(if value.is_true() { "true" } else { "false" }),
        other => return Err(Error::new(ErrorKind::BadSerialization, format!("a template writes a {other}"))),
    };
    written.map_err(|_| Error::new(ErrorKind::WriteFailure, "writing to memory failed"))
}

/// `templates/<workload>/<kind>[-<qualifier>].yaml`; objects of the whole release lie directly in `templates/`.
fn path(spec: &KindSpec, object: &Object) -> String {
    let mut path = String::from("templates/");
    if let Some(folder) = object.folder {
        path.push_str(folder);
        path.push('/');
    }
    path.push_str(&spec.kind.to_lowercase());
    if !object.qualifier.is_empty() {
        path.push('-');
        path.push_str(&object.qualifier);
    }
    path.push_str(".yaml");
    path
}

fn chart_yaml(plan: &Plan) -> String {
    let compatibility = match plan.compatibility {
        OLDEST => String::new(),
        number => format!("  {COMPATIBILITY}: {}\n", yaml(&number.to_string())),
    };
    format!(
        "apiVersion: v2\nname: {}\ndescription: {}\ntype: application\nversion: {}\nappVersion: {}\nkubeVersion: \">=1.29.0-0\"\nannotations:\n  {CHART_ANNOTATION}: kubectl-aspire\n  aspire-k8s/application: {}\n{compatibility}",
        yaml(&plan.chart),
        yaml(&plan.description),
        yaml(&plan.version),
        yaml(&plan.app_version),
        yaml(&plan.application_id),
    )
}

/// The inputs that plain helm must be given, for the message that names them all.
fn inputs(plan: &Plan) -> String {
    let names: Vec<&String> = plan.required.keys().collect();
    // A JSON array of strings always has a text.
    let json = serde_json::to_string(&names).unwrap_or_default();
    let name = helm_yaml(&format!("{}.required", plan.chart));
    format!("{MARK}{{{{- define {name} -}}}}\n{json}\n{{{{- end -}}}}\n")
}

/// What ingress controllers understand, for the templates.
fn controllers_tpl() -> String {
    format!("{MARK}{{{{- define \"aspire.controllers\" -}}}}\n{}{{{{- end -}}}}\n", pretty(&controllers()))
}

fn pretty(json: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(json).unwrap_or_default();
    text.push('\n');
    text
}
