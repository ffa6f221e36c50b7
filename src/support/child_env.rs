//! Which environment variables no child process gets: those with values of the application's inputs. helm, sops and the
//! credential plugins of a kubeconfig do not need them, and every child process is another place that could show a
//! secret; an AppHost could even write it into the manifest.
//!
//! This module must not read the environment.

use std::ffi::OsStr;

/// The prefix of the variables that Aspire reads parameters from, and so do we.
pub(crate) const PARAMETERS: &str = "Parameters__";

/// The prefixes of what is withheld. .NET reads them in any case.
const WITHHELD: [&str; 2] = [PARAMETERS, "ConnectionStrings__"];

/// Whether no child process may see a variable of this name.
pub(crate) fn is_withheld(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    WITHHELD.iter().any(|prefix| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_inputs_are_withheld_and_nothing_else() {
        for (name, expected) in [
            ("Parameters__db_password", true),
            ("PARAMETERS__db_password", true),
            ("ConnectionStrings__orders", true),
            ("Parameters_", false),
            ("MyParameters__x", false),
            ("KUBECONFIG", false),
            ("Pärameters__x", false),
            ("", false),
        ] {
            assert_eq!(is_withheld(OsStr::new(name)), expected, "{name}");
        }
    }
}
