//! A deploy that changes workload kinds: what will happen, which confirmations are needed, and the journal that it
//! begins or resumes.

use crate::cluster::connect::client::Cluster;
use crate::helm::Values;
use crate::k8s::error::ErrorKind;
use crate::k8s::kind::{CLAIM, DEPLOYMENT, STATEFUL_SET};
use crate::k8s::object;
use crate::k8s::object::name_of;
use crate::k8s::ownership::Owner;
use crate::migration::detect::detect;
use crate::migration::{
    Confirmation, Direction, How, ImageNote, Journal, Live, Phase, Promotion, Sides, asks, digest, digest_of_new,
};
use crate::pipeline::engine::event::{say, warn};
use crate::pipeline::release::autoscaling::autoscalers;
use crate::pipeline::release::history;
use crate::pipeline::release::installation::{Installation, Manifest};
use crate::pipeline::release::migration::log::Log;
use crate::pipeline::release::migration::look::{kind, live, nodes, others, volumes};
use crate::pipeline::release::rollback_feasibility;
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use serde_json::Value as Json;
use std::path::Path;

/// What a user agreed to beforehand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Consent {
    /// Hash of the plan that was read.
    pub confirm: Option<String>,
    /// What was agreed to.
    pub accept: Vec<Confirmation>,
}

/// A workload migration that was agreed to.
pub(crate) enum Agreed {
    Begin(Journal),
    /// It was begun before.
    GoOn(Log),
}

impl Agreed {
    /// The journal, written when it begins. What was counted in earlier runs starts again.
    pub(crate) fn log(self, on: &Installation) -> Result<Log, Error> {
        let mut log = match self {
            Self::GoOn(log) => log,
            Self::Begin(journal) => Log::begin(on.cluster, on.owner, on.space(), journal)?,
        };
        log.journal.progress = log.journal.progress.resumed();
        Ok(log)
    }
}

/// A workload migration that has not begun yet.
pub(crate) struct NewChange {
    /// What will happen.
    pub promotion: Promotion,
    /// Its hash, which a user confirms.
    pub hash: String,
    target: String,
    last: u64,
}

/// What a deploy is about to do about kinds.
pub(crate) enum Intent {
    /// To begin a change.
    New(NewChange),
    /// To continue with one, with the objects of the chart.
    UnderWay(Log, Vec<Json>),
}

impl Installation<'_> {
    /// The journal of a change that was begun and not finished.
    pub(crate) fn change_under_way(&self) -> Result<Option<Log>, Error> {
        let log = Log::read(self.cluster, self.owner, &self.release.namespace)?;
        Ok(log.filter(|log| log.journal.is_open()))
    }

    /// The objects that helm would bring. `version` is what helm is told of the cluster.
    pub(crate) fn objects_to_come(
        &self,
        chart: &Path,
        values: &Values<'_>,
        version: &[String],
    ) -> Result<Vec<Json>, Error> {
        let mut over = values.over.clone();
        // The chart's own guard asks the cluster, which is not asked here.
        object::set(&mut over, &["skipGuards"], Json::Bool(true));
        let text = self.helm.template(self.target, chart, &Values { over: &over, ..*values }, version)?;
        Ok(crate::diff::objects(&text, &self.release.namespace)?.into_values().collect())
    }

    /// Goes on with what was begun, when it leads to the same chart or the same revision.
    pub(crate) fn go_on_with(&self, log: Log, objects: &[Json], to: Option<u64>) -> Result<Agreed, Error> {
        if let Some(diagnostic) = self.leads_elsewhere(&log.journal, objects, to) {
            return Err(Error::Refused(diagnostic.into()));
        }
        say(self.report, format!("resuming: {}", log.journal.described()));
        Ok(Agreed::GoOn(log))
    }

    /// Why what was begun cannot continue to these objects.
    pub(crate) fn leads_elsewhere(&self, journal: &Journal, objects: &[Json], to: Option<u64>) -> Option<Diagnostic> {
        let same = journal.to == to && journal.target == digest(objects, &journal.changes);
        if journal.progress.direction == Direction::Back || (same && journal.knows_its_chart()) {
            return None;
        }
        let (name, space) = (&self.release.name, self.space());
        let promote = |wish: &str| format!("`kubectl aspire promote --{wish} --release {name} -n {space}`");
        let (resume, abort) = (promote("resume"), promote("abort"));
        let past_helm = matches!(journal.phase, Phase::Verify | Phase::Commit) && !journal.calling;
        let planned = match journal.to {
            Some(_) => "for a rollback",
            None if !journal.knows_its_chart() => "by an earlier version of this program",
            None => "for another chart or other values",
        };
        let first = match journal.to {
            // Helm was called already: what is left needs no chart.
            None if past_helm => format!("complete it first with {resume}, then run again; "),
            None if !journal.knows_its_chart() => String::new(),
            None => "deploy the same chart and values again, then the new ones; ".to_owned(),
            Some(_) => format!("resume with {resume}; "),
        };
        let what = format!("a workload migration is in progress, and was planned {planned}: {}", journal.described());
        Some(
            Diagnostic::new(Code::MigrationUnfinished, "", what)
                .hint(format!("{first}{abort} rolls back to revision {}", journal.base)),
        )
    }

    /// Shows the change and has it confirmed. None where helm alone can make it.
    pub(crate) fn begin_change(
        &self,
        change: NewChange,
        consent: &Consent,
        agree: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Agreed>, Error> {
        let NewChange { promotion, hash, target, last } = change;
        for line in promotion.lines(&hash) {
            say(self.report, line);
        }
        self.check_rights(&promotion)?;
        let scalers = autoscalers(self.cluster, self.release)?;
        for old in promotion.changes.iter().map(|change| &change.old) {
            let scaler = scalers.get(&(old.kind.clone(), old.name.clone()));
            // That of the chart itself is changed with the workload.
            if let Some(scaler) = scaler.filter(|scaler| !scaler.is_of(&old.name)) {
                warn(
                    self.report,
                    Code::AutoscalerTarget,
                    format!(
                        "the autoscaler {} targets {old}, which will not exist: set its scaleTargetRef to the new kind",
                        scaler.name
                    ),
                );
            }
        }
        confirmed(&promotion, &hash, consent, agree)?;
        Ok((!promotion.changes.is_empty()).then(|| Agreed::Begin(promotion.journal(hash, target, last))))
    }

    /// Whether going to these objects means more than helm can do, or ask: another kind, or data that is left.
    pub(crate) fn is_more_than_helm(&self, wanted: &Manifest, objects: &[Json]) -> Result<bool, Error> {
        if rollback_feasibility::changes_kind(self.cluster, self.release, wanted)? {
            return Ok(true);
        }
        let space = self.space();
        let live = Live {
            deployments: self.cluster.list(&DEPLOYMENT, space, "")?,
            stateful_sets: self.cluster.list(&STATEFUL_SET, space, "")?,
            claims: self.cluster.list(&CLAIM, space, "")?,
            ..Live::default()
        };
        let release = self.name();
        let sides = Sides { release, base: 0, last: &[], target: objects, live: &live };
        Ok(asks(sides))
    }

    /// The change that leads to these objects, which are those of the revision `to` or of a chart. None when nothing changes
    /// its kind.
    pub(crate) fn plan_change(&self, objects: &[Json], to: Option<u64>) -> Result<Option<NewChange>, Error> {
        let space = self.space();
        let history = self.helm.history(self.target)?;
        let last = history.last().map_or(0, |revision| revision.revision);
        let deployed = history.iter().rfind(|revision| revision.status == "deployed");
        let base = deployed.map_or(0, |revision| revision.revision);
        let before: Vec<Json> = match deployed {
            Some(_) => self.objects(Some(base))?.into_values().collect(),
            None => Vec::new(),
        };
        let mut live = live(self.cluster, space).map_err(not_allowed)?;
        let named = objects.iter().map(|object| (object["kind"].as_str().unwrap_or_default(), name_of(object)));
        others(self.cluster, space, &mut live, named)?;
        let release = self.name();
        let look =
            |live: &Live| detect(Sides { release, base, last: &before, target: objects, live }).map_err(Error::Refused);
        let Some(found) = look(&live)? else { return Ok(None) };
        if history.is_empty() && !found.changes.is_empty() {
            return Err(Error::Refused(history::gone(self.release).into()));
        }
        if deployed.is_none() && !found.changes.is_empty() {
            let what = format!("{} has no deployed revision to roll back to", self.release.described());
            let hint = "deploy the previous chart again, then this one";
            return Err(Error::Refused(Diagnostic::new(Code::NoGoodRevision, "", what).hint(hint).into()));
        }
        volumes(self.cluster, &mut live, found.claims.iter().map(|note| note.name.as_str()))?;
        nodes(self.cluster, &mut live, &found.changes)?;
        Ok(look(&live)?.map(|mut promotion| {
            promotion.to = to;
            let target = digest(objects, &promotion.changes);
            let hash = promotion.hash(&digest_of_new(objects, &promotion.changes));
            NewChange { promotion, hash, target, last }
        }))
    }

    /// What is not allowed is better known before something stopped.
    fn check_rights(&self, promotion: &Promotion) -> Result<(), Error> {
        let mut diagnostics = Diagnostics::default();
        for change in &promotion.changes {
            let kind = kind(&change.old.kind);
            let verbs: &[&str] = if change.how == How::Stop { &["patch", "delete"] } else { &["delete"] };
            for &verb in verbs {
                if !self.cluster.can_i(verb, &kind, &self.release.namespace, &change.old.name)? {
                    let what =
                        format!("no permission to {verb} {} in namespace {}", change.old, self.release.namespace);
                    diagnostics.push(
                        Diagnostic::new(Code::MissingPermission, "", what)
                            .hint("ask for this RBAC permission; nothing was changed"),
                    );
                }
            }
        }
        diagnostics.or(()).map_err(Error::Refused)
    }
}

impl NewChange {
    /// The journal of a change that was agreed to before it was known: who asked to go back on a failure agreed to
    /// downtime, and who agreed to another place for data on the way there, to the one from before. None where helm alone can
    /// make it; an error when it needs more.
    pub(crate) fn agreed_beforehand(self, consent: &Consent) -> Result<Option<Journal>, Error> {
        let Self { promotion, hash, target, last } = self;
        let moved =
            || consent.accept.iter().any(|word| matches!(word, Confirmation::EmptydirLoss | Confirmation::AbandonData));
        let given = |need: &Confirmation| match need {
            Confirmation::Downtime => true,
            Confirmation::AbandonData if promotion.changes.is_empty() => moved(),
            need => consent.accept.contains(need),
        };
        if promotion.needs.iter().all(given) {
            return Ok((!promotion.changes.is_empty()).then(|| promotion.journal(hash, target, last)));
        }
        let what = "the rollback needs a confirmation; the failed revision is left as it is";
        Err(Error::Refused(
            Diagnostic::new(Code::MigrationNotConfirmed, "", what)
                .hint("`rollback` shows the plan and asks for confirmation")
                .into(),
        ))
    }
}

/// Refuses what would pull the ground away from under a workload migration that is not done.
pub(crate) fn check_none_open(cluster: &Cluster, owner: Owner<'_>, release: &Release) -> Result<(), Error> {
    let Some(log) = Log::read(cluster, owner, &release.namespace)?.filter(|log| log.journal.is_open()) else {
        return Ok(());
    };
    let what =
        format!("a workload migration is in progress in the {}: {}", release.described(), log.journal.described());
    let hint = format!("complete it first: {}", log.journal.way_on(release.helm_name()));
    Err(Error::Refused(Diagnostic::new(Code::MigrationUnfinished, "", what).hint(hint).into()))
}

/// Who may not see it all cannot know when pods have ended.
fn not_allowed(error: Error) -> Error {
    match error {
        Error::Cluster(error) if error.kind() == ErrorKind::Forbidden => {
            let what =
                format!("cannot check whether the kind of a workload changes: permission to read is missing: {error}");
            Error::Refused(
                Diagnostic::new(Code::MissingPermission, "", what)
                    .hint("ask for this RBAC permission; nothing was changed")
                    .into(),
            )
        }
        other => other,
    }
}

fn confirmed(
    promotion: &Promotion,
    hash: &str,
    consent: &Consent,
    agree: &(dyn Fn() -> bool + Sync),
) -> Result<(), Error> {
    let words = |needs: &[Confirmation]| needs.iter().map(|need| need.word()).collect::<Vec<_>>().join(",");
    let all = words(&promotion.needs);
    let refuse = |what: String| {
        let hint = format!("nothing was changed; read the plan above, then: --confirm {hash} --accept {all}");
        let mut diagnostics = Diagnostics(promotion.images.iter().filter_map(ImageNote::refusal).collect());
        diagnostics.push(Diagnostic::new(Code::MigrationNotConfirmed, "", what).hint(hint));
        Err(Error::Refused(diagnostics))
    };
    match &consent.confirm {
        Some(given) if given != hash => {
            refuse(format!("the plan is not the one that was confirmed ({given}): it is {hash}"))
        }
        Some(_) => {
            let missing: Vec<Confirmation> =
                promotion.needs.iter().filter(|need| !consent.accept.contains(need)).copied().collect();
            if missing.is_empty() { Ok(()) } else { refuse(format!("confirmation is required: {}", words(&missing))) }
        }
        None if promotion.needs.is_empty() || agree() => Ok(()),
        None => {
            let is_kind = promotion.changes.iter().any(|change| change.marks.is_none());
            let what = match is_kind {
                _ if promotion.changes.is_empty() && promotion.data.is_empty() => {
                    "a server would start on data of another version"
                }
                _ if promotion.changes.is_empty() => "a workload would start without its existing data",
                true => "a workload would change its kind",
                false => "an object would be deleted and recreated",
            };
            refuse(format!("{what}; this needs a confirmation"))
        }
    }
}
