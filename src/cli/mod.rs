//! The command line: arguments to checked options, one function per verb, results to exit codes.
//!
//! Everything that a user types, sees or gets as an exit code is decided here; other modules do the work.

mod app_host;
mod args;
mod build;
mod chart_values;
mod charts;
mod complete;
mod completion_names;
mod compose;
mod dashboard;
mod demo;
mod deploy_request;
mod described;
mod doctor;
mod error;
mod examples;
mod explain;
mod image_list;
mod images;
mod init;
mod inputs;
mod manifest;
mod model;
mod other_programs;
mod output;
mod packed;
mod placed;
mod plan;
mod program;
mod project;
mod prompt;
mod release;
mod render;
mod rendered;
mod run;
mod run_options;
mod schema;
mod seal;
mod sources;
mod status;
mod table;
mod which_release;

pub(crate) use error::CliError;
pub use error::Exit;
pub use run::run;
pub use run_options::duration;
