//! Routes and certificates: kinds and charts of others, certificates really issued, requests really served.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use base64::Engine as _;
use std::time::{Duration, Instant};
use testbed::{
    CertManager, Channel, ControlPlane, Level, Pebble, Reply, Traefik, available, cert_manager_chart, skip_or_fail,
};

/// A control plane of its own: kinds and webhooks concern everybody on it.
fn plane() -> Option<ControlPlane> {
    match available(Level::A) {
        Ok(()) => Some(ControlPlane::start().unwrap()),
        Err(reason) => {
            skip_or_fail(&reason);
            None
        }
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "no {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The certificates of a TLS Secret, once it is there.
fn issued(plane: &ControlPlane, namespace: &str, secret: &str) -> String {
    let args = ["get", "secret", secret, "-n", namespace, "-o", "jsonpath={.data.tls\\.crt}"];
    let text = wait_for(secret, || plane.kubectl(&args).ok().filter(|text| !text.is_empty()));
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap()
}

const ISSUERS: &str = "
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: self-signed}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: authority}
spec: {isCA: true, commonName: authority, secretName: authority, issuerRef: {name: self-signed}}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: ca}
spec: {ca: {secretName: authority}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: leaf}
spec: {dnsNames: [leaf.example], secretName: leaf, issuerRef: {name: ca}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, annotations: {cert-manager.io/issuer: ca}}
spec:
  tls: [{hosts: [shop.example], secretName: shop-tls}]
  rules: [{host: shop.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}]}}]
";

const GATEWAY: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: door, annotations: {cert-manager.io/issuer: ca}}
spec:
  gatewayClassName: any
  listeners: [{name: https, hostname: gate.example, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: gate-tls}]}}]
";

fn apply(plane: &ControlPlane, namespace: &str, yaml: &str) -> Result<(), testbed::Error> {
    plane.apply(&yaml.replace("metadata: {name:", &format!("metadata: {{namespace: {namespace}, name:")))
}

#[test]
fn certificates_are_signed_for_whoever_asks() {
    let Some(plane) = plane() else { return };
    // It is started before the kinds of routes exist, and takes them up when they do.
    let _cert_manager = CertManager::start(&plane).unwrap();
    let ns = plane.namespace("certs");
    apply(&plane, &ns, ISSUERS).unwrap();
    let authority = issued(&plane, &ns, "authority");
    for secret in ["leaf", "shop-tls"] {
        let leaf = issued(&plane, &ns, secret);
        assert_ne!(leaf.trim(), authority.trim());
        let ca = ["get", "secret", secret, "-n", &ns, "-o", "jsonpath={.data.ca\\.crt}"];
        let ca = base64::engine::general_purpose::STANDARD.decode(plane.kubectl(&ca).unwrap()).unwrap();
        assert_eq!(String::from_utf8(ca).unwrap().trim(), authority.trim(), "{secret} is of another authority");
    }
    plane.gateway_api(Channel::Standard).unwrap();
    apply(&plane, &ns, GATEWAY).unwrap();
    issued(&plane, &ns, "gate-tls");
}

#[test]
fn the_webhook_of_the_chart_answers() {
    let Some(plane) = plane() else { return };
    let _cert_manager = CertManager::start_for_chart(&plane, "tls").unwrap();
    let chart = cert_manager_chart().unwrap();
    let helm = |args: &[&str]| {
        let mut helm = std::process::Command::new(plane.helm(testbed::tools::DEFAULT_HELM));
        let output = helm.args(args).args(["-n", "tls", "--wait"]).envs(plane.env()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let chart = chart.display().to_string();
    let install = || {
        let kinds = ["--set", "crds.enabled=true", "--set", "crds.keep=false"];
        helm(&[&["upgrade", "--install", "cert-manager", &chart, "--create-namespace"], &kinds[..]].concat());
    };
    install();
    let ns = plane.namespace("webhook");
    wait_for("webhook", || apply(&plane, &ns, ISSUERS).ok());
    issued(&plane, &ns, "leaf");
    // The schema takes it; only the webhook knows better.
    let error = apply(&plane, &ns, &ISSUERS.replace("dnsNames: [leaf.example], ", "")).unwrap_err().to_string();
    assert!(error.contains("webhook.cert-manager.io") && error.contains("denied"), "{error}");
    // All of it goes and comes back, and the processes with it.
    helm(&["uninstall", "cert-manager"]);
    plane.kubectl(&["delete", "namespace", "tls"]).unwrap();
    let kinds = [
        "certificates.cert-manager.io",
        "certificaterequests.cert-manager.io",
        "issuers.cert-manager.io",
        "clusterissuers.cert-manager.io",
        "orders.acme.cert-manager.io",
        "challenges.acme.cert-manager.io",
    ];
    let kinds = kinds.map(|kind| format!("crd/{kind}"));
    let gone = kinds.iter().map(String::as_str);
    plane.kubectl(&["wait", "--for=delete", "--timeout=60s"].into_iter().chain(gone).collect::<Vec<_>>()).unwrap();
    install();
    let ns = plane.namespace("again");
    wait_for("webhook", || apply(&plane, &ns, ISSUERS).ok());
    issued(&plane, &ns, "leaf");
}

#[test]
fn an_acme_server_signs_for_hosts_that_answer() {
    let Some(plane) = plane() else { return };
    plane.gateway_api(Channel::Standard).unwrap();
    let cert_manager = CertManager::start(&plane).unwrap();
    let pebble = Pebble::start(&plane).unwrap();
    let ns = plane.namespace("acme");
    let zone = cert_manager.zone();
    let bundle = base64::engine::general_purpose::STANDARD.encode(pebble.ca_pem());
    let acme = format!(
        "
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {{name: acme-{ns}}}
spec:
  acme:
    server: {}
    caBundle: {bundle}
    privateKeySecretRef: {{name: account}}
    solvers:
    - selector: {{dnsNames: ['*.wild.example']}}
      dns01:
        rfc2136:
          nameserver: {}
          tsigKeyName: {}
          tsigAlgorithm: {}
          tsigSecretSecretRef: {{name: tsig, key: secret}}
    - selector: {{dnsNames: [gate.example]}}
      http01: {{gatewayHTTPRoute: {{parentRefs: [{{name: door}}]}}}}
    - http01: {{ingress: {{ingressClassName: any}}}}
",
        pebble.directory_url(),
        zone.nameserver,
        zone.key_name,
        zone.algorithm
    );
    plane.kubectl(&["create", "namespace", "cert-manager"]).unwrap();
    let secret = format!("--from-literal=secret={}", zone.secret);
    plane.kubectl(&["create", "secret", "generic", "tsig", "-n", "cert-manager", &secret]).unwrap();
    plane.apply(&acme).unwrap();
    for (name, host) in [("shop", "shop.example"), ("gate", "gate.example"), ("wild", "'*.wild.example'")] {
        let certificate = "
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: NAME}
spec: {dnsNames: [HOST], secretName: NAME, issuerRef: {kind: ClusterIssuer, name: acme-NS}}
";
        apply(&plane, &ns, &certificate.replace("NAME", name).replace("HOST", host).replace("NS", &ns)).unwrap();
    }
    let root = pebble.root_ca_pem().unwrap();
    assert!(root.contains("BEGIN CERTIFICATE"), "{root}");
    for secret in ["shop", "gate", "wild"] {
        let chain = issued(&plane, &ns, secret);
        assert_eq!(chain.matches("BEGIN CERTIFICATE").count(), 2, "a certificate and its intermediate: {chain}");
    }
}

const SHOP: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: 'nowhere/shop:1', ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: nginx, annotations: {nginx.ingress.kubernetes.io/force-ssl-redirect: 'true'}}
spec:
  ingressClassName: nginx
  rules: [{host: nginx.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}]}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: door}
spec:
  gatewayClassName: traefik
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: door}]
  hostnames: [gate.example]
  rules: [{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: shop, port: 80}]}]
";

/// Asks until the status is this one.
fn answers(traefik: &Traefik, host: &str, path: &str, status: u16) -> Reply {
    wait_for(host, || traefik.get(host, path).ok().filter(|reply| reply.status == status))
}

#[test]
fn a_request_is_served_by_a_pod_behind_an_ingress_and_a_gateway() {
    let Some(plane) = plane() else { return };
    plane.gateway_api(Channel::Standard).unwrap();
    let traefik = Traefik::start(&plane, &[]).unwrap();
    let _cert_manager = CertManager::start(&plane).unwrap();
    let ns = plane.namespace("routes");
    let ingress = ISSUERS.replace("spec:\n  tls:", "spec:\n  ingressClassName: traefik\n  tls:");
    apply(&plane, &ns, &ingress).unwrap();
    apply(&plane, &ns, SHOP).unwrap();
    let reply = answers(&traefik, "shop.example", "/a?b=c", 200).pod();
    assert!(reply["pod"].as_str().unwrap().starts_with(&format!("{ns}/shop-")), "{reply}");
    assert_eq!((reply["port"].as_u64(), reply["path"].as_str()), (Some(8080), Some("/a?b=c")), "{reply}");
    assert_eq!(answers(&traefik, "gate.example", "/api/x", 200).pod()["path"], "/api/x");
    assert_eq!(traefik.get("gate.example", "/other").unwrap().status, 404);
    let redirect = answers(&traefik, "nginx.example", "/", 308);
    assert_eq!(redirect.header("location"), "https://nginx.example/");
    let authority = issued(&plane, &ns, "authority");
    issued(&plane, &ns, "shop-tls");
    let body = wait_for("HTTPS", || traefik.get_https("shop.example", "/tls", &authority).ok());
    assert!(body.contains("\"x-forwarded-proto\":\"https\""), "{body}");
    assert!(traefik.get_https("gate.example", "/api", &authority).is_err(), "it has no certificate");
    let ip = traefik.address().to_string();
    for (object, path) in [
        ("ingress/shop", "{.status.loadBalancer.ingress[0].ip}"),
        ("ingress/nginx", "{.status.loadBalancer.ingress[0].ip}"),
        ("gateway/door", "{.status.addresses[0].value}"),
    ] {
        let output = format!("jsonpath={path}");
        let get = ["get", object, "-n", &ns, "-o", &output];
        wait_for(object, || plane.kubectl(&get).ok().filter(|address| *address == ip));
    }
}
