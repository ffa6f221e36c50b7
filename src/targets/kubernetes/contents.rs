//! What a deploy must know of a chart besides its files. It is stored inside the chart as [`FILE`], so that a chart
//! that was rendered elsewhere is deployed like one that is rendered now.
//!
//! Pure: [`Contents`] to text and back. Holds no secret, not even the default of one; nothing is derived from
//! templates.

use super::claims::Claim;
use super::image_sources::ImageSources;
use super::planned::{ObjectName, Plan, PlannedWorkload};
use super::routes::{Discovering, Routes};
use super::secrets::SecretUse;
use super::sidecars;
use super::values::Tree;
use super::view::{DaprView, WorkloadView};
use crate::app::{App, Input, Note};
use crate::config::Release;
use crate::config::compatibility::{self, NEWEST, OLDEST};
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::digest::sha256;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

/// The file in the chart.
pub(crate) const FILE: &str = "aspire.json";

/// The only form that there is yet.
const FORMAT: u32 = 1;

/// What a chart holds, for all environments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contents {
    format: u32,
    application: String,
    name: String,
    /// Number of the defaults that pods get; charts of the oldest do not say it.
    #[serde(default = "oldest", skip_serializing_if = "is_oldest")]
    compatibility: u32,
    base: Part,
    environments: BTreeMap<String, Part>,
    /// Third-party charts that come with the application when its manifest is deployed, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    charts: Vec<String>,
    /// Digests of all other files of the chart by path, so that the next render detects edited files.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    files: BTreeMap<String, String>,
}

/// The same for one environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    release: Release,
    inputs: IndexMap<String, Input>,
    secrets: IndexMap<String, SecretUse>,
    required: IndexMap<String, Vec<String>>,
    workloads: Vec<Workload>,
    dapr_components: Vec<String>,
    objects: Vec<ObjectName>,
    /// Where images come from; none in a chart of a former version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    images: Option<ImageSources>,
    /// Routes whose host a deploy finds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    discoveries: Vec<Discovering>,
    /// (Workload, port name) of what is reached through routes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    reached: BTreeSet<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Workload {
    resource: String,
    name: String,
    kind: WorkloadKind,
    /// The workload whose pods run it, for a sidecar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    claims: Vec<Claim>,
    /// Public endpoints: (port name, scheme).
    external: Vec<(String, String)>,
    /// Numbers of defaults that change its pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changed_by: Vec<u32>,
}

/// A digest that is the same for CRLF and LF line endings, because git may convert them.
fn digest(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\r' || rest.peek() != Some(&b'\n') {
            plain.push(byte);
        }
    }
    // Half of it tells edits apart, and helm keeps it in each of its records.
    let mut digest = sha256(&plain);
    digest.truncate(32);
    digest
}

fn oldest() -> u32 {
    OLDEST
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_oldest(number: &u32) -> bool {
    *number == OLDEST
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum WorkloadKind {
    Deployment,
    StatefulSet,
    Job,
    CronJob,
    Sidecar,
}

impl Contents {
    /// What the chart holds when no environment is chosen.
    pub fn new(app: &App, plan: &Plan, release: &Release) -> Self {
        Self {
            format: FORMAT,
            application: app.id.clone(),
            name: app.name.clone(),
            compatibility: plan.compatibility,
            base: Part::new(app, plan, release),
            environments: BTreeMap::new(),
            charts: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    /// Names the third-party charts that come with the application. They do not travel: their values may not be for every reader.
    pub fn name_charts(&mut self, charts: Vec<String>) {
        self.charts = charts;
    }

    /// Stores the digests of all other files of the chart.
    pub(crate) fn know_files(&mut self, files: &BTreeMap<String, Vec<u8>>) {
        let others = files.iter().filter(|(path, _)| *path != FILE);
        self.files = others.map(|(path, bytes)| (path.clone(), digest(bytes))).collect();
    }

    /// Files that were edited since this chart was written and differ from `new`. `lying` reads the file at a path; a deleted
    /// file does not count as edited.
    pub(crate) fn edited(&self, new: &BTreeMap<String, Vec<u8>>, lying: &dyn Fn(&str) -> Option<Vec<u8>>) -> Vec<&str> {
        let is_normal = |part: Component| matches!(part, Component::Normal(_));
        let is_inside = |path: &str| Path::new(path).components().all(is_normal) && !path.contains(char::is_control);
        let is_edited = |path: &str, known: &str| {
            lying(path).is_some_and(|bytes| {
                digest(&bytes) != known && new.get(path).is_none_or(|new| digest(new) != digest(&bytes))
            })
        };
        let edited = self.files.iter().filter(|(path, known)| is_inside(path) && is_edited(path, known));
        edited.map(|(path, _)| path.as_str()).collect()
    }

    /// What it holds in an environment.
    pub fn add(&mut self, environment: &str, app: &App, plan: &Plan, release: &Release) {
        self.environments.insert(environment.to_owned(), Part::new(app, plan, release));
    }

    /// The text of the file: the same contents are the same bytes.
    pub fn to_text(&self) -> String {
        // Plain data of this crate always has a JSON form.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, Diagnostic> {
        let wrong = |what: String| {
            Diagnostic::new(Code::NotARenderedChart, FILE, what)
                .hint("render the chart again; the file is not meant to be edited")
        };
        let json: Json =
            serde_json::from_slice(bytes).map_err(|error| wrong(format!("it is not valid JSON: {error}")))?;
        match json["format"].as_u64() {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => {
                let what = format!("it has format {format}, but this version reads format {FORMAT}");
                return Err(Diagnostic::new(Code::NotARenderedChart, FILE, what)
                    .hint("deploy with the version that rendered the chart, or a later one"));
            }
            None => return Err(wrong("it has no `format`".into())),
        }
        serde_json::from_value(json).map_err(|error| wrong(format!("it has an invalid structure: {error}")))
    }

    /// The environments that the chart was rendered with.
    pub fn environments(&self) -> impl Iterator<Item = &str> {
        self.environments.keys().map(String::as_str)
    }

    /// The number of the defaults that pods get; the newest for one that is not known.
    pub fn compatibility(&self) -> u32 {
        compatibility::read(&self.compatibility.to_string()).unwrap_or(NEWEST)
    }

    /// Whether it says where images come from; charts of former versions do not.
    pub fn knows_images(&self) -> bool {
        self.base.images.is_some()
    }

    fn part(&self, environment: Option<&str>) -> Option<&Part> {
        match environment {
            Some(name) => self.environments.get(name),
            None => Some(&self.base),
        }
    }

    /// The claims with a name of their own in an environment, each with its resource; none when the chart does not know it.
    pub(crate) fn claims(&self, environment: Option<&str>) -> Option<Vec<(&str, &Claim)>> {
        let all = self.part(environment)?.workloads.iter();
        let all = all.flat_map(|workload| workload.claims.iter().map(|claim| (&*workload.resource, claim)));
        Some(all.filter(|(_, claim)| !claim.per_replica).collect())
    }

    /// The application and its plan as far as a deploy looks at them, and the intended release. None for an environment that
    /// the chart does not know. `chart` is its name, `values` are its values with those of the environment.
    pub fn restore(&self, chart: &str, values: &Json, environment: Option<&str>) -> Option<(App, Plan, Release)> {
        let part = self.part(environment)?;
        let app = App {
            name: self.name.clone(),
            id: self.application.clone(),
            inputs: part.inputs.clone(),
            ..App::default()
        };
        let mut tree = Tree::default();
        for (key, value) in values.as_object().into_iter().flatten() {
            tree.data(key, "", value);
        }
        let components = part.dapr_components.iter();
        let left_out = |charts: &str| Note {
            code: Code::NotDeployed,
            resource: "charts".to_owned(),
            text: format!(
                "not installed, because SOURCE is a rendered chart: {charts}; a deploy of the manifest installs them"
            ),
        };
        let notes = Some(self.charts.join(", ")).filter(|charts| !charts.is_empty());
        let plan = Plan {
            chart: chart.to_owned(),
            notes: notes.as_deref().map(left_out).into_iter().collect(),
            application_id: self.application.clone(),
            compatibility: self.compatibility,
            workloads: part.workloads.iter().map(Workload::restore).collect(),
            dapr_components: components
                .map(|name| DaprView { name: name.clone(), scopes: Vec::new(), has: Vec::new() })
                .collect(),
            secrets: part.secrets.clone(),
            required: part.required.clone(),
            values: tree,
            objects: part.objects.clone(),
            images: part.images.clone().unwrap_or_else(|| {
                ImageSources::all_named(part.workloads.iter().map(|workload| workload.resource.clone()))
            }),
            routes: Routes {
                discoveries: part.discoveries.clone(),
                reached: part.reached.clone(),
                ..Routes::default()
            },
            ..Plan::default()
        };
        Some((app, plan, part.release.clone()))
    }
}

impl Part {
    fn new(app: &App, plan: &Plan, release: &Release) -> Self {
        let mut inputs = app.inputs.clone();
        for input in inputs.values_mut().filter(|input| input.secret) {
            input.default = None;
        }
        Self {
            release: release.clone(),
            inputs,
            secrets: plan.secrets.clone(),
            required: plan.required.clone(),
            workloads: plan.workloads.iter().map(|planned| Workload::new(planned, plan.compatibility)).collect(),
            dapr_components: plan.dapr_components.iter().map(|component| component.name.clone()).collect(),
            objects: plan.objects.clone(),
            images: Some(plan.images.clone()),
            discoveries: plan.routes.discoveries.clone(),
            reached: plan.routes.reached.clone(),
        }
    }
}

impl Workload {
    fn new(planned: &PlannedWorkload, number: u32) -> Self {
        let kind = match planned.view.kind {
            "StatefulSet" => WorkloadKind::StatefulSet,
            "Job" => WorkloadKind::Job,
            "CronJob" => WorkloadKind::CronJob,
            sidecars::KIND => WorkloadKind::Sidecar,
            _ => WorkloadKind::Deployment,
        };
        Self {
            resource: planned.resource.clone(),
            name: planned.view.name.clone(),
            kind,
            host: (kind == WorkloadKind::Sidecar).then(|| planned.view.pods.clone()),
            claims: planned.claims.clone(),
            external: planned.external.clone(),
            changed_by: planned.changed_by.iter().copied().filter(|by| *by <= number).collect(),
        }
    }

    fn restore(&self) -> PlannedWorkload {
        let (kind, other_kind) = match self.kind {
            WorkloadKind::Deployment => ("Deployment", "StatefulSet"),
            WorkloadKind::StatefulSet => ("StatefulSet", "Deployment"),
            WorkloadKind::Job => ("Job", ""),
            WorkloadKind::CronJob => ("CronJob", ""),
            WorkloadKind::Sidecar => (sidecars::KIND, ""),
        };
        let pods = self.host.clone().unwrap_or_else(|| self.name.clone());
        PlannedWorkload {
            resource: self.resource.clone(),
            view: WorkloadView { name: self.name.clone(), pods, kind, other_kind, ..WorkloadView::default() },
            claims: self.claims.clone(),
            claim_views: Vec::new(),
            external: self.external.clone(),
            changed_by: self.changed_by.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Contents {
        let input = |secret: bool| Input {
            secret,
            default: Some("hush".into()),
            generate: None,
            used_by: ["api".to_owned()].into_iter().collect(),
            uri: false,
            reason: None,
        };
        let app = App {
            name: "shop".into(),
            id: "shop-1".into(),
            inputs: [("token".to_owned(), input(true)), ("currency".to_owned(), input(false))].into_iter().collect(),
            ..App::default()
        };
        let planned = Workload {
            resource: "Api".into(),
            name: "api".into(),
            kind: WorkloadKind::StatefulSet,
            host: None,
            claims: Vec::new(),
            external: vec![("http".into(), "http".into())],
            changed_by: Vec::new(),
        };
        let objects = vec![ObjectName { kind: "Service".into(), name: "api".into() }];
        let plan = Plan { workloads: vec![planned.restore()], objects, ..Plan::default() };
        let mut contents = Contents::new(&app, &plan, &Release::default());
        contents.add("production", &app, &plan, &Release { name: Some("live".into()), namespace: None });
        contents
    }

    #[test]
    fn contents_are_read_back() {
        let contents = sample();
        let text = contents.to_text();
        assert_eq!(Contents::parse(text.as_bytes()).unwrap(), contents);
        let (app, plan, release) = contents.restore("shop", &json!({"a": {"b": 1}}), Some("production")).unwrap();
        assert_eq!((&*app.id, &*plan.application_id, release.name.as_deref()), ("shop-1", "shop-1", Some("live")));
        assert_eq!(plan.workloads[0].view.other_kind, "Deployment");
        assert_eq!(plan.values.to_json(), json!({"a": {"b": 1}}));
        assert_eq!(plan.objects[0].name, "api");
        assert!(contents.restore("shop", &json!({}), Some("elsewhere")).is_none());
    }

    #[test]
    fn what_was_edited_is_seen() {
        let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
        let mut contents = sample();
        contents.know_files(&[file("a", "1\n"), file("b", "2\n"), file("c", "3\n"), file(FILE, "x")].into());
        contents.files.insert("../d".into(), String::new());
        let new = [file("a", "1\n"), file("b", "4\n")].into();
        let edited = |lying: &[(&str, &str)]| {
            let find =
                |path: &str| lying.iter().find(|(own, _)| *own == path).map(|(_, text)| text.as_bytes().to_vec());
            contents.edited(&new, &find).join(" ")
        };
        assert_eq!(edited(&[("a", "1\n"), ("b", "2\n"), ("c", "3\n"), ("own", "z"), (FILE, "y"), ("../d", "q")]), "");
        assert_eq!(
            edited(&[("a", "1\r\n"), ("b", "4\n")]),
            "",
            "git changed the line ends; the edit is what comes anyway"
        );
        assert_eq!(edited(&[("a", "5\n"), ("b", "5\n"), ("c", "5\n")]), "a b c");
    }

    #[test]
    fn the_default_of_a_secret_does_not_travel() {
        let text = sample().to_text();
        assert_eq!(text.matches("hush").count(), 2, "that of `currency`, twice: {text}");
    }

    #[test]
    fn files_that_are_not_ours_say_what_is_wrong() {
        for (text, part) in [
            ("", "it is not valid JSON"),
            ("[]", "it has no `format`"),
            (r#"{"format": 2}"#, "format 2, but this version reads format 1"),
            (r#"{"format": 1}"#, "it has an invalid structure"),
        ] {
            let diagnostic = Contents::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(diagnostic.contains(part), "{diagnostic}");
        }
    }
}
