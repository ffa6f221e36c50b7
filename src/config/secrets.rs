//! `secrets:` and `parameters.*.from` as written: where the values of secret parameters come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `secrets:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Secrets {
    /// Source of every secret parameter; `deploy` when absent.
    pub from: Option<SecretSource>,
    /// Defaults of every parameter from `external-secrets`.
    pub external_secrets: ExternalDefaults,
    /// The encrypted file of parameters from `sops`.
    pub sops: SopsFile,
    /// The file of parameters from `sealed`.
    pub sealed: SealedFile,
}

/// Where the value of a secret parameter comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum SecretSource {
    /// `deploy` writes the Secret before helm runs; helm never sees the value.
    #[default]
    Deploy,
    /// The chart writes the Secret from the values given to helm, which stores them.
    Chart,
    /// As `deploy`, with the value from the encrypted file that `secrets.sops.file` names.
    Sops,
    /// The sealed-secrets controller writes the Secret, from what `kubectl aspire seal` encrypted for it.
    Sealed,
    /// A Secret that exists already.
    Existing(ExistingSecret),
    /// The External Secrets operator writes the Secret, from an `ExternalSecret` in the chart.
    #[serde(rename = "external-secrets")]
    ExternalSecrets(ExternalSecret),
    /// Something in the cluster writes the Secret while the application starts; pods wait for it.
    Deferred(DeferredSecret),
}

/// A key of a Secret that exists already.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExistingSecret {
    /// Name of the Secret, in the namespace of the release.
    pub name: String,
    /// Key that holds the value.
    pub key: String,
    /// Key that holds the URI-escaped value, where the application needs that form.
    #[serde(default)]
    pub uri_key: Option<String>,
}

/// A value in an external store.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExternalSecret {
    /// Key in the store; the parameter's name when absent.
    pub key: Option<String>,
    /// Property of what the key holds.
    pub property: Option<String>,
    /// The store; that of `secrets.externalSecrets` when absent.
    pub store: Option<SecretStore>,
    /// How often the operator asks the store, such as `1h`.
    pub refresh_interval: Option<String>,
}

/// `secrets.externalSecrets:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExternalDefaults {
    /// The store.
    pub store: Option<SecretStore>,
    /// How often the operator asks the store, such as `1h`; one hour when absent.
    pub refresh_interval: Option<String>,
}

/// A store of the External Secrets operator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretStore {
    /// Its name.
    pub name: String,
    /// Its kind; `SecretStore` when absent.
    #[serde(default)]
    pub kind: Option<StoreKind>,
}

/// Kinds of store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StoreKind {
    /// In the namespace of the release.
    #[default]
    SecretStore,
    /// For the whole cluster.
    ClusterSecretStore,
}

impl StoreKind {
    /// The kind as Kubernetes names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretStore => "SecretStore",
            Self::ClusterSecretStore => "ClusterSecretStore",
        }
    }
}

/// `secrets.sops:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SopsFile {
    /// A file of parameters that sops encrypted: a path relative to the folder of aspire-k8s.yaml.
    pub file: Option<String>,
}

/// `secrets.sealed:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SealedFile {
    /// The file that `kubectl aspire seal` writes, from the folder of aspire-k8s.yaml; `aspire-k8s.sealed.yaml` when absent.
    pub file: Option<String>,
}

/// A key of a Secret that is created later.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeferredSecret {
    /// Name of the Secret, in the namespace of the release.
    pub secret: String,
    /// Key that will hold the value.
    pub key: String,
    /// Key that will hold the URI-escaped value, where the application needs that form.
    #[serde(default)]
    pub uri_key: Option<String>,
    /// What writes it; shown in a message if the key is never written.
    pub produced_by: String,
}
