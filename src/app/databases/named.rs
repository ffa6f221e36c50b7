//! Which database of which server a connection string of the manifest names.
//!
//! Must not know which servers there are, nor whether they run.

use crate::app::expression::{Property, Token, tokens};
use crate::manifest::{Kind, Manifest, Resource};
use percent_encoding::percent_decode_str;

/// Stands for what is known only when the application runs.
const UNKNOWN: char = '\0';

/// Bounds of what a hostile manifest can make of nested references.
const REFERENCES: usize = 200;
const LONGEST: usize = 1 << 16;

/// Keys of the name in connection strings of ADO.NET and JDBC, in lower case and without spaces.
const KEYS: [&str; 4] = ["database", "initialcatalog", "databasename", "db"];

/// A resource whose connection string names a database.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub resource: String,
    /// The resource whose endpoint it leads to.
    pub server: String,
    /// The name; none if it is known only when the application runs.
    pub database: Option<String>,
}

/// All of them, in the order of the manifest.
pub(super) fn all(manifest: &Manifest) -> Vec<Named> {
    let texts = manifest.resources.iter().filter(|(_, resource)| matches!(resource.kind, Kind::Value));
    texts.filter_map(|(name, resource)| named(manifest, name, resource)).collect()
}

fn named(manifest: &Manifest, name: &str, resource: &Resource) -> Option<Named> {
    let mut filled = Filled { manifest, text: String::new(), server: None, left: REFERENCES };
    filled.add(text_of(resource)?);
    let database = database(&filled.text)?;
    let is_known = !database.contains(UNKNOWN);
    Some(Named { resource: name.to_owned(), server: filled.server?.to_owned(), database: is_known.then_some(database) })
}

fn text_of(resource: &Resource) -> Option<&str> {
    resource.connection_string.as_deref().or(resource.value.as_deref())
}

/// A text whose references are filled in as far as they are texts.
struct Filled<'a> {
    manifest: &'a Manifest,
    text: String,
    /// The first resource whose endpoint is in it.
    server: Option<&'a str>,
    /// References that may still be followed.
    left: usize,
}

impl<'a> Filled<'a> {
    fn add(&mut self, text: &'a str) {
        for token in tokens(text) {
            if self.text.len() > LONGEST {
                return;
            }
            let reference = match token {
                Token::Text(text) => {
                    self.text.push_str(text);
                    continue;
                }
                Token::Reference(reference) => reference,
            };
            let resource = self.manifest.resources.get(reference.resource);
            let leads_on = |resource: &&Resource| match reference.property {
                Property::ConnectionString => !matches!(resource.kind, Kind::Parameter),
                Property::Value => matches!(resource.kind, Kind::Value),
                _ => false,
            };
            match resource.filter(leads_on).and_then(text_of) {
                Some(text) if self.left > 0 => {
                    self.left -= 1;
                    self.add(text);
                }
                _ => self.text.push(UNKNOWN),
            }
            if matches!(reference.property, Property::Binding(..)) && self.server.is_none() {
                self.server = Some(reference.resource);
            }
        }
    }
}

/// The name of the database in a connection string, as a URI or as `key=value` pairs.
fn database(text: &str) -> Option<String> {
    let uri = text.split_once("://").filter(|(scheme, _)| !scheme.contains('='));
    let pairs = uri.map_or(text, |(_, rest)| rest.split_once(';').map_or("", |(_, pairs)| pairs));
    let mut pairs = pairs_of(pairs).into_iter().rev();
    let by_key = pairs.find(|(key, _)| KEYS.contains(&key.as_str())).map(|(_, value)| value);
    by_key.or_else(|| in_path(uri?.1)).filter(|name| !name.is_empty())
}

fn in_path(text: &str) -> Option<String> {
    let (_, path) = text.split_once('/')?;
    let path = path.split(['?', '#', ';', '/']).next()?;
    percent_decode_str(path).decode_utf8().ok().map(Into::into)
}

/// The pairs of a connection string. A value may be quoted, with quotes in it doubled.
fn pairs_of(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some((key, behind)) = rest.split_once('=') {
        // A pair without a value has no `=` of its own.
        let key = key.rsplit(';').next().unwrap_or(key);
        let (value, behind) = value(behind.trim_start());
        let key = key.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
        pairs.push((key, value));
        rest = behind;
    }
    pairs
}

/// A value, and what is behind it.
fn value(text: &str) -> (String, &str) {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        return (value.trim_end().to_owned(), rest);
    };
    let mut value = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((index, letter)) = letters.next() {
        if letter != quote {
            value.push(letter);
        } else if letters.next_if(|(_, next)| *next == quote).is_some() {
            value.push(quote);
        } else {
            let rest = text.get(index + 1..).unwrap_or_default();
            return (value, rest.split_once(';').map_or("", |(_, rest)| rest));
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse;
    use serde_json::json;

    #[test]
    fn the_database_of_a_connection_string() {
        for (text, expected) in [
            ("Host=h;Port=5432;Username=postgres;Password=\0;Database=orders", Some("orders")),
            ("Server=h,1433;User ID=sa;Password=\0;TrustServerCertificate=true;Initial Catalog=db1", Some("db1")),
            ("Server=h;Port=3306;User ID=root;Password=\0;database = stock ; Pooling=true", Some("stock")),
            ("Host=h;Database=\"a;b\"\"c\";Port=1", Some("a;b\"c")),
            ("Host=h;Database='it''s';Port=1", Some("it's")),
            ("Host=h;Database=a;Database=b", Some("b")),
            ("Host=h;Password='x;Database=no';Database=yes", Some("yes")),
            ("Host=h;Database=\0", Some("\0")),
            ("Host=h;Database=", None),
            ("Host=h;Port=5432", None),
            ("postgresql://postgres:\0@\0:\0/orders", Some("orders")),
            ("postgresql://postgres:\0@\0:\0/or%20ders?sslmode=disable", Some("or ders")),
            ("mysql://root:\0@\0:\0", None),
            ("mysql://root:\0@\0:\0/", None),
            ("jdbc:postgresql://\0:\0/orders?user=a", Some("orders")),
            ("jdbc:sqlserver://\0:\0;trustServerCertificate=true;databaseName=db1", Some("db1")),
            ("http://\0:\0", None),
            ("Host=h;Url=http://a/b", None),
            ("", None),
        ] {
            assert_eq!(database(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn references_are_followed_to_the_server() {
        let server = json!({"type": "container.v0", "image": "postgres:17",
            "connectionString": "Host={pg.bindings.tcp.host};Password={pw.value}",
            "bindings": {"tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": 5432}}});
        let text = |text: &str| json!({"type": "value.v0", "connectionString": text});
        let manifest = json!({"resources": {
            "pg": server,
            "orders": text("{pg.connectionString};Database=orders-db"),
            "alias": text("{orders.connectionString};Pooling=true"),
            "later": text("{pg.connectionString};Database={name.value}"),
            "bomb": text("{bomb.connectionString}{bomb.connectionString}"),
            "circle": text("{circle.connectionString};Database=x"),
            "cosmos": text("AccountEndpoint={cloud.outputs.connectionString};Database=db3"),
            "name": {"type": "parameter.v0", "value": "{name.inputs.value}", "inputs": {"value": {"type": "string"}}},
        }});
        let found = all(&parse(manifest.to_string().as_bytes()).unwrap());
        let found: Vec<_> =
            found.iter().map(|it| (it.resource.as_str(), it.server.as_str(), it.database.as_deref())).collect();
        let expected = [("orders", "pg", Some("orders-db")), ("alias", "pg", Some("orders-db")), ("later", "pg", None)];
        assert_eq!(found, expected);
    }
}
