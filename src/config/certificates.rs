//! `certManager:` as written: who signs certificates. [`check()`] has the rules that types cannot express.

mod check;
mod solvers;

pub(super) use check::check;
pub(crate) use solvers::{Credential, Dns01, Http01, SecretKey, Solver, Vault, VaultAuth};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `certManager:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CertManager {
    /// Whether its chart is installed where the cluster has no cert-manager yet; true when absent, unless all issuers
    /// exist already. With `false` it must exist.
    pub install: Option<bool>,
    /// Where its chart comes from: `oci://...`, a folder (`./...`) or a packed chart; `oci://quay.io/jetstack/charts/cert-manager`
    /// when absent.
    pub chart: Option<String>,
    /// Version of the chart, exact or a range that `charts lock` makes exact; the one that this tool was tested with when
    /// absent.
    pub version: Option<String>,
    /// Whether the registry of the chart uses plain HTTP.
    pub plain_http: bool,
    /// Namespace of cert-manager; `cert-manager` when absent.
    pub namespace: Option<String>,
    /// More values of the chart; they override the defaults.
    pub values: Map<String, Value>,
    /// Entries of `charts` that come before it.
    pub needs: Vec<String>,
    /// Whether `destroy` of the application removes it, when we installed it.
    pub destroy: bool,
    /// Issuers by name, which is that of the object.
    pub issuers: IndexMap<String, Issuer>,
}

/// One entry of `certManager.issuers`: exactly one of `acme`, `ca`, `selfSigned` and `vault`, unless it exists.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Issuer {
    /// Kind of the object; `Issuer` when absent.
    pub kind: Option<IssuerKind>,
    /// Whether it exists on the cluster and is only used here.
    pub existing: bool,
    /// An ACME server, which signs certificates after a proof of domain ownership.
    pub acme: Option<Acme>,
    /// Contact email address for the ACME server. References to parameters allowed.
    pub email: Option<String>,
    /// The account at the certificate authority that the ACME account belongs to, if the server requires one.
    pub eab: Option<Eab>,
    /// How domain ownership is proven to the ACME server; HTTP-01 through the routes that use the issuer when absent.
    pub solvers: Vec<Solver>,
    /// A certificate authority whose key is in a Secret.
    pub ca: Option<Ca>,
    /// Each certificate signs itself.
    pub self_signed: Option<SelfSigned>,
    /// `HashiCorp` Vault.
    pub vault: Option<Vault>,
}

/// Kinds of issuer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IssuerKind {
    /// In the namespace of the release.
    #[default]
    Issuer,
    /// For the whole cluster.
    ClusterIssuer,
}

impl IssuerKind {
    /// As the object says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Issuer => "Issuer",
            Self::ClusterIssuer => "ClusterIssuer",
        }
    }
}

/// `acme:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Acme {
    /// One that is known by name.
    Known(AcmeService),
    /// Any other.
    Server(AcmeServer),
}

/// ACME servers that are known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AcmeService {
    /// Certificates that browsers trust.
    Letsencrypt,
    /// For tests: higher rate limits, but browsers do not trust its certificates.
    LetsencryptStaging,
}

/// An ACME server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcmeServer {
    /// Its directory: an https:// address. References to parameters allowed.
    pub server: String,
    /// Certificates of the authorities that signed the server's own: PEM, or base64-encoded PEM.
    #[serde(default)]
    pub ca_bundle: Option<String>,
}

impl Acme {
    /// The directory of the server.
    pub fn server(&self) -> &str {
        match self {
            Self::Known(AcmeService::Letsencrypt) => "https://acme-v02.api.letsencrypt.org/directory",
            Self::Known(AcmeService::LetsencryptStaging) => "https://acme-staging-v02.api.letsencrypt.org/directory",
            Self::Server(AcmeServer { server, .. }) => server,
        }
    }

    /// Who signed the certificate of the server itself, where it is said.
    pub fn ca_bundle(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Server(server) => server.ca_bundle.as_deref(),
        }
    }
}

/// `eab:`: external account binding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Eab {
    /// The id of the key. References to parameters allowed.
    pub key_id: String,
    /// The key, base64url as the authority gave it.
    pub key: Credential,
}

/// `ca:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ca {
    /// The Secret with `tls.crt` and `tls.key` of the authority: in the namespace of the release, for a `ClusterIssuer` in
    /// that of cert-manager.
    pub secret: String,
}

/// `selfSigned: {}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SelfSigned {}

/// `certManager:` of an environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentCertManager {
    /// Issuers by name.
    pub issuers: IndexMap<String, EnvironmentIssuer>,
}

/// One issuer of an environment: its values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentIssuer {
    /// An ACME server.
    pub acme: Option<Acme>,
    /// Contact email address for the ACME server.
    pub email: Option<String>,
}

impl CertManager {
    /// Whether its chart is to be there: it is not said otherwise, and something is said at all.
    pub fn is_installed(&self) -> bool {
        self.install.unwrap_or_else(|| {
            // Issuers of other owners have a cert-manager of other owners.
            let only_used = !self.issuers.is_empty() && self.issuers.values().all(|issuer| issuer.existing);
            !only_used && *self != Self::default()
        })
    }

    /// The issuers that are made.
    pub fn made(&self) -> impl Iterator<Item = (&String, &Issuer)> {
        self.issuers.iter().filter(|(_, issuer)| !issuer.existing)
    }
}

impl Issuer {
    /// Kind of the object.
    pub fn kind(&self) -> IssuerKind {
        self.kind.unwrap_or_default()
    }

    /// The Secrets' keys that it needs, each with its place.
    pub fn credentials(&self) -> Vec<(String, &Credential)> {
        let mut found: Vec<(String, &Credential)> =
            self.eab.iter().map(|eab| ("eab.key".to_owned(), &eab.key)).collect();
        for (index, solver) in self.solvers.iter().enumerate() {
            let of_solver = solver.dns01.iter().flat_map(Dns01::credentials);
            found.extend(of_solver.map(|(key, credential)| (format!("solvers[{index}].dns01.{key}"), credential)));
        }
        let auth = self.vault.iter().filter_map(|vault| vault.auth.credential());
        found.extend(auth.map(|(key, credential)| (format!("vault.auth.{key}"), credential)));
        found
    }

    /// Names of the parameters that its texts refer to.
    pub fn parameters(&self) -> Vec<String> {
        let text = serde_json::to_string(self).unwrap_or_default();
        let mut found: Vec<String> = parameters_in(&text).into_iter().map(str::to_owned).collect();
        found.sort();
        found.dedup();
        found
    }

    /// Whether some solver shows a DNS record for a host, which alone proves a wildcard.
    pub fn solves_by_dns(&self, host: &str) -> bool {
        self.solvers.iter().any(|solver| solver.dns01.is_some() && solver.is_for(host))
    }
}

/// Names of the parameters that a text refers to as `{NAME.value}`.
pub(crate) fn parameters_in(text: &str) -> Vec<&str> {
    let name = |part| {
        let (name, _): (&str, &str) = str::split_once(part, ".value}")?;
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        (!name.is_empty() && name.chars().all(legal)).then_some(name)
    };
    text.split('{').skip(1).filter_map(name).collect()
}
