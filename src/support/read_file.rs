//! The one way to read a file that a user, a configuration or a folder names: a regular file of limited size. An
//! endless device, a FIFO without a writer and a socket are errors; nothing here waits for them.
//!
//! It knows no format and shows no content: an error names the type of the file, never its content.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// Most bytes of any file that is read whole.
pub(crate) const LARGEST: u64 = 64 << 20;

/// What happens at a link as the last part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// It is followed: a user named the path.
    Follow,
    /// It is an error: the path was found in a folder, and a link in it can lead anywhere.
    Refuse,
}

/// The bytes of a file that a user or a configuration names.
pub(crate) fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    whole(open(path, Links::Follow)?, LARGEST)
}

/// The text of a file that a user or a configuration names.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    utf8(bytes(path)?)
}

/// The bytes of a file that was found in a folder: a link is an error.
pub(crate) fn found(path: &Path) -> io::Result<Vec<u8>> {
    whole(open(path, Links::Refuse)?, LARGEST)
}

/// What the system said, without its number: `No such file or directory`.
pub(crate) fn reason(error: &io::Error) -> String {
    let said = error.to_string();
    let number = error.raw_os_error().map(|number| format!(" (os error {number})"));
    number.map_or_else(|| said.clone(), |number| said.replacen(&number, "", 1))
}

/// The text of standard input.
pub(crate) fn standard_input() -> io::Result<String> {
    utf8(whole(io::stdin(), LARGEST)?)
}

/// Reads to the end, which must come within `limit` bytes.
pub(crate) fn whole(from: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(match limit >> 20 {
            0 => format!("it has more than {limit} bytes"),
            size => format!("it has more than {size} MiB"),
        }));
    }
    Ok(bytes)
}

/// Opens a regular file; never waits.
pub(crate) fn open(path: &Path, links: Links) -> io::Result<File> {
    // Looked at before it is opened, because opening a device can have effects, and after, because it may be another now.
    let before = match links {
        Links::Follow => path.metadata()?,
        Links::Refuse => path.symlink_metadata()?,
    };
    regular(&before)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        flags.set(OFlags::NOFOLLOW, links == Links::Refuse);
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// What something is when it is neither a regular file nor a folder.
pub(crate) fn special(found: &Metadata) -> Option<&'static str> {
    let kind = found.file_type();
    if kind.is_file() || kind.is_dir() {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_socket() {
            return Some("a socket");
        }
        if kind.is_fifo() {
            return Some("a FIFO");
        }
        if kind.is_block_device() || kind.is_char_device() {
            return Some("a device");
        }
    }
    Some(if kind.is_symlink() { "a link" } else { "something else" })
}

fn regular(found: &Metadata) -> io::Result<()> {
    let what = if found.is_dir() { Some("a folder") } else { special(found) };
    match what {
        None => Ok(()),
        Some(what) => Err(io::Error::other(format!("it is {what}, not a regular file"))),
    }
}

fn utf8(bytes: Vec<u8>) -> io::Result<String> {
    // The library's error holds the bytes.
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    fn said(read: io::Result<Vec<u8>>) -> String {
        read.unwrap_err().to_string()
    }

    #[test]
    fn only_regular_files_are_read_and_nothing_waits() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "text").unwrap();
        symlink("file", at("link")).unwrap();
        symlink("/dev/zero", at("endless")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert_eq!(text(&at("file")).unwrap(), "text");
        assert_eq!(text(&at("link")).unwrap(), "text");
        assert_eq!(found(&at("file")).unwrap(), b"text");
        assert_eq!(said(found(&at("link"))), "it is a link, not a regular file");
        assert_eq!(said(bytes(&at("endless"))), "it is a device, not a regular file");
        assert_eq!(said(bytes(&at("fifo"))), "it is a FIFO, not a regular file");
        assert_eq!(said(found(&at("fifo"))), "it is a FIFO, not a regular file");
        assert_eq!(said(bytes(&at("socket"))), "it is a socket, not a regular file");
        assert_eq!(said(bytes(folder.path())), "it is a folder, not a regular file");
        let none = bytes(&at("none")).unwrap_err();
        assert_eq!((none.kind(), reason(&none).as_str()), (io::ErrorKind::NotFound, "No such file or directory"));
    }

    #[test]
    fn sizes_are_bounded_and_content_is_not_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(LARGEST + 1).unwrap();
        assert_eq!(said(bytes(file.path())), "it has more than 64 MiB");
        assert_eq!(said(whole(&b"12345"[..], 4)), "it has more than 4 bytes");
        std::fs::write(file.path(), b"secret\xff").unwrap();
        assert_eq!(text(file.path()).unwrap_err().to_string(), "it is not UTF-8 text");
    }
}
