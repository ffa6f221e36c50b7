//! Routes that cannot be: all that is wrong is said together, with what to do.

use crate::aspire;
use crate::aspire::shown;
use std::fs;

const MANIFEST: &str = r#"{"resources": {
 "pw": {"type": "parameter.v0", "value": "{pw.inputs.value}", "inputs": {"value": {"type": "string", "secret": true}}},
 "web": {"type": "container.v0", "image": "web:1", "bindings": {
   "http": {"scheme": "http", "protocol": "tcp", "transport": "http", "targetPort": 80, "external": true},
   "admin": {"scheme": "http", "protocol": "tcp", "transport": "http", "targetPort": 81}}},
 "pg": {"type": "container.v0", "image": "pg:1", "bindings": {
   "tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": 5432, "external": true}}}
}}"#;

/// What `render --check` says of routes.
fn refused(routes: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("aspire-manifest.json"), MANIFEST).unwrap();
    let config = format!("apiVersion: aspire-k8s/v1\napplication: app\n{routes}");
    fs::write(folder.path().join("aspire-k8s.yaml"), config).unwrap();
    let ran = aspire(["render", "--check", "-o"]).args([folder.path().join("chart")]).args([folder.path()]).run();
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
    shown("refused", &ran, Some(folder.path()))
}

#[test]
fn what_a_file_may_not_say() {
    insta::assert_snapshot!(refused(
        "ingresses:
  public:
    class: nginx
    paths: [{path: api, to: web}, {path: /, host: 'a..b', to: web}, {path: /x, host: '{web.bindings.http.host}', to: web}]
    closedPaths: [health]
    redirect: true
    tls: {issuer: nobody}
gateways:
  none: {routes: [{path: /, to: web}]}
  door: {class: c, routes: [{kind: tcp, to: pg}, {kind: grpc, path: /, to: web}]}
"
    ));
}

#[test]
fn what_the_application_does_not_have() {
    insta::assert_snapshot!(refused(
        "ingresses:
  public:
    class: gce
    hosts: ['{pw.value}.example.com']
    paths:
      - {path: /a, to: wep}
      - {path: /b, to: web, binding: admin}
      - {path: /c, to: pg}
      - {path: /c2, to: pg, binding: tcp}
      - {path: /d, to: web, binding: https}
      - {path: /e, to: web}
      - {path: /e, to: web}
    closedPaths: [/health]
  ours: {class: ours, defaultBackend: {to: web}, closedPaths: [/health]}
gateways:
  door:
    class: traefik
    listeners: {raw: {port: 6000, protocol: TCP}}
    routes:
      - {path: /, to: web}
      - {kind: grpc, to: web}
      - {kind: tcp, to: pg, listener: raw}
      - {kind: tcp, to: web, listener: raw}
"
    ));
}
