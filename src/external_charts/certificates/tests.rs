//! Issuers: the spec of each method and solver, the default solvers, what is refused, and the content of the charts of
//! cert-manager and of the issuers.

use super::*;
use crate::config::{SecretKey, parse};
use crate::support::diagnostic::{Code, Diagnostic};

fn lives(name: &str, must: bool) -> Result<SecretKey, Diagnostic> {
    match name {
        "late" if must => Err(Diagnostic::new(Code::MissingInput, "", "it comes too late")),
        _ => Ok(SecretKey { secret: "shop-secrets".to_owned(), key: name.to_owned() }),
    }
}

fn planned(text: &str) -> Result<Option<PlannedChart>, Diagnostics> {
    let config =
        parse(&format!("apiVersion: aspire-k8s/v1\n{text}")).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    issuers(&config, "shop", "prod", &lives)
}

/// The spec of the one issuer that the text describes.
fn spec(routes: &str, issuer: &str) -> Value {
    let text = format!("{routes}certManager: {{issuers: {{it: {issuer}}}}}\n");
    planned(&text).unwrap().unwrap().values["issuers"]["it"]["spec"].clone()
}

fn solver(solver: &str) -> Value {
    let issuer = format!("{{acme: letsencrypt, email: a@b.example, solvers: [{solver}]}}");
    spec("", &issuer)["acme"]["solvers"][0].clone()
}

#[test]
fn each_method_has_its_spec() {
    for (issuer, expected) in [
        ("{selfSigned: {}}", json!({"selfSigned": {}})),
        ("{ca: {secret: corporate}}", json!({"ca": {"secretName": "corporate"}})),
        (
            "{vault: {server: 'https://v.example', path: p/sign/x, namespace: n, auth: {token: vault-token}}}",
            json!({"vault": {"server": "https://v.example", "path": "p/sign/x", "namespace": "n",
                "auth": {"tokenSecretRef": {"name": "shop-secrets", "key": "vault-token"}}}}),
        ),
        (
            "{vault: {server: 'https://v.example', path: p, auth: {appRole: {roleId: r, secret: {secret: s, key: k}}}}}",
            json!({"vault": {"server": "https://v.example", "path": "p",
                "auth": {"appRole": {"path": "approle", "roleId": "r", "secretRef": {"name": "s", "key": "k"}}}}}),
        ),
        (
            "{vault: {server: 'https://v.example', path: p, auth: {kubernetes: {role: r, serviceAccount: sa}}}}",
            json!({"vault": {"server": "https://v.example", "path": "p",
                "auth": {"kubernetes": {"role": "r", "serviceAccountRef": {"name": "sa"}}}}}),
        ),
    ] {
        assert_eq!(spec("", issuer), expected, "{issuer}");
    }
    for (acme, server) in [
        ("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"),
        ("letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory"),
        ("{server: 'https://ca.example/dir'}", "https://ca.example/dir"),
    ] {
        let issuer = format!(
            "{{acme: {acme}, email: a@b.example, eab: {{keyId: id, key: eab-key}}, solvers: [{{http01: {{}}}}]}}"
        );
        assert_eq!(
            spec("", &issuer),
            json!({"acme": {"server": server, "email": "a@b.example", "privateKeySecretRef": {"name": "it-account"},
                "externalAccountBinding": {"keyID": "id", "keySecretRef": {"name": "shop-secrets", "key": "eab-key"}},
                "solvers": [{"http01": {"ingress": {}}}]}})
        );
    }
}

#[test]
fn each_solver_has_its_spec() {
    let secret = |key: &str| json!({"name": "shop-secrets", "key": key});
    for (text, expected) in [
        ("{http01: {ingress: nginx}}", json!({"http01": {"ingress": {"ingressClassName": "nginx"}}})),
        (
            "{dns01: {cloudflare: {apiToken: t}}, zones: [b.example], hosts: ['*.b.example']}",
            json!({"dns01": {"cloudflare": {"apiTokenSecretRef": secret("t")}},
                "selector": {"dnsZones": ["b.example"], "dnsNames": ["*.b.example"]}}),
        ),
        (
            "{dns01: {cloudflare: {apiKey: t, email: c@b.example}}}",
            json!({"dns01": {"cloudflare": {"email": "c@b.example", "apiKeySecretRef": secret("t")}}}),
        ),
        (
            "{dns01: {route53: {region: eu-central-1, hostedZoneID: Z, accessKeyID: A, secretAccessKey: t, role: r}}}",
            json!({"dns01": {"route53": {"region": "eu-central-1", "hostedZoneID": "Z", "accessKeyID": "A",
                "secretAccessKeySecretRef": secret("t"), "role": "r"}}}),
        ),
        (
            "{dns01: {azureDNS: {subscriptionID: s, resourceGroup: g, hostedZone: z, tenantID: t, clientID: c, clientSecret: x}}}",
            json!({"dns01": {"azureDNS": {"subscriptionID": "s", "resourceGroupName": "g", "hostedZoneName": "z",
                "tenantID": "t", "clientID": "c", "clientSecretSecretRef": secret("x")}}}),
        ),
        (
            "{dns01: {azureDNS: {subscriptionID: s, resourceGroup: g, managedIdentity: {clientID: c}}}}",
            json!({"dns01": {"azureDNS": {"subscriptionID": "s", "resourceGroupName": "g",
                "managedIdentity": {"clientID": "c"}}}}),
        ),
        (
            "{dns01: {cloudDNS: {project: p, serviceAccount: t}}}",
            json!({"dns01": {"cloudDNS": {"project": "p", "serviceAccountSecretRef": secret("t")}}}),
        ),
        (
            "{dns01: {rfc2136: {nameserver: '10.0.0.1:53', tsigKeyName: n, tsigAlgorithm: HMACSHA256, tsigSecret: t}}}",
            json!({"dns01": {"rfc2136": {"nameserver": "10.0.0.1:53", "tsigKeyName": "n",
                "tsigAlgorithm": "HMACSHA256", "tsigSecretSecretRef": secret("t")}}}),
        ),
    ] {
        assert_eq!(solver(text), expected, "{text}");
    }
}

#[test]
fn without_solvers_the_routes_that_ask_answer() {
    let acme = "{acme: letsencrypt, email: a@b.example}";
    let ingress = "  web: {class: nginx, hosts: [a.example], tls: {issuer: it}, paths: [{path: /, to: web}]}\n";
    let gateway =
        "gateways:\n  door: {class: any, hosts: [b.example], tls: {issuer: it}, routes: [{path: /, to: web}]}\n";
    let solvers = |routes: &str| spec(routes, acme)["acme"]["solvers"].clone();
    let by_class = json!({"http01": {"ingress": {"ingressClassName": "nginx"}}});
    let parents =
        json!([{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "door", "namespace": "prod"}]);
    let by_gateway = json!({"http01": {"gatewayHTTPRoute": {"parentRefs": parents}}});
    assert_eq!(solvers(&format!("ingresses:\n{ingress}")), json!([by_class]));
    assert_eq!(solvers(gateway), json!([by_gateway]));
    let mut selected = by_class;
    selected["selector"] = json!({"dnsNames": ["a.example"]});
    assert_eq!(solvers(&format!("ingresses:\n{ingress}{gateway}")), json!([selected, by_gateway]));

    let nobody = planned(&format!("certManager: {{issuers: {{it: {acme}}}}}\n")).unwrap_err().to_string();
    assert!(nobody.contains("certManager.issuers.it") && nobody.contains("no route of this file uses"), "{nobody}");
}

#[test]
fn issuers_are_one_chart_after_cert_manager_with_references_left_to_values() {
    let text = "ingresses:\n  web: {class: '{class.value}', hosts: [a.example], tls: {issuer: a}, paths: [{path: /, to: web}]}\ncertManager:\n  namespace: tls\n  issuers:\n    a: {kind: ClusterIssuer, acme: letsencrypt, email: 'ops@{domain.value}'}\n    b: {existing: true}\n    c: {selfSigned: {}}\n";
    let config = parse(&format!("apiVersion: aspire-k8s/v1\n{text}")).unwrap();
    let found = planned(text).unwrap().unwrap();
    assert_eq!(
        (found.release.as_str(), found.namespace.as_str(), found.step()),
        ("shop-issuers", "prod", "issuers-kubernetes".to_owned())
    );
    assert_eq!(found.needs, [CERT_MANAGER]);
    let from: Vec<(&str, &str)> = found.values_from.iter().map(|(path, name)| (path.as_str(), name.as_str())).collect();
    assert_eq!(from, [("parameters.domain", "domain"), ("parameters.class", "class")]);
    let waited: Vec<(&str, &str, Option<&str>)> =
        found.wait_for.objects.iter().map(|it| (it.kind.as_str(), it.name.as_str(), it.namespace.as_deref())).collect();
    assert_eq!(waited, [("ClusterIssuer", "a", None), ("Issuer", "c", Some("prod"))]);
    let manager = cert_manager(&config).unwrap();
    assert_eq!((manager.namespace.as_str(), manager.version.as_deref()), ("tls", Some(VERSION)));
    assert_eq!(manager.values["crds"]["enabled"], true);
    assert!(manager.values.get("config").is_none());
    assert_eq!(
        found.issuer_files(Value::to_string)["values.yaml"].lines().next(),
        Some("# To be given: parameters.domain, parameters.class")
    );
}

#[test]
fn cert_manager_is_told_of_gateways_after_their_definitions() {
    let text = "apiVersion: aspire-k8s/v1
charts:
  kinds: {chart: ./kinds, waitFor: {crds: [gateways.gateway.networking.k8s.io]}}
  other: {chart: ./other}
gateways: {door: {class: any, hosts: [b.example], routes: [{path: /, to: web}]}}
certManager: {install: true, values: {replicaCount: 2, config: {logging: {verbosity: 4}}}}
";
    let planned = cert_manager(&parse(text).unwrap()).unwrap();
    assert_eq!(planned.needs, ["kinds"]);
    assert_eq!(planned.values["config"]["enableGatewayAPI"], true);
    assert_eq!(planned.values["config"]["logging"]["verbosity"], 4);
    assert_eq!(planned.values["replicaCount"], 2);
}

#[test]
fn a_chart_of_others_may_bring_cert_manager() {
    let text = "charts: {cm: {chart: ./cm}, late: {chart: ./late, phase: after}}\ncertManager: {install: false, issuers: {a: {selfSigned: {}}}}\n";
    let config = parse(&format!("apiVersion: aspire-k8s/v1\n{text}")).unwrap();
    assert_eq!(cert_manager(&config), None);
    assert_eq!(planned(text).unwrap().unwrap().needs, ["cm"]);
}

#[test]
fn a_secret_that_comes_too_late_is_refused_where_the_issuer_needs_it() {
    let late = "certManager: {issuers: {v: {vault: {server: 'https://v.example', path: p, auth: {token: late}}}}}\n";
    let refused = planned(late).unwrap_err().to_string();
    assert!(refused.contains("certManager.issuers.v") && refused.contains("too late"), "{refused}");
    assert_eq!(
        solver("{dns01: {cloudflare: {apiToken: late}}}")["dns01"]["cloudflare"]["apiTokenSecretRef"]["key"],
        "late"
    );
}
