//! How databases are created on each kind of server: a script for the client in the server's own image, and SQL. One row a
//! server.
//!
//! Names come from the manifest and may hold anything: they reach the script as variables, and the SQL quoted. Passwords are
//! variables, too: never arguments. Must not know a manifest.

use crate::support::servers;

/// A kind of server.
pub(super) struct Client {
    /// Its name in [`servers`].
    pub server: &'static str,
    /// The port of the container where it usually listens.
    pub port: u16,
    /// Variables of the client; `{host}` and `{port}` stand for the server's.
    pub variables: &'static [(&'static str, &'static str)],
    /// The variable with the administrator's name, the one of the server that says it, and the name that holds without it.
    pub user: Option<(&'static str, &'static str, &'static str)>,
    /// The variable with the password, and those of the server of which one has it.
    pub password: (&'static str, &'static [&'static str]),
    /// A variable of the server that says that nobody needs a password.
    pub open: &'static str,
    /// Shell functions: `ask SQL` prints what a query finds, `run` reads SQL from standard input.
    pub functions: &'static str,
    /// Databases that every server has, in lower case.
    pub own: &'static [&'static str],
    pub sql: fn(&str) -> Sql,
}

/// SQL about one database.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sql {
    /// Finds 1 if it exists, else nothing.
    pub exists: String,
    /// Creates it on a server that lacks it.
    pub create: String,
    /// What ends a script of a user.
    pub end: &'static str,
}

/// Waits for the server, at most ten minutes, then creates what does not exist. An application may create a database at the
/// same moment.
const SCRIPT: &str = r#"trap 'exit 143' TERM
if [ "$DATABASES" -eq 0 ]; then echo "the server does not run here"; exit 0; fi
tries=0
last=
until answer=$(ask 'SELECT 1' 2>&1); do
  if [ "$answer" != "$last" ]; then echo "waiting for the server: $answer"; fi
  last=$answer
  tries=$((tries + 1))
  if [ "$tries" -ge 300 ]; then exit 1; fi
  sleep 2
done
i=0
while [ "$i" -lt "$DATABASES" ]; do
  name=$(printenv "DATABASE_$i")
  exists=$(printenv "DATABASE_${i}_EXISTS")
  found=$(ask "$exists") || exit 1
  if [ -n "$found" ]; then
    printf 'the database %s exists\n' "$name"
  elif printenv "DATABASE_${i}_CREATE" | run; then
    printf 'the database %s is created\n' "$name"
  else
    found=$(ask "$exists") || exit 1
    if [ -z "$found" ]; then exit 1; fi
  fi
  i=$((i + 1))
done
"#;

static CLIENTS: [Client; 4] = [
    Client {
        server: "PostgreSQL",
        port: 5432,
        variables: &[
            ("PGHOST", "{host}"),
            ("PGPORT", "{port}"),
            ("PGDATABASE", "postgres"),
            ("PGCONNECT_TIMEOUT", "5"),
            ("PGCLIENTENCODING", "UTF8"),
            // Without it, a backslash in a text could end the text.
            ("PGOPTIONS", "-c standard_conforming_strings=on"),
        ],
        user: Some(("PGUSER", "POSTGRES_USER", "postgres")),
        password: ("PGPASSWORD", &["POSTGRES_PASSWORD"]),
        open: "POSTGRES_HOST_AUTH_METHOD",
        functions: r#"ask() { psql -wXAtqc "$1"; }
run() { psql -wXqv ON_ERROR_STOP=1; }
"#,
        own: &["postgres", "template0", "template1"],
        sql: postgres,
    },
    Client {
        server: "MySQL",
        port: 3306,
        variables: MYSQL_VARIABLES,
        user: None,
        password: ("MYSQL_PWD", &["MYSQL_ROOT_PASSWORD"]),
        open: "MYSQL_ALLOW_EMPTY_PASSWORD",
        functions: r#"client() { mysql --loose-get-server-public-key --connect-timeout=5 --default-character-set=utf8mb4 --protocol=tcp -h "$MYSQL_HOST" -P "$MYSQL_TCP_PORT" -u root "$@"; }
ask() { client -Ne "$1"; }
run() { client; }
"#,
        own: MYSQL_OWN,
        sql: mysql,
    },
    Client {
        server: "MariaDB",
        port: 3306,
        variables: MYSQL_VARIABLES,
        user: None,
        password: ("MYSQL_PWD", &["MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD"]),
        open: "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD",
        functions: r#"client() { mariadb --skip-ssl-verify-server-cert --connect-timeout=5 --default-character-set=utf8mb4 --protocol=tcp -h "$MYSQL_HOST" -P "$MYSQL_TCP_PORT" -u root "$@"; }
ask() { client -Ne "$1"; }
run() { client; }
"#,
        own: MYSQL_OWN,
        sql: mysql,
    },
    Client {
        server: "SQL Server",
        port: 1433,
        variables: &[("SQLCMDSERVER", "{host},{port}"), ("SQLCMDUSER", "sa")],
        user: None,
        password: ("SQLCMDPASSWORD", &["MSSQL_SA_PASSWORD", "SA_PASSWORD"]),
        open: "",
        // `-x`: `$(NAME)` in SQL is text.
        functions: r#"for tool in /opt/mssql-tools18/bin/sqlcmd /opt/mssql-tools/bin/sqlcmd sqlcmd; do if command -v "$tool" >/dev/null; then break; fi; done
ask() { "$tool" -C -l 5 -b -x -h -1 -W -Q "SET NOCOUNT ON; $1"; }
run() { "$tool" -C -l 5 -b -x -i /dev/stdin; }
"#,
        own: &["master", "model", "msdb", "tempdb"],
        sql: sql_server,
    },
];

const MYSQL_VARIABLES: &[(&str, &str)] = &[("MYSQL_HOST", "{host}"), ("MYSQL_TCP_PORT", "{port}")];
const MYSQL_OWN: &[&str] = &["mysql", "sys", "information_schema", "performance_schema"];

/// The row of the server that an image is.
pub(super) fn of(image: &str) -> Option<&'static Client> {
    let server = servers::of(image)?;
    CLIENTS.iter().find(|client| client.server == server)
}

impl Client {
    /// The script that creates the databases.
    pub(super) fn script(&self) -> String {
        format!("{}{SCRIPT}", self.functions)
    }
}

/// The cast cuts the text as the server cuts the name.
fn postgres(name: &str) -> Sql {
    Sql {
        exists: format!("SELECT 1 FROM pg_database WHERE datname = '{}'::name", name.replace('\'', "''")),
        create: format!("CREATE DATABASE \"{}\";", name.replace('"', "\"\"")),
        end: "\n;",
    }
}

fn mysql(name: &str) -> Sql {
    let text = name.replace('\\', "\\\\").replace('\'', "''");
    Sql {
        exists: format!("SELECT 1 FROM information_schema.schemata WHERE schema_name = '{text}'"),
        create: format!("CREATE DATABASE IF NOT EXISTS `{}`;", name.replace('`', "``")),
        end: "\n;",
    }
}

fn sql_server(name: &str) -> Sql {
    Sql {
        exists: format!("SELECT 1 WHERE DB_ID(N'{}') IS NOT NULL", name.replace('\'', "''")),
        create: format!("CREATE DATABASE [{}];\nGO", name.replace(']', "]]")),
        end: "\nGO",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_of_a_known_server() {
        for client in &CLIENTS {
            assert!(servers::names().any(|name| name == client.server), "{}", client.server);
        }
    }

    #[test]
    fn names_are_quoted_as_each_server_wants_it() {
        let ugly = r#"a'; DROP "b" `c` [d] \' $(e)"#;
        for (image, exists, create) in [
            (
                "postgres:17",
                r#"SELECT 1 FROM pg_database WHERE datname = 'a''; DROP "b" `c` [d] \'' $(e)'::name"#,
                r#"CREATE DATABASE "a'; DROP ""b"" `c` [d] \' $(e)";"#,
            ),
            (
                "mysql:9",
                r#"SELECT 1 FROM information_schema.schemata WHERE schema_name = 'a''; DROP "b" `c` [d] \\'' $(e)'"#,
                r#"CREATE DATABASE IF NOT EXISTS `a'; DROP "b" ``c`` [d] \' $(e)`;"#,
            ),
            (
                "mcr.microsoft.com/mssql/server:2022-latest",
                r#"SELECT 1 WHERE DB_ID(N'a''; DROP "b" `c` [d] \'' $(e)') IS NOT NULL"#,
                "CREATE DATABASE [a'; DROP \"b\" `c` [d]] \\' $(e)];\nGO",
            ),
        ] {
            let sql = (of(image).unwrap().sql)(ugly);
            assert_eq!((sql.exists.as_str(), sql.create.as_str()), (exists, create), "{image}");
        }
    }
}
