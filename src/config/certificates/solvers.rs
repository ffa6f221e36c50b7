//! ACME solvers and Vault authentication, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A secret that cert-manager reads from a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Credential {
    /// A secret parameter of the application, read from the Secret that holds it.
    Parameter(String),
    /// A key of an existing Secret.
    Secret(SecretKey),
}

/// A key of a Secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretKey {
    /// Name of the Secret: in the namespace of the release, for a `ClusterIssuer` in that of cert-manager.
    pub secret: String,
    /// The key in it.
    pub key: String,
}

/// One entry of `solvers`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Solver {
    /// The server requests a file below `/.well-known` of the host.
    pub http01: Option<Http01>,
    /// The server queries a DNS record of the host.
    pub dns01: Option<Dns01>,
    /// Only for hosts in these domains.
    pub zones: Vec<String>,
    /// Only for these hosts.
    pub hosts: Vec<String>,
}

impl Solver {
    /// Whether it is asked for a host.
    pub fn is_for(&self, host: &str) -> bool {
        let in_zone = |zone: &String| host.strip_suffix(zone.as_str()).is_some_and(|rest| rest.ends_with('.'));
        let is_listed = self.hosts.iter().any(|listed| listed == host);
        self.zones.is_empty() && self.hosts.is_empty()
            || is_listed
            || self.zones.iter().any(|zone| host == zone || in_zone(zone))
    }
}

/// `http01:`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Http01 {
    /// An entry of `ingresses`, whose class is used, or the name of an ingress class.
    pub ingress: Option<String>,
    /// An entry of `gateways` that serves the challenge.
    pub gateway: Option<String>,
}

/// `dns01:`, one of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Dns01 {
    /// Cloudflare.
    Cloudflare(Cloudflare),
    /// Route 53 of AWS.
    Route53(Route53),
    /// Azure DNS.
    #[serde(rename = "azureDNS")]
    AzureDns(AzureDns),
    /// Google Cloud DNS.
    #[serde(rename = "cloudDNS")]
    CloudDns(CloudDns),
    /// Any name server that accepts signed updates.
    Rfc2136(Rfc2136),
}

impl Dns01 {
    /// The Secrets' keys that it needs, each with its place.
    pub fn credentials(&self) -> Vec<(&'static str, &Credential)> {
        let found = match self {
            Self::Cloudflare(it) => {
                return [("cloudflare.apiToken", &it.api_token), ("cloudflare.apiKey", &it.api_key)]
                    .into_iter()
                    .filter_map(|(key, credential)| Some((key, credential.as_ref()?)))
                    .collect();
            }
            Self::Route53(it) => ("route53.secretAccessKey", &it.secret_access_key),
            Self::AzureDns(it) => ("azureDNS.clientSecret", &it.client_secret),
            Self::CloudDns(it) => ("cloudDNS.serviceAccount", &it.service_account),
            Self::Rfc2136(it) => ("rfc2136.tsigSecret", &it.tsig_secret),
        };
        found.1.iter().map(|credential| (found.0, credential)).collect()
    }
}

/// Cloudflare: a token, or the key of an account with its email.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Cloudflare {
    /// A token that may edit the zone and read all zones.
    pub api_token: Option<Credential>,
    /// The global key of the account.
    pub api_key: Option<Credential>,
    /// Email of the account, with the key.
    pub email: Option<String>,
}

/// Route 53: with keys, or with the identity of the cert-manager pod; `role` is assumed if set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Route53 {
    /// Region.
    pub region: Option<String>,
    /// The zone; looked up when absent.
    #[serde(rename = "hostedZoneID")]
    pub hosted_zone_id: Option<String>,
    /// Id of the access key.
    #[serde(rename = "accessKeyID")]
    pub access_key_id: Option<String>,
    /// The access key.
    pub secret_access_key: Option<Credential>,
    /// A role to assume.
    pub role: Option<String>,
}

/// Azure DNS: with a service principal, or a managed identity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AzureDns {
    /// Subscription.
    #[serde(rename = "subscriptionID")]
    pub subscription_id: String,
    /// Resource group of the zone.
    pub resource_group: String,
    /// The zone; the domain itself when absent.
    #[serde(default)]
    pub hosted_zone: Option<String>,
    /// Tenant of the service principal.
    #[serde(default, rename = "tenantID")]
    pub tenant_id: Option<String>,
    /// Id of the service principal.
    #[serde(default, rename = "clientID")]
    pub client_id: Option<String>,
    /// Secret of the service principal.
    #[serde(default)]
    pub client_secret: Option<Credential>,
    /// A managed identity of the cert-manager pod instead.
    #[serde(default)]
    pub managed_identity: Option<ManagedIdentity>,
}

/// An identity that Azure gives to pods.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ManagedIdentity {
    /// By its client id.
    #[serde(rename = "clientID")]
    pub client_id: Option<String>,
    /// By its resource id.
    #[serde(rename = "resourceID")]
    pub resource_id: Option<String>,
}

/// Google Cloud DNS: with the key of a service account, or with the identity of the cert-manager pod.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloudDns {
    /// Project.
    pub project: String,
    /// The zone; looked up when absent.
    #[serde(default)]
    pub hosted_zone: Option<String>,
    /// The key, as JSON.
    #[serde(default)]
    pub service_account: Option<Credential>,
}

/// A name server that accepts updates.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rfc2136 {
    /// Its address, `HOST:PORT`.
    pub nameserver: String,
    /// Name of the key.
    #[serde(default)]
    pub tsig_key_name: Option<String>,
    /// Algorithm, such as `HMACSHA256`.
    #[serde(default)]
    pub tsig_algorithm: Option<String>,
    /// The key.
    #[serde(default)]
    pub tsig_secret: Option<Credential>,
}

/// `vault:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vault {
    /// Its address. References to parameters allowed.
    pub server: String,
    /// Signing path: `pki_int/sign/example-dot-com`.
    pub path: String,
    /// Namespace in Vault Enterprise.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Certificates of the authorities that signed the server's own: PEM, or base64-encoded PEM.
    #[serde(default)]
    pub ca_bundle: Option<String>,
    /// How cert-manager authenticates to Vault.
    pub auth: VaultAuth,
}

/// `vault.auth:`, one of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum VaultAuth {
    /// A token.
    Token(Credential),
    /// A role for machines.
    AppRole(AppRole),
    /// A service account of the cluster.
    Kubernetes(VaultKubernetes),
}

impl VaultAuth {
    /// The Secret's key that it needs, with its place.
    pub fn credential(&self) -> Option<(&'static str, &Credential)> {
        match self {
            Self::Token(credential) => Some(("token", credential)),
            Self::AppRole(role) => Some(("appRole.secret", &role.secret)),
            Self::Kubernetes(_) => None,
        }
    }
}

/// `vault.auth.appRole:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppRole {
    /// Where the method is mounted; `approle` when absent.
    #[serde(default)]
    pub path: Option<String>,
    /// Id of the role.
    pub role_id: String,
    /// Id of the secret of the role.
    pub secret: Credential,
}

/// `vault.auth.kubernetes:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VaultKubernetes {
    /// The role in Vault.
    pub role: String,
    /// The service account that is used, in the namespace of the release; cert-manager needs permission to create
    /// tokens for it.
    pub service_account: String,
    /// Where the method is mounted; `/v1/auth/kubernetes` when absent.
    #[serde(default)]
    pub mount_path: Option<String>,
}
