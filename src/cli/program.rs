//! The program as the user started it.

use std::ffi::OsString;
use std::path::Path;

/// The command as the person typed it.
///
/// Helm starts the very same file, which then lies inside `HELM_PLUGIN_DIR`; the variable alone proves nothing, because
/// programs that helm starts inherit it.
pub(super) fn typed_name(program: Option<&OsString>) -> &'static str {
    if is_helm_plugin() {
        return "helm aspire";
    }
    let stem = program.and_then(|program| Path::new(program).file_stem()).unwrap_or_default();
    if stem == "helm-aspire" { "helm aspire" } else { "kubectl aspire" }
}

/// Whether helm started us.
pub(super) fn is_helm_plugin() -> bool {
    let (Some(folder), Ok(program)) = (std::env::var_os("HELM_PLUGIN_DIR"), std::env::current_exe()) else {
        return false;
    };
    let canonical = |path: &Path| path.canonicalize().ok();
    match (canonical(Path::new(&folder)), canonical(&program)) {
        (Some(folder), Some(program)) => program.starts_with(folder),
        _ => false,
    }
}
