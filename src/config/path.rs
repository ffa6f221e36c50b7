//! The path of a value in the file, and its text in a message.

/// Characters of the file's own text that a message repeats.
const MOST_SHOWN: usize = 60;

pub(super) use crate::support::path::Step;
use crate::support::path::shows_value;

/// The place of a value, as a chain of borrowed steps, so that walking a good file allocates nothing.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Self::Key(self, key)
    }

    pub(super) fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut here = self;
        loop {
            here = match here {
                Self::Root => break,
                Self::Key(parent, key) => {
                    steps.push(Step::Key((*key).to_owned()));
                    parent
                }
                Self::Item(parent, index) => {
                    steps.push(Step::Item(*index));
                    parent
                }
            };
        }
        steps.reverse();
        steps
    }

    /// Whether a text here reaches a container byte for byte, or a third-party chart, rather than a map of an object.
    pub(super) fn is_content(&self) -> bool {
        let steps = self.steps();
        let keys = steps.iter().map(|step| if let Step::Key(key) = step { key.as_str() } else { "" });
        let keys: Vec<&str> = keys.collect();
        let keys = if keys.first() == Some(&"environments") { keys.get(2..).unwrap_or_default() } else { &keys };
        matches!(
            keys,
            ["resources", _, "env" | "command" | "args", ..]
                | ["resources", _, "initContainers", _, "env" | "command" | "args", ..]
                | ["resources", _, "replaceWith", "connectionString"]
                | ["parameters", _, "value"]
                | ["charts", _, "values", ..]
        )
    }

    /// Whether a value here may be a secret that was written into the wrong place: it is not repeated in messages.
    pub(super) fn may_hold_secret(&self) -> bool {
        match self.steps().as_slice() {
            [Step::Key(first), ..] if first == "parameters" || first == "secrets" => true,
            [Step::Key(first), _, Step::Key(third), Step::Key(fourth)] if third == "replaceWith" => {
                first == "resources" && fourth == "connectionString"
            }
            [Step::Key(first), _, Step::Key(third), ..] => {
                first == "environments" && (third == "parameters" || third == "secrets")
            }
            _ => false,
        }
    }
}

/// Keys whose value a message may show: none can hold a password, even by mistake. All others show their key only.
const SHOWN: [&str; 40] = [
    "accessModes",
    "apiVersion",
    "application",
    "applicationId",
    "binding",
    "class",
    "controller",
    "drainSeconds",
    "exclude",
    "host",
    "imagePullPolicy",
    "install",
    "internal",
    "issuer",
    "kind",
    "listener",
    "maxReplicas",
    "maxSurge",
    "maxUnavailable",
    "minAvailable",
    "minReplicas",
    "mountPath",
    "name",
    "namespace",
    "nodePool",
    "of",
    "path",
    "perReplica",
    "phase",
    "port",
    "protocol",
    "readOnly",
    "replicas",
    "secret",
    "security",
    "size",
    "storageClass",
    "to",
    "type",
    "workload",
];

/// Keys that hold whatever the application needs.
const TEXTS: [&str; 11] = [
    "parameters",
    "secrets",
    "env",
    "args",
    "command",
    "values",
    "annotations",
    "labels",
    "config",
    "patch",
    "extraObjects",
];

/// Whether a message may show the value at a place.
pub(super) fn is_shown(steps: &[Step]) -> bool {
    shows_value(steps, &SHOWN, &TEXTS)
}

/// A path as text: `resources.api.args[0]`, odd keys in brackets.
pub(super) fn written(steps: &[Step]) -> String {
    let mut out = String::new();
    for step in steps {
        match step {
            Step::Item(index) => out = format!("{out}[{index}]"),
            Step::Key(key) if is_plain(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
            Step::Key(key) => out = format!("{out}[{key:?}]"),
        }
    }
    out
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Text of the file inside a message: in backticks, on one line, not endless.
pub(super) fn shown(text: &str) -> String {
    if text.is_empty() {
        return "an empty string".to_owned();
    }
    let cut: String = text.chars().take(MOST_SHOWN).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(MOST_SHOWN).is_some() { "..." } else { "" };
    format!("`{}{more}`", cut.replace("\\\"", "\"").replace("\\'", "'"))
}
