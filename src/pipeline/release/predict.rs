//! The result of applying the chart, by the API server and by helm's own merge: computed once for `plan`, which shows
//! it, and for `deploy`, which refuses what cannot succeed before anything is written.

use super::comparison::Comparison;
use super::installation::Installation;
use super::live::{Asked, Standing};
use crate::cluster::api::namespace;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::record::Record;
use crate::config::Phase;
use crate::diff::{Change, Object, Sides, change, mark, objects};
use crate::doctor::{Finding, Verdict};
use crate::helm::Revision;
use crate::k8s::error::ErrorKind;
use crate::migration;
use crate::pipeline::release::autoscaling::around_rollback;
use crate::pipeline::release::deploy_run::DeployRun;
use crate::pipeline::release::installation::Manifest;
use crate::pipeline::release::migration::consent::Intent;
use crate::pipeline::release::{only, rollback_feasibility, values};
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::redact::Mask;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// The flag of helm 4 that takes over fields that another client set.
pub(crate) const FORCE: &str = "--force-conflicts";

/// What helm compares with: the revision that is in place, else that of the last try.
#[derive(Default)]
pub(crate) struct Applied {
    /// Its objects as helm keeps them.
    pub manifest: String,
    /// Whether the API server merged them; none if the record cannot be read.
    by_server: Option<bool>,
}

/// What was found out.
pub(crate) struct Foreseen {
    /// The objects as they are.
    pub standing: Standing,
    /// What the API server would make of them.
    pub asked: Asked,
    /// Whether the namespace is there.
    pub has_namespace: bool,
}

impl Foreseen {
    /// Asks. Nothing is written.
    pub(crate) fn look(cluster: &Cluster, release: &Release, question: &Comparison) -> Result<Self, Error> {
        let space = &release.namespace;
        let has_namespace = namespace::look(cluster, space)?.is_some();
        let standing = Standing::read(cluster, question.last, question.wanted)?;
        let asked = match question.by_server {
            Some(by_server) if has_namespace => Asked::of_server(cluster, question, &standing, by_server)?,
            Some(_) => Asked::nothing(format!(
                "the namespace {space} does not exist yet, so the dry run of its {} objects was skipped",
                question.wanted.len()
            )),
            None => Asked::nothing("helm fails on a kind that does not exist, so no object was checked".to_owned()),
        };
        Ok(Self { standing, asked, has_namespace })
    }
}

impl Foreseen {
    /// What would happen to each object of the last and the wanted manifest. `mask` hides secrets.
    pub(crate) fn changes(&self, question: &Comparison, mask: &Mask) -> Vec<Change> {
        let all: BTreeSet<&Object> = question.last.keys().chain(question.wanted.keys()).collect();
        let sides = |object: &Object| Sides {
            last: question.last.get(object),
            wanted: question.wanted.get(object),
            live: self.standing.live.get(object),
            answer: self.asked.answers.get(object),
        };
        all.into_iter().filter_map(|object| change(object, sides(object), mask)).collect()
    }
}

impl DeployRun<'_> {
    /// The manifest that helm compares with.
    pub(crate) fn applied(&self, history: &[Revision]) -> Result<Applied, Error> {
        let ((helm, target), cluster) = (self.helm.get()?, self.cluster.get()?);
        let Some(found) = history.iter().rfind(|revision| revision.status == "deployed").or(history.last()) else {
            return Ok(Applied::default());
        };
        // Helm may keep its records elsewhere; then it is asked.
        let record = Record::read(cluster, &self.release.namespace, &self.release.name, found.revision);
        if let Ok(Some(record)) = record {
            return Ok(Applied { by_server: Some(record.by_server()), manifest: record.manifest });
        }
        let manifest = helm.get_manifest(target, Some(found.revision))?.unwrap_or_default();
        Ok(Applied { manifest, by_server: None })
    }

    /// The objects of a manifest, with what helm adds to each.
    pub(crate) fn marked(&self, manifest: &str) -> Result<BTreeMap<Object, Json>, Error> {
        let (name, space) = (&self.release.name, &self.release.namespace);
        let mut found = objects(manifest, space)?;
        for object in found.values_mut() {
            mark(object, name, space);
        }
        Ok(found)
    }

    /// Whether helm takes over what another client set.
    pub(crate) fn forces(&self) -> bool {
        self.request.helm_arguments.iter().any(|word| word == FORCE || *word == format!("{FORCE}=true"))
    }

    /// Whether the API server merges the objects, by what helm itself goes by: its version, what the release was applied by
    /// before, and what a user said.
    fn by_server(&self, applied: &Applied) -> Result<bool, Error> {
        let said = self.request.helm_arguments.iter().rev().find_map(|word| word.strip_prefix("--server-side"));
        let before = applied.manifest.is_empty() || applied.by_server.unwrap_or(true);
        Ok(self.helm.get()?.0.version()?.major >= 4
            && match said {
                Some("" | "=true") => true,
                Some("=false") => false,
                _ => before,
            })
    }

    /// What blocks helm, as `plan` tells it. `manifest` is what helm would apply.
    pub(crate) fn obstacles(&self, manifest: &str) -> Result<Vec<Finding>, Error> {
        let replaced = match self.workload_migration()? {
            // In the middle of it nothing is as either revision says.
            Some(Intent::UnderWay(..)) => return Ok(Vec::new()),
            Some(Intent::New(change)) => recreated(&change.promotion.changes),
            None => BTreeSet::new(),
        };
        let ((helm, target), cluster) = (self.helm.get()?, self.cluster.get()?);
        let applied = self.applied(&helm.history(target)?)?;
        let (last, wanted) = (self.marked(&applied.manifest)?, self.marked(manifest)?);
        let by_server = Some(self.by_server(&applied)?);
        let question =
            Comparison { last: &last, wanted: &wanted, by_server, replaced: &replaced, force: self.forces() };
        let foreseen = Foreseen::look(cluster, self.release, &question)?;
        let beyond = if self.request.only.is_empty() {
            Vec::new()
        } else {
            let mask = Mask::new(&values::secrets_of(self.settled.get()?));
            only::others(&foreseen.changes(&question, &mask), &self.request.only, self.request.plan)
        };
        // What comes before the application may bring the webhook that does not answer yet.
        let brings = self.request.charts.iter().any(|chart| chart.phase == Phase::Before);
        let finding = |error: &crate::k8s::error::Error| {
            let verdict = if brings && error.kind() == ErrorKind::Other { Verdict::Warning } else { Verdict::Failed };
            Finding::new("admission", verdict, "", error.sentence()).fix(error.advice())
        };
        let other = |what: String| {
            let hint = "pass --only for its resource too, or deploy without --only";
            Finding::of_diagnostic("only", Diagnostic::new(Code::OtherWorkloadChanges, "", what).hint(hint))
        };
        Ok(foreseen.asked.errors.iter().map(finding).chain(beyond.into_iter().map(other)).collect())
    }
}

/// What blocks helm during its rollback to a revision, as the API server and helm's own merge tell. A workload migration
/// goes another way, and what an autoscaler decides is not helm's.
pub(crate) fn on_the_way_back(
    on: &Installation,
    revision: u64,
    last: &Manifest,
    wanted: &Manifest,
) -> Result<Diagnostics, Error> {
    let (name, space) = (&on.release.name, on.space());
    let mut diagnostics = Diagnostics::default();
    if on.change_under_way()?.is_some() || rollback_feasibility::changes_kind(on.cluster, on.release, wanted)? {
        return Ok(diagnostics);
    }
    let scalers = around_rollback(on.cluster, on.release, wanted)?;
    let marked = |objects: &Manifest| {
        let mut objects = objects.clone();
        for (object, body) in &mut objects {
            mark(body, name, space);
            if scalers.contains_key(&(object.kind.clone(), object.name.clone())) {
                body["spec"].as_object_mut().map(|spec| spec.shift_remove("replicas"));
            }
        }
        objects
    };
    let record = Record::read(on.cluster, space, name, revision).ok().flatten();
    let by_server = on.helm.version()?.major >= 4 && record.is_none_or(|record| record.by_server());
    let question = Comparison {
        last: &marked(last),
        wanted: &marked(wanted),
        by_server: Some(by_server),
        replaced: &BTreeSet::new(),
        force: false,
    };
    for error in Foreseen::look(on.cluster, on.release, &question)?.asked.errors {
        let hint = if error.is_conflict() {
            "reset that field, or deploy the older source with --helm-arg=--force-conflicts"
        } else {
            error.advice()
        };
        diagnostics.push(error.to_diagnostic().hint(hint));
    }
    Ok(diagnostics)
}

/// Kinds and names of the objects that cannot become what they are to be, and make room for new ones.
pub(crate) fn recreated(changes: &[migration::Change]) -> BTreeSet<(String, String)> {
    let same = changes.iter().filter(|change| change.marks.is_some());
    same.map(|change| (change.new.kind.clone(), change.new.name.clone())).collect()
}
