//! The records that helm is about to use, checked before it starts.
//!
//! ```text
//! records (as helm finds them) ── pick ──> those that the verb uses ── stored ──> their objects
//!        └── place, hooks                        └── live objects ── judge ──> what helm may not touch
//! ```
//! Checked once before anything is written, to refuse early, and again by the lock right before each helm process
//! ([`super::lock`]), because anyone who can write Secrets in the namespace can change them in between.

pub(crate) mod judge;
mod plain;
pub(crate) mod stored;

pub(crate) use judge::{NamedObject, is_kept, shown};

use crate::cluster::api::objects::Guard;
use crate::cluster::api::probe::{Probe, Question};
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::record::Hook;
use crate::cluster::state::record::Record;
use crate::cluster::state::records;
use crate::diff::Object;
use crate::k8s::kind::Kind;
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use judge::{Fate, Scope, Touched, judge, lets_wait, scope};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What helm is about to do to a release.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub verb: Verb,
    /// Whose chart it is.
    pub origin: Origin,
    /// The records whose content a user was shown; none without a prompt.
    pub shown: Option<Shown>,
}

/// Which records were read, in which state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shown(Vec<(String, Guard)>);

/// A verb of helm.
#[derive(Debug, Clone)]
pub(crate) enum Verb {
    /// To a chart that makes these objects; none if only the third-party chart knows them.
    Upgrade(Option<Vec<Json>>),
    /// To this revision.
    Rollback(u64),
    /// Of the whole release.
    Uninstall,
}

/// Whose chart a release is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Ours: it has no hooks but tests.
    Ours,
    /// Another owner's, which a user named: it may bring what it needs. Its hooks are let run, or not, by whoever starts helm. Its
    /// name, where it is known.
    Others(Option<String>),
}

/// Objects as they are written, each with its group, kind, namespace and name.
type Objects = Vec<(Object, Json)>;

impl Operation {
    /// A verb on a release of our own chart.
    pub(crate) fn ours(verb: Verb) -> Self {
        Self { verb, origin: Origin::Ours, shown: None }
    }

    /// The same, on no other records than those that were shown.
    #[must_use]
    pub(crate) fn shown_in(self, outlook: &Outlook) -> Self {
        Self { shown: Some(outlook.shown.clone()), ..self }
    }
}

impl Verb {
    /// The first word of helm's command.
    pub(crate) fn command(&self) -> &'static str {
        match self {
            Self::Upgrade(_) => "upgrade",
            Self::Rollback(_) => "rollback",
            Self::Uninstall => "uninstall",
        }
    }
}

/// What the records lead helm to, where nothing is wrong with them.
#[derive(Debug, Default)]
pub(crate) struct Outlook {
    /// The objects that it would delete.
    pub goes: Vec<Object>,
    /// The hooks of the last record.
    pub hooks: Vec<SeenHook>,
    /// The records that say so.
    pub shown: Shown,
}

/// A hook of a record, by what helm would apply.
#[derive(Debug, Clone)]
pub(crate) struct SeenHook {
    /// Its object; otherwise why it is unknown.
    pub object: Result<Object, String>,
    /// When helm runs it.
    pub events: Vec<String>,
}

/// Refuses what helm must not be let to do. What it would do, otherwise.
pub(crate) fn check(cluster: &Cluster, release: &Release, operation: &Operation) -> Result<Outlook, Error> {
    let used = used(cluster, release, &operation.verb)?;
    let as_read = Shown(used.iter().map(|record| (record.stored_as(), record.state())).collect());
    if operation.shown.as_ref().is_some_and(|before| *before != as_read) {
        let what = format!("helm's records of the {} changed after they were shown", release.described());
        return Err(Error::Refused(
            Diagnostic::new(Code::ReleaseChanged, "", what).hint("run again, and check what will be deleted").into(),
        ));
    }
    let mut diagnostics = Diagnostics::default();
    let mut all = Vec::new();
    for record in &used {
        look(record, release, &operation.origin, &mut diagnostics);
        match stored::read(&record.manifest) {
            Ok(objects) => all.push((record.revision, objects)),
            Err(why) => {
                let what = format!(
                    "{}: the manifest of revision {} cannot be read: {why}",
                    record.stored_as(),
                    record.revision
                );
                diagnostics.push(Diagnostic::new(Code::RecordUnreadable, "", what).hint(way_out(release, record)));
            }
        }
    }
    if !diagnostics.0.is_empty() {
        return Err(Error::Refused(diagnostics));
    }
    let mut scopes = Scopes { cluster, space: &release.namespace, known: BTreeMap::new() };
    let mut keyed = Vec::new();
    for ((revision, objects), record) in all.into_iter().zip(&used) {
        let objects = scopes.keyed(objects)?;
        for twice in twice(&objects) {
            let what = format!("{} holds {} twice, and helm uses both", record.stored_as(), shown(twice));
            diagnostics.push(Diagnostic::new(Code::RecordSuspect, "", what).hint(way_out(release, record)));
        }
        keyed.push((revision, objects));
    }
    if !diagnostics.0.is_empty() {
        return Err(Error::Refused(diagnostics));
    }
    let touched = touched(&mut scopes, &operation.verb, keyed)?;
    let (name, any) = (release.helm_name(), matches!(operation.origin, Origin::Others(_)));
    let bad: Vec<Diagnostic> = touched.iter().filter_map(|one| judge(one, name, &release.allowed, any)).collect();
    if let (false, Some(last)) = (bad.is_empty(), used.last()) {
        let what = format!(
            "helm's record of the release {} in namespace {} names objects that a record alone does not decide \
            about; anybody who may write Secrets there can have written it",
            release.name, release.namespace
        );
        diagnostics.push(Diagnostic::new(Code::RecordSuspect, "", what).hint(way_out(release, last)));
        diagnostics.0.extend(bad);
        return Err(Error::Refused(diagnostics));
    }
    let last = used.into_iter().max_by_key(|record| record.revision);
    let hooks = last.into_iter().flat_map(|record| record.hooks);
    let hooks = hooks.map(|hook| seen(&mut scopes, hook)).collect::<Result<_, _>>()?;
    Ok(Outlook { goes: goes(&operation.verb, touched), hooks, shown: as_read })
}

/// What helm deletes. It asks the record when it uninstalls, and the live object when it upgrades or rolls back.
fn goes(verb: &Verb, touched: Vec<Touched>) -> Vec<Object> {
    let stays = |one: &Touched| match verb {
        Verb::Uninstall => is_kept(&one.stored),
        Verb::Upgrade(_) | Verb::Rollback(_) => one.live.as_ref().is_none_or(is_kept),
    };
    let gone = touched.into_iter().filter(|one| one.fate == Fate::Deleted && !stays(one));
    gone.map(|one| one.object).collect::<BTreeSet<_>>().into_iter().collect()
}

/// A hook by its manifest. What the record says beside it moves nothing.
fn seen(scopes: &mut Scopes, hook: Hook) -> Result<SeenHook, Error> {
    let object = match only_object(&hook) {
        Ok(object) => match scopes.keyed([object])?.pop() {
            Some((object, _)) => Ok(object),
            None => Err("it has no name".to_owned()),
        },
        Err(why) => Err(why),
    };
    Ok(SeenHook { object, events: hook.events })
}

/// The object of a hook, when its manifest holds that one and no other.
fn only_object(hook: &Hook) -> Result<Json, String> {
    let said = |why: String| format!("the manifest of the hook {} {} {why}", hook.kind, hook.name);
    let objects = stored::read(&hook.manifest).map_err(|why| said(format!("cannot be read: {why}")))?;
    let [object] = &objects[..] else { return Err(said(format!("holds {} objects, not one", objects.len()))) };
    if object["kind"] != *hook.kind || object["metadata"]["name"] != *hook.name {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        return Err(said(format!("holds {} {}", text(&object["kind"]), text(&object["metadata"]["name"]))));
    }
    Ok(object.clone())
}

/// The records that helm reads for a verb: what was good last, what came last, and what it is to go back to.
fn used(cluster: &Cluster, release: &Release, verb: &Verb) -> Result<Vec<Record>, Error> {
    let driver = release.environment.text("HELM_DRIVER");
    let Some(mut records) = records::all(cluster, driver, &release.namespace, &release.name)? else {
        return Ok(Vec::new());
    };
    let last = records.last().map(|record| record.revision).unwrap_or_default();
    let target = if let Verb::Rollback(revision) = verb { Some(*revision) } else { None };
    let found = records.iter().any(|record| Some(record.revision) == target);
    // Helm deletes the records of all revisions, and runs the hooks of the last.
    records.retain(|record| {
        let good = record.status == "deployed" || record.labelled() == Some("deployed");
        Some(record.revision) == target || record.revision == last || good
    });
    if let Some(revision) = target.filter(|_| !found) {
        records.push(records::named(cluster, driver, &release.namespace, &release.name, revision)?);
    }
    Ok(records)
}

/// Whether a record is what it should be, without its objects.
fn look(record: &Record, release: &Release, origin: &Origin, diagnostics: &mut Diagnostics) {
    let (stored, revision) = (record.stored_as(), record.revision);
    if !record.is_in_place(&release.name, &release.namespace) {
        let what = format!(
            "{stored} says that it is revision {revision} ({}) of the release {} in namespace {}, but its name or \
            labels differ",
            record.status, record.release, record.namespace
        );
        diagnostics.push(Diagnostic::new(Code::RecordSuspect, "", what).hint(way_out(release, record)));
    }
    match origin {
        Origin::Ours => {
            let foreign = record.hooks.iter().filter(|hook| {
                hook.events.is_empty() || !hook.events.iter().all(|event| event == "test" || event.starts_with("test-"))
            });
            for hook in foreign {
                let what = format!(
                    "{stored} holds a hook that generated charts do not contain: {} {} ({})",
                    hook.kind,
                    hook.name,
                    hook.events.join(", ")
                );
                diagnostics.push(Diagnostic::new(Code::RecordSuspect, "", what).hint(way_out(release, record)));
            }
        }
        Origin::Others(Some(chart)) if record.chart != *chart => {
            let what = format!("{stored} is from the chart {}, not from {chart}", record.chart);
            let hint = "find out who installed it; to remove it, run `helm uninstall`";
            diagnostics.push(Diagnostic::new(Code::OtherApplication, "", what).hint(hint));
        }
        Origin::Others(_) => {}
    }
}

fn way_out(release: &Release, record: &Record) -> String {
    let (name, namespace, stored) = (&release.name, &release.namespace, record.stored_as());
    let (kind, object) = stored.split_once(' ').unwrap_or(("Secret", &stored));
    format!(
        "inspect it with `helm get all {name} --revision {} --namespace {namespace}`; if another client tampered \
        with it, remove its permission to write Secrets, and `kubectl delete {} {object} --namespace {namespace}` \
        makes helm continue from the previous revision; if there is none, deploy adopts the live objects",
        record.revision,
        kind.to_lowercase()
    )
}

/// Objects that a record holds more than once.
fn twice(objects: &Objects) -> BTreeSet<&Object> {
    let mut seen = BTreeSet::new();
    objects.iter().map(|(object, _)| object).filter(|object| !seen.insert(*object)).collect()
}

/// What helm would do to each object of the records, with what is known of it.
fn touched(scopes: &mut Scopes, verb: &Verb, records: Vec<(u64, Objects)>) -> Result<Vec<Touched>, Error> {
    let chart = match verb {
        Verb::Upgrade(Some(objects)) => scopes.keyed(objects.iter().cloned())?,
        _ => Objects::new(),
    };
    let (mut found, mut asked) = (Vec::new(), Vec::new());
    let fates = fates(verb, &chart, records);
    let waiting: Vec<bool> = fates
        .iter()
        .map(|(object, fate, stored)| {
            let beside = fates.iter().filter(|(_, other, _)| other == fate);
            let beside = beside.map(|(object, _, stored)| (object, stored));
            object.namespace == scopes.space && lets_wait(object, stored, beside)
        })
        .collect();
    for ((object, fate, stored), waits) in fates.into_iter().zip(waiting) {
        let kind = scopes.kind(&stored)?;
        let scope = match kind {
            None => Scope::Unknown,
            Some(_) if waits => Scope::Made,
            Some(_) => scope(&object, scopes.space),
        };
        let by_live = fate == Fate::Deleted && !matches!(verb, Verb::Uninstall);
        asked.extend(kind.filter(|_| scope != Scope::Inside || by_live).map(|kind| (found.len(), kind)));
        found.push(Touched { object, fate, scope, stored, live: None });
    }
    let questions: Vec<Question> = asked
        .iter()
        .map(|(at, kind): &(usize, Kind)| {
            let Object { namespace, name, .. } = &found[*at].object;
            Question { kind, namespace, probe: Probe::Get(name) }
        })
        .collect();
    let answers = scopes.cluster.ask(&questions);
    for ((at, _), live) in asked.iter().zip(answers) {
        found[*at].live = live?;
    }
    Ok(found)
}

/// What helm would do to each object of each record. An object that several records hold is judged in each.
fn fates(verb: &Verb, chart: &Objects, records: Vec<(u64, Objects)>) -> Vec<(Object, Fate, Json)> {
    let target = if let Verb::Rollback(revision) = verb { Some(*revision) } else { None };
    let of = |objects: &Objects| objects.iter().map(|(object, _)| object.clone()).collect::<BTreeSet<_>>();
    let (wanted, base): (Vec<_>, Vec<_>) = records.into_iter().partition(|(revision, _)| Some(*revision) == target);
    let wanted: Objects = wanted.into_iter().flat_map(|(_, objects)| objects).collect();
    let (changed, restored) = (of(chart), of(&wanted));
    let base = base.into_iter().flat_map(|(_, objects)| objects).filter(|(object, _)| !restored.contains(object));
    let fate = |object: &Object| {
        let changed = changed.contains(object) || matches!(verb, Verb::Upgrade(None));
        if changed { Fate::Changed } else { Fate::Deleted }
    };
    let base = base.map(|(object, stored)| (object.clone(), fate(&object), stored));
    let wanted = wanted.iter().map(|(object, stored)| (object.clone(), Fate::Restored, stored.clone()));
    base.chain(wanted).collect()
}

/// Kinds, as the cluster knows them.
struct Scopes<'a> {
    cluster: &'a Cluster,
    space: &'a str,
    known: BTreeMap<(String, String), Option<Kind>>,
}

impl Scopes<'_> {
    fn kind(&mut self, object: &Json) -> Result<Option<Kind>, Error> {
        let text = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
        let key = (text("apiVersion"), text("kind"));
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let kind = self.cluster.kind(&key.0, &key.1)?;
        self.known.insert(key, kind.clone());
        Ok(kind)
    }

    /// The objects by what they are: without a namespace of their own they lie in the release's, or in none.
    fn keyed(&mut self, objects: impl IntoIterator<Item = Json>) -> Result<Objects, Error> {
        let mut found = Objects::new();
        for object in objects {
            let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
            let namespaced = self.kind(&object)?.is_none_or(|kind| kind.namespaced);
            let written = text(&object["metadata"]["namespace"]);
            let namespace = match (namespaced, written.is_empty()) {
                (false, _) => String::new(),
                (true, true) => self.space.to_owned(),
                (true, false) => written,
            };
            let version = text(&object["apiVersion"]);
            let group = version.split_once('/').map_or("", |(group, _)| group).to_owned();
            let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
            found.push((Object { group, kind, namespace, name }, object));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(kind: &str) -> Object {
        Object { group: String::new(), kind: kind.into(), namespace: "n".into(), name: "x".into() }
    }

    fn stored(kind: &str, note: &str) -> (Object, Json) {
        (object(kind), json!({"note": note}))
    }

    #[test]
    fn an_object_that_a_record_holds_twice_is_seen() {
        let record = vec![stored("Role", "a"), stored("Secret", "b"), stored("Role", "c")];
        assert_eq!(twice(&record).into_iter().collect::<Vec<_>>(), [&object("Role")]);
        assert!(twice(&record[..2].to_vec()).is_empty());
    }

    #[test]
    fn every_document_of_every_record_is_judged() {
        use Fate::{Changed, Deleted, Restored};
        let records = || vec![(1, vec![stored("Role", "a"), stored("Secret", "b")]), (2, vec![stored("Role", "c")])];
        let told = |verb: &Verb, chart: &Objects| {
            let fates = fates(verb, chart, records()).into_iter();
            fates
                .map(|(object, fate, stored)| (object.kind, fate, stored["note"].as_str().unwrap().to_owned()))
                .collect::<Vec<_>>()
        };
        let line = |kind: &str, fate, note: &str| (kind.to_owned(), fate, note.to_owned());
        let all = [line("Role", Deleted, "a"), line("Secret", Deleted, "b"), line("Role", Deleted, "c")];
        assert_eq!(told(&Verb::Uninstall, &Objects::new()), all);
        let some = [line("Role", Changed, "a"), line("Secret", Deleted, "b"), line("Role", Changed, "c")];
        assert_eq!(told(&Verb::Upgrade(Some(Vec::new())), &vec![stored("Role", "d")]), some);
        let back = [line("Secret", Deleted, "b"), line("Role", Restored, "c")];
        assert_eq!(told(&Verb::Rollback(2), &Objects::new()), back);
    }

    #[test]
    fn what_goes_is_asked_of_the_record_or_of_the_live_object_as_helm_does() {
        let kept = json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}});
        let gone = |verb: &Verb, stored: &Json, live: Option<&Json>| {
            let (stored, live) = (stored.clone(), live.cloned());
            let one = Touched { object: object("Secret"), fate: Fate::Deleted, scope: Scope::Inside, stored, live };
            !goes(verb, vec![one]).is_empty()
        };
        let plain = json!({});
        for verb in [Verb::Upgrade(None), Verb::Rollback(1)] {
            assert!(gone(&verb, &kept, Some(&plain)) && gone(&verb, &plain, Some(&plain)));
            assert!(!gone(&verb, &plain, Some(&kept)) && !gone(&verb, &plain, None));
        }
        assert!(gone(&Verb::Uninstall, &plain, Some(&kept)) && gone(&Verb::Uninstall, &plain, None));
        assert!(!gone(&Verb::Uninstall, &kept, Some(&plain)));
    }

    #[test]
    fn a_hook_is_what_its_manifest_says() {
        let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: tidy}\n";
        let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: tidy}\n";
        let read = |manifest: &str| {
            let hook = Hook { kind: "Job".into(), name: "tidy".into(), events: Vec::new(), manifest: manifest.into() };
            only_object(&hook)
        };
        assert_eq!(read(&format!("---\n# Source: x\n{job}")).unwrap()["kind"], "Job");
        for (odd, says) in [
            (role.to_owned(), "holds ClusterRoleBinding tidy"),
            (job.replace("tidy", "other"), "holds Job other"),
            (format!("{job}---\n{role}"), "holds 2 objects"),
            (
                format!("apiVersion: v1\nkind: List\nitems: [{{{}}}]", role.trim().replace('\n', ", ")),
                "holds ClusterRoleBinding",
            ),
            (String::new(), "holds 0 objects"),
            (format!("{job}<<: {{kind: ClusterRoleBinding}}\n"), "cannot be read"),
        ] {
            let said = read(&odd).unwrap_err();
            assert!(said.contains(says), "{odd}: {said}");
        }
    }
}
