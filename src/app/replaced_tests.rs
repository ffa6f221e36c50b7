//! Resources that aspire-k8s.yaml replaces, through the whole of `resolve`.

use super::{App, Part, Sources, Value, resolve};
use crate::support::diagnostic::Diagnostics;
use crate::{config, manifest};

/// A database behind a server, a web server, and an api that refers to all of them.
const RESOURCES: &str = r#"{"resources": {
    "api": {"type": "container.v1", "image": "api:1", "env": {
        "CATALOG": "{catalog.connectionString}", "URI": "{catalog.value}", "PORT_OF_PG": "{pg.bindings.TCP.targetPort}",
        "WEB": "{web.bindings.https.url}", "PG_PASSWORD": "{pg-password.value}"}},
    "catalog": {"type": "value.v0", "connectionString": "{pg.connectionString};Database=catalog"},
    "pg": {"type": "container.v0", "image": "postgres:17",
        "connectionString": "Host={pg.bindings.tcp.host};Port={pg.bindings.tcp.port};Password={pg-escaped.value}",
        "env": {"POSTGRES_PASSWORD": "{pg-password.value}", "ONLY_HERE": "{only-here.value}"},
        "bindings": {"tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": 5432}}},
    "web": {"type": "project.v0", "path": "web.csproj", "bindings": {
        "http": {"scheme": "http", "protocol": "tcp", "transport": "http"},
        "https": {"scheme": "https", "protocol": "tcp", "transport": "http"}}},
    "pg-escaped": {"type": "annotated.string", "value": "{pg-password.value}", "filter": "uri"},
    "pg-password": {"type": "parameter.v0", "value": "{pg-password.inputs.value}",
        "inputs": {"value": {"type": "string", "secret": true, "default": {"generate": {"minLength": 22}}}}},
    "only-here": {"type": "parameter.v0", "value": "{only-here.inputs.value}", "inputs": {"value": {"type": "string"}}},
    "sa": {"type": "parameter.v0", "value": "{sa.inputs.value}", "inputs": {"value": {"type": "string", "secret": true}}}
}}"#;

fn resolved(intent: &str) -> Result<App, Diagnostics> {
    let manifest = manifest::parse(RESOURCES.as_bytes()).unwrap();
    let config = config::parse(&format!("application: a\nresources:\n{intent}")).unwrap();
    resolve(&manifest, &config, "a", &Sources::default())
}

/// The application in an environment, and in none.
fn in_environment(resources: &str) -> (Result<App, Diagnostics>, App) {
    let manifest = manifest::parse(RESOURCES.as_bytes()).unwrap();
    let config =
        config::parse(&format!("application: a\nenvironments: {{e: {{resources: {{{resources}}}}}}}\n")).unwrap();
    let resolve = |config: &config::Config| resolve(&manifest, config, "a", &Sources::default());
    (resolve(&config.for_environment("e").unwrap()), resolve(&config).unwrap())
}

fn app(intent: &str) -> App {
    resolved(intent).unwrap_or_else(|diagnostics| panic!("{intent}: {diagnostics}"))
}

fn shown(value: &Value) -> String {
    let parts = value.parts().iter().map(|part| match part {
        Part::Text(text) => text.clone(),
        Part::Host { workload, .. } => format!("<host of {workload}>"),
        Part::Port { workload, binding, .. } => format!("<port {binding} of {workload}>"),
        Part::Input { name, .. } => format!("<{name}>"),
    });
    parts.collect()
}

#[track_caller]
fn env(app: &App, variable: &str) -> String {
    shown(&app.workloads["api"].env[variable])
}

#[test]
fn references_get_the_host_and_the_port() {
    for (host, address, port) in [
        ("pg.example.com", "Host=pg.example.com;Port=5432", "5432"),
        ("pg.example.com:6432", "Host=pg.example.com;Port=6432", "6432"),
        ("{Tcp: '10.1.2.3:6432'}", "Host=10.1.2.3;Port=6432", "6432"),
    ] {
        let app = app(&format!("  pg: {{replaceWith: {{host: {host}}}}}\n"));
        assert_eq!(env(&app, "CATALOG"), format!("{address};Password=<pg-password>;Database=catalog"));
        assert_eq!(env(&app, "URI"), env(&app, "CATALOG"));
        assert_eq!(env(&app, "PORT_OF_PG"), port);
        assert!(!app.workloads.contains_key("pg") && app.external_names.is_empty());
    }
}

#[test]
fn a_web_server_keeps_its_scheme_and_has_the_port_of_it() {
    let app = app("  web: {replaceWith: {host: shop.example.com}}\n");
    assert_eq!(env(&app, "WEB"), "https://shop.example.com:443");
    let app = self::app("  web: {replaceWith: {host: {http: 'a.example.com:8080', https: 'a.example.com:8443'}}}\n");
    assert_eq!(env(&app, "WEB"), "https://a.example.com:8443");
}

#[test]
fn a_connection_string_is_replaced_and_what_it_does_not_say_is_an_input() {
    let app = app("  pg: {replaceWith: {connectionString: 'Server=x;Pwd={sa.value}'}}\n");
    assert_eq!(env(&app, "CATALOG"), "Server=x;Pwd=<sa>;Database=catalog");
    assert_eq!(env(&app, "PORT_OF_PG"), "<pg.bindings.TCP.targetPort>");
    let reason = app.inputs["pg.bindings.TCP.targetPort"].reason.as_deref().unwrap();
    assert_eq!(reason, "`pg` is replaced, and `replaceWith` says no host for its endpoint `tcp`");
    let app = self::app("  catalog: {replaceWith: {connectionString: Server=x}}\n");
    assert_eq!((env(&app, "CATALOG"), env(&app, "URI")), ("Server=x".into(), "Server=x".into()));
    assert!(app.workloads.contains_key("pg"), "only the database is another one");
}

#[test]
fn a_secret_of_ones_own_is_an_input_with_a_source() {
    let intent = "  pg: {replaceWith: {existingSecret: {name: managed, key: cs}, host: pg.example.com}}\n";
    let app = app(intent);
    assert_eq!(env(&app, "CATALOG"), "<pg.connectionString>;Database=catalog");
    assert_eq!(env(&app, "PORT_OF_PG"), "5432");
    assert!(app.inputs["pg.connectionString"].secret);
    assert!(app.inputs["pg-password"].generate.is_some(), "nothing says that it is the server's");
    let config = config::parse(&format!("application: a\nsecrets: {{from: sops}}\nresources:\n{intent}")).unwrap();
    let source = serde_json::to_value(config.source("pg.connectionString").unwrap()).unwrap();
    assert_eq!(source["existing"]["name"], "managed");
    assert_eq!(serde_json::to_value(config.source("pg-password").unwrap()).unwrap(), "sops");
}

#[test]
fn a_service_can_lead_to_the_other_server() {
    let app = app("  pg: {replaceWith: {externalName: pg.example.com}}\n");
    assert_eq!(env(&app, "CATALOG"), "Host=<host of pg>;Port=5432;Password=<pg-password>;Database=catalog");
    assert_eq!(app.external_names["pg"], "pg.example.com");
}

/// A password that nobody gives would be another one than the server's.
#[test]
fn the_password_of_another_server_is_not_generated() {
    let app = app("  pg: {replaceWith: {host: pg.example.com}}\n");
    let password = &app.inputs["pg-password"];
    assert!(password.required() && password.generate.is_none());
    assert_eq!(password.reason.as_deref(), Some("`pg` is replaced, and its server has a value of its own"));
    assert!(!app.inputs.contains_key("only-here"), "only the replaced resource needs it");
    let note = &app.notes.iter().find(|note| note.resource == "pg").unwrap().text;
    assert_eq!(
        note,
        "replaced, so it does not run: its host is `pg.example.com`; `pg-password` must have the value that this server knows"
    );
    let runs = self::app("  web: {replaceWith: {host: shop.example.com}}\n");
    assert!(runs.inputs["pg-password"].generate.is_some());
}

#[test]
fn nobody_waits_for_what_is_replaced() {
    let app = app(
        "  api: {waitFor: [catalog, web], waitForStart: [pg], waitForCompletion: [pg]}\n  pg: {replaceWith: {host: a}}\n",
    );
    let waits: Vec<&str> = app.workloads["api"].waits.iter().map(|wait| wait.on.as_str()).collect();
    assert_eq!(waits, ["web"]);
}

#[test]
fn what_cannot_be_replaced_is_told() {
    for (intent, parts) in [
        (
            "  sa: {replaceWith: {connectionString: x}}\n",
            &["resources.sa.replaceWith", "is a parameter", "set `parameters.sa` instead"][..],
        ),
        ("  catalog: {replaceWith: {host: a}}\n", &["`catalog` has no endpoints", "replace the resource that has"]),
        (
            "  pg: {replaceWith: {host: {http: a}}}\n",
            &["replaceWith.host.http", "`pg` has no endpoint `http`", "it has: tcp"],
        ),
        ("  pg: {replaceWith: {connectionString: 'Pwd={sb.value}'}}\n", &["no resource `sb`", "did you mean `sa`"]),
        ("  pg: {replaceWith: {connectionString: '{pg.connectionString}'}}\n", &["refers to itself: pg -> pg"]),
        ("  pgg: {replaceWith: {host: a}}\n", &["no resource `pgg`"]),
    ] {
        let told = resolved(intent).unwrap_err().to_string();
        assert!(parts.iter().all(|part| told.contains(part)), "{intent}: {told}");
    }
}

/// Values alone differ: what is composed is the same.
#[test]
fn an_environment_changes_whether_it_runs_and_nothing_that_is_composed() {
    let (there, here) = in_environment("pg: {replaceWith: {host: 'pg.example.com:6432'}}");
    let there = there.unwrap();
    assert_eq!(there.workloads["api"].env, here.workloads["api"].env);
    let switch = |app: &App| app.workloads["pg"].switch.clone().unwrap();
    assert_eq!((switch(&here).enabled, switch(&here).host), (true, None));
    assert_eq!((switch(&there).enabled, switch(&there).host.as_deref()), (false, Some("pg.example.com")));
    assert_eq!(switch(&there).ports["tcp"], 6432);
    assert!(here.workloads["api"].switch.is_none());
    assert!(here.inputs["pg-password"].generate.is_some() && there.inputs["pg-password"].generate.is_none());
    assert!(there.notes.iter().any(|note| note.text.contains("its host is `pg.example.com`")));
    assert!(!here.notes.iter().any(|note| note.resource == "pg"));
}

#[test]
fn what_an_environment_cannot_turn_off_is_told() {
    let (told, _) = in_environment("pg: {enabled: false}");
    let told = told.unwrap_err().to_string();
    assert!(told.contains("environments.e.resources.pg"), "{told}");
    assert!(told.contains("`api` refers to `pg`, which does not run in this environment"), "{told}");
    let (told, _) = in_environment("pg: {replaceWith: {host: {http: a}}}");
    let told = told.unwrap_err().to_string();
    assert!(
        told.contains("environments.e.resources.pg.replaceWith.host.http") && told.contains("it has: tcp"),
        "{told}"
    );
    let (alone, _) = in_environment("api: {enabled: false}");
    assert!(!alone.unwrap().workloads["api"].switch.as_ref().unwrap().enabled, "nobody refers to it");
}
