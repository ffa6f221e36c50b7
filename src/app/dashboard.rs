//! The Aspire dashboard as an additional workload, and the variables with which other workloads send telemetry to it.

use super::environment::of_dashboard;
use super::telemetry::{OTLP_ENDPOINT, names_receiver, ports};
use super::value::{Form, Part, Side, Value};
use super::values::Values;
use super::{Image, Telemetry, Workload};
use crate::config::{Config, Dashboard, intent_place};
use crate::manifest::{Generate, Kind, Manifest};
use crate::support::diagnostic::{Code, Diagnostic};
use indexmap::IndexMap;

const OTLP_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const OTLP_HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// The input that opens the dashboard in a browser.
const BROWSER_TOKEN: &str = "dashboard.browser-token";
/// The input that a sender of telemetry shows.
const OTLP_KEY: &str = "dashboard.otlp-key";

/// As Aspire makes its own: the key stands in a header between `,` and `=`, so letters and digits only.
const GENERATE: Generate = Generate {
    min_length: 32,
    lower: true,
    upper: true,
    numeric: true,
    special: false,
    min_lower: 0,
    min_upper: 0,
    min_numeric: 0,
    min_special: 0,
};

/// Adds the dashboard, and leads telemetry to it.
pub(super) fn add(
    dashboard: &Dashboard,
    manifest: &Manifest,
    config: &Config,
    workloads: &mut IndexMap<String, Workload>,
    values: &mut Values,
) {
    let name = dashboard.name();
    let is_theirs = |resource: &str| !workloads.contains_key(resource) && of_dashboard(manifest, resource).is_some();
    let mut others = manifest.resources.keys().filter(|resource| !is_theirs(resource));
    if let Some(taken) = others.find(|resource| resource.eq_ignore_ascii_case(name)) {
        let diagnostic = Diagnostic::new(
            Code::NameCollision,
            intent_place("dashboard.name"),
            format!("the manifest has a resource `{taken}`"),
        );
        values.diagnostic(diagnostic.hint("set another name: `dashboard: {name: ...}`"));
        return;
    }
    values.generated(name, BROWSER_TOKEN, GENERATE, "the dashboard asks for it in the browser");
    values.generated(name, OTLP_KEY, GENERATE, "the dashboard takes telemetry from who has it");
    for (resource, workload) in workloads.iter_mut() {
        let is_project = matches!(&manifest.resources[resource].kind, Kind::Project { .. });
        if is_project || workload.env.keys().any(|variable| variable.starts_with("OTEL_")) {
            lead_telemetry(dashboard, config, workload, values);
        }
    }
    workloads.insert(name.to_owned(), workload(dashboard));
}

fn workload(dashboard: &Dashboard) -> Workload {
    let text = |name: &str, value: &str| (name.to_owned(), Value::text(value));
    let secret = |name: &str, input: &str| (name.to_owned(), Value::part(secret(input)));
    let mut env = IndexMap::from([
        text("ASPNETCORE_URLS", "http://+:18888"),
        text("DASHBOARD__FRONTEND__AUTHMODE", "BrowserToken"),
        secret("DASHBOARD__FRONTEND__BROWSERTOKEN", BROWSER_TOKEN),
        text("DASHBOARD__OTLP__AUTHMODE", "ApiKey"),
        secret("DASHBOARD__OTLP__PRIMARYAPIKEY", OTLP_KEY),
    ]);
    if dashboard.forwarded_headers == Some(true) {
        env.extend([text("ASPIRE_DASHBOARD_FORWARDEDHEADERS_ENABLED", "true")]);
    }
    env.extend(dashboard.env.iter().map(|(name, value)| text(name, value)));
    let image = Image::Reference(dashboard.image().to_owned());
    Workload { is_dotnet: true, env, ports: ports(dashboard), ..Workload::new(dashboard.name(), image) }
}

/// What the manifest or the file says of telemetry stays; where it names a receiver, ours and its key are none of theirs.
/// What is composed stays while the dashboard is switched off, because that is a value: the templates leave it out.
fn lead_telemetry(dashboard: &Dashboard, config: &Config, workload: &mut Workload, values: &mut Values) {
    let overrides = config.resources.get(&workload.name).map(|intent| &intent.env);
    let said: Vec<&String> = workload.env.keys().chain(overrides.into_iter().flat_map(IndexMap::keys)).collect();
    if said.iter().any(|name| names_receiver(name)) {
        let is_sent = workload.env.keys().any(|name| names_receiver(name));
        if is_sent && said.iter().all(|name| *name != SERVICE_NAME) {
            workload.env.insert(SERVICE_NAME.to_owned(), Value::text(&workload.name));
        }
        return;
    }
    let speaks_http = workload.env.get(OTLP_PROTOCOL).and_then(literal).is_some_and(|text| text.starts_with("http/"));
    let binding = if speaks_http { "otlp-http" } else { "otlp-grpc" };
    let (to, binding) = (dashboard.name().to_owned(), binding.to_owned());
    let mut endpoint = Value::text("http://");
    endpoint.push(Part::Host { workload: to.clone(), switched: false });
    endpoint.push(Part::Text(":".into()));
    endpoint.push(Part::Port { workload: to.clone(), binding, side: Side::Client });
    let mut headers = Value::text("x-otlp-api-key=");
    headers.push(secret(OTLP_KEY));
    let composed = [(OTLP_ENDPOINT, endpoint), (OTLP_HEADERS, headers)];
    let own = Value::text(&workload.name);
    let plain = [(OTLP_PROTOCOL, Value::text("grpc")), (SERVICE_NAME, own)];
    let plain = plain.into_iter().filter(|_| dashboard.is_enabled());
    let is_free = |name: &str| said.iter().all(|said| *said != name);
    let (composed, plain): (Vec<_>, Vec<_>) = (
        composed.into_iter().filter(|(name, _)| is_free(name)).collect(),
        plain.filter(|(name, _)| is_free(name)).collect(),
    );
    if composed.len() < 2 {
        let text = format!(
            "{OTLP_HEADERS} is already set: the dashboard accepts telemetry only if it contains the \
        API key"
        );
        values.note(&workload.name, text);
    } else {
        values.needs(&workload.name, OTLP_KEY);
    }
    let variables = composed.iter().map(|(name, _)| *name).collect();
    workload.env.extend(composed.into_iter().chain(plain).map(|(name, value)| (name.to_owned(), value)));
    workload.telemetry = Some(Telemetry { receiver: to, variables });
}

fn literal(value: &Value) -> Option<&str> {
    match value.parts() {
        [Part::Text(text)] => Some(text),
        _ => None,
    }
}

fn secret(input: &str) -> Part {
    Part::Input { name: input.to_owned(), form: Form::Plain }
}
