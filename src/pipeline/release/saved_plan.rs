//! A plan in a file: what it was made from, so that a later deploy does exactly that or reports what changed. Pure.
//!
//! The file is not secret. It contains a secret value in no form, not even as a digest: a short one could be guessed.
//! Instead it contains the revision number of the key (the write that last changed it), and the state of the Secret
//! that holds it. All other digests are made with a key that only the cluster has ([`Key`]), because a file of a chart
//! may contain a password that its author did not treat as one.

use crate::diff::{Action, Change};
use crate::inputs::Settled;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::digest::sha256;
use crate::targets::kubernetes::chart::Chart;
use crate::targets::kubernetes::chart_values::{ValuePath, leaves, written};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// The version of the file.
const VERSION: u32 = 2;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Saved {
    version: u32,
    /// What the plan was made from.
    basis: Basis,
    /// What it does, for a reader.
    changes: Vec<Entry>,
}

/// What a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Basis {
    /// Release name.
    pub release: String,
    pub namespace: String,
    /// Address of the API server.
    pub server: String,
    /// The namespace whose uid is the key of the digests.
    pub key_of: String,
    pub application: String,
    pub environment: Option<String>,
    /// Version of helm.
    pub helm: String,
    /// Digest of each file of the chart.
    pub chart: BTreeMap<String, String>,
    /// Digest of each plain value.
    pub values: BTreeMap<String, String>,
    /// What the Secret would be: the mark of each key.
    pub secrets: BTreeMap<String, String>,
    /// Names of secrets that the chart would be given, and whether each is the one that lives.
    pub chart_secrets: BTreeMap<String, bool>,
    /// The release: revision and status.
    pub revision: Option<String>,
    /// The state of every object that the plan looked at; none if there was none.
    pub objects: BTreeMap<String, Option<String>>,
    /// Digest and revision of each chart that comes with the application.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub charts: BTreeMap<String, String>,
}

/// One change, without its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Entry {
    action: Action,
    kind: String,
    name: String,
    fields: Vec<String>,
}

impl Saved {
    /// The file of a plan.
    pub fn new(basis: Basis, changes: &[Change]) -> Self {
        let entry = |change: &Change| Entry {
            action: change.action,
            kind: change.kind.clone(),
            name: change.name.clone(),
            fields: change.fields.iter().map(|field| field.path.clone()).collect(),
        };
        Self { version: VERSION, basis, changes: changes.iter().map(entry).collect() }
    }

    /// Reads a file. `name` is for messages.
    pub fn parse(text: &str, name: &str) -> Result<Self, Diagnostic> {
        let wrong = |what: String| {
            Diagnostic::new(Code::SavedPlanInvalid, "", format!("{name} is not a saved plan: {what}"))
                .hint("create one with `plan --save`")
        };
        let json: Json = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if json["version"].as_u64().is_some_and(|version| version != u64::from(VERSION)) {
            return Err(wrong(format!(
                "it has version {}, written by another version of kubectl-aspire",
                json["version"]
            )));
        }
        serde_json::from_value(json).map_err(|error| wrong(error.to_string()))
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        format!("{:#}\n", json!(self))
    }

    /// The plan in one word: the same plan of the same state has the same.
    pub fn hash(&self) -> String {
        digest(json!(self.basis).to_string().as_bytes())
    }

    /// The namespace whose uid is the key of the digests.
    pub fn key_of(&self) -> &str {
        &self.basis.key_of
    }

    /// The objects whose state the plan depends on.
    pub fn objects(&self) -> impl Iterator<Item = &str> {
        self.basis.objects.keys().map(String::as_str)
    }

    /// Everything that is not as it was when the plan was made.
    pub fn moved(&self, now: &Basis) -> Diagnostics {
        let then = &self.basis;
        let mut diagnostics = Diagnostics::default();
        let texts = [
            ("the release", &then.release, &now.release),
            ("the namespace", &then.namespace, &now.namespace),
            ("the API server", &then.server, &now.server),
            ("the application", &then.application, &now.application),
            ("the version of helm", &then.helm, &now.helm),
        ];
        for (what, then, now) in texts.into_iter().filter(|(_, then, now)| then != now) {
            diagnostics.push(Diagnostic::new(
                Code::PlanOutdated,
                "",
                format!("{what} is {now}, but the plan was made for {then}"),
            ));
        }
        if then.environment != now.environment {
            let name = |environment: &Option<String>| environment.clone().unwrap_or_else(|| "none".into());
            let what = "the environment is";
            let text =
                format!("{what} {}, but the plan was made for {}", name(&now.environment), name(&then.environment));
            diagnostics.push(Diagnostic::new(Code::PlanOutdated, "", text));
        }
        if then.revision != now.revision {
            let state = |revision: &Option<String>| revision.clone().unwrap_or_else(|| "not installed".into());
            let text = format!("the release is {}, it was {}", state(&now.revision), state(&then.revision));
            diagnostics.push(Diagnostic::new(Code::PlanOutdated, "", text));
        }
        differing("the chart differs", &then.chart, &now.chart, &mut diagnostics);
        differing("other values", &then.values, &now.values, &mut diagnostics);
        differing("other secrets", &then.secrets, &now.secrets, &mut diagnostics);
        differing("other secrets of the chart", &then.chart_secrets, &now.chart_secrets, &mut diagnostics);
        differing("other charts", &then.charts, &now.charts, &mut diagnostics);
        differing("changed on the cluster since", &then.objects, &now.objects, &mut diagnostics);
        diagnostics
    }
}

fn differing<T: PartialEq>(
    what: &str,
    then: &BTreeMap<String, T>,
    now: &BTreeMap<String, T>,
    diagnostics: &mut Diagnostics,
) {
    let gone = then.keys().filter(|name| !now.contains_key(*name));
    let other = now.iter().filter(|(name, value)| then.get(*name) != Some(value)).map(|(name, _)| name);
    let mut names: Vec<&str> = gone.chain(other).map(String::as_str).collect();
    names.sort_unstable();
    if !names.is_empty() {
        diagnostics.push(Diagnostic::new(Code::PlanOutdated, "", format!("{what}: {}", names.join(", "))));
    }
}

/// What the file alone does not reveal: the uid of a namespace, which is random and which no plan names.
pub(crate) struct Key<'a>(pub &'a str);

impl Key<'_> {
    /// The digest of each file of a chart.
    pub(crate) fn chart(&self, chart: &Chart) -> BTreeMap<String, String> {
        chart.files.iter().map(|(path, bytes)| (path.clone(), self.digest(bytes))).collect()
    }

    /// The digest of each plain value.
    pub(crate) fn values(&self, settled: &Settled) -> BTreeMap<String, String> {
        settled.kept().map(|(name, value)| (name.clone(), self.digest(value.as_bytes()))).collect()
    }

    /// The digest of each chart value that a user passed, by a name that no input has.
    pub(crate) fn passed(&self, values: &Map<String, Json>) -> BTreeMap<String, String> {
        let digest = |(path, value): (ValuePath, &Json)| {
            (format!("--set {}", written(&path)), self.digest(value.to_string().as_bytes()))
        };
        leaves(values).into_iter().map(digest).collect()
    }

    pub(crate) fn digest(&self, bytes: &[u8]) -> String {
        let inner = digest(&[self.0.as_bytes(), bytes].concat());
        digest(&[self.0.as_bytes(), inner.as_bytes()].concat())
    }
}

/// What tells two states of an object apart, and is the same while only its controllers write to it.
pub(crate) fn state_of(object: &Json) -> String {
    let metadata = &object["metadata"];
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let state = match (&metadata["generation"], &object["spec"]) {
        (Json::Number(generation), _) if generation.as_u64() != Some(0) => generation.to_string(),
        (_, Json::Null) => text(&metadata["resourceVersion"]),
        (_, spec) => digest(spec.to_string().as_bytes()),
    };
    format!("{} {state}", text(&metadata["uid"]))
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis() -> Basis {
        let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        Basis {
            release: "shop".into(),
            namespace: "n".into(),
            server: "https://a".into(),
            key_of: "kube-system".into(),
            application: "shop".into(),
            environment: None,
            helm: "4.2.4".into(),
            chart: one("Chart.yaml", "sha256:1"),
            values: one("currency", "sha256:2"),
            secrets: one("token", "1"),
            chart_secrets: BTreeMap::from([("key".into(), true)]),
            revision: Some("revision 3 (deployed)".into()),
            charts: one("nginx", "1"),
            objects: BTreeMap::from([("v1/Service/n/a".into(), Some("u 1".into())), ("v1/Service/n/b".into(), None)]),
        }
    }

    fn change(basis: &mut Basis, what: &str) {
        let put = |map: &mut BTreeMap<String, String>| map.insert("x".into(), "y".into());
        match what {
            "namespace" => basis.namespace = "other".into(),
            "environment" => basis.environment = Some("production".into()),
            "helm" => basis.helm = "3.14.4".into(),
            "chart" => basis.chart.clear(),
            "values" => drop(put(&mut basis.values)),
            "secrets" => drop(put(&mut basis.secrets)),
            "chart secrets" => drop(basis.chart_secrets.insert("key".into(), false)),
            "charts" => drop(put(&mut basis.charts)),
            "revision" => basis.revision = None,
            "objects" => drop(basis.objects.insert("v1/Service/n/b".into(), Some("u2 1".into()))),
            _ => {}
        }
    }

    #[test]
    fn everything_that_moved_is_named() {
        let saved = Saved::new(basis(), &[]);
        for (what, expected) in [
            ("nothing", ""),
            ("namespace", "the namespace is other, but the plan was made for n"),
            ("environment", "the environment is production, but the plan was made for none"),
            ("helm", "the version of helm is 3.14.4, but the plan was made for 4.2.4"),
            ("chart", "the chart differs: Chart.yaml"),
            ("values", "other values: x"),
            ("secrets", "other secrets: x"),
            ("chart secrets", "other secrets of the chart: key"),
            ("charts", "other charts: x"),
            ("revision", "the release is not installed, it was revision 3 (deployed)"),
            ("objects", "changed on the cluster since: v1/Service/n/b"),
        ] {
            let mut now = basis();
            change(&mut now, what);
            assert_eq!(saved.moved(&now).to_string(), expected);
            assert_eq!(Saved::new(now, &[]).hash() == saved.hash(), expected.is_empty(), "{what}");
        }
    }

    #[test]
    fn nobody_guesses_a_value_without_the_key() {
        let mut settled = Settled::default();
        settled.plain.insert("currency".into(), "EUR".into());
        settled.secret.insert("token".into(), "1234".into());
        let with = |key: &str| Key(key).values(&settled);
        assert_eq!(with("a"), with("a"));
        assert_ne!(with("a"), with("b"));
        assert_eq!(with("a").keys().collect::<Vec<_>>(), ["currency"], "not even a digest of a secret");
        assert_ne!(with("a")["currency"], digest(b"EUR"));
        let passed = json!({"workloads": {"api": {"replicas": 2}}});
        let passed = Key("a").passed(passed.as_object().unwrap());
        assert_eq!(passed.keys().collect::<Vec<_>>(), ["--set workloads.api.replicas"]);
        assert_ne!(passed["--set workloads.api.replicas"], digest(b"2"));
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let saved = Saved::new(basis(), &[]);
        assert_eq!(Saved::parse(&saved.to_text(), "f").unwrap(), saved);
        for (text, expected) in [
            ("", "f is not a saved plan"),
            ("{}", "f is not a saved plan"),
            ("{\"version\": 1}", "it has version 1"),
            (&*saved.to_text().replace("\"release\"", "\"odd\""), "unknown field `odd`"),
        ] {
            let diagnostic = Saved::parse(text, "f").unwrap_err().to_string();
            assert!(diagnostic.contains(expected), "{diagnostic}");
        }
    }

    #[test]
    fn the_state_of_an_object_moves_when_its_spec_does() {
        let deployment = |generation: u64, version: &str| json!({"metadata": {"uid": "u", "generation": generation, "resourceVersion": version}, "spec": {}});
        assert_eq!(state_of(&deployment(1, "5")), state_of(&deployment(1, "6")));
        assert_ne!(state_of(&deployment(1, "5")), state_of(&deployment(2, "5")));
        let claim = |size: &str, version: &str| json!({"metadata": {"uid": "u", "resourceVersion": version}, "spec": {"size": size}, "status": {"phase": version}});
        assert_eq!(state_of(&claim("1Gi", "5")), state_of(&claim("1Gi", "6")));
        assert_ne!(state_of(&claim("1Gi", "5")), state_of(&claim("2Gi", "5")));
        let secret =
            |version: &str| json!({"metadata": {"uid": "u", "resourceVersion": version}, "data": {"a": "eA=="}});
        assert_ne!(state_of(&secret("5")), state_of(&secret("6")));
        assert!(!state_of(&secret("5")).contains("eA"));
    }
}
