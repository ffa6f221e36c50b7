//! The Aspire dashboard beside an application: what the chart holds, and what helm makes of it in each environment.

use crate::helm::{self, NEWEST, OLDEST};
use crate::program::{aspire, render};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const MANIFEST: &str = r#"{"resources": {
  "api": {
    "type": "project.v0", "path": "Api/Api.csproj",
    "env": {"OTEL_DOTNET_EXPERIMENTAL_OTLP_RETRY": "in_memory"},
    "bindings": {"http": {"scheme": "http", "protocol": "tcp", "transport": "http"}}
  },
  "python": {"type": "container.v0", "image": "python:3", "env": {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}},
  "cache": {"type": "container.v0", "image": "redis:8", "env": {"X": "y"}},
  "elsewhere": {
    "type": "project.v0", "path": "B/B.csproj",
    "env": {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4317"}
  },
  "silent": {"type": "project.v0", "path": "C/C.csproj"},
  "own-headers": {"type": "project.v0", "path": "D/D.csproj", "env": {"OTEL_EXPORTER_OTLP_HEADERS": "a=b"}}
}}"#;

const INTENT: &str = "
dashboard: {otlpPorts: {grpc: 4317}, forwardedHeaders: true, env: {DASHBOARD__TELEMETRYLIMITS__MAXLOGCOUNT: '5000'}}
resources:
  silent: {env: {OTEL_EXPORTER_OTLP_ENDPOINT: null}}
environments:
  production: {dashboard: {enabled: false}}
  staging:
    dashboard: {image: 'mirror.contoso.com/dashboard:1', otlpPorts: {grpc: 5317}, forwardedHeaders: false}
    resources: {api: {env: {OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317'}}}
";

const SECRETS: &str = "parameters: {dashboard.browser-token: TOKEN, dashboard.otlp-key: KEY}\n";

struct Chart(TempDir);

impl Chart {
    fn rendered(intent: &str) -> Self {
        let chart = Self(TempDir::new().expect("there should be room for a folder"));
        fs::write(chart.file("app/aspire-manifest.json"), MANIFEST).expect("writable");
        fs::write(chart.file("app/aspire-k8s.yaml"), intent).expect("writable");
        fs::write(chart.file("secrets.yaml"), SECRETS).expect("writable");
        render(&chart.file("app"), &chart.folder(), &[]).expect("`render`");
        chart
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("chart")
    }

    fn file(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("writable");
        path
    }

    /// The objects in an environment, with the secrets as plain helm takes them.
    fn objects(&self, version: &str, environment: Option<&str>, given: Option<&Path>) -> Vec<Value> {
        let mut values = given.map(|file| fs::read_to_string(file).expect("readable")).unwrap_or_default();
        if let Some(name) = environment {
            values += &fs::read_to_string(self.folder().join(format!("values-{name}.yaml"))).expect("its values");
        }
        let file = self.file("values.yaml");
        fs::write(&file, values).expect("writable");
        helm::objects(version, &self.folder(), &file)
    }
}

fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// The variables of telemetry that a workload gets, sorted; a reference to a Secret as `NAME<-key`.
fn telemetry(objects: &[Value], workload: &str) -> Vec<String> {
    let config = &named(objects, "ConfigMap", &format!("{workload}-config"))["data"];
    let config = config.as_object().into_iter().flatten();
    let mut said: Vec<String> =
        config.map(|(name, value)| format!("{name}={}", value.as_str().expect("text"))).collect();
    let pod = &named(objects, "Deployment", workload)["spec"]["template"]["spec"];
    for variable in pod["containers"][0]["env"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str().expect("text");
        match variable["valueFrom"]["secretKeyRef"]["key"].as_str() {
            Some(key) => said.push(format!("{name}<-{key}")),
            None => said.push(format!("{name}={}", variable["value"].as_str().expect("text"))),
        }
    }
    said.retain(|line| line.contains("OTLP") || line.contains("OTEL"));
    said.sort();
    said
}

const KEY: &str = "ASPIRE_SECRET_DASHBOARD_OTLP_KEY<-dashboard.otlp-key";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS=x-otlp-api-key=$(ASPIRE_SECRET_DASHBOARD_OTLP_KEY)";
const RETRY: &str = "OTEL_DOTNET_EXPERIMENTAL_OTLP_RETRY=in_memory";

#[test]
fn telemetry_goes_to_the_dashboard_unless_somebody_named_another_receiver() {
    if !helm::ready() {
        return;
    }
    let chart = Chart::rendered(INTENT);
    for version in [NEWEST, OLDEST] {
        let objects = chart.objects(version, None, Some(&chart.file("secrets.yaml")));
        let wanted = [
            KEY,
            RETRY,
            "OTEL_EXPORTER_OTLP_ENDPOINT=http://aspire-dashboard:4317",
            HEADERS,
            "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
            "OTEL_SERVICE_NAME=api",
        ];
        assert_eq!(telemetry(&objects, "api"), wanted);
        let wanted = [
            KEY,
            "OTEL_EXPORTER_OTLP_ENDPOINT=http://aspire-dashboard:18890",
            HEADERS,
            "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
            "OTEL_SERVICE_NAME=python",
        ];
        assert_eq!(telemetry(&objects, "python"), wanted, "it speaks HTTP");
        assert_eq!(telemetry(&objects, "cache"), [""; 0], "no project, and nothing says that it has telemetry");
        assert_eq!(
            telemetry(&objects, "elsewhere"),
            ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://collector:4317", "OTEL_SERVICE_NAME=elsewhere"],
            "another receiver gets the name of the service, and neither the key nor other variables"
        );
        assert_eq!(telemetry(&objects, "silent"), [""; 0], "null means none");
        assert!(telemetry(&objects, "own-headers").contains(&"OTEL_EXPORTER_OTLP_HEADERS=a=b".to_owned()));

        let dashboard = named(&objects, "Deployment", "aspire-dashboard");
        assert_eq!(dashboard["spec"]["replicas"], 1);
        let text = dashboard.to_string() + &named(&objects, "ConfigMap", "aspire-dashboard-config").to_string();
        for part in ["BrowserToken", "ApiKey", "MAXLOGCOUNT", "FORWARDEDHEADERS_ENABLED\":\"true"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("Unsecured") && !text.contains("TOKEN\":\"TOKEN"), "{text}");
        let service = named(&objects, "Service", "aspire-dashboard");
        assert_eq!(service["spec"]["type"], "ClusterIP");
        let ports: Vec<(&str, u64)> = service["spec"]["ports"].as_array().expect("a list").iter().map(port).collect();
        assert_eq!(ports, [("http", 18888), ("otlp-grpc", 4317), ("otlp-http", 18890)]);
    }
}

fn port(port: &Value) -> (&str, u64) {
    (port["name"].as_str().expect("text"), port["port"].as_u64().expect("a number"))
}

#[test]
fn switched_off_it_has_no_pods_and_nothing_points_to_it() {
    if !helm::ready() {
        return;
    }
    let chart = Chart::rendered(INTENT);
    // Nothing needs its secrets either.
    let objects = chart.objects(NEWEST, Some("production"), Some(&chart.file("secrets.yaml")));
    assert_eq!(named(&objects, "Deployment", "aspire-dashboard")["spec"]["replicas"], 0);
    assert_eq!(telemetry(&objects, "api"), [RETRY]);
    assert_eq!(telemetry(&objects, "python"), ["OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"]);
}

#[test]
fn an_environment_has_another_image_other_ports_or_another_receiver() {
    if !helm::ready() {
        return;
    }
    let chart = Chart::rendered(INTENT);
    let objects = chart.objects(NEWEST, Some("staging"), Some(&chart.file("secrets.yaml")));
    assert_eq!(
        telemetry(&objects, "api"),
        [RETRY, "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4317", "OTEL_SERVICE_NAME=api"],
        "the key of the dashboard is not for the collector"
    );
    let dashboard = named(&objects, "Deployment", "aspire-dashboard").to_string();
    assert!(dashboard.contains("mirror.contoso.com/dashboard:1"), "{dashboard}");
    let config = named(&objects, "ConfigMap", "aspire-dashboard-config").to_string();
    assert!(!config.contains("FORWARDEDHEADERS"), "{config}");
    let own = telemetry(&objects, "own-headers");
    assert!(own.contains(&"OTEL_EXPORTER_OTLP_ENDPOINT=http://aspire-dashboard:5317".to_owned()), "{own:?}");
}

#[test]
fn without_the_key_there_is_none_and_its_inputs_are_its_own() {
    let chart = Chart::rendered("release: {name: x}\n");
    let values = fs::read_to_string(chart.folder().join("values.yaml")).expect("readable");
    assert!(!values.contains("dashboard") && !values.contains("SERVICE_NAME"), "{values}");

    let parameter =
        r#""dashboard.otlp-key": {"type": "parameter.v0", "value": "x", "inputs": {"value": {"type": "string"}}},"#;
    let manifest = MANIFEST.replacen("\"api\"", &format!("{parameter} \"api\""), 1);
    fs::write(chart.file("app/aspire-manifest.json"), manifest).expect("writable");
    fs::write(chart.file("app/aspire-k8s.yaml"), INTENT).expect("writable");
    let refused = aspire(&[Path::new("render"), &chart.file("app"), Path::new("-o"), &chart.folder()]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("`dashboard.otlp-key` is reserved for the dashboard"), "{}", refused.err);
}
