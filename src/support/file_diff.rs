//! The difference of two versions of a file, as text.

use similar::TextDiff;

/// A unified diff of the file at `path`; a version that is not there is `/dev/null`.
pub(crate) fn file_diff(path: &str, old: Option<&[u8]>, new: Option<&[u8]>) -> String {
    let header = |present: bool, side: &str| if present { format!("{side}/{path}") } else { "/dev/null".into() };
    let (old_header, new_header) = (header(old.is_some(), "a"), header(new.is_some(), "b"));
    let text = |bytes: Option<&[u8]>| bytes.map_or(Ok(String::new()), |bytes| String::from_utf8(bytes.to_vec()));
    match (text(old), text(new)) {
        (Ok(old), Ok(new)) => TextDiff::from_lines(&old, &new)
            .unified_diff()
            .context_radius(3)
            .header(&old_header, &new_header)
            .to_string(),
        _ => format!("Binary files {old_header} and {new_header} differ\n"),
    }
}
