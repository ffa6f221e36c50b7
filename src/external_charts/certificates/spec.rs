//! The `spec` of one issuer, as the CRD of cert-manager defines it.

use crate::config::{
    Acme, Config, Credential, Dns01, Http01, Issuer, RouteTls, SecretKey, Solver, Vault, VaultAuth, intent_place,
};
use crate::support::diagnostic::{Code, Diagnostic};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

/// Where the value of a secret parameter is read from; `must` tells that the issuer is not ready without it. A sentence
/// says why it cannot be.
pub(crate) type Lives<'a> = dyn Fn(&str, bool) -> Result<SecretKey, Diagnostic> + 'a;

/// What one issuer is made from.
struct Made<'a> {
    config: &'a Config,
    name: &'a str,
    namespace: &'a str,
    lives: &'a Lives<'a>,
}

/// The `spec` of an issuer.
pub(crate) fn spec(
    config: &Config,
    name: &str,
    issuer: &Issuer,
    namespace: &str,
    lives: &Lives<'_>,
) -> Result<Value, Diagnostic> {
    let made = Made { config, name, namespace, lives };
    if let Some(acme) = &issuer.acme {
        return Ok(json!({"acme": made.acme(issuer, acme)?}));
    }
    if let Some(vault) = &issuer.vault {
        return Ok(json!({"vault": made.vault(vault)?}));
    }
    Ok(match &issuer.ca {
        Some(ca) => json!({"ca": {"secretName": ca.secret}}),
        None => json!({"selfSigned": {}}),
    })
}

impl Made<'_> {
    fn acme(&self, issuer: &Issuer, acme: &Acme) -> Result<Value, Diagnostic> {
        let mut spec = filled([
            ("server", Some(json!(acme.server()))),
            ("caBundle", acme.ca_bundle().map(|bundle| json!(bundle))),
            ("email", issuer.email.as_ref().map(|email| json!(email))),
            ("privateKeySecretRef", Some(json!({"name": format!("{}-account", self.name)}))),
        ]);
        if let Some(eab) = &issuer.eab {
            let key = self.secret(&eab.key, true)?;
            spec["externalAccountBinding"] = json!({"keyID": eab.key_id, "keySecretRef": key});
        }
        let solvers: Result<Vec<Value>, Diagnostic> = if issuer.solvers.is_empty() {
            self.default_solvers()
        } else {
            issuer.solvers.iter().map(|solver| self.solver(solver)).collect()
        };
        spec["solvers"] = Value::Array(solvers?);
        Ok(spec)
    }

    /// HTTP-01 through every route of the file that asks this issuer.
    fn default_solvers(&self) -> Result<Vec<Value>, Diagnostic> {
        let asks = |tls: &Option<RouteTls>| tls.as_ref().is_some_and(|tls| tls.issuer.as_deref() == Some(self.name));
        let mut by_class: IndexMap<Option<&str>, Vec<&String>> = IndexMap::new();
        for ingress in self.config.ingresses.values().filter(|ingress| asks(&ingress.tls)) {
            let hosts = ingress.hosts.iter().chain(ingress.paths.iter().filter_map(|path| path.host.as_ref()));
            by_class.entry(ingress.class.as_deref()).or_default().extend(hosts);
        }
        let gateways = self.config.gateways.iter().filter(|(_, gateway)| asks(&gateway.tls));
        let gateways: Vec<Value> = gateways.map(|(name, _)| self.parent(name)).collect();
        // Where there are several ways, each host is asked for on its own.
        let is_one = by_class.len() + usize::from(!gateways.is_empty()) == 1;
        let mut solvers: Vec<Value> = Vec::new();
        for (class, hosts) in by_class {
            let mut solver = json!({"http01": {"ingress": of_class(class)}});
            if !is_one && !hosts.is_empty() {
                solver["selector"] = json!({"dnsNames": hosts});
            }
            solvers.push(solver);
        }
        if !gateways.is_empty() {
            solvers.push(json!({"http01": {"gatewayHTTPRoute": {"parentRefs": gateways}}}));
        }
        if solvers.is_empty() {
            let place = intent_place(format!("certManager.issuers.{}", self.name));
            return Err(Diagnostic::new(
                Code::MissingKey,
                place,
                "no route of this file uses this issuer, so it has no solver to prove domain ownership",
            )
            .hint(
                "set `solvers`, such as `- http01: {ingress: nginx}`, or use it in the `tls` of an ingress or \
                gateway",
            ));
        }
        Ok(solvers)
    }

    fn solver(&self, solver: &Solver) -> Result<Value, Diagnostic> {
        let mut spec = match (&solver.http01, &solver.dns01) {
            (_, Some(dns)) => json!({"dns01": self.dns(dns)?}),
            (Some(http), None) => json!({"http01": self.http(http)}),
            (None, None) => json!({}),
        };
        let lists = [("dnsZones", &solver.zones), ("dnsNames", &solver.hosts)];
        for (key, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            spec["selector"][key] = json!(list);
        }
        Ok(spec)
    }

    fn http(&self, http: &Http01) -> Value {
        match (&http.gateway, &http.ingress) {
            (Some(gateway), _) => json!({"gatewayHTTPRoute": {"parentRefs": [self.parent(gateway)]}}),
            (None, Some(ingress)) => json!({"ingress": self.class(ingress)}),
            (None, None) => json!({"ingress": {}}),
        }
    }

    /// The class of an entry of `ingresses`, or the class itself.
    fn class(&self, ingress: &str) -> Value {
        let class = match self.config.ingresses.get(ingress) {
            Some(entry) => entry.class.as_deref(),
            None => Some(ingress),
        };
        of_class(class)
    }

    fn parent(&self, gateway: &str) -> Value {
        let entry = self.config.gateways.get(gateway);
        let (name, namespace) = match entry.and_then(|entry| entry.existing.as_ref()) {
            Some(existing) => (existing.name.clone(), existing.namespace.as_deref().unwrap_or(self.namespace)),
            None => (gateway.to_owned(), self.namespace),
        };
        json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name, "namespace": namespace})
    }

    fn dns(&self, dns: &Dns01) -> Result<Value, Diagnostic> {
        let secret = |credential: &Option<Credential>| {
            credential.as_ref().map(|credential| self.secret(credential, false)).transpose()
        };
        let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
        Ok(match dns {
            Dns01::Cloudflare(it) => json!({"cloudflare": filled([
                ("email", text(&it.email)),
                ("apiTokenSecretRef", secret(&it.api_token)?),
                ("apiKeySecretRef", secret(&it.api_key)?),
            ])}),
            Dns01::Route53(it) => json!({"route53": filled([
                ("region", text(&it.region)),
                ("hostedZoneID", text(&it.hosted_zone_id)),
                ("accessKeyID", text(&it.access_key_id)),
                ("secretAccessKeySecretRef", secret(&it.secret_access_key)?),
                ("role", text(&it.role)),
            ])}),
            Dns01::AzureDns(it) => json!({"azureDNS": filled([
                ("subscriptionID", Some(json!(it.subscription_id))),
                ("resourceGroupName", Some(json!(it.resource_group))),
                ("hostedZoneName", text(&it.hosted_zone)),
                ("tenantID", text(&it.tenant_id)),
                ("clientID", text(&it.client_id)),
                ("clientSecretSecretRef", secret(&it.client_secret)?),
                ("managedIdentity", it.managed_identity.as_ref().map(|identity| filled([
                    ("clientID", text(&identity.client_id)),
                    ("resourceID", text(&identity.resource_id)),
                ]))),
            ])}),
            Dns01::CloudDns(it) => json!({"cloudDNS": filled([
                ("project", Some(json!(it.project))),
                ("hostedZoneName", text(&it.hosted_zone)),
                ("serviceAccountSecretRef", secret(&it.service_account)?),
            ])}),
            Dns01::Rfc2136(it) => json!({"rfc2136": filled([
                ("nameserver", Some(json!(it.nameserver))),
                ("tsigKeyName", text(&it.tsig_key_name)),
                ("tsigAlgorithm", text(&it.tsig_algorithm)),
                ("tsigSecretSecretRef", secret(&it.tsig_secret)?),
            ])}),
        })
    }

    fn vault(&self, vault: &Vault) -> Result<Value, Diagnostic> {
        let auth = match &vault.auth {
            VaultAuth::Token(token) => json!({"tokenSecretRef": self.secret(token, true)?}),
            VaultAuth::AppRole(role) => json!({"appRole": {
                "path": role.path.as_deref().unwrap_or("approle"),
                "roleId": role.role_id,
                "secretRef": self.secret(&role.secret, true)?,
            }}),
            VaultAuth::Kubernetes(it) => json!({"kubernetes": filled([
                ("role", Some(json!(it.role))),
                ("mountPath", it.mount_path.as_ref().map(|path| json!(path))),
                ("serviceAccountRef", Some(json!({"name": it.service_account}))),
            ])}),
        };
        Ok(filled([
            ("server", Some(json!(vault.server))),
            ("path", Some(json!(vault.path))),
            ("namespace", vault.namespace.as_ref().map(|namespace| json!(namespace))),
            ("caBundle", vault.ca_bundle.as_ref().map(|bundle| json!(bundle))),
            ("auth", Some(auth)),
        ]))
    }

    fn secret(&self, credential: &Credential, must: bool) -> Result<Value, Diagnostic> {
        let SecretKey { secret, key } = match credential {
            Credential::Secret(secret) => secret.clone(),
            Credential::Parameter(name) => (self.lives)(name, must)
                .map_err(|diagnostic| diagnostic.at(intent_place(format!("certManager.issuers.{}", self.name))))?,
        };
        Ok(json!({"name": secret, "key": key}))
    }
}

fn of_class(class: Option<&str>) -> Value {
    class.map_or_else(|| json!({}), |class| json!({"ingressClassName": class}))
}

/// A map of what is there.
fn filled<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    let there = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(there.collect::<Map<String, Value>>())
}
