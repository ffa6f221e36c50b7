//! A first `aspire-k8s.yaml` for a manifest: the keys that every file has, and suggestions as comments, each only if it applies.
//! Pure: an application and its manifest in, text out. This module must not decide what a deploy does; it only shows keys.

use crate::app::{App, Image, Input, Workload};
use crate::config::compatibility::NEWEST;
use crate::config::{FromAppHost, is_application_name};
use crate::manifest::{Kind, Manifest, Source};
use crate::support::literal::yaml;
use std::fmt::Write as _;

/// The JSON schema for editors, in the same folder.
pub(crate) const SCHEMA: &str = "aspire-k8s.schema.json";

/// A group of suggestions: the reason, and the commented-out lines.
struct Suggestion {
    why: String,
    lines: Vec<String>,
}

/// The text of the file.
pub(crate) fn first_config(app: &App, manifest: &Manifest, from: &FromAppHost) -> String {
    let mut out = format!(
        "# yaml-language-server: $schema={SCHEMA}\n\
         # Lines with `#` and a key are suggestions for this manifest. To use one, remove the `#` from it and from its\n\
         # parent keys. `kubectl aspire schema` prints all keys.\n\
         apiVersion: aspire-k8s/v1\n\
         {application}\
         # Version of the defaults for pods. A newer one can restart pods, so it changes only if you change it here.\n\
         compatibility: {NEWEST}\n",
        application = application(app)
    );
    let all = [
        images(app),
        parameters(app),
        resources(app, manifest, from),
        ingress(app),
        dashboard(manifest),
        environment(app),
    ];
    for Suggestion { why, lines } in all.into_iter().flatten() {
        // Writing to a String cannot fail.
        let _ = write!(out, "\n# {why}\n");
        out.extend(lines.iter().flat_map(|line| ["#", line, "\n"]));
    }
    out
}

fn suggest(why: impl Into<String>, lines: Vec<String>) -> Suggestion {
    Suggestion { why: why.into(), lines }
}

/// The name of the application, if it is a valid one: it can be the name of any folder.
fn application(app: &App) -> String {
    if is_application_name(&app.name) { format!("application: {}\n", yaml(&app.name)) } else { String::new() }
}

/// Names for a sentence, at most eight.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const MOST: usize = 8;
    let names: Vec<String> = names.map(|name| format!("{name:?}").trim_matches('"').to_owned()).collect();
    match names.len().checked_sub(MOST) {
        Some(more @ 1..) => format!("{} and {more} more", names[..MOST].join(", ")),
        _ => names.join(", "),
    }
}

fn images(app: &App) -> Option<Suggestion> {
    let built: Vec<&str> = app.workloads.values().filter(|it| it.is_built()).map(|it| it.name.as_str()).collect();
    if built.is_empty() {
        return None;
    }
    Some(suggest(
        format!("Registry and tag of the images that are built from this application: {}.", listed(built.into_iter())),
        vec!["defaults:".into(), "  registry: ghcr.io/owner/project".into(), "  tag: \"1.0\"".into()],
    ))
}

fn parameters(app: &App) -> Option<Suggestion> {
    let is_asked = |input: &Input| input.default.is_none() && input.generate.is_none() && input.reason.is_none();
    let asked: Vec<_> = app.inputs.iter().filter(|(_, input)| is_asked(input)).collect();
    if asked.is_empty() {
        return None;
    }
    let mut lines = vec!["parameters:".to_owned()];
    lines.extend(asked.iter().map(|(name, input)| {
        let key = yaml(name);
        if input.secret {
            format!("  {key}: {{from: {{existing: {{name: a-secret, key: {key}}}}}}}")
        } else {
            format!("  {key}: {{value: \"\"}}")
        }
    }));
    Some(suggest("Parameters without a default. `deploy` prompts for each one without a value here.", lines))
}

fn resources(app: &App, manifest: &Manifest, from: &FromAppHost) -> Option<Suggestion> {
    let mut lines = Vec::new();
    for (name, resource) in &manifest.resources {
        let mut own = Vec::new();
        match (app.workloads.get(name), &resource.kind) {
            (Some(workload), kind) => of_workload(workload, kind, from, &mut own),
            (None, Kind::Executable { .. } | Kind::Container(Source::Missing)) => {
                own.push("    image: ghcr.io/owner/image:1.0  # without an image it is not deployed".to_owned());
            }
            (None, _) => {}
        }
        if !own.is_empty() {
            lines.push(format!("  {}:", yaml(name)));
            lines.append(&mut own);
        }
    }
    if lines.is_empty() {
        return None;
    }
    lines.insert(0, "resources:".to_owned());
    Some(suggest("Settings that the manifest does not have.", lines))
}

fn of_workload(workload: &Workload, kind: &Kind, from: &FromAppHost, lines: &mut Vec<String>) {
    let says = |key: &str| from.sets(&workload.name, key);
    if matches!(kind, Kind::Project { .. }) && !workload.ports.is_empty() && !says("probes.readiness") {
        lines
            .push("    probes: serviceDefaults  # if it maps /health and /alive outside of Development too".to_owned());
    }
    if workload.image == Image::Built && workload.volumes.is_empty() && !says("replicas") && !says("runAs") {
        lines.push("    replicas: 2".to_owned());
    }
    if !workload.volumes.is_empty() {
        lines.push("    volumes:".to_owned());
        let size = |name: &str| format!("      {}: {{size: 1Gi}}", yaml(name));
        lines.extend(workload.volumes.iter().map(|volume| size(&volume.name)));
    }
}

/// An Ingress for external endpoints.
fn ingress(app: &App) -> Option<Suggestion> {
    let is_public = |workload: &&Workload| {
        workload.ports.values().any(|port| port.external && ["http", "https"].contains(&port.scheme.as_str()))
    };
    let public: Vec<&str> = app.workloads.values().filter(is_public).map(|it| it.name.as_str()).collect();
    let first = public.first()?;
    let mut lines: Vec<String> =
        ["ingresses:", "  public:", "    class: nginx", "    hosts: [shop.example.com]", "    paths:"]
            .map(str::to_owned)
            .into();
    lines.push(format!("      - {{path: /, to: {}}}", yaml(first)));
    Some(suggest(format!("An Ingress. Resources with external endpoints: {}.", listed(public.into_iter())), lines))
}

fn dashboard(manifest: &Manifest) -> Option<Suggestion> {
    let has_project = manifest.resources.values().any(|resource| matches!(resource.kind, Kind::Project { .. }));
    has_project.then(|| suggest("The Aspire dashboard, deployed with the application.", vec!["dashboard: {}".into()]))
}

fn environment(app: &App) -> Option<Suggestion> {
    let scaled = app.workloads.values().find(|it| it.is_built() && it.volumes.is_empty())?;
    let lines = [
        "environments:".to_owned(),
        "  production:".to_owned(),
        "    release: {namespace: production}".to_owned(),
        "    resources:".to_owned(),
        format!("      {}: {{replicas: 3}}", yaml(&scaled.name)),
    ];
    Some(suggest("Values for `-e production`.", lines.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Sources, resolve};
    use crate::config::{self, Config};
    use crate::manifest;

    /// The file for a manifest, and the same with every suggestion taken.
    fn both(resources: &str) -> (String, String) {
        let manifest = manifest::parse(format!("{{\"resources\": {resources}}}").as_bytes()).unwrap();
        let app = resolve(&manifest, &Config::default(), "shop", &Sources::default()).unwrap();
        let text = first_config(&app, &manifest, &FromAppHost::default());
        let taken = |line: &str| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') || rest.starts_with("  ") => rest.to_owned(),
            _ => line.to_owned(),
        };
        let all = text.lines().map(taken).collect::<Vec<_>>().join("\n");
        (text, all)
    }

    const SHOP: &str = r#"{
        "db": {"type": "container.v0", "image": "postgres:16", "volumes": [{"name": "data", "target": "/var/lib/postgresql/data", "readOnly": false}]},
        "api-key": {"type": "parameter.v0", "value": "{api-key.inputs.value}", "inputs": {"value": {"type": "string", "secret": true}}},
        "region": {"type": "parameter.v0", "value": "{region.inputs.value}", "inputs": {"value": {"type": "string"}}},
        "npm": {"type": "executable.v0", "workingDirectory": "web", "command": "npm", "args": ["start"]},
        "web": {"type": "project.v0", "path": "web.csproj", "env": {"K": "{api-key.value}{region.value}"},
            "bindings": {"http": {"scheme": "http", "protocol": "tcp", "transport": "http", "external": true}}}
    }"#;

    #[test]
    fn every_suggestion_is_a_configuration_for_the_manifest() {
        let (text, all) = both(SHOP);
        insta::assert_snapshot!(text);
        let config = config::parse(&all).unwrap_or_else(|wrong| panic!("{wrong}\n{all}"));
        let manifest = manifest::parse(format!("{{\"resources\": {SHOP}}}").as_bytes()).unwrap();
        let app = resolve(&manifest, &config, "shop", &Sources::default()).unwrap();
        assert!(app.workloads.contains_key("npm") && config.environments.contains_key("production"), "{all}");
        assert_eq!(config::parse(&text).unwrap().compatibility, Some(NEWEST));
    }

    #[test]
    fn nothing_is_suggested_that_does_not_apply() {
        let (text, _) = both(r#"{"cache": {"type": "container.v0", "image": "redis:7"}}"#);
        for absent in ["defaults", "parameters", "resources:", "ingresses", "dashboard", "environments"] {
            assert!(!text.contains(&format!("#{absent}")), "{absent}: {text}");
        }
    }
}
