//! Recognizes an AppHost by its file name and text, and derives the name of its application. Pure.

use std::path::{Path, PathBuf};

/// Endings of projects that `dotnet build` takes.
const PROJECTS: [&str; 3] = ["csproj", "fsproj", "vbproj"];

/// What the text of an AppHost project holds: the SDK of Aspire, or the property that tells an AppHost (Aspire 8).
const PROJECT_MARKS: [&str; 2] = ["Aspire.AppHost.Sdk", "<IsAspireHost>true</IsAspireHost>"];

/// The directive that makes an AppHost of a file.
const FILE_MARK: &str = "#:sdk Aspire.AppHost.Sdk";

/// The kind of program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Project,
    /// A file-based program (`apphost.cs`).
    File,
    /// A built program (`.dll`), which needs a runtime only.
    Built,
}

impl Kind {
    /// By the name of a file; `None` if it is not a program.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "cs" => Some(Self::File),
            "dll" => Some(Self::Built),
            ending if PROJECTS.contains(&ending) => Some(Self::Project),
            _ => None,
        }
    }

    /// Whether the text says that it is an AppHost. A project may get that from a file that it imports.
    pub(super) fn is_marked(self, text: &str) -> bool {
        match self {
            Self::Project => PROJECT_MARKS.iter().any(|mark| text.contains(mark)),
            Self::File => text.lines().any(|line| line.trim_start().starts_with(FILE_MARK)),
            Self::Built => false,
        }
    }
}

/// An AppHost that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub kind: Kind,
    /// The absolute path, without links.
    pub path: PathBuf,
    /// The path as a user gave it.
    pub shown: PathBuf,
    /// Whether its text says that it is an AppHost.
    pub is_marked: bool,
}

impl Program {
    /// The folder that its files and settings lie in.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// The name of its application: that of the program without `AppHost`, or of the nearest parent folder whose name is
    /// not just `AppHost`.
    pub(crate) fn application(&self) -> String {
        let stem = self.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let folders = self.path.ancestors().skip(1).filter_map(Path::file_name).map(|name| name.to_string_lossy());
        let names = stem.into_iter().chain(folders.map(std::borrow::Cow::into_owned));
        names.map(|name| without_app_host(&name).to_owned()).find(|name| !name.is_empty()).unwrap_or_default()
    }
}

/// A name without `AppHost` at its end, and without the separator before that.
fn without_app_host(name: &str) -> &str {
    const WORD: &str = "apphost";
    let at = name.len().saturating_sub(WORD.len());
    match name.get(at..) {
        Some(end) if end.eq_ignore_ascii_case(WORD) => name[..at].trim_end_matches(['.', '-', '_']),
        _ => name,
    }
}

/// Whether a file is an AppHost that is not written for .NET, which only Aspire's own program can run.
pub(crate) fn is_of_another_language(path: &Path) -> bool {
    let stem = path.file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case("apphost"));
    stem && path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| {
        ["ts", "mts", "js", "mjs", "py", "go", "java", "rs"].iter().any(|known| ending.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_its_ending() {
        for (name, expected) in [
            ("a/Shop.AppHost.csproj", Some(Kind::Project)),
            ("Shop.FSPROJ", Some(Kind::Project)),
            ("apphost.cs", Some(Kind::File)),
            ("bin/Shop.AppHost.dll", Some(Kind::Built)),
            ("aspire-manifest.json", None),
            ("shop.sln", None),
            ("csproj", None),
        ] {
            assert_eq!(Kind::of(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn a_text_says_that_it_is_an_app_host() {
        for (kind, text, expected) in [
            (Kind::Project, "<Project Sdk=\"Aspire.AppHost.Sdk/13.6.4\">", true),
            (Kind::Project, "<Sdk Name=\"Aspire.AppHost.Sdk\" Version=\"9.5.0\" />", true),
            (Kind::Project, "<IsAspireHost>true</IsAspireHost>", true),
            (Kind::Project, "<PackageReference Include=\"Aspire.Hosting.Redis\" />", false),
            (Kind::File, "#!/usr/bin/env dotnet\n#:sdk Aspire.AppHost.Sdk@13.6.4\n", true),
            (Kind::File, "// #:sdk Aspire.AppHost.Sdk\nvar builder = 1;", false),
        ] {
            assert_eq!(kind.is_marked(text), expected, "{text}");
        }
    }

    #[test]
    fn an_application_is_called_like_its_program_or_folder() {
        for (path, expected) in [
            ("/repo/shop/Shop.AppHost/Shop.AppHost.csproj", "Shop"),
            ("/repo/shop/AppHost/AppHost.csproj", "shop"),
            ("/repo/shop/apphost.cs", "shop"),
            ("/repo/shop/My_AppHost.dll", "My"),
            ("/repo/shop/Deploy.csproj", "Deploy"),
            ("/apphost.cs", ""),
        ] {
            let path = PathBuf::from(path);
            let program = Program { kind: Kind::Project, shown: path.clone(), path, is_marked: true };
            assert_eq!(program.application(), expected, "{}", program.path.display());
        }
    }

    #[test]
    fn other_languages_are_told_apart() {
        for (name, expected) in [("apphost.ts", true), ("AppHost.py", true), ("apphost.cs", false), ("app.ts", false)] {
            assert_eq!(is_of_another_language(Path::new(name)), expected, "{name}");
        }
    }
}
