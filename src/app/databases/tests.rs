//! Which jobs there are for databases, what they hold, who waits for them, and what is refused.

use super::with_databases;
use crate::app::{App, Sources, Value, WaitUntil, resolve};
use crate::config::{self, Config};
use crate::manifest;
use serde_json::{Value as Json, json};

fn server(image: &str, port: u16, env: &Json) -> Json {
    json!({
        "type": "container.v0", "image": image, "env": env,
        "connectionString": "Host={pg.bindings.tcp.host};Port={pg.bindings.tcp.port};Password={pw.value}",
        "bindings": {"tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": port}},
    })
}

fn postgres() -> Json {
    server("postgres:17", 5432, &json!({"POSTGRES_PASSWORD": "{pw.value}"}))
}

/// A server `pg` with the databases of `orders` and, if it is there, `more`, and an `api`.
fn manifest(pg: &Json, more: &str) -> manifest::Manifest {
    let text = |text: &str| json!({"type": "value.v0", "connectionString": text});
    let mut resources = json!({
        "pg": pg,
        "orders": text("{pg.connectionString};Database=orders-db"),
        "own": text("{pg.connectionString};Database=postgres"),
        "api": {"type": "project.v0", "path": "a.csproj", "env": {"ConnectionStrings__orders": "{orders.connectionString}"}},
        "pw": {"type": "parameter.v0", "value": "{pw.inputs.value}", "inputs": {"value": {"type": "string", "secret": true}}},
    });
    if !more.is_empty() {
        resources["more"] = text(more);
    }
    manifest::parse(json!({"resources": resources}).to_string().as_bytes()).unwrap()
}

/// The application with its databases, and the configuration of its jobs; else the problems.
fn completed(manifest: &manifest::Manifest, config: &Config) -> Result<(App, Config), String> {
    let (manifest, config, found) = with_databases(manifest, config, config);
    let app = found.and(resolve(&manifest, &config, "shop", &Sources::default()));
    let app = app.map_err(|wrong| wrong.to_string())?;
    Ok((app, config.into_owned()))
}

fn of(pg: &Json, more: &str, intent: &str) -> Result<(App, Config), String> {
    completed(&manifest(pg, more), &config::parse(intent).unwrap_or_else(|wrong| panic!("{wrong}")))
}

/// The literal variables of the job.
fn texts(app: &App) -> Vec<(&str, &str)> {
    let env = app.workloads["pg-databases"].env.iter();
    env.filter_map(|(name, value)| Some((name.as_str(), value.as_text()?))).collect()
}

fn created(app: &App) -> Vec<&str> {
    let Some(job) = app.workloads.get("pg-databases") else { return Vec::new() };
    let number = job.env["DATABASES"].as_text().unwrap().parse::<usize>().unwrap();
    (0..number).map(|index| job.env[&format!("DATABASE_{index}")].as_text().unwrap()).collect()
}

#[test]
fn the_job_has_the_image_and_the_login_of_the_server() {
    let (app, config) = of(&postgres(), "", "").unwrap();
    let job = &app.workloads["pg-databases"];
    assert_eq!(job.image, app.workloads["pg"].image);
    assert_eq!(job.env["PGPASSWORD"], app.workloads["pg"].env["POSTGRES_PASSWORD"]);
    assert!(app.inputs["pw"].used_by.contains("pg-databases"));
    let expected = [
        ("PGDATABASE", "postgres"),
        ("PGCONNECT_TIMEOUT", "5"),
        ("PGCLIENTENCODING", "UTF8"),
        ("PGOPTIONS", "-c standard_conforming_strings=on"),
        ("PGUSER", "postgres"),
        ("DATABASES", "1"),
        ("DATABASE_0", "orders-db"),
        ("DATABASE_0_EXISTS", "SELECT 1 FROM pg_database WHERE datname = 'orders-db'::name"),
        ("DATABASE_0_CREATE", "CREATE DATABASE \"orders-db\";"),
    ];
    assert_eq!(texts(&app), expected);
    // A password is in no argument, and no name is.
    let arguments: Vec<&str> = job.command.iter().chain(&job.args).filter_map(Value::as_text).collect();
    assert_eq!(arguments.len(), 3);
    assert!(arguments.iter().all(|text| !text.contains("orders")), "{arguments:?}");
    let security = config.resources["pg-databases"].security_context.as_ref().unwrap();
    assert_eq!((&security["runAsNonRoot"], &security["runAsUser"]), (&json!(true), &json!(65534)));
    assert_eq!(config.by_number.get("pg-databases"), Some(&3));
    // Nobody who did not ask for it waits.
    assert!(app.workloads["api"].waits.is_empty());
}

#[test]
fn which_databases_are_created() {
    for (more, intent, expected) in [
        ("", "", &["orders-db"][..]),
        ("{pg.connectionString};Database=stock", "", &["orders-db", "stock"]),
        ("{pg.connectionString};Database=orders-db", "", &["orders-db"]),
        ("postgresql://{pg.bindings.tcp.host}:{pg.bindings.tcp.port}/st%20ock", "", &["orders-db", "st ock"]),
        ("", "compatibility: 2", &[]),
        ("", "compatibility: 1", &[]),
        ("", "{compatibility: 1, defaults: {databases: connectionStrings}}", &["orders-db"]),
        ("", "{compatibility: 1, resources: {pg: {databases: connectionStrings}}}", &["orders-db"]),
        ("", "defaults: {databases: none}", &[]),
        ("", "resources: {pg: {databases: none}}", &[]),
        ("", "resources: {pg: {databases: []}}", &[]),
        ("", "resources: {pg: {databases: [b, a]}}", &["b", "a"]),
        // Not a server in this release.
        ("", "resources: {pg: {exclude: true}, api: {env: {ConnectionStrings__orders: x}}}", &[]),
        ("", "resources: {pg: {image: 'contoso/proxy:1'}}", &[]),
        ("", "resources: {pg: {env: {POSTGRES_PASSWORD: null}}}", &[]),
    ] {
        let (app, config) = of(&postgres(), more, intent).unwrap_or_else(|wrong| panic!("{intent}: {wrong}"));
        assert_eq!(created(&app), expected, "{more} {intent}");
        let by_number = !expected.is_empty() && intent.is_empty();
        assert_eq!(config.by_number.contains_key("pg-databases"), by_number, "{more} {intent}");
    }
}

#[test]
fn each_kind_of_server_has_its_login() {
    for (image, port, env, variables) in [
        (
            "postgis/postgis:17",
            5432,
            json!({"POSTGRES_USER": "u", "POSTGRES_PASSWORD": "p"}),
            &["PGUSER=u", "PGPASSWORD=p"][..],
        ),
        ("postgres:17", 5432, json!({"POSTGRES_HOST_AUTH_METHOD": "trust"}), &["PGUSER=postgres"]),
        ("mysql:9", 3306, json!({"MYSQL_ROOT_PASSWORD": "p"}), &["MYSQL_PWD=p"]),
        ("mariadb:11", 3306, json!({"MARIADB_ROOT_PASSWORD": "p"}), &["MYSQL_PWD=p"]),
        (
            "mcr.microsoft.com/mssql/server:2022-latest",
            1433,
            json!({"MSSQL_SA_PASSWORD": "p"}),
            &["SQLCMDPASSWORD=p", "SQLCMDUSER=sa"],
        ),
    ] {
        let (app, _) = of(&server(image, port, &env), "", "").unwrap();
        let found = texts(&app);
        for variable in variables {
            let (name, value) = variable.split_once('=').unwrap();
            assert!(found.contains(&(name, value)), "{image}: {found:?}");
        }
        let is_composed =
            |name: &str| app.workloads["pg-databases"].env.get(name).is_some_and(|it| it.as_text().is_none());
        assert!(["PGHOST", "MYSQL_HOST", "SQLCMDSERVER"].into_iter().any(is_composed), "{image}");
    }
}

#[test]
fn who_waits_for_a_database_waits_for_the_job() {
    let waits = |intent: &str| {
        let (app, config) = of(&postgres(), "", intent).unwrap();
        let waits: Vec<_> = app.workloads["api"].waits.iter().map(|wait| (wait.on.clone(), wait.until)).collect();
        (waits, config.by_number.contains_key("api"))
    };
    let ready = ("pg".to_owned(), WaitUntil::Ready);
    let completed = ("pg-databases".to_owned(), WaitUntil::Completed);
    let both = vec![ready.clone(), completed];
    assert_eq!(waits("resources: {api: {waitFor: [orders]}}"), (both.clone(), true));
    assert_eq!(
        waits("{compatibility: 1, resources: {pg: {databases: [orders-db]}, api: {waitFor: [orders]}}}"),
        (both, false)
    );
    for intent in [
        "resources: {api: {waitFor: [pg]}}",
        "resources: {api: {waitFor: references}}",
        "resources: {api: {waitFor: [orders]}, pg: {databases: none}}",
        "resources: {api: {waitFor: [orders]}, pg: {databases: [other]}}",
    ] {
        assert_eq!(waits(intent), (vec![ready.clone()], false), "{intent}");
    }
}

#[test]
fn the_file_may_say_more_of_the_job() {
    let intent = "resources: {pg: {image: 'mirror/postgres:16', tolerations: [{key: a}], nodeSelector: {a: b}}, \
                  pg-databases: {nodeSelector: {c: d}, securityContext: {runAsUser: 7}}}";
    let (app, config) = of(&postgres(), "", intent).unwrap();
    assert_eq!(app.workloads["pg-databases"].image, app.workloads["pg"].image);
    let job = &config.resources["pg-databases"];
    assert_eq!((job.node_selector.get("c").map(String::as_str), job.tolerations.len()), (Some("d"), 1));
    assert_eq!(job.security_context.as_ref().unwrap()["runAsUser"], 7);
    assert!(of(&postgres(), "", "{compatibility: 2, resources: {pg-databases: {labels: {a: b}}}}").is_err());
}

#[test]
fn a_script_of_the_app_host_creates_its_database() {
    let with = |script: &str| {
        let mut config = Config::default();
        config.from_app_host.creation_scripts.push(("orders".to_owned(), script.to_owned()));
        completed(&manifest(&postgres(), ""), &config).unwrap().0
    };
    let script = "CREATE DATABASE \"orders-db\" ENCODING 'UTF8' -- {x}";
    let app = with(script);
    assert_eq!(app.workloads["pg-databases"].env["DATABASE_0_CREATE"], Value::text(format!("{script}\n;")));
    // It would get the password into a variable that everybody may read.
    let app = with("CREATE DATABASE \"{pw.value}\"");
    assert_eq!(app.workloads["pg-databases"].env["DATABASE_0_CREATE"], Value::text("CREATE DATABASE \"orders-db\";"));
    assert!(app.notes.iter().any(|note| note.resource == "orders" && note.text.contains("creation script is not run")));
}

#[test]
fn what_is_not_created_is_told() {
    let pg = postgres();
    for (pg, more, intent, part) in [
        (
            &pg,
            "{pg.connectionString};Database={pw.value}",
            "",
            "more: its database is not created: its name is known only",
        ),
        (
            &pg,
            "{pg.connectionString};Database=a\u{7}b",
            "",
            "more: its database is not created: its name is too long, or",
        ),
        (
            &pg,
            "",
            "resources: {pg: {env: {POSTGRES_PASSWORD: null}}}",
            "orders: its database is not created: `pg` has no variable POSTGRES_PASSWORD",
        ),
    ] {
        let (app, _) = of(pg, more, intent).unwrap();
        let notes: Vec<String> = app.notes.iter().map(|note| format!("{}: {}", note.resource, note.text)).collect();
        assert!(notes.iter().any(|note| note.starts_with(part)), "{part}: {notes:?}");
    }
}

#[test]
fn where_none_can_be_created_the_key_is_refused() {
    for (intent, part) in [
        ("resources: {api: {databases: [a]}}", "resources.api.databases: `api` does not run as a server"),
        ("resources: {pw: {databases: [a]}}", "resources.pw.databases: `pw` does not run"),
        ("resources: {pg: {databases: [a], image: 'redis:8'}}", "`pg` runs `redis:8`, which is no PostgreSQL"),
        ("resources: {pg: {databases: [a], env: {POSTGRES_PASSWORD: null}}}", "no variable POSTGRES_PASSWORD"),
    ] {
        let wrong = of(&postgres(), "", intent).unwrap_err();
        assert!(wrong.contains(part), "{intent}: {wrong}");
    }
    let closed = json!({"type": "container.v0", "image": "postgres:17", "env": {"POSTGRES_PASSWORD": "p"}});
    assert!(of(&closed, "", "resources: {pg: {databases: [a]}}").unwrap_err().contains("no TCP endpoint"));
    let mut taken = manifest(&postgres(), "");
    taken.resources.insert("PG-Databases".to_owned(), taken.resources["api"].clone());
    let wrong = completed(&taken, &Config::default()).unwrap_err();
    assert!(wrong.contains("`PG-Databases` has the name of the Job") && wrong.contains("{databases: none}"), "{wrong}");
}

#[test]
fn an_environment_changes_no_structure() {
    let manifest = manifest(&postgres(), "");
    let environment = "{image: 'contoso/own:1', replicas: 0, env: {POSTGRES_USER: other}}";
    let base = config::parse(&format!("environments: {{test: {{resources: {{pg: {environment}}}}}}}")).unwrap();
    let config = base.for_environment("test").unwrap();
    let (manifest, config, found) = with_databases(&manifest, &config, &base);
    let app = found.and(resolve(&manifest, &config, "shop", &Sources::default())).unwrap();
    assert_eq!(app.workloads["pg-databases"].image, app.workloads["pg"].image);
    let texts = texts(&app);
    // Nobody waits for a server that has no pods, and its job ends at once.
    for expected in [("PGUSER", "other"), ("DATABASES", "0"), ("DATABASE_0", "orders-db")] {
        assert!(texts.contains(&expected), "{texts:?}");
    }
}

/// Databases of a server outside are somebody else's.
#[test]
fn nothing_is_created_on_a_server_that_takes_the_place_of_one() {
    let manifest = manifest(&postgres(), "");
    let with = "{replaceWith: {host: pg.example.com}}";
    let base = config::parse(&format!("environments: {{test: {{resources: {{pg: {with}}}}}}}")).unwrap();
    let config = base.for_environment("test").unwrap();
    let (there, config, found) = with_databases(&manifest, &config, &base);
    let app = found.and(resolve(&there, &config, "shop", &Sources::default())).unwrap();
    let texts = texts(&app);
    assert!(texts.contains(&("DATABASES", "0")), "{texts:?}");
    let base = config::parse(&format!("resources: {{pg: {with}}}")).unwrap();
    let (there, _, found) = with_databases(&manifest, &base, &base);
    assert!(found.0.is_empty() && !there.resources.contains_key("pg-databases"));
}
