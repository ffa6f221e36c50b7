//! What knows nothing of the rest of the program: sentences for people, digests, files, texts, masking.

pub mod child_env;
pub mod diagnostic;
pub mod digest;
pub mod duration;
pub mod image;
pub mod literal;
pub mod path;
pub mod read_file;
pub mod redact;
pub mod servers;
pub mod temporary;
pub mod yaml;
