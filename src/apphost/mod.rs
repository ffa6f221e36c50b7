//! An AppHost as SOURCE: found, built, run for its manifest; and the images of projects (`containers`). The only code that
//! starts `dotnet`.
//!
//! ```text
//! find (folder, project, file, .dll) ──> publish: sdk ── build ── reader ── exec ──> Published (manifest, model)
//! ```
//! An AppHost is a program of the user and runs as one. Exit code 0 proves nothing: a manifest counts if it is new and
//! complete. `find`, `dotnet`, `process`, `publish`, `reader` and `containers::run` touch the machine; all other files are pure. Nothing here knows what is in a
//! manifest.

mod ask;
mod containers;
mod dotnet;
mod error;
mod find;
mod lines;
mod path;
mod process;
mod program;
mod properties;
mod publish;
mod reader;
mod sdk;
mod written;

pub(crate) use containers::{BuildRequest, Made, ProjectImage, build as build_images};
pub(crate) use error::Error;
pub(crate) use find::{beside, find, is_older};
pub(crate) use path::{published, rebased};
pub(crate) use program::{Program, is_of_another_language};
pub(crate) use publish::{Model, Published, Request, publish};
