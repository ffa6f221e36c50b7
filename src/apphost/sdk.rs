//! Checks the version of the .NET SDK. Pure.

use super::program::Kind;

/// The first SDK that supports `-getProperty`.
const FOR_PROJECTS: u32 = 8;

/// The first SDK that builds file-based programs.
const FOR_FILES: u32 = 10;

/// Why an SDK of this version (`10.0.401`) cannot build it.
pub(super) fn check(version: &str, kind: Kind) -> Result<(), String> {
    // Other lines, such as a greeting, come before the version.
    let version = version.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    let (needed, what) = match kind {
        Kind::Project => (FOR_PROJECTS, "an AppHost project"),
        Kind::File => (FOR_FILES, "a file-based AppHost"),
        Kind::Built => return Ok(()),
    };
    match version.split('.').next().and_then(|major| major.parse::<u32>().ok()) {
        Some(major) if major >= needed => Ok(()),
        Some(_) => Err(format!("{what} needs the .NET SDK {needed} or later; this is {version}")),
        None => Err(format!("`dotnet --version` prints no version, but `{version}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_needs_a_newer_sdk_than_a_project() {
        for (version, kind, fits) in [
            ("10.0.401\n", Kind::File, true),
            ("Welcome!\n\n8.0.100\n", Kind::Project, true),
            ("9.0.300", Kind::File, false),
            ("7.0.400", Kind::Project, false),
            ("11.0.100-preview.1", Kind::File, true),
            ("", Kind::Project, false),
            ("x", Kind::Built, true),
        ] {
            assert_eq!(check(version, kind).is_ok(), fits, "{version}");
        }
        assert!(check("9.0.300", Kind::File).unwrap_err().contains("SDK 10 or later; this is 9.0.300"));
    }
}
