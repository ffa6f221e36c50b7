//! The arguments of helm: target, values and options, written so that helm cannot parse them differently.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::error::{Error, Result};
use crate::cluster::connect::access::Access;

/// The release that a call is about, and the cluster it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    release: String,
    namespace: String,
    access: Access,
}

impl Target {
    /// A target; a name that helm would refuse, or take for a flag, is refused here.
    pub(crate) fn new(release: impl Into<String>, namespace: impl Into<String>, access: Access) -> Result<Self> {
        let (release, namespace) = (release.into(), namespace.into());
        if release.len() > 53 || !release.split('.').all(is_label) {
            let rule = "at most 53 of a-z, 0-9, `-` and `.`, beginning and ending with a letter or digit";
            return Err(Error::Invalid(format!("{release:?} is not a valid release name ({rule})")));
        }
        if namespace.len() > 63 || !is_label(&namespace) {
            let rule = "at most 63 of a-z, 0-9 and `-`, beginning and ending with a letter or digit";
            return Err(Error::Invalid(format!("{namespace:?} is not a valid namespace name ({rule})")));
        }
        Ok(Self { release, namespace, access })
    }

    /// The name of the release.
    pub(crate) fn release(&self) -> &str {
        &self.release
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The cluster.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// The flags that say all this.
    pub(super) fn flags(&self) -> Vec<OsString> {
        let mut flags: Vec<OsString> = vec!["--namespace".into(), self.namespace.clone().into()];
        if let Some(context) = &self.access.context {
            flags.extend(["--kube-context".into(), context.into()]);
        }
        if let Some(kubeconfig) = &self.access.kubeconfig {
            flags.extend(["--kubeconfig".into(), kubeconfig.into()]);
        }
        flags
    }
}

/// The values of a chart: files, and over them values that are only ever passed through a pipe.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    /// Files, the later over the earlier.
    pub files: &'a [PathBuf],
    /// Values over those of all files; null for none.
    pub over: &'a Value,
}

impl Values<'_> {
    /// No values but the chart's own.
    #[cfg(test)]
    pub(crate) const NONE: Values<'static> = Values { files: &[], over: &Value::Null };

    pub(super) fn flags(&self) -> Result<Vec<OsString>> {
        let mut flags: Vec<OsString> = Vec::new();
        for file in self.files {
            flags.extend(["-f".into(), file_flag(file)?]);
        }
        if !self.over.is_null() {
            flags.extend(["-f".into(), "-".into()]);
        }
        Ok(flags)
    }

    /// What goes through the pipe.
    pub(super) fn input(&self) -> Option<Vec<u8>> {
        (!self.over.is_null()).then(|| self.over.to_string().into_bytes())
    }
}

/// How an upgrade, a rollback or a removal is done.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of helm of its own")]
pub(crate) struct Options {
    /// The time helm gives the cluster.
    pub timeout: Duration,
    /// Wait until everything is ready, or gone.
    pub wait: bool,
    /// Wait for jobs too; only with `wait`.
    pub wait_for_jobs: bool,
    /// What the history says about this revision.
    pub description: Option<String>,
    /// Let helm go back by itself when it fails (only upgrades).
    pub roll_back: bool,
    /// Run no hooks: those of a record may have been written by whoever may write Secrets in the namespace.
    pub no_hooks: bool,
    /// Flags of helm that the person asked for.
    pub extra: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(300),
            wait: false,
            wait_for_jobs: false,
            description: None,
            roll_back: false,
            no_hooks: false,
            extra: Vec::new(),
        }
    }
}

impl Options {
    pub(super) fn flags(&self, with_jobs: bool) -> Vec<OsString> {
        let mut flags: Vec<OsString> = vec!["--timeout".into(), duration(self.timeout).into()];
        if self.wait {
            flags.push("--wait".into());
        }
        if self.wait && self.wait_for_jobs && with_jobs {
            flags.push("--wait-for-jobs".into());
        }
        if self.no_hooks {
            flags.push("--no-hooks".into());
        }
        flags
    }

    pub(super) fn description_flags(&self) -> Vec<OsString> {
        self.description.iter().flat_map(|text| ["--description".into(), text.into()]).collect()
    }
}

/// A path that helm takes for a path: never for a flag, for standard input, for an address or for the name of a chart.
pub(super) fn path_word(path: &Path) -> PathBuf {
    let begins_plainly = path.has_root() || path.starts_with(".") || path.starts_with("..");
    if begins_plainly || path.is_absolute() { path.to_owned() } else { Path::new(".").join(path) }
}

/// The same for `-f`, which splits at commas by the rules of CSV, so that quotes protect them.
fn file_flag(path: &Path) -> Result<OsString> {
    let word = path_word(path).into_os_string();
    let bytes = word.as_encoded_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        return Ok(word);
    }
    match word.to_str() {
        Some(text) if !text.contains(['\n', '\r']) => Ok(format!("\"{}\"", text.replace('"', "\"\"")).into()),
        _ => Err(Error::Invalid(format!("the file name {} cannot be passed to helm; rename it", path.display()))),
    }
}

fn duration(time: Duration) -> String {
    if time.subsec_millis() == 0 { format!("{}s", time.as_secs()) } else { format!("{}ms", time.as_millis()) }
}

fn is_label(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(fits) && !text.starts_with('-') && !text.ends_with('-')
}

pub(super) fn words<T: AsRef<OsStr>>(words: impl IntoIterator<Item = T>) -> Vec<OsString> {
    words.into_iter().map(|word| word.as_ref().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_helm_would_refuse_or_misread() {
        for (release, namespace, fits) in [
            ("shop", "shop", true),
            ("shop.v2", "a-1", true),
            ("-shop", "n", false),
            ("--debug", "n", false),
            ("Shop", "n", false),
            ("", "n", false),
            ("shop.", "n", false),
            ("shop", "", false),
            ("shop", "--all-namespaces", false),
            ("shop", "a.b", false),
            (&*"a".repeat(53), &*"b".repeat(63), true),
            (&*"a".repeat(54), "n", false),
            ("a", &*"b".repeat(64), false),
        ] {
            assert_eq!(Target::new(release, namespace, Access::default()).is_ok(), fits, "{release} {namespace}");
        }
    }

    #[test]
    fn a_file_stays_a_file() {
        for (path, expected) in [
            ("values.yaml", "./values.yaml"),
            ("./values.yaml", "./values.yaml"),
            ("../values.yaml", "../values.yaml"),
            ("/a/values.yaml", "/a/values.yaml"),
            ("-", "./-"),
            ("--x", "./--x"),
            ("http://a/b", "./http://a/b"),
            ("/a,b.yaml", "\"/a,b.yaml\""),
            ("/a\"b.yaml", "\"/a\"\"b.yaml\""),
        ] {
            assert_eq!(file_flag(Path::new(path)).unwrap(), OsStr::new(expected));
        }
        assert!(file_flag(Path::new("/a\nb")).is_err());
    }

    #[test]
    fn times_in_the_words_of_go() {
        assert_eq!(duration(Duration::from_secs(300)), "300s");
        assert_eq!(duration(Duration::from_millis(1500)), "1500ms");
    }
}
