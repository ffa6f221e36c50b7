//! The rules for `charts:` that types cannot express: contradictions, cycles, two entries with one release, values
//! that are not available in time.

use super::rules::{API_VERSION, CONDITION, CRD, ENTRY, KIND, REFERENCE, REPOSITORY, VALUE_PATH, VALUES_FILE, VERSION};
use super::{EnvironmentChart, ExternalChart, Kind, Phase};
use crate::config::findings::Findings;
use crate::config::path::{Path, shown};
use crate::config::rules::{self, Rule};
use crate::config::{Config, SecretSource};
use crate::support::diagnostic::{Code, suggestion};
use std::collections::{BTreeMap, BTreeSet};

/// Reports what is not legal about the charts of a file.
pub(in crate::config) fn check(config: &Config, findings: &mut Findings, at: &Path<'_>) {
    let place = at.key("charts");
    for (name, chart) in &config.charts {
        Check { findings, config }.chart(name, chart, &place.key(name));
    }
    targets(config, findings, &place);
    cycles(config, findings, &place);
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
        findings.add(Code::InvalidValue, at, format!("{} is not valid as {}", shown(text), rule.what), rule.says);
    }
}

fn repository(findings: &mut Findings, address: Option<&str>, at: &Path<'_>) {
    match address {
        // What stands before the `@` is nothing to repeat.
        Some(address) if address.contains('@') => {
            let hint = "store them with `helm repo add NAME URL --username USER --password-stdin`; then set `chart: \
            NAME/CHART`";
            findings.add(Code::SecretInFile, at, "an address with a user or password must not be in a file", hint);
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
            let hint = "`repository` needs a chart name without a repository or path";
            self.findings.add(
                Code::ConflictingKeys,
                at,
                "`repository` contradicts `chart`, which already contains the repository",
                hint,
            );
        }
        if (REFERENCE.legal)(&chart.chart)
            && chart.kind() == Kind::Name
            && chart.repository.is_some() == chart.chart.contains('/')
        {
            let hint = "set `repository: https://...` and the chart name, or `chart` to REPOSITORY/NAME from `helm \
            repo list`, oci://..., ./FOLDER or ./FILE.tgz";
            self.findings.add(Code::ConflictingKeys, &at.key("chart"), "give the repository exactly once", hint);
        }
        if local && chart.version.is_some() {
            let hint = "a local chart is used as it is";
            self.findings.add(
                Code::ConflictingKeys,
                at,
                "`version` contradicts `chart`, which is a folder or a file",
                hint,
            );
        }
        if !local && chart.version.is_none() {
            let hint = "set one, such as `version: 4.10.0`, so that every deploy installs the same version";
            self.findings.add(Code::MissingKey, at, "`version` is missing", hint);
        }
        if chart.plain_http && chart.kind() != Kind::Oci {
            self.findings.add(
                Code::ConflictingKeys,
                at,
                "`plainHttp` is for oci:// charts",
                "for a repository, use an http:// address",
            );
        }
    }

    fn need(&mut self, chart: &ExternalChart, other: &str, at: &Path<'_>) {
        match self.config.charts.get(other) {
            None => {
                let near = self.findings.nearest(other, self.config.charts.keys().map(String::as_str));
                let hint = suggestion(near, "");
                self.findings.add(Code::UnknownEntry, at, format!("there is no chart {}", shown(other)), hint);
            }
            Some(other_chart) if chart.phase() == Phase::Before && other_chart.phase() == Phase::After => {
                let what = format!(
                    "a chart of phase `before` cannot need {}, which comes after the application",
                    shown(other)
                );
                self.findings.add(Code::ConflictingKeys, at, what, "change the `phase` of one of them");
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
                "it has the same release {} in namespace {} as {}",
                shown(release),
                shown(namespace),
                shown(other)
            );
            findings.add(
                Code::DuplicateEntry,
                &at.key(name),
                what,
                "give one of them another `release` or `namespace`",
            );
        }
    }
}

/// Charts that need each other in a cycle: each cycle is told once, at its first chart.
fn cycles(config: &Config, findings: &mut Findings, at: &Path<'_>) {
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for name in config.charts.keys() {
        let (mut here, mut seen) = (vec![name.as_str()], BTreeSet::new());
        while let Some(other) = here.pop() {
            let needs = config.charts.get(other).map(|chart| chart.needs.as_slice()).unwrap_or_default();
            here.extend(needs.iter().map(String::as_str).filter(|need| seen.insert(*need)));
        }
        if seen.contains(name.as_str()) && !told.contains(name.as_str()) {
            told.extend(seen.iter().copied());
            let what = "it depends on itself through its `needs`";
            findings.add(
                Code::CircularNeeds,
                &at.key(name).key("needs"),
                what,
                "remove one of the `needs` of the cycle",
            );
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
            findings.add(Code::ConflictingKeys, &place.key("from").key("deferred").key("producedBy"), what, hint);
        }
    }
}

fn environment_chart(config: &Config, name: &str, own: &EnvironmentChart, findings: &mut Findings, at: &Path<'_>) {
    let Some(base) = config.charts.get(name) else {
        let near = findings.nearest(name, config.charts.keys().map(String::as_str));
        let hint = suggestion(
            near,
            "an environment changes values, not structure: define the chart under `charts` outside of `environments`",
        );
        findings.add(Code::UnknownEntry, at, format!("there is no chart {}", shown(name)), hint);
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
        findings.add(Code::ConflictingKeys, at, "`version` contradicts `chart` above, which is a folder or a file", "");
    }
    if own.repository.is_some() && base.repository.is_none() {
        findings.add(
            Code::ConflictingKeys,
            at,
            "`repository` contradicts `chart` above, which already contains the repository",
            "",
        );
    }
}
