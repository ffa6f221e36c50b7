//! Level A: the control plane starts, behaves, keeps to this machine, and leaves nothing behind.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use testbed::{ControlPlane, Level, available, skip_or_fail};

/// The shared control plane, or `None` when this machine cannot run one.
fn plane() -> Option<&'static ControlPlane> {
    match available(Level::A) {
        Ok(()) => Some(ControlPlane::shared()),
        Err(reason) => {
            skip_or_fail(&reason);
            None
        }
    }
}

const APP: &str = r#"
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  replicas: 2
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers: [{name: app, image: "nowhere/app:1", volumeMounts: [{name: data, mountPath: /data}]}]
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
"#;

fn in_namespace(yaml: &str, namespace: &str) -> String {
    yaml.replace("metadata: {name:", &format!("metadata: {{namespace: {namespace}, name:"))
}

#[test]
fn a_deployment_becomes_ready_and_its_claim_bound() {
    let Some(plane) = plane() else { return };
    let ns = plane.namespace("app");
    plane.apply(&in_namespace(APP, &ns)).unwrap();
    plane.kubectl(&["rollout", "status", "deployment/app", "-n", &ns, "--timeout=30s"]).unwrap();
    let phase = plane.kubectl(&["get", "pvc/data", "-n", &ns, "-o", "jsonpath={.status.phase}"]).unwrap();
    assert_eq!(phase, "Bound");
}

#[test]
fn a_namespace_is_fresh() {
    let Some(plane) = plane() else { return };
    assert_ne!(plane.namespace("same"), plane.namespace("same"));
}

#[test]
fn faults_are_chosen_by_annotation() {
    let Some(plane) = plane() else { return };
    let ns = plane.namespace("fault");
    let pod = "
apiVersion: v1
kind: Pod
metadata: {name: bad, annotations: {testbed.dev/behavior: crash-loop}}
spec: {containers: [{name: app, image: 'nowhere/app:1'}]}
";
    plane.apply(&in_namespace(pod, &ns)).unwrap();
    let reason = "jsonpath={.status.containerStatuses[0].state.waiting.reason}";
    let wait = format!("--for={reason}=CrashLoopBackOff");
    plane.kubectl(&["wait", &wait, "pod/bad", "-n", &ns, "--timeout=20s"]).unwrap();
}

#[test]
fn a_status_is_written_as_a_controller_would() {
    let Some(plane) = plane() else { return };
    let ns = plane.namespace("status");
    plane.kubectl(&["create", "service", "loadbalancer", "door", "--tcp=80", "-n", &ns]).unwrap();
    let status = serde_json::json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}});
    plane.write_status(&ns, "service/door", &status).unwrap();
    let path = "jsonpath={.status.loadBalancer.ingress[0].ip}";
    assert_eq!(plane.kubectl(&["get", "service/door", "-n", &ns, "-o", path]).unwrap(), "192.0.2.7");
}

#[test]
fn a_component_of_dapr_is_taken() {
    let Some(plane) = plane() else { return };
    let ns = plane.namespace("dapr");
    let component = "
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: store}
spec: {type: state.redis, version: v1, metadata: [{name: redisHost, value: 'cache:6379'}]}
";
    plane.apply(&in_namespace(component, &ns)).unwrap();
    plane.install_dapr_crd().unwrap();
    assert!(plane.apply(&in_namespace(&component.replace("version: v1,", ""), &ns)).is_err());
}

#[test]
fn every_write_is_in_the_audit_log_at_once() {
    let Some(plane) = plane() else { return };
    let ns = plane.namespace("audit");
    plane.kubectl(&["create", "configmap", "seen", "-n", &ns, "--from-literal=a=b"]).unwrap();
    let log = fs::read_to_string(plane.audit_log()).unwrap();
    let written = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    assert_eq!(
        written
            .filter(|e| e["verb"] == "create" && e["objectRef"]["name"] == "seen" && e["objectRef"]["namespace"] == *ns)
            .count(),
        1
    );
}

#[test]
fn the_api_server_dials_loopback_only() {
    // A control plane of its own: the webhook below gets in the way of everybody.
    if let Err(reason) = available(Level::A) {
        return skip_or_fail(&reason);
    }
    let plane = ControlPlane::start().unwrap();
    let ns = plane.namespace("egress");
    // Through the proxy to kwok on loopback.
    plane.kubectl(&["run", "pod", "--image=nowhere/app:1", "-n", &ns]).unwrap();
    plane.kubectl(&["wait", "--for=condition=Ready", "pod/pod", "-n", &ns, "--timeout=30s"]).unwrap();
    assert_eq!(plane.kubectl(&["logs", "pod", "-n", &ns]).unwrap().trim(), "fake log line");
    assert_eq!(plane.kubectl(&["exec", "pod", "-n", &ns, "--", "echo", "hello"]).unwrap().trim(), "hello");
    // A cluster address that nothing serves: refused by us, not dialled.
    plane.kubectl(&["create", "service", "clusterip", "hook", "--tcp=443", "-n", &ns]).unwrap();
    let address = plane.kubectl(&["get", "service/hook", "-n", &ns, "-o", "jsonpath={.spec.clusterIP}"]).unwrap();
    let config = |name: &str, client: &str| {
        format!(
            "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {{name: {name}}}
webhooks:
- name: {name}.testbed.dev
  admissionReviewVersions: [v1]
  sideEffects: None
  clientConfig: {{{client}}}
  rules: [{{apiGroups: [''], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}}]
  namespaceSelector: {{matchLabels: {{hook: {name}}}}}
"
        )
    };
    plane.apply(&config("inside", &format!("service: {{namespace: {ns}, name: hook}}"))).unwrap();
    plane.apply(&config("outside", "url: 'https://192.0.2.1:8443/'")).unwrap();
    for (name, target) in [("inside", format!("{address}:443")), ("outside", "192.0.2.1:8443".to_owned())] {
        plane.kubectl(&["label", "namespace", &ns, &format!("hook={name}"), "--overwrite"]).unwrap();
        // The API server notices the configuration and the label a moment later.
        let start = Instant::now();
        loop {
            let called = format!("failed calling webhook \"{name}.testbed.dev\"");
            match plane.kubectl(&["create", "configmap", "hooked", "-n", &ns]) {
                Err(error) if error.to_string().contains(&called) => break,
                Err(error) => assert!(error.to_string().contains("failed calling webhook"), "{error}"),
                Ok(_) => drop(plane.kubectl(&["delete", "configmap", "hooked", "-n", &ns]).unwrap()),
            }
            assert!(start.elapsed() < Duration::from_secs(20), "the webhook {name} was never called");
        }
        let log = fs::read_to_string(plane.dir().join("egress.log")).unwrap();
        assert!(log.lines().any(|line| line == format!("refused {target}")), "{log}");
    }
    let log = fs::read_to_string(plane.dir().join("egress.log")).unwrap();
    assert!(log.lines().any(|line| line.starts_with("allowed 127.0.0.1:")), "{log}");
}

#[test]
fn nothing_is_left_after_drop() {
    if let Err(reason) = available(Level::A) {
        return skip_or_fail(&reason);
    }
    let start = Instant::now();
    let plane = ControlPlane::start().unwrap();
    let up = start.elapsed();
    let dir = plane.dir().to_owned();
    assert_eq!(running_in(&dir.to_string_lossy()), 5);
    let start = Instant::now();
    drop(plane);
    eprintln!("up in {:.2} s, down in {:.2} s", up.as_secs_f32(), start.elapsed().as_secs_f32());
    assert_eq!(running_in(&dir.to_string_lossy()), 0);
    assert!(!dir.exists());
}

#[test]
fn nothing_runs_on_when_the_owner_is_killed() {
    if let Err(reason) = available(Level::A) {
        return skip_or_fail(&reason);
    }
    testbed::tools::ensure(testbed::tools::LEVEL_A).unwrap();
    let mut owner = Command::new(env!("CARGO_BIN_EXE_testbed"))
        .arg("up")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(owner.stdout.take().unwrap()), &mut line).unwrap();
    let dir = line.trim().trim_start_matches("export KUBECONFIG=").trim_end_matches("/kubeconfig").to_owned();
    assert_eq!(running_in(&dir), 5, "{line}");
    owner.kill().unwrap();
    owner.wait().unwrap();
    let start = Instant::now();
    while running_in(&dir) > 0 {
        assert!(start.elapsed() < Duration::from_secs(5), "programs outlive their owner");
        std::thread::sleep(Duration::from_millis(20));
    }
    // The next one to start tidies up.
    drop(ControlPlane::start().unwrap());
    assert!(!std::path::Path::new(&dir).exists());
}

/// How many live processes have `dir` in their command line.
fn running_in(dir: &str) -> usize {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|p| {
            fs::read(p.path().join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(dir))
                && fs::read_to_string(p.path().join("stat")).is_ok_and(|s| !s.contains(") Z "))
        })
        .count()
}
