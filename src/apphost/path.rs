//! Paths of a manifest. Aspire writes them relative to the folder that the manifest is written to; here they become what
//! they would be in the folder of the AppHost. Pure: by the text of the paths alone.

use std::path::{Component, Path, PathBuf};

/// A path of a manifest that was written to a private folder `from`, as it would be in the folder of the AppHost. A name
/// without a folder is that of a file that Aspire writes beside the manifest (`web.Dockerfile`): it stays.
pub(crate) fn published(path: &str, from: &Path, to: &Path) -> String {
    if path.contains('/') || path == ".." { rebased(path, from, to) } else { path.to_owned() }
}

/// A path that starts from the folder `from`, as it is from the folder `to`. Both are absolute and without links. One that
/// is absolute (another drive of Windows) stays.
pub(crate) fn rebased(path: &str, from: &Path, to: &Path) -> String {
    let is_drive = path.as_bytes().get(1) == Some(&b':');
    if path.starts_with('/') || is_drive {
        return path.to_owned();
    }
    let full = plain(&from.join(path));
    let to = plain(to);
    let shared = full.components().zip(to.components()).take_while(|(one, other)| one == other).count();
    let up = to.components().skip(shared).map(|_| "..".to_owned());
    let down = full.components().skip(shared).map(|part| part.as_os_str().to_string_lossy().into_owned());
    let parts: Vec<String> = up.chain(down).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_what_it_would_be_beside_the_app_host() {
        let (from, to) = (Path::new("/tmp/aspire-apphost-1"), Path::new("/repo/shop/AppHost"));
        for (path, expected) in [
            ("../../repo/shop/Api/Api.csproj", "../Api/Api.csproj"),
            ("../../repo/shop/AppHost/nginx.conf", "nginx.conf"),
            ("../../repo/shop/AppHost", "."),
            ("../../var/run/docker.sock", "../../../var/run/docker.sock"),
            ("web.Dockerfile", "../../../tmp/aspire-apphost-1/web.Dockerfile"),
            ("../../../../../repo/x", "../../x"),
            ("/absolute", "/absolute"),
            ("D:/other", "D:/other"),
        ] {
            assert_eq!(rebased(path, from, to), expected, "{path}");
        }
        assert_eq!(published("web.Dockerfile", from, to), "web.Dockerfile");
        assert_eq!(published("../../repo/shop/AppHost", from, to), ".");
        assert_eq!(published("..", from, to), "../../../tmp");
    }
}
