//! Deploy: settle the inputs, check the cluster, write the Secret, run helm.

use super::checks::{self, Live};
use super::{Error, Release, Say, chart_secret};
use crate::app::App;
use crate::chart::Chart;
use crate::cluster::claims::ReleaseName;
use crate::cluster::secret::{self, Change};
use crate::cluster::{
    CLAIM, CONFIG_MAP, Cluster, DEPLOYMENT, ErrorKind, Kind, Owner, ReleaseSecret, SERVICE, STATEFUL_SET,
    STORAGE_CLASS, State, namespace, unbase64,
};
use crate::config::SecretSource;
use crate::helm::{Helm, Options, Target, Values};
use crate::inputs::{Given, Kept, Listed, Means, Random, Settled, list, settle};
use crate::kubernetes::{Plan, PlannedWorkload, escaped_key, lost_when_applied};
use crate::problem::{Problem, Problems};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Asks a person for an input; none when nobody can be asked.
pub type Ask<'a> = dyn FnMut(&Listed) -> Option<String> + 'a;

/// What to deploy.
pub struct Deploy<'a> {
    /// The application, with the values of the chosen environment.
    pub app: &'a App,
    /// Its plan.
    pub plan: &'a Plan,
    /// Its chart.
    pub chart: &'a Chart,
    /// The chosen environment and what it changes of the chart's values.
    pub environment: Option<(String, Json)>,
    /// Values that a person gave.
    pub given: Given,
    /// Whether to wait until the workloads are ready.
    pub wait: bool,
    /// How long helm may take.
    pub timeout: Duration,
}

/// What the cluster holds of the release before anything changes.
struct Before {
    secret: ReleaseSecret,
    state: State,
    kept: Kept,
    live: Live,
    claims: Vec<Json>,
    /// None when we may not look.
    classes: Option<Vec<Json>>,
}

/// Deploys the application.
pub fn deploy(
    request: &Deploy,
    release: &Release,
    ask: &mut Ask,
    random: &mut Random,
    say: &mut Say,
) -> Result<(), Error> {
    let (mut helm, target) = release.helm()?;
    let cluster = release.connect()?;
    say(&format!("deploying to {}", release.described()));
    let owner = Owner { release: &release.name, application: &request.plan.application_id };
    let before = look(&cluster, release, owner, !request.plan.dapr_components.is_empty())?;
    check_release(&helm, &target, &before, request.plan)?;
    let settled = settle_inputs(request, &before.kept, ask, random)?;
    for (name, value) in &settled.plain {
        if let Some(sentence) = lost_when_applied("its value", value) {
            say(&format!("warning: {name}: {sentence}"));
        }
    }
    let secrets: Vec<String> = settled
        .secret
        .values()
        .chain(settled.chart_secret.values())
        .filter(|value| !value.is_empty())
        .cloned()
        .collect();
    helm.hide(secrets.iter().cloned());
    cluster.hide(secrets);
    check_cluster(request, release, &before, say)?;

    forget_finished_run(&helm, &target, &cluster, release, owner, &before.secret)?;
    let folder = write_chart(request.chart)?;
    if namespace::ensure(&cluster, &release.namespace, &release.name)? == namespace::Found::Created {
        say(&format!("created namespace {}", release.namespace));
    }
    if !settled.made.is_empty() {
        say(&format!("made values for {}", settled.made.join(", ")));
    }
    let mut state = before.state.clone();
    state.values.clone_from(&settled.plain);
    let state = state.write(&cluster, owner, &release.namespace)?;
    let wanted = secret_data(request.plan, &settled);
    let change = Change::begin(
        &cluster,
        owner,
        &release.namespace,
        &before.secret.update(wanted).with_claims(&claims_by_key(request.plan)),
    )?;
    let values = values(request, &settled, change.now(), &before.claims);
    let files: Vec<PathBuf> = request
        .environment
        .iter()
        .map(|(name, _)| folder.path().join("chart").join(format!("values-{name}.yaml")))
        .collect();
    let options = Options { timeout: request.timeout, wait: request.wait, ..Options::default() };
    let ran = helm.upgrade_install(
        &target,
        &folder.path().join("chart"),
        &Values { files: &files, over: &values },
        &options,
        &mut |_| {},
    );
    match ran {
        Ok(()) => {
            change.commit(&cluster)?;
            if settled.chart_secret.is_empty() {
                chart_secret::remove(&cluster, release, |key| settled.secret.contains_key(key))?;
            }
            say(&format!("deployed {}", release.described()));
            for sentence in endpoints(request.plan, release) {
                say(&sentence);
            }
            Ok(())
        }
        Err(helm) => match take_back(&cluster, owner, release, change, state, &before.state) {
            Ok(()) => Err(helm.into()),
            Err(restore) => Err(Error::NotRestored { helm: Box::new(helm.into()), restore }),
        },
    }
}

/// The release failed: secrets and values are those from before again. The state of a first install stays, because it says
/// whose release it is.
fn take_back(
    cluster: &Cluster,
    owner: Owner,
    release: &Release,
    change: Change,
    mut state: State,
    before: &State,
) -> crate::cluster::Result<()> {
    change.restore(cluster)?;
    if before.exists() {
        state.values.clone_from(&before.values);
        state.write(cluster, owner, &release.namespace)?;
    }
    Ok(())
}

fn look(cluster: &Cluster, release: &Release, owner: Owner, dapr: bool) -> Result<Before, Error> {
    let space = &release.namespace;
    if namespace::look(cluster, space)?.is_none() {
        return Ok(Before {
            secret: ReleaseSecret::default(),
            state: State::default(),
            kept: Kept::default(),
            live: Live::new(),
            claims: Vec::new(),
            classes: classes(cluster)?,
        });
    }
    let secret = secret::read(cluster, owner, space)?;
    let state = State::read(cluster, owner, space)?;
    let chart_secret = chart_secret::live(cluster, release)?;
    let kept = Kept {
        plain: state.values.clone(),
        secret: texts(secret.data.iter().map(|(key, value)| (key.clone(), value.clone()))),
        chart_secret: texts(decoded(chart_secret.as_ref())),
    };
    let mut live = Live::new();
    let kinds: [(&'static str, &Kind); 4] = [
        ("Deployment", &DEPLOYMENT),
        ("StatefulSet", &STATEFUL_SET),
        ("Service", &SERVICE),
        ("ConfigMap", &CONFIG_MAP),
    ];
    for (name, kind) in kinds {
        live.insert(name, cluster.list(kind, space, "")?);
    }
    if dapr && let Some(component) = cluster.kind("dapr.io/v1alpha1", "Component")? {
        live.insert("Component", cluster.list(&component, space, "")?);
    }
    let claims = cluster.list(&CLAIM, space, "")?;
    Ok(Before { secret, state, kept, live, claims, classes: classes(cluster)? })
}

/// The storage classes. They belong to the whole cluster, and who deploys may have rights in one namespace only.
fn classes(cluster: &Cluster) -> Result<Option<Vec<Json>>, Error> {
    match cluster.list(&STORAGE_CLASS, "", "") {
        Ok(classes) => Ok(Some(classes)),
        Err(error) if error.kind() == ErrorKind::Forbidden => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn decoded(secret: Option<&Json>) -> impl Iterator<Item = (String, Vec<u8>)> {
    let data = secret.and_then(|secret| secret["data"].as_object()).into_iter().flatten();
    data.filter_map(|(key, value)| Some((key.clone(), unbase64(value.as_str()?)?)))
}

fn texts(data: impl Iterator<Item = (String, Vec<u8>)>) -> BTreeMap<String, String> {
    data.filter_map(|(key, value)| Some((key, String::from_utf8(value).ok()?))).collect()
}

/// A release of that name that is not this application's must not become it: helm would remove all its objects.
fn check_release(helm: &Helm, target: &Target, before: &Before, plan: &Plan) -> Result<(), Error> {
    let Some(live) = helm.status(target)? else { return Ok(()) };
    let what = format!("the release {} in namespace {}", live.name, live.namespace);
    let ours = is_version_of(&live.chart, &plan.chart) && {
        let name = ReleaseName { name: target.release(), namespace: target.namespace() };
        checks::has_workloads_of_ours(name, &before.live)
    };
    let problem = if !before.state.exists() && !ours {
        Problem::at("", format!("{what} is of the chart {}, not of this application", live.chart))
            .hint("choose another release name with --release, or another namespace")
    } else if live.is_pending() {
        Problem::at("", format!("{what} is {}: another helm works on it, or was killed while it did", live.status))
            .hint(way_out(&live.name, &live.namespace, live.status == "pending-install"))
    } else if live.status == "uninstalling" {
        Problem::at("", format!("{what} is uninstalling, or a helm was killed while it did"))
            .hint("wait until it is gone; when nothing removes it any more, run `destroy` again, then deploy")
    } else {
        return Ok(());
    };
    Err(Error::Refused(problem.into()))
}

/// A run that was killed after helm had succeeded left a copy of the Secret that is older than the good state.
fn forget_finished_run(
    helm: &Helm,
    target: &Target,
    cluster: &Cluster,
    release: &Release,
    owner: Owner,
    live: &ReleaseSecret,
) -> Result<(), Error> {
    let is_good = || -> Result<bool, Error> {
        let deployed = helm.status(target)?.is_some_and(|release| release.is_deployed());
        let values = if deployed { helm.get_values(target, None)? } else { None };
        let given = values.as_ref().and_then(|values| values["secrets"].as_object());
        Ok(given.is_some_and(|given| {
            given.iter().all(|(name, secret)| secret["revision"].as_str() == live.marks.get(name).map(String::as_str))
        }))
    };
    if secret::leftover(cluster, owner, &release.namespace)?.is_some() && is_good()? {
        secret::discard_leftover(cluster, owner, &release.namespace)?;
    }
    Ok(())
}

fn way_out(release: &str, namespace: &str, first: bool) -> String {
    let (verb, stays) = if first { ("uninstall", "; claims and secrets stay") } else { ("rollback", "") };
    format!("wait until it has ended; when none runs any more: `helm {verb} {release} --namespace {namespace}`{stays}")
}

/// Whether helm's `<chart>-<version>` names this chart. Both parts may hold a `-`.
fn is_version_of(chart_and_version: &str, chart: &str) -> bool {
    let version = chart_and_version.strip_prefix(chart).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
    let core = version.split(['-', '+']).next().unwrap_or_default();
    core.split('.').count() == 3
        && core.split('.').all(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// Settles the inputs; what is missing is asked for once, where somebody can be asked.
fn settle_inputs(request: &Deploy, kept: &Kept, ask: &mut Ask, random: &mut Random) -> Result<Settled, Error> {
    let first = settle(request.app, request.plan, &request.given, kept, random);
    let Err(problems) = first else { return Ok(first?) };
    let mut given = request.given.clone();
    for input in list(request.app, request.plan).iter().filter(|input| input.required) {
        let known = given.value(&input.name).is_some()
            || kept.plain.contains_key(&input.name)
            || kept.secret.contains_key(&input.name);
        if known || kept.chart_secret.contains_key(&input.name) {
            continue;
        }
        match ask(input) {
            Some(answer) => given.add(&input.name, answer, Means::Prompt, "prompt")?,
            None => return Err(problems.into()),
        }
    }
    Ok(settle(request.app, request.plan, &given, kept, random)?)
}

fn check_cluster(request: &Deploy, release: &Release, before: &Before, say: &mut Say) -> Result<(), Error> {
    let name = ReleaseName { name: &release.name, namespace: &release.namespace };
    let mut problems = Problems::default();
    checks::kind_changes(request.plan, name, &before.live, &mut problems);
    checks::foreign_objects(request.plan, name, &before.live, &mut problems);
    let mut values = request.plan.values.to_json();
    if let Some((_, environment)) = &request.environment {
        merge(&mut values, environment);
    }
    for sentence in
        checks::claims(request.plan, &values, name, &before.claims, before.classes.as_deref(), &mut problems)
    {
        say(&sentence);
    }
    problems.or(()).map_err(Error::Refused)
}

fn write_chart(chart: &Chart) -> Result<tempfile::TempDir, Error> {
    let folder = tempfile::Builder::new().prefix("aspire-deploy-").tempdir().map_err(Error::Temporary)?;
    crate::chart::write(chart, &folder.path().join("chart"))?;
    Ok(folder)
}

/// How to reach what the AppHost marked as public.
fn endpoints(plan: &Plan, release: &Release) -> Vec<String> {
    let public = plan.workloads.iter().flat_map(|workload| workload.external.iter().map(move |port| (workload, port)));
    let line = |(workload, (port, scheme)): (&PlannedWorkload, &(String, String))| {
        format!(
            "  {0} ({port}): kubectl port-forward -n {1} service/{0} 8080:{port}    then {scheme}://localhost:8080",
            workload.view.name, release.namespace
        )
    };
    public.map(line).collect()
}

/// The content of the Secret: each secret from deploy, and its URI-escaped form where it is needed.
fn secret_data(plan: &Plan, settled: &Settled) -> BTreeMap<String, Vec<u8>> {
    let mut data = BTreeMap::new();
    for (name, value) in &settled.secret {
        data.insert(name.clone(), value.clone().into_bytes());
        if plan.secrets.get(name).is_some_and(|secret| secret.uri) {
            data.insert(escaped_key(name), crate::app::escape_uri_data(value).into_bytes());
        }
    }
    data
}

/// The claims that live and die with each key.
fn claims_by_key(plan: &Plan) -> BTreeMap<String, Vec<String>> {
    let with_claims =
        plan.secrets.iter().filter(|(_, secret)| !secret.claims.is_empty() && secret.source == SecretSource::Deploy);
    with_claims
        .flat_map(|(name, secret)| [(name.clone(), secret.claims.clone()), (escaped_key(name), secret.claims.clone())])
        .collect()
}

/// The values that only a deploy gives.
fn values(request: &Deploy, settled: &Settled, secret: &ReleaseSecret, claims: &[Json]) -> Json {
    let parameters: BTreeMap<&String, &String> = settled.plain.iter().chain(&settled.chart_secret).collect();
    let from_deploy = request.plan.secrets.iter().filter(|(_, used)| used.source == SecretSource::Deploy);
    let revisions: Map<String, Json> = from_deploy
        .filter_map(|(name, _)| Some((name.clone(), json!({"revision": secret.marks.get(name)?}))))
        .collect();
    json!({
        "parameters": parameters,
        "secrets": revisions,
        "workloads": checks::mounted_folders(request.plan, claims),
    })
}

/// Puts the keys of one tree over those of another.
fn merge(base: &mut Json, over: &Json) {
    match (base, over) {
        (Json::Object(base), Json::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key.clone()).or_insert(Json::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_told_from_one_whose_name_goes_on() {
        for (both, same) in [
            ("shop-1.2.3", true),
            ("shop-1.2.3-rc.1+x", true),
            ("shop-2-1.2.3", false),
            ("shop-api-1.2.3", false),
            ("shopping-1.2.3", false),
            ("shop-1.2", false),
            ("shop", false),
        ] {
            assert_eq!(is_version_of(both, "shop"), same, "{both}");
        }
    }
}
