//! The environment in which the program was started: variables and working folder, read once and then passed as a
//! value.
//!
//! Nothing below reads the process environment itself, so a test can pass another one. This module must not know what
//! any variable means.

use crate::support::child_env::is_withheld;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Variables and start folder of the process, or of a test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    directory: PathBuf,
}

impl Environment {
    /// The environment of this process. To be taken before anything changes the folder.
    pub fn of_process() -> Self {
        let directory = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        Self { variables: std::env::vars_os().collect(), directory }
    }

    /// An environment of one's own making.
    pub fn new<K, V>(directory: impl Into<PathBuf>, variables: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, directory: directory.into() }
    }

    /// The folder the program was started in.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The variables for a child process.
    pub fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        let passed = self.variables.iter().filter(|(name, _)| !is_withheld(name));
        passed.map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The names of the variables that no child process sees.
    pub fn withheld(&self) -> impl Iterator<Item = &OsStr> {
        self.variables.keys().map(OsString::as_os_str).filter(|name| is_withheld(name))
    }

    /// A variable that is set and not empty. On Windows the case of its name does not matter.
    pub fn os(&self, name: &str) -> Option<&OsStr> {
        let found = if cfg!(windows) {
            self.variables.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        } else {
            self.variables.get(OsStr::new(name))
        };
        found.map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// The same as text; one that is not Unicode counts as not set.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.os(name).and_then(OsStr::to_str)
    }

    /// The home folder.
    pub fn home(&self) -> Option<PathBuf> {
        self.os("HOME").or_else(|| cfg!(windows).then(|| self.os("USERPROFILE")).flatten()).map(PathBuf::from)
    }

    /// A path as the person meant it: relative ones start at the start folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_not_set() {
        let environment = Environment::new("/start", [("A", "1"), ("B", "")]);
        assert_eq!(environment.text("A"), Some("1"));
        assert_eq!(environment.text("B"), None);
        assert_eq!(environment.text("C"), None);
    }

    #[test]
    fn a_child_gets_all_but_what_is_withheld() {
        let environment = Environment::new("/start", [("PATH", "/bin"), ("Parameters__token", "x")]);
        assert_eq!(environment.variables().collect::<Vec<_>>(), [(OsStr::new("PATH"), OsStr::new("/bin"))]);
        assert_eq!(environment.withheld().collect::<Vec<_>>(), ["Parameters__token"]);
    }

    #[test]
    fn a_relative_path_starts_at_the_start_folder() {
        let environment = Environment::new("/start", [("HOME", "/home/a")]);
        assert_eq!(environment.resolve(Path::new("x/y")), Path::new("/start/x/y"));
        assert_eq!(environment.resolve(Path::new("/x")), Path::new("/x"));
        assert_eq!(environment.home(), Some(PathBuf::from("/home/a")));
    }
}
