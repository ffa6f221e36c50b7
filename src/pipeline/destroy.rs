//! Destroy, step by step: uninstall the release, keep what holds data unless told otherwise.

use super::checks::is_our_claim;
use super::event::{Report, say};
use super::graph::{Graph, Step};
use super::kinds;
use super::lock::{self, Hold, Seen};
use super::run::{Conduct, Limits, run};
use super::{Error, Release, Slot, chart_secret, charts, foreign, vacancy};
use crate::cluster::claims::ReleaseName;
use crate::cluster::{
    CLAIM, CONFIG_MAP, Cluster, Guard, Note, Objects, Owner, Propagation, SECRET, State, annotation, label, marks,
    name_of, namespace, secret,
};
use crate::helm::{self, Helm, Options, Target};
use crate::problem::Problem;
use serde_json::Value as Json;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What to destroy.
pub struct Destroy {
    /// Identity of the application, when it is known; another one's release is refused.
    pub application: Option<String>,
    /// Whether claims and all secrets go too.
    pub delete_data: bool,
    /// Whether the namespace goes too, if we made it and nothing of others lives in it.
    pub delete_namespace: bool,
    /// Whether a person knows that no other helm works on the release.
    pub assume_helm_dead: bool,
    /// Namespaces of charts that came with it, where they are known: the whole cluster may not be ours to look at.
    pub chart_namespaces: Vec<String>,
}

/// What was done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Destroyed {
    /// Whether there was anything to remove.
    pub found: bool,
    /// Claims that stay.
    pub kept: Vec<String>,
    /// Claims that were deleted.
    pub deleted: Vec<String>,
    /// Whether the namespace was deleted.
    pub namespace: bool,
    /// Charts of others that came with it and went with it.
    pub charts_removed: Vec<String>,
    /// Those that stay.
    pub charts_kept: Vec<String>,
}

/// What the steps of one destroy share.
pub struct Destruction<'a> {
    request: &'a Destroy,
    release: &'a Release,
    report: &'a Report<'a>,
    limits: &'a Limits<'a>,
    helm: Slot<(Helm, Target)>,
    cluster: Slot<Cluster>,
    /// The application that the release belongs to, as our own objects say.
    live: Slot<Option<String>>,
    hold: Hold,
    done: Mutex<Destroyed>,
    going: Mutex<Vec<Json>>,
}

/// The steps of a destroy.
pub fn steps<'a>() -> Result<Graph<'a, Destruction<'a>>, Problem> {
    Graph::new(vec![
        Step::new("check-helm-prereqs-kubernetes", "find helm and check its version", &[], Destruction::find_helm),
        Step::new("check-cluster-kubernetes", "read whose release it is", &[], Destruction::look),
        Step::new(
            "destroy-prereq",
            "check that the release is this application's",
            &["check-helm-prereqs-kubernetes", "check-cluster-kubernetes"],
            Destruction::check,
        ),
        Step::new("lock-kubernetes", "take the Lease of the release", &["destroy-prereq"], Destruction::lock)
            .at_end(|destruction, _| destruction.hold.release()),
        Step::new("destroy-helm-kubernetes", "run helm uninstall", &["lock-kubernetes"], Destruction::uninstall),
        Step::new(
            "destroy-claims-kubernetes",
            "keep the claims, or delete them with --delete-data",
            &["destroy-helm-kubernetes"],
            Destruction::claims,
        ),
        Step::new(
            "destroy-charts-kubernetes",
            "uninstall the charts that came with the application and are to go with it",
            &["destroy-claims-kubernetes"],
            Destruction::charts,
        ),
        Step::new(
            "destroy-state-kubernetes",
            "remove Secrets and remembered values that nothing needs any more",
            &["destroy-charts-kubernetes"],
            Destruction::forget,
        ),
        Step::new(
            "wait-for-claims-kubernetes",
            "wait until deleted claims are gone",
            &["destroy-state-kubernetes"],
            Destruction::wait,
        ),
        Step::new(
            "delete-namespace-kubernetes",
            "delete the namespace with --delete-namespace, if we made it and it is empty",
            &["wait-for-claims-kubernetes"],
            Destruction::clear,
        ),
    ])
}

/// Destroys the release.
pub fn destroy(request: &Destroy, release: &Release, conduct: &Conduct) -> Result<Destroyed, Error> {
    let (graph, report, limits) = (steps()?.part(conduct.only)?, conduct.report, &conduct.limits);
    say(report, format!("destroying {}", release.described()));
    let destruction = Destruction {
        request,
        release,
        report,
        limits,
        helm: Slot::default(),
        cluster: Slot::default(),
        live: Slot::default(),
        hold: Hold::new(request.assume_helm_dead, limits),
        done: Mutex::default(),
        going: Mutex::default(),
    };
    run(&graph, &destruction, report, limits)?;
    Ok(destruction.done.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl Destruction<'_> {
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
        let (live, seen) = Seen::look(helm, target, cluster, self.release)?;
        check_release(live.as_ref(), cluster, self.release)?;
        lock::check(cluster, self.release, self.owner()?, &seen, self.hold.word)?;
        if self.live.get()?.is_some() {
            kinds::check_none_open(cluster, self.owner()?, self.release)?;
        }
        self.hold.keep(seen);
        // Known before anything goes: half of it would help nobody.
        if self.request.delete_namespace {
            vacancy::check(cluster, self.release, self.request.delete_data)?;
        }
        Ok(())
    }

    fn clear(&self) -> Result<(), Error> {
        if self.request.delete_namespace {
            let (cluster, data) = (self.cluster.get()?, self.request.delete_data);
            let gone = vacancy::clear(cluster, self.release, data, self.limits)?;
            let mut done = self.done();
            done.namespace = gone;
            done.found |= gone;
        }
        Ok(())
    }

    fn owner(&self) -> Result<Owner<'_>, Error> {
        let application = self.live.get()?.as_deref().or(self.request.application.as_deref()).unwrap_or_default();
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
        let options = Options { timeout: self.limits.left(), wait: true, ..Options::default() };
        let ran = helm.uninstall(target, &options, &mut |_| {});
        let noted = self.hold.find().map(|lock| lock.helm_ended(self.cluster.get()?, self.release, ran.is_ok()));
        self.done().found |= ran?;
        noted.transpose()?;
        Ok(())
    }

    fn claims(&self) -> Result<(), Error> {
        self.hold.check()?;
        let mut done = self.done();
        let going = claims(self.cluster.get()?, self.release, self.request.delete_data, &mut done)?;
        done.found |= !done.deleted.is_empty();
        *self.going.lock().unwrap_or_else(PoisonError::into_inner) = going;
        Ok(())
    }

    fn charts(&self) -> Result<(), Error> {
        self.hold.check()?;
        let Some(application) = self.live.get()?.as_deref().or(self.request.application.as_deref()) else {
            return Ok(());
        };
        let (cluster, places) = (self.cluster.get()?, &self.request.chart_namespaces);
        let left =
            charts::remove(self.release, application, cluster, places, self.limits, self.report, self.hold.word)?;
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
            Note::read(cluster, owner, space)?.delete(cluster, space)?;
            state.delete(cluster, space)?;
        }
        foreign::remove(cluster, self.release, None)?;
        if done.kept.is_empty() {
            // It outlives helm for the sake of claims; without any it has no reason to stay.
            chart_secret::delete(cluster, self.release)?;
        }
        Ok(())
    }

    fn wait(&self) -> Result<(), Error> {
        let going = std::mem::take(&mut *self.going.lock().unwrap_or_else(PoisonError::into_inner));
        wait_until_gone(self.cluster.get()?, self.release, &going, self.limits, self.report)
    }
}

/// Refuses the release of another application.
pub fn check_application(live: Option<&str>, wanted: Option<&str>, release: &Release) -> Result<(), Error> {
    match (live, wanted) {
        (Some(live), Some(wanted)) if live != wanted => {
            let what = format!("the {} belongs to the application `{live}`, not to `{wanted}`", release.described());
            let hint = "name its release with --release and leave SOURCE out, or choose another namespace";
            Err(Error::Refused(Problem::at("", what).hint(hint).into()))
        }
        _ => Ok(()),
    }
}

/// Every deploy leaves its state, so that a release without it was made by somebody else.
pub fn check_release(live: Option<&helm::Release>, cluster: &Cluster, release: &Release) -> Result<(), Error> {
    let Some(live) = live else { return Ok(()) };
    let state = cluster.get(&CONFIG_MAP, &release.namespace, &State::name(&release.name))?;
    if state.is_some_and(|state| is_ours(&state, release)) {
        return Ok(());
    }
    let problem = Problem::at(
        "",
        format!("the {} (chart {}) was not deployed with kubectl aspire", release.described(), live.chart),
    )
    .hint(format!("remove it with `helm uninstall {} --namespace {}`", release.name, release.namespace));
    Err(Error::Refused(problem.into()))
}

fn is_ours(object: &Json, release: &Release) -> bool {
    label(object, marks::MANAGED_BY) == Some(marks::US) && label(object, marks::INSTANCE) == Some(&release.name)
}

/// The application that the release belongs to, as our own objects say.
pub fn live_application(cluster: &Cluster, release: &Release) -> Result<Option<String>, Error> {
    let space = &release.namespace;
    let state = cluster.get(&CONFIG_MAP, space, &State::name(&release.name))?;
    let secret = cluster.get(&SECRET, space, &crate::cluster::ReleaseSecret::name(&release.name))?;
    let found = [state, secret].into_iter().flatten().find(|object| is_ours(object, release));
    Ok(found.and_then(|object| annotation(&object, marks::APPLICATION).map(str::to_owned)))
}

/// Deletes or keeps the claims of the release; returns the deleted ones, which may take a while to go.
fn claims(cluster: &Cluster, release: &Release, delete: bool, done: &mut Destroyed) -> Result<Vec<Json>, Error> {
    let mut going = Vec::new();
    let name = ReleaseName { name: &release.name, namespace: &release.namespace };
    let live = cluster.list(&CLAIM, &release.namespace, &format!("{}={}", marks::INSTANCE, release.name))?;
    for claim in live.into_iter().filter(|claim| is_our_claim(claim, name)) {
        if delete {
            let guard = Guard::of(&claim).any_state();
            cluster.delete(&CLAIM, &release.namespace, name_of(&claim), &guard, Propagation::Background)?;
            done.deleted.push(name_of(&claim).to_owned());
            going.push(claim);
        } else {
            done.kept.push(name_of(&claim).to_owned());
        }
    }
    Ok(going)
}

/// A claim goes when the last pod that uses it has ended; a deploy before that is refused.
fn wait_until_gone(
    cluster: &Cluster,
    release: &Release,
    going: &[Json],
    limits: &Limits,
    report: &Report,
) -> Result<(), Error> {
    for claim in going {
        let same = |live: Json| live["metadata"]["uid"] == claim["metadata"]["uid"];
        while cluster.get(&CLAIM, &release.namespace, name_of(claim))?.is_some_and(same) {
            if limits.left().is_zero() || (limits.stopped)() {
                let sentence = format!("the claim {} is still being deleted: something still uses it", name_of(claim));
                say(report, sentence);
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(())
}
