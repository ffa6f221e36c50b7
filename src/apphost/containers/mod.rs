//! The images of .NET projects, built and pushed by the .NET SDK without an engine.
//!
//! ```text
//! ask (one dotnet: what each project says of itself) ──> facts ──> build (one dotnet: all projects) ──> outcome
//! ```
//! Both runs read a generated MSBuild project in a private folder (`projects`). Only `Configuration`, `_IsPublishing` and
//! where the image goes are properties of ours: anything else would overrule what a project says of itself.

mod facts;
mod outcome;
mod projects;
mod run;

pub(crate) use outcome::Made;
pub(crate) use run::{BuildRequest, ProjectImage, build};
