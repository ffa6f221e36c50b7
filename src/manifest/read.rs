//! From the JSON tree to the typed manifest.

use indexmap::IndexMap;

use super::node::Node;
use super::place::Findings;
use super::{Dapr, Kind, Manifest, Resource, Source, build, parts, tree};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};

/// Reads a manifest of any Aspire version, or says everything that is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Manifest, Diagnostics> {
    let mut found = Findings::default();
    let value = tree::tree(bytes, &mut found)?;
    let manifest = manifest(&Node::root(&value), &mut found);
    found.or(manifest)
}

fn manifest(root: &Node<'_>, found: &mut Findings) -> Manifest {
    let mut manifest = Manifest::default();
    if !root.value.is_object() {
        root.expected::<()>("an object that holds the `resources` of an Aspire application", found);
        return manifest;
    }
    let (resources, components) = (root.get("resources"), root.get("components"));
    if let (Some(_), Some(components)) = (&resources, &components) {
        components.wrong(
            Code::ConflictingKeys,
            "`components` is the old name of `resources`, and the manifest has both",
            found,
        );
    }
    let Some(resources) = resources.or(components) else {
        let diagnostic = Diagnostic::new(Code::NotAManifest, "", "the manifest has no `resources`");
        found.add(diagnostic.hint("is this really an aspire-manifest.json? Run Aspire's publish step to write one"));
        return manifest;
    };
    for (name, node) in resources.entries(found) {
        check_name(name, &node, found);
        manifest.resources.insert(name.to_owned(), resource(&node, found));
    }
    manifest
}

fn check_name(name: &str, node: &Node<'_>, found: &mut Findings) {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() {
        node.wrong(Code::InvalidValue, "a resource needs a name", found);
    } else if name.len() > 253 {
        node.wrong(Code::InvalidValue, "the name of a resource has at most 253 characters", found);
    } else if !name.chars().all(legal) {
        node.wrong(
            Code::InvalidValue,
            "the name of a resource consists of letters a to z, digits, `-`, `_` and `.`",
            found,
        );
    }
}

fn resource(node: &Node<'_>, found: &mut Findings) -> Resource {
    if !node.is_object(found) {
        return Resource::default();
    }
    let type_name = type_name(node, found);
    let kind = kind(&type_name, node, found);
    // Any shape is legal in an unknown type: what cannot be read there is not there.
    let mut ignored = Findings::default();
    let found = if kind == Kind::Foreign { &mut ignored } else { found };
    Resource {
        connection_string: node.string_of("connectionString", found),
        value: node.string_of("value", found),
        inputs: parts::named(node, "inputs", found, parts::input),
        env: parts::env(node, found),
        args: parts::list(node, "args", found, Node::text),
        entrypoint: node.filled("entrypoint", found),
        bindings: parts::named(node, "bindings", found, parts::binding),
        volumes: parts::list(node, "volumes", found, parts::volume),
        bind_mounts: parts::list(node, "bindMounts", found, parts::bind_mount),
        container_files: parts::named(node, "containerFiles", found, parts::container_files),
        build: build::build(&kind, node, found),
        type_name,
        kind,
    }
}

/// The `type`. Aspire leaves it out where it could not describe the resource, and says so in `error`.
fn type_name(node: &Node<'_>, found: &mut Findings) -> String {
    if node.get("type").is_none() && node.get("error").is_some() {
        return String::new();
    }
    node.needed("type", found).unwrap_or_default()
}

/// The type without its version: `project` of `project.v1`.
fn family(type_name: &str) -> &str {
    match type_name.rsplit_once(".v") {
        Some((family, version)) if !version.is_empty() && version.chars().all(|c| c.is_ascii_digit()) => family,
        _ => type_name,
    }
}

fn kind(type_name: &str, node: &Node<'_>, found: &mut Findings) -> Kind {
    match family(type_name) {
        "project" => Kind::Project { path: parts::slashes(node.needed("path", found).unwrap_or_default()) },
        "container" => Kind::Container(source(node, found)),
        "dockerfile" => Kind::Container(Source::Build { only: false }),
        "executable" => Kind::Executable { command: node.string_of("command", found).unwrap_or_default() },
        "parameter" => Kind::Parameter,
        "value" => Kind::Value,
        "annotated.string" => Kind::AnnotatedString { filter: node.needed("filter", found).unwrap_or_default() },
        "dapr" => Kind::Dapr(dapr(node, found)),
        "dapr.component" => dapr_component(node, found),
        _ => Kind::Foreign,
    }
}

fn source(node: &Node<'_>, found: &mut Findings) -> Source {
    let image = node.filled("image", found);
    let build = node.get("build").filter(|build| build.is_object(found));
    if image.is_some() && build.is_some() {
        let diagnostic =
            Diagnostic::new(Code::ConflictingKeys, &node.place, "the container has both `image` and `build`");
        found.add(diagnostic.hint("keep `image` to run an existing image, `build` to build one from a Dockerfile"));
    }
    match (build, image) {
        (Some(build), _) => Source::Build { only: build.flag_of("buildOnly", false, found) },
        (None, Some(image)) => Source::Image(image),
        (None, None) => Source::Missing,
    }
}

fn dapr(node: &Node<'_>, found: &mut Findings) -> Dapr {
    let Some(dapr) = needed_object(node, "dapr", found) else {
        return Dapr::default();
    };
    Dapr {
        application: dapr.needed("application", found).unwrap_or_default(),
        app_id: dapr.filled("appId", found),
        components: parts::list(&dapr, "components", found, Node::string),
        options: dapr_options(&dapr, found),
    }
}

fn dapr_options(dapr: &Node<'_>, found: &mut Findings) -> IndexMap<String, serde_json::Value> {
    let mut options = IndexMap::new();
    for (key, node) in dapr.entries(found) {
        if matches!(key, "application" | "appId" | "components") || node.value.is_null() {
            continue;
        }
        if node.value.is_object() {
            node.expected::<()>("a string, a number, true, false or an array of strings", found);
        } else if node.value.is_array() {
            node.items(found).iter().for_each(|item| drop(item.string(found)));
        } else if node.value.is_string() {
            node.string(found);
        }
        options.insert(key.to_owned(), node.value.clone());
    }
    options
}

fn dapr_component(node: &Node<'_>, found: &mut Findings) -> Kind {
    let component = needed_object(node, "daprComponent", found);
    let component = component.as_ref();
    Kind::DaprComponent {
        component_type: component.and_then(|node| node.needed("type", found)).unwrap_or_default(),
        local_path: component.and_then(|node| node.filled("localPath", found)).map(parts::slashes),
    }
}

fn needed_object<'a>(node: &Node<'a>, key: &str, found: &mut Findings) -> Option<Node<'a>> {
    let Some(object) = node.get(key) else {
        node.wrong(Code::MissingKey, format!("the resource has no `{key}`"), found);
        return None;
    };
    object.is_object(found).then_some(object)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(resource: &Value) -> Resource {
        let text = json!({ "resources": { "it": resource } }).to_string();
        parse(text.as_bytes()).unwrap().resources.swap_remove("it").unwrap()
    }

    #[test]
    fn every_version_of_a_type_is_known() {
        let project = Kind::Project { path: "../Api/Api.csproj".to_owned() };
        for version in ["project.v0", "project.v1", "project.v27"] {
            let resource = read(&json!({ "type": version, "path": "..\\Api\\Api.csproj" }));
            assert_eq!((resource.kind, resource.type_name.as_str()), (project.clone(), version));
        }
        assert_eq!(read(&json!({ "type": "executable.v1" })).kind, Kind::Executable { command: String::new() });
        assert_eq!(read(&json!({ "type": "projects.v0" })).kind, Kind::Foreign);
        assert_eq!(read(&json!({ "type": "project.vx" })).kind, Kind::Foreign);
    }

    #[test]
    fn images_come_from_somewhere_or_nowhere() {
        let source = |resource| match read(&resource).kind {
            Kind::Container(source) => source,
            other => panic!("{other:?}"),
        };
        assert_eq!(source(json!({ "type": "container.v0", "image": "redis:8" })), Source::Image("redis:8".to_owned()));
        assert_eq!(source(json!({ "type": "container.v0", "image": "" })), Source::Missing);
        assert_eq!(source(json!({ "type": "dockerfile.v0", "path": "x" })), Source::Build { only: false });
        assert_eq!(
            source(json!({ "type": "container.v1", "build": { "buildOnly": true } })),
            Source::Build { only: true }
        );
    }

    #[test]
    fn foreign_types_keep_what_is_readable() {
        let resource = read(&json!({
            "type": "azure.storage.blob.v0", "connectionString": "{s.outputs.x}", "value": 5, "args": {},
            "env": { "A": "1", "B": [] }, "bindings": { "http": { "port": "x" }, "no": 3 }, "volumes": "all"
        }));
        assert_eq!(resource.kind, Kind::Foreign);
        assert_eq!(resource.connection_string.as_deref(), Some("{s.outputs.x}"));
        assert_eq!((resource.value, resource.args), (None, vec![]));
        assert_eq!(resource.env.keys().collect::<Vec<_>>(), ["A"]);
        assert_eq!(resource.bindings.keys().collect::<Vec<_>>(), ["http"]);
        assert_eq!(read(&json!({ "error": "not supported" })), Resource::default());
    }

    #[test]
    fn an_empty_connection_string_is_one() {
        let resource = read(&json!({ "type": "value.v0", "connectionString": "", "value": null }));
        assert_eq!((resource.connection_string.as_deref(), resource.value), (Some(""), None));
    }

    #[test]
    fn dapr_keeps_all_other_keys() {
        let Kind::Dapr(dapr) = read(&json!({ "type": "dapr.v0", "dapr": {
            "application": "api", "appId": "", "components": ["state"], "appPort": 8080, "config": null,
            "enableApiLogging": true, "command": ["a", "b"]
        } }))
        .kind
        else {
            panic!("not dapr");
        };
        assert_eq!((dapr.application.as_str(), dapr.app_id), ("api", None));
        assert_eq!(dapr.components, ["state"]);
        assert_eq!(json!(dapr.options), json!({ "appPort": 8080, "enableApiLogging": true, "command": ["a", "b"] }));
        let component =
            json!({ "type": "dapr.component.v0", "daprComponent": { "type": "state", "localPath": "a\\b" } });
        let expected = Kind::DaprComponent { component_type: "state".to_owned(), local_path: Some("a/b".to_owned()) };
        assert_eq!(read(&component).kind, expected);
    }

    #[test]
    fn the_first_preview_said_components() {
        let manifest =
            parse(br#"{ "$schema": 5, "components": { "b": { "type": "value.v1" }, "a": { "type": "x" } } }"#);
        assert_eq!(manifest.unwrap().resources.keys().collect::<Vec<_>>(), ["b", "a"]);
    }
}
