//! Uninstalls the charts that are removed with the application, in reverse order of installation.
//!
//! Anyone who can write Secrets in a namespace can forge our labels there. So labels only find releases: one is
//! uninstalled if SOURCE or a flag names it in its namespace; the others are reported and kept.

use super::cluster_issuers::Issuers;
use super::work::Work;
use crate::cluster::connect::client::Cluster;
use crate::diff::Object;
use crate::external_charts::{Marks, PlannedChart, issuers_of};
use crate::helm::Options;
use crate::k8s::error::ErrorKind;
use crate::k8s::kind::SECRET;
use crate::k8s::object::label;
use crate::k8s::ownership::{Owner, ReleaseName};
use crate::pipeline::engine::event::{Report, say};
use crate::pipeline::engine::run::Limits;
use crate::pipeline::release::lock::{AssumeHelmDead, LastRevision, LockGuard};
use crate::pipeline::release::records;
use crate::pipeline::release::records::{Operation, Origin, Outlook, SeenHook, Verb, shown};
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Namespace and name of a release.
pub(crate) type Place = (String, String);

/// What SOURCE and flags name.
#[derive(Debug, Default)]
pub(crate) struct Named<'a> {
    /// Charts of SOURCE.
    pub charts: &'a [PlannedChart],
    /// Releases that a user named (`--remove-chart`).
    pub places: &'a [Place],
    /// Releases whose hooks may run (`--allow-chart-hooks`).
    pub with_hooks: &'a [Place],
}

/// What is to become of the charts.
#[derive(Debug, Default)]
pub(crate) struct Removal {
    /// Those that go, in the order in which they go.
    pub going: Vec<Going>,
    /// Those that stay, each with the reason.
    pub left: Vec<String>,
}

/// The release of a chart that goes.
#[derive(Debug)]
pub(crate) struct Going {
    pub namespace: String,
    pub name: String,
    /// What helm deletes.
    pub objects: Vec<Object>,
    /// What becomes of the cluster issuers that helm leaves.
    pub issuers: Issuers,
    /// The hooks of its record that are for a removal.
    hooks: Vec<SeenHook>,
    /// Whether a user lets them run. Their record lies where others may have written it.
    with_hooks: bool,
    /// On the records that were shown.
    operation: Operation,
}

/// What became of the charts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// Those that were removed: `nginx in web`.
    pub removed: Vec<String>,
    /// Those that stay.
    pub kept: Vec<String>,
}

impl Going {
    /// Refuses to let a hook run that has no name.
    fn of(
        (namespace, name): Place,
        outlook: Outlook,
        operation: Operation,
        with_hooks: bool,
    ) -> Result<Self, Diagnostics> {
        let operation = operation.shown_in(&outlook);
        let hooks: Vec<SeenHook> = outlook.hooks.into_iter().filter(is_for_removal).collect();
        let mut diagnostics = Diagnostics::default();
        for why in hooks.iter().filter(|_| with_hooks).filter_map(|hook| hook.object.as_ref().err()) {
            let what = format!("the release {name} in namespace {namespace}: {why}");
            diagnostics.push(
                Diagnostic::new(Code::ChartNotRemoved, "", what).hint("omit --allow-chart-hooks to skip its hooks"),
            );
        }
        let issuers = Issuers::default();
        diagnostics.or(Self { namespace, name, objects: outlook.goes, issuers, hooks, with_hooks, operation })
    }

    /// `nginx in web`.
    fn described(&self) -> String {
        format!("{} in {}", self.name, self.namespace)
    }

    /// What a user reads before being asked.
    pub(crate) fn line(&self) -> String {
        let (name, namespace, hooks) = (&self.name, &self.namespace, self.hooks());
        format!("release {name} in namespace {namespace} with {}{hooks}", self.objects())
    }

    /// What helm deletes, in words.
    pub(crate) fn objects(&self) -> String {
        let objects: Vec<String> = self.objects.iter().map(shown).collect();
        if objects.is_empty() { "no object".to_owned() } else { objects.join(", ") }
    }

    /// What becomes of its hooks, in words.
    fn hooks(&self) -> String {
        if self.hooks.is_empty() {
            return String::new();
        }
        let shown = |hook: &SeenHook| {
            let object = hook.object.as_ref().map_or_else(|why| format!("one without a valid name: {why}"), shown);
            format!("{object} ({})", hook.events.join(", "))
        };
        let hooks = self.hooks.iter().map(shown).collect::<Vec<_>>().join(", ");
        if self.with_hooks {
            return format!("; its hooks run: {hooks}");
        }
        format!("; its hooks are skipped: {hooks}; --allow-chart-hooks {}/{} runs them", self.namespace, self.name)
    }
}

/// Finds what was installed for a release, and decides what goes. Reads only; refuses what helm must not be let to do.
pub(crate) fn removal(
    release: &Release,
    application: &str,
    cluster: &Cluster,
    named: &Named,
    report: &Report,
) -> Result<Removal, Error> {
    let mut found = found(release, cluster, named, report)?;
    found.retain(|(_, marks)| marks.is_of(application, &release.name, &release.namespace));
    found.sort_by(|(a, ours), (b, theirs)| (theirs.order, b).cmp(&(ours.order, a)));
    let mut diagnostics = Diagnostics::default();
    for (namespace, name) in named.places {
        if !found.iter().any(|((there, other), _)| (there, other) == (namespace, name)) {
            let what = format!(
                "--remove-chart {namespace}/{name}: no such release was installed with the {}",
                release.described()
            );
            diagnostics
                .push(Diagnostic::new(Code::ChartNotRemoved, "", what).hint("use `helm uninstall` for other releases"));
        }
    }
    let mut removal = Removal::default();
    for ((namespace, name), marks) in found {
        let origin = match origin(&namespace, &name, named) {
            Ok(origin) => origin,
            Err(why) => {
                removal.left.push(format!("{name} in {namespace} (chart {}): {why}", marks.chart));
                continue;
            }
        };
        let operation = Operation { verb: Verb::Uninstall, origin, shown: None };
        match records::check(cluster, &release.beside(&name, &namespace)?, &operation) {
            Ok(outlook) => {
                let with_hooks = named.with_hooks.iter().any(|(there, other)| (there, other) == (&namespace, &name));
                let chart = named.charts.iter().find(|chart| (&chart.namespace, &chart.release) == (&namespace, &name));
                match Going::of((namespace, name), outlook, operation, with_hooks) {
                    Ok(mut going) => {
                        let made = chart.map(PlannedChart::cluster_issuers).unwrap_or_default();
                        let owner = ReleaseName { name: &going.name, namespace: &going.namespace };
                        going.issuers = Issuers::look(cluster, owner, &going.objects, &made, &release.allowed)?;
                        removal.going.push(going);
                    }
                    Err(more) => diagnostics.0.extend(more.0),
                }
            }
            Err(Error::Refused(more)) => diagnostics.0.extend(more.0),
            Err(error) => return Err(error),
        }
    }
    for (namespace, name) in named.with_hooks {
        if !removal.going.iter().any(|going| (&going.namespace, &going.name) == (namespace, name)) {
            let what = format!("--allow-chart-hooks {namespace}/{name}: this run removes no such chart release");
            diagnostics.push(
                Diagnostic::new(Code::ChartNotRemoved, "", what)
                    .hint("--remove-chart, or `destroy: true` in SOURCE, removes it"),
            );
        }
    }
    diagnostics.or(removal).map_err(Error::Refused)
}

/// Whether helm would run the hook when it removes the release.
fn is_for_removal(hook: &SeenHook) -> bool {
    hook.events.iter().any(|event| event.ends_with("-delete"))
}

/// Whose chart a release is, if SOURCE or a flag names it; why it stays otherwise.
fn origin(namespace: &str, name: &str, named: &Named) -> Result<Origin, String> {
    if named.places.iter().any(|(there, other)| (there.as_str(), other.as_str()) == (namespace, name)) {
        return Ok(Origin::Others(None));
    }
    let chart = named.charts.iter().find(|chart| (&*chart.namespace, &*chart.release) == (namespace, name));
    match chart {
        Some(chart) if chart.destroy && chart.tried => Ok(Origin::Ours),
        Some(chart) if chart.destroy => Ok(Origin::Others(chart.chart_name().map(str::to_owned))),
        Some(chart) => Err(format!("`destroy: true` of {} removes it", chart.place().path)),
        None => Err(format!(
            "only its labels say that it was installed with the application; --remove-chart {namespace}/{name} \
            removes it"
        )),
    }
}

/// Removes what goes.
pub(crate) fn remove(
    removal: &Removal,
    release: &Release,
    application: &str,
    cluster: &Cluster,
    limits: &Limits,
    report: &Report,
    word: AssumeHelmDead,
) -> Result<Left, Error> {
    let mut left = Left { kept: removal.left.clone(), ..Left::default() };
    for going in &removal.going {
        if (limits.stopped)() {
            return Err(Error::Interrupted);
        }
        say(report, format!("removing the chart {}", going.described()));
        uninstall(going, &release.beside(&going.name, &going.namespace)?, application, cluster, limits, word)?;
        left.kept.extend(going.issuers.remove(cluster, &going.namespace, report)?);
        left.removed.push(going.described());
    }
    Ok(left)
}

/// The release of the issuers, where SOURCE makes none any more: ours by its marks, in the namespace of the application.
/// Reads only; refuses what helm must not be let to do.
pub(crate) fn leaving(release: &Release, application: &str, cluster: &Cluster) -> Result<Option<Going>, Error> {
    let place = (release.namespace.clone(), issuers_of(&release.name));
    let records = cluster.list(&SECRET, &place.0, &Marks::selector(&release.name, &release.namespace))?;
    let is_ours = last_of(&records)
        .get(&place)
        .is_some_and(|(_, marks)| marks.is_of(application, &release.name, &release.namespace));
    if !is_ours {
        return Ok(None);
    }
    let operation = Operation::ours(Verb::Uninstall);
    let outlook = records::check(cluster, &release.beside(&place.1, &place.0)?, &operation)?;
    Going::of(place, outlook, operation, false).map(Some).map_err(Error::Refused)
}

impl Work<'_> {
    /// Uninstalls the release of the issuers. Helm keeps those that other namespaces may use.
    pub(super) fn uninstall(&self, going: &Going) -> Result<(), Error> {
        say(self.report, format!("removing the issuers that aspire-k8s.yaml no longer names: {}", going.line()));
        let issuers = self.release.beside(&going.name, &going.namespace)?;
        uninstall(going, &issuers, self.application, self.cluster, self.limits, self.word)
    }
}

fn uninstall(
    going: &Going,
    release: &Release,
    application: &str,
    cluster: &Cluster,
    limits: &Limits,
    word: AssumeHelmDead,
) -> Result<(), Error> {
    let (helm, target) = release.helm()?;
    let (_, seen) = LastRevision::look(&helm, &target, cluster, release)?;
    let owner = Owner { release: &release.name, application };
    let hold = LockGuard::new(word.assume_helm_dead, limits);
    hold.keep(seen);
    hold.take(&helm, release, owner, "destroy")?;
    let options = Options { timeout: limits.left(), wait: true, no_hooks: !going.with_hooks, ..Options::default() };
    hold.lock()?.expects(going.operation.clone());
    let ran = helm.uninstall(&target, &options, &mut |_| {}).map_err(Error::from);
    let noted = hold.lock().and_then(|lock| lock.helm_ended(cluster, release, ran.is_ok()));
    let given_back = hold.release();
    ran.map(drop).and(noted).and(given_back)
}

/// The releases that bear marks for this one: (namespace, name) and the marks of the last revision.
fn found(release: &Release, cluster: &Cluster, named: &Named, report: &Report) -> Result<Vec<(Place, Marks)>, Error> {
    let selector = Marks::selector(&release.name, &release.namespace);
    let records = match cluster.list(&SECRET, "", &selector) {
        Ok(records) => records,
        Err(error) if error.kind() == ErrorKind::Forbidden => {
            let of_source = named.charts.iter().map(|chart| &chart.namespace);
            let of_flags = named.places.iter().map(|(there, _)| there);
            let places: BTreeSet<&String> = of_source.chain(of_flags).chain([&release.namespace]).collect();
            let shown: Vec<&str> = places.iter().map(|place| place.as_str()).collect();
            say(
                report,
                format!("charts were searched in {} only: no permission to list all namespaces", shown.join(", ")),
            );
            let mut records = Vec::new();
            for place in places {
                match cluster.list(&SECRET, place, &selector) {
                    Ok(more) => records.extend(more),
                    Err(error) if error.kind() == ErrorKind::Forbidden => {}
                    Err(error) => return Err(error.into()),
                }
            }
            records
        }
        Err(error) => return Err(error.into()),
    };
    Ok(last_of(&records).into_iter().map(|(place, (_, marks))| (place, marks)).collect())
}

/// The last revision of each release with marks.
fn last_of(records: &[Json]) -> BTreeMap<Place, (u64, Marks)> {
    let mut last: BTreeMap<Place, (u64, Marks)> = BTreeMap::new();
    for record in records {
        let Some((place, revision, marks)) = read(record) else { continue };
        if last.get(&place).is_none_or(|(known, _)| *known < revision) {
            last.insert(place, (revision, marks));
        }
    }
    last
}

fn read(record: &Json) -> Option<(Place, u64, Marks)> {
    let namespace = record["metadata"]["namespace"].as_str()?.to_owned();
    let name = label(record, "name")?.to_owned();
    let revision = label(record, "version")?.parse().ok()?;
    Some(((namespace, name), revision, Marks::read(&record["metadata"]["labels"])?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::external_charts::Source;

    #[test]
    fn what_becomes_of_hooks_is_said() {
        let object = |kind: &str| Object {
            group: String::new(),
            kind: kind.into(),
            namespace: "web".into(),
            name: "tidy".into(),
        };
        let hook = |event: &str| SeenHook { object: Ok(object("Job")), events: vec![event.into()] };
        assert!(is_for_removal(&hook("pre-delete")) && is_for_removal(&hook("post-delete")));
        assert!(!is_for_removal(&hook("pre-upgrade")) && !is_for_removal(&hook("test")));
        let going = |with_hooks, hooks| {
            let outlook = Outlook { hooks, ..Outlook::default() };
            let place = ("web".to_owned(), "nginx".to_owned());
            Going::of(place, outlook, Operation::ours(Verb::Uninstall), with_hooks).map(|going| going.hooks())
        };
        assert_eq!(going(false, vec![]).unwrap(), "");
        let skipped =
            "; its hooks are skipped: Job tidy in namespace web (pre-delete); --allow-chart-hooks web/nginx runs them";
        assert_eq!(going(false, vec![hook("pre-delete")]).unwrap(), skipped);
        let run = going(true, vec![hook("pre-delete"), hook("test")]).unwrap();
        assert_eq!(run, "; its hooks run: Job tidy in namespace web (pre-delete)");
        // What has no name does not run, whatever a user says.
        let odd = || SeenHook { object: Err("it holds 2 objects".into()), ..hook("post-delete") };
        assert!(going(true, vec![odd()]).unwrap_err().to_string().contains("it holds 2 objects"));
        assert!(going(false, vec![odd()]).unwrap().contains("one without a valid name: it holds 2 objects"));
    }

    #[test]
    fn only_what_is_named_where_it_lies_goes() {
        let chart = |name: &str, destroy: bool| PlannedChart {
            name: name.into(),
            release: name.into(),
            namespace: "web".into(),
            source: Source::Repository { chart: "nginx".into(), url: "https://h".into() },
            destroy,
            ..PlannedChart::default()
        };
        let charts = [chart("goes", true), chart("stays", false), PlannedChart { tried: true, ..chart("ours", true) }];
        let places = [("db".to_owned(), "red".to_owned())];
        let named = Named { charts: &charts, places: &places, with_hooks: &[] };
        assert_eq!(origin("web", "goes", &named), Ok(Origin::Others(Some("nginx".into()))));
        assert_eq!(origin("web", "ours", &named), Ok(Origin::Ours));
        assert_eq!(origin("db", "red", &named), Ok(Origin::Others(None)));
        assert!(origin("web", "stays", &named).unwrap_err().contains("destroy: true"));
        for (namespace, name) in [("tenant", "goes"), ("web", "red"), ("tenant", "planted")] {
            assert!(
                origin(namespace, name, &named).unwrap_err().contains(&format!("--remove-chart {namespace}/{name}"))
            );
        }
    }
}
