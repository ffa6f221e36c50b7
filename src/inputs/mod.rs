//! Inputs: which values an application needs, which source supplies them, and what is still missing.
//!
//! Pure: values come in from the command line, files, the environment and the cluster; random bytes come from the
//! caller.

mod dotenv;
mod encrypted;
mod file;
mod generate;
mod given;
mod images;
mod kept;
mod listed;
mod names;
mod needs;
mod rotate;
mod settle;
mod template;

pub use file::Format;
pub(crate) use generate::{Random, generate};
pub(crate) use given::Means;
pub use given::{Given, parse_assignment};
pub(crate) use images::remembered;
pub(crate) use kept::Kept;
pub use listed::list;
pub(crate) use listed::{Listed, Supply, names};
pub use names::{Names, variable};
pub(crate) use needs::{ImageNeeds, SecretNeed, ValueNeeds};
pub(crate) use rotate::{CHART, Data, rotation, stale};
pub(crate) use settle::{Answers, Outlook, Settled, outlook, settle};
pub(crate) use template::{Row, env_template, json_template, yaml_template};
