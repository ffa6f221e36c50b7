//! Reads the files that a manifest refers to, as far as they belong to the application. The manifest is untrusted: the
//! folder in which the user started the program decides what it may read, never its content.

use crate::app::{Found, Sources};
use crate::support::read_file;
use crate::support::read_file::Links;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Most bytes that a mounted folder may hold before it is not read further.
const LARGEST_FOLDER: u64 = 8 << 20;

/// Most things that are looked at in a mounted folder, links that lead to the same one included.
const MOST: usize = 10_000;

/// Most folders inside of each other.
const DEEPEST: usize = 32;

/// Places of the machine, whatever lies there.
const MACHINE: [&str; 4] = ["/proc", "/sys", "/dev", "/run"];

/// Names of files and folders that hold credentials of a user or a machine. A star is any ending.
const CREDENTIALS: [&str; 26] = [
    ".git",
    ".env",
    ".env.*",
    ".env-*",
    ".env_*",
    ".envrc",
    ".ssh",
    ".kube",
    ".aws",
    ".azure",
    ".docker",
    ".dockercfg",
    ".gnupg",
    ".npmrc",
    ".yarnrc*",
    ".netrc",
    "_netrc",
    ".pypirc",
    ".pgpass",
    ".git-credentials",
    ".vault-token",
    ".gcloud",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
];

/// Whether a name is one of those.
fn is_credential(name: &str) -> bool {
    let name = name.to_lowercase();
    CREDENTIALS.iter().any(|known| match known.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *known,
    })
}

/// Where files may be taken from.
pub(super) struct Reader {
    /// The folder of the manifest.
    base: PathBuf,
    /// The folder that all files must lie in; else the reason why it is missing.
    root: Result<PathBuf, String>,
}

impl Reader {
    /// Files of the manifest's folder, or of a folder that a user names instead.
    pub(super) fn new(base: &Path, root: Option<&Path>, home: Option<&Path>) -> Self {
        let wanted = root.unwrap_or(base);
        let real = wanted.canonicalize().map_err(|error| format!("cannot read {}: {error}", wanted.display()));
        let root = real.and_then(|real| match too_wide(&real, home) {
            Some(why) => Err(format!("files cannot be read from {}: it is {why}", real.display())),
            None if !real.is_dir() => Err(format!("{} is not a folder", real.display())),
            None => Ok(real),
        });
        Self { base: base.canonicalize().unwrap_or_else(|_| base.to_owned()), root }
    }

    /// Why nothing can be taken, where that is so.
    pub(super) fn refusal(&self) -> Option<&str> {
        self.root.as_ref().err().map(String::as_str)
    }

    /// Everything at these paths.
    pub(super) fn read<'a>(&self, paths: impl IntoIterator<Item = &'a str>) -> Sources {
        let mut sources = Sources::default();
        for path in paths {
            let (found, said) = self.one(path);
            sources.insert(path, found, said);
        }
        sources
    }

    fn one(&self, path: &str) -> (Found, Vec<String>) {
        let named = Path::new(path).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("sock"));
        if named || path.contains("/pipe/") || path.contains("\\pipe\\") {
            return (Found::Socket, Vec::new());
        }
        let windows_drive = path.as_bytes().get(1) == Some(&b':');
        if path.starts_with('/') || windows_drive {
            let what = format!("`{path}` is a path on the developer's machine, not a file of the application");
            return (Found::Refused(what), Vec::new());
        }
        let Ok(full) = self.base.join(path).canonicalize() else { return (Found::Missing, Vec::new()) };
        let root = match &self.root {
            Ok(root) => root,
            Err(why) => return (Found::Refused(why.clone()), Vec::new()),
        };
        if let Some(place) = machine(&full) {
            return (Found::Refused(format!("`{path}` refers to {place}, which belongs to this machine")), Vec::new());
        }
        let Ok(inside) = full.strip_prefix(root) else { return (Found::Outside, Vec::new()) };
        if let Some(name) = credential_in(inside) {
            let what = format!("`{path}` refers to `{name}`, whose name indicates credentials");
            return (Found::Refused(what), Vec::new());
        }
        let mut taking =
            Taking { top: full.clone(), left: LARGEST_FOLDER, seen: 0, files: BTreeMap::new(), said: Vec::new() };
        let found = match full.metadata() {
            Err(error) => Err(format!("cannot read `{path}`: {error}")),
            Ok(metadata) if metadata.is_dir() => taking
                .folder(&full, "", &mut vec![full.clone()])
                .map(|()| Found::Folder(std::mem::take(&mut taking.files))),
            Ok(metadata) if metadata.is_file() => taking.file(&full).map(Found::File),
            Ok(metadata) if read_file::special(&metadata) == Some("a socket") => Ok(Found::Socket),
            Ok(metadata) => {
                let what = read_file::special(&metadata).unwrap_or("something else");
                Err(format!("`{path}` is {what}, neither a file nor a folder"))
            }
        };
        let mut said = taking.said;
        if !full.starts_with(&self.base) {
            said.extend(taken_from_above(path, &found));
        }
        (found.unwrap_or_else(Found::Refused), said)
    }
}

/// Every file that comes from above, by name: a manifest from elsewhere could ask for anything there.
fn taken_from_above(path: &str, found: &Result<Found, String>) -> Option<String> {
    let files = match found {
        Ok(Found::File(_)) => format!("`{path}`"),
        Ok(Found::Folder(files)) if !files.is_empty() => {
            let names: Vec<&str> = files.keys().map(String::as_str).collect();
            format!("`{path}`: {}", names.join(", "))
        }
        _ => return None,
    };
    Some(format!("includes files from outside of the manifest's folder: {files}"))
}

/// Why a folder is more than an application's own.
fn too_wide(real: &Path, home: Option<&Path>) -> Option<String> {
    if real.parent().is_none() {
        return Some("the root of the file system".to_owned());
    }
    if let Some(place) = machine(real) {
        return Some(format!("inside {place}, which belongs to this machine"));
    }
    let home = home.filter(|home| home.parent().is_some()).and_then(|home| home.canonicalize().ok());
    home.is_some_and(|home| home.starts_with(real)).then(|| "your home folder, or a parent of it".to_owned())
}

fn machine(real: &Path) -> Option<&'static str> {
    MACHINE.into_iter().find(|place| real.starts_with(place))
}

fn credential_in(path: &Path) -> Option<String> {
    path.iter().map(|part| part.to_string_lossy().into_owned()).find(|name| is_credential(name))
}

/// A mounted folder while it is read.
struct Taking {
    /// The folder itself, without links.
    top: PathBuf,
    left: u64,
    seen: usize,
    files: BTreeMap<String, Vec<u8>>,
    said: Vec<String>,
}

impl Taking {
    fn folder(&mut self, folder: &Path, prefix: &str, within: &mut Vec<PathBuf>) -> Result<(), String> {
        let shown = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
        if within.len() > DEEPEST {
            return Err(format!("its folders are nested more than {DEEPEST} levels deep"));
        }
        let mut entries: Vec<_> = std::fs::read_dir(folder).map_err(shown)?.collect::<Result<_, _>>().map_err(shown)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            self.seen += 1;
            if self.seen > MOST {
                return Err(format!("it contains more than {MOST} files and folders"));
            }
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if is_credential(&entry.file_name().to_string_lossy()) {
                self.left_out(&name, "its name indicates credentials");
                continue;
            }
            let path = entry.path();
            let metadata = entry.metadata().map_err(shown)?;
            let (path, metadata) = if metadata.is_symlink() {
                match self.followed(&path) {
                    Ok(found) => found,
                    Err(why) => {
                        self.left_out(&name, why);
                        continue;
                    }
                }
            } else {
                (path, metadata)
            };
            if metadata.is_dir() {
                if within.contains(&path) {
                    self.left_out(&name, "it is a symlink to a parent folder");
                    continue;
                }
                within.push(path.clone());
                self.folder(&path, &format!("{name}/"), within)?;
                within.pop();
            } else if let Some(what) = read_file::special(&metadata) {
                self.left_out(&name, &format!("it is {what}"));
            } else {
                let bytes = self.file(&path)?;
                self.files.insert(name, bytes);
            }
        }
        Ok(())
    }

    /// Where a link leads, if that is in the folder.
    fn followed(&self, link: &Path) -> Result<(PathBuf, std::fs::Metadata), &'static str> {
        let real = link.canonicalize().map_err(|_| "it is a broken symlink")?;
        let inside = real.strip_prefix(&self.top).map_err(|_| "it is a symlink that leaves the folder")?;
        if credential_in(inside).is_some() {
            return Err("it is a symlink to a file whose name indicates credentials");
        }
        let metadata = real.metadata().map_err(|_| "it is a broken symlink")?;
        Ok((real, metadata))
    }

    fn left_out(&mut self, name: &str, why: &str) {
        self.said.push(format!("left out: `{name}` ({why})"));
    }

    fn file(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        let shown = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
        let file = read_file::open(path, Links::Refuse).map_err(shown)?;
        let too_large = || format!("it contains more than {LARGEST_FOLDER} bytes, which a ConfigMap cannot hold");
        if file.metadata().is_ok_and(|metadata| metadata.len() > self.left) {
            return Err(too_large());
        }
        // A file that grows while it is read ends here too.
        let bytes = read_file::whole(file, self.left).map_err(|_| too_large())?;
        self.left -= bytes.len() as u64;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_credentials_are_known_in_any_spelling() {
        for name in [".env", ".ENV", ".env.local", ".envrc", ".git", ".ssh", ".Kube", "id_rsa", "id_rsa.pub", ".npmrc"]
        {
            assert!(is_credential(name), "{name}");
        }
        for name in [".envoy.yaml", "env", "id.txt", ".gitignore", ".gitattributes", "kube", "web.key"] {
            assert!(!is_credential(name), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn no_root_is_a_machine_or_a_home() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home/me");
        let app = home.join("app");
        std::fs::create_dir_all(&app).unwrap();
        std::os::unix::fs::symlink("/proc", app.join("link")).unwrap();
        let refused = |root: &Path| Reader::new(&app, Some(root), Some(&home)).refusal().map(str::to_owned);
        assert_eq!(refused(&app), None);
        for (root, part) in [
            ("/", "root of the file system"),
            ("/proc/self", "/proc"),
            ("/sys", "/sys"),
            ("/dev", "/dev"),
            ("link", "/proc"),
            ("..", "your home folder"),
            ("../..", "your home folder"),
            ("../../../../../../../../../..", "root of the file system"),
            ("missing", "cannot read"),
        ] {
            let said = refused(&app.join(root)).unwrap_or_else(|| panic!("{root} is taken"));
            assert!(said.contains(part), "{root}: {said}");
        }
    }
}
