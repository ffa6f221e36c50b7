//! What the variables of a .NET server say of listening when it has no certificate.
//!
//! This module must not follow references: it reads and writes texts of the manifest.

use super::ports;
use serde_json::Value;
use std::collections::BTreeMap;

/// The variables of a resource as they must be.
pub(super) fn variables(name: &str, resource: &Value) -> BTreeMap<String, String> {
    let env = resource["env"].as_object().into_iter().flatten();
    let mut env: BTreeMap<String, String> =
        env.filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned()))).collect();
    if !ports::is_dotnet(resource) {
        return env;
    }
    kestrel(resource, &mut env);
    for name in ["URLS", "ASPNETCORE_URLS"] {
        if let Some(urls) = env.get_mut(name).filter(|urls| urls.contains("https://")) {
            let kept: Vec<&str> = urls.split(';').filter(|url| !url.starts_with("https://")).collect();
            *urls = if kept.is_empty() { urls.replace("https://", "http://") } else { kept.join(";") };
        }
    }
    env.retain(|name, _| !name.ends_with("HTTPS_PORTS"));
    let listens = |name: &String| name.ends_with("URLS") || name.ends_with("HTTP_PORTS") || is_endpoint(name);
    if ports::is_https_alone(resource) && !env.keys().any(listens) {
        let bindings = resource["bindings"].as_object();
        let first = bindings.and_then(|it| it.iter().find(|(_, binding)| binding["scheme"] == "https"));
        env.extend(
            first.map(|(first, _)| ("HTTP_PORTS".to_owned(), format!("{{{name}.bindings.{first}.targetPort}}"))),
        );
    }
    env
}

/// Endpoints of Kestrel listen in clear, each on a port that no other has.
fn kestrel(resource: &Value, env: &mut BTreeMap<String, String>) {
    let is_http = |(name, text): (&String, &String)| is_endpoint(name) && text.starts_with("http://");
    let mut has_http = env.iter().any(is_http);
    let mut taken: Vec<u64> = ports::of(resource).iter().map(|port| port.target).collect();
    // In the order of the manifest.
    let names: Vec<String> = resource["env"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    for name in names.iter().filter(|name| is_endpoint(name)) {
        let Some(text) = env.get_mut(name).filter(|text| text.starts_with("https://")) else { continue };
        if has_http {
            let binding = text.split('.').nth(2).unwrap_or_default();
            let own = resource["bindings"][binding]["targetPort"].as_u64().filter(|port| !taken.contains(port));
            let port = own.or_else(|| (8081..65536).find(|port| !taken.contains(port))).unwrap_or_default();
            taken.push(port);
            let host = text["https://".len()..].rsplit_once(':').map_or("", |(host, _)| host);
            *text = format!("http://{host}:{port}");
        } else {
            *text = text.replace("https://", "http://");
            has_http = true;
        }
    }
}

fn is_endpoint(name: &str) -> bool {
    name.starts_with("Kestrel__Endpoints__") && name.ends_with("__Url")
}
