//! The source of each secret input, and the data that depends on it.

use super::name::Name;
use super::view::ExternalView;
use crate::app::{App, Input, REGISTRY_INPUT, TAG_INPUT, reference_input};
use crate::config::{Config, ExternalSecret, SealedFor, SecretSource, intent_place};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How often the External Secrets operator asks a store by default: the operator's own default.
const REFRESH_INTERVAL: &str = "1h0m0s";

/// A secret input that some workload uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretUse {
    /// Where its value comes from, with nothing left open.
    pub source: SecretSource,
    /// Whether its URI-escaped form is needed too.
    pub uri: bool,
    /// Claims of workloads that use it: the credential must live as long as they do.
    pub claims: Vec<String>,
    /// What was sealed of it, and for which release.
    #[serde(default)]
    pub sealed: Option<SealedFor>,
}

impl SecretUse {
    /// Whether deploy writes the value into the Secret of the release.
    pub fn is_written_by_deploy(&self) -> bool {
        matches!(self.source, SecretSource::Deploy | SecretSource::Sops)
    }

    /// Whether another client writes the Secret, so that no value is asked for.
    pub fn is_foreign(&self) -> bool {
        !self.is_written_by_deploy() && self.source != SecretSource::Chart
    }

    /// Name of the Secret that is not ours, and the key of the value in it.
    pub fn foreign_key(&self, release: &str, input: &str) -> Option<(String, String)> {
        match &self.source {
            SecretSource::Deploy | SecretSource::Sops | SecretSource::Chart => None,
            SecretSource::Existing(existing) => Some((existing.name.clone(), existing.key.clone())),
            SecretSource::Deferred(deferred) => Some((deferred.secret.clone(), deferred.key.clone())),
            SecretSource::ExternalSecrets(_) => Some((external_name(release, input), input.to_owned())),
            SecretSource::Sealed => {
                let id = &self.sealed.as_ref()?.sealed.id;
                Some((sealed_name(release, input, id), input.to_owned()))
            }
        }
    }
}

/// Name of the `ExternalSecret` of an input, and of the Secret that it makes.
pub(crate) fn external_name(release: &str, input: &str) -> String {
    format!("{release}-{}{EXTERNAL}", Name::of_secret(input))
}

/// Name of the `SealedSecret` of an input, and of the Secret that it makes.
pub(crate) fn sealed_name(release: &str, input: &str, id: &str) -> String {
    format!("{release}-{}-{id}-sealed", Name::of_secret(input))
}

/// Ending of the names of `ExternalSecret` objects; the chart's helpers know it too.
const EXTERNAL: &str = "-external";

/// Key under which a Secret of ours holds the URI-escaped form of a secret.
pub(crate) fn escaped_key(name: &str) -> String {
    format!("{name}.uri")
}

/// The secret inputs that workloads use, in the order of the inputs.
pub(crate) fn secret_uses(app: &App, config: &Config, diagnostics: &mut Diagnostics) -> IndexMap<String, SecretUse> {
    let mut uses = IndexMap::new();
    let release = config.release.name.clone().unwrap_or_else(|| Name::of_workload(&app.name).to_string());
    for (name, input) in used(app) {
        let source = config.source(name).map(Cow::into_owned).unwrap_or_default();
        match settled(source, name, config) {
            Ok(source) => {
                diagnostics.0.extend(without_uri(&source, name, input, config));
                let sealed = config.sealed.find(config.release.namespace.as_deref(), &release, name);
                let sealed = sealed.filter(|_| source == SecretSource::Sealed);
                uses.insert(name.clone(), SecretUse { source, uri: input.uri, claims: Vec::new(), sealed });
            }
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    for (name, _) in app.inputs.iter().filter(|(_, input)| input.secret && input.uri) {
        let key = escaped_key(name);
        if app.inputs.get(&key).is_some_and(|input| input.secret) {
            let what = format!("a Secret holds the URI-escaped form of `{name}` under the same key `{key}`");
            diagnostics.push(
                Diagnostic::new(Code::NameCollision, format!("resources.{key}"), what).hint("rename this parameter"),
            );
        }
    }
    let reserved =
        |name: &&String| [TAG_INPUT, REGISTRY_INPUT].contains(&name.as_str()) || name.starts_with(&reference_input(""));
    for name in app.inputs.keys().filter(reserved) {
        diagnostics.push(Diagnostic::new(
            Code::ReservedName,
            format!("resources.{name}"),
            format!("`{name}` is reserved for built images"),
        ));
    }
    uses
}

/// The `ExternalSecret` objects of the chart: of every input that comes from there in some environment.
pub(crate) fn external_views(app: &App, config: &Config) -> Vec<ExternalView> {
    views(app, config, |source| matches!(source, Some(SecretSource::ExternalSecrets(_))))
}

/// The `SealedSecret` objects of the chart, in the same way.
pub(crate) fn sealed_views(app: &App, config: &Config) -> Vec<ExternalView> {
    views(app, config, |source| source == Some(&SecretSource::Sealed))
}

fn views(app: &App, config: &Config, is_wanted: fn(Option<&SecretSource>) -> bool) -> Vec<ExternalView> {
    let is_anywhere = |name: &str| {
        is_wanted(config.source(name).as_deref())
            || config.environment_sources(name).any(|source| is_wanted(source.as_deref()))
    };
    let wanted = used(app).filter(|(name, _)| is_anywhere(name));
    wanted
        .map(|(name, input)| ExternalView {
            file: Name::of_secret(name).to_string(),
            input: name.clone(),
            uri: input.uri,
            uri_key: escaped_key(name),
            // Go's `urlquery` writes a blank as `+` and every other character as .NET does.
            uri_template: format!(
                r#"{{{{ index . {} | urlquery | replace "+" "%20" }}}}"#,
                serde_json::Value::from(name.as_str())
            ),
        })
        .collect()
}

fn used(app: &App) -> impl Iterator<Item = (&String, &Input)> {
    app.inputs.iter().filter(|(_, input)| input.secret && !input.used_by.is_empty())
}

/// The source with what the file says for all filled in.
fn settled(source: SecretSource, name: &str, config: &Config) -> Result<SecretSource, Diagnostic> {
    let own = config.place_of_source(name);
    let place = intent_place(own.as_deref().unwrap_or("secrets.from"));
    match source {
        SecretSource::Existing(_) | SecretSource::Deferred(_) if own.is_none() => Err(Diagnostic::new(
            Code::IncompleteSecretSource,
            place,
            format!("`{name}` needs its own key in a Secret that the chart does not manage"),
        )
        .hint("set `from: {existing: {name: ..., key: ...}}` for each parameter, not under `secrets`")),
        SecretSource::Sops if config.secrets.sops.file.is_none() => {
            Err(Diagnostic::new(Code::IncompleteSecretSource, place, format!("no sops file is set for `{name}`"))
                .hint("set it: `secrets: {sops: {file: secrets.enc.yaml}}`"))
        }
        SecretSource::ExternalSecrets(external) => {
            let defaults = &config.secrets.external_secrets;
            let store = external.store.or_else(|| defaults.store.clone()).ok_or_else(|| {
                Diagnostic::new(Code::IncompleteSecretSource, place, format!("no store is set for `{name}`"))
                    .hint("set it once: `secrets: {externalSecrets: {store: {name: ..., kind: ClusterSecretStore}}}`")
            })?;
            let interval = external.refresh_interval.or_else(|| defaults.refresh_interval.clone());
            Ok(SecretSource::ExternalSecrets(ExternalSecret {
                key: Some(external.key.unwrap_or_else(|| name.to_owned())),
                property: external.property,
                store: Some(store),
                refresh_interval: Some(
                    interval.map_or_else(|| REFRESH_INTERVAL.to_owned(), |text| as_go_writes(&text)),
                ),
            }))
        }
        other => Ok(other),
    }
}

/// `90m` as `1h30m0s`. The operator writes the object back with the interval in this form; any other one would differ from
/// what helm applied, and helm 4 stops at a field that another client changed.
fn as_go_writes(interval: &str) -> String {
    let mut seconds = 0_u64;
    let mut number = 0_u64;
    for c in interval.chars() {
        match (c.to_digit(10), c) {
            (Some(digit), _) => number = number * 10 + u64::from(digit),
            (None, unit) => {
                seconds += std::mem::take(&mut number)
                    * match unit {
                        'h' => 3600,
                        'm' => 60,
                        _ => 1,
                    };
            }
        }
    }
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// Where a value cannot be escaped, the escaped one must be named.
fn without_uri(source: &SecretSource, name: &str, input: &Input, config: &Config) -> Option<Diagnostic> {
    let word = match source {
        SecretSource::Existing(existing) if existing.uri_key.is_none() => "existing",
        SecretSource::Deferred(deferred) if deferred.uri_key.is_none() => "deferred",
        _ => return None,
    };
    let place = match config.place_of_source(name) {
        Some(place) if place.starts_with("parameters.") => format!("{place}.{word}"),
        place => place.unwrap_or_default(),
    };
    let what = format!(
        "the application needs `{name}` URI-escaped too, and the chart cannot escape a value in an \
    existing Secret"
    );
    input.uri.then(|| {
        Diagnostic::new(Code::IncompleteSecretSource, intent_place(place), what)
            .hint("store the escaped value under another key and set `uriKey` to it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_written_as_the_operator_writes_them() {
        for (text, written) in [
            ("1h", "1h0m0s"),
            ("90m", "1h30m0s"),
            ("15m", "15m0s"),
            ("0s", "0s"),
            ("45s", "45s"),
            ("999999h60m", "1000000h0m0s"),
        ] {
            assert_eq!(as_go_writes(text), written);
        }
    }

    #[test]
    fn inputs_that_are_written_alike_have_objects_of_their_own() {
        assert_eq!(external_name("shop", "db-password"), "shop-db-password-external");
        let names = ["a-b", "a.b", "a_b", "A-b"].map(|input| external_name("shop", input));
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{names:?}");
    }
}
