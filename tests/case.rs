//! One manifest with everything that is worked out of it, and what must be true of each.
//!
//! A check panics where it does not hold, with the smallest text that shows it.

use crate::helm::{self, RELEASE};
use crate::oracle::{self, Answer, Given};
use crate::program::{self, Input, REGISTRY, TAG, inputs, render, tree};
use crate::workload::{Workloads, differences};
use crate::{nasty, observe};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Name of the ConfigMap that stands in for folders which are not beside the manifest.
const GIVEN_FILES: &str = "given-files";

/// A rendered manifest.
pub(crate) struct Case {
    manifest: PathBuf,
    json: Value,
    inputs: Vec<Input>,
    given: BTreeMap<String, String>,
    folder: tempfile::TempDir,
}

impl Case {
    /// Renders a manifest and gives every input that must be given a nasty value.
    pub(crate) fn new(manifest: &Path) -> Self {
        Self::with_values(manifest, nasty::TEXTS)
    }

    /// Renders a manifest and gives every input that must be given one of `texts`.
    pub(crate) fn with_values<S: AsRef<str>>(manifest: &Path, texts: &[S]) -> Self {
        let json = oracle::read(manifest).expect("the manifest should be readable");
        let folder = tempfile::tempdir().expect("there should be room for a folder");
        let inputs = inputs(manifest);
        let given = given(&inputs, texts);
        let case = Self { manifest: manifest.to_owned(), json, inputs, given, folder };
        render(manifest, &case.chart(), &[]).expect("`render`");
        for (file, values) in
            [(case.values(), json!({"parameters": case.given})), (case.parameters(), json!(case.given))]
        {
            fs::write(file, nasty::values_file(&values)).expect("the values should be written");
        }
        case
    }

    /// Folder of the chart.
    pub(crate) fn chart(&self) -> PathBuf {
        self.folder().join("chart")
    }

    /// Folder for the files of a test.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// File with the values of all inputs that must be given.
    pub(crate) fn values(&self) -> PathBuf {
        self.folder().join("values.json")
    }

    /// The same for the program.
    fn parameters(&self) -> PathBuf {
        self.folder().join("parameters.json")
    }

    fn wanting(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter().filter(|input| input.must_be_given())
    }

    /// What `helm template` renders with those values, and what must be in the namespace before.
    fn objects(&self, version: &str) -> Vec<Value> {
        let mut objects = helm::objects(version, &self.chart(), &self.values());
        objects.extend(self.prerequisites());
        objects
    }

    /// The ConfigMap that stands in for folders which are not beside the manifest.
    pub(crate) fn prerequisites(&self) -> Option<Value> {
        let (name, content) = oracle::STAND_IN;
        let metadata = json!({"name": GIVEN_FILES});
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {name: content}});
        self.inputs.iter().any(Input::is_files).then_some(object)
    }

    /// What the oracle says.
    pub(crate) fn answer(&self) -> Answer {
        let names = program::workload_names(&self.chart());
        let folder = self.manifest.parent();
        let given =
            Given { inputs: self.given.clone(), registry: REGISTRY, tag: TAG, folder, names, ..Given::default() };
        oracle::answer(&self.json, &given)
    }

    /// Compares with what the oracle says.
    pub(crate) fn compare(&self, got: &Workloads) {
        let answer = self.answer();
        assert!(answer.missing.is_empty(), "`inputs` does not list {:?}", answer.missing);
        // The jobs of databases are in no manifest, and have tests of their own.
        let is_of_server =
            |name: &str| name.strip_suffix("-databases").is_some_and(|server| answer.workloads.contains_key(server));
        let mut got = got.clone();
        got.retain(|name, _| answer.workloads.contains_key(name) || !is_of_server(name));
        let found = differences(&answer.workloads, &got);
        assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    }

    /// The same manifest makes the same bytes, and `--check` tells when the folder holds others.
    pub(crate) fn renders_the_same(&self) {
        let again = self.folder().join("again");
        render(&self.manifest, &again, &[]).expect("the second `render`");
        let files = tree(&again);
        assert!(files == tree(&self.chart()), "a second `render` wrote other bytes");
        assert_eq!(self.check(&again), Some(0), "`render --check` of an unchanged chart");
        for change in [Change::Append, Change::Remove] {
            let (name, content) = files.iter().nth(files.len() / 2).expect("a chart has files");
            change.apply(&again.join(name), content);
            assert_eq!(self.check(&again), Some(2), "`render --check` after {change:?} of {name}");
        }
    }

    fn check(&self, chart: &Path) -> Option<i32> {
        render(&self.manifest, chart, &["--check"]).code
    }

    /// `helm lint --strict` finds nothing, with and without values.
    pub(crate) fn lints(&self) {
        let (chart, values) = (self.chart(), self.values());
        let (chart, values) = (chart.to_string_lossy(), values.to_string_lossy());
        for version in self.versions() {
            helm::helm(version, &["lint", "--strict", &chart]).expect("`helm lint --strict`");
            helm::helm(version, &["lint", "--strict", &chart, "-f", &values])
                .expect("`helm lint --strict` with values");
        }
    }

    /// Plain helm stops where an input is missing, and names all of them.
    pub(crate) fn names_missing_inputs(&self) {
        let outcome = helm::template(helm::NEWEST, &self.chart(), None);
        let wanting: Vec<&Input> = self.wanting().filter(|input| !input.used_by.is_empty()).collect();
        assert_eq!(outcome.code == Some(0), wanting.is_empty(), "without {wanting:?}:\n{}", outcome.err);
        for input in wanting {
            assert!(outcome.err.contains(&input.name), "{} is not named in\n{}", input.name, outcome.err);
        }
    }

    /// `inputs` lists what the oracle finds in use, and nothing that is neither used nor declared.
    pub(crate) fn lists_inputs(&self) {
        let used = self.answer().used;
        let listed: BTreeSet<String> = self.inputs.iter().map(|input| input.name.clone()).collect();
        let forgotten: Vec<&String> = used.difference(&listed).collect();
        assert!(forgotten.is_empty(), "`inputs` does not list {forgotten:?}");
        let declared = |name: &String| self.json["resources"][name]["type"] == "parameter.v0";
        let invented: Vec<_> = listed.difference(&used).filter(|n| !n.starts_with("image.") && !declared(n)).collect();
        assert!(invented.is_empty(), "`inputs` lists {invented:?}, which nothing uses");
    }

    /// The versions of helm that can read this chart.
    fn versions(&self) -> Vec<&'static str> {
        let oldest = Some(helm::OLDEST).filter(|_| !self.exceeds_the_oldest_helm());
        std::iter::once(helm::NEWEST).chain(oldest).collect()
    }

    /// Helm before 3.18 refuses every chart with a schema whose values hold DEL or a key `<<`, however they are written.
    pub(crate) fn exceeds_the_oldest_helm(&self) -> bool {
        let values = program::values(&self.chart()).to_string();
        values.contains('\u{7f}') || values.contains("\"<<\":")
    }

    /// What helm renders gives every container what the oracle says.
    pub(crate) fn gives_what_the_oracle_says(&self) {
        for version in self.versions() {
            self.compare(&observe::rendered(&self.objects(version)));
        }
    }

    /// Plain objects give every container the same, with the Secret that `deploy` would write.
    pub(crate) fn plain_objects_give_the_same(&self) {
        let yaml = self.yaml(&self.parameters(), &["--show-secrets"]);
        let mut objects = program::documents(&yaml);
        objects.extend(self.prerequisites());
        self.compare(&observe::rendered(&objects));
    }

    fn yaml(&self, parameters: &Path, more: &[&str]) -> String {
        let helm = helm::binary(helm::NEWEST);
        program::render_yaml(&helm, RELEASE, &self.manifest, parameters, more).expect("`render --format yaml`")
    }

    /// A secret value is in a Secret and nowhere else.
    pub(crate) fn keeps_secrets_in_secrets(&self) {
        let marked = |(n, input): (usize, &Input)| (input.name.clone(), format!("mark-{n}-kept"));
        let values: BTreeMap<String, String> = self.wanting().enumerate().map(marked).collect();
        let file = self.folder().join("marked.json");
        fs::write(&file, json!({"parameters": values}).to_string()).expect("the values should be written");
        let objects = helm::objects(helm::NEWEST, &self.chart(), &file);
        let parameters = self.folder().join("marked-parameters.json");
        fs::write(&parameters, json!(values).to_string()).expect("the values should be written");
        let yaml = self.yaml(&parameters, &[]);
        for input in self.wanting().filter(|input| input.secret) {
            let holders = objects.iter().filter(|object| object.to_string().contains(&values[&input.name]));
            let names: Vec<String> = holders.map(|holder| holder["metadata"]["name"].to_string()).collect();
            assert!(names.is_empty(), "the value of secret {} is in {names:?}", input.name);
            assert!(!yaml.contains(&values[&input.name]), "`render --format yaml` shows secret {}", input.name);
        }
    }

    /// All that can be seen without a cluster.
    pub(crate) fn check_chart(&self) {
        self.renders_the_same();
        self.lists_inputs();
        self.names_missing_inputs();
        self.gives_what_the_oracle_says();
        self.plain_objects_give_the_same();
        self.keeps_secrets_in_secrets();
        self.lints();
    }
}

fn given<S: AsRef<str>>(inputs: &[Input], texts: &[S]) -> BTreeMap<String, String> {
    let wanting = inputs.iter().filter(|input| input.must_be_given());
    let value = |input: &Input, n: usize| if input.is_files() { GIVEN_FILES } else { texts[n % texts.len()].as_ref() };
    wanting.enumerate().map(|(n, input)| (input.name.clone(), value(input, n).to_owned())).collect()
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Append,
    Remove,
}

impl Change {
    fn apply(self, file: &Path, content: &[u8]) {
        let done = match self {
            Self::Append => fs::write(file, [content, b"\n# changed\n"].concat()),
            Self::Remove => fs::remove_file(file),
        };
        done.expect("the chart should be writable");
    }
}

/// The names of those objects that must outlive the release: claims, credentials, and what was there before it.
pub(crate) fn kept(objects: &[Value]) -> BTreeSet<String> {
    let others = [format!("secret/{RELEASE}-chart-secrets"), format!("configmap/{GIVEN_FILES}")];
    let is_kept = |name: &String| name.starts_with("persistentvolumeclaim/") || others.contains(name);
    objects.iter().map(name_of).filter(is_kept).collect()
}

/// `<kind>/<name>`, as kubectl writes it.
pub(crate) fn name_of(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{}/{}", text(&object["kind"]).to_lowercase(), text(&object["metadata"]["name"]))
}
