//! Inputs: what an application needs to know, who told it, and what is still missing.
//!
//! Pure: values come in from the command line, files, the environment and the cluster; random bytes come from the caller.

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
pub use generate::{Random, generate};
pub use given::{Given, Means, parse_assignment};
pub use images::remembered;
pub use kept::Kept;
pub use listed::{Listed, Supply, list, names};
pub use names::{Names, variable};
pub use needs::{ImageNeeds, SecretNeed, ValueNeeds};
pub use rotate::{CHART, Data, Stale, rotation, stale};
pub use settle::{Answers, Outlook, Settled, outlook, settle};
pub use template::{env_template, json_template, yaml_template};
