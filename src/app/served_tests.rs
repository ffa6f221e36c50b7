//! Endpoints on which no server would listen, through the whole of `resolve`.

use super::{App, Part, Side, Sources, Value, resolve};
use crate::{config, manifest};
use std::fmt::Write as _;

const HTTP: &str = r#""http": {"scheme": "http", "protocol": "tcp", "transport": "http"}"#;
const HTTPS: &str = r#""https": {"scheme": "https", "protocol": "tcp", "transport": "http"}"#;

fn app(resources: &str, intent: &str) -> App {
    let manifest = manifest::parse(format!("{{\"resources\": {{{resources}}}}}").as_bytes()).unwrap();
    let config = config::parse(&format!("application: a\n{intent}")).unwrap();
    resolve(&manifest, &config, "a", &Sources::default()).unwrap()
}

/// A project with an environment and bindings.
fn project(env: &str, bindings: &str) -> String {
    format!(r#""api": {{"type": "project.v0", "path": "a", "env": {{{env}}}, "bindings": {{{bindings}}}}}"#)
}

fn shown(value: &Value, app: &App) -> String {
    let parts = value.parts().iter().map(|part| match part {
        Part::Text(text) => text.clone(),
        Part::Host { workload, .. } => workload.clone(),
        Part::Port { workload, binding, side } => {
            let port = &app.workloads[workload].ports[binding];
            if *side == Side::Client { port.client } else { port.process }.to_string()
        }
        Part::Input { name, .. } => format!("<{name}>"),
    });
    parts.collect()
}

/// Ports, variables and notes, one a line.
fn told(app: &App) -> String {
    let mut out = String::new();
    for (name, workload) in &app.workloads {
        let ports =
            workload.ports.iter().map(|(name, it)| format!(" {name}={}://{}->{}", it.scheme, it.client, it.process));
        let _ = writeln!(out, "{name}:{}", ports.collect::<String>());
        for (variable, value) in &workload.env {
            let _ = writeln!(out, "  {variable}={}", shown(value, app));
        }
    }
    for note in &app.notes {
        let _ = writeln!(out, "! {}: {}", note.resource, note.text);
    }
    out
}

#[track_caller]
fn check(resources: &str, intent: &str, wanted: &[&str]) {
    let told = told(&app(resources, intent));
    let lines: Vec<&str> = told.lines().map(|line| line.trim_start_matches("  ")).collect();
    let matches =
        lines.len() == wanted.len() && lines.iter().zip(wanted).all(|(line, wanted)| line.starts_with(wanted));
    assert!(matches, "wanted\n{}\nfound\n{told}", wanted.join("\n"));
}

#[test]
fn https_alone_is_answered_as_http() {
    let web = r#""web": {"type": "container.v0", "image": "w", "env": {
        "API_HTTPS": "{api.bindings.https.url}", "services__api__https__0": "{api.bindings.https.url}"}}"#;
    for ports in ["{api.bindings.https.targetPort}", "8443"] {
        let api = project(&format!(r#""HTTPS_PORTS": "{ports}""#), HTTPS);
        check(
            &format!("{api}, {web}"),
            "",
            &[
                "api: http=http://80->8080",
                "HTTP_PORTS=8080",
                "web:",
                "API_HTTPS=http://api:80",
                "API_HTTP=http://api:80",
                "services__api__http__0=http://api:80",
                "! api: it has no certificate in the cluster, so it serves http instead of https (`https`)",
            ],
        );
    }
}

#[test]
fn with_a_certificate_https_stays() {
    let api = project(
        r#""HTTPS_PORTS": "{api.bindings.https.targetPort}", "ME": "{api.bindings.https.url}",
        "Kestrel__Endpoints__https__Url": "https://*:{api.bindings.https.targetPort}""#,
        HTTPS,
    );
    let intent = "certManager: {issuers: {own: {selfSigned: {}}}}\nresources: {api: {certificate: {issuer: own}}}";
    check(
        &api,
        intent,
        &[
            "api: https=https://443->8443",
            "HTTPS_PORTS=8443",
            "ME=https://api:443",
            "Kestrel__Endpoints__https__Url=https://*:8443",
            "Kestrel__Certificates__Default__Path=",
            "Kestrel__Certificates__Default__KeyPath=",
        ],
    );
    let own = project(
        r#""ASPNETCORE_HTTPS_PORTS": "8443", "ASPNETCORE_Kestrel__Certificates__Default__Path": "/c.pfx",
        "ME": "{api.bindings.https.url}""#,
        r#""https": {"scheme": "https", "protocol": "tcp", "transport": "http", "targetPort": 8443}"#,
    );
    check(
        &own,
        "",
        &[
            "api: https=https://8443->8443",
            "ASPNETCORE_HTTPS_PORTS=8443",
            "ASPNETCORE_Kestrel__Certificates__Default__Path=/c.pfx",
            "ME=https://api:8443",
        ],
    );
}

#[test]
fn urls_lose_their_https_parts() {
    let both = format!("{HTTP}, {HTTPS}");
    for (urls, wanted) in [
        ("http://+:{api.bindings.http.targetPort};https://+:{api.bindings.https.targetPort}", "http://+:8080"),
        ("{api.bindings.https.url};{api.bindings.http.url}", "http://*:8080"),
        ("https://[::]:8081; http://0.0.0.0:8080", "http://0.0.0.0:8080"),
        ("https://*:8081;http://unix:/tmp/a.sock;http://*:8080", "http://unix:/tmp/a.sock;http://*:8080"),
        ("https://*:{api.bindings.https.targetPort}", "http://*:8080"),
        ("https://unix:/tmp/a.sock;http://+:8080", "http://+:8080"),
        ("HTTPS://+:8081;HTTP://+:8080", "HTTP://+:8080"),
    ] {
        for variable in ["ASPNETCORE_URLS", "URLS", "DOTNET_URLS"] {
            check(
                &project(&format!(r#""{variable}": "{urls}""#), &both),
                "",
                &["api: http=http://80->8080", &format!("{variable}={wanted}"), "! api: it has no certificate"],
            );
        }
    }
}

#[test]
fn endpoints_of_kestrel_listen_in_clear_on_ports_of_their_own() {
    let numbered = r#""http": {"scheme": "http", "protocol": "tcp", "transport": "http", "targetPort": 8080},
        "https": {"scheme": "https", "protocol": "tcp", "transport": "http", "targetPort": 8080}"#;
    let kestrel = r#""Kestrel__Endpoints__a.b__Url": "http://*:{api.bindings.http.targetPort}",
        "Kestrel:Endpoints:s:Url": "https://*:{api.bindings.https.targetPort}", "kestrel__endpoints__S__SslProtocols__0": "Tls12",
        "Kestrel__Endpoints__t__Url": "https://[::]:8081""#;
    check(
        &project(kestrel, numbered),
        "",
        &[
            "api: http=http://8080->8080",
            "Kestrel__Endpoints__a.b__Url=http://*:8080",
            "Kestrel:Endpoints:s:Url=http://*:8081",
            "Kestrel__Endpoints__t__Url=http://[::]:8082",
            "! api: it has no certificate",
        ],
    );
    let alone = r#""Kestrel__Endpoints__s__Url": "https://*:{api.bindings.https.targetPort}""#;
    check(
        &project(alone, HTTPS),
        "",
        &["api: http=http://80->8080", "Kestrel__Endpoints__s__Url=http://*:8080", "! api: it has no certificate"],
    );
    let twice = r#""Kestrel__Endpoints__a__Url": "http://*:{api.bindings.http.targetPort}",
        "Kestrel__Endpoints__b__Url": "http://*:{api.bindings.other.targetPort}""#;
    check(
        &project(twice, &format!("{HTTP}, {}", HTTP.replace("\"http\": {", "\"other\": {"))),
        "",
        &[
            "api: http=http://80->8080 other=http://80->8081",
            "Kestrel__Endpoints__a__Url=http://*:8080",
            "Kestrel__Endpoints__b__Url=http://*:8081",
        ],
    );
}

#[test]
fn ports_are_listed_once() {
    let env = r#""HTTP_PORTS": "{api.bindings.http.targetPort};{api.bindings.https.targetPort}""#;
    check(&project(env, &format!("{HTTP}, {HTTPS}")), "", &["api: http=http://80->8080", "HTTP_PORTS=8080"]);
}

#[test]
fn the_service_leads_where_the_server_listens() {
    let ports = r#""HTTP_PORTS": "{api.bindings.http.targetPort}""#;
    for (env, variable) in [
        (r#""ASPNETCORE_URLS": "http://+:5000""#, "ASPNETCORE_URLS"),
        (r#""Kestrel__Endpoints__x__Url": "http://*:5000""#, "Kestrel__Endpoints__x__Url"),
        (r#""ASPNETCORE_URLS": "http://+:1;http://+:2", "Kestrel__Endpoints__x__Url": "http://*:5000""#, "Kestrel"),
        (r#""ASPNETCORE_URLS": "http://+:1", "DOTNET_URLS": "http://+:5000""#, "DOTNET_URLS"),
    ] {
        let told = told(&app(&project(&format!("{ports}, {env}"), HTTP), ""));
        assert!(told.starts_with("api: http=http://80->5000\n  HTTP_PORTS=5000"), "{told}");
        assert!(told.contains(&format!("! api: {variable}")) && told.contains("listen on 5000"), "{told}");
    }
    let literal = told(&app(&project(r#""HTTP_PORTS": "5000""#, HTTP), ""));
    assert!(literal.starts_with("api: http=http://80->5000"), "{literal}");
    let file = "resources: {api: {env: {ASPNETCORE_URLS: 'http://+:5000'}}}";
    assert!(told(&app(&project(ports, HTTP), file)).starts_with("api: http=http://80->5000"));
    let same = told(&app(&project(&format!(r#"{ports}, "URLS": "http://+:8080""#), HTTP), ""));
    assert!(!same.contains('!'), "{same}");
    let two = format!("{HTTP}, {}", HTTP.replace("\"http\": {", "\"other\": {").replace('}', ", \"targetPort\": 9}"));
    let several = told(&app(&project(&format!(r#"{ports}, "URLS": "http://+:5000;http://+:5001""#), &two), ""));
    assert!(several.contains("! api: URLS makes it listen on 5000, 5001 only, so nothing listens at"), "{several}");
    let inner = told(&app(&project(r#""URLS": "http://localhost:8080""#, HTTP), ""));
    assert!(inner.contains("! api: URLS makes it listen on localhost, which is not reachable"), "{inner}");
}

#[test]
fn addresses_lose_their_tls_in_every_form() {
    let api = project("", &format!("{HTTP}, {HTTPS}"));
    let web = r#""web": {"type": "container.v0", "image": "w", "env": {
        "A": "https://{api.bindings.https.host}:{api.bindings.https.port}/x", "B": "{v.connectionString}",
        "C": "https://api:8081", "REVERSEPROXY__CLUSTERS__c__DESTINATIONS__d__ADDRESS": "https://api",
        "AUDIENCE": "https://api", "D": "http://{api.bindings.http.host}:{api.bindings.http.targetPort}",
        "services__api__https__0": "{v.connectionString}"}},
        "v": {"type": "value.v0", "connectionString": "{api.bindings.https.scheme}://{api.bindings.https.host}:{api.bindings.https.port}"}"#;
    check(
        &format!("{api}, {web}"),
        "",
        &[
            "api: http=http://80->8080",
            "web:",
            "A=http://api:80/x",
            "B=http://api:80",
            "C=http://api:80",
            "REVERSEPROXY__CLUSTERS__c__DESTINATIONS__d__ADDRESS=http://api:80",
            "AUDIENCE=https://api",
            "D=http://api:80",
            "services__api__http__0=http://api:80",
            "! api: it has no certificate in the cluster, so it serves http instead of https (`https`), at its \
            endpoint `http`; \
             left out: services__api__https__0 of `web`; `certificate` under resources.api of aspire-k8s.yaml keeps https",
        ],
    );
}

#[test]
fn a_project_from_a_dockerfile_is_known_by_its_variables() {
    let written = |env: &str| {
        let bindings = format!("{HTTP}, {HTTPS}").replace("\"http\"}", "\"http\", \"targetPort\": 8002}");
        format!(
            r#""api": {{"type": "container.v1", "build": {{"context": "a"}}, "env": {{{env}}}, "bindings": {{{bindings}}}}},
            "web": {{"type": "container.v0", "image": "w", "env": {{"API_HTTPS": "{{api.bindings.https.url}}"}}}}"#
        )
    };
    for env in [r#""HTTP_PORTS": "8002""#, r#""ASPNETCORE_FORWARDEDHEADERS_ENABLED": "true""#] {
        let told = told(&app(&written(env), ""));
        assert!(told.starts_with("api: http=http://8002->8002\n"), "{told}");
        assert!(told.contains("  API_HTTPS=http://api:8002\n  API_HTTP=http://api:8002"), "{told}");
    }
    let other = told(&app(&written(r#""NODE_ENV": "x""#), ""));
    assert!(other.contains("API_HTTPS=https://api:8002"), "{other}");
    assert!(other.contains("! api: its endpoint `https` is https"), "{other}");
}

#[test]
fn a_port_that_a_variable_names_is_where_others_listen() {
    let node = |binding: &str| {
        format!(
            r#""n": {{"type": "container.v1", "build": {{"context": "a"}}, "args": ["start"], "env": {{"PORT": "3000"}}, "bindings": {{"http":
            {{"scheme": "http", "protocol": "tcp", "transport": "http"{binding}}}}}}}"#
        )
    };
    check(&node(""), "", &["n: http=http://3000->3000", "PORT=3000"]);
    let told = told(&app(&node(r#", "targetPort": 8000"#), ""));
    assert!(told.contains("! n: the variable PORT is 3000, but its endpoint `http` targets port 8000"), "{told}");
}

const ENVIRONMENT: &str = r#"
    "k": {"error": "no"}, "k-chart": {"error": "no"},
    "api": {"type": "project.v1", "path": "a", "env": {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "{k-dashboard.bindings.otlp-grpc.url}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "SEE": "{k-dashboard.bindings.http.url}"}},
    "k-dashboard": {"type": "container.v1", "image": "mcr.microsoft.com/dotnet/nightly/aspire-dashboard:latest", "bindings": {
        "http": {"scheme": "http", "protocol": "tcp", "transport": "http", "targetPort": 18888, "external": true},
        "otlp-grpc": {"scheme": "http", "protocol": "tcp", "transport": "http", "targetPort": 18889}}}"#;

#[test]
fn the_dashboard_of_an_environment_is_not_the_applications() {
    check(
        ENVIRONMENT,
        "",
        &[
            "api:",
            "SEE=<k-dashboard.bindings.http.url>",
            "! k-dashboard: left out: it is the dashboard that Aspire adds to the environment `k`",
            "! k: left out, as are `k-chart`: Aspire could not describe them",
        ],
    );
    for (dashboard, host) in [("{}", "aspire-dashboard"), ("{name: k-dashboard}", "k-dashboard")] {
        let told = told(&app(ENVIRONMENT, &format!("dashboard: {dashboard}")));
        assert!(told.contains(&format!("  SEE=http://{host}:18888\n")), "{told}");
        assert!(told.contains(&format!("  OTEL_EXPORTER_OTLP_ENDPOINT=http://{host}:18889\n")), "{told}");
        assert!(told.contains("OTEL_EXPORTER_OTLP_HEADERS=x-otlp-api-key=<dashboard.otlp-key>"), "{told}");
    }
    let own = ENVIRONMENT.replace("\"k\":", "\"other\":");
    assert!(told(&app(&own, "")).contains("OTEL_EXPORTER_OTLP_ENDPOINT=http://k-dashboard:18889"));
}

#[test]
fn who_sends_to_a_collector_of_its_own_has_a_name() {
    let resources = r#""api": {"type": "project.v0", "path": "a", "env": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1"}},
        "named": {"type": "project.v0", "path": "a", "env": {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:1", "OTEL_SERVICE_NAME": "n"}},
        "silent": {"type": "project.v0", "path": "a"}"#;
    let told = told(&app(resources, "dashboard: {}\nresources: {silent: {env: {OTEL_EXPORTER_OTLP_ENDPOINT: null}}}"));
    assert!(told.contains("api:\n  OTEL_EXPORTER_OTLP_ENDPOINT=http://c:1\n  OTEL_SERVICE_NAME=api\nnamed:"), "{told}");
    assert!(told.contains("  OTEL_SERVICE_NAME=n\nsilent:\naspire-dashboard:"), "{told}");
}

#[test]
fn a_condition_that_nothing_reads_is_told() {
    let resources = |env: &str| {
        format!(
            r#""web": {{"type": "container.v0", "image": "w", "env": {{{env}}}}},
            "cond-mode-1": {{"type": "value.v0", "connectionString": "yes"}}"#
        )
    };
    let lost = "! cond-mode-1: nothing refers to this condition";
    let told_of = |env: &str, intent: &str| told(&app(&resources(env), intent));
    let told = told_of(r#""C": "", "D": "x""#, "");
    assert!(told.contains(lost) && told.contains("Empty are C of `web`;"), "{told}");
    assert!(!told_of(r#""C": "", "D": "{cond-mode-1.connectionString}""#, "").contains(lost));
    assert!(!told_of(r#""C": """#, "resources: {web: {env: {C: x}}}").contains(lost));
}
