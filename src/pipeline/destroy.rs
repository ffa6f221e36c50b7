//! Destroy: uninstall the release, keep what holds data unless told otherwise.

use super::checks::is_our_claim;
use super::{Error, Release, Say, chart_secret};
use crate::cluster::claims::ReleaseName;
use crate::cluster::{
    CLAIM, CONFIG_MAP, Cluster, Guard, Objects, Owner, Propagation, SECRET, State, annotation, label, marks, name_of,
    namespace, secret,
};
use crate::helm::{Helm, Options, Target};
use crate::problem::Problem;
use serde_json::Value as Json;
use std::time::{Duration, Instant};

/// What to destroy.
pub struct Destroy {
    /// Identity of the application, when it is known; another one's release is refused.
    pub application: Option<String>,
    /// Whether claims and all secrets go too.
    pub delete_data: bool,
    /// How long helm may take.
    pub timeout: Duration,
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
}

/// Destroys the release.
pub fn destroy(request: &Destroy, release: &Release, say: &mut Say) -> Result<Destroyed, Error> {
    let (helm, target) = release.helm()?;
    let cluster = release.connect()?;
    if namespace::look(&cluster, &release.namespace)?.is_none() {
        return Ok(Destroyed::default());
    }
    let live = live_application(&cluster, release)?;
    if let (Some(live), Some(wanted)) = (&live, &request.application)
        && live != wanted
    {
        let problem = Problem::at(
            "",
            format!("the {} belongs to the application `{live}`, not to `{wanted}`", release.described()),
        )
        .hint("name its release with --release and leave SOURCE out, or choose another namespace");
        return Err(Error::Refused(problem.into()));
    }
    check_release(&helm, &target, &cluster, release)?;
    let mut done = Destroyed::default();
    let start = Instant::now();
    let options = Options { timeout: request.timeout, wait: true, ..Options::default() };
    say(&format!("destroying {}", release.described()));
    done.found |= helm.uninstall(&target, &options, &mut |_| {})?;
    let going = claims(&cluster, release, request.delete_data, &mut done)?;
    done.found |= !done.deleted.is_empty();
    if let Some(application) = &live {
        let owner = Owner { release: &release.name, application };
        secret::retire(&cluster, owner, &release.namespace, done.kept.is_empty())?;
        // The state goes last: while it is there, a run that was cut short can be repeated.
        let state = State::read(&cluster, owner, &release.namespace)?;
        done.found |= state.exists();
        state.delete(&cluster, &release.namespace)?;
    }
    if done.kept.is_empty() {
        // It outlives helm for the sake of claims; without any it has no reason to stay.
        chart_secret::delete(&cluster, release)?;
    }
    wait_until_gone(&cluster, release, &going, request.timeout.saturating_sub(start.elapsed()), say)?;
    Ok(done)
}

/// Every deploy leaves its state, so that a release without it was made by somebody else.
fn check_release(helm: &Helm, target: &Target, cluster: &Cluster, release: &Release) -> Result<(), Error> {
    let Some(live) = helm.status(target)? else { return Ok(()) };
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
fn live_application(cluster: &Cluster, release: &Release) -> Result<Option<String>, Error> {
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
    limit: Duration,
    say: &mut Say,
) -> Result<(), Error> {
    let start = Instant::now();
    for claim in going {
        let same = |live: Json| live["metadata"]["uid"] == claim["metadata"]["uid"];
        while cluster.get(&CLAIM, &release.namespace, name_of(claim))?.is_some_and(same) {
            if start.elapsed() >= limit {
                say(&format!("the claim {} is still being deleted: something still uses it", name_of(claim)));
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(())
}
