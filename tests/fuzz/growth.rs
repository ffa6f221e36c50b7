//! Twice the input must be about twice the work. Allocations tell it exactly, on a busy machine too. A loop that only compares
//! allocates nothing; so in release mode the time of the thread is looked at as well, on several times the input, where a
//! square shows beyond all noise.

use crate::count::during;
use crate::targets::{TARGETS, Target};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Twice the input may cost so many times the allocations, and so many times their bytes.
const TWICE: f64 = 2.5;

const CUBE: f64 = 8.4;

/// Where twice the input costs less than this more, nothing grows: tables of fixed size are larger.
const LEAST_GROWTH: [f64; 2] = [300.0, 30_000.0];

/// So many times the input, and so many times the time that it may take.
const LONGER: (usize, f64) = (16, 48.0);

/// Shorter runs than this tell nothing.
const LEAST: Duration = Duration::from_millis(60);

/// Inputs that differ in their length only.
pub(crate) struct Kind {
    target: &'static str,
    name: &'static str,
    /// Units of the smaller of the first two.
    units: usize,
    make: fn(usize) -> Vec<u8>,
    /// Units of the longest that its reader lets through, and what twice the input may cost up to there.
    bounded: Option<(usize, f64)>,
}

const fn kind(target: &'static str, name: &'static str, units: usize, make: fn(usize) -> Vec<u8>) -> Kind {
    Kind { target, name, units, make, bounded: None }
}

/// All of them.
pub(crate) const KINDS: &[Kind] = &[
    kind("manifest", "resources", 40, |n| manifest(n, |_| json!({"type": "container.v0", "image": "x"}))),
    kind("manifest", "one name again and again", 40, |n| {
        format!("{{\"resources\":{{{}}}}}", vec!["\"a\":{\"type\":\"value.v0\"}"; n].join(",")).into()
    }),
    kind("manifest", "wrong types", 40, |n| manifest(n, |_| json!({"type": 7, "env": 1, "args": {}, "bindings": []}))),
    kind("manifest", "build arguments", 40, |n| {
        one(&json!({"type": "container.v1", "build": {"context": "x", "args": map(n, |i| json!(format!("v{i}")))}}))
    }),
    kind("manifest", "closing brackets", 500, |n| format!("{}{}", "[".repeat(n), "]".repeat(n)).into()),
    kind("application", "workloads", 8, |n| manifest(n, service)),
    kind("application", "variables", 20, |n| {
        one(&json!({"type": "container.v0", "image": "x", "env": map(n, |i| json!(format!("v{i}")))}))
    }),
    kind("application", "unknown references", 25, |n| {
        one(
            &json!({"type": "container.v0", "image": "x", "env": map(n, |i| json!(format!("{{gone{i}.bindings.tcp.url}}")))}),
        )
    }),
    kind("application", "references to one", 25, |n| {
        one(&json!({"type": "container.v0", "image": "x", "env": map(n, |_| json!("{p.value}"))}))
    }),
    kind("application", "a chain of references", 20, |n| {
        manifest(n, |i| json!({"type": "value.v0", "connectionString": format!("{{r{}.connectionString}}x", i + 1)}))
    }),
    kind("application", "volumes of one path", 20, |n| {
        one(&json!({"type": "container.v0", "image": "x", "volumes": vec![json!({"target": "/data"}); n]}))
    }),
    kind("application", "volumes", 20, |n| {
        let volumes: Vec<Value> =
            (0..n).map(|i| json!({"name": format!("v{i}"), "target": format!("/d{i}")})).collect();
        one(&json!({"type": "container.v0", "image": "x", "volumes": volumes}))
    }),
    kind("application", "bindings", 20, |n| {
        one(
            &json!({"type": "container.v0", "image": "x", "bindings": map(n, |i| json!({"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": 1000 + i}))}),
        )
    }),
    kind("application", "bindings of a project", 20, |n| {
        one(
            &json!({"type": "project.v0", "path": "a.csproj", "bindings": map(n, |_| json!({"scheme": "http", "protocol": "tcp", "transport": "http"}))}),
        )
    }),
    kind("application", "parameters", 20, |n| {
        manifest(
            n,
            |i| json!({"type": "parameter.v0", "value": format!("{{r{i}.inputs.value}}"), "inputs": {"value": {"type": "string", "secret": i % 2 == 0}}}),
        )
    }),
    kind("application", "bind mounts", 20, |n| {
        let mounts: Vec<Value> =
            (0..n).map(|i| json!({"source": format!("s{i}"), "target": format!("/d{i}"), "readOnly": true})).collect();
        one(&json!({"type": "container.v0", "image": "x", "bindMounts": mounts}))
    }),
    kind("application", "one dapr sidecar and components", 20, |n| {
        let mut resources: Map<String, Value> = (0..n)
            .map(|i| (format!("c{i}"), json!({"type": "dapr.component.v0", "daprComponent": {"type": "state"}})))
            .collect();
        resources.insert("api".into(), json!({"type": "project.v0", "path": "a.csproj"}));
        let components: Vec<String> = (0..n).map(|i| format!("c{i}")).collect();
        resources.insert(
            "d".into(),
            json!({"type": "dapr.v0", "dapr": {"application": "api", "appId": "api", "components": components}}),
        );
        json!({"resources": resources}).to_string().into()
    }),
    // Up to fifty mistakes get a suggestion, and up to a hundred a line, which is found by reading up to it; beyond that each
    // costs the same.
    kind("config", "unknown keys", 100, |n| lines(n, |i| format!("key{i}: 1"))),
    kind("config", "one key again and again", 100, |n| lines(n, |_| "application: a".to_owned())),
    kind("config", "resources", 40, |n| {
        format!("resources:\n{}", text(n, |i| format!("  r{i}: {{replicas: 1}}\n"))).into()
    }),
    kind("config", "charts that need others", 100, |n| {
        format!("charts:\n{}", text(n, |i| format!("  c{i}: {{chart: ./c, needs: [gone{i}]}}\n"))).into()
    }),
    kind("config", "charts that need the next", 40, |n| {
        format!("charts:\n{}", text(n, |i| format!("  c{i}: {{chart: ./c, needs: [c{}]}}\n", i + 1))).into()
    }),
    kind("config", "unknown issuers", 60, |n| {
        format!(
            "certManager: {{issuers: {{a: {{selfSigned: true}}}}}}\ningresses:\n{}",
            text(n, |i| format!(
                "  i{i}: {{hosts: [h{i}.example], paths: [{{path: /, to: a}}], tls: {{issuer: gone{i}}}}}\n"
            ))
        )
        .into()
    }),
    kind("config", "environments", 40, |n| {
        format!("environments:\n{}", text(n, |i| format!("  e{i}: {{parameters: {{a: {{value: b}}}}}}\n"))).into()
    }),
    kind("config", "items of one list", 40, |n| {
        format!("resources: {{a: {{args: [{}]}}}}", text(n, |_| "x, ".to_owned())).into()
    }),
    kind("configured", "unknown resources", 40, |n| {
        format!("resources:\n{}", text(n, |i| format!("  r{i}: {{replicas: 1}}\n"))).into()
    }),
    kind("configured", "unknown parameters", 40, |n| {
        format!("parameters:\n{}", text(n, |i| format!("  r{i}: {{value: x}}\n"))).into()
    }),
    kind("configured", "routes", 20, |n| {
        format!(
            "ingresses:\n{}",
            text(n, |i| format!("  i{i}: {{hosts: [h{i}.example], paths: [{{path: /, to: api}}]}}\n"))
        )
        .into()
    }),
    kind("configured", "paths of one route", 20, |n| {
        format!(
            "ingresses:\n  i:\n    hosts: [h.example]\n    paths:\n{}",
            text(n, |i| format!("    - {{path: /p{i}, to: api}}\n"))
        )
        .into()
    }),
    kind("configured", "hosts of one route", 20, |n| {
        format!(
            "ingresses:\n  i:\n    paths: [{{path: /, to: api}}]\n    hosts:\n{}",
            text(n, |i| format!("    - h{i}.example\n"))
        )
        .into()
    }),
    kind("configured", "volumes", 20, |n| {
        format!("resources:\n  db:\n    volumes:\n{}", text(n, |i| format!("      v{i}: {{mountPath: /m{i}}}\n")))
            .into()
    }),
    kind("parameters-yaml", "unknown names", 40, |n| lines(n, |i| format!("name{i}: x"))),
    kind("parameters-yaml", "one name again and again", 40, |n| lines(n, |_| "token: x".to_owned())),
    kind("parameters-json", "unknown names", 100, |n| map(n, |_| json!("x")).to_string().into()),
    kind("dotenv", "unknown names", 100, |n| lines(n, |i| format!("NAME{i}=x"))),
    kind("dotenv", "open quotes", 100, |n| lines(n, |i| format!("N{i}='x"))),
    kind("dotenv", "one long value", 2_000, |n| format!("A=\"{}\"", "\\n$".repeat(n)).into()),
    kind("sops", "unknown names", 100, |n| map(n, |_| json!("x")).to_string().into()),
    kind("sealed-values", "releases", 100, |n| {
        let value = json!({"p": {"id": "01ab23cd", "value": "AgA="}});
        json!({"apiVersion": "aspire-k8s.sealed/v1", "namespaces": {"n": map(n, |_| value.clone())}}).to_string().into()
    }),
    kind("saved-images", "resources", 40, |n| {
        json!({"version": 1, "images": map(n, |_| json!("X"))}).to_string().into()
    }),
    kind("certificate", "blocks", 100, |n| "-----BEGIN CERTIFICATE-----\n".repeat(n).into()),
    kind("lock", "charts", 25, |n| {
        let digest = format!("sha256:{}", "0".repeat(64));
        let entries: Vec<Value> = (0..n).map(|i| json!({"name": format!("c{i}"), "chart": "x", "requested": "1.x", "version": "1.2.3", "digest": digest})).collect();
        json!({"apiVersion": "aspire-k8s-lock/v1", "charts": entries}).to_string().into()
    }),
    kind("kubeconfig", "contexts", 25, |n| {
        let contexts: Vec<Value> =
            (0..n).map(|i| json!({"name": format!("c{i}"), "context": {"cluster": "c", "user": "u"}})).collect();
        json!({"apiVersion": "v1", "kind": "Config", "current-context": "gone", "contexts": contexts})
            .to_string()
            .into()
    }),
    kind("image", "parts", 500, |n| "a/".repeat(n).into()),
    kind("image", "colons", 500, |n| ":".repeat(n).into()),
    kind("versions", "alternatives", 100, |n| ">=1 || ".repeat(n).into()),
    kind("versions", "digits", 500, |n| "1.".repeat(n).into()),
    kind("quantity", "digits", 200, |n| "9".repeat(n).into()),
    kind("record", "hooks", 25, |n| {
        let hooks = vec![json!({"name": "t", "kind": "Pod", "events": ["test"]}); n];
        json!({"name": "shop", "version": 1, "namespace": "n", "hooks": hooks}).to_string().into()
    }),
    kind("record", "a large chart", 1_000, |n| {
        json!({"name": "shop", "version": 1, "namespace": "n", "chart": {"values": vec![0; n]}}).to_string().into()
    }),
    kind("stored-manifest", "documents", 25, |n| {
        lines(n, |i| format!("---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s{i}}}"))
    }),
    kind("stored-manifest", "repeated aliases", 20, |n| {
        lines(n, |i| if i == 0 { format!("a0: &a [{}]", "x,".repeat(100)) } else { format!("a{i}: [*a, *a]") })
    }),
    kind("diff", "data of a ConfigMap", 25, |n| {
        let object = |word: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": map(n, |i| json!(format!("{word}{i}")))});
        json!({"kind": "List", "items": [object("a"), object("b")]}).to_string().into()
    }),
    kind("diff", "other keys", 25, |n| {
        let object = |word: &str| {
            let data: Map<String, Value> = (0..n).map(|i| (format!("{word}{i}"), json!("x"))).collect();
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data})
        };
        json!({"kind": "List", "items": [object("a"), object("b")]}).to_string().into()
    }),
    kind("diff", "variables", 25, |n| pods(n, "env", |i, word| json!({"name": format!("n{i}"), "value": word}))),
    kind("diff", "other variables", 25, |n| {
        pods(n, "env", |i, word| json!({"name": format!("{word}{i}"), "value": word}))
    }),
    kind("diff", "ports", 25, |n| pods(n, "ports", |i, word| json!({"containerPort": i, "name": word}))),
    kind("diff", "arguments", 25, |n| pods(n, "args", |i, word| json!(format!("{word}{i}")))),
    // Whether a list stays is found by merging all below it, once more at each level above: a cube of the depth, which is
    // never more than the 128 levels that are read, two for a list in a list.
    Kind {
        bounded: Some((50, CUBE)),
        ..kind("diff", "lists in lists", 20, |n| {
            let nested = |word: &str| (0..n).fold(json!(word), |inner, _| json!([{"a": inner}]));
            let object = |word: &str| json!({"apiVersion": "x.example/v1", "kind": "X", "metadata": {"name": "x"}, "spec": nested(word)});
            json!({"kind": "List", "items": [object("a"), object("b")]}).to_string().into()
        })
    },
    kind("doctor", "workloads", 20, |n| list(n, deployment)),
    kind("doctor", "containers of one pod", 25, |n| {
        let containers: Vec<Value> = (0..n)
            .map(|i| json!({"name": format!("c{i}"), "image": "x", "resources": {"limits": {"cpu": "1"}}}))
            .collect();
        json!({"kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}}]}).to_string().into()
    }),
    kind("rollout", "workloads with a pod each", 40, |n| {
        let objects: Vec<Value> = (0..n).flat_map(|i| [deployment(i), replica_set(i), pod(i, i)]).collect();
        json!(objects).to_string().into()
    }),
    kind("rollout", "pods of one workload", 40, |n| {
        let objects: Vec<Value> =
            [deployment(0), replica_set(0)].into_iter().chain((0..n).map(|i| pod(0, i))).collect();
        json!(objects).to_string().into()
    }),
    kind("rollout", "events", 25, |n| {
        let event = |i: usize| {
            json!({"kind": "Event", "type": "Warning", "reason": "Failed", "message": format!("m{i}"),
            "metadata": {"name": format!("e{i}"), "uid": format!("e{i}")}, "involvedObject": {"kind": "Pod", "name": "p0-0", "uid": "p0-0"}})
        };
        let objects: Vec<Value> =
            [deployment(0), replica_set(0), pod(0, 0)].into_iter().chain((0..n).map(event)).collect();
        json!(objects).to_string().into()
    }),
    kind("migration", "workloads", 20, |n| {
        let objects: Vec<Value> = (0..n).flat_map(|i| [deployment(i), replica_set(i), pod(i, i)]).collect();
        json!(objects).to_string().into()
    }),
    kind("journal", "claims", 100, |n| {
        let claims: Vec<Value> = (0..n).map(|i| json!({"name": format!("d{i}"), "reclaim": "Retain"})).collect();
        json!({"v": 1, "claims": claims}).to_string().into()
    }),
    kind("owned", "keys", 100, |n| {
        json!({"metadata": {"name": "x"}, "data": map(n, |_| json!("aHVudGVy"))}).to_string().into()
    }),
    kind("helm-output", "lines that begin a value", 100, |n| "[0,\n".repeat(n).into()),
    kind("helm-output", "brackets", 100, |n| "[\n".repeat(n).into()),
    kind("helm-output", "kinds that are unknown", 100, |n| {
        "no matches for kind \"A\" in version \"b/v1\"\n".repeat(n).into()
    }),
    kind("duration", "hours", 500, |n| "1h".repeat(n).into()),
    kind("observed", "workloads", 20, |n| {
        let named = |kind: &str, i: usize| json!({"kind": kind, "name": format!("w{i}"), "replicas": 1});
        let change = |i: usize| json!({"old": named("Deployment", i), "new": named("StatefulSet", i), "uid": format!("w{i}"), "stray": false, "claims": [format!("d{i}")]});
        let progress = json!({"direction": "forward", "failures": 0, "stops": 0});
        let changes: Vec<Value> = (0..n).map(change).collect();
        let journal = json!({"v": 2, "plan": "9c", "target": "t", "phase": "drain", "progress": progress, "base": 4, "last": 5,
            "calling": true, "changes": changes, "claims": [], "confirmed": ["downtime"]});
        let objects: Vec<Value> = (0..n).flat_map(|i| [deployment(i), replica_set(i), pod(i, i)]).collect();
        json!({"journal": journal, "objects": objects}).to_string().into()
    }),
    kind("api-error", "a long message", 2_000, |n| {
        json!({"kind": "Status", "status": "Failure", "code": 403, "message": "cannot ".repeat(n)}).to_string().into()
    }),
    kind("sops-error", "lines", 500, |n| "  - | failed to load\n".repeat(n).into()),
    kind("helm-output", "lists of two lines", 200, |n| "[0,\n0,\n".repeat(n).into()),
    kind("masker", "backslashes", 200, |n| "\\".repeat(n).into()),
    kind("masker", "percent signs", 200, |n| "%25".repeat(n).into()),
    kind("masker", "entities", 100, |n| "&amp;".repeat(n).into()),
    kind("masker", "base64", 20, |n| "aHVudGVyMi1zZWNyZXQ".repeat(n).into()),
    kind("masker", "numbers", 100, |n| "104, ".repeat(n).into()),
    kind("masker", "secrets", 40, |n| "hunter2-secret ".repeat(n).into()),
    kind("masker", "beginnings of a secret", 40, |n| "hunter2-s\n".repeat(n).into()),
    kind("yaml", "brackets", 500, |n| "[".repeat(n).into()),
    kind("yaml", "names", 200, |n| text(n, |i| format!("- &a{i} x\n")).into()),
    kind("yaml", "maps on one line", 200, |n| "{a: b}, ".repeat(n).into()),
    kind("yaml", "question marks", 200, |n| "? a\n".repeat(n).into()),
    kind("yaml", "keys of one map", 200, |n| text(n, |i| format!("k{i}: v\n")).into()),
    kind("yaml", "block scalars", 100, |n| text(n, |i| format!("k{i}: |\n  x\n")).into()),
    kind("yaml", "double quotes", 200, |n| format!("\"{}\"", "\\u0041\n ".repeat(n)).into()),
];

fn text(n: usize, unit: impl Fn(usize) -> String) -> String {
    (0..n).map(unit).collect()
}

fn lines(n: usize, unit: impl Fn(usize) -> String) -> Vec<u8> {
    text(n, |i| unit(i) + "\n").into()
}

/// A map with so many keys.
fn map(n: usize, unit: impl Fn(usize) -> Value) -> Value {
    (0..n).map(|i| (format!("k{i}"), unit(i))).collect::<Map<_, _>>().into()
}

fn manifest(n: usize, unit: impl Fn(usize) -> Value) -> Vec<u8> {
    let resources: Map<String, Value> = (0..n).map(|i| (format!("r{i}"), unit(i))).collect();
    json!({"resources": resources}).to_string().into()
}

fn one(resource: &Value) -> Vec<u8> {
    let parameter =
        json!({"type": "parameter.v0", "value": "{p.inputs.value}", "inputs": {"value": {"type": "string"}}});
    json!({"resources": {"web": resource, "p": parameter}}).to_string().into()
}

fn service(i: usize) -> Value {
    json!({"type": "project.v0", "path": format!("s{i}/s{i}.csproj"),
        "env": {format!("services__r{}__http__0", i / 2): format!("{{r{}.bindings.http.url}}", i / 2)},
        "bindings": {"http": {"scheme": "http", "protocol": "tcp", "transport": "http"}}})
}

fn list(n: usize, unit: impl Fn(usize) -> Value) -> Vec<u8> {
    let items: Vec<Value> = (0..n).map(unit).collect();
    json!({"kind": "List", "items": items}).to_string().into()
}

/// Two Deployments that differ in a list of their container.
fn pods(n: usize, field: &str, unit: impl Fn(usize, &str) -> Value) -> Vec<u8> {
    let object = |word: &str| {
        let entries: Vec<Value> = (0..n).map(|i| unit(i, word)).collect();
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"},
            "spec": {"template": {"spec": {"containers": [{"name": "api", "image": "x", field: entries}]}}}})
    };
    json!({"kind": "List", "items": [object("a"), object("b")]}).to_string().into()
}

fn metadata(name: &str, component: usize, owner: &Value) -> Value {
    json!({"name": name, "namespace": "n", "uid": name, "generation": 1, "ownerReferences": [owner],
        "labels": {"app.kubernetes.io/instance": "shop", "app.kubernetes.io/component": format!("w{component}"), "pod-template-hash": "1"},
        "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"}})
}

fn deployment(i: usize) -> Value {
    let labels = json!({"app.kubernetes.io/component": format!("w{i}")});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(&format!("w{i}"), i, &json!({})), "spec": {"replicas": 1,
        "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
            "spec": {"containers": [{"name": "c", "image": "x:1", "resources": {"limits": {"cpu": "1"}}}]}}}})
}

fn replica_set(i: usize) -> Value {
    let owner = json!({"kind": "Deployment", "name": format!("w{i}"), "uid": format!("w{i}"), "controller": true});
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata(&format!("w{i}-1"), i, &owner), "spec": {"replicas": 1}})
}

fn pod(workload: usize, i: usize) -> Value {
    let owner = json!({"kind": "ReplicaSet", "name": format!("w{workload}-1"), "uid": format!("w{workload}-1"), "controller": true});
    let waiting = json!({"reason": "CrashLoopBackOff", "message": "back-off"});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata(&format!("p{workload}-{i}"), workload, &owner),
        "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "c", "restartCount": 9, "state": {"waiting": waiting}}]}})
}

pub(crate) fn wrong(kind: &Kind) -> Option<String> {
    let target = TARGETS.iter().find(|target| target.name == kind.target).expect("every kind is of a target");
    let found = grows(target, kind).or_else(|| if cfg!(debug_assertions) { None } else { lasts(target, kind) });
    found.map(|found| format!("{}: {}: {found}", kind.target, kind.name))
}

fn grows(target: &Target, kind: &Kind) -> Option<String> {
    let input = |times: usize| (kind.make)(times * kind.units);
    // The first run of a target also pays for what it sets up once.
    allocated(target, &input(1));
    let (once, twice) = (allocated(target, &input(1)), allocated(target, &input(2)));
    let most = kind.bounded.map_or(TWICE, |(_, most)| most);
    let words = ["allocations", "allocated bytes"].into_iter().zip(LEAST_GROWTH);
    let grown = once.into_iter().zip(twice).zip(words).find(|((once, twice), (_, least))| {
        // What is the same at any length must not hide what grows.
        *twice > once * most && twice - once > *least
    });
    grown.map(|((once, twice), (what, _))| {
        format!("twice the input is {:.1} times the {what} ({once} to {twice})", twice / once)
    })
}

fn lasts(target: &Target, kind: &Kind) -> Option<String> {
    let longest = LONGER.0 * kind.units;
    if kind.bounded.is_some_and(|(most, _)| most < longest) {
        return None;
    }
    let (little, much) = ((kind.make)(kind.units), (kind.make)(longest));
    let mut ratio = 0.0;
    // A busy machine makes a run longer, never shorter: one good one is enough.
    let is_good = (0..3).any(|_| {
        let (short, long) = (time(target, &little), time(target, &much));
        ratio = long.as_secs_f64() / short.as_secs_f64();
        long < LEAST || ratio < LONGER.1
    });
    (!is_good).then(|| format!("{} times the input takes {ratio:.0} times as long", LONGER.0))
}

/// Allocations, and their bytes.
#[expect(clippy::cast_precision_loss, reason = "it is compared roughly")]
fn allocated(target: &Target, input: &[u8]) -> [f64; 2] {
    let ((), work) = during(|| (target.run)(input));
    [work.calls as f64, work.bytes as f64]
}

/// The time that this thread worked, whatever else the machine does.
fn time(target: &Target, input: &[u8]) -> Duration {
    let began = worked();
    (target.run)(input);
    worked().saturating_sub(began)
}

/// The first number that Linux tells of a thread: its time on a processor, in nanoseconds.
fn worked() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    Duration::from_nanos(
        told.split(' ').next().and_then(|number| number.parse().ok()).expect("it begins with a number"),
    )
}
