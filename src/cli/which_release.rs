//! The release and the cluster that the command refers to.

use super::args::{Common, Named, Source};
use super::packed::{self, Packed};
use super::program::is_helm_plugin;
use super::project::{Project, for_environment, intent_of_app_host};
use super::{CliError, output};
use crate::cluster::connect::access::Access;
use crate::cluster::connect::environment::Environment;
use crate::cluster::connect::kubeconfig;
use crate::config::Config;
use crate::helm;
use crate::pipeline::{self, Release};
use crate::support::diagnostic::Code;
use crate::targets::kubernetes::Name;

/// The release that is meant. One that is named needs no SOURCE, from whatever machine; one that is given all the same says
/// its namespace and application.
pub(super) fn meant(
    common: &Common,
    release: Option<&str>,
    source: &Source,
) -> Result<(String, Config, Option<String>), CliError> {
    if let (Some(name), None) = (release, &source.source) {
        return Ok((name.to_owned(), Config::default(), None));
    }
    let (name, config, application) = named_by_source(common, source)?;
    Ok((release.map_or(name, str::to_owned), config, Some(application)))
}

/// Name, intent and application id that the files of SOURCE give to a release.
pub(super) fn named_by_source(common: &Common, source: &Source) -> Result<(String, Config, String), CliError> {
    if packed::is_chart(source) {
        let (config, application, id) = Packed::load(source)?.intent(common.environment.as_deref())?;
        let name = release_name(None, &config, &application)?;
        return Ok((name, config, id));
    }
    let environment = common.environment.as_deref();
    let (config, application) = if let Some((config, path, application)) = intent_of_app_host(source)? {
        (for_environment(&config, &path, environment)?, application)
    } else {
        let project = Project::load(source)?;
        (project.config(environment)?, project.application().to_owned())
    };
    let application = config.application.clone().unwrap_or(application);
    let name = release_name(None, &config, &application)?;
    let id = config.application_id.clone().unwrap_or(application);
    Ok((name, config, id))
}

/// The release name: as given, else the file's, else the application's.
pub(super) fn release_name(given: Option<&str>, config: &Config, application: &str) -> Result<String, CliError> {
    if let Some(name) = given.or(config.release.name.as_deref()) {
        return Ok(name.to_owned());
    }
    if application.is_empty() {
        return Err(CliError::Usage(
            Code::MissingName,
            "the application has no name; pass --release, or set `application: NAME` in aspire-k8s.yaml".into(),
        ));
    }
    Ok(Name::of_workload(application).to_string())
}

/// The release that is about to be looked at. Where only the person could say which namespace is meant, it is the file's.
pub(super) fn reading(
    common: &Common,
    name: &str,
    release_namespace: Option<&str>,
    config: &Config,
) -> Result<Release, CliError> {
    let from_file = config.release.namespace.as_deref();
    if let (None, Some(file)) = (release_namespace.or(common.namespace.as_deref()), from_file)
        && let Err(CliError::Refused(..)) = writing(common, name, None, config)
    {
        output::say(&format!("using namespace {file} from aspire-k8s.yaml; --release-namespace overrides it"));
        return writing(common, name, Some(file), config);
    }
    writing(common, name, release_namespace, config)
}

/// The release that is about to be changed.
///
/// Helm always sets `HELM_NAMESPACE`, so `-n default` cannot be told from no `-n` at all. Where the file names another
/// namespace than the one that merely is the context's own, only the person can say which is meant.
pub(super) fn writing(
    common: &Common,
    name: &str,
    release_namespace: Option<&str>,
    config: &Config,
) -> Result<Release, CliError> {
    let typed = release_namespace.or(common.namespace.as_deref());
    // What is wrong with names is wrong with every cluster, so it is said even if there is none.
    helm::Target::new(name, typed.unwrap_or("default"), Access::default()).map_err(pipeline::Error::from)?;
    let environment = Environment::of_process();
    let access = access(common, &environment);
    let location = kubeconfig::locate(&access, &environment).map_err(pipeline::Error::from)?;
    let from_file = config.release.namespace.as_deref();
    let namespace = match (typed, &access.helm_namespace, from_file) {
        (Some(typed), ..) => typed.to_owned(),
        (None, Some(helm), Some(file)) if helm != file => {
            if *helm == location.context_namespace {
                return Err(CliError::Refused(
                    Code::AmbiguousNamespace,
                    format!(
                        "aspire-k8s.yaml sets the namespace {file}, helm passes {helm}, which may come from the \
                        context or from you: pass --release-namespace {file} or --release-namespace {helm}"
                    ),
                ));
            }
            helm.clone()
        }
        (None, _, Some(file)) => file.to_owned(),
        (None, _, None) => location.namespace.clone(),
    };
    Ok(Release::new(name, &namespace, Access { namespace: Some(namespace.clone()), ..access }, environment)?)
}

/// How to reach the cluster: what was typed, else what helm passes on.
fn access(common: &Common, environment: &Environment) -> Access {
    let typed = Access {
        kubeconfig: common.kubeconfig.clone(),
        context: common.context.clone(),
        namespace: common.namespace.clone(),
        as_user: common.as_user.clone(),
        as_groups: common.as_groups.clone(),
        ..Access::default()
    };
    let mut access = typed.with_environment(environment);
    if !is_helm_plugin() {
        // A variable of the user, not of helm.
        access.namespace = access.namespace.or_else(|| access.helm_namespace.take());
        access.helm_namespace = None;
    }
    access
}

/// The release that is looked at: a name needs no manifest, from whatever machine.
pub(super) fn release(common: &Common, source: &Source, on: &Named) -> Result<Release, CliError> {
    let (name, config, _) = meant(common, on.release.as_deref(), source)?;
    reading(common, &name, on.release_namespace.as_deref(), &config)
}
