//! `databases` of a server and of `defaults:`, as written: which databases a deploy creates.
//!
//! Must not know servers or connection strings: that is asked when the application is resolved.

use super::Config;
use super::compatibility::DATABASES;
use super::findings::Findings;
use super::path::{Path, shown};
use super::rules;
use crate::support::diagnostic::Code;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `databases:` of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Databases {
    /// Those that connection strings name, or none.
    Word(DatabasesWord),
    /// Names of databases.
    Named(Vec<String>),
}

/// Databases in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DatabasesWord {
    /// Those that connection strings of the AppHost name.
    ConnectionStrings,
    /// None.
    None,
}

/// Which databases of a server are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WantedDatabases<'a> {
    None,
    /// Those that connection strings name.
    ConnectionStrings(AskedBy),
    Named(&'a [String]),
}

/// Why databases of connection strings are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AskedBy {
    /// A key of the server.
    Server,
    /// The key of `defaults`, which is about servers that can have databases.
    Defaults,
    /// The number of the pod defaults.
    Number,
}

impl Config {
    /// Which databases of a resource are created, if it is a server.
    pub(crate) fn databases_of(&self, resource: &str) -> WantedDatabases<'_> {
        let own = self.resources.get(resource).and_then(|resource| resource.databases.as_ref());
        match (own, self.defaults.databases) {
            (Some(Databases::Named(names)), _) => WantedDatabases::Named(names),
            (Some(Databases::Word(DatabasesWord::None)), _) | (None, Some(DatabasesWord::None)) => {
                WantedDatabases::None
            }
            (Some(Databases::Word(DatabasesWord::ConnectionStrings)), _) => {
                WantedDatabases::ConnectionStrings(AskedBy::Server)
            }
            (None, Some(DatabasesWord::ConnectionStrings)) => WantedDatabases::ConnectionStrings(AskedBy::Defaults),
            (None, None) if self.defaults_of_pods() < DATABASES => WantedDatabases::None,
            (None, None) => WantedDatabases::ConnectionStrings(AskedBy::Number),
        }
    }
}

/// Whether a database can be created under this name.
pub(crate) fn is_database_name(name: &str) -> bool {
    (rules::DATABASE.legal)(name)
}

/// Reports names that no database can have.
pub(super) fn check(databases: Option<&Databases>, findings: &mut Findings, at: &Path<'_>) {
    let Some(Databases::Named(names)) = databases else { return };
    for (index, name) in names.iter().enumerate().filter(|(_, name)| !is_database_name(name)) {
        let what = format!("{} is not valid as {}", shown(name), rules::DATABASE.what);
        findings.add(Code::InvalidValue, &at.item(index), what, rules::DATABASE.says);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn the_server_wins_over_defaults_and_these_over_the_number() {
        use WantedDatabases::{ConnectionStrings, None as Nothing};
        for (text, wanted) in [
            ("", ConnectionStrings(AskedBy::Number)),
            ("compatibility: 2", Nothing),
            ("defaults: {databases: none}", Nothing),
            ("{compatibility: 2, defaults: {databases: connectionStrings}}", ConnectionStrings(AskedBy::Defaults)),
            (
                "{defaults: {databases: none}, resources: {pg: {databases: connectionStrings}}}",
                ConnectionStrings(AskedBy::Server),
            ),
            ("{defaults: {databases: connectionStrings}, resources: {pg: {databases: none}}}", Nothing),
            ("resources: {pg: {databases: []}}", WantedDatabases::Named(&[])),
        ] {
            let config = parse(text).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert_eq!(config.databases_of("pg"), wanted, "{text}");
        }
        let config = parse("resources: {pg: {databases: [orders]}}").unwrap();
        assert_eq!(config.databases_of("pg"), WantedDatabases::Named(&["orders".to_owned()]));
    }

    #[test]
    fn names_that_no_database_has_are_refused_at_their_place() {
        for name in ["\"\"", "\"a\\nb\"", "\"{a.value}\"", &"x".repeat(129)] {
            let wrong = parse(&format!("resources: {{pg: {{databases: [good, {name}]}}}}")).unwrap_err().to_string();
            assert!(wrong.contains("resources.pg.databases[1]") && wrong.contains("a database name"), "{wrong}");
        }
        for wrong in ["some", "{orders: x}", "[[a]]", "7"] {
            assert!(parse(&format!("resources: {{pg: {{databases: {wrong}}}}}")).is_err(), "{wrong}");
        }
        assert!(parse("defaults: {databases: [orders]}").is_err());
    }
}
