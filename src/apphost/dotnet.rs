//! Where the `dotnet` program is.

use std::path::{Path, PathBuf};

/// On the `PATH`, else in `DOTNET_ROOT`.
pub(super) fn find() -> Option<PathBuf> {
    let root = || std::env::var_os("DOTNET_ROOT").filter(|root| !root.is_empty());
    which::which("dotnet").ok().or_else(|| which::which(Path::new(&root()?).join("dotnet")).ok())
}
