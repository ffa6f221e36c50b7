//! Which cluster, and as which user: the command line, else helm's variables.
//!
//! The API client and the helm process use the same settings, so that both always talk to the same cluster. This module
//! only holds them; it reads no file.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use super::environment::Environment;

/// A bearer token. Its debug form says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Wraps a token.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token itself, for a header or a child's environment, never for a message.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// The settings of a connection. Every field that is empty follows the kubeconfig.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// `--kubeconfig`: this one file instead of `$KUBECONFIG`.
    pub kubeconfig: Option<PathBuf>,
    pub context: Option<String>,
    /// `--namespace` as typed.
    pub namespace: Option<String>,
    /// `$HELM_NAMESPACE`: under helm it is always set, so it does not tell whether `-n` was typed.
    pub helm_namespace: Option<String>,
    /// Address of the API server.
    pub server: Option<String>,
    /// Bearer token.
    pub token: Option<Token>,
    /// Whom to act as.
    pub as_user: Option<String>,
    /// Groups to act as a member of.
    pub as_groups: Vec<String>,
    /// Certificate authority of the API server.
    pub ca_file: Option<PathBuf>,
    /// Whether the certificate of the API server is taken unseen.
    pub insecure_skip_tls_verify: bool,
    /// The name to look for in the certificate of the API server.
    pub tls_server_name: Option<String>,
}

impl Access {
    /// Fills what is still empty from helm's variables.
    #[must_use]
    pub fn with_environment(self, environment: &Environment) -> Self {
        let text = |name: &str| environment.text(name).map(str::to_owned);
        let groups = || text("HELM_KUBEASGROUPS").map(|list| list.split(',').map(str::to_owned).collect());
        let insecure = || text("HELM_KUBEINSECURE_SKIP_TLS_VERIFY").is_some_and(|value| is_true(&value));
        Self {
            kubeconfig: self.kubeconfig,
            context: self.context.or_else(|| text("HELM_KUBECONTEXT")),
            namespace: self.namespace,
            helm_namespace: self.helm_namespace.or_else(|| text("HELM_NAMESPACE")),
            server: self.server.or_else(|| text("HELM_KUBEAPISERVER")),
            token: self.token.or_else(|| text("HELM_KUBETOKEN").map(Token)),
            as_user: self.as_user.or_else(|| text("HELM_KUBEASUSER")),
            as_groups: if self.as_groups.is_empty() { groups().unwrap_or_default() } else { self.as_groups },
            ca_file: self.ca_file.or_else(|| text("HELM_KUBECAFILE").map(PathBuf::from)),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify || insecure(),
            tls_server_name: self.tls_server_name.or_else(|| text("HELM_KUBETLS_SERVER_NAME")),
        }
    }

    /// The settings for a helm process that have no business on a command line, or no flag there.
    pub fn helm_variables(&self) -> Vec<(&'static str, OsString)> {
        let groups = Some(self.as_groups.join(",")).filter(|list| !list.is_empty());
        let pairs: [(&str, Option<OsString>); 7] = [
            ("HELM_KUBEAPISERVER", self.server.clone().map(Into::into)),
            ("HELM_KUBETOKEN", self.token.as_ref().map(|token| token.0.clone().into())),
            ("HELM_KUBEASUSER", self.as_user.clone().map(Into::into)),
            ("HELM_KUBEASGROUPS", groups.map(Into::into)),
            ("HELM_KUBECAFILE", self.ca_file.clone().map(Into::into)),
            ("HELM_KUBEINSECURE_SKIP_TLS_VERIFY", self.insecure_skip_tls_verify.then(|| "true".into())),
            ("HELM_KUBETLS_SERVER_NAME", self.tls_server_name.clone().map(Into::into)),
        ];
        pairs.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
    }
}

/// What Go's `strconv.ParseBool` takes for true.
fn is_true(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment::new(
            "/",
            [
                ("HELM_NAMESPACE", "shop"),
                ("HELM_KUBECONTEXT", "prod"),
                ("HELM_KUBEAPISERVER", "https://a:1"),
                ("HELM_KUBETOKEN", "t0ken"),
                ("HELM_KUBEASUSER", "eve"),
                ("HELM_KUBEASGROUPS", "dev,ops"),
                ("HELM_KUBECAFILE", "/ca.crt"),
                ("HELM_KUBEINSECURE_SKIP_TLS_VERIFY", "true"),
                ("HELM_KUBETLS_SERVER_NAME", "api"),
            ],
        )
    }

    #[test]
    fn helms_variables_fill_what_the_command_line_leaves_open() {
        let typed = Access { context: Some("test".into()), as_groups: vec!["own".into()], ..Access::default() };
        let access = typed.with_environment(&environment());
        assert_eq!(access.context.as_deref(), Some("test"));
        assert_eq!(access.as_groups, ["own"]);
        assert_eq!((access.namespace.as_deref(), access.helm_namespace.as_deref()), (None, Some("shop")));
        assert_eq!(access.server.as_deref(), Some("https://a:1"));
        assert_eq!(access.token.as_ref().map(Token::reveal), Some("t0ken"));
        assert!(access.insecure_skip_tls_verify);
    }

    #[test]
    fn helm_is_given_the_same_settings() {
        let variables = Access::default().with_environment(&environment()).helm_variables();
        let texts: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={}", value.display())).collect();
        assert_eq!(
            texts,
            [
                "HELM_KUBEAPISERVER=https://a:1",
                "HELM_KUBETOKEN=t0ken",
                "HELM_KUBEASUSER=eve",
                "HELM_KUBEASGROUPS=dev,ops",
                "HELM_KUBECAFILE=/ca.crt",
                "HELM_KUBEINSECURE_SKIP_TLS_VERIFY=true",
                "HELM_KUBETLS_SERVER_NAME=api",
            ]
        );
        assert!(Access::default().helm_variables().is_empty());
    }

    #[test]
    fn the_token_is_not_in_the_debug_form() {
        let access = Access::default().with_environment(&environment());
        assert!(!format!("{access:?}").contains("t0ken"));
    }
}
