//! The parts of a resource: variables, inputs, bindings, volumes.

use indexmap::IndexMap;

use super::node::Node;
use super::place::{self, Findings};
use super::{BindMount, Binding, ContainerFiles, Generate, Input, InputDefault, Volume};
use crate::support::diagnostic::{Code, Diagnostic};

/// The readable entries of the object under `key`.
pub(super) fn named<'a, T>(
    node: &Node<'a>,
    key: &str,
    found: &mut Findings,
    read: impl Fn(&Node<'a>, &mut Findings) -> Option<T>,
) -> IndexMap<String, T> {
    let entries = node.get(key).map(|node| node.entries(found)).unwrap_or_default();
    entries.iter().filter_map(|(name, node)| Some(((*name).to_owned(), read(node, found)?))).collect()
}

/// The readable elements of the array under `key`.
pub(super) fn list<'a, T>(
    node: &Node<'a>,
    key: &str,
    found: &mut Findings,
    read: impl Fn(&Node<'a>, &mut Findings) -> Option<T>,
) -> Vec<T> {
    let items = node.get(key).map(|node| node.items(found)).unwrap_or_default();
    items.iter().filter_map(|node| read(node, found)).collect()
}

/// `env`. One generation of hand-made files writes `{"NAME": {"value": "text"}}`.
pub(super) fn env(node: &Node<'_>, found: &mut Findings) -> IndexMap<String, String> {
    let entries = node.get("env").map(|node| node.entries(found)).unwrap_or_default();
    let mut env = IndexMap::new();
    for (name, node) in &entries {
        if name.is_empty() || name.contains(['=', '\0']) {
            node.wrong(
                Code::InvalidVariable,
                "the name of an environment variable is not empty and holds neither `=` nor NUL",
                found,
            );
        } else if let Some(text) = variable(node, found) {
            env.insert((*name).to_owned(), text);
        }
    }
    env
}

fn variable(node: &Node<'_>, found: &mut Findings) -> Option<String> {
    match node.value.get("value") {
        Some(value) => Node { value, place: place::child(&node.place, "value") }.text(found),
        None => node.text(found),
    }
}

pub(super) fn container_files(node: &Node<'_>, found: &mut Findings) -> Option<ContainerFiles> {
    node.is_object(found).then(|| ContainerFiles {
        destination: node.string_of("destination", found).unwrap_or_default(),
        sources: list(node, "sources", found, Node::string),
    })
}

pub(super) fn input(node: &Node<'_>, found: &mut Findings) -> Option<Input> {
    if !node.is_object(found) {
        return None;
    }
    let secret = node.flag_of("secret", false, found);
    Some(Input { secret, default: node.get("default").and_then(|node| input_default(&node, found)) })
}

/// `default`: an empty one counts as absent.
fn input_default(node: &Node<'_>, found: &mut Findings) -> Option<InputDefault> {
    if !node.is_object(found) {
        return None;
    }
    match (node.get("value"), node.get("generate")) {
        (Some(_), Some(_)) => {
            let diagnostic =
                Diagnostic::new(Code::ConflictingKeys, &node.place, "the default has both `value` and `generate`");
            found.add(diagnostic.hint("keep one of them"));
            None
        }
        (Some(value), None) => value.text(found).map(InputDefault::Value),
        (None, Some(rules)) => rules.is_object(found).then(|| InputDefault::Generate(generate(&rules, found))),
        (None, None) => None,
    }
}

fn generate(node: &Node<'_>, found: &mut Findings) -> Generate {
    let mut count = |key: &str| node.get(key).and_then(|node| node.count(found)).unwrap_or(0);
    let (min_length, min_lower, min_upper) = (count("minLength"), count("minLower"), count("minUpper"));
    let (min_numeric, min_special) = (count("minNumeric"), count("minSpecial"));
    let mut class = |key: &str| node.flag_of(key, true, found);
    let (lower, upper, numeric, special) = (class("lower"), class("upper"), class("numeric"), class("special"));
    let rules = Generate { min_length, lower, upper, numeric, special, min_lower, min_upper, min_numeric, min_special };
    check_classes(&rules, node, found);
    rules
}

/// Aspire's own generator fails on these rules, but its writer writes them.
fn check_classes(rules: &Generate, node: &Node<'_>, found: &mut Findings) {
    let classes = [
        ("lower", rules.lower, "minLower", rules.min_lower),
        ("upper", rules.upper, "minUpper", rules.min_upper),
        ("numeric", rules.numeric, "minNumeric", rules.min_numeric),
        ("special", rules.special, "minSpecial", rules.min_special),
    ];
    if classes.iter().all(|(_, on, ..)| !on) {
        node.wrong(
            Code::InvalidGenerator,
            "the rules allow no characters at all: one of `lower`, `upper`, `numeric`, `special` must be on",
            found,
        );
    }
    for (class, _, key, least) in classes.iter().filter(|(_, on, _, least)| !on && *least > 0) {
        let what = format!("`{key}` is {least}, but `{class}` is off");
        found.add(Diagnostic::new(Code::InvalidGenerator, place::child(&node.place, key), what));
    }
}

pub(super) fn binding(node: &Node<'_>, found: &mut Findings) -> Option<Binding> {
    if !node.is_object(found) {
        return None;
    }
    let written = node.filled("protocol", found);
    let scheme = node.filled("scheme", found).or_else(|| written.clone()).unwrap_or_else(|| "tcp".to_owned());
    let protocol = protocol(written.as_deref(), &scheme, node, found);
    let transport = node.filled("transport", found).unwrap_or_else(|| default_transport(&scheme, &protocol));
    let (target, old_target) = (port(node, "targetPort", found), port(node, "containerPort", found));
    Some(Binding {
        scheme,
        protocol,
        transport,
        port: port(node, "port", found),
        target_port: target.or(old_target),
        external: node.flag_of("external", false, found),
    })
}

fn port(node: &Node<'_>, key: &str, found: &mut Findings) -> Option<u16> {
    node.get(key)?.port(found)
}

fn protocol(written: Option<&str>, scheme: &str, node: &Node<'_>, found: &mut Findings) -> String {
    let lower = written.unwrap_or(if scheme.eq_ignore_ascii_case("udp") { "udp" } else { "tcp" }).to_ascii_lowercase();
    match lower.as_str() {
        "udp" => lower,
        "tcp" | "http" => "tcp".to_owned(),
        _ => {
            let place = place::child(&node.place, "protocol");
            found.add(Diagnostic::new(
                Code::InvalidValue,
                place,
                format!("{} is neither tcp nor udp", place::quoted(&lower)),
            ));
            "tcp".to_owned()
        }
    }
}

fn default_transport(scheme: &str, protocol: &str) -> String {
    let http = ["http", "https"].iter().any(|name| scheme.eq_ignore_ascii_case(name));
    if http { "http" } else { protocol }.to_owned()
}

pub(super) fn volume(node: &Node<'_>, found: &mut Findings) -> Option<Volume> {
    if !node.is_object(found) {
        return None;
    }
    let (name, target) = (node.filled("name", found), target(node, found));
    let read_only = node.flag_of("readOnly", false, found);
    Some(Volume { name, target: target?, read_only })
}

pub(super) fn bind_mount(node: &Node<'_>, found: &mut Findings) -> Option<BindMount> {
    if !node.is_object(found) {
        return None;
    }
    let (source, target) = (node.needed("source", found).map(slashes), target(node, found));
    let read_only = node.flag_of("readOnly", false, found);
    Some(BindMount { source: source?, target: target?, read_only })
}

fn target(node: &Node<'_>, found: &mut Findings) -> Option<String> {
    let target = node.needed("target", found)?;
    if target.starts_with('/') {
        return Some(target);
    }
    let what = format!("{} is not a Linux path", place::quoted(&target));
    let diagnostic = Diagnostic::new(Code::InvalidValue, place::child(&node.place, "target"), what);
    found.add(diagnostic.hint("the path inside the container begins with `/`"));
    None
}

/// A path with slashes forward: Aspire wrote Windows paths as they were until December 2023.
pub(super) fn slashes(path: impl AsRef<str>) -> String {
    path.as_ref().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read<T>(value: &Value, read: impl Fn(&Node<'_>, &mut Findings) -> T) -> T {
        let mut found = Findings::default();
        let read = read(&Node::root(value), &mut found);
        found.or(read).unwrap()
    }

    fn bound(value: &Value) -> (String, String, String, Option<u16>, Option<u16>) {
        let binding = read(value, binding).unwrap();
        (binding.scheme, binding.protocol, binding.transport, binding.port, binding.target_port)
    }

    #[test]
    fn bindings_have_defaults() {
        let expected = |scheme: &str, protocol: &str, transport: &str, port, target| {
            (scheme.to_owned(), protocol.to_owned(), transport.to_owned(), port, target)
        };
        assert_eq!(bound(&json!({})), expected("tcp", "tcp", "tcp", None, None));
        assert_eq!(bound(&json!({ "protocol": "UDP" })), expected("UDP", "udp", "udp", None, None));
        assert_eq!(bound(&json!({ "protocol": "http" })), expected("http", "tcp", "http", None, None));
        assert_eq!(
            bound(&json!({ "scheme": "https", "port": "443" })),
            expected("https", "tcp", "http", Some(443), None)
        );
        let old = json!({ "scheme": "redis", "protocol": "tcp", "port": 0, "targetPort": "", "containerPort": 6379 });
        assert_eq!(bound(&old), expected("redis", "tcp", "tcp", None, Some(6379)));
    }

    #[test]
    fn variables_become_text() {
        let value =
            json!({ "env": { "B": "x", "A": 5, "C": true, "D": null, "E": { "value": "y" }, "F": { "value": null } } });
        let env = read(&value, env);
        let env: Vec<_> = env.iter().map(|(name, text)| format!("{name}={text}")).collect();
        assert_eq!(env, ["B=x", "A=5", "C=true", "D=", "E=y", "F="]);
        let args = json!({ "args": ["-c", null, 7, false] });
        assert_eq!(read(&args, |node, found| list(node, "args", found, Node::text)), ["-c", "", "7", "false"]);
    }

    #[test]
    fn inputs_have_at_most_one_default() {
        let default = |value: Value| read(&json!({ "secret": true, "default": value }), input).unwrap().default;
        assert_eq!(default(json!(null)), None);
        assert_eq!(default(json!({})), None);
        assert_eq!(default(json!({ "value": "" })), Some(InputDefault::Value(String::new())));
        let Some(InputDefault::Generate(rules)) = default(json!({ "generate": { "minLower": 3, "special": false } }))
        else {
            panic!("no rules");
        };
        assert_eq!((rules.min_length, rules.min_lower, rules.lower, rules.special), (0, 3, true, false));
    }

    #[test]
    fn mounts_are_linux_paths() {
        let named = json!({ "name": "Shop.data", "target": "/data", "readOnly": true });
        let expected = Volume { name: Some("Shop.data".to_owned()), target: "/data".to_owned(), read_only: true };
        assert_eq!(read(&named, volume), Some(expected));
        assert_eq!(read(&json!({ "name": "", "target": "/data" }), volume).unwrap().name, None);
        let mount = read(&json!({ "source": "..\\realms", "target": "/import" }), bind_mount).unwrap();
        assert_eq!((mount.source.as_str(), mount.read_only), ("../realms", false));
    }
}
