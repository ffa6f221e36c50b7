//! Where each secret input comes from, and which data hangs on it.

use super::TAG_INPUT;
use crate::app::App;
use crate::config::{Config, SecretSource};
use crate::problem::{Problem, Problems};
use indexmap::IndexMap;

/// A secret input that some workload uses.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretUse {
    /// Where its value comes from.
    pub source: SecretSource,
    /// Whether its URI-escaped form is needed too.
    pub uri: bool,
    /// Claims of workloads that use it: the credential must live as long as they do.
    pub claims: Vec<String>,
}

/// Key under which a Secret of ours holds the URI-escaped form of a secret.
pub fn escaped_key(name: &str) -> String {
    format!("{name}.uri")
}

/// The secret inputs that workloads use, in the order of the inputs.
pub fn secret_uses(app: &App, config: &Config, problems: &mut Problems) -> IndexMap<String, SecretUse> {
    let mut uses = IndexMap::new();
    for (name, input) in app.inputs.iter().filter(|(_, input)| input.secret && !input.used_by.is_empty()) {
        let own = config.parameters.get(name).and_then(|parameter| parameter.from.as_ref());
        let source = match (own, &config.secrets.from) {
            (None, Some(SecretSource::Existing(_))) => {
                problems.push(
                    Problem::at(
                        "aspire-k8s.yaml secrets.from",
                        format!("`{name}` needs a key of its own in an existing Secret"),
                    )
                    .hint("say `from: {existing: {name: ..., key: ...}}` for each parameter, not under `secrets`"),
                );
                continue;
            }
            (Some(source), _) | (None, Some(source)) => source.clone(),
            (None, None) => SecretSource::Deploy,
        };
        if let SecretSource::Existing(existing) = &source
            && input.uri
            && existing.uri_key.is_none()
        {
            problems.push(
                Problem::at(
                    format!("aspire-k8s.yaml parameters.{name}.from.existing"),
                    format!(
                        "the application needs `{name}` URI-escaped too, and the chart cannot escape a Secret of yours"
                    ),
                )
                .hint("store the escaped value under a further key and name it as `uriKey`"),
            );
        }
        uses.insert(name.clone(), SecretUse { source, uri: input.uri, claims: Vec::new() });
    }
    if app.inputs.contains_key(TAG_INPUT) {
        problems.push(Problem::at(
            format!("resources.{TAG_INPUT}"),
            format!("`{TAG_INPUT}` is reserved for the tag of built images"),
        ));
    }
    uses
}
