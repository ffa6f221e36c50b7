//! The model of an AppHost: from a run of it, or from `aspire-model.json` beside its manifest.

use super::args::AppHost;
use super::described::MANIFEST;
use super::{CliError, output};
use crate::apphost::{self, Program, Published};
use crate::model::{self, FoundSecret, Model};
use crate::support::diagnostic::Code;
use crate::support::read_file;
use std::io::ErrorKind;
use std::path::Path;

/// Its name beside a manifest.
const MODEL: &str = "aspire-model.json";

/// The model that a run of the AppHost gave.
pub(super) fn of(program: &Program, published: &Published, flags: &AppHost) -> Result<Option<Model>, CliError> {
    let apphost::Model::Read(bytes) = &published.model else { return Ok(None) };
    let shown = program.shown.display().to_string();
    let model = model::parse(bytes, None).map_err(|diagnostic| CliError::input(&shown, diagnostic))?;
    checked(&shown, model, flags).map(Some)
}

/// The model beside a manifest of the usual name.
pub(super) fn beside(manifest: &Path, bytes: &[u8], flags: &AppHost) -> Result<Option<Model>, CliError> {
    if flags.no_model || manifest.file_name().is_none_or(|name| name != MANIFEST) {
        return Ok(None);
    }
    let path = manifest.with_file_name(MODEL);
    let shown = path.display().to_string();
    let written = match read_file::bytes(&path) {
        Ok(written) => written,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CliError::Read { path: shown, source }),
    };
    let model = model::parse(&written, Some(bytes)).map_err(|diagnostic| CliError::input(&shown, diagnostic))?;
    checked(&shown, model, flags).map(Some)
}

/// Writes it beside the manifest; without one, an older one is removed, which belongs to another manifest.
pub(super) fn write(folder: &Path, published: &Published) -> Result<(), CliError> {
    let path = folder.join(MODEL);
    let text = match &published.model {
        apphost::Model::Read(bytes) => model::with_digest(bytes, &published.bytes),
        apphost::Model::Missing(_) | apphost::Model::NotWanted => None,
    };
    match text {
        Some(text) => output::file(&path, &text),
        None => match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(output::unwritable(&path, &error)),
            _ => Ok(()),
        },
    }
}

/// Refuses a model whose AppHost has values of secrets in its texts.
fn checked(shown: &str, model: Model, flags: &AppHost) -> Result<Model, CliError> {
    if model.secrets.is_empty() || flags.allow_secret_text {
        return Ok(model);
    }
    let one = |FoundSecret { resource, field, parameter }: &FoundSecret| {
        format!("\n  {resource}: {field} holds the value of the parameter {parameter}")
    };
    let all: String = model.secrets.iter().map(one).collect();
    let what = format!(
        "{shown}: texts of the AppHost hold values of secrets, which would be in the chart for everybody to read:{all}\n\
         use the parameter itself in C# instead of its value, or pass --allow-secret-text"
    );
    Err(CliError::Refused(Code::SecretInText, what))
}
