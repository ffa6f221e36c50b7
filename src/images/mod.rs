//! The images of an application: which ones must be built and how, which ones are pulled. Pure; it builds nothing.
//!
//! ```text
//! app::builds + image references of the target ──> list: rows, with commands for a shell, and warnings
//! ```

mod commands;
mod known;
mod list;
mod platform;
mod rows;
mod saved;
mod shell;
mod values;
mod warnings;

pub(crate) use known::Known;
pub(crate) use list::list;
pub(crate) use platform::{PLATFORMS, Platform};
pub(crate) use rows::{BuiltImage, Listed};
pub use saved::Saved;
