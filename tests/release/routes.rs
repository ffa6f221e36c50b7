//! Requests that are served: Ingresses and Gateways as Traefik and cert-manager take them, with faked pods behind.
//!
//! One control plane with one Traefik for all of them; hosts of a test are told apart by its namespace.

use crate::bench::{Bench, decoded, on, text, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};
use testbed::{CertManager, Channel, ControlPlane, Level, Traefik, available, skip_or_fail};

/// A port beyond those of http, on which Traefik listens.
const OTHER: u16 = 6000;

/// What stands at the edge of the cluster.
pub(crate) struct Edge {
    plane: &'static ControlPlane,
    /// Who serves.
    pub traefik: Traefik,
    _cert_manager: CertManager,
}

/// A place for one test where requests are served.
pub(crate) fn edge(prefix: &str) -> Option<(Bench, &'static Edge)> {
    static EDGE: OnceLock<Edge> = OnceLock::new();
    if let Err(reason) = available(Level::A) {
        skip_or_fail(&reason);
        return None;
    }
    let edge = EDGE.get_or_init(|| {
        let plane: &'static ControlPlane = Box::leak(Box::new(ControlPlane::start().unwrap()));
        plane.gateway_api(Channel::Experimental).unwrap();
        let cert_manager = CertManager::start(plane).unwrap();
        Edge { plane, traefik: Traefik::start(plane, &[OTHER]).unwrap(), _cert_manager: cert_manager }
    });
    let bench = on(edge.plane, prefix);
    bench.write("app/aspire-manifest.json", &manifest().to_string());
    Some((bench, edge))
}

fn manifest() -> Value {
    let container = |binding: &str, port: u16, transport: &str, scheme: &str, external: bool| {
        json!({"type": "container.v0", "image": "r.test/it:1", "bindings": {binding: {
            "scheme": scheme, "protocol": "tcp", "transport": transport, "targetPort": port, "external": external}}})
    };
    json!({"resources": {
        "web": container("http", 8080, "http", "http", true),
        "api": container("http", 9090, "http", "http", true),
        "rpc": container("http", 7070, "http2", "http", false),
        "pg": container("tcp", 5432, "tcp", "tcp", true),
    }})
}

/// Configures routes; `HOST` stands for a domain of this test alone, `WEB` and `SECURE` for the ports of Traefik.
fn configure(bench: &Bench, edge: &Edge, routes: &str) {
    let port = |url: &str, usual: &str| {
        let port = url.rsplit(':').next().unwrap_or_default();
        if port.starts_with('/') { usual.to_owned() } else { port.to_owned() }
    };
    let routes = routes.replace("HOST", &domain(bench));
    let routes = routes.replace("WEB", &port(&edge.traefik.http_url(), "80"));
    let routes = routes.replace("SECURE", &port(&edge.traefik.https_url(), "443"));
    bench.configure(&format!("apiVersion: aspire-k8s/v1\napplication: app\n{routes}"));
}

fn domain(bench: &Bench) -> String {
    format!("{}.test", bench.ns)
}

impl Edge {
    /// What a host (before the domain of the test, or whole with a dot at the end) answers: the resource, or the status.
    fn asked(&self, bench: &Bench, host: &str, path: &str) -> String {
        let host = host.strip_suffix('.').map_or_else(|| format!("{host}.{}", domain(bench)), str::to_owned);
        let Ok(reply) = self.traefik.get(&host, path) else { return "nothing".to_owned() };
        match reply.pod()["pod"].as_str() {
            Some(pod) => {
                let name = pod.strip_prefix(&format!("{}/", bench.ns)).unwrap_or(pod);
                name.split('-').next().unwrap_or_default().to_owned()
            }
            None if (300..400).contains(&reply.status) => format!("{} {}", reply.status, reply.header("location")),
            None => reply.status.to_string(),
        }
    }

    /// Waits until all of (host, path) are answered so.
    #[track_caller]
    fn answers(&self, bench: &Bench, expected: &[(&str, &str, &str)]) {
        let start = Instant::now();
        loop {
            let found = expected.iter().map(|(host, path, _)| (*host, *path, self.asked(bench, host, path)));
            let found: Vec<_> = found.collect();
            if found.iter().zip(expected).all(|((.., found), (.., expected))| found == expected) {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "expected {expected:#?}\nfound {found:#?}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

const KINDS: &str = "ingresses,middlewares.traefik.io,gateways,httproutes,grpcroutes,tcproutes";

/// Routes by kind and name, with what changes when anybody but their controller writes them.
fn routes(bench: &Bench) -> BTreeMap<String, String> {
    let objects = bench.list(KINDS).into_iter().map(|object| {
        let metadata = &object["metadata"];
        let name = format!("{}/{}", text(&object["kind"]), text(&metadata["name"]));
        (name, format!("{} {} {}", text(&metadata["uid"]), metadata["generation"], metadata["annotations"]))
    });
    objects.collect()
}

/// A second deploy changes no route, and destroy takes all of them away.
fn stays_and_goes(bench: &Bench, more: &[&str]) {
    let before = routes(bench);
    assert!(!before.is_empty());
    bench.deploy(more).ok();
    assert_eq!(routes(bench), before);
    bench.destroy(&["--yes"]).ok();
    assert_eq!(routes(bench), BTreeMap::new());
}

#[test]
fn an_ingress_leads_hosts_and_paths_to_resources_and_an_environment_leads_others() {
    let Some((bench, edge)) = edge("paths") else { return };
    configure(
        &bench,
        edge,
        "
ingresses:
  public:
    class: traefik
    hosts: [shop.HOST]
    paths:
      - {path: /api, to: api}
      - {path: /exactly-this, to: api, type: Exact}
      - {path: /, to: api, host: admin.HOST}
    defaultBackend: {to: web}
    closedPaths: [/health]
environments:
  staging: {ingresses: {public: {class: nginx, hosts: [stage.HOST]}}}
",
    );
    bench.deploy(&[]).ok();
    edge.answers(
        &bench,
        &[
            ("shop", "/", "web"),
            ("shop", "/other", "web"),
            ("shop", "/api", "api"),
            ("shop", "/api/deep?x=1", "api"),
            ("shop", "/exactly-this", "api"),
            ("shop", "/exactly-this/not", "web"),
            ("admin", "/x", "api"),
            ("shop", "/health", "403"),
            ("a-host-of-nobody", "/health", "403"),
        ],
    );
    let reply = edge.traefik.get(&format!("shop.{}", domain(&bench)), "/api/deep?x=1").unwrap();
    assert_eq!((&reply.pod()["port"], &reply.pod()["path"]), (&json!(9090), &json!("/api/deep?x=1")));

    bench.deploy(&["-e", "staging"]).ok();
    assert_eq!(bench.get("ingress/public")["spec"]["ingressClassName"], "nginx");
    edge.answers(
        &bench,
        &[
            ("stage", "/", "web"),
            ("stage", "/apis", "web"),
            ("stage", "/api/x", "api"),
            ("admin", "/", "api"),
            ("shop", "/api", "404"),
        ],
    );
    stays_and_goes(&bench, &["-e", "staging"]);
    edge.answers(&bench, &[("stage", "/", "404")]);
}

/// What both controllers have to do with the same entry of the file.
fn redirects_and_refuses(bench: &Bench, edge: &Edge, class: &str, moved: &str) {
    let entry = "
ingresses:
  public:
    class: CLASS
    hosts: [shop.HOST]
    paths: [{path: /, to: web}, {path: /, to: api, host: api.HOST}]
    closedPaths: [/health, /alive/deep]
    annotations: {traefik.ingress.kubernetes.io/router.priority: '1000'}
REST";
    let rest = format!(
        "    tls: {{}}\n    redirect: true\n  open: {{class: {class}, hosts: [open.HOST], paths: [{{path: /, to: api}}]}}\n"
    );
    configure(bench, edge, &entry.replace("CLASS", class).replace("REST", ""));
    bench.deploy(&[]).ok();
    let mut expected = Vec::new();
    for (host, to) in [("shop", "web"), ("api", "api")] {
        for path in ["/health", "/health/", "/health/x", "/health?x", "/%68ealth", "/alive/deep", "/alive/deep/er"] {
            expected.push((host, path, "403"));
        }
        for path in ["/", "/healthz", "/health-of-all", "/alive", "/alive/deeper", "/x/health"] {
            expected.push((host, path, to));
        }
    }
    if class == "traefik" {
        // Routing of ASP.NET Core does not tell them apart.
        expected.push(("shop", "/HEALTH", "403"));
    }
    edge.answers(bench, &expected);

    configure(bench, edge, &entry.replace("CLASS", class).replace("REST", &rest));
    bench.deploy(&[]).ok();
    let to = format!("{moved} https://shop.{}/a?b=c", domain(bench));
    // What is closed may be led to https first; that it is closed there too is seen with a certificate.
    let closed = if class == "nginx" { to.replace("/a?b=c", "/health/x") } else { "403".to_owned() };
    edge.answers(bench, &[("shop", "/a?b=c", &to), ("shop", "/health/x", &closed), ("open", "/", "api")]);
    stays_and_goes(bench, &[]);
}

#[test]
fn traefik_redirects_and_refuses_closed_paths() {
    let Some((bench, edge)) = edge("closed") else { return };
    redirects_and_refuses(&bench, edge, "traefik", "301");
}

#[test]
fn the_annotations_of_nginx_redirect_and_refuse_closed_paths() {
    let Some((bench, edge)) = edge("nginx") else { return };
    redirects_and_refuses(&bench, edge, "nginx", "308");
}

/// Conditions of a route that are not true, by parent; or that there are none.
fn doubts(route: &Value) -> Vec<String> {
    let mut doubts = Vec::new();
    let parents = route["status"]["parents"].as_array().cloned().unwrap_or_default();
    if parents.is_empty() {
        doubts.push("no parent".to_owned());
    }
    for parent in parents {
        for wanted in ["Accepted", "ResolvedRefs"] {
            let conditions = parent["conditions"].as_array().unwrap();
            let found = conditions.iter().find(|condition| condition["type"] == wanted);
            if found.is_none_or(|found| found["status"] != "True") {
                doubts.push(format!("{}: {wanted}: {found:?}", parent["parentRef"]));
            }
        }
    }
    doubts
}

#[track_caller]
fn is_accepted(bench: &Bench, routes: &[&str]) {
    for route in routes {
        let start = Instant::now();
        loop {
            let doubts = doubts(&bench.get(route));
            if doubts.is_empty() {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{route}: {doubts:#?}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_gateway_leads_hosts_and_paths_to_resources_and_closes_paths() {
    let Some((bench, edge)) = edge("gateway") else { return };
    let entry = "
gateways:
  door:
    class: traefik
    hosts: [shop.HOST]
    listeners: {http: {port: WEB}, https: {port: SECURE}, other: {port: 6000, protocol: TCP}}
    routes:
      - {path: /, to: web}
      - {path: /api, to: api}
      - {path: /exactly-this, to: api, type: Exact}
      - {path: '/v[0-9]+/x', to: api, type: RegularExpression}
      - {path: /, to: api, host: '*.wild.HOST'}
      - {kind: grpc, to: rpc, internal: true, host: rpc.HOST, service: shop.Catalog, method: List}
      - {kind: tcp, to: pg, listener: other}
    closedPaths: [/health]
";
    configure(&bench, edge, entry);
    bench.deploy(&[]).ok();
    let mut expected = vec![
        ("shop", "/", "web"),
        ("shop", "/apis", "web"),
        ("shop", "/api/x", "api"),
        ("shop", "/exactly-this", "api"),
        ("shop", "/exactly-this/x", "web"),
        ("shop", "/v12/x", "api"),
        ("one.wild", "/", "api"),
        ("wild", "/", "404"),
        ("other", "/", "404"),
    ];
    for host in ["shop", "one.wild"] {
        expected.extend([(host, "/health", "500"), (host, "/health/", "500"), (host, "/health/x", "500")]);
    }
    expected.extend([("shop", "/healthz", "web"), ("one.wild", "/healthz", "api")]);
    edge.answers(&bench, &expected);
    let kinds = bench.list("httproutes,grpcroutes,tcproutes");
    let names = kinds.iter().map(|it| format!("{}/{}", text(&it["kind"]), text(&it["metadata"]["name"])));
    let names: Vec<String> = names.collect();
    assert_eq!(names.len(), 4, "{names:?}");
    is_accepted(&bench, &names.iter().map(String::as_str).collect::<Vec<_>>());

    configure(&bench, edge, &format!("{entry}    tls: {{secret: door-tls}}\n    redirect: true\n"));
    bench.deploy(&[]).ok();
    let to = edge.traefik.https_url();
    let port =
        to.trim_start_matches("https://").split_once(':').map_or_else(String::new, |(_, port)| format!(":{port}"));
    let to = format!("301 https://shop.{}{port}/a?b=c", domain(&bench));
    edge.answers(&bench, &[("shop", "/a?b=c", &to)]);
    stays_and_goes(&bench, &[]);
    edge.answers(&bench, &[("shop", "/", "404")]);
}

#[test]
fn routes_attach_to_a_gateway_of_others_and_leave_it() {
    let Some((bench, edge)) = edge("guest") else { return };
    let theirs = bench.plane.namespace("host");
    let url = edge.traefik.http_url();
    let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap_or(80);
    let gateway = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "main", "namespace": theirs},
        "spec": {"gatewayClassName": "traefik", "listeners": [
            {"name": "web", "port": port, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}]}});
    bench.plane.apply(&gateway.to_string()).unwrap();
    configure(
        &bench,
        edge,
        &format!(
            "
gateways:
  shared:
    existing: {{name: main, namespace: {theirs}, listener: web}}
    hosts: [shop.HOST]
    routes: [{{path: /, to: web}}]
    closedPaths: [/health]
"
        ),
    );
    bench.deploy(&[]).ok();
    edge.answers(&bench, &[("shop", "/", "web"), ("shop", "/health/x", "500"), ("shop", "/healthz", "web")]);
    is_accepted(&bench, &["httproute/shared-web"]);
    stays_and_goes(&bench, &[]);
    edge.answers(&bench, &[("shop", "/", "404")]);
    assert_eq!(bench.list_in(&theirs, "gateways").len(), 1);
    let _ = bench.plane.kubectl(&["delete", "namespace", &theirs, "--wait=false"]);
}

#[test]
fn an_ingress_and_a_gateway_get_certificates_that_verify() {
    let Some((bench, edge)) = edge("signed") else { return };
    let kind = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    bench.apply(&kind("Issuer", "self-signed", json!({"selfSigned": {}})));
    bench.apply(&kind(
        "Certificate",
        "authority",
        json!({"isCA": true, "commonName": "authority", "secretName": "authority", "issuerRef": {"name": "self-signed"}}),
    ));
    bench.apply(&kind("Issuer", "ours", json!({"ca": {"secretName": "authority"}})));
    configure(
        &bench,
        edge,
        "
certManager: {install: false, issuers: {ours: {existing: true}}}
ingresses:
  public: {class: traefik, hosts: [shop.HOST], paths: [{path: /, to: web}], tls: {issuer: ours}, redirect: true, closedPaths: [/health]}
  nginx: {class: nginx, hosts: [nginx.HOST], paths: [{path: /, to: web}], tls: {issuer: ours}, redirect: true, closedPaths: [/health]}
gateways:
  door:
    class: traefik
    hosts: [gate.HOST]
    listeners: {http: {port: WEB}, https: {port: SECURE}}
    routes: [{path: /, to: api}, {path: /, to: web, host: second.HOST}]
    tls: {issuer: ours, secret: gate-certificate}
    redirect: true
",
    );
    bench.deploy(&[]).ok();
    let authority = || Some(decoded(bench.find("secret/authority")?["data"]["tls.crt"].as_str()?));
    let authority = wait_for("the authority", authority);
    for (host, resource) in [("shop", "web"), ("nginx", "web"), ("gate", "api"), ("second", "web")] {
        let host = format!("{host}.{}", domain(&bench));
        let body = wait_for(&host, || edge.traefik.get_https(&host, "/a", &authority).ok());
        let body: Value = serde_json::from_str(&body).unwrap();
        assert!(text(&body["pod"]).starts_with(&format!("{}/{resource}-", bench.ns)), "{body}");
        assert!(edge.traefik.get_https(&host, "/a", &authority.replace('A', "B")).is_err());
    }
    for host in ["shop", "nginx"] {
        let host = format!("{host}.{}", domain(&bench));
        let error = edge.traefik.get_https(&host, "/health/x", &authority).unwrap_err().to_string();
        assert!(error.to_lowercase().contains("forbidden"), "{error}");
    }
    for secret in ["public-tls", "nginx-tls", "gate-certificate"] {
        assert_eq!(bench.get(&format!("secret/{secret}"))["type"], "kubernetes.io/tls");
    }
    edge.answers(&bench, &[("shop", "/", &format!("301 https://shop.{}/", domain(&bench)))]);
    stays_and_goes(&bench, &[]);
}
