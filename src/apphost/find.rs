//! Finds the AppHost that SOURCE names. It reads names and the start of files; it starts no process.

use super::program::{Kind, Program};
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::read_file::{self, Links, reason};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Folders with generated or downloaded files, which are not searched.
const SKIPPED: [&str; 3] = ["bin", "obj", "node_modules"];

/// Most entries of a folder that are looked at.
const MOST: usize = 2_000;

/// Most subfolders that are looked into.
const FOLDERS: usize = 200;

/// Most bytes of a file that are searched for the mark of an AppHost.
const TEXT: u64 = 1 << 20;

/// How much newer than its manifest an AppHost may be without a warning: `git checkout` writes files in any order.
const AT_ONCE: Duration = Duration::from_secs(60);

/// The AppHost at a path: the file itself, the only one in the folder, or else the only one in its subfolders.
pub(crate) fn find(source: &Path) -> Result<Option<Program>, Diagnostic> {
    if source.is_dir() {
        let own = in_folder(source);
        let found =
            if own.is_empty() { folders(source).iter().flat_map(|inner| in_folder(inner)).collect() } else { own };
        return only(source, found);
    }
    let Some(kind) = Kind::of(source) else { return Ok(None) };
    let path = without_links(source).map_err(|error| {
        Diagnostic::new(Code::UnreadableFile, "", format!("cannot read {}: {}", source.display(), reason(&error)))
    })?;
    let is_marked = is_marked(kind, source);
    if kind == Kind::File && !is_marked {
        return Err(no_file_based(source));
    }
    Ok(Some(Program { kind, path, shown: source.to_owned(), is_marked }))
}

/// The absolute path with symlinks resolved. On Windows it is only made absolute, because other programs do not understand
/// the form that `canonicalize` returns there.
pub(super) fn without_links(path: &Path) -> std::io::Result<PathBuf> {
    if cfg!(windows) { path.metadata().and_then(|_| std::path::absolute(path)) } else { path.canonicalize() }
}

/// The first AppHost in a folder.
pub(crate) fn beside(folder: &Path) -> Option<PathBuf> {
    in_folder(folder).into_iter().next()
}

/// Whether a source file in the folder was changed clearly later than the manifest.
pub(crate) fn is_older(manifest: &Path, folder: &Path) -> bool {
    let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let Some(written) = time(manifest) else { return false };
    let is_source = |path: &Path| matches!(Kind::of(path), Some(Kind::Project | Kind::File));
    let mut sources = entries(folder).into_iter().filter(|path| is_source(path));
    sources.any(|path| time(&path).is_some_and(|changed| changed > written + AT_ONCE))
}

fn in_folder(folder: &Path) -> Vec<PathBuf> {
    let is_app_host = |path: &PathBuf| match Kind::of(path) {
        Some(Kind::Project) => path.is_file() && is_marked(Kind::Project, path),
        // Other .cs files are not read.
        Some(Kind::File) => {
            path.file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case("apphost")) && is_marked(Kind::File, path)
        }
        _ => false,
    };
    entries(folder).into_iter().filter(is_app_host).collect()
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let is_open = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with('.') && !SKIPPED.contains(&&*name) && path.is_dir() && !path.is_symlink()
    };
    entries(folder).into_iter().filter(is_open).take(FOLDERS).collect()
}

/// The entries in the order of their names; a folder that cannot be read has none.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = std::fs::read_dir(folder).into_iter().flatten().flatten().take(MOST);
    let mut names: Vec<PathBuf> = read.map(|entry| entry.file_name().into()).collect();
    names.sort();
    let here = folder == Path::new(".");
    names.into_iter().map(|name| if here { name } else { folder.join(name) }).collect()
}

fn is_marked(kind: Kind, path: &Path) -> bool {
    if kind == Kind::Built {
        return false;
    }
    let mut text = Vec::new();
    let Ok(file) = read_file::open(path, Links::Follow) else { return false };
    file.take(TEXT).read_to_end(&mut text).is_ok() && kind.is_marked(&String::from_utf8_lossy(&text))
}

fn only(folder: &Path, found: Vec<PathBuf>) -> Result<Option<Program>, Diagnostic> {
    let mut found = found.into_iter();
    match (found.next(), found.as_slice()) {
        (None, _) => Ok(None),
        (Some(one), []) => find(&one),
        (Some(one), more) => {
            let names: Vec<String> = std::iter::once(&one).chain(more).map(|path| path.display().to_string()).collect();
            let what = format!("{} holds several AppHosts: {}", folder.display(), names.join(", "));
            Err(Diagnostic::new(Code::SeveralAppHosts, "", what)
                .hint(format!("pass one of them, such as {}", names[0])))
        }
    }
}

/// The error for a .cs file that is not file-based; the project that it belongs to may be beside it.
fn no_file_based(source: &Path) -> Diagnostic {
    let what =
        format!("{} is not a file-based AppHost: it has no line `#:sdk Aspire.AppHost.Sdk@VERSION`", source.display());
    let folder = source.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let project = in_folder(folder).into_iter().find(|path| Kind::of(path) == Some(Kind::Project));
    let hint = project.map_or_else(
        || "pass the project of the AppHost".to_owned(),
        |project| format!("pass the project that it belongs to: {}", project.display()),
    );
    Diagnostic::new(Code::NotAnAppHost, "", what).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    const PROJECT: &str = "<Project Sdk=\"Aspire.AppHost.Sdk/13.6.4\" />";
    const LIBRARY: &str = "<Project Sdk=\"Microsoft.NET.Sdk\" />";
    const FILE: &str = "#:sdk Aspire.AppHost.Sdk@13.6.4\n";

    #[test]
    fn a_folder_has_its_own_app_host_or_that_of_a_subfolder() {
        for (files, expected) in [
            (&[("Shop.AppHost.csproj", PROJECT), ("Web.csproj", LIBRARY)][..], Some("Shop.AppHost.csproj")),
            (&[("apphost.cs", FILE)], Some("apphost.cs")),
            (&[("AppHost/A.csproj", PROJECT), ("Web/Web.csproj", LIBRARY)], Some("AppHost/A.csproj")),
            (
                &[("A.csproj", PROJECT), ("AppHost.cs", "var builder = 1;"), ("inner/B.csproj", PROJECT)],
                Some("A.csproj"),
            ),
            (&[("bin/A.csproj", PROJECT), (".git/A.csproj", PROJECT), ("a/b/A.csproj", PROJECT)], None),
            (&[("Web.csproj", LIBRARY)], None),
            (&[], None),
        ] {
            let folder = folder(files);
            let found = find(folder.path()).unwrap().map(|program| program.path);
            let root = folder.path().canonicalize().unwrap();
            assert_eq!(found, expected.map(|name| root.join(name)), "{files:?}");
        }
    }

    #[test]
    fn of_several_none_is_chosen() {
        let folder = folder(&[("a/A.csproj", PROJECT), ("b/apphost.cs", FILE)]);
        let error = find(folder.path()).unwrap_err();
        assert_eq!(error.code, Code::SeveralAppHosts);
        assert!(error.what.contains("a/A.csproj") && error.what.contains("b/apphost.cs"), "{error}");
    }

    #[test]
    fn a_file_of_a_project_is_no_app_host() {
        let folder = folder(&[("A.csproj", PROJECT), ("AppHost.cs", "var builder = 1;")]);
        let error = find(&folder.path().join("AppHost.cs")).unwrap_err();
        assert_eq!(error.code, Code::NotAnAppHost);
        assert!(error.hint.contains("A.csproj"), "{error}");
        assert_eq!(find(&folder.path().join("B.csproj")).unwrap_err().code, Code::UnreadableFile);
    }

    #[test]
    fn a_manifest_is_older_only_by_more_than_a_checkout_takes() {
        let folder = folder(&[("A.csproj", PROJECT), ("AppHost.cs", ""), ("aspire-manifest.json", "{}")]);
        let manifest = folder.path().join("aspire-manifest.json");
        assert!(!is_older(&manifest, folder.path()));
        for (age, expected) in [(AT_ONCE / 2, false), (Duration::from_secs(3_600), true)] {
            let written = std::time::SystemTime::now() - age;
            fs::File::options().write(true).open(&manifest).unwrap().set_modified(written).unwrap();
            assert_eq!(is_older(&manifest, folder.path()), expected, "{age:?}");
        }
    }
}
