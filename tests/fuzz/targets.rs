//! What is tried: one row for each parser, with small real inputs of it.

use kubectl_aspire::cluster::api::claims::ReleaseName;
use kubectl_aspire::cluster::api::error::Result as ClusterResult;
use kubectl_aspire::cluster::api::objects::{Guard, Objects, Owner, Propagation};
use kubectl_aspire::cluster::state::record::Record;
use kubectl_aspire::cluster::state::remembered::State;
use kubectl_aspire::cluster::state::secret::ReleaseSecret;
use kubectl_aspire::cluster::state::{holder, lease};
use kubectl_aspire::config::{Config, Sealed};
use kubectl_aspire::inputs::{Format, Given, Names};
use kubectl_aspire::k8s::kind::Kind;
use kubectl_aspire::k8s::quantity::Quantity;
use kubectl_aspire::support::redact::lines::MaskedLines;
use kubectl_aspire::support::redact::{Mask, base64, unbase64};
use kubectl_aspire::support::{image, yaml};
use kubectl_aspire::targets::kubernetes::{BuiltImages, Contents, Plan};
use kubectl_aspire::{app, config, diff, doctor, external_charts, helm, inputs, manifest, migration, rollout, seal};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

/// A parser.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// How many of the cases it gets, in relation to the others.
    pub share: u64,
    /// Whether its inputs are JSON or YAML.
    pub tree: bool,
    /// Real inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Reads one.
    pub run: fn(&[u8]),
}

const fn of_trees(name: &'static str, share: u64, seeds: fn() -> Vec<Vec<u8>>, run: fn(&[u8])) -> Target {
    Target { name, share, tree: true, seeds, run }
}

const fn of_texts(name: &'static str, share: u64, seeds: fn() -> Vec<Vec<u8>>, run: fn(&[u8])) -> Target {
    Target { name, share, tree: false, seeds, run }
}

/// All of them. A share says how many cases a target can try in the time of one that renders an application.
pub const TARGETS: &[Target] = &[
    // What a person gives.
    of_trees("manifest", 30, manifests, |bytes| drop(black_box(manifest::parse(bytes)))),
    of_trees("application", 1, manifests, |bytes| drop(application(bytes, &Config::default()))),
    of_trees("config", 3, configs, |bytes| drop(black_box(config::parse(&text(bytes))))),
    of_trees("configured", 1, configs, configured),
    of_trees("dapr-file", 5, dapr_files, dapr_file),
    of_trees("parameters-yaml", 40, parameters, |bytes| parameter_file(bytes, Format::Yaml)),
    of_trees("parameters-json", 40, parameters, |bytes| parameter_file(bytes, Format::Json)),
    of_texts("dotenv", 60, dotenvs, |bytes| parameter_file(bytes, Format::Env)),
    of_trees("sops", 40, parameters, decrypted),
    of_trees("sealed-values", 40, sealed_values, |bytes| drop(black_box(Sealed::parse(&text(bytes))))),
    of_texts("certificate", 20, certificates, certificate),
    of_trees("lock", 40, locks, lock),
    of_trees("contents", 10, contents, chart_contents),
    of_texts("archive", 4, archives, archive),
    of_trees("kubeconfig", 4, kubeconfigs, kubeconfig),
    of_trees("saved-plan", 40, saved_plans, saved_plan),
    of_texts("image", 100, words, |bytes| words_of(&text(bytes))),
    of_texts("versions", 100, words, |bytes| versions(&text(bytes))),
    of_texts("quantity", 100, words, |bytes| quantities(&text(bytes))),
    // What lies in a cluster, where others may write.
    of_trees("record", 10, records, record),
    of_texts("packed-record", 40, packed_records, |bytes| packed_record(&text(bytes))),
    of_trees("stored-manifest", 10, objects, stored),
    of_trees("diff", 4, objects, differences),
    of_trees("doctor", 4, objects, checks),
    of_trees("rollout", 4, live, watched),
    of_trees("journal", 40, journals, |bytes| drop(black_box(migration::Journal::parse(&text(bytes))))),
    of_trees("migration", 4, live, migration),
    of_trees("owned", 20, owned, owned_objects),
    // What other programs say.
    of_texts("helm-output", 40, outputs, |bytes| helm_says(&text(bytes))),
    of_texts("masker", 5, outputs, |bytes| masked(&text(bytes))),
    of_trees("yaml", 40, objects, affordable),
];

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Files of the folder of tests, none of them long.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs").join(folder);
    let entries = fs::read_dir(&folder).expect("the folder should be readable").flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect("the file should be readable"))
        .filter(|it| it.len() < 5_000)
        .collect()
}

fn manifests() -> Vec<Vec<u8>> {
    let mut all = files("manifests", "json");
    all.extend(files("cli", "json"));
    all
}

fn configs() -> Vec<Vec<u8>> {
    let mut all = files("configs-bad", "yaml");
    all.extend(files("hostile", "yaml"));
    all.extend(files("cli", "yaml"));
    all
}

fn parameters() -> Vec<Vec<u8>> {
    let mut all = files("cli/parameters", "yaml");
    all.extend(files("cli/parameters", "json"));
    all.push(br#"[{"name": "currency", "value": "EUR"}, {"name": "token", "value": null}]"#.to_vec());
    all
}

fn dotenvs() -> Vec<Vec<u8>> {
    let mut all = files("cli/parameters", "env");
    all.push(
        b"# c\nexport A='b c'\nParameters__db_password=\"x\\n\\u0041${Y}\"\ntoken=`a`\nB=\nC='two\nlines' # c\n"
            .to_vec(),
    );
    all
}

fn application(bytes: &[u8], config: &Config) -> Option<(app::App, Plan)> {
    let manifest = manifest::parse(bytes).ok()?;
    let sources = app::Sources::default();
    let app = app::resolve(&manifest, config, "fuzz", &sources).ok()?;
    let images = BuiltImages { tag: Some("1".into()), ..BuiltImages::default() };
    let plan = kubectl_aspire::targets::kubernetes::plan::plan(&app, config, &images).ok()?;
    black_box(kubectl_aspire::targets::kubernetes::chart::render::render(&plan).ok()?);
    black_box(inputs::list(&app, &plan));
    Some((app, plan))
}

const APPLICATION: &[u8] = include_bytes!("../inputs/cli/app.json");

fn configured(bytes: &[u8]) {
    if let Ok(config) = config::parse(&text(bytes)) {
        let _ = black_box(application(APPLICATION, &config));
        let charts = kubectl_aspire::external_charts::plan::plan(&config);
        let _ = black_box(external_charts::with_texts(charts, |_| Ok(text(bytes).into_owned())));
    }
}

fn dapr_files() -> Vec<Vec<u8>> {
    files("manifests/dapr-files", "yaml")
}

fn dapr_file(bytes: &[u8]) {
    static MANIFEST: LazyLock<manifest::Manifest> = LazyLock::new(|| {
        let resources = json!({
            "api": {"type": "project.v0", "path": "a/api.csproj"},
            "pubsub": {"type": "dapr.component.v0", "daprComponent": {"localPath": "c.yaml", "type": "pubsub"}},
            "api-dapr": {"type": "dapr.v0", "dapr": {"application": "api", "appId": "api", "components": ["pubsub"],
                "config": "c.yaml", "resourcesPath": ["c.yaml"]}}});
        manifest::parse(json!({"resources": resources}).to_string().as_bytes()).expect("it is a manifest")
    });
    let mut sources = app::Sources::default();
    sources.insert("c.yaml", app::Found::File(bytes.to_vec()), Vec::new());
    let _ = black_box(app::resolve(&MANIFEST, &Config::default(), "fuzz", &sources));
}

fn parameter_file(bytes: &[u8], format: Format) {
    let names = Names::new(["currency", "db-password", "token", "a-b", "a_b", "image.tag"]);
    let text = text(bytes);
    black_box(Format::of("x", &text));
    let _ = black_box(Given::default().add_file(&text, format, "file", &names));
}

fn decrypted(bytes: &[u8]) {
    static PLAN: LazyLock<Plan> = LazyLock::new(|| {
        let config = config::parse("parameters: {db-password: {from: sops}}\n").unwrap_or_default();
        application(APPLICATION, &config).map_or_else(Plan::default, |(_, plan)| plan)
    });
    let _ = black_box(Given::default().add_decrypted(&text(bytes), "file", &PLAN));
}

fn sealed_values() -> Vec<Vec<u8>> {
    let value = json!({"id": "01ab23cd", "value": "AgA=", "uri": "AgB="});
    let file = json!({"apiVersion": "aspire-k8s.sealed/v1", "namespaces": {"n": {"shop": {"db-password": value}}}});
    vec![file.to_string().into()]
}

const CERTIFICATE: &str = include_str!("../../src/seal/certificate.pem");

fn certificates() -> Vec<Vec<u8>> {
    vec![CERTIFICATE.into()]
}

/// The text, and its bytes as what stands between the lines of a good one.
fn certificate(bytes: &[u8]) {
    let _ = black_box(seal::Certificate::from_pem(&text(bytes), Duration::ZERO));
    let lines: Vec<&str> = CERTIFICATE.lines().filter(|line| !line.starts_with('-')).collect();
    let mut der = unbase64(&lines.concat()).unwrap_or_default();
    for (at, byte) in bytes.iter().enumerate().filter(|(_, byte)| !byte.is_ascii_graphic()) {
        if let Some(place) = der.get_mut(at) {
            *place = *byte;
        }
    }
    let body: Vec<u8> = base64(&der).into_bytes().chunks(64).flat_map(|line| [line, b"\n"].concat()).collect();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", text(&body));
    let _ = black_box(seal::Certificate::from_pem(&pem, Duration::ZERO));
}

fn locks() -> Vec<Vec<u8>> {
    let entry = json!({"name": "redis", "chart": "redis", "repository": "https://x.example", "requested": "~1.2",
        "version": "1.2.3", "digest": format!("sha256:{}", "0".repeat(64))});
    vec![json!({"apiVersion": "aspire-k8s-lock/v1", "charts": [entry]}).to_string().into()]
}

fn lock(bytes: &[u8]) {
    if let Ok(mut lock) = external_charts::Lock::parse(&text(bytes)) {
        let mut wanted =
            vec![external_charts::PlannedChart { name: "redis".into(), ..external_charts::PlannedChart::default() }];
        let _ = black_box(lock.apply(&mut wanted));
        lock.keep_only(&wanted);
        black_box(lock.to_text());
    }
}

fn contents() -> Vec<Vec<u8>> {
    let Some((app, plan)) = application(APPLICATION, &Config::default()) else { return Vec::new() };
    vec![Contents::new(&app, &plan, &config::Release::default()).to_text().into()]
}

fn chart_contents(bytes: &[u8]) {
    if let Ok(contents) = Contents::parse(bytes) {
        let values = serde_json::from_slice(bytes).unwrap_or_default();
        black_box(contents.restore("shop", &values, None));
        black_box(contents.to_text());
    }
}

/// A packed chart of ours.
fn archives() -> Vec<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in [("shop/Chart.yaml", "apiVersion: v2\nname: shop\n"), ("shop/values.yaml", "a: 1\n")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, text.as_bytes()).expect("writing into memory");
    }
    let plain = archive.into_inner().expect("writing into memory");
    vec![packed(&plain), plain]
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).expect("writing into memory");
    packer.finish().expect("writing into memory")
}

/// The bytes as a file, in a folder of this thread.
fn in_file(name: &str, bytes: &[u8], read: impl FnOnce(&Path)) {
    thread_local! {
        static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("there should be room for a folder");
    }
    FOLDER.with(|folder| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("the file should be written");
        read(&path);
    });
}

/// As it is, and packed.
fn archive(bytes: &[u8]) {
    in_file("chart.tgz", bytes, |path| drop(black_box(kubectl_aspire::targets::kubernetes::chart::read::read(path))));
    in_file("chart.tgz", &packed(bytes), |path| {
        drop(black_box(kubectl_aspire::targets::kubernetes::chart::read::read(path)));
    });
}

fn kubeconfigs() -> Vec<Vec<u8>> {
    vec![
        b"apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: c, user: u, namespace: n}}]\nclusters: [{name: c, cluster: {server: 'https://u:p@x.example:6443', proxy-url: 'http://p:q@y'}}]\nusers: [{name: u, user: {token: abc, exec: {apiVersion: client.authentication.k8s.io/v1, command: x}}}]\n"
            .to_vec(),
    ]
}

fn kubeconfig(bytes: &[u8]) {
    in_file("config", bytes, |path| {
        let access = kubectl_aspire::cluster::connect::access::Access {
            kubeconfig: Some(path.to_owned()),
            ..kubectl_aspire::cluster::connect::access::Access::default()
        };
        let environment =
            kubectl_aspire::cluster::connect::environment::Environment::new("/", std::iter::empty::<(&str, &str)>());
        let _ = black_box(kubectl_aspire::cluster::connect::kubeconfig::locate(&access, &environment));
        let typed =
            kubectl_aspire::cluster::connect::access::Access { server: Some(text(bytes).into_owned()), ..access };
        let _ = black_box(kubectl_aspire::cluster::connect::kubeconfig::locate(&typed, &environment));
    });
}

fn saved_plans() -> Vec<Vec<u8>> {
    let basis = json!({"release": "shop", "namespace": "n", "server": "https://x", "keyOf": "kube-system", "application": "shop",
        "environment": null, "helm": "4.3.1", "chart": {"Chart.yaml": "00"}, "values": {"a": "00"}, "secrets": {"p": "1"},
        "chartSecrets": {"q": true}, "revision": "3 deployed", "objects": {"Secret/a": "uid 1", "Service/b": null}});
    let entry = json!({"action": "change", "kind": "Deployment", "name": "api", "fields": ["spec.replicas"]});
    vec![json!({"version": 1, "basis": basis, "changes": [entry]}).to_string().into()]
}

fn saved_plan(bytes: &[u8]) {
    if let Ok(plan) = kubectl_aspire::pipeline::plan::saved::Saved::parse(&text(bytes), "file") {
        black_box((plan.hash(), plan.to_text()));
    }
}

/// Short texts with a grammar of their own.
fn words() -> Vec<Vec<u8>> {
    let texts = [
        "docker.io/library/postgres:17.6@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "[::1]:5000/a/b",
        "1.2.3-rc.1+build",
        ">=1.2 <2 || ~3.x, 4 - 5",
        "^0.0.3",
        "v4.3.1+gabc",
        "100m",
        "1.5e3Gi",
        "Host={db.bindings.tcp.host};Password={db-password.value}",
        "PersistentVolume/n/name",
        "a=b=c",
        "host/boot/namespace/123/456",
    ];
    texts.into_iter().map(Into::into).collect()
}

fn words_of(text: &str) {
    let (name, tag, digest) = image::split(text);
    let _ = black_box([image::check(text), image::check_registry(text), image::check_tag(tag)]);
    black_box(image::repository_of(text));
    black_box((name, digest, kubectl_aspire::pipeline::release::records::judge::NamedObject::parse(text)));
    let _ = black_box(inputs::parse_assignment("--parameter", text));
    black_box((holder::Holder::parse(text), inputs::variable(text), app::escape_uri_data(text)));
    let _ = black_box(helm::checked_arguments(&[text.to_owned()]));
}

fn versions(text: &str) {
    black_box((external_charts::Version::parse(text), helm::Version::parse(text), config::is_exact_version(text)));
    let (left, right) = text.split_once(' ').unwrap_or((text, "1.2.3"));
    black_box((
        external_charts::fits(left, right),
        external_charts::fits("1.2.3", text),
        external_charts::newest(text),
    ));
}

fn quantities(text: &str) {
    if let Some(amount) = Quantity::parse(text) {
        let sum = amount.plus(&amount).minus(&Quantity::count(7)).times(3);
        black_box(sum.to_string());
    }
}

const RECORD: &str = concat!(
    r#"{"name":"shop","info":{"last_deployed":"2026-01-02T03:04:06Z","deleted":"","status":"deployed"},"#,
    r#""chart":{"metadata":{"name":"shop"},"values":{"big":12345678901234567890123,"small":1.10}},"#,
    r#""hooks":[{"name":"t","kind":"Pod","events":["test"]}],"#,
    r#""manifest":"---\napiVersion: v1\nkind: Service\nmetadata:\n  name: api\n","version":3,"namespace":"n"}"#
);

fn records() -> Vec<Vec<u8>> {
    vec![RECORD.into()]
}

fn packed_records() -> Vec<Vec<u8>> {
    vec![base64(&packed(RECORD.as_bytes())).into(), base64(RECORD.as_bytes()).into(), RECORD.into()]
}

/// The JSON of a record, packed as helm does.
fn record(bytes: &[u8]) {
    packed_record(&base64(&packed(bytes)));
}

fn packed_record(payload: &str) {
    for (kind, payload) in [("Secret", base64(payload.as_bytes())), ("ConfigMap", payload.to_owned())] {
        let object = json!({"kind": kind, "type": "helm.sh/release.v1", "metadata": {"name": "sh.helm.release.v1.shop.v3"},
            "data": {"release": payload}});
        if let Ok(record) = Record::of(object) {
            black_box((record.is_in_place("shop", "n"), record.by_server(), record.whole(), record.brought()));
        }
    }
}

/// The documents of a manifest as helm prints them.
const MANIFEST: &str = "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: api-config\ndata:\n  A: \"b\"\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, labels: {app.kubernetes.io/instance: shop}}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: api}}\n  template:\n    metadata: {labels: {app: api}}\n    spec:\n      containers:\n      - {name: api, image: 'x:1', env: [{name: A, value: b}], ports: [{containerPort: 80}], resources: {limits: {cpu: 100m, memory: 1Gi}}}\n      volumes: [{name: v, persistentVolumeClaim: {claimName: d}}]\n";

fn objects() -> Vec<Vec<u8>> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "d"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i"},
            "spec": {"ingressClassName": "nginx", "rules": [{"host": "a.example", "http": {"paths": []}}]}}]});
    vec![MANIFEST.into(), list.to_string().into(), b"a: &a [1]\nb: *a\nc: {<<: *a}\n---\n- |\n x\n- \"y\"\n".to_vec()]
}

fn stored(bytes: &[u8]) {
    let text = text(bytes);
    let _ = black_box(kubectl_aspire::pipeline::release::records::stored::read(&text));
    black_box((external_charts::brought(&text), diff::objects(&text, "n").is_ok()));
    for object in kubectl_aspire::pipeline::status::drift::objects(&text) {
        black_box(kubectl_aspire::pipeline::status::drift::compare(&object, None, &[]));
    }
}

/// Each object against the next one as last deploy, next deploy and live state, in every order.
fn differences(bytes: &[u8]) {
    let objects = doctor::objects_of(&text(bytes)).unwrap_or_default();
    let mask = Mask::new(&["hunter2-secret".to_owned()]);
    let object =
        diff::Object { group: "apps".into(), kind: "Deployment".into(), namespace: "n".into(), name: "api".into() };
    for pair in objects.windows(2).take(3) {
        let [one, other] = pair else { continue };
        for (last, wanted, live) in [(one, one, other), (one, other, one), (other, one, one)] {
            let sides = diff::Sides { last: Some(last), wanted: Some(wanted), live: Some(live), answer: None };
            let change = diff::change(&object, sides, &mask);
            black_box(diff::lines(change.as_slice()));
            black_box((
                diff::lost(last, wanted, live),
                diff::predict(last, wanted, live),
                diff::merge_patch(last, live),
            ));
            black_box(kubectl_aspire::pipeline::status::drift::compare(last, Some(live), &["spec.replicas"]));
        }
        black_box((diff::fields(one, other), diff::holds_data(one), diff::with_places(one, other)));
    }
}

fn checks(bytes: &[u8]) {
    let objects = doctor::objects_of(&text(bytes)).unwrap_or_default();
    let namespace = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    black_box(doctor::pod_security(&objects, &Ok(Some(namespace))));
    black_box((doctor::limits(&objects, &Ok(objects.clone())), doctor::kind_names(&objects)));
    let kinds = BTreeMap::new();
    let demand =
        doctor::Demand { objects: &objects, live: &objects, kinds: &kinds, default_class: None, limits: &objects };
    black_box(doctor::quotas(&demand, &Ok(objects.clone())));
    black_box((
        doctor::names(&objects, &objects, RELEASE),
        doctor::route_classes(&objects),
        doctor::trial_pods(&objects),
    ));
    black_box(doctor::pods(&objects).iter().map(|pods| (pods.containers().count(), pods.surge())).collect::<Vec<_>>());
}

const RELEASE: ReleaseName<'static> = ReleaseName { name: "shop", namespace: "n" };

/// Live objects as the API server lists them.
fn live() -> Vec<Vec<u8>> {
    let labels =
        json!({"app.kubernetes.io/instance": "shop", "app.kubernetes.io/component": "api", "pod-template-hash": "1"});
    let meta = |name: &str, owner: &str| {
        json!({"name": name, "namespace": "n", "uid": name, "labels": labels, "generation": 2,
            "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"},
            "ownerReferences": [{"kind": owner, "name": "api-1", "uid": "api-1", "controller": true}]})
    };
    let waiting = json!({"reason": "CrashLoopBackOff", "message": "back-off 10s"});
    let container = json!({"name": "api", "restartCount": 3, "state": {"waiting": waiting},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}});
    let pod_spec = json!({"containers": [{"name": "api", "image": "postgres:17"}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "d"}}]});
    let objects = json!([
        {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": meta("api", "x"), "spec": {"replicas": 1,
            "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod_spec}},
            "status": {"observedGeneration": 2, "replicas": 1, "conditions": [{"type": "Progressing", "status": "False"}]}},
        {"kind": "ReplicaSet", "apiVersion": "apps/v1", "metadata": meta("api-1", "Deployment"), "spec": {"replicas": 1}},
        {"kind": "Pod", "apiVersion": "v1", "metadata": meta("api-1-x", "ReplicaSet"), "spec": pod_spec,
            "status": {"phase": "Pending", "containerStatuses": [container],
                "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: 1 x, 2 y."}]}},
        {"kind": "Event", "apiVersion": "v1", "type": "Warning", "reason": "Failed", "message": "Failed to pull image",
            "metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "api-1-x", "uid": "api-1-x"}},
        {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "metadata": meta("d", "x"), "spec": {"volumeName": "pv"},
            "status": {"phase": "Bound"}},
        {"kind": "PersistentVolume", "apiVersion": "v1", "metadata": {"name": "pv"}, "spec": {"claimRef": {"uid": "d"}}},
    ]);
    let mut stateful = objects.clone();
    stateful[0]["kind"] = json!("StatefulSet");
    vec![objects.to_string().into(), stateful.to_string().into()]
}

fn values(bytes: &[u8]) -> Vec<Value> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Array(items)) => items,
        Ok(value) => vec![value],
        Err(_) => Vec::new(),
    }
}

fn watched(bytes: &[u8]) {
    let objects = values(bytes);
    let mut rollout = rollout::Rollout::new(RELEASE);
    for (step, seconds) in [(objects.len() / 2, 0), (objects.len(), 30), (objects.len(), 600)] {
        black_box(rollout.observe(&objects[..step], Duration::from_secs(seconds)));
    }
    black_box(rollout.finish(&objects, Duration::from_secs(900), rollout::End::NotReady));
}

fn journals() -> Vec<Vec<u8>> {
    let named = |kind: &str| json!({"kind": kind, "name": "api", "replicas": 1});
    let change = json!({"old": named("Deployment"), "new": named("StatefulSet"), "uid": "api", "stray": false,
        "claims": ["d"], "how": "stop"});
    let claim = json!({"name": "d", "uid": "d", "volume": "pv", "retained": false});
    let progress = json!({"direction": "forward", "failures": 0, "stops": 0});
    vec![
        json!({"v": 2, "plan": "9c", "target": "t", "phase": "drain", "progress": progress, "base": 4, "last": 5,
        "calling": true, "changes": [change], "claims": [claim], "confirmed": ["downtime"]})
        .to_string()
        .into(),
    ]
}

fn migration(bytes: &[u8]) {
    let objects = values(bytes);
    let of = |kinds: &[&str]| {
        let is = |object: &&Value| kinds.iter().any(|kind| object["kind"] == *kind);
        objects.iter().filter(is).cloned().collect::<Vec<_>>()
    };
    let live = migration::Live {
        deployments: of(&["Deployment"]),
        stateful_sets: of(&["StatefulSet"]),
        replica_sets: of(&["ReplicaSet"]),
        pods: of(&["Pod"]),
        claims: of(&["PersistentVolumeClaim"]),
        others: of(&["Service", "Job"]),
        volumes: of(&["PersistentVolume"]),
        nodes: Vec::new(),
    };
    let mut target = objects.clone();
    for object in &mut target {
        if object["kind"] == "Deployment" {
            object["kind"] = json!("StatefulSet");
        }
    }
    let sides = migration::Sides { release: RELEASE, base: 1, last: &objects, target: &target, live: &live };
    black_box((migration::concerns(sides), migration::asks(sides)));
    if let Ok(Some(found)) = kubectl_aspire::migration::detect::detect(sides) {
        let journal = found.journal("h".into(), "t".into(), 1);
        black_box((journal.text(), journal.described()));
    }
}

fn owned() -> Vec<Vec<u8>> {
    let metadata = json!({"name": "x", "uid": "u", "resourceVersion": "1",
        "labels": {"app.kubernetes.io/managed-by": "kubectl-aspire", "app.kubernetes.io/instance": "shop"},
        "annotations": {"aspire-k8s/application": "shop", "aspire-k8s/revisions": "{\"a\":\"1\"}", "aspire-k8s/claims": "{\"a\":[\"d\"]}",
            "aspire-k8s/doing": "deploy", "aspire-k8s/helm": "{\"process\":1}"}});
    let map = json!({"metadata": metadata, "data": {"values": "{\"a\":\"b\"}", "foreign": "{}", "journal": "{}", "a": "aHVudGVy"},
        "spec": {"holderIdentity": "host/boot/1/2/3", "acquireTime": "2026-01-02T03:04:05.000000Z",
            "renewTime": "2026-01-02T03:04:05.000000Z", "leaseDurationSeconds": 60, "leaseTransitions": 1}});
    vec![map.to_string().into()]
}

/// A cluster in which every object is this one.
struct Everywhere(Value);

impl Objects for Everywhere {
    fn get(&self, _: &Kind, _: &str, _: &str) -> ClusterResult<Option<Value>> {
        Ok(Some(self.0.clone()))
    }

    fn create(&self, _: &Kind, _: &str, object: &Value) -> ClusterResult<Value> {
        Ok(object.clone())
    }

    fn replace(&self, _: &Kind, _: &str, object: &Value, _: &Guard) -> ClusterResult<Value> {
        Ok(object.clone())
    }

    fn delete(&self, _: &Kind, _: &str, _: &str, _: &Guard, _: Propagation) -> ClusterResult<bool> {
        Ok(true)
    }
}

/// What we keep in a cluster: values, the Secret, the journal, the Lease, marks of charts.
fn owned_objects(bytes: &[u8]) {
    let Ok(object) = serde_json::from_slice::<Value>(bytes) else { return };
    // The client lets no other answer through.
    if kubectl_aspire::cluster::api::objects::oddity(&object).is_some() {
        return;
    }
    let owner = Owner { release: "shop", application: "shop" };
    let secret = ReleaseSecret::from_object(&object);
    black_box(secret.update(BTreeMap::from([("a".to_owned(), b"x".to_vec())])).to_object(owner, "x", Some(&object)));
    black_box((secret.only_claimed(), secret.texts().count()));
    black_box((
        external_charts::Marks::read(&object["metadata"]["labels"]),
        kubectl_aspire::cluster::api::objects::helm_release(&object),
    ));
    let store = Everywhere(object);
    black_box((
        State::read(&store, owner, "n").is_ok(),
        kubectl_aspire::cluster::state::transition_record::Note::read(&store, owner, "n").is_ok(),
    ));
    black_box((lease::look(&store, owner, "n").is_ok(), lease::outlived(&store, owner, "n").is_some()));
    black_box(lease::abandoned(&store, owner, "n").is_ok());
}

fn outputs() -> Vec<Vec<u8>> {
    let texts = [
        "Pulled: oci://x\nDigest: sha256:1\n[{\"name\": \"shop\", \"namespace\": \"n\", \"revision\": \"3\", \"status\": \"deployed\"}]\n",
        "apiVersion: v2\nname: redis\nversion: 1.2.3\ndependencies: [{name: a, version: 1.x.x}]\n",
        "Error: UPGRADE FAILED: unable to build kubernetes objects: resource mapping not found for name: \"i\" namespace: \"\" from \"\": no matches for kind \"Issuer\" in version \"cert-manager.io/v1\"\nensure CRDs are installed first\n",
        "password: hunter2-\\u0073ecret aHVudGVyMi1zZWNyZXQ= %68unter2-secret &#34;hunter2&#34; [104 117 110 116]\n",
        "{\"manifest\": \"---\\n\", \"hooks\": [{\"name\": \"a\", \"kind\": \"Pod\"}], \"apply_method\": \"ssa\"}\n",
        "error validating \"x\": at '/a/b': 'hunter2-secret' is \\\"wrong\\\" \u{1b}[31mred\n",
    ];
    texts.into_iter().map(Into::into).collect()
}

fn helm_says(text: &str) {
    black_box((helm::first_json::<Vec<helm::Release>>(text), helm::first_json::<Vec<helm::Revision>>(text)));
    black_box((helm::first_json::<helm::Intended>(text).is_some(), helm::chart_yaml(text)));
    black_box(helm::Version::parse(text));
    let lines = text.lines().map(str::to_owned).collect();
    let failure = helm::Failure::saying("helm upgrade", helm::Ended::Status(1), lines);
    let error = helm::Error::Failed(Box::new(failure));
    black_box((error.is_not_found(), error.is_in_progress(), error.is_not_ready()));
    black_box((error.is_webhook_away(), error.is_no_such_chart(), error.unknown_kinds().len(), error.to_string()));
}

/// Secrets of several kinds in a text; one that stands there as it is never stays.
fn masked(text: &str) {
    static MASK: LazyLock<Mask> = LazyLock::new(|| {
        let secrets =
            ["hunter2-secret", "p%4\"\\ss'w+rd ", "abc", "line one\nline two of it", "{\"key\": \"\\u00e9\"}"];
        Mask::new(&secrets.map(str::to_owned))
    });
    assert!(!MASK.text(text).contains("hunter2-secret"), "a secret is shown");
    let mut lines = MaskedLines::new(&MASK);
    let mut shown: Vec<String> = text.lines().flat_map(|line| lines.push(line)).collect();
    shown.extend(lines.finish());
    assert!(!shown.concat().contains("hunter2-secret"), "a secret is shown");
    // A secret that is what is looked through.
    if text.len() < 2_000 {
        black_box(Mask::new(&[text.to_owned()]).text(&text.to_uppercase()));
    }
}

/// A text that is found to be affordable is.
fn affordable(bytes: &[u8]) {
    let text = text(bytes);
    if yaml::affordable(&text).is_ok() {
        black_box(yaml::documents(&text).map_while(Result::ok).count());
    }
}
