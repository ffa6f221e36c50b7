//! What becomes of a model, as the keys of `aspire-k8s.yaml` that it fills.

use super::{merge, parse, with_digest};
use crate::config::{self, Config, Probes, RunAs, WaitTargets};
use crate::manifest::{self, Manifest};
use crate::support::diagnostic::Code;
use serde_json::{Value, json};

const MANIFEST: &str = r#"{"resources": {
    "db": {"type": "container.v0", "image": "postgres:18", "bindings": {"tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": 5432}}},
    "orders": {"type": "value.v0", "connectionString": "Host={db.bindings.tcp.host}"},
    "key": {"type": "parameter.v0", "value": "{key.inputs.value}", "inputs": {"value": {"type": "string", "secret": true}}},
    "job": {"type": "project.v0", "path": "Job.csproj"},
    "api": {"type": "project.v0", "path": "Api.csproj", "bindings": {
        "http": {"scheme": "http", "protocol": "tcp", "transport": "http"},
        "https": {"scheme": "https", "protocol": "tcp", "transport": "http"}}}
}}"#;

/// A model of these annotations, by resource; the resources without any are in it too.
fn model(annotations: &Value) -> String {
    let mut resources = json!({"db": {}, "orders": {}, "key": {}, "job": {}, "api": {}});
    for (name, annotations) in annotations.as_object().unwrap() {
        resources[name] = json!({"annotations": annotations});
    }
    json!({"resources": resources}).to_string()
}

/// What the model makes of an empty file, or of this one.
fn merged(annotations: &Value, file: &str) -> (Manifest, Config, Vec<(String, Vec<u8>)>) {
    let mut manifest = manifest::parse(MANIFEST.as_bytes()).unwrap();
    let mut config = config::parse(file).unwrap_or_else(|wrong| panic!("{wrong}"));
    let model = parse(model(annotations).as_bytes(), None).unwrap();
    let contents = merge(&model, &mut manifest, &mut config);
    (manifest, config, contents)
}

fn settings(config: &Config) -> Vec<String> {
    let all = config.from_app_host.settings.iter();
    all.map(|setting| format!("{}.{}: {}", setting.resource, setting.key, setting.value)).collect()
}

fn losses(config: &Config) -> Vec<String> {
    config.from_app_host.losses.iter().map(|(resource, text)| format!("{resource}: {text}")).collect()
}

fn wait(on: &str, until: &str) -> Value {
    json!({"type": "WaitAnnotation", "Resource": on, "WaitType": until, "ExitCode": 0})
}

fn http(name: &str) -> Value {
    json!({"type": "EndpointAnnotation", "Name": name})
}

fn health(key: &str) -> Value {
    json!({"type": "HealthCheckAnnotation", "Key": key})
}

#[test]
fn waits_make_jobs_and_keep_their_kind() {
    let annotations = json!({
        "job": [wait("db", "WaitUntilHealthy")],
        "api": [wait("db", "WaitUntilHealthy"), wait("orders", "WaitUntilHealthy"), wait("db", "WaitUntilStarted"), wait("job", "WaitForCompletion")],
    });
    let (_, config, _) = merged(&annotations, "");
    let api = &config.resources["api"];
    assert_eq!(api.wait_for, Some(WaitTargets::Named(vec!["db".into(), "orders".into()])));
    assert_eq!(
        (api.wait_for_start.as_slice(), api.wait_for_completion.as_slice()),
        (&["db".to_owned()][..], &["job".to_owned()][..])
    );
    assert!(matches!(config.resources["job"].run_as, Some(RunAs::Job(_))));
    assert_eq!(
        settings(&config),
        [
            "job.runAs: job",
            "job.waitFor: db",
            "api.waitFor: db, orders",
            "api.waitForStart: db",
            "api.waitForCompletion: job"
        ]
    );
    assert!(losses(&config).is_empty(), "{:?}", losses(&config));
}

#[test]
fn the_file_wins_over_the_model_key_by_key() {
    let annotations = json!({
        "api": [{"type": "ReplicaAnnotation", "Replicas": 3}, wait("db", "WaitUntilHealthy"), wait("job", "WaitForCompletion"),
            {"type": "ContainerImagePullPolicyAnnotation", "ImagePullPolicy": "Always"}, http("http"), health("api_http_/health_200_check")],
    });
    let (_, config, _) = merged(
        &annotations,
        "resources: {api: {replicas: 1, waitFor: [], imagePullPolicy: Never, probes: {readiness: /own}}}",
    );
    let api = &config.resources["api"];
    assert_eq!((api.replicas, &api.wait_for), (Some(1), &Some(WaitTargets::Named(Vec::new()))));
    assert!(api.wait_for_completion.is_empty());
    assert_eq!(settings(&config), ["job.runAs: job", "api.probes.startup: GET /health"]);
    // A word is for all probes at once, and a workload stays what the file says.
    let (_, config, _) = merged(&annotations, "resources: {api: {probes: none}, job: {replicas: 1}}");
    assert!(matches!(config.resources["api"].probes, Some(Probes::Word(_))));
    assert_eq!(config.resources["job"].run_as, None);
    assert!(!settings(&config).iter().any(|setting| setting.contains("waitForCompletion")), "{:?}", settings(&config));
    assert_eq!(losses(&config).len(), 2, "{:?}", losses(&config));
    // What an environment sets is not of the AppHost there.
    let (_, config, _) =
        merged(&annotations, "environments: {e: {resources: {api: {replicas: 5, probes: {readiness: /own}}}}}");
    assert!(settings(&config).contains(&"api.replicas: 3".to_owned()));
    let there = config.for_environment("e").unwrap();
    assert_eq!(there.resources["api"].replicas, Some(5));
    assert!(!there.from_app_host.sets("api", "replicas") && !there.from_app_host.sets("api", "probes.readiness"));
    assert!(there.from_app_host.sets("api", "probes.startup"));
}

#[test]
fn probes_come_before_health_checks_and_none_restarts_by_itself() {
    let probe = |kind: &str, path: &str| {
        json!({"type": "EndpointProbeAnnotation", "Type": kind, "EndpointReference": {"resource": "api", "endpoint": "https"},
            "Path": path, "InitialDelaySeconds": 0, "PeriodSeconds": 4, "TimeoutSeconds": 2, "FailureThreshold": 9, "SuccessThreshold": 2})
    };
    let annotations = json!({"api": [http("http"), http("https"), health("api_https_/ready_200_check"), probe("Readiness", "/ready"),
        health("api_http_/he_alth_200_check"), health("api_http_/gone_404_check"), health("api_check")]});
    let (_, config, _) = merged(&annotations, "");
    assert_eq!(settings(&config), ["api.probes.startup: GET /he_alth", "api.probes.readiness: GET /ready"]);
    let Some(Probes::Each(probes)) = &config.resources["api"].probes else { panic!("no probes") };
    assert_eq!(probes.liveness, None);
    let readiness = serde_json::to_value(probes.readiness.as_ref().unwrap().probe().unwrap()).unwrap();
    // Nothing terminates TLS inside of a .NET program.
    assert_eq!(
        (&readiness["http"]["port"], &readiness["successThreshold"], &readiness["periodSeconds"]),
        (&json!("http"), &json!(2), &json!(4))
    );
    assert_eq!(losses(&config), ["api: its health check on /gone expects the status 404 of the endpoint `http`"]);
}

#[test]
fn an_explicit_start_is_no_pods_and_nothing_waits_for_it() {
    let annotations = json!({
        "db": [{"type": "ExplicitStartupAnnotation"}],
        "job": [{"type": "ExplicitStartupAnnotation"}],
        "api": [wait("db", "WaitUntilHealthy"), wait("job", "WaitForCompletion"), wait("nowhere", "WaitUntilHealthy")],
    });
    let (_, config, _) = merged(&annotations, "");
    assert_eq!(config.resources["db"].replicas, Some(0));
    assert_eq!(
        settings(&config),
        ["job.runAs: job", "db.replicas: 0: not started by a deploy", "api.waitForCompletion: job"]
    );
    assert_eq!(
        losses(&config),
        [
            "job: the AppHost starts it only by hand, but it runs as a job with each deploy",
            "api: it does not wait for `db`: it has no pods"
        ]
    );
}

#[test]
fn files_are_mounted_one_by_one_and_secrets_are_left_out() {
    let annotations = json!({"api": [{"type": "ContainerFileSystemCallbackAnnotation", "DestinationPath": "/etc/app/", "Files": [
        {"kind": "ContainerFile", "Name": "a.conf", "Contents": "{key} ${x}\n", "Mode": "0444"},
        {"kind": "ContainerDirectory", "Name": "sub", "Entries": [{"kind": "ContainerFile", "Name": "run.sh", "Contents": "x", "Mode": "0755"}]},
        {"kind": "ContainerFile", "Name": "of.txt", "SourcePath": "../of.txt"},
        {"kind": "ContainerFile", "Name": "secret.conf", "Contents": "p={key.value}"},
        {"kind": "ContainerFile", "Name": "taken", "Contents": null},
        {"kind": "ContainerFile", "Name": "../../etc/passwd", "Contents": "x"},
    ]}, {"type": "ContainerFileSystemCallbackAnnotation", "DestinationPath": "/etc/waits", "Error": "TaskCanceledException"}]});
    let (manifest, config, contents) = merged(&annotations, "");
    let mounts: Vec<(&str, &str)> = manifest.resources["api"]
        .bind_mounts
        .iter()
        .map(|mount| (mount.source.as_str(), mount.target.as_str()))
        .collect();
    assert_eq!(
        mounts,
        [
            ("apphost:api/etc/app/a.conf", "/etc/app/a.conf"),
            ("apphost:api/etc/app/sub/run.sh", "/etc/app/sub/run.sh"),
            ("../of.txt", "/etc/app/of.txt")
        ]
    );
    assert_eq!(contents[0], ("apphost:api/etc/app/a.conf".to_owned(), b"{key} ${x}\n".to_vec()));
    let losses = losses(&config).join("\n");
    for part in [
        "run.sh are not set",
        "secret.conf is missing",
        "parameter `key`",
        "taken is missing",
        "invalid name",
        "TaskCanceledException",
    ] {
        assert!(losses.contains(part), "{part}: {losses}");
    }
}

#[test]
fn what_is_not_understood_is_told_once() {
    let annotations = json!({
        "api": [{"type": "MyAnnotation"}, {"type": "Projects_Api"}, {"type": "ReplicaAnnotation", "Replicas": -1}, {"type": "ResourceIconAnnotation"}],
        "job": [{"type": "MyAnnotation"}],
    });
    let (_, config, _) = merged(&annotations, "");
    let losses = losses(&config);
    assert_eq!(losses.len(), 2, "{losses:?}");
    assert!(losses[0].contains("MyAnnotation") && losses[1].contains("ReplicaAnnotation"), "{losses:?}");
}

#[test]
fn a_model_belongs_to_its_manifest() {
    let written = with_digest(model(&json!({})).as_bytes(), b"{}").unwrap();
    assert!(parse(written.as_bytes(), Some(b"{}")).is_ok());
    let code = |text: &str, manifest: &[u8]| parse(text.as_bytes(), Some(manifest)).unwrap_err().code;
    assert_eq!(code(&written, b"{ }"), Code::ModelOfOtherManifest);
    assert_eq!(code(&model(&json!({})), b"{}"), Code::ModelOfOtherManifest);
    for text in ["", "{", "{\"resources\": []}"] {
        assert_eq!(parse(text.as_bytes(), None).unwrap_err().code, Code::ModelMalformed, "{text}");
    }
}

#[test]
fn no_model_causes_a_panic() {
    for text in [
        r#"{"resources": {"api": {"annotations": [null, 1, [], {"type": 5}, {"type": "WaitAnnotation"}, {"type": "EndpointProbeAnnotation"}]}}}"#,
        r#"{"resources": {"api": null}, "secretsFound": [null, {"resource": 1}]}"#,
        r#"{"resources": {"api": {"annotations": [{"type": "ContainerFileSystemCallbackAnnotation", "Files": [null, {"Name": null}]}]}}}"#,
    ] {
        let model = parse(text.as_bytes(), None).unwrap();
        merge(&model, &mut manifest::parse(MANIFEST.as_bytes()).unwrap(), &mut Config::default());
    }
}

#[test]
fn a_creation_script_is_kept_with_its_database() {
    let script =
        |kind: &str| json!({"type": format!("{kind}CreateDatabaseScriptAnnotation"), "Script": "CREATE DATABASE a"});
    for kind in ["Postgres", "MySql", "SqlServer"] {
        let (_, config, _) = merged(&json!({"orders": [script(kind)]}), "");
        assert_eq!(
            config.from_app_host.creation_scripts,
            [("orders".to_owned(), "CREATE DATABASE a".to_owned())],
            "{kind}"
        );
        assert!(losses(&config).is_empty() && settings(&config).is_empty());
    }
}
