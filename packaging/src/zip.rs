//! A zip file, as `NuGet` reads it: deflated entries with permissions, no dates, no extensions of the format.

use crate::Error;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use std::io::Write as _;

/// Version 2.0 of the format is enough for folders and deflate.
const VERSION: u16 = 20;

/// The same version, with permissions as Unix has them.
const MADE_BY_UNIX: u16 = 3 << 8 | VERSION;

const DEFLATE: u16 = 8;

/// 1 January 1980, the first day that the format knows.
const DATE: u16 = 1 << 5 | 1;

/// A file that is being written, in memory.
#[derive(Debug, Default)]
pub(crate) struct Zip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
}

impl Zip {
    /// Adds a file with the permissions `mode`.
    pub(crate) fn add(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<(), Error> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(content)?;
        let packed = encoder.finish()?;
        let mut crc = Crc::new();
        crc.update(content);
        let offset = u32::try_from(self.bytes.len())?;
        let mut common = Vec::new();
        short(&mut common, &[VERSION, 0, DEFLATE, 0, DATE]);
        long(&mut common, &[crc.sum(), u32::try_from(packed.len())?, u32::try_from(content.len())?]);
        short(&mut common, &[u16::try_from(path.len())?, 0]);
        long(&mut self.bytes, &[0x0403_4b50]);
        self.bytes.extend([&common[..], path.as_bytes(), &packed].concat());
        long(&mut self.directory, &[0x0201_4b50]);
        short(&mut self.directory, &[MADE_BY_UNIX]);
        self.directory.extend(common);
        // No comment, the first disk, no text; a regular file with its permissions.
        short(&mut self.directory, &[0, 0, 0]);
        long(&mut self.directory, &[(0o100_000 | mode) << 16, offset]);
        self.directory.extend(path.as_bytes());
        self.entries = self.entries.checked_add(1).ok_or("too many files for a zip")?;
        Ok(())
    }

    /// The bytes of the whole.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, Error> {
        let (offset, length) = (u32::try_from(self.bytes.len())?, u32::try_from(self.directory.len())?);
        self.bytes.extend(self.directory);
        long(&mut self.bytes, &[0x0605_4b50]);
        short(&mut self.bytes, &[0, 0, self.entries, self.entries]);
        long(&mut self.bytes, &[length, offset]);
        short(&mut self.bytes, &[0]);
        Ok(self.bytes)
    }
}

fn short(bytes: &mut Vec<u8>, numbers: &[u16]) {
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn long(bytes: &mut Vec<u8>, numbers: &[u32]) {
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}
