//! Third-party charts as releases of their own: downloaded, compared, installed, uninstalled.

pub(crate) mod change;
pub(crate) mod cluster_issuers;
pub(crate) mod decided;
pub(crate) mod fetch;
pub(crate) mod install;
pub(crate) mod look;
pub(crate) mod remove;
pub(crate) mod state;
pub(crate) mod steps;
pub(crate) mod text;
pub(crate) mod trial;
pub(crate) mod values;
pub(crate) mod wait;
pub(crate) mod work;

pub(crate) use change::ChartChange;
pub(crate) use remove::{Named, Removal, removal, remove};
