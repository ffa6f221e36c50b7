//! What a deploy and its plan read and check. Nothing is written here except the chart, to a temporary folder.

use super::charts::steps as charts;
use super::deploy_run::DeployRun;
use crate::doctor::{Finding, Verdict};
use crate::external_charts::PlannedChart;
use crate::k8s::error::ErrorKind;
use crate::pipeline::Error;
use crate::pipeline::engine::event::warn;
use crate::pipeline::engine::graph::Step;
use crate::pipeline::release::preflight::{Examination, Examined};
use crate::pipeline::release::resolve_inputs::settled;
use crate::pipeline::release::{compatibility, external_secrets, lock, passed_values, preflight, snapshot, values};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::redact::hides_words;
use crate::support::temporary;
use crate::targets::kubernetes::chart::write;

/// The checks that are about what belongs to whom.
const OWNERS: [&str; 4] = ["release", "claims", "names", "secrets"];

/// The steps that only read: all that is known before anything is checked or written.
pub(crate) fn reading<'a>(charts: &[PlannedChart]) -> Vec<Step<'a, DeployRun<'a>>> {
    // Nothing else continues, and nothing is said, while a user is asked.
    let before_asking: Vec<&str> = ["check-helm-prereqs-kubernetes", "check-cluster-kubernetes", "publish-kubernetes"]
        .into_iter()
        .chain(charts::fetched(charts))
        .collect();
    let mut steps = vec![
        Step::new("check-helm-prereqs-kubernetes", "find helm and check its version", &[], DeployRun::find_helm),
        Step::new("check-cluster-kubernetes", "read the release on the cluster", &[], DeployRun::look),
        Step::new("publish-kubernetes", "write the chart for helm", &[], DeployRun::publish),
        Step::new(
            "process-parameters",
            "resolve the value of every input, and prompt for missing ones",
            &before_asking,
            DeployRun::settle,
        ),
    ];
    steps.extend(charts::reading(charts));
    steps
}

impl DeployRun<'_> {
    pub(in crate::pipeline) fn find_helm(&self) -> Result<(), Error> {
        self.helm.put(self.release.helm()?);
        Ok(())
    }

    pub(in crate::pipeline) fn look(&self) -> Result<(), Error> {
        let cluster = self.release.connect()?;
        if self.writes {
            lock::wait_for_helm(&cluster, self.release, self.owner(), self.limits, self.report)?;
        }
        let before = snapshot::look_for(&cluster, self.release, self.owner(), self.request.plan);
        self.before.put(before.map_err(|error| self.explained(error))?);
        let records = self.release.records(&cluster).map_err(|error| self.explained(error))?;
        let passed = &self.request.passed;
        if !passed.reset {
            passed_values::check(&passed_values::before(&records), &passed.values, &values::of_chart(self.request))?;
        }
        let defaults = compatibility::live(&records);
        compatibility::check(&defaults, self.request.plan, self.request.defaults)?;
        if let Some(told) = compatibility::told(&defaults, self.request.plan) {
            warn(self.report, Code::ChangedInCluster, told);
        }
        self.defaults.put(defaults);
        self.cluster.put(cluster);
        Ok(())
    }

    /// One right that is missing is seldom the only one: all of them are named.
    fn explained(&self, error: Error) -> Error {
        if !matches!(&error, Error::Cluster(error) if error.kind() == ErrorKind::Forbidden) {
            return error;
        }
        let found = preflight::doctor(Some(self.request), self.release, self.random);
        refusal(&found.findings).unwrap_or(error)
    }

    pub(in crate::pipeline) fn publish(&self) -> Result<(), Error> {
        let folder = temporary::folder("deploy").map_err(Error::Temporary)?;
        write::write(self.request.chart, &folder.path().join("chart"))?;
        self.chart.put(folder);
        Ok(())
    }

    pub(in crate::pipeline) fn settle(&self) -> Result<(), Error> {
        let before = self.before.get()?;
        external_secrets::check_lost(self.request.plan, &self.request.given, &before.lost)?;
        self.cluster.get()?.hide(before.kept.foreign.values().filter(|value| !value.is_empty()).cloned());
        let name = self.release.helm_name();
        let with_data = self.charts_with_data()?;
        let settled = settled(self.request, name, before, &with_data, self.ask.inputs, self.random, self.report)?;
        let secrets = values::secrets_of(&settled);
        if secrets.iter().any(|secret| hides_words(secret)) {
            let what = "a secret has fewer than 4 characters, so every word of that length is shown as *** from now on";
            warn(self.report, Code::WeakSecret, what);
        }
        self.cluster.get()?.hide(secrets);
        self.settled.put(settled);
        Ok(())
    }

    pub(in crate::pipeline) fn check(&self) -> Result<(), Error> {
        self.look_for_leaving()?;
        let (mut findings, manifest) = self.examined()?;
        if findings.iter().all(|finding| finding.verdict != Verdict::Failed) {
            findings.extend(self.heeded(self.obstacles(&manifest)?));
        }
        for finding in findings.iter().filter(|finding| finding.verdict == Verdict::Warning) {
            warn(self.report, Code::PreflightFailed, finding.to_string());
        }
        for finding in findings.iter().filter(|finding| finding.verdict == Verdict::Ok && finding.check == "claims") {
            self.say(finding.reason.clone());
        }
        refusal(&findings).map_or(Ok(()), Err)
    }

    /// What a plan refuses: its own dry runs say the rest, and looking needs no right to write.
    pub(in crate::pipeline) fn check_owners(&self) -> Result<(), Error> {
        let (mut findings, _) = self.examined()?;
        findings.retain(|finding| OWNERS.contains(&finding.check));
        refusal(&findings).map_or(Ok(()), Err)
    }

    /// What was found, and what helm would apply.
    fn examined(&self) -> Result<(Vec<Finding>, String), Error> {
        let ((helm, target), cluster) = (self.helm.get()?, self.cluster.get()?);
        let (before, settled) = (self.before.get()?, self.settled.get()?);
        helm.hide(values::secrets_of(settled));
        let folder = self.chart.get()?.path().join("chart");
        let examined = Examined {
            request: self.request,
            release: self.release,
            helm,
            target,
            cluster,
            before,
            settled,
            folder: &folder,
            provided_crds: &self.provided_crds(),
            word: self.hold.word,
        };
        let foreign = match external_secrets::check(cluster, self.release, self.request.plan, &before.kept, self.report)
        {
            Ok(()) => Vec::new(),
            Err(Error::Refused(Diagnostics(diagnostics))) => diagnostics,
            Err(error) => return Err(error),
        };
        let found = match preflight::examine(&examined, &cluster.survey(&self.release.namespace)?) {
            Ok(found) => found,
            // Without its secrets the chart says no more.
            Err(Error::Helm(_)) if !foreign.is_empty() => Examination::default(),
            Err(error) => return Err(error),
        };
        let Examination { mut findings, seen, objects, goes, manifest, version } = found;
        let from = seen.deployed().map_or(String::new(), |revision| format!(" from revision {revision}"));
        settled.remembered().for_each(|choice| self.say(format!("{choice} (remembered{from})")));
        self.hold.keep(seen);
        self.foreseen.put(objects);
        self.goes.put(goes);
        self.kube_version.put(version);
        findings.extend(foreign.into_iter().map(|diagnostic| Finding::of_diagnostic("secrets", diagnostic)));
        Ok((self.heeded(findings), manifest))
    }

    /// The findings, where a user knows better than some of them.
    fn heeded(&self, mut findings: Vec<Finding>) -> Vec<Finding> {
        for finding in &mut findings {
            if finding.verdict == Verdict::Failed && self.request.ignored.iter().any(|check| check == finding.check) {
                finding.verdict = Verdict::Warning;
            }
        }
        findings
    }
}

/// What failed, as the refusal of a run.
fn refusal(findings: &[Finding]) -> Option<Error> {
    let failed = findings.iter().filter(|finding| finding.verdict == Verdict::Failed);
    let diagnostics: Vec<Diagnostic> = failed.map(Finding::to_diagnostic).collect();
    (!diagnostics.is_empty()).then_some(Error::Refused(Diagnostics(diagnostics)))
}
