//! `seal`: encrypts values into the file of ciphertexts that is committed with the source.
//!
//! A value that the user does not supply is the one that the release uses now, so that changing the source of a secret
//! does not change the password. It is generated only if it does not exist yet.

use super::args::{Common, Seal};
use super::images;
use super::project::{Project, given};
use super::rendered::Rendered;
use super::run_options::random;
use super::which_release;
use super::{CliError, Exit, output};
use crate::app::escape_uri_data;
use crate::config::{Sealed, SealedValue, SecretSource};
use crate::inputs::{Given, Kept, settle};
use crate::pipeline::{self, Release};
use crate::seal::{Certificate, Scope};
use crate::support::diagnostic::{Code, Diagnostic, nearest, suggestion};
use crate::support::digest::hex;
use crate::support::read_file;
use crate::support::redact::base64;
use crate::targets::kubernetes::sealed_name;
use std::path::Path;
use std::time::SystemTime;

/// Seals secrets for a release.
pub(super) fn seal(common: &Common, options: &Seal) -> Result<Exit, CliError> {
    let certificate = certificate(&options.cert)?;
    let project = Project::load(&options.source)?;
    let images = images::parse(&super::args::Images::default())?;
    let rendered = project.render(common.environment.as_deref(), &images)?;
    let given = given(&options.parameters, &images, &rendered)?;
    let release = which_release::release(common, &options.source, &options.on)?;
    let (path, mut sealed) = project.sealed(&rendered.config)?;
    let names = names(options, &rendered, &release, &sealed)?;
    if names.is_empty() {
        output::say("nothing to seal: every secret from `sealed` is sealed already; --name seals one again");
        return Ok(Exit::Done);
    }
    for (name, value) in values(rendered, &names, &given, &release)? {
        let entry = encrypt(&certificate, &release, &name, &value)?;
        sealed.put(&release.namespace, &release.name, &name, entry);
    }
    output::file(&path, &sealed.to_text())?;
    output::say(&format!(
        "sealed {} for release {} in namespace {}; commit {} with the source",
        names.join(", "),
        release.name,
        release.namespace,
        path.display()
    ));
    Ok(Exit::Done)
}

fn certificate(path: &Path) -> Result<Certificate, CliError> {
    let shown = path.display().to_string();
    let text = read_file::text(path).map_err(|source| CliError::Read { path: shown.clone(), source })?;
    // A clock before 1970 finds no certificate expired.
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Certificate::from_pem(&text, now).map_err(|diagnostic| CliError::input(&shown, diagnostic))
}

/// The secrets to seal: those that are named, else those that are not sealed for this release yet.
fn names(options: &Seal, rendered: &Rendered, release: &Release, sealed: &Sealed) -> Result<Vec<String>, CliError> {
    let secrets = &rendered.plan.secrets;
    let from_sealed = secrets.iter().filter(|(_, secret)| secret.source == SecretSource::Sealed);
    if options.names.is_empty() {
        let open = from_sealed.filter(|(name, _)| sealed.find(Some(&release.namespace), &release.name, name).is_none());
        return Ok(open.map(|(name, _)| name.clone()).collect());
    }
    for name in &options.names {
        if secrets.get(name).is_none_or(|secret| secret.source != SecretSource::Sealed) {
            let diagnostic =
                Diagnostic::new(Code::UnknownInput, "--name", format!("no secret `{name}` has `from: sealed`"));
            let near = nearest(name, from_sealed.clone().map(|(name, _)| name.as_str()));
            let otherwise = format!("set `parameters: {{{name}: {{from: sealed}}}}` in aspire-k8s.yaml first");
            let diagnostic = diagnostic.hint(suggestion(near, otherwise));
            return Err(CliError::Input(diagnostic.into()));
        }
    }
    Ok(options.names.clone())
}

/// Their values: given, else in use, else the default, else made.
fn values(
    rendered: Rendered,
    names: &[String],
    given: &Given,
    release: &Release,
) -> Result<Vec<(String, String)>, CliError> {
    let Rendered { mut app, mut plan, .. } = rendered;
    let all_given = names.iter().all(|name| given.value(name).is_some());
    let kept = if all_given { Kept::default() } else { pipeline::values_in_use(release, &plan.application_id)? };
    app.inputs.retain(|name, _| names.contains(name));
    plan.required.clear();
    for secret in plan.secrets.values_mut() {
        secret.source = SecretSource::Deploy;
    }
    let settled = settle(&app, &plan, given, &kept, &mut random).map_err(pipeline::Error::from)?;
    if !settled.made.is_empty() {
        output::say(&format!("generated values for {}", settled.made.join(", ")));
    }
    Ok(names.iter().filter_map(|name| Some((name.clone(), settled.secret.get(name)?.clone()))).collect())
}

/// The form of the value that pods may ask for is sealed beside it, because the cluster cannot escape it.
fn encrypt(certificate: &Certificate, release: &Release, name: &str, value: &str) -> Result<SealedValue, CliError> {
    let mut id = [0; 4];
    random(&mut id).map_err(pipeline::Error::from)?;
    let id = hex(&id);
    let object = sealed_name(&release.name, name, &id);
    let scope = Scope { namespace: &release.namespace, name: &object };
    let seal = |value: &str| -> Result<String, CliError> {
        let bytes =
            crate::seal::seal(certificate, scope, value.as_bytes(), &mut random).map_err(pipeline::Error::from)?;
        Ok(base64(&bytes))
    };
    Ok(SealedValue { value: seal(value)?, uri: Some(seal(&escape_uri_data(value))?), id })
}
