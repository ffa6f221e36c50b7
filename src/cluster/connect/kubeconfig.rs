//! From the settings to a cluster: the kubeconfig files, the context, the overrides.
//!
//! [`locate`] finds out which cluster a run will use, without connecting; [`configuration`] adds what the client needs.
//! Both use the same selection, so that the cluster that is printed is the cluster that is used.

use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};

use kube::Config;
use kube::config::{
    AuthInfo, Cluster, Context, Kubeconfig, KubeconfigError, NamedAuthInfo, NamedCluster, NamedContext,
};

use super::access::Access;
use super::environment::Environment;
use super::proxy;
use crate::k8s::error::{Error, ErrorKind, Result};
use crate::support::diagnostic::{nearest, suggestion};

const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
const DEFAULT: &str = "default";

/// Where a run goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The context; none inside a cluster, or when only an address was given.
    pub context: Option<String>,
    /// Address of the API server.
    pub url: String,
    /// The namespace that counts: typed, else helm's, else the context's, else `default`.
    pub namespace: String,
    pub context_namespace: String,
    /// The files that were read.
    pub files: Vec<PathBuf>,
}

/// Where these settings lead, without connecting.
pub fn locate(access: &Access, environment: &Environment) -> Result<Location> {
    let choice = choose(access, environment)?;
    let (context, url, own) = match &choice {
        Choice::InCluster => (None, in_cluster_url(environment), namespace_of_pod()),
        Choice::Kubeconfig { kubeconfig, context, .. } => {
            let chosen = context_named(kubeconfig, context);
            let named = (!context.is_empty()).then(|| context.clone());
            (
                named,
                without_login(&server_of(kubeconfig, context)?),
                chosen.and_then(|context| context.namespace.clone()),
            )
        }
    };
    let context_namespace = own.filter(|namespace| !namespace.is_empty()).unwrap_or_else(|| DEFAULT.to_owned());
    let namespace = access.namespace.clone().or_else(|| access.helm_namespace.clone());
    let files = match choice {
        Choice::Kubeconfig { files, .. } => files,
        Choice::InCluster => Vec::new(),
    };
    Ok(Location {
        context,
        url,
        namespace: namespace.unwrap_or_else(|| context_namespace.clone()),
        context_namespace,
        files,
    })
}

/// An address as it may be shown: a user and password in it are hidden, as helm does.
pub(crate) fn without_login(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").map_or(("", address), |(scheme, rest)| (scheme, rest));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match host.rsplit_once('@') {
        Some((login, _)) => {
            let separator = if scheme.is_empty() { "" } else { "://" };
            format!("{scheme}{separator}***{}", &rest[login.len()..])
        }
        None => address.to_owned(),
    }
}

/// The client configuration for these settings.
pub(crate) fn configuration(access: &Access, environment: &Environment) -> Result<Config> {
    let (mut config, own_proxy) = match choose(access, environment)? {
        Choice::InCluster => (Config::incluster_env().map_err(|error| unusable(&error))?, None),
        Choice::Kubeconfig { mut kubeconfig, context, .. } => {
            let own_proxy = cluster_mut(&mut kubeconfig, &context).and_then(|cluster| cluster.proxy_url.clone());
            kubeconfig.current_context = Some(context);
            // A credential plugin is a child process too.
            for plugin in kubeconfig.auth_infos.iter_mut().filter_map(|user| user.auth_info.as_mut()?.exec.as_mut()) {
                plugin.drop_env =
                    Some(environment.withheld().map(|name| name.to_string_lossy().into_owned()).collect());
            }
            (Config::try_from(*kubeconfig).map_err(|error| unusable(&error))?, own_proxy)
        }
    };
    let wanted = own_proxy.as_deref().filter(|proxy| !proxy.is_empty());
    let wanted = wanted.or_else(|| proxy::for_url(&config.cluster_url.to_string(), environment));
    config.proxy_url = match wanted {
        Some(address) => Some(address.parse().map_err(|_| {
            Error::new(
                ErrorKind::Configuration,
                format!("the address of the proxy, {}, is not a valid URL", without_login(address)),
            )
        })?),
        None => None,
    };
    Ok(config)
}

enum Choice {
    InCluster,
    Kubeconfig { kubeconfig: Box<Kubeconfig>, context: String, files: Vec<PathBuf> },
}

fn choose(access: &Access, environment: &Environment) -> Result<Choice> {
    let (mut kubeconfig, files) = read(access, environment)?;
    let nothing = kubeconfig.contexts.is_empty() && kubeconfig.clusters.is_empty();
    let context = if nothing && access.context.is_none() {
        if access.server.is_none() {
            return in_cluster_or_nothing(access, environment);
        }
        String::new()
    } else {
        context_name(access, &kubeconfig, &files)?
    };
    if nothing {
        add_empty_context(&mut kubeconfig);
    }
    override_cluster(access, environment, &mut kubeconfig, &context);
    override_user(access, &mut kubeconfig, &context);
    Ok(Choice::Kubeconfig { kubeconfig: Box::new(kubeconfig), context, files })
}

fn in_cluster_or_nothing(access: &Access, environment: &Environment) -> Result<Choice> {
    if environment.text("KUBERNETES_SERVICE_HOST").is_some() && access.kubeconfig.is_none() {
        return Ok(Choice::InCluster);
    }
    let places: Vec<String> = paths(access, environment).iter().map(|path| path.display().to_string()).collect();
    let sentence = format!("no cluster is configured: no kubeconfig at {}", places.join(", "));
    Err(Error::new(ErrorKind::Configuration, sentence).hint("set one with --kubeconfig or $KUBECONFIG"))
}

/// The files to read: the given one, else `$KUBECONFIG`, else the one in the home folder.
fn paths(access: &Access, environment: &Environment) -> Vec<PathBuf> {
    if let Some(path) = &access.kubeconfig {
        return vec![environment.resolve(path)];
    }
    let listed = environment.os("KUBECONFIG").map(std::env::split_paths).into_iter().flatten();
    let listed: Vec<PathBuf> =
        listed.filter(|path| !path.as_os_str().is_empty()).map(|path| environment.resolve(&path)).collect();
    if listed.is_empty() {
        return environment.home().map(|home| home.join(".kube").join("config")).into_iter().collect();
    }
    listed
}

/// All files merged, the first to say something wins; a missing one is only an error when it was asked for by name.
fn read(access: &Access, environment: &Environment) -> Result<(Kubeconfig, Vec<PathBuf>)> {
    let mut merged = Kubeconfig::default();
    let mut files = Vec::new();
    for path in paths(access, environment) {
        let next = match Kubeconfig::read_from(&path) {
            Ok(next) => next,
            Err(KubeconfigError::ReadConfig(error, _))
                if error.kind() == Io::NotFound && access.kubeconfig.is_none() =>
            {
                continue;
            }
            Err(error) => return Err(unreadable(&path, &error)),
        };
        merged = merged.merge(next).map_err(|error| unreadable(&path, &error))?;
        files.push(path);
    }
    Ok((merged, files))
}

fn context_name(access: &Access, kubeconfig: &Kubeconfig, files: &[PathBuf]) -> Result<String> {
    let current = kubeconfig.current_context.clone().filter(|name| !name.is_empty());
    let known: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let places: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    let places = if places.is_empty() { "the kubeconfig".to_owned() } else { places.join(", ") };
    let Some(name) = access.context.clone().or(current) else {
        let sentence = format!("{places} has no current context; its contexts are: {list}");
        return Err(Error::new(ErrorKind::Configuration, sentence).hint("choose one with --context"));
    };
    if context_named(kubeconfig, &name).is_some() {
        return Ok(name);
    }
    let sentence = format!("there is no context `{name}` in {places}; its contexts are: {list}");
    let error = Error::new(ErrorKind::Configuration, sentence);
    Err(error.hint(suggestion(nearest(&name, known), "")))
}

fn context_named<'a>(kubeconfig: &'a Kubeconfig, name: &str) -> Option<&'a Context> {
    kubeconfig.contexts.iter().find(|context| context.name == name).and_then(|context| context.context.as_ref())
}

fn server_of(kubeconfig: &Kubeconfig, context: &str) -> Result<String> {
    let name = context_named(kubeconfig, context).map_or("", |context| context.cluster.as_str());
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == name);
    let server = cluster.and_then(|cluster| cluster.cluster.as_ref()).and_then(|cluster| cluster.server.clone());
    server.ok_or_else(|| {
        let sentence = format!("the context `{context}` names the cluster `{name}`, which has no address");
        Error::new(ErrorKind::Configuration, sentence)
    })
}

/// A context without a name, for when an address is all there is.
fn add_empty_context(kubeconfig: &mut Kubeconfig) {
    kubeconfig.clusters.push(NamedCluster { cluster: Some(Cluster::default()), ..NamedCluster::default() });
    kubeconfig.contexts.push(NamedContext { context: Some(Context::default()), ..NamedContext::default() });
}

fn cluster_mut<'a>(kubeconfig: &'a mut Kubeconfig, context: &str) -> Option<&'a mut Cluster> {
    let name = context_named(kubeconfig, context)?.cluster.clone();
    kubeconfig.clusters.iter_mut().find(|cluster| cluster.name == name)?.cluster.as_mut()
}

fn override_cluster(access: &Access, environment: &Environment, kubeconfig: &mut Kubeconfig, context: &str) {
    let Some(cluster) = cluster_mut(kubeconfig, context) else { return };
    if let Some(server) = &access.server {
        let has_scheme = server.contains("://");
        cluster.server = Some(if has_scheme { server.clone() } else { format!("https://{server}") });
    }
    if let Some(file) = &access.ca_file {
        cluster.certificate_authority = Some(environment.resolve(file).to_string_lossy().into_owned());
        cluster.certificate_authority_data = None;
    }
    if access.insecure_skip_tls_verify {
        cluster.insecure_skip_tls_verify = Some(true);
        (cluster.certificate_authority, cluster.certificate_authority_data) = (None, None);
    }
    if let Some(name) = &access.tls_server_name {
        cluster.tls_server_name = Some(name.clone());
    }
}

fn override_user(access: &Access, kubeconfig: &mut Kubeconfig, context: &str) {
    let user = user_mut(kubeconfig, context);
    if let Some(token) = &access.token {
        user.token = Some(token.reveal().to_owned().into());
        (user.exec, user.auth_provider, user.username, user.password) = (None, None, None, None);
    }
    if let Some(name) = &access.as_user {
        user.impersonate = Some(name.clone());
    }
    if !access.as_groups.is_empty() {
        user.impersonate_groups = Some(access.as_groups.clone());
    }
}

/// The user of a context, added when the context names none that exists.
fn user_mut<'a>(kubeconfig: &'a mut Kubeconfig, context: &str) -> &'a mut AuthInfo {
    let name = context_named(kubeconfig, context).and_then(|context| context.user.clone()).unwrap_or_default();
    let index = kubeconfig.auth_infos.iter().position(|user| user.name == name).unwrap_or_else(|| {
        let chosen = kubeconfig.contexts.iter_mut().find(|named| named.name == context);
        if let Some(chosen) = chosen.and_then(|named| named.context.as_mut()) {
            chosen.user = Some(name.clone());
        }
        kubeconfig.auth_infos.push(NamedAuthInfo { name, ..NamedAuthInfo::default() });
        kubeconfig.auth_infos.len() - 1
    });
    kubeconfig.auth_infos[index].auth_info.get_or_insert_with(AuthInfo::default)
}

fn in_cluster_url(environment: &Environment) -> String {
    let host = environment.text("KUBERNETES_SERVICE_HOST").unwrap_or("kubernetes.default.svc");
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    format!("https://{host}:{}", environment.text("KUBERNETES_SERVICE_PORT").unwrap_or("443"))
}

fn namespace_of_pod() -> Option<String> {
    std::fs::read_to_string(NAMESPACE_FILE).ok().map(|text| text.trim().to_owned())
}

/// Only the first line of the reason: the parser shows the lines around a mistake, and tokens stand in them.
fn unreadable(path: &Path, error: &KubeconfigError) -> Error {
    let reason = match error {
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        other => other.to_string().lines().next().unwrap_or_default().to_owned(),
    };
    Error::new(ErrorKind::Configuration, format!("the kubeconfig {} cannot be read: {reason}", path.display()))
}

fn unusable(error: &dyn std::error::Error) -> Error {
    let reason = error.to_string();
    let reason = reason.lines().next().unwrap_or_default();
    Error::new(ErrorKind::Configuration, format!("the kubeconfig cannot be used: {reason}"))
}

#[cfg(test)]
#[path = "kubeconfig_tests.rs"]
mod tests;
