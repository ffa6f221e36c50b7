//! What a person gives.

use super::{files, packed, text};
use kubectl_aspire::internals::cluster::state::Holder;
use kubectl_aspire::internals::config::Config;
use kubectl_aspire::internals::inputs::{Format, Given, Names};
use kubectl_aspire::internals::k8s::Quantity;
use kubectl_aspire::internals::kubernetes::{BuiltImages, Contents, Plan};
use kubectl_aspire::internals::support::image;
use kubectl_aspire::internals::support::redact::{base64, unbase64};
use kubectl_aspire::internals::{app, config, external_charts, helm, inputs, manifest, seal};
use serde_json::json;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

pub(super) fn manifests() -> Vec<Vec<u8>> {
    let mut all = files("manifests", "json");
    all.extend(files("cli", "json"));
    all
}

pub(super) fn configs() -> Vec<Vec<u8>> {
    let mut all = files("configs-bad", "yaml");
    all.extend(files("hostile", "yaml"));
    all.extend(files("cli", "yaml"));
    all
}

pub(super) fn parameters() -> Vec<Vec<u8>> {
    let mut all = files("cli/parameters", "yaml");
    all.extend(files("cli/parameters", "json"));
    all.push(br#"[{"name": "currency", "value": "EUR"}, {"name": "token", "value": null}]"#.to_vec());
    all
}

pub(super) fn dotenvs() -> Vec<Vec<u8>> {
    let mut all = files("cli/parameters", "env");
    all.push(
        b"# c\nexport A='b c'\nParameters__db_password=\"x\\n\\u0041${Y}\"\ntoken=`a`\nB=\nC='two\nlines' # c\n"
            .to_vec(),
    );
    all
}

pub(super) fn application(bytes: &[u8], config: &Config) -> Option<(app::App, Plan)> {
    let manifest = manifest::parse(bytes).ok()?;
    let sources = app::Sources::default();
    let app = app::resolve(&manifest, config, "fuzz", &sources).ok()?;
    let images = BuiltImages { tag: Some("1".into()), ..BuiltImages::default() };
    let plan = kubectl_aspire::internals::kubernetes::plan(&app, config, &images).ok()?;
    black_box(kubectl_aspire::internals::kubernetes::chart::render(&plan).ok()?);
    black_box(inputs::list(&app, &plan));
    Some((app, plan))
}

const APPLICATION: &[u8] = include_bytes!("../../inputs/cli/app.json");

pub(super) fn configured(bytes: &[u8]) {
    if let Ok(config) = config::parse(&text(bytes)) {
        let _ = black_box(application(APPLICATION, &config));
        let charts = kubectl_aspire::internals::external_charts::plan(&config);
        let _ = black_box(external_charts::with_texts(charts, |_| Ok(text(bytes).into_owned())));
    }
}

pub(super) fn dapr_files() -> Vec<Vec<u8>> {
    files("manifests/dapr-files", "yaml")
}

pub(super) fn dapr_file(bytes: &[u8]) {
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

pub(super) fn parameter_file(bytes: &[u8], format: Format) {
    let names = Names::new(["currency", "db-password", "token", "a-b", "a_b", "image.tag"]);
    let text = text(bytes);
    black_box(Format::of("x", &text));
    let _ = black_box(Given::default().add_file(&text, format, "file", &names));
}

pub(super) fn decrypted(bytes: &[u8]) {
    static PLAN: LazyLock<Plan> = LazyLock::new(|| {
        let config = config::parse("parameters: {db-password: {from: sops}}\n").unwrap_or_default();
        application(APPLICATION, &config).map_or_else(Plan::default, |(_, plan)| plan)
    });
    let _ = black_box(Given::default().add_decrypted(&text(bytes), "file", &*PLAN));
}

pub(super) fn saved_images() -> Vec<Vec<u8>> {
    vec![br#"{"version": 1, "images": {"api": "ghcr.io/contoso/api:1.4.0", "web": "r.io:5000/web@sha256:0"}}"#.to_vec()]
}

pub(super) fn sealed_values() -> Vec<Vec<u8>> {
    let value = json!({"id": "01ab23cd", "value": "AgA=", "uri": "AgB="});
    let file = json!({"apiVersion": "aspire-k8s.sealed/v1", "namespaces": {"n": {"shop": {"db-password": value}}}});
    vec![file.to_string().into()]
}

const CERTIFICATE: &str = include_str!("../../../src/seal/certificate.pem");

pub(super) fn certificates() -> Vec<Vec<u8>> {
    vec![CERTIFICATE.into()]
}

/// The text, and its bytes as what stands between the lines of a good one.
pub(super) fn certificate(bytes: &[u8]) {
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

pub(super) fn locks() -> Vec<Vec<u8>> {
    let entry = json!({"name": "redis", "chart": "redis", "repository": "https://x.example", "requested": "~1.2",
        "version": "1.2.3", "digest": format!("sha256:{}", "0".repeat(64))});
    vec![json!({"apiVersion": "aspire-k8s-lock/v1", "charts": [entry]}).to_string().into()]
}

pub(super) fn lock(bytes: &[u8]) {
    if let Ok(mut lock) = external_charts::Lock::parse(&text(bytes)) {
        let mut wanted =
            vec![external_charts::PlannedChart { name: "redis".into(), ..external_charts::PlannedChart::default() }];
        let _ = black_box(lock.apply(&mut wanted));
        lock.keep_only(&wanted);
        black_box(lock.to_text());
    }
}

pub(super) fn contents() -> Vec<Vec<u8>> {
    let Some((app, plan)) = application(APPLICATION, &Config::default()) else { return Vec::new() };
    vec![Contents::new(&app, &plan, &config::Release::default()).to_text().into()]
}

pub(super) fn chart_contents(bytes: &[u8]) {
    if let Ok(contents) = Contents::parse(bytes) {
        let values = serde_json::from_slice(bytes).unwrap_or_default();
        black_box(contents.restore("shop", &values, None));
        black_box(contents.to_text());
    }
}

/// A packed chart of ours.
pub(super) fn archives() -> Vec<Vec<u8>> {
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
pub(super) fn archive(bytes: &[u8]) {
    in_file("chart.tgz", bytes, |path| drop(black_box(kubectl_aspire::internals::kubernetes::chart::read(path))));
    in_file("chart.tgz", &packed(bytes), |path| {
        drop(black_box(kubectl_aspire::internals::kubernetes::chart::read(path)));
    });
}

pub(super) fn kubeconfigs() -> Vec<Vec<u8>> {
    vec![
        b"apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: c, user: u, namespace: n}}]\nclusters: [{name: c, cluster: {server: 'https://u:p@x.example:6443', proxy-url: 'http://p:q@y'}}]\nusers: [{name: u, user: {token: abc, exec: {apiVersion: client.authentication.k8s.io/v1, command: x}}}]\n"
            .to_vec(),
    ]
}

pub(super) fn kubeconfig(bytes: &[u8]) {
    in_file("config", bytes, |path| {
        let access = kubectl_aspire::internals::cluster::connect::Access {
            kubeconfig: Some(path.to_owned()),
            ..kubectl_aspire::internals::cluster::connect::Access::default()
        };
        let environment =
            kubectl_aspire::internals::cluster::connect::Environment::new("/", std::iter::empty::<(&str, &str)>());
        let _ = black_box(kubectl_aspire::internals::cluster::connect::locate(&access, &environment));
        let typed =
            kubectl_aspire::internals::cluster::connect::Access { server: Some(text(bytes).into_owned()), ..access };
        let _ = black_box(kubectl_aspire::internals::cluster::connect::locate(&typed, &environment));
    });
}

pub(super) fn saved_plans() -> Vec<Vec<u8>> {
    let basis = json!({"release": "shop", "namespace": "n", "server": "https://x", "keyOf": "kube-system", "application": "shop",
        "environment": null, "helm": "4.3.1", "chart": {"Chart.yaml": "00"}, "values": {"a": "00"}, "secrets": {"p": "1"},
        "chartSecrets": {"q": true}, "revision": "3 deployed", "objects": {"Secret/a": "uid 1", "Service/b": null}});
    let entry = json!({"action": "change", "kind": "Deployment", "name": "api", "fields": ["spec.replicas"]});
    vec![json!({"version": 2, "basis": basis, "changes": [entry]}).to_string().into()]
}

pub(super) fn saved_plan(bytes: &[u8]) {
    if let Ok(plan) = kubectl_aspire::internals::pipeline::Saved::parse(&text(bytes), "file") {
        black_box((plan.hash(), plan.to_text()));
    }
}

/// Short texts with a grammar of their own.
pub(super) fn words() -> Vec<Vec<u8>> {
    let texts = [
        "docker.io/library/postgres:17.6@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "[::1]:5000/a/b",
        "1.2.3-rc.1+build",
        ">=1.2 <2 || ~3.x, 4 - 5",
        "^0.0.3",
        "v4.3.1+gabc",
        "100m",
        "1h30m",
        "1.5e3Gi",
        "Host={db.bindings.tcp.host};Password={db-password.value}",
        "PersistentVolume/n/name",
        "a=b=c",
        "host/boot/namespace/123/456",
    ];
    texts.into_iter().map(Into::into).collect()
}

pub(super) fn words_of(text: &str) {
    let (name, tag, digest) = image::split(text);
    let _ = black_box([image::check(text), image::check_registry(text), image::check_tag(tag)]);
    black_box(image::repository_of(text));
    black_box((name, digest, kubectl_aspire::internals::pipeline::NamedObject::parse(text)));
    let _ = black_box(inputs::parse_assignment("--parameter", text));
    black_box((Holder::parse(text), inputs::variable(text), app::escape_uri_data(text)));
    let _ = black_box(helm::checked_arguments(&[text.to_owned()]));
}

pub(super) fn versions(text: &str) {
    black_box((external_charts::Version::parse(text), helm::Version::parse(text), config::is_exact_version(text)));
    let (left, right) = text.split_once(' ').unwrap_or((text, "1.2.3"));
    black_box((
        external_charts::fits(left, right),
        external_charts::fits("1.2.3", text),
        external_charts::newest(text),
    ));
}

pub(super) fn quantities(text: &str) {
    if let Some(amount) = Quantity::parse(text) {
        let sum = amount.plus(&amount).minus(&Quantity::count(7)).times(3);
        black_box(sum.to_string());
    }
}

/// Paths that lead somewhere, nowhere, or into the text itself.
fn paths(text: &str) -> Vec<String> {
    let some: String = text.chars().filter(|c| !c.is_whitespace()).take(40).collect();
    let fixed = ["resources", "resources.api.env.A", "resources[\"api\"].args[1].x", "charts.nginx.version", "[0]["];
    fixed.into_iter().map(str::to_owned).chain([some]).collect()
}

/// Where paths are in a manifest.
pub(super) fn manifest_places(bytes: &[u8]) {
    for path in paths(&String::from_utf8_lossy(bytes)) {
        black_box(manifest::position(bytes, &path));
    }
}

/// Where paths are in `aspire-k8s.yaml`.
pub(super) fn config_places(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for path in paths(&text) {
        black_box(config::position(&text, &path));
    }
}
