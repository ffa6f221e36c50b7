//! `render --target compose`: what lands in folders, what of a configuration it holds, and what is said of the rest.
//!
//! That containers get the values that they must get is tested for every manifest in `tests/compose`.

use crate::aspire::{Ran, shown};
use crate::{aspire, inputs};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A folder with the manifest of these tests and this configuration.
fn application(config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(inputs().join("app.json"), folder.path().join("aspire-manifest.json")).unwrap();
    fs::write(folder.path().join("aspire-k8s.yaml"), format!("application: shop\n{config}")).unwrap();
    folder
}

/// Renders it beside its manifest.
fn render(folder: &Path, more: &[&str]) -> Ran {
    let start = aspire(["render", "--target", "compose", "--tag", "1", "-o"]).args([folder.join("out")]).args([folder]);
    start.args(more).run()
}

fn text(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join("out").join(file)).unwrap()
}

/// The services that a configuration makes, and what is said of it.
fn services(config: &str) -> (Value, String) {
    let folder = application(config);
    let ran = render(folder.path(), &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let document: Value = serde_yaml::from_str(&text(folder.path(), "docker-compose.yaml")).unwrap();
    (document["services"].clone(), ran.err)
}

#[test]
fn files_of_a_manifest() {
    let folder = application("");
    let ran = render(folder.path(), &[]);
    let mut report = shown("render", &ran, Some(folder.path()));
    for file in ["docker-compose.yaml", ".env"] {
        report.extend(["== ", file, "\n", &text(folder.path(), file), "\n"]);
    }
    insta::assert_snapshot!(report);
}

#[test]
fn intent_becomes_keys_of_compose() {
    let (services, said) = services(
        "defaults: {labels: {team: shop}}
waits: {image: a}
dashboard: {}
resources:
  api:
    replicas: 2
    imagePullPolicy: Always
    resources: {limits: {cpu: 500m, memory: 512Mi, nvidia.com/gpu: 1}, requests: {memory: 128M}}
    waitFor: [db]
    waitForStart: [worker]
    waitForCompletion: [job]
    terminationGracePeriodSeconds: 60
    security: restricted
    securityContext: {readOnlyRootFilesystem: true, runAsUser: 1654, runAsGroup: 1000, procMount: Default}
    serviceAccount: api
    probes: {readiness: /ready, liveness: /alive}
  job: {image: 'tool:1', runAs: {job: {backoffLimit: 2}}}
  worker:
    runAs: {cronJob: {schedule: '@daily'}}
    volumes: {work: {of: db}}
    waitFor: []
ingresses: {public: {class: nginx, paths: [{path: /, to: api}]}}
secrets: {from: sealed}
"
        .replace("    volumes: {work: {of: db}}\n", "")
        .replace("    waitForStart: [worker]\n", "")
        .as_str(),
    );
    let api = &services["api"];
    assert_eq!(
        api["deploy"],
        json!({"replicas": 2, "resources": {
        "limits": {"cpus": "0.5", "memory": "512m"}, "reservations": {"memory": "125000k"}}})
    );
    assert_eq!(
        api["depends_on"],
        json!({"db": {"condition": "service_healthy"},
        "job": {"condition": "service_completed_successfully"}})
    );
    assert_eq!((&api["pull_policy"], &api["stop_grace_period"]), (&json!("always"), &json!("60s")));
    assert_eq!((&api["user"], &api["read_only"]), (&json!("1654:1000"), &json!(true)));
    assert_eq!((&api["cap_drop"], &api["security_opt"]), (&json!(["ALL"]), &json!(["no-new-privileges:true"])));
    assert_eq!((&api["restart"], &api["labels"]), (&json!("unless-stopped"), &json!({"team": "shop"})));
    assert_eq!(api["healthcheck"], Value::Null);
    assert_eq!(api["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"], "http://aspire-dashboard:18889");
    assert_eq!(services["job"]["restart"], "no");
    assert_eq!(services["worker"]["profiles"], json!(["worker"]));
    let dashboard = &services["aspire-dashboard"];
    assert_eq!(dashboard["ports"], json!(["127.0.0.1:${ASPIRE_DASHBOARD_HTTP_PORT:?see .env}:18888"]));
    let test = &services["db"]["healthcheck"]["test"];
    let expected = "exec pg_isready -h 127.0.0.1 -p 5432 -U \"$${POSTGRES_USER:-postgres}\"";
    assert!(test[3].as_str().unwrap().starts_with(expected), "{test}");
    for part in [
        "api: a Compose file has no equivalent of `serviceAccount`",
        "api: `probes.readiness` (http) is left out",
        "api: `probes.liveness` is left out",
        "api: `securityContext.procMount` has no equivalent",
        "api: `resources.limits.nvidia.com/gpu` has no equivalent",
        "api: Compose has no load balancer: each of its 2 containers has a port of the host of its own, 80-81",
        "job: a Compose file has no equivalent of `backoffLimit` of `runAs`",
        "worker: Compose has no schedule (`@daily`)",
        "aspire-k8s.yaml: a Compose file has no equivalent of `ingresses`, `secrets.from`; every secret is a variable",
    ] {
        assert!(said.contains(part), "no {part} in\n{said}");
    }
}

#[test]
fn probes_become_health_checks_where_the_image_can_run_them() {
    let check = |probes: &str| {
        let (services, said) = services(&format!("resources: {{db: {{probes: {probes}}}, api: {{waitFor: [db]}}}}\n"));
        let db = &services["db"]["healthcheck"];
        let waits = services["api"]["depends_on"]["db"]["condition"].clone();
        (db.clone(), waits.as_str().unwrap().to_owned(), said)
    };
    let own = "{readiness: {exec: {command: [check, $HOME]}, periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 4, \
               initialDelaySeconds: 3}, startup: {periodSeconds: 2, failureThreshold: 30}}";
    let (db, waits, _) = check(own);
    assert_eq!(
        db,
        json!({"test": ["CMD", "check", "$$HOME"], "interval": "5s", "timeout": "2s", "retries": 4,
        "start_period": "63s"})
    );
    assert_eq!(waits, "service_healthy");
    let (db, waits, said) = check("{readiness: {tcp: {}}}");
    assert_eq!((db, waits.as_str()), (Value::Null, "service_started"));
    assert!(said.contains("api: it waits only until `db` has started, because `db` has no health check"), "{said}");
    let (db, waits, _) = check("none");
    assert_eq!((db, waits.as_str()), (json!({"disable": true}), "service_started"));
    let (db, _, _) = check("{readiness: {periodSeconds: 30}}");
    assert_eq!((&db["interval"], &db["start_period"]), (&json!("30s"), &json!("3600s")));
}

#[test]
fn volumes_and_files() {
    let folder = application(
        "sourceRoot: .\nresources: {api: {volumes: {own: {mountPath: /own}, orders: {of: db, mountPath: /shared}}}}\n",
    );
    let manifest = folder.path().join("aspire-manifest.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    json["resources"]["db"]["volumes"][0]["name"] = json!("shop.apphost-0123456789-orders");
    json["resources"]["db"]["bindMounts"] = json!([
        {"source": "conf", "target": "/etc/conf", "readOnly": true},
        {"source": "gone.ini", "target": "/etc/gone.ini", "readOnly": true},
    ]);
    fs::write(&manifest, json.to_string()).unwrap();
    fs::create_dir_all(folder.path().join("conf/inner")).unwrap();
    fs::write(folder.path().join("conf/inner/a b.conf"), "x $y\n").unwrap();
    let ran = render(folder.path(), &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let written = text(folder.path(), "docker-compose.yaml");
    let document: Value = serde_yaml::from_str(&written).unwrap();
    let db = &document["services"]["db"];
    assert_eq!(
        db["volumes"],
        json!([
            {"type": "volume", "source": "orders", "target": "/var/lib/postgresql/data"},
            {"type": "bind", "source": "./files/db/0-conf", "target": "/etc/conf", "read_only": true,
                "bind": {"create_host_path": false}},
            {"type": "bind", "source": "${DB_BINDMOUNT_1:?see .env}", "target": "/etc/gone.ini", "read_only": true,
                "bind": {"create_host_path": false}},
        ])
    );
    assert_eq!(
        document["services"]["api"]["volumes"],
        json!([
            {"type": "volume", "source": "api-own", "target": "/own"},
            {"type": "volume", "source": "orders", "target": "/shared"},
        ])
    );
    assert_eq!(document["volumes"], json!({"api-own": {}, "orders": {}, "work": {}}));
    assert_eq!(text(folder.path(), "files/db/0-conf/inner/a b.conf"), "x $y\n");
    assert!(!written.contains(folder.path().to_str().unwrap()), "{written}");
    // Compose starts a new container because the label is another one.
    let label = db["labels"]["aspire-k8s/files"].clone();
    fs::write(folder.path().join("conf/inner/a b.conf"), "changed\n").unwrap();
    fs::write(folder.path().join("conf/new.conf"), "").unwrap();
    render(folder.path(), &[]).ok();
    let document: Value = serde_yaml::from_str(&text(folder.path(), "docker-compose.yaml")).unwrap();
    assert_ne!(document["services"]["db"]["labels"]["aspire-k8s/files"], label);
    fs::remove_file(folder.path().join("conf/new.conf")).unwrap();
    fs::write(folder.path().join("out/files/mine"), "").unwrap();
    render(folder.path(), &[]).ok();
    assert!(
        !folder.path().join("out/files/db/0-conf/new.conf").exists(),
        "a file of the former render is still mounted"
    );
    assert!(folder.path().join("out/files/mine").exists(), "a file of the user is gone");
}

#[test]
fn an_environment_is_a_file_of_values() {
    let config = "resources: {api: {env: {LOG_LEVEL: debug}}}
environments:
  production:
    defaults: {tag: '2'}
    parameters: {currency: {value: it's USD}}
    resources: {api: {replicas: 3, env: {LOG_LEVEL: warning}, resources: {limits: {memory: 1Gi}}}}
  empty: {}
";
    let folder = application(config);
    let ran =
        aspire(["render", "--target", "compose", "-o"]).args([folder.path().join("out")]).args([folder.path()]).run();
    assert_eq!(ran.code, 0, "{}", ran.err);
    let values = |file: &str| -> BTreeMap<String, String> {
        let text = text(folder.path(), file);
        let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let production = [
        ("API_IMAGE", "'api:2'"),
        ("API_HTTP_PORT", "'80-82'"),
        ("API_LIMITS_MEMORY", "'1g'"),
        ("API_LOG_LEVEL", "'warning'"),
        ("API_REPLICAS", "'3'"),
        ("CURRENCY", "\"it's USD\""),
        ("WORKER_IMAGE", "'worker:2'"),
    ];
    let expected: BTreeMap<String, String> =
        production.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(values(".env.production"), expected);
    assert!(values(".env.empty").is_empty());
    let base = values(".env");
    assert_eq!((base["API_LOG_LEVEL"].as_str(), base["API_REPLICAS"].as_str()), ("'debug'", "'1'"));
    assert_eq!((base["API_LIMITS_MEMORY"].as_str(), base["CURRENCY"].as_str()), ("'0'", "'EUR'"));
    assert!(!base.contains_key("API_IMAGE") && text(folder.path(), ".env").contains("\n#API_IMAGE=\n"));
    // An environment that is gone takes its file with it.
    fs::write(folder.path().join("aspire-k8s.yaml"), "application: shop\n").unwrap();
    fs::write(folder.path().join("out/.env.mine"), "A=1\n").unwrap();
    render(folder.path(), &[]).ok();
    let there = |file: &str| folder.path().join("out").join(file).exists();
    assert!(!there(".env.production") && there(".env.mine"));
}

#[test]
fn what_is_refused() {
    let mut report = String::new();
    for (title, config, more) in [
        (
            "certificate",
            "certManager: {issuers: {own: {selfSigned: {}}}}\nresources: {api: {certificate: {issuer: own}}}\n",
            &[][..],
        ),
        ("new variable of an environment", "environments: {production: {resources: {api: {env: {NEW: a}}}}}\n", &[]),
        (
            "a composed value of an environment",
            "environments: {production: {resources: {api: {env: {CURRENCY: a}}}}}\n",
            &[],
        ),
        ("size", "resources: {api: {resources: {limits: {memory: lots}}}}\n", &[]),
        ("one volume for all", "resources: {db: {replicas: 2, volumes: {db-data: {perReplica: true}}}}\n", &[]),
        (
            "unknown volume",
            "resources: {db: {volumes: {none: {size: 1Gi}}, }, api: {volumes: {x: {of: db, mountPath: /x}}}}\n",
            &[],
        ),
        ("project name", "", &["--project-name", "My Shop"]),
        ("format", "", &["--format", "yaml"]),
        ("part", "", &["--part", "issuers"]),
        ("namespace", "", &["-n", "shop"]),
        ("secrets", "", &["--show-secrets"]),
    ] {
        let folder = application(config);
        let ran = render(folder.path(), more);
        report.push_str(&shown(title, &ran, Some(folder.path())));
        assert!(!folder.path().join("out").exists(), "{title}");
    }
    for line in
        ["render app.json --project-name x", "deploy app.json --target compose", "--target compose status app.json"]
    {
        report.push_str(&shown(line, &aspire(line.split(' ')).run(), None));
    }
    insta::assert_snapshot!(report);
}

#[test]
fn files_of_others_stay() {
    let folder = application("");
    let at = |file: &str| folder.path().join("out").join(file);
    fs::create_dir(folder.path().join("out")).unwrap();
    fs::write(at("README.md"), "mine").unwrap();
    render(folder.path(), &[]).ok();
    let first = fs::metadata(at(".env")).unwrap().modified().unwrap();
    render(folder.path(), &[]).ok();
    assert_eq!(fs::metadata(at(".env")).unwrap().modified().unwrap(), first, "an unchanged file was written");
    assert_eq!(render(folder.path(), &["--check"]).code, 0);
    assert_eq!(fs::read_to_string(at("README.md")).unwrap(), "mine");
    // Edited.
    let before = text(folder.path(), ".env");
    fs::write(at(".env"), before.replace("EUR", "USD")).unwrap();
    let ran = render(folder.path(), &[]);
    assert!(ran.code == 3 && ran.err.contains("error[generated-file-edited]"), "{} {}", ran.code, ran.err);
    let checked = render(folder.path(), &["--check"]);
    assert!(checked.code == 2 && checked.out.contains("-CURRENCY='USD'\n+CURRENCY='EUR'"), "{}", checked.out);
    render(folder.path(), &["--overwrite"]).ok();
    assert_eq!(text(folder.path(), ".env"), before);
    // Not ours.
    for (file, content) in [("docker-compose.yaml", "services: {}\n"), (".env", "A=1\n")] {
        let ours = fs::read(at(file)).unwrap();
        fs::write(at(file), content).unwrap();
        let ran = render(folder.path(), &["--overwrite"]);
        assert!(ran.code == 1 && ran.err.contains("was not written by kubectl aspire"), "{}", ran.err);
        assert_eq!(fs::read_to_string(at(file)).unwrap(), content);
        fs::write(at(file), ours).unwrap();
    }
}

/// What lies in the output folder can be of anyone.
#[cfg(unix)]
#[test]
fn links_lead_nowhere() {
    let folder = application("");
    let outside = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("aspire-manifest.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    json["resources"]["db"]["bindMounts"] = json!([{"source": "a.conf", "target": "/a.conf", "readOnly": true}]);
    fs::write(&manifest, json.to_string()).unwrap();
    fs::write(folder.path().join("a.conf"), "a\n").unwrap();
    fs::create_dir(folder.path().join("out")).unwrap();
    let link = folder.path().join("out/files");
    std::os::unix::fs::symlink(outside.path(), &link).unwrap();
    let ran = render(folder.path(), &[]);
    assert!(ran.code == 1 && ran.err.contains("is not a folder"), "{}", ran.err);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    fs::remove_file(&link).unwrap();
    render(folder.path(), &[]).ok();
    // A list of files that leads elsewhere removes nothing there.
    let compose = folder.path().join("out/docker-compose.yaml");
    let victim = outside.path().join("victim");
    fs::write(&victim, "").unwrap();
    let name = format!("files/../../{}", victim.file_name().unwrap().to_str().unwrap());
    let edited = fs::read_to_string(&compose).unwrap().replace("#   files/db/", &format!("#   {name}\n#   files/db/"));
    fs::write(&compose, edited).unwrap();
    fs::write(folder.path().join("victim"), "").unwrap();
    render(folder.path(), &["--overwrite"]).ok();
    assert!(folder.path().join("victim").exists() && victim.exists());
}

#[test]
fn standard_output_and_steps() {
    let all = aspire(["render", "app.json", "--target=docker-compose", "--tag", "1", "-o", "-"]).run().ok();
    for part in ["# Source: .env\n", "# Source: docker-compose.yaml\n", "\nname: \"cli\"\n"] {
        assert!(all.contains(part), "{all}");
    }
    let steps = aspire(["render", "--target", "compose", "--list-steps"]).run().ok();
    assert!(steps.contains("publish-compose"), "{steps}");
    let named = aspire(["render", "app.json", "--target", "compose", "--project-name", "shop-2", "-o", "-"]).run().ok();
    assert!(named.contains("\nname: \"shop-2\"\n"), "{named}");
}

/// The page keeps its word: its commands are run in the example as they are, what it shows of files is in them, and the files
/// that it gives to Docker are there. There is no engine here, so no line of `docker` is run.
#[test]
fn the_page_says_what_happens() {
    let page = include_str!("../../docs/compose.md");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    for name in ["aspire-manifest.json", "aspire-k8s.yaml"] {
        fs::copy(root.join("examples/shop").join(name), folder.path().join(name)).unwrap();
    }
    let block = |kind: &str| -> Vec<&str> {
        let start = format!("```{kind}\n");
        let blocks = page.split(start.as_str()).skip(1);
        blocks.flat_map(|block| block.split("```").next().unwrap().lines()).collect()
    };
    let mut commands = 0;
    let mut said = String::new();
    for line in block("console") {
        if let Some(command) = line.strip_prefix("$ kubectl aspire ") {
            let ran = aspire(command.split(' ')).within(folder.path()).run();
            assert_eq!(ran.code, 0, "{command}: {}", ran.err);
            (commands, said) = (commands + 1, ran.out + &ran.err);
        } else {
            assert!(said.lines().any(|it| it == line), "no line {line} in\n{said}");
        }
    }
    assert_eq!(commands, 1);
    let written = fs::read_to_string(folder.path().join("compose/docker-compose.yaml")).unwrap();
    let shown = block("yaml");
    assert!(!shown.is_empty());
    let lines: Vec<&str> = written.lines().collect();
    assert!(lines.windows(shown.len()).any(|part| part == shown), "{shown:#?} is not in\n{written}");
    let env = fs::read_to_string(folder.path().join("compose/.env")).unwrap();
    let (mut files, mut variables) = (0, 0);
    for line in block("sh") {
        let words: Vec<&str> = line.split(' ').collect();
        for pair in words.windows(2).filter(|pair| pair[0] == "--env-file" && !pair[1].starts_with('~')) {
            assert!(folder.path().join("compose").join(pair[1]).exists(), "{line}: {}", pair[1]);
            files += 1;
        }
        if let Some((name, _)) = line.split_once("='").filter(|(name, _)| !name.contains(' ')) {
            assert!(env.contains(&format!("\n#{name}=\n")), "{name} is not asked for in\n{env}");
            variables += 1;
        }
    }
    assert!(files >= 4, "{files}");
    let asked = env.lines().filter(|line| line.starts_with('#') && line.ends_with('=')).count();
    assert_eq!(variables, asked, "the page does not name all variables of\n{env}");
}
