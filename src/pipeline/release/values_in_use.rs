//! The values that a release uses now.

use super::snapshot;
use crate::inputs::Kept;
use crate::k8s::ownership::Owner;
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};

/// The values that the release uses now, read from its cluster.
pub(crate) fn values_in_use(release: &Release, application: &str) -> Result<Kept, Error> {
    let cluster = release.connect()?;
    let owner = Owner { release: &release.name, application };
    let before = snapshot::look(&cluster, release, owner, false)?;
    let gone = before.lost.iter().map(|(name, (secret, key))| {
        Diagnostic::new(
            Code::SecretGone,
            "",
            format!("`{name}` was taken from the key {key} of the Secret {secret}, which no longer exists"),
        )
        .hint(format!("pass the value with --parameter '{name}=VALUE', or restore the Secret"))
    });
    Diagnostics(gone.collect()).or(before.kept).map_err(Error::Input)
}
