//! Files that `sops` encrypted, read through the `sops` binary: the only code that starts it.
//!
//! The standard output of sops is secret: it goes to the caller only, even if sops fails.

use crate::support::child_env::is_withheld;
use crate::support::diagnostic::{Code, Diagnostic};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// Variable that names the binary.
const BINARY: &str = "SOPS_BIN";

/// Most characters of sops' own complaint that an error repeats.
const MOST_SAID: usize = 800;

/// The content of an encrypted file (YAML, JSON, .env, INI) as JSON.
pub(crate) fn decrypt(file: &Path) -> Result<String, Diagnostic> {
    let place = file.display().to_string();
    if !file.is_file() {
        return Err(Diagnostic::new(Code::UnreadableFile, place, "there is no such file")
            .hint("`secrets.sops.file` of aspire-k8s.yaml is a path from the folder of aspire-k8s.yaml"));
    }
    let program = find()?;
    let mut command = Command::new(&program);
    command.args(["--decrypt", "--output-type", "json"]).arg(unlike_a_flag(file));
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_withheld(name)) {
        command.env_remove(name);
    }
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        Diagnostic::new(Code::SopsFailed, program.display().to_string(), format!("sops cannot be started: {error}"))
            .hint(format!("install sops, or set {BINARY} to its path"))
    })?;
    if !output.status.success() {
        return Err(explain(place, output.status.code(), &String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Diagnostic::new(Code::SopsFailed, place, "the output of sops is not valid UTF-8"))
}

fn find() -> Result<std::path::PathBuf, Diagnostic> {
    let named = std::env::var_os(BINARY).filter(|name| !name.is_empty());
    let name = named.clone().unwrap_or_else(|| OsString::from("sops"));
    which::which(&name).map_err(|_| {
        let name = name.to_string_lossy();
        let diagnostic = if named.is_some() {
            Diagnostic::new(Code::SopsFailed, BINARY, format!("there is no program {name}"))
        } else {
            Diagnostic::new(
                Code::SopsFailed,
                "",
                "secrets come from a file that sops encrypted, and there is no `sops` on the PATH",
            )
        };
        diagnostic.hint(format!("install sops (https://getsops.io), or set {BINARY} to its path"))
    })
}

/// A file whose name begins with a dash is still a file.
fn unlike_a_flag(file: &Path) -> std::path::PathBuf {
    if file.as_os_str().as_encoded_bytes().starts_with(b"-") { Path::new(".").join(file) } else { file.to_owned() }
}

/// What went wrong, by sops' exit codes (`cmd/sops/codes/codes.go`); none if a signal ended it.
pub fn explain(place: String, code: Option<i32>, said: &str) -> Diagnostic {
    let said = one_line(said);
    let (what, hint) = match code {
        Some(128) => (
            "no available key can decrypt it",
            "give sops the key (with age: SOPS_AGE_KEY_FILE), or ask someone who has one to run `sops updatekeys` \
            with yours",
        ),
        Some(51) => ("it was changed after it was encrypted", "edit it with `sops FILE`, not in an editor"),
        Some(24 | 25) => ("its encrypted values are damaged", "restore it from version control"),
        Some(1) if said.contains("metadata not found") => (
            "sops did not encrypt it",
            "encrypt it with `sops encrypt --in-place FILE`, and change the values that it held",
        ),
        _ => ("sops cannot decrypt it", "try it with `sops decrypt FILE`"),
    };
    let said = if said.is_empty() { String::new() } else { format!("; sops says: {said}") };
    Diagnostic::new(Code::SopsFailed, place, format!("{what}{said}")).hint(hint)
}

/// The complaint without the frames and breaks that sops puts around it.
fn one_line(said: &str) -> String {
    let words = said.split_whitespace().filter(|word| !matches!(*word, "|" | "-"));
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST_SAID) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_one_line_of_bounded_length() {
        assert_eq!(
            one_line("Group 0: FAILED\n  age1: FAILED\n    - | failed to load\n      | identities\n"),
            "Group 0: FAILED age1: FAILED failed to load identities"
        );
        assert_eq!(one_line(&"ä ".repeat(1000)).chars().count(), MOST_SAID + 3);
    }

    #[test]
    fn every_end_of_sops_has_its_sentence() {
        for (code, said, part) in [
            (128, "", "no available key"),
            (51, "MAC mismatch", "changed after it was encrypted; sops says: MAC mismatch"),
            (25, "", "damaged"),
            (1, "sops metadata not found", "did not encrypt it"),
            (1, "else", "cannot decrypt it; sops says: else"),
        ] {
            let diagnostic = explain("f".into(), Some(code), said);
            assert!(diagnostic.what.contains(part), "{diagnostic}");
            assert!(!diagnostic.hint.is_empty());
        }
    }

    #[test]
    fn a_name_with_a_dash_is_no_flag() {
        assert_eq!(unlike_a_flag(Path::new("-x")), Path::new("./-x"));
        assert_eq!(unlike_a_flag(Path::new("a/-x")), Path::new("a/-x"));
    }
}
