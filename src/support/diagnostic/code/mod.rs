//! The codes of errors and warnings, and their text in `explain` and `docs/errors.md`. The codes are in [`table`].
//!
//! A code stands for one kind of cause with one kind of fix, not for one message. Scripts depend on it: a code may be
//! added, never renamed or reused. This file must not know where a code is used.

mod area;
mod entry;
mod table;

pub(crate) use entry::Entry;
pub(crate) use table::Code;

use std::fmt;
use std::fmt::Write as _;

impl Code {
    /// Its name: `unknown-key`.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The code of this name, also of one that older versions used (`E04`).
    pub fn find(name: &str) -> Option<Self> {
        let is_former = |former: &str| former.split(", ").any(|one| !one.is_empty() && one.eq_ignore_ascii_case(name));
        Self::ALL.iter().copied().find(|code| code.name() == name || is_former(code.entry().former))
    }

    /// The entry of the table, as text.
    pub fn explanation(self) -> String {
        let Entry { name, title, cause, fix, former, .. } = self.entry();
        let former = if former.is_empty() { String::new() } else { format!(" (formerly {former})") };
        format!("{name}{former}: {title}\n\nCause: {cause}\n\nFix: {fix}\n")
    }

    /// `docs/errors.md`.
    pub fn document() -> String {
        let mut out = String::from(
            "# Error codes\n\nEvery error and warning has a stable code: `error[unknown-key]: ...`. \
             `kubectl aspire explain CODE` prints its entry. Scripts find it as `code` in JSON output.\n\n\
             This page is generated from `src/support/diagnostic/code/table.rs`.\n",
        );
        let mut area = None;
        for entry in Self::ALL.iter().map(|code| code.entry()) {
            if area != Some(entry.area) {
                area = Some(entry.area);
                let _ = write!(out, "\n## {}\n", entry.area.title());
            }
            let _ = write!(out, "\n### {}\n\n{}.", entry.name, entry.title);
            if !entry.former.is_empty() {
                let _ = write!(out, " Formerly {}.", entry.former);
            }
            let _ = write!(out, "\n\n* Cause: {}\n* Fix: {}\n", entry.cause, entry.fix);
        }
        out
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl schemars::JsonSchema for Code {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A code of docs/errors.md. Newer versions have more of them.",
            "type": "string",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_says_one_thing_of_its_own() {
        let is_kebab =
            |name: &str| name.split('-').all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()));
        let entries: Vec<Entry> = Code::ALL.iter().map(|code| code.entry()).collect();
        assert!((60..=200).contains(&entries.len()), "{}", entries.len());
        for entry in &entries {
            assert!(is_kebab(entry.name), "{}", entry.name);
            assert!(!entry.title.ends_with('.') && entry.title.len() < 90, "{}: {}", entry.name, entry.title);
            for text in [entry.cause, entry.fix] {
                assert!(text.ends_with('.') && text.len() > 10, "{}: {text}", entry.name);
            }
        }
        for texts in [|it: &Entry| it.name, |it: &Entry| it.title, |it: &Entry| it.cause] {
            let distinct: BTreeSet<&str> = entries.iter().map(texts).collect();
            assert_eq!(distinct.len(), entries.len());
        }
        assert!(entries.is_sorted_by_key(|entry| entry.area));
    }

    /// The text of every source file but the table and this one.
    fn sources() -> String {
        let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut text = String::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.extend((!path.ends_with("diagnostic/code")).then_some(path));
                } else if path.extension().is_some_and(|it| it == "rs") {
                    text.push_str(&std::fs::read_to_string(path).unwrap());
                }
            }
        }
        text
    }

    #[test]
    fn every_code_is_used() {
        let sources = sources();
        let used: BTreeSet<&str> = sources
            .split("Code::")
            .skip(1)
            .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default())
            .collect();
        let unused: Vec<_> = Code::ALL.iter().filter(|code| !used.contains(&*format!("{code:?}"))).collect();
        assert!(unused.is_empty(), "nothing uses {unused:?}: remove them from the table");
    }

    /// `UPDATE_DOCS=1 cargo test --lib documented` writes the page.
    #[test]
    fn every_code_is_documented() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, Code::document()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == Code::document(), "docs/errors.md is old: UPDATE_DOCS=1 cargo test --lib documented");
    }

    #[test]
    fn old_names_lead_to_the_new_ones() {
        assert_eq!(Code::find("e05"), Some(Code::PvcInUse));
        assert_eq!(Code::find("E14"), Some(Code::MissingPermission));
        assert_eq!(Code::find("unknown-key"), Some(Code::UnknownKey));
        assert_eq!(Code::find(""), None);
    }
}
