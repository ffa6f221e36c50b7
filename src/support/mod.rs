//! Code that knows nothing of the rest of the program: diagnostics, digests, files, signals, strings, masking.

pub(crate) mod child_env;
pub(crate) mod diagnostic;
pub(crate) mod digest;
pub(crate) mod duration;
pub(crate) mod ended;
pub(crate) mod file_diff;
pub(crate) mod image;
pub(crate) mod interrupt;
pub(crate) mod label;
pub(crate) mod literal;
pub(crate) mod path;
pub(crate) mod read_file;
pub(crate) mod redact;
pub(crate) mod servers;
pub(crate) mod temporary;
pub(crate) mod yaml;
