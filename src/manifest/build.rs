//! How the image of a container is built: `build` (Aspire 9.1 and later), or the keys of a `dockerfile.v0`.

use super::node::Node;
use super::parts::{named, slashes};
use super::place::Findings;
use super::{Build, BuildSecret, Kind, Source};
use crate::support::diagnostic::Code;

/// How an image is built; empty for what is not built from a Dockerfile.
pub(super) fn build(kind: &Kind, node: &Node<'_>, found: &mut Findings) -> Build {
    if !matches!(kind, Kind::Container(Source::Build { .. })) {
        return Build::default();
    }
    match node.get("build").filter(|build| build.value.is_object()) {
        Some(build) => of(&build, ["dockerfile", "args"], found),
        None => of(node, ["path", "buildArgs"], found),
    }
}

fn of(node: &Node<'_>, [dockerfile, args]: [&str; 2], found: &mut Findings) -> Build {
    Build {
        context: node.filled("context", found).map(slashes),
        dockerfile: node.filled(dockerfile, found).map(slashes),
        stage: node.filled("stage", found),
        args: named(node, args, found, argument),
        secrets: named(node, "secrets", found, secret),
    }
}

/// Null is another argument than the empty text: its value is a variable of whoever builds.
#[expect(clippy::option_option, reason = "an unreadable argument is left out, and null is one without a value")]
fn argument(node: &Node<'_>, found: &mut Findings) -> Option<Option<String>> {
    if node.value.is_null() { Some(None) } else { node.text(found).map(Some) }
}

fn secret(node: &Node<'_>, found: &mut Findings) -> Option<BuildSecret> {
    if !node.is_object(found) {
        return None;
    }
    match node.needed("type", found)?.as_str() {
        "env" => Some(BuildSecret::Variable(node.get("value").and_then(|value| value.text(found)))),
        "file" => node.needed("source", found).map(slashes).map(BuildSecret::File),
        _ => {
            node.wrong(Code::InvalidValue, "the type of a build secret is neither `env` nor `file`", found);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use serde_json::{Value, json};

    fn read(resource: &Value) -> Build {
        let text = json!({ "resources": { "it": resource } }).to_string();
        parse(text.as_bytes()).unwrap().resources.swap_remove("it").unwrap().build
    }

    #[test]
    fn both_forms_say_the_same() {
        let new = json!({ "type": "container.v1", "build": {
            "context": "..\\web", "dockerfile": "web.Dockerfile", "stage": "final",
            "args": { "A": "{a.value}", "B": null, "C": true, "D": "" }
        } });
        let old = json!({ "type": "dockerfile.v0", "context": "../web", "path": "web.Dockerfile", "stage": "final",
            "buildArgs": { "A": "{a.value}", "B": null, "C": true, "D": "" } });
        let (new, old) = (read(&new), read(&old));
        assert_eq!(new, old);
        assert_eq!(new.context.as_deref(), Some("../web"));
        let shown: Vec<_> = new.args.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        assert_eq!(shown, [("A", Some("{a.value}")), ("B", None), ("C", Some("true")), ("D", Some(""))]);
    }

    #[test]
    fn secrets_are_variables_or_files() {
        let build = read(&json!({ "type": "container.v1", "build": { "secrets": {
            "A": { "type": "env", "value": "{a.value}" }, "B": { "type": "env", "value": null },
            "C": { "type": "file", "source": "..\\c.txt" }
        } } }));
        let expected = [
            BuildSecret::Variable(Some("{a.value}".to_owned())),
            BuildSecret::Variable(None),
            BuildSecret::File("../c.txt".to_owned()),
        ];
        assert_eq!(build.secrets.into_values().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        let text = json!({ "resources": { "it": { "type": "container.v1", "build": {
            "context": 5, "args": { "A": [] }, "secrets": { "S": { "type": "vault" }, "T": { "type": "file" } }
        } } } })
        .to_string();
        let wrong = parse(text.as_bytes()).unwrap_err().to_string();
        for part in ["build.context", "build.args.A", "build.secrets.S", "build.secrets.T.source"] {
            assert!(wrong.contains(part), "{part}: {wrong}");
        }
    }

    #[test]
    fn what_is_not_built_has_none() {
        assert_eq!(read(&json!({ "type": "container.v0", "image": "redis:8", "context": 5 })), Build::default());
        let mut manifest = parse(
            json!({ "resources": { "it": { "type": "container.v1", "build": {
                "context": "a", "dockerfile": "b", "secrets": { "S": { "type": "file", "source": "c" } } } } } })
            .to_string()
            .as_bytes(),
        )
        .unwrap();
        assert_eq!(manifest.paths().collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
