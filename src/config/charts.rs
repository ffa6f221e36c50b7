//! `charts:` as written: other people's charts that are installed with the application. What types cannot say of them.

use super::findings::{Findings, Path, shown};
use super::rules::{self, Rule, is_dns_label, is_exact_version, is_one_line, is_secret_key, is_version_range};
use super::{Config, SecretSource};
use crate::problem::nearest;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// One entry of `charts:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are keys of a file")]
pub struct ExternalChart {
    /// Name in the `repository`, or REPOSITORY/NAME as helm knows it, or `oci://HOST/PATH`, or a folder (`./...`) or packed
    /// chart (`./....tgz`) from the folder of aspire-k8s.yaml.
    pub chart: String,
    /// Address of the chart repository.
    #[serde(default)]
    pub repository: Option<String>,
    /// Version of the chart, or a range (`^4.10`, `~4.10.1`) that `charts lock` makes exact. Required but for folders and packed charts.
    #[serde(default)]
    pub version: Option<String>,
    /// Namespace; the entry's name when absent. It is made when it is missing.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Release name (at most 53 characters); the entry's name when absent.
    #[serde(default)]
    pub release: Option<String>,
    /// Values of the chart; they win over files.
    #[serde(default)]
    pub values: Map<String, Value>,
    /// Files of values, the later over the earlier, from the folder of aspire-k8s.yaml.
    #[serde(default)]
    pub values_files: Vec<String>,
    /// Values that are parameters of the application: path in the values (`auth.password`) to parameter. They win over all.
    #[serde(default)]
    pub values_from: IndexMap<String, String>,
    /// When it is installed; `before` the application when absent.
    #[serde(default)]
    pub phase: Option<Phase>,
    /// Other entries of `charts` that come first.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What must be there before what comes next begins, besides what helm waits for.
    #[serde(default)]
    pub wait_for: WaitFor,
    /// Whether `destroy` of the application removes it.
    #[serde(default)]
    pub destroy: bool,
    /// Whether fields that others set are taken over (helm 4; helm 3 always does).
    #[serde(default)]
    pub force_conflicts: bool,
    /// Whether a release of this name that somebody else installed is taken over.
    #[serde(default)]
    pub adopt: bool,
    /// Whether the registry of an oci:// chart speaks plain HTTP.
    #[serde(default)]
    pub plain_http: bool,
}

/// When a chart is installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Before the application.
    #[default]
    Before,
    /// After it.
    After,
}

/// `waitFor:` of a chart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WaitFor {
    /// Custom resource definitions that must be established: `gateways.gateway.networking.k8s.io`.
    pub crds: Vec<String>,
    /// Objects that must have a condition.
    pub objects: Vec<WaitObject>,
}

/// An object that is waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaitObject {
    /// Group and version; needed for kinds that are not Kubernetes' own.
    #[serde(default)]
    pub api_version: Option<String>,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace; that of the chart when absent.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Condition of its status that must be true; without one it is enough that the object is there.
    #[serde(default)]
    pub condition: Option<String>,
}

/// One entry of `charts:` of an environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentChart {
    /// Address of the chart repository.
    pub repository: Option<String>,
    /// Version of the chart.
    pub version: Option<String>,
    /// Values of the chart, over those of the entry.
    pub values: Map<String, Value>,
    /// Further files of values, over those of the entry.
    pub values_files: Vec<String>,
}

/// Where a chart comes from, as its reference says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An address of a registry.
    Oci,
    /// A name, in a repository that is named beside it or that helm knows.
    Name,
    /// A folder or packed chart.
    File,
}

impl ExternalChart {
    /// Where it comes from.
    pub fn kind(&self) -> Kind {
        if self.chart.starts_with("oci://") {
            Kind::Oci
        } else if is_local(&self.chart) {
            Kind::File
        } else {
            Kind::Name
        }
    }

    /// When it is installed.
    pub fn phase(&self) -> Phase {
        self.phase.unwrap_or_default()
    }

    /// Its release and namespace.
    pub fn target<'a>(&'a self, name: &'a str) -> (&'a str, &'a str) {
        (self.release.as_deref().unwrap_or(name), self.namespace.as_deref().unwrap_or(name))
    }
}

/// Whether a reference names something on disk.
pub(super) fn is_local(reference: &str) -> bool {
    ["./", "../", "/", "~"].iter().any(|start| reference.starts_with(start))
        || reference == "."
        || reference.strip_suffix(".tgz").is_some_and(|rest| !rest.contains("://"))
}

const ENTRY: Rule = Rule {
    what: "the name of a chart",
    says: "lower-case letters, digits and `-`, a letter or digit first and last, at most 50 characters",
    legal: |text| text.len() <= 50 && is_dns_label(text),
};
pub(super) const REFERENCE: Rule = Rule {
    what: "a chart",
    says: "a name in a `repository`, REPOSITORY/NAME as helm knows it, oci://HOST/PATH, ./FOLDER or ./FILE.tgz; letters, digits, `_`, `.`, `/`, `:`, `@`, `+`, `~` and `-` only",
    legal: is_reference,
};
const REPOSITORY: Rule = Rule {
    what: "a chart repository",
    says: "an address such as https://kubernetes.github.io/ingress-nginx, and nothing after it",
    legal: is_repository,
};
pub(super) const VERSION: Rule = Rule {
    what: "a version of a chart",
    says: "a semantic version such as 4.10.0 or v1.20.2, or a range such as ^4.10 or ~4.10.1",
    legal: |text| is_exact_version(text) || is_version_range(text),
};
const VALUES_FILE: Rule = Rule {
    what: "a file of values",
    says: "a path on one line, not starting with `-`",
    legal: |text| is_one_line(text) && !text.starts_with('-'),
};
const VALUE_PATH: Rule = Rule {
    what: "a path in values",
    says: "keys joined by dots, such as auth.password; a dot inside of a key is written `\\.`",
    legal: is_value_path,
};
const CRD: Rule = Rule {
    what: "the name of a custom resource definition",
    says: "PLURAL.GROUP, such as gateways.gateway.networking.k8s.io",
    legal: |text| text.contains('.') && (rules::OBJECT_NAME.legal)(text),
};
const KIND: Rule = Rule {
    what: "a kind",
    says: "such as Deployment",
    legal: |text| text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(|c| c.is_ascii_alphanumeric()),
};
const API_VERSION: Rule = Rule {
    what: "a group and version",
    says: "such as apps/v1",
    legal: |text| text.split('/').count() <= 2 && text.split('/').all(|part| (rules::OBJECT_NAME.legal)(part)),
};
const CONDITION: Rule =
    Rule { what: "a condition", says: "such as Available or Ready", legal: |text| is_secret_key(text) };

/// The characters that Aspire's own tool lets through, and no word that helm would take for a flag or that climbs oddly.
fn is_reference(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_./:@+~-".contains(c);
    if text.is_empty() || text.len() > 1024 || text.starts_with('-') || !text.chars().all(legal) {
        return false;
    }
    match text.split_once("://") {
        Some(("oci", rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            !host.is_empty()
                && !host.contains('@')
                && is_path(path)
                && !path.split('/').any(|part| part == "." || part == "..")
        }
        Some(_) => false,
        None if is_local(text) => {
            // Up to the folders above, but never down and up again: `charts/../../x` hides where it leads.
            let parts: Vec<&str> = text.trim_start_matches('/').split('/').filter(|part| !part.is_empty()).collect();
            let down = parts.iter().position(|part| !matches!(*part, "." | "..")).unwrap_or(parts.len());
            !text.starts_with('~')
                && !text.contains("//")
                && parts[down..].iter().all(|part| !matches!(*part, "." | ".."))
        }
        None => text.matches('/').count() <= 1 && is_path(text) && !text.contains([':', '@', '~']),
    }
}

fn is_path(text: &str) -> bool {
    !text.is_empty() && text.split('/').all(|part| !part.is_empty() && !part.starts_with(['-', '.']))
}

fn is_repository(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let legal = |c: char| c.is_ascii_alphanumeric() || "_./:%+~-[]".contains(c);
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '-', ':']) && rest.chars().all(legal))
}

fn is_value_path(text: &str) -> bool {
    is_one_line(text) && path_keys(text).iter().all(|key| !key.is_empty())
}

/// The keys of a path in values: `a.b\.c` is `a` and `b.c`.
pub fn path_keys(path: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut characters = path.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' if characters.peek() == Some(&'.') => {
                characters.next();
                keys.last_mut().into_iter().for_each(|key| key.push('.'));
            }
            '.' => keys.push(String::new()),
            c => keys.last_mut().into_iter().for_each(|key| key.push(c)),
        }
    }
    keys
}

/// Reports what is not legal about the charts of a file.
pub(super) fn check(config: &Config, findings: &mut Findings, at: &Path<'_>) {
    let place = at.key("charts");
    for (name, chart) in &config.charts {
        Check { findings, config }.chart(name, chart, &place.key(name));
    }
    targets(config, findings, &place);
    circles(config, findings, &place);
    producers(config, findings, at);
    for (environment, intent) in &config.environments {
        let place = at.key("environments");
        let place = place.key(environment);
        let place = place.key("charts");
        for (name, own) in &intent.charts {
            environment_chart(config, name, own, findings, &place.key(name));
        }
    }
}

fn text(findings: &mut Findings, text: &str, rule: &Rule, at: &Path<'_>) {
    if !(rule.legal)(text) {
        findings.add(at, format!("{} is not legal as {}", shown(text), rule.what), rule.says);
    }
}

fn repository(findings: &mut Findings, address: Option<&str>, at: &Path<'_>) {
    match address {
        // What stands before the `@` is nothing to repeat.
        Some(address) if address.contains('@') => {
            let hint = "`helm repo add NAME URL --username USER --password-stdin` keeps them; then `chart: NAME/CHART`";
            findings.add(at, "an address with a user or password must not stand in a file", hint);
        }
        Some(address) => text(findings, address, &REPOSITORY, at),
        None => {}
    }
}

struct Check<'a, 'f> {
    findings: &'f mut Findings,
    config: &'a Config,
}

impl Check<'_, '_> {
    fn text(&mut self, text: &str, rule: &Rule, at: &Path<'_>) {
        self::text(self.findings, text, rule, at);
    }

    fn option(&mut self, text: Option<&str>, rule: &Rule, at: &Path<'_>) {
        if let Some(text) = text {
            self.text(text, rule, at);
        }
    }

    fn chart(&mut self, name: &str, chart: &ExternalChart, at: &Path<'_>) {
        self.text(name, &ENTRY, at);
        self.text(&chart.chart, &REFERENCE, &at.key("chart"));
        repository(self.findings, chart.repository.as_deref(), &at.key("repository"));
        self.option(chart.version.as_deref(), &VERSION, &at.key("version"));
        self.option(chart.namespace.as_deref(), &rules::NAMESPACE, &at.key("namespace"));
        self.option(chart.release.as_deref(), &rules::RELEASE_NAME, &at.key("release"));
        self.origin(chart, at);
        for (index, file) in chart.values_files.iter().enumerate() {
            self.text(file, &VALUES_FILE, &at.key("valuesFiles").item(index));
        }
        let from = at.key("valuesFrom");
        for (path, parameter) in &chart.values_from {
            self.text(path, &VALUE_PATH, &from.key(path));
            self.text(parameter, &rules::PRODUCER, &from.key(path));
        }
        let wait = at.key("waitFor");
        for (index, crd) in chart.wait_for.crds.iter().enumerate() {
            self.text(crd, &CRD, &wait.key("crds").item(index));
        }
        for (index, object) in chart.wait_for.objects.iter().enumerate() {
            let at = wait.key("objects");
            let at = at.item(index);
            self.option(object.api_version.as_deref(), &API_VERSION, &at.key("apiVersion"));
            self.text(&object.kind, &KIND, &at.key("kind"));
            self.text(&object.name, &rules::OBJECT_NAME, &at.key("name"));
            self.option(object.namespace.as_deref(), &rules::NAMESPACE, &at.key("namespace"));
            self.option(object.condition.as_deref(), &CONDITION, &at.key("condition"));
        }
        let needs = at.key("needs");
        for (index, other) in chart.needs.iter().enumerate() {
            self.need(chart, other, &needs.item(index));
        }
    }

    fn origin(&mut self, chart: &ExternalChart, at: &Path<'_>) {
        let local = chart.kind() == Kind::File;
        if chart.kind() != Kind::Name && chart.repository.is_some() {
            let hint = "`repository` goes with the bare name of a chart";
            self.findings.add(at, "`repository` contradicts `chart`, which says where it is", hint);
        }
        if is_reference(&chart.chart)
            && chart.kind() == Kind::Name
            && chart.repository.is_some() == chart.chart.contains('/')
        {
            let hint = "write `repository: https://...` and the bare name, or REPOSITORY/NAME as `helm repo list` knows it, or oci://..., ./FOLDER or ./FILE.tgz";
            self.findings.add(&at.key("chart"), "it is not said in which repository the chart is, or twice", hint);
        }
        if local && chart.version.is_some() {
            let hint = "what lies beside aspire-k8s.yaml is taken as it is";
            self.findings.add(at, "`version` contradicts `chart`, which is a folder or a file", hint);
        }
        if !local && chart.version.is_none() {
            let hint = "say which, such as `version: 4.10.0`: the newest of one day is not that of another";
            self.findings.add(at, "`version` is missing", hint);
        }
        if chart.plain_http && chart.kind() != Kind::Oci {
            self.findings.add(at, "`plainHttp` is for oci:// charts", "a repository says it by its address");
        }
    }

    fn need(&mut self, chart: &ExternalChart, other: &str, at: &Path<'_>) {
        match self.config.charts.get(other) {
            None => {
                let near = nearest(other, self.config.charts.keys().map(String::as_str));
                let hint = near.map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
                self.findings.add(at, format!("there is no chart {}", shown(other)), hint);
            }
            Some(other_chart) if chart.phase() == Phase::Before && other_chart.phase() == Phase::After => {
                let what = format!(
                    "a chart of phase `before` cannot need {}, which comes after the application",
                    shown(other)
                );
                self.findings.add(at, what, "change the `phase` of one of them");
            }
            Some(_) => {}
        }
    }
}

/// Two entries that would be one release.
fn targets(config: &Config, findings: &mut Findings, at: &Path<'_>) {
    let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (name, chart) in &config.charts {
        let target = chart.target(name);
        if let Some(other) = seen.insert(target, name) {
            let (release, namespace) = target;
            let what = format!(
                "it is the release {} in namespace {}, like {}",
                shown(release),
                shown(namespace),
                shown(other)
            );
            findings.add(&at.key(name), what, "give one of them another `release` or `namespace`");
        }
    }
}

/// Charts that need each other in a circle: each circle is told once, at its first chart.
fn circles(config: &Config, findings: &mut Findings, at: &Path<'_>) {
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for name in config.charts.keys() {
        let (mut here, mut seen) = (vec![name.as_str()], BTreeSet::new());
        while let Some(other) = here.pop() {
            let needs = config.charts.get(other).map(|chart| chart.needs.as_slice()).unwrap_or_default();
            here.extend(needs.iter().map(String::as_str).filter(|need| seen.insert(*need)));
        }
        if seen.contains(name.as_str()) && !told.contains(name.as_str()) {
            told.extend(seen.iter().copied());
            let what = "it needs itself, by way of the charts that it needs";
            findings.add(&at.key(name).key("needs"), what, "remove one of the `needs` of the circle");
        }
    }
}

/// Who makes a value that the application waits for must not wait for the application.
fn producers(config: &Config, findings: &mut Findings, at: &Path<'_>) {
    let is_late = |name: &str| config.charts.get(name).is_some_and(|chart| chart.phase() == Phase::After);
    let sources = config.parameters.iter().filter_map(|(name, parameter)| Some((name, parameter.from.as_ref()?)));
    for (name, source) in sources {
        if let SecretSource::Deferred(deferred) = source
            && is_late(&deferred.produced_by)
        {
            let what =
                format!("{} comes after the application, which waits for this value", shown(&deferred.produced_by));
            let hint = "give the chart `phase: before`";
            let place = at.key("parameters");
            let place = place.key(name);
            findings.add(&place.key("from").key("deferred").key("producedBy"), what, hint);
        }
    }
}

fn environment_chart(config: &Config, name: &str, own: &EnvironmentChart, findings: &mut Findings, at: &Path<'_>) {
    let Some(base) = config.charts.get(name) else {
        let near = nearest(name, config.charts.keys().map(String::as_str));
        let hint = near.map_or_else(
            || "an environment changes values, never structure: the chart stands under `charts` above".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        findings.add(at, format!("there is no chart {}", shown(name)), hint);
        return;
    };
    for (index, file) in own.values_files.iter().enumerate() {
        text(findings, file, &VALUES_FILE, &at.key("valuesFiles").item(index));
    }
    if let Some(version) = &own.version {
        text(findings, version, &VERSION, &at.key("version"));
    }
    repository(findings, own.repository.as_deref(), &at.key("repository"));
    if own.version.is_some() && base.kind() == Kind::File {
        findings.add(at, "`version` contradicts `chart` above, which is a folder or a file", "");
    }
    if own.repository.is_some() && base.repository.is_none() {
        findings.add(at, "`repository` contradicts `chart` above, which says where it is", "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_charts() {
        for (text, legal) in [
            ("ingress-nginx", true),
            ("bitnami/redis", true),
            ("oci://quay.io/jetstack/charts/cert-manager", true),
            ("oci://127.0.0.1:5000/charts/a", true),
            ("./charts/own", true),
            ("../own", true),
            ("../../own.tgz", true),
            ("./own-1.0.0.tgz", true),
            ("/srv/charts/own", true),
            ("", false),
            ("-x", false),
            ("--repo", false),
            ("a b", false),
            ("a;rm", false),
            ("$(x)", false),
            ("`x`", false),
            ("a'b", false),
            ("a\"b", false),
            ("a\nb", false),
            ("a|b", false),
            ("a&b", false),
            ("a\\b", false),
            ("a\u{1b}[31m", false),
            ("./charts/../../../etc", false),
            ("..", false),
            ("a/../b", false),
            ("oci://h/a/../b", false),
            ("oci://", false),
            ("oci:///a", false),
            ("https://h/a-1.0.0.tgz", false),
            ("file:///etc", false),
            ("~/x", false),
            ("a/b/c", false),
            ("a/-b", false),
        ] {
            assert_eq!(is_reference(text), legal, "{text:?}");
        }
    }

    #[test]
    fn addresses_of_repositories() {
        for (text, legal) in [
            ("https://kubernetes.github.io/ingress-nginx", true),
            ("http://127.0.0.1:8080", true),
            ("https://[::1]:8080/x", true),
            ("https://user:secret@h/x", false),
            ("https://", false),
            ("oci://h/x", false),
            ("file:///x", false),
            ("https://h/x y", false),
            ("https://h/;x", false),
            ("-x", false),
        ] {
            assert_eq!(is_repository(text), legal, "{text:?}");
        }
    }

    #[test]
    fn paths_in_values() {
        assert_eq!(path_keys("auth.password"), ["auth", "password"]);
        assert_eq!(path_keys(r"a.b\.c"), ["a", "b.c"]);
        for text in ["", ".", "a.", ".a", "a..b", "a\nb"] {
            assert!(!is_value_path(text), "{text:?}");
        }
    }
}
