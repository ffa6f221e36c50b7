//! The files of a merged plan, in memory. Must not touch a folder.

use super::dotenv::quoted;
use super::environments::Merged;
use super::mark::marked;
use super::node::yaml;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Files by their path with slashes below the output folder.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Name of the Compose file, as Aspire calls it.
pub(super) const COMPOSE: &str = "docker-compose.yaml";

/// Name of the file with the values of variables; one for an environment has its name behind a dot.
pub(super) const DOTENV: &str = ".env";

/// Start of the lines that list mounted files in the Compose file.
const LISTED: &str = "#   ";

/// The folder of mounted files.
pub(super) const FOLDER: &str = "files/";

const LIST: &str = "\n# Mounted files, which the next render replaces or removes:\n";

const HEAD: &str = "
# Values of docker-compose.yaml. Set those that are not here in a file of your own, outside of this folder and readable for
# you alone, and name both:
#   docker compose --env-file .env --env-file FILE up -d
";

/// All files.
pub(crate) fn of(merged: &Merged) -> Files {
    let plan = &merged.plan;
    let mut files = plan.files.clone();
    files.insert(COMPOSE.to_owned(), compose(merged).into_bytes());
    files.insert(DOTENV.to_owned(), marked(&dotenv(merged)).into_bytes());
    for (environment, values) in &merged.environments {
        let mut text = format!("\n# What differs in the environment {environment}: pass this file after .env.\n");
        for (name, value) in values {
            // Writing into memory does not fail.
            let _ = writeln!(text, "{name}={}", quoted(value));
        }
        files.insert(format!("{DOTENV}.{environment}"), marked(&text).into_bytes());
    }
    files
}

fn compose(merged: &Merged) -> String {
    let mut text = format!("\n{}", yaml(&merged.plan.document));
    if !merged.plan.files.is_empty() {
        text.push_str(LIST);
        for path in merged.plan.files.keys() {
            let _ = writeln!(text, "{LISTED}{path}");
        }
    }
    marked(&text)
}

/// The mounted files that a Compose file of ours lists.
pub(super) fn listed(compose: &str) -> impl Iterator<Item = &str> {
    let list = compose.split_once(LIST).map(|(_, list)| list).unwrap_or_default();
    list.lines().filter_map(|line| line.strip_prefix(LISTED)).filter(|path| path.starts_with(FOLDER))
}

/// The variables: with their values, or as a comment where a user must give one.
fn dotenv(merged: &Merged) -> String {
    let mut text = HEAD.to_owned();
    for (name, variable) in &merged.plan.variables {
        let _ = match variable.value.as_ref().filter(|_| !variable.secret) {
            Some(value) => writeln!(text, "\n# {}\n{name}={}", variable.about, quoted(value)),
            None => writeln!(text, "\n# {}\n#{name}=", variable.about),
        };
    }
    text
}
