//! Destroy, step by step: uninstall the release, and keep objects with data unless flags say otherwise.

pub(crate) mod beside_helm;
pub(crate) mod namespace_deletion;

use super::{Error, Release, Slot};
use crate::cluster::api::namespace;
use crate::cluster::api::objects::{Guard, Objects, Propagation};
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::remembered::State;
use crate::cluster::state::secret;
use crate::cluster::state::transition_record::TransitionRecord;
use crate::external_charts::PlannedChart;
use crate::helm::{Helm, Options, Target};
use crate::k8s::error::ErrorKind;
use crate::k8s::kind::{CLAIM, VOLUME};
use crate::k8s::labels;
use crate::k8s::object::name_of;
use crate::k8s::ownership::Owner;
use crate::pipeline::destroy::beside_helm::{BesideHelm, Staying};
use crate::pipeline::destroy::namespace_deletion::Deletable;
use crate::pipeline::engine::event::{Report, say};
use crate::pipeline::engine::graph::{Graph, Step};
use crate::pipeline::engine::run::{Limits, RunOptions, run};
use crate::pipeline::release::application::{check_application, check_release, live_application};
use crate::pipeline::release::charts;
use crate::pipeline::release::charts::Removal;
use crate::pipeline::release::checks::is_our_claim;
use crate::pipeline::release::lock::{LastRevision, Lock, LockGuard};
use crate::pipeline::release::migration::consent;
use crate::pipeline::release::records::{Operation, Outlook, Verb, shown};
use crate::pipeline::release::{lock, records};
use crate::support::diagnostic::{Code, Diagnostic};
use serde_json::Value as Json;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) struct Destroy {
    /// Identity of the application, when it is known; another one's release is refused.
    pub application: Option<String>,
    /// Whether claims and all secrets go too.
    pub delete_data: bool,
    /// Whether to delete the namespace, if we created it and it contains no objects of other owners.
    pub delete_namespace: bool,
    /// Whether a user knows that no other helm works on the release.
    pub assume_helm_dead: bool,
    /// Charts of SOURCE, of which those with `destroy: true` go.
    pub charts: Vec<PlannedChart>,
    /// Releases of charts that a user named, by namespace and name.
    pub remove_charts: Vec<(String, String)>,
    /// Releases of charts whose hooks may run when they are removed, by namespace and name.
    pub allow_chart_hooks: Vec<(String, String)>,
}

/// What was done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Destroyed {
    /// Whether there was anything to remove.
    pub found: bool,
    /// Claims that stay.
    pub kept: Vec<String>,
    /// Claims that were deleted.
    pub deleted: Vec<String>,
    /// Those of them whose volume stays, with the reason.
    pub volumes_kept: Vec<String>,
    /// Whether the namespace was deleted.
    pub namespace: bool,
    /// Third-party charts that came with it and went with it.
    pub charts_removed: Vec<String>,
    /// Those that stay.
    pub charts_kept: Vec<String>,
}

/// What the steps of one destroy share.
pub(crate) struct DestroyRun<'a> {
    request: &'a Destroy,
    release: &'a Release,
    agree: &'a (dyn Fn() -> bool + Sync),
    report: &'a Report<'a>,
    limits: &'a Limits<'a>,
    helm: Slot<(Helm, Target)>,
    cluster: Slot<Cluster>,
    /// The application that the release belongs to, as our own objects say.
    live: Slot<Option<String>>,
    hold: LockGuard,
    /// What helm deletes, read before the user confirms.
    outlook: Slot<Outlook>,
    /// The claims of the release, read before the user confirms.
    claims: Slot<Vec<Json>>,
    /// What else is deleted, read before the user confirms.
    beside_helm: Slot<BesideHelm>,
    charts: Slot<Removal>,
    /// What may go with the namespace.
    deletable: Slot<Deletable>,
    done: Mutex<Destroyed>,
    going: Mutex<Vec<Json>>,
}

pub(crate) fn steps<'a>() -> Result<Graph<'a, DestroyRun<'a>>, Diagnostic> {
    Graph::new(vec![
        Step::new("check-helm-prereqs-kubernetes", "find helm and check its version", &[], DestroyRun::find_helm),
        Step::new("check-cluster-kubernetes", "read the release and its owner", &[], DestroyRun::look),
        Step::new(
            "destroy-prereq",
            "check that the release belongs to this application",
            &["check-helm-prereqs-kubernetes", "check-cluster-kubernetes"],
            DestroyRun::check,
        ),
        Step::new(
            "confirm-kubernetes",
            "list everything that will be deleted and ask for confirmation",
            &["destroy-prereq"],
            DestroyRun::confirm,
        ),
        Step::new("lock-kubernetes", "take the Lease of the release", &["confirm-kubernetes"], DestroyRun::lock)
            .at_end(|destruction, _| destruction.hold.release()),
        Step::new("destroy-helm-kubernetes", "run helm uninstall", &["lock-kubernetes"], DestroyRun::uninstall),
        Step::new(
            "destroy-claims-kubernetes",
            "keep the PVCs, or delete them with --delete-data",
            &["destroy-helm-kubernetes"],
            DestroyRun::claims,
        ),
        Step::new(
            "destroy-charts-kubernetes",
            "uninstall the third-party charts with `destroy: true`",
            &["destroy-claims-kubernetes"],
            DestroyRun::charts,
        ),
        Step::new(
            "destroy-state-kubernetes",
            "delete Secrets and stored values that are no longer needed",
            &["destroy-charts-kubernetes"],
            DestroyRun::forget,
        ),
        Step::new(
            "wait-for-claims-kubernetes",
            "wait until deleted PVCs are gone",
            &["destroy-state-kubernetes"],
            DestroyRun::wait,
        ),
        Step::new(
            "delete-namespace-kubernetes",
            "delete the namespace with --delete-namespace, if a deploy created it and it is empty",
            &["wait-for-claims-kubernetes"],
            DestroyRun::clear,
        ),
    ])
}

/// Destroys the release. `agree` asks a user about what was just shown.
pub(crate) fn destroy(
    request: &Destroy,
    release: &Release,
    agree: &(dyn Fn() -> bool + Sync),
    conduct: &RunOptions,
) -> Result<Destroyed, Error> {
    let (graph, report, limits) = (steps()?.part(conduct.only)?, conduct.report, &conduct.limits);
    say(report, format!("destroying {}", release.described()));
    let destruction = DestroyRun {
        request,
        release,
        agree,
        report,
        limits,
        helm: Slot::default(),
        cluster: Slot::default(),
        live: Slot::default(),
        hold: LockGuard::new(request.assume_helm_dead, limits),
        outlook: Slot::default(),
        claims: Slot::default(),
        beside_helm: Slot::default(),
        charts: Slot::default(),
        deletable: Slot::default(),
        done: Mutex::default(),
        going: Mutex::default(),
    };
    run(&graph, &destruction, report, limits)?;
    Ok(destruction.done.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl DestroyRun<'_> {
    fn done(&self) -> MutexGuard<'_, Destroyed> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find_helm(&self) -> Result<(), Error> {
        self.helm.put(self.release.helm()?);
        Ok(())
    }

    fn look(&self) -> Result<(), Error> {
        let cluster = self.release.connect()?;
        self.live.put(live_application(&cluster, self.release)?);
        lock::wait_for_helm(&cluster, self.release, self.owner()?, self.limits, self.report)?;
        self.cluster.put(cluster);
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        check_application(self.live.get()?.as_deref(), self.request.application.as_deref(), self.release)?;
        let ((helm, target), cluster) = (self.helm.get()?, self.cluster.get()?);
        let (live, seen) = LastRevision::look(helm, target, cluster, self.release)?;
        check_release(live.as_ref(), cluster, self.release, "uninstall")?;
        lock::check(cluster, self.release, self.owner()?, &seen, self.hold.word)?;
        if self.live.get()?.is_some() {
            consent::check_none_open(cluster, self.owner()?, self.release)?;
        }
        self.hold.keep(seen);
        // Checked before anything is deleted: half of it would not help.
        self.outlook.put(records::check(cluster, self.release, &Operation::ours(Verb::Uninstall))?);
        let named = charts::Named {
            charts: &self.request.charts,
            places: &self.request.remove_charts,
            with_hooks: &self.request.allow_chart_hooks,
        };
        let removal = match self.application()? {
            Some(application) => charts::removal(self.release, application, cluster, &named, self.report)?,
            None => Removal::default(),
        };
        if self.request.delete_namespace {
            self.deletable.put(namespace_deletion::check(
                cluster,
                self.release,
                self.request.delete_data,
                &going_here(self.release, &removal),
                &Deletable::default(),
            )?);
        }
        let claims = our_claims(cluster, self.release)?;
        let charts = !removal.left.is_empty() || removal.going.iter().any(|going| !going.issuers.staying.is_empty());
        let staying = Staying { claims: !self.request.delete_data && !claims.is_empty(), charts };
        let owner = self.live.get()?.as_deref().map(|application| Owner { release: &self.release.name, application });
        self.beside_helm.put(BesideHelm::look(cluster, self.release, owner, staying)?);
        self.claims.put(claims);
        self.charts.put(removal);
        Ok(())
    }

    /// The application that the release belongs to, or that SOURCE names.
    fn application(&self) -> Result<Option<&str>, Error> {
        Ok(self.live.get()?.as_deref().or(self.request.application.as_deref()))
    }

    /// Shows all that goes, and asks.
    fn confirm(&self) -> Result<(), Error> {
        let (cluster, release, removal) = (self.cluster.get()?, self.release, self.charts.get()?);
        let (objects, claims) = (&self.outlook.get()?.goes, self.claims.get()?);
        let beside_helm = self.beside_helm.get()?.lines();
        let empty = claims.is_empty() && beside_helm.is_empty();
        let none = self.live.get()?.is_none() && empty && self.hold.sees_nothing();
        if none && removal.going.is_empty() && !self.request.delete_namespace {
            // There is nothing to ask about; the end says so.
            return Ok(());
        }
        let tell = |text: String| say(self.report, text);
        let objects: Vec<String> = objects.iter().map(shown).collect();
        let with = if objects.is_empty() { String::new() } else { format!(" with {}", objects.join(", ")) };
        tell(format!("to be removed: release {} in namespace {}{with}", release.name, release.namespace));
        for line in beside_helm {
            tell(format!("to be removed: {line} in namespace {}", release.namespace));
        }
        for going in &removal.going {
            tell(format!("to be removed: {}", going.line()));
            for issuer in &going.issuers.going {
                tell(format!("to be removed: ClusterIssuer {}", name_of(issuer)));
            }
        }
        for left in removal.left.iter().chain(removal.going.iter().flat_map(|going| &going.issuers.staying)) {
            tell(format!("left in place: {left}"));
        }
        for claim in claims {
            let fate = if self.request.delete_data {
                volume_of(cluster, claim)?.before()
            } else {
                "kept with its data".to_owned()
            };
            tell(format!("PersistentVolumeClaim {} in namespace {}: {fate}", name_of(claim), release.namespace));
        }
        if self.request.delete_namespace {
            tell(format!("to be removed: namespace {} with everything in it", release.namespace));
        }
        if (self.agree)() {
            return Ok(());
        }
        Err(Error::Refused(
            Diagnostic::new(Code::ConfirmationRequired, "", "nothing was destroyed")
                .hint("pass --yes to confirm")
                .into(),
        ))
    }

    fn clear(&self) -> Result<(), Error> {
        if self.request.delete_namespace {
            self.hold.find().map_or(Ok(()), Lock::ends_with_namespace)?;
            let (cluster, data) = (self.cluster.get()?, self.request.delete_data);
            let here = going_here(self.release, self.charts.get()?);
            let gone =
                namespace_deletion::clear(cluster, self.release, data, &here, self.deletable.get()?, self.limits)?;
            let mut done = self.done();
            done.namespace = gone;
            done.found |= gone;
        }
        Ok(())
    }

    fn owner(&self) -> Result<Owner<'_>, Error> {
        let application = self.application()?.unwrap_or_default();
        Ok(Owner { release: &self.release.name, application })
    }

    /// Helm uninstalls whatever is left of a release, so that nothing has to be set to failed.
    fn lock(&self) -> Result<(), Error> {
        if namespace::look(self.cluster.get()?, &self.release.namespace)?.is_none() {
            return Ok(());
        }
        self.hold.take(&self.helm.get()?.0, self.release, self.owner()?, "destroy")
    }

    fn uninstall(&self) -> Result<(), Error> {
        let (helm, target) = self.helm.get()?;
        // Without a namespace there is no lock, and nothing that helm could remove.
        let Some(lock) = self.hold.find() else { return Ok(()) };
        lock.expects(Operation::ours(Verb::Uninstall).shown_in(self.outlook.get()?));
        let options = Options { timeout: self.limits.left(), wait: true, no_hooks: true, ..Options::default() };
        let ran = helm.uninstall(target, &options, &mut |_| {});
        let noted = lock.helm_ended(self.cluster.get()?, self.release, ran.is_ok());
        self.done().found |= ran?;
        noted
    }

    fn claims(&self) -> Result<(), Error> {
        self.hold.check()?;
        let mut done = self.done();
        let going = claims(self.cluster.get()?, self.release, self.request.delete_data, self.claims.get()?, &mut done)?;
        done.found |= !done.deleted.is_empty() || !done.volumes_kept.is_empty();
        *self.going.lock().unwrap_or_else(PoisonError::into_inner) = going;
        Ok(())
    }

    fn charts(&self) -> Result<(), Error> {
        self.hold.check()?;
        let Some(application) = self.application()? else { return Ok(()) };
        let (removal, cluster) = (self.charts.get()?, self.cluster.get()?);
        let left =
            charts::remove(removal, self.release, application, cluster, self.limits, self.report, self.hold.word)?;
        let mut done = self.done();
        done.found |= !left.removed.is_empty();
        (done.charts_removed, done.charts_kept) = (left.removed, left.kept);
        Ok(())
    }

    fn forget(&self) -> Result<(), Error> {
        self.hold.check()?;
        let (cluster, space) = (self.cluster.get()?, &self.release.namespace);
        let mut done = self.done();
        if let Some(application) = self.live.get()? {
            let owner = Owner { release: &self.release.name, application };
            // What a chart that stays was set up with is kept like what claims were set up with.
            secret::retire(cluster, owner, space, done.kept.is_empty() && done.charts_kept.is_empty())?;
            // The state goes last: while it is there, a run that was cut short can be repeated.
            let state = State::read(cluster, owner, space)?;
            done.found |= state.exists();
            TransitionRecord::read(cluster, owner, space)?.delete(cluster, space)?;
            state.delete(cluster, space)?;
        }
        Ok(self.beside_helm.get()?.remove(cluster, self.release, !done.kept.is_empty())?)
    }

    fn wait(&self) -> Result<(), Error> {
        let going = std::mem::take(&mut *self.going.lock().unwrap_or_else(PoisonError::into_inner));
        wait_until_gone(self.cluster.get()?, self.release, &going, self.limits)
    }
}

fn our_claims(cluster: &Cluster, release: &Release) -> Result<Vec<Json>, Error> {
    let name = release.helm_name();
    let live = cluster.list(&CLAIM, &release.namespace, &format!("{}={}", labels::INSTANCE, release.name))?;
    Ok(live.into_iter().filter(|claim| is_our_claim(claim, name)).collect())
}

/// What becomes of the data when a claim is deleted.
enum Volume {
    /// It is deleted, or there never was a volume.
    Goes,
    /// Its policy keeps it: its name.
    Stays(String),
    /// We may not look.
    Unknown(String),
}

impl Volume {
    fn before(&self) -> String {
        match self {
            Self::Goes => "deleted with its data".to_owned(),
            Self::Stays(name) => {
                format!("deleted; its PersistentVolume {name} has the reclaim policy Retain and keeps the data")
            }
            Self::Unknown(name) => {
                format!("deleted; no permission to check whether its PersistentVolume {name} keeps the data")
            }
        }
    }

    fn after(&self) -> String {
        match self {
            Self::Goes => "its data is deleted".to_owned(),
            Self::Stays(name) => {
                format!("the PersistentVolume {name} has the reclaim policy Retain and keeps the data")
            }
            Self::Unknown(name) => format!("no permission to check whether the PersistentVolume {name} keeps the data"),
        }
    }
}

fn volume_of(cluster: &Cluster, claim: &Json) -> Result<Volume, Error> {
    let Some(name) = claim["spec"]["volumeName"].as_str().filter(|name| !name.is_empty()) else {
        return Ok(Volume::Goes);
    };
    match cluster.get(&VOLUME, "", name) {
        Ok(None) => Ok(Volume::Goes),
        Ok(Some(volume)) if volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete" => Ok(Volume::Goes),
        Ok(Some(_)) => Ok(Volume::Stays(name.to_owned())),
        Err(error) if error.kind() == ErrorKind::Forbidden => Ok(Volume::Unknown(name.to_owned())),
        Err(error) => Err(error.into()),
    }
}

/// Releases of charts that go and lie in the namespace of the release.
fn going_here(release: &Release, removal: &Removal) -> Vec<String> {
    let here = removal.going.iter().filter(|going| going.namespace == release.namespace);
    here.map(|going| going.name.clone()).collect()
}

/// Deletes or keeps the claims of the release; returns the deleted ones, which may take a while to go.
/// One that was not there when a user agreed stays.
fn claims(
    cluster: &Cluster,
    release: &Release,
    delete: bool,
    shown: &[Json],
    done: &mut Destroyed,
) -> Result<Vec<Json>, Error> {
    let mut going = Vec::new();
    for claim in our_claims(cluster, release)? {
        let uid = &claim["metadata"]["uid"];
        if delete && shown.iter().any(|one| one["metadata"]["uid"] == *uid) {
            let volume = volume_of(cluster, &claim)?;
            let guard = Guard::of(&claim).any_state();
            cluster.delete(&CLAIM, &release.namespace, name_of(&claim), &guard, Propagation::Background)?;
            match volume {
                Volume::Goes => done.deleted.push(name_of(&claim).to_owned()),
                stays => done.volumes_kept.push(format!("{}: {}", name_of(&claim), stays.after())),
            }
            going.push(claim);
        } else {
            done.kept.push(name_of(&claim).to_owned());
        }
    }
    Ok(going)
}

/// A claim goes when the last pod that uses it has ended; a deploy before that is refused.
fn wait_until_gone(cluster: &Cluster, release: &Release, going: &[Json], limits: &Limits) -> Result<(), Error> {
    for claim in going {
        let same = |live: Json| live["metadata"]["uid"] == claim["metadata"]["uid"];
        while cluster.get(&CLAIM, &release.namespace, name_of(claim))?.is_some_and(same) {
            if limits.left().is_zero() || (limits.stopped)() {
                if (limits.stopped)() {
                    return Err(Error::Interrupted);
                }
                let what = format!(
                    "the PersistentVolumeClaim {} in namespace {} is still being deleted: something still uses it",
                    name_of(claim),
                    release.namespace
                );
                let hint = "`kubectl describe pvc` shows the pods that use it; run the same command again to wait \
                for it";
                return Err(Diagnostic::new(Code::StillDeleting, "", what).hint(hint).into());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(())
}
