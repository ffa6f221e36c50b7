//! What stands in helm's way is told by `deploy` as `plan` tells it, before anything is written.

use crate::bench::{Bench, CONFIG, Ran, Run, bench, text};
use serde_json::{Value, json};

impl Bench {
    fn by(&self, helm: &str, verb: &str, more: &[&str]) -> Run {
        let arguments = [&[verb, "app", "-n", &self.ns, "--non-interactive"], more].concat();
        self.run(&arguments).env("HELM_BIN", self.plane.helm(helm))
    }

    /// Both verbs say this, and nothing is written.
    fn refused(&self, helm: &str, more: &[&str], words: &[&str]) -> Ran {
        let planned = self.unchanged(|| self.by(helm, "plan", more).exits(1));
        for word in words {
            assert!(planned.out.contains(word) || planned.err.contains(word), "`{word}` is not in {planned}");
        }
        self.unchanged(|| self.by(helm, "deploy", more).exits(3)).says(words)
    }

    /// Two pods by hand, and all at rest again, so that what changes afterwards is another's doing.
    fn scale(&self, workload: &str) {
        self.plane.kubectl(&["scale", workload, "--replicas=2", "-n", &self.ns]).unwrap();
        self.plane.kubectl(&["rollout", "status", workload, "-n", &self.ns, "--timeout=60s"]).unwrap();
    }

    fn patch(&self, object: &str, patch: &Value) {
        self.plane.kubectl(&["patch", object, "-n", &self.ns, "--type=merge", "-p", &patch.to_string()]).unwrap();
    }
}

#[test]
fn a_field_that_another_client_set_is_told_before_helm_trips_over_it() {
    let Some(bench) = bench("conflict") else { return };
    bench.by("4.2.4", "deploy", &[]).ok();
    bench.scale("deployment/api");
    let words = [".spec.replicas", "--helm-arg=--force-conflicts"];
    let change = ["--parameter", "currency=USD"];
    bench.refused("4.2.4", &change, &words);
    let force = [&change[..], &["--helm-arg=--force-conflicts"]].concat();
    assert_eq!(bench.by("4.2.4", "plan", &force).end().code, Some(2));
    bench.by("4.2.4", "deploy", &force).ok();
    assert_eq!(bench.get("deployment/api")["spec"]["replicas"], 1);
}

#[test]
fn a_field_that_cannot_change_is_told_by_deploy_too() {
    for helm in ["3.22.0", "4.2.4"] {
        let Some(bench) = bench("immutable") else { return };
        bench.by(helm, "deploy", &[]).ok();
        // A field of no table: the API server alone knows that this ConfigMap is closed.
        bench.patch("configmap/api-config", &json!({"immutable": true}));
        bench.refused(helm, &["--parameter", "currency=USD"], &["immutable"]);
    }
}

/// A name server on these ports: scheme and number.
fn dns(bench: &Bench, ports: &[(&str, u16)]) {
    let binding = |(scheme, port): &(&str, u16)| {
        let name = if *scheme == "tcp" { "dns" } else { "dns-udp" };
        (name.to_owned(), json!({"scheme": scheme, "protocol": scheme, "transport": scheme, "targetPort": port}))
    };
    let bindings: serde_json::Map<String, Value> = ports.iter().map(binding).collect();
    let resources = json!({"dns": {"type": "container.v0", "image": "example/dns:1", "bindings": bindings}});
    bench.write("app/aspire-manifest.json", &json!({"resources": resources}).to_string());
}

/// Protocol and number of each port that a Service offers, and of each that its pods name.
fn ports(bench: &Bench) -> [Vec<String>; 2] {
    let shown = |list: &Value, number: &str| {
        let ports = list.as_array().into_iter().flatten();
        let mut all: Vec<String> = ports.map(|port| format!("{} {}", text(&port["protocol"]), port[number])).collect();
        all.sort();
        all
    };
    let pod = &bench.get("deployment/dns")["spec"]["template"]["spec"]["containers"][0];
    [shown(&bench.get("service/dns")["spec"]["ports"], "port"), shown(&pod["ports"], "containerPort")]
}

const ONE: [(&str, u16); 1] = [("tcp", 53)];
const BOTH: [(&str, u16); 2] = [("tcp", 53), ("udp", 53)];
const MOVED: [(&str, u16); 2] = [("tcp", 53), ("udp", 5353)];

#[test]
fn ports_of_one_number_are_never_lost() {
    for helm in ["3.14.4", "3.22.0", "4.2.4"] {
        let Some(bench) = bench("udp") else { return };
        dns(&bench, &ONE);
        bench.by(helm, "deploy", &[]).ok();
        for (wanted, expected) in [
            (&BOTH[..], ["TCP 53", "UDP 53"]),
            (&MOVED[..], ["TCP 53", "UDP 5353"]),
            (&BOTH[..], ["TCP 53", "UDP 53"]),
            (&MOVED[..], ["TCP 53", "UDP 5353"]),
        ] {
            dns(&bench, wanted);
            if helm.starts_with('3') {
                bench.refused(helm, &[], &["by `port` only, and 53", "by `containerPort` only, and 53", "helm 4"]);
            }
            // The way out that the refusal names.
            let more: &[&str] = if helm.starts_with('3') {
                &["--helm-arg=--server-side=true", "--helm-arg=--force-conflicts"]
            } else {
                &[]
            };
            bench.by("4.2.4", "deploy", more).ok();
            assert_eq!(ports(&bench), [expected; 2], "{helm}");
        }
    }
}

#[test]
fn the_way_back_meets_the_same() {
    let Some(bench) = bench("udpback") else { return };
    for wanted in [&BOTH[..], &BOTH[..1]] {
        dns(&bench, wanted);
        bench.by("4.2.4", "deploy", &[]).ok();
    }
    bench.by("4.2.4", "rollback", &["--yes"]).ok();
    assert_eq!(ports(&bench), [["TCP 53", "UDP 53"]; 2]);
    bench.scale("deployment/dns");
    let back = bench.unchanged(|| bench.by("4.2.4", "rollback", &["2", "--yes"]).exits(3));
    back.says(&[".spec.replicas", "reset that field"]);
}

#[test]
fn what_helm_3_creates_is_whole_while_nothing_changes_there() {
    let Some(bench) = bench("udpnew") else { return };
    dns(&bench, &BOTH);
    bench.by("3.22.0", "deploy", &[]).ok();
    bench.by("3.22.0", "deploy", &["--image", "dns=example/dns:2"]).ok();
    assert_eq!(ports(&bench), [["TCP 53", "UDP 53"]; 2]);
    bench.by("3.22.0", "rollback", &["--yes"]).ok();
    assert_eq!(ports(&bench), [["TCP 53", "UDP 53"]; 2]);
}

#[test]
fn what_was_added_by_hand_is_told_by_status_and_plan() {
    for helm in ["3.22.0", "4.2.4"] {
        let Some(bench) = bench("added") else { return };
        bench.by(helm, "deploy", &[]).ok();
        bench.patch("configmap/api-config", &json!({"data": {"BY_HAND": "1"}}));
        bench.plane.kubectl(&["set", "env", "deployment/api", "ALSO_BY_HAND=hush", "-n", &bench.ns]).unwrap();
        let status = bench.run(&["status", "app", "-n", &bench.ns]).ok();
        let plan = bench.by(helm, "plan", &[]).exits(0);
        for said in [&status.out, &plan.out] {
            assert!(said.contains("data.BY_HAND") && said.contains("ALSO_BY_HAND"), "{said}");
            assert!(!said.contains("hush"), "{said}");
        }
        assert!(plan.out.contains("stays"), "{plan}");
    }
}

#[test]
fn a_failed_first_install_is_not_told_to_go_back() {
    let Some(bench) = bench("firstfails") else { return };
    bench.configure(&format!("{CONFIG}resources: {{api: {{podAnnotations: {{testbed.dev/behavior: crash-loop}}}}}}\n"));
    bench.by("4.2.4", "deploy", &["--timeout", "12s", "--helm-arg=--description=one\ntwo"]).exits(1);
    let status = bench.run(&["status", "app", "-n", &bench.ns]).ok();
    assert!(status.out.contains("failed") && status.out.contains("`destroy`"), "{status}");
    assert!(!status.out.contains("rollback"), "{status}");
    bench.configure(CONFIG);
    bench.by("4.2.4", "deploy", &["--helm-arg=--description=one\ntwo"]).ok();
    let history = bench.run(&["history", "app", "-n", &bench.ns]).ok();
    assert_eq!(history.out.lines().count(), 3, "{history}");
    assert!(history.out.contains("one two"), "{history}");
}

#[test]
fn warnings_of_the_manifest_are_events() {
    let Some(bench) = bench("warned") else { return };
    bench.change_manifest("\"resources\": {", "\"resources\": {\"odd\": {\"type\": \"something.v9\"},");
    let ran = bench.by("4.2.4", "deploy", &["-o", "json", "--no-wait"]).ok();
    let events: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let warned = events.iter().find(|event| event["event"] == "warned" && text(&event["text"]).starts_with("odd: "));
    assert!(warned.is_some(), "{ran}");
}
