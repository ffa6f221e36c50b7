//! What several verbs need of one release: its state before, its lock, its history, its records, what helm would do to it.

pub(crate) mod adopt;
pub(crate) mod autoscaling;
pub(crate) mod chart_secret;
pub(crate) mod checks;
pub(crate) mod claim_sizes;
pub(crate) mod external_secrets;
pub(crate) mod history;
pub(crate) mod installation;
pub(crate) mod live;
pub mod lock;
pub(crate) mod migration;
pub(crate) mod predict;
pub(crate) mod preflight;
pub(crate) mod proof;
pub mod records;
pub(crate) mod rollback_feasibility;
pub(crate) mod snapshot;
pub(crate) mod values;
pub(crate) mod watch;
