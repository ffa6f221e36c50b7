//! Which application a release belongs to, and whether that is the requested one.

use crate::cluster::api::objects::Objects;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::remembered::State;
use crate::cluster::state::secret::ReleaseSecret;
use crate::helm;
use crate::k8s::kind::{CONFIG_MAP, SECRET};
use crate::k8s::labels;
use crate::k8s::object::{annotation, label};
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic};
use serde_json::Value as Json;

/// Refuses the release of another application.
pub(crate) fn check_application(live: Option<&str>, wanted: Option<&str>, release: &Release) -> Result<(), Error> {
    match (live, wanted) {
        (Some(live), Some(wanted)) if live != wanted => {
            let what = format!("the {} belongs to the application `{live}`, not to `{wanted}`", release.described());
            let hint = "pass its release with --release and omit SOURCE, or choose another namespace";
            Err(Error::Refused(Diagnostic::new(Code::OtherApplication, "", what).hint(hint).into()))
        }
        _ => Ok(()),
    }
}

/// Every deploy leaves its state, so that a release without it was made by another client.
/// `verb` is helm's, for whoever works on it by hand.
pub(crate) fn check_release(
    live: Option<&helm::Release>,
    cluster: &Cluster,
    release: &Release,
    verb: &str,
) -> Result<(), Error> {
    let Some(live) = live else { return Ok(()) };
    let state = cluster.get(&CONFIG_MAP, &release.namespace, &State::name(&release.name))?;
    if state.is_some_and(|state| is_ours(&state, release)) {
        return Ok(());
    }
    let diagnostic = Diagnostic::new(
        Code::OtherApplication,
        "",
        format!("the {} (chart {}) was not deployed with kubectl aspire", release.described(), live.chart),
    )
    .hint(format!("to do it with helm: `helm {verb} {} --namespace {}`", release.name, release.namespace));
    Err(Error::Refused(diagnostic.into()))
}

fn is_ours(object: &Json, release: &Release) -> bool {
    label(object, labels::MANAGED_BY) == Some(labels::US) && label(object, labels::INSTANCE) == Some(&release.name)
}

/// The application that the release belongs to, as our own objects say.
pub(crate) fn live_application(cluster: &Cluster, release: &Release) -> Result<Option<String>, Error> {
    let space = &release.namespace;
    let state = cluster.get(&CONFIG_MAP, space, &State::name(&release.name))?;
    let secret = cluster.get(&SECRET, space, &ReleaseSecret::name(&release.name))?;
    let found = [state, secret].into_iter().flatten().find(|object| is_ours(object, release));
    Ok(found.and_then(|object| annotation(&object, labels::APPLICATION).map(str::to_owned)))
}
