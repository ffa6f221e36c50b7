//! Reads what doctor checks: the objects that helm renders from the chart, and what the cluster allows and requires.
//!
//! The same checks run before every deploy and in `doctor`. Nothing is stored on the cluster. A missing permission is a
//! finding that says so.

use super::adopt::Adopted;
use super::lock::{self, AssumeHelmDead, LastRevision};
use super::records::{self, Operation, Verb};
use super::{checks, values};
use crate::cluster::api::facts::ClusterFacts;
use crate::cluster::api::objects::Objects;
use crate::cluster::connect::client::Cluster;
use crate::config::Phase;
use crate::diff::Object;
use crate::doctor::{self, Asks, Demand, Finding, Findings, Need, Served, Verdict};
use crate::external_charts::ProvidedCrd;
use crate::helm::{Helm, Target, Values};
use crate::inputs::{Means, Settled, outlook, settle};
use crate::k8s::error::ErrorKind;
use crate::k8s::kind::{Kind, KindName};
use crate::k8s::object::name_of;
use crate::k8s::ownership::{Owner, ReleaseName};
use crate::k8s::permission::Permission;
use crate::pipeline::release::deploy_request::Deploy;
use crate::pipeline::release::jobs::Jobs;
use crate::pipeline::release::snapshot::ReleaseSnapshot;
use crate::pipeline::release::{host_names, jobs, scale, snapshot};
use crate::pipeline::{Error, Random, Release};
use crate::support::diagnostic::Diagnostics;
use crate::support::temporary;
use crate::targets::kubernetes::chart::write;
use crate::targets::kubernetes::chart_values::merge;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

type Kinds = BTreeMap<KindName, crate::k8s::error::Result<Option<Kind>>>;

pub(crate) struct Examined<'a> {
    pub request: &'a Deploy<'a>,
    pub release: &'a Release,
    pub helm: &'a Helm,
    pub target: &'a Target,
    pub cluster: &'a Cluster,
    pub before: &'a ReleaseSnapshot,
    pub settled: &'a Settled,
    /// The chart on disk.
    pub folder: &'a Path,
    /// Kinds that other charts will bring before.
    pub provided_crds: &'a [ProvidedCrd],
    /// What a user said about helms that cannot be seen from here.
    pub word: AssumeHelmDead,
}

/// What was found before anything is written.
#[derive(Default)]
pub(crate) struct Examination {
    /// What was judged.
    pub findings: Vec<Finding>,
    /// Read before anything was changed.
    pub seen: LastRevision,
    /// The objects that helm will make.
    pub objects: Vec<Json>,
    /// The objects that helm will delete.
    pub goes: Vec<Object>,
    /// The same as helm writes them.
    pub manifest: String,
    /// What `helm template` must be told of this cluster.
    pub version: Vec<String>,
}

/// `doctor`: everything that can be found without a write; without an application, about helm and the cluster alone.
pub(crate) fn doctor(request: Option<&Deploy>, release: &Release, random: &Random) -> Findings {
    let helm = release.helm();
    let mut findings = match &helm {
        Ok((helm, _)) => doctor::helm(&helm.version().map(|version| (helm.program().display().to_string(), version))),
        Err(Error::Helm(error)) => doctor::helm(&Err(error.clone())),
        Err(error) => vec![Finding::new("helm", Verdict::Failed, "", error.to_string())],
    };
    let judged = look(request, release, helm.ok().as_ref(), random);
    findings.extend(judged.unwrap_or_else(|error| {
        found("chart", error)
            .unwrap_or_else(|error| vec![Finding::new("chart", Verdict::Failed, "", error.to_string())])
    }));
    Findings { findings }
}

fn look(
    request: Option<&Deploy>,
    release: &Release,
    helm: Option<&(Helm, Target)>,
    random: &Random,
) -> Result<Vec<Finding>, Error> {
    let cluster = match release.connect() {
        Ok(cluster) => cluster,
        Err(error) => {
            return Ok(vec![Finding::new("cluster", Verdict::Failed, &release.location.url, error.to_string())]);
        }
    };
    let survey = cluster.survey(&release.namespace)?;
    let bare = of_cluster(&cluster, &survey, &release.namespace, &[]);
    let (Some(request), Some((helm, target))) = (request, helm) else { return Ok(bare) };
    if bare.iter().any(|finding| finding.verdict == Verdict::Failed) {
        return Ok(bare);
    }
    let owner = Owner { release: &release.name, application: &request.plan.application_id };
    let (before, mut findings) = match snapshot::look_for(&cluster, release, owner, request.plan) {
        Ok(before) => (before, Vec::new()),
        Err(error) => (ReleaseSnapshot::default(), found("names", error)?),
    };
    let (settled, missing) = provisional(request, &before, random)?;
    findings.extend(missing);
    helm.hide(values::secrets_of(&settled));
    cluster.hide(values::secrets_of(&settled));
    let folder = temporary::folder("doctor").map_err(Error::Temporary)?;
    let chart = folder.path().join("chart");
    write::write(request.chart, &chart)?;
    // Charts are fetched by a deploy; here only what is written down is known.
    let first = request.charts.iter().filter(|chart| chart.phase == Phase::Before);
    let provided_crds: Vec<ProvidedCrd> =
        first.flat_map(|chart| chart.wait_for.crds.iter().map(|name| ProvidedCrd::named(name))).collect();
    let examined = Examined {
        request,
        release,
        helm,
        target,
        cluster: &cluster,
        before: &before,
        settled: &settled,
        folder: &chart,
        provided_crds: &provided_crds,
        word: AssumeHelmDead { assume_helm_dead: request.assume_helm_dead, timeout: Duration::ZERO },
    };
    findings.extend(examine(&examined, &survey)?.findings);
    Ok(findings)
}

/// A value for every input: what is missing is stood in for, so that the chart can be looked at all the same.
fn provisional(request: &Deploy, before: &ReleaseSnapshot, random: &Random) -> Result<(Settled, Vec<Finding>), Error> {
    let mut given = request.given.clone();
    let mut findings = Vec::new();
    for input in outlook(request.app, request.plan, &request.given, &before.kept).missing {
        let reason = format!("it has no value yet (for {})", input.used_by.join(", "));
        findings.push(
            Finding::new("inputs", Verdict::Warning, &input.name, reason).fix(format!("set it with {}", input.flag)),
        );
        given.add(&input.name, "0".to_owned(), Means::Prompt, "doctor")?;
    }
    let settled = settle(request.app, request.plan, &given, &before.kept, &mut |bytes: &mut [u8]| random(bytes))?;
    Ok((settled, findings))
}

/// An error that says what stands in the way, as findings; others stay errors.
fn found(check: &'static str, error: Error) -> Result<Vec<Finding>, Error> {
    match error {
        Error::Refused(Diagnostics(diagnostics)) => {
            Ok(diagnostics.into_iter().map(|diagnostic| Finding::of_diagnostic(check, diagnostic)).collect())
        }
        Error::Cluster(error) if error.kind() == ErrorKind::Forbidden => {
            Ok(vec![Finding::new(check, Verdict::Skipped, "", error.sentence())])
        }
        Error::Cluster(error) => {
            Ok(vec![Finding::new(check, Verdict::Failed, "", error.sentence()).fix(error.advice())])
        }
        other => Err(other),
    }
}

/// Findings about the cluster alone.
fn of_cluster(cluster: &Cluster, survey: &ClusterFacts, namespace: &str, objects: &[Json]) -> Vec<Finding> {
    let mut findings = doctor::server(&survey.version, cluster.url(), objects);
    findings.extend(doctor::namespace(namespace, &survey.namespace));
    findings
}

/// Findings about a deploy, those about the cluster too.
pub(crate) fn examine(examined: &Examined, survey: &ClusterFacts) -> Result<Examination, Error> {
    let (cluster, request, space) = (examined.cluster, examined.request, examined.target.namespace());
    let bare = of_cluster(cluster, survey, space, &[]);
    if bare.iter().any(|finding| finding.verdict == Verdict::Failed) {
        return Ok(Examination { findings: bare, ..Examination::default() });
    }
    let given = foreseen(examined)?;
    let manifest = render(examined, survey, &given)?;
    let objects = doctor::objects_of(&manifest).unwrap_or_default();
    let mut findings = of_cluster(cluster, survey, space, &objects);
    let (seen, goes, unknown) = match of_release(examined, &objects) {
        Ok((more, goes, seen)) => {
            findings.extend(more);
            (seen, goes, None)
        }
        Err(error) => (LastRevision::default(), Vec::new(), Some(error)),
    };
    findings.extend(of_live(examined, &objects));
    let kinds = cluster.kinds(doctor::kind_names(&objects))?;
    let known = kinds
        .iter()
        .filter(|((version, kind), _)| !examined.provided_crds.iter().any(|crd| crd.defines(version, kind)));
    findings.extend(doctor::kinds(&known.map(|(name, found)| (name.clone(), found.clone())).collect()));
    findings.extend(rights(examined, &objects, &kinds, survey)?);
    findings.extend(doctor::classes(&objects, &examined.before.claims, &survey.classes, &survey.volumes));
    findings.extend(doctor::routes(&served(cluster, &objects)?));
    findings.extend(room(examined, &objects, &kinds, survey));
    let judged = security(examined, &objects, survey, &findings)?;
    findings.extend(judged);
    findings.extend(names(examined, &objects, &kinds)?);
    findings.push(doctor::record(&request.chart.files, &manifest, &given));
    match unknown {
        // What failed here says better why helm could not look, a missing right above all.
        Some(error) if findings.iter().all(|finding| finding.verdict != Verdict::Failed) => Err(error),
        _ => Ok(Examination { findings, seen, objects, goes, manifest, version: of_version(survey) }),
    }
}

/// The classes that the routes name, and whether the cluster has them.
fn served(cluster: &Cluster, objects: &[Json]) -> Result<Vec<Served>, Error> {
    let mut found = Vec::new();
    for (class, users) in doctor::route_classes(objects) {
        let there = match cluster.kind(class.0, class.1)? {
            Some(kind) => cluster.get(&kind, "", &class.2).map(|object| object.is_some()),
            None => Ok(false),
        };
        found.push((class, users, there));
    }
    Ok(found)
}

/// What helm will be given, with marks in place of those that the Secret does not have yet.
fn foreseen(examined: &Examined) -> Result<Json, Error> {
    let (request, before) = (examined.request, examined.before);
    let replicas = scale::numbers(examined.cluster, examined.release, request)?;
    let hosts = host_names::remembered(request.plan, &before.state.values);
    let mut given = values::values(request, examined.settled, &before.secret, before, &replicas, &hosts);
    if jobs::has_jobs(request.plan) {
        let jobs = match Jobs::read(examined.cluster, examined.release, &before.state.jobs) {
            // The check of the permissions reports it.
            Err(Error::Cluster(error)) if error.kind() == ErrorKind::Forbidden => Jobs::default(),
            other => other?,
        };
        merge(&mut given, &jobs.values(request.plan));
    }
    let from_deploy = request.plan.secrets.iter().filter(|(_, used)| used.is_written_by_deploy());
    for (name, _) in from_deploy {
        if given["secrets"][name].is_null() {
            given["secrets"][name] = json!({"revision": "1"});
        }
    }
    Ok(given)
}

/// The objects as helm will make them, for the version of this cluster.
fn render(examined: &Examined, survey: &ClusterFacts, given: &Json) -> Result<String, Error> {
    let files = values::files(examined.request, examined.folder);
    let values = Values { files: &files, over: given };
    Ok(examined.helm.template(examined.target, examined.folder, &values, &of_version(survey))?)
}

/// Without a cluster helm takes an old version for granted, which the chart may not be for.
fn of_version(survey: &ClusterFacts) -> Vec<String> {
    let version = survey.version.iter().filter(|version| !version.is_empty());
    version.flat_map(|version| ["--kube-version".to_owned(), version.clone()]).collect()
}

/// Whether the release may become this application's, and what goes then.
fn of_release(examined: &Examined, objects: &[Json]) -> Result<(Vec<Finding>, Vec<Object>, LastRevision), Error> {
    let Examined { request, release, helm, target, cluster, before, word, .. } = *examined;
    let (live, seen) = LastRevision::look(helm, target, cluster, release)?;
    let owner = Owner { release: &release.name, application: &request.plan.application_id };
    let judged = snapshot::check_release(live.as_ref(), target, &seen, before, request.plan)
        .and_then(|()| lock::check(cluster, release, owner, &seen, word))
        .and_then(|()| {
            let operation = Operation::ours(Verb::Upgrade(Some(objects.to_vec())));
            records::check(cluster, release, &operation)
        });
    match judged {
        Ok(outlook) => Ok((Vec::new(), outlook.goes, seen)),
        Err(error) => Ok((found("release", error)?, Vec::new(), seen)),
    }
}

/// Whether what lives of the release fits: its claims. A workload migration is planned and confirmed elsewhere.
fn of_live(examined: &Examined, objects: &[Json]) -> Vec<Finding> {
    let Examined { request, before, .. } = examined;
    let name = examined.release.helm_name();
    let mut claims = Diagnostics::default();
    let wanted = values::of_chart(request);
    let said = checks::claims(before.plan(request.plan), &wanted, name, before, &mut claims);
    let mut findings: Vec<Finding> =
        claims.0.into_iter().map(|diagnostic| Finding::of_diagnostic("claims", diagnostic)).collect();
    let adopted = before.adopted.iter().flat_map(Adopted::sentences);
    findings.extend(said.into_iter().chain(adopted).map(|sentence| Finding::new("claims", Verdict::Ok, "", sentence)));
    findings.extend(doctor::identity(objects, &before.live, name));
    if checks::needs_migration(name, before, objects) {
        let reason = "a change needs a workload migration: deploy shows the plan and asks for confirmation";
        findings.push(Finding::new("kind-change", Verdict::Warning, "", reason));
    }
    findings
}

fn rights(examined: &Examined, objects: &[Json], kinds: &Kinds, survey: &ClusterFacts) -> Result<Vec<Finding>, Error> {
    let asks = Asks {
        namespace: examined.target.namespace(),
        helm: examined.helm.version()?,
        wait: examined.request.wait.waits(),
        makes_namespace: matches!(survey.namespace, Ok(None)),
        driver: examined.release.environment.text("HELM_DRIVER"),
    };
    let needs = doctor::needed(objects, kinds, &asks);
    let asked: Vec<Permission> = needs.iter().map(|need| need.right.clone()).collect();
    let mut held = examined.cluster.rights(&asked)?;
    // A role may name the objects that it is about; it is asked for them only where the general answer is no.
    let named: Vec<(usize, Permission)> = needs
        .iter()
        .zip(&held)
        .enumerate()
        .flat_map(|(index, (need, held))| {
            let rights = if matches!(held, Ok(false)) { by_name(need, objects, kinds) } else { Vec::new() };
            rights.into_iter().map(move |right| (index, right))
        })
        .collect();
    let answers = examined.cluster.rights(&named.iter().map(|(_, right)| right.clone()).collect::<Vec<_>>())?;
    for index in named.iter().map(|(index, _)| *index).collect::<BTreeSet<_>>() {
        let mut of_need = named.iter().zip(&answers).filter(|((of, _), _)| *of == index).map(|(_, answer)| answer);
        if of_need.all(|answer| matches!(answer, Ok(true))) {
            held[index] = Ok(true);
        }
    }
    Ok(doctor::rights(&needs, &held))
}

fn by_name(need: &Need, objects: &[Json], kinds: &Kinds) -> Vec<Permission> {
    if !["get", "patch", "delete"].contains(&need.right.verb) {
        return Vec::new();
    }
    let of_kind = objects.iter().filter(
        |object| matches!(kinds.get(&doctor::kind_name(object)), Some(Ok(Some(kind))) if *kind == need.right.kind),
    );
    of_kind.map(|object| Permission { name: name_of(object).to_owned(), ..need.right.clone() }).collect()
}

fn room(examined: &Examined, objects: &[Json], kinds: &Kinds, survey: &ClusterFacts) -> Vec<Finding> {
    let all = examined.before.live.values().flatten().chain(&examined.before.claims);
    let live = owned(all, examined.release.helm_name());
    let default_class = survey.classes.as_ref().ok().and_then(|classes| doctor::default_class(classes));
    let ranges: &[Json] = survey.limits.as_ref().map_or(&[], Vec::as_slice);
    let mut findings = doctor::limits(objects, &survey.limits);
    findings
        .extend(doctor::quotas(&Demand { objects, live: &live, kinds, default_class, limits: ranges }, &survey.quotas));
    findings
}

/// What this release takes room with already. One of the same name in another namespace is another one.
fn owned<'a>(objects: impl Iterator<Item = &'a Json>, release: ReleaseName<'_>) -> Vec<Json> {
    objects.filter(|object| release.owns(object)).cloned().collect()
}

/// The rules, and the server's own answer, which has the last word where it can be had.
fn security(
    examined: &Examined,
    objects: &[Json],
    survey: &ClusterFacts,
    known: &[Finding],
) -> Result<Vec<Finding>, Error> {
    let by_rules = doctor::pod_security(objects, &survey.namespace);
    let Ok(Some(namespace)) = &survey.namespace else { return Ok(by_rules) };
    let tried = doctor::trial_pods(objects);
    let pods: Vec<Json> = tried.iter().map(|trial| trial.pod.clone()).collect();
    let answers = examined.cluster.try_pods(examined.target.namespace(), &pods)?;
    let judged = doctor::trials(&tried, &answers, Some(namespace));
    if judged.iter().any(|finding| finding.verdict == Verdict::Skipped) {
        return Ok(by_rules.into_iter().chain(judged).collect());
    }
    // What the figures said already needs no second line.
    let said = |check: &str| known.iter().any(|finding| finding.check == check && finding.verdict == Verdict::Failed);
    Ok(judged.into_iter().filter(|finding| !said(finding.check)).collect())
}

fn names(examined: &Examined, objects: &[Json], kinds: &Kinds) -> Result<Vec<Finding>, Error> {
    let (space, live) = (examined.target.namespace(), &examined.before.live);
    let release = ReleaseName { name: examined.target.release(), namespace: space };
    // Most kinds were listed before; of the others only the named objects are read.
    let unseen = objects.iter().filter(|object| !object["kind"].as_str().is_some_and(|kind| live.contains_key(kind)));
    let unseen = unseen.filter(|object| object["kind"] != "PersistentVolumeClaim");
    let unseen: Vec<(Kind, String)> = unseen
        .filter_map(|object| {
            let kind = kinds.get(&doctor::kind_name(object))?.as_ref().ok()?.clone()?;
            Some((kind, name_of(object).to_owned()))
        })
        .collect();
    let read = examined.cluster.get_all(space, &unseen)?;
    let read = read.into_iter().filter_map(|object| object.ok().flatten());
    let all: Vec<Json> = live.values().flatten().cloned().chain(read).collect();
    Ok(doctor::names(objects, &all, release))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_of_the_same_name_in_another_namespace_takes_room_of_its_own() {
        let of = |namespace: &str| {
            json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"meta.helm.sh/release-name": "shop",
                "meta.helm.sh/release-namespace": namespace}}})
        };
        let objects = [of("n"), of("other"), json!({"metadata": {}})];
        let release = ReleaseName { name: "shop", namespace: "n" };
        assert_eq!(owned(objects.iter(), release), [of("n")]);
    }
}
