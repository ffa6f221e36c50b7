//! A workload as a service of Compose: the keys of the Compose file in their order.

use super::node::{Map, Node, list, map, some};
use super::planning::Planning;
use super::text::Text;
use super::variables::Variable;
use super::{health, keys, mounts, ports, security, size};
use crate::app::{Image, Value, Workload};
use crate::config::{CronJob, GRACE_PERIOD, Job, PullPolicy, RunAs};
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::image::repository_of;
use crate::targets::built_images::registry;
use indexmap::IndexMap;

/// Label with the digest of the files that a container mounts: Compose starts no new container for a file that changed.
const FILES_LABEL: &str = "aspire-k8s/files";

/// Plans the service that a workload becomes.
pub(super) fn service(planning: &mut Planning, workload: &Workload) -> Map {
    refuse(planning, workload);
    keys::tell_of_resource(planning, workload);
    health::tell_left_out(planning, workload);
    let intent = planning.intent(workload);
    let texts = |planning: &Planning, values: &[Value]| {
        list(values.iter().map(|value| Node::Text(planning.text(value))).collect())
    };
    let (volumes, files) = mounts::mounts(planning, workload);
    let (published, exposed) = ports::ports(planning, workload);
    let (profiles, restart) = running(planning, workload, intent.run_as.as_ref());
    let grace = intent.termination_grace_period_seconds.unwrap_or(GRACE_PERIOD);
    let mut service = map([
        ("image", Some(Node::Text(image(planning, workload)))),
        ("pull_policy", pull_policy(planning, workload).map(Node::literal)),
        ("profiles", profiles),
        ("entrypoint", texts(planning, &workload.command)),
        ("command", texts(planning, &workload.args)),
        ("environment", environment(planning, workload)),
        ("ports", published),
        ("expose", exposed),
        ("volumes", volumes),
        ("depends_on", health::depends_on(planning, workload)),
        ("healthcheck", health::health_check(planning, workload)),
        ("restart", Some(Node::literal(restart))),
        // Docker kills after 10 seconds; .NET takes up to 30 to end its requests, as it has in a pod.
        ("stop_grace_period", Some(Node::literal(format!("{grace}s")))),
        ("deploy", size::deploy(planning, workload)),
    ]);
    service.extend(security::rights(planning, workload));
    service.extend(labels(planning, workload, files).map(|labels| ("labels".to_owned(), labels)));
    service
}

/// What cannot run in Compose, or not without what a user adds.
fn refuse(planning: &mut Planning, workload: &Workload) {
    let name = &workload.name;
    if planning.config.resources.get(name).is_some_and(|intent| intent.certificate.is_some()) {
        let what = format!("the certificate of `{name}` comes from cert-manager, which Compose does not have");
        let hint = "remove it, and let a proxy before the application terminate TLS";
        planning.problem(Code::ConflictingKeys, name, "certificate", what, hint);
    }
    if workload.dapr.is_some() {
        let service = planning.service(name);
        let what = format!(
            "its Dapr sidecar is left out: run `daprd` as a service of your own with `network_mode: \"service:{service}\"`, \
            in a second Compose file"
        );
        planning.note(name, what);
    }
}

/// The image; of one that is built from the application, registry and tag are a fact of the deployment.
fn image(planning: &mut Planning, workload: &Workload) -> Text {
    let known = planning.known_image(workload);
    if !known.is_empty() {
        return Text::literal(known);
    }
    let service = planning.service(&workload.name);
    let tag = planning.images.tag.as_ref().or(planning.config.defaults.tag.as_ref());
    let repository = repository_of(&workload.name);
    let value = tag.map(|tag| match registry(planning.config, planning.images) {
        Some(registry) => format!("{registry}/{repository}:{tag}"),
        None => format!("{repository}:{tag}"),
    });
    let about = format!("image of {service}, which is built from the application");
    Text::from(
        planning
            .variables
            .add(&format!("{service}_IMAGE"), Variable { secret: false, may_be_empty: false, value, about }),
    )
}

fn pull_policy(planning: &Planning, workload: &Workload) -> Option<&'static str> {
    let of_built = planning.config.defaults.image_pull_policy.filter(|_| workload.image == Image::Built);
    Some(match planning.intent(workload).image_pull_policy.or(of_built)? {
        PullPolicy::Always => "always",
        PullPolicy::IfNotPresent => "missing",
        PullPolicy::Never => "never",
    })
}

/// The variables of a container. Those that lead telemetry to the dashboard hold only while it runs.
fn environment(planning: &mut Planning, workload: &Workload) -> Option<Node> {
    let mut environment = Map::new();
    for (name, value) in &workload.env {
        let telemetry = workload.telemetry.as_ref().filter(|it| it.variables.contains(&name.as_str()));
        if telemetry.is_some_and(|telemetry| !planning.services.contains_key(&telemetry.receiver)) {
            continue;
        }
        if is_variable_name(name) {
            environment.insert(name.clone(), Node::Text(planning.text(value)));
        } else {
            let what = format!("`{name}` cannot be the name of a variable");
            let diagnostic = Diagnostic::new(Code::InvalidVariable, format!("resources.{}.env", workload.name), what);
            let hint = "a name consists of printable ASCII characters without `=`";
            planning.diagnostics.push(diagnostic.hint(hint));
        }
    }
    some(environment)
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=')
}

/// When it runs: always, once, or when it is asked for.
fn running(planning: &mut Planning, workload: &Workload, run_as: Option<&RunAs>) -> (Option<Node>, &'static str) {
    let name = &workload.name;
    let limits = match run_as {
        None => return (None, "unless-stopped"),
        Some(RunAs::Job(Job { backoff_limit, active_deadline_seconds, ttl_seconds_after_finished })) => {
            [*backoff_limit, *active_deadline_seconds, *ttl_seconds_after_finished]
        }
        Some(RunAs::CronJob(CronJob {
            backoff_limit, active_deadline_seconds, ttl_seconds_after_finished, ..
        })) => [*backoff_limit, *active_deadline_seconds, *ttl_seconds_after_finished],
    };
    let keys = ["backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"];
    let set: Vec<&str> = keys.iter().zip(limits).filter(|(_, limit)| limit.is_some()).map(|(key, _)| *key).collect();
    if !set.is_empty() {
        planning.note(name, format!("a Compose file has no equivalent of `{}` of `runAs`", set.join("`, `")));
    }
    let Some(RunAs::CronJob(CronJob { schedule, .. })) = run_as else { return (None, "no") };
    let service = planning.service(name);
    let what = format!(
        "Compose has no schedule (`{schedule}`): it is in a profile of its own, and `docker compose run --rm {service}`, from cron, \
        runs it"
    );
    planning.note(name, what);
    (Some(Node::literals([service])), "no")
}

fn labels(planning: &Planning, workload: &Workload, files: Option<String>) -> Option<Node> {
    let own = planning.config.resources.get(&workload.name).map(|intent| intent.labels.clone()).unwrap_or_default();
    let mut labels: IndexMap<String, String> = planning.config.defaults.labels.clone();
    labels.extend(own);
    labels.extend(files.map(|digest| (FILES_LABEL.to_owned(), digest)));
    some(labels.into_iter().map(|(key, value)| (key, Node::literal(value))).collect())
}
