//! The third-party charts of an application: read with their values files and the lock file beside aspire-k8s.yaml.

mod verbs;

pub(super) use verbs::{Listed, charts};

use super::args::{Common, Source};
use super::described::Described;
use super::project::{config_folder, read_config};
use super::rendered::Rendered;
use super::{CliError, packed};
use crate::cluster::state::secret::ReleaseSecret;
use crate::config::{Config, SecretKey, SecretSource};
use crate::external_charts::{self, LOCK_FILE, Lock, PlannedChart};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::read_file;
use crate::targets::kubernetes::Plan;
use std::path::{Path, PathBuf};

/// The charts of an application that is about to be deployed as this release: each exact, as the lock file says.
pub(super) fn of_rendered(rendered: &Rendered, release: &str, namespace: &str) -> Result<Vec<PlannedChart>, CliError> {
    let Some(folder) = &rendered.folder else { return Ok(Vec::new()) };
    let charts = exact(&rendered.config, folder)?;
    Ok(external_charts::ordered(charts.into_iter().chain(issuers(rendered, release, namespace)?).collect()))
}

/// The chart of the issuers of a release, when it has any.
pub(super) fn issuers(rendered: &Rendered, release: &str, namespace: &str) -> Result<Option<PlannedChart>, CliError> {
    let lives = |input: &str, must: bool| secret_of(&rendered.plan, release, input, must);
    external_charts::issuers(&rendered.config, release, namespace, &lives)
        .map_err(|diagnostics| wrong("aspire-k8s.yaml", diagnostics))
}

/// Where cert-manager finds the value of a secret input of a release.
fn secret_of(plan: &Plan, release: &str, input: &str, must: bool) -> Result<SecretKey, Diagnostic> {
    let Some(used) = plan.secrets.get(input) else {
        return Err(Diagnostic::new(Code::ChartSecretMissing, "", format!("no value for input `{input}`")));
    };
    if must && matches!(used.source, SecretSource::Chart | SecretSource::ExternalSecrets(_) | SecretSource::Sealed) {
        let what =
            format!("`{input}` is created by the application's own chart, but the issuer must be ready before that");
        return Err(Diagnostic::new(Code::ChartSecretMissing, "", what)
            .hint("set another `from` for the parameter, or name a Secret: `{secret: ..., key: ...}`"));
    }
    let (secret, key) = used.foreign_key(release, input).unwrap_or_else(|| {
        let ours =
            if used.is_written_by_deploy() { ReleaseSecret::name(release) } else { format!("{release}-chart-secrets") };
        (ours, input.to_owned())
    });
    Ok(SecretKey { secret, key })
}

/// The charts that SOURCE names, as far as it can be read, with the issuers: for a list of steps.
pub(super) fn steps_of_source(common: &Common, source: &Source) -> Result<Vec<PlannedChart>, CliError> {
    let charts = of_source(common, source)?;
    if packed::is_chart(source) {
        return Ok(charts);
    }
    let (config, _) = intent(common, source)?;
    // Which release it will be, and where its secrets live, is in no step.
    let nowhere = |_: &str, _| Ok(SecretKey::default());
    let issuers = external_charts::issuers(&config, "", "", &nowhere)
        .map_err(|diagnostics| wrong("aspire-k8s.yaml", diagnostics))?;
    Ok(external_charts::ordered(charts.into_iter().chain(issuers).collect()))
}

/// The charts that the intent of SOURCE names, the issuers among them, for who removes them: what they are called and where they lie.
pub(super) fn to_remove(config: &Config, release: &str, namespace: &str) -> Result<Vec<PlannedChart>, CliError> {
    // Where their secrets live does not matter for that.
    let nowhere = |_: &str, _| Ok(SecretKey::default());
    let issuers = external_charts::issuers(config, release, namespace, &nowhere)
        .map_err(|diagnostics| wrong("aspire-k8s.yaml", diagnostics))?;
    Ok(external_charts::plan(config).into_iter().chain(issuers).collect())
}

/// The charts that SOURCE names, as far as it can be read, for a list of steps.
pub(super) fn of_source(common: &Common, source: &Source) -> Result<Vec<PlannedChart>, CliError> {
    if packed::is_chart(source) {
        return Ok(Vec::new());
    }
    let (config, folder) = intent(common, source)?;
    let mut charts = external_charts::plan(&config);
    if let Some(lock) = read_lock(&folder)? {
        for chart in &mut charts {
            chart.locked = lock.find(chart);
        }
    }
    Ok(charts)
}

/// The intent beside SOURCE with the values of the environment, and its folder.
fn intent(common: &Common, source: &Source) -> Result<(Config, PathBuf), CliError> {
    let (config, shown) = read_intent(source)?;
    let chosen = match &common.environment {
        Some(name) => config.for_environment(name).map_err(|diagnostic| wrong(&shown, diagnostic.into()))?,
        None => config,
    };
    Ok((chosen, config_folder(&shown)))
}

/// The intent beside SOURCE, and its path.
fn read_intent(source: &Source) -> Result<(Config, String), CliError> {
    let path = source.path();
    let folder = match Described::at(path) {
        Ok(described) => described.intent_folder(path),
        // A folder needs no manifest for its charts.
        Err(_) if path.is_dir() => path.to_owned(),
        Err(error) => return Err(error),
    };
    read_config(source.beside.config.as_deref(), &folder)
}

fn exact(config: &Config, folder: &Path) -> Result<Vec<PlannedChart>, CliError> {
    let mut charts = with_files(config, folder)?;
    if let Some(lock) = read_lock(folder)? {
        lock.apply(&mut charts).map_err(|diagnostics| wrong(&lock_path(folder).display().to_string(), diagnostics))?;
    }
    let ranges = charts.iter().filter(|chart| chart.source.is_remote() && chart.exact().is_none());
    let diagnostic = |chart: &PlannedChart| {
        let range = chart.version.as_deref().unwrap_or_default();
        Diagnostic::new(
            Code::ChartLockOutdated,
            chart.place().key("version"),
            format!("{range} is a range, but {LOCK_FILE} does not exist"),
        )
        .hint("`kubectl aspire charts lock` writes it")
    };
    let diagnostics = Diagnostics(ranges.map(diagnostic).collect());
    diagnostics.or(()).map_err(|diagnostics| wrong("aspire-k8s.yaml", diagnostics))?;
    Ok(charts)
}

/// The charts with what is in their files of values, and with paths that start where we do.
fn with_files(config: &Config, folder: &Path) -> Result<Vec<PlannedChart>, CliError> {
    let read = |file: &str| read_file::text(&folder.join(file)).map_err(|error| error.to_string());
    let mut charts = external_charts::with_texts(external_charts::plan(config), read)
        .map_err(|diagnostics| wrong("aspire-k8s.yaml", diagnostics))?;
    for chart in &mut charts {
        if let external_charts::Source::File(path) = &mut chart.source {
            let full = std::path::absolute(folder.join(path.as_str())).unwrap_or_else(|_| folder.join(path.as_str()));
            *path = full.to_string_lossy().into_owned();
        }
    }
    Ok(charts)
}

fn lock_path(folder: &Path) -> PathBuf {
    folder.join(LOCK_FILE)
}

/// The lock file; `None` if it does not exist.
fn read_lock(folder: &Path) -> Result<Option<Lock>, CliError> {
    let path = lock_path(folder);
    let shown = path.display().to_string();
    match read_file::text(&path) {
        Ok(text) => Lock::parse(&text).map(Some).map_err(|diagnostic| wrong(&shown, diagnostic.into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CliError::Read { path: shown, source }),
    }
}

fn wrong(file: &str, diagnostics: Diagnostics) -> CliError {
    CliError::input(file, diagnostics)
}
