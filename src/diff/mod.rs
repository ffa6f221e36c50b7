//! What a deploy would change: the last manifest, the new one and the live objects, compared object by object.
//!
//! ```text
//! manifest::objects ── last, wanted ─┐
//!                            live ───┼─> predict ─> merge_patch ─> (dry run by the API server)
//!                                    └─> change: fields, drift, restarts, immutable ─> text, JSON
//! lost: what helm's own merge would lose     additions: what a merge leaves, and another client added
//! ```
//! Values in, values out. Nothing here calls a cluster, and no value of a Secret leaves it.

mod additions;
mod change;
mod fields;
mod immutable;
mod keys;
mod lost;
mod manifest;
mod predict;
mod restart;
mod text;

pub use additions::{holds_data, with_places};
pub(crate) use change::{Action, Change};
pub use change::{Sides, change};
pub use fields::fields;
pub(crate) use fields::{Field, below, same};
pub use lost::lost;
pub(crate) use manifest::mark;
pub use manifest::{Object, objects};
pub use predict::{merge_patch, predict};
pub use text::lines;
pub(crate) use text::{Mark, summary};

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
