//! Workloads that look like database migrations: they run to completion, and targets restart what ends. Must not decide how they
//! run.

use crate::app::{App, Workload};
use crate::config::Config;

/// How names of database migrations usually end.
const MIGRATIONS: [&str; 6] = ["migration", "migrations", "migrator", "dbmigrator", "dbmigration", "migrationservice"];

/// Workloads that are probably migrations, without those of which the file says how they run.
pub(crate) fn probable_migrations<'a>(app: &'a App, config: &'a Config) -> impl Iterator<Item = &'a Workload> {
    let is_one = |name: &str| {
        let name = name.to_ascii_lowercase();
        MIGRATIONS.iter().any(|end| name.ends_with(end))
    };
    app.workloads.values().filter(move |workload| {
        let intent = config.resources.get(&workload.name);
        let is_said = intent.is_some_and(|it| it.run_as.is_some() || it.workload.is_some() || it.sidecar_of.is_some());
        !is_said && workload.ports.is_empty() && is_one(&workload.name)
    })
}
