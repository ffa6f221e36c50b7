//! `deploy` and `destroy` against a real control plane: what is on the cluster afterwards, and what is nowhere.
//!
//! Every test has a namespace, a folder and a home of its own; the control plane is shared.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod adopted;
mod bench;
mod canary;
mod certificates;
mod charts;
mod crash;
mod cycle;
mod dashboard;
mod databases;
mod demo;
mod destroy;
mod doctor;
mod encrypted;
mod external;
mod foreign;
mod hosts;
mod images;
mod inputs;
mod jobs;
mod leftovers;
mod obstacles;
mod order;
mod passwords;
mod plan;
mod plugin;
mod probes;
mod prompts;
mod readme;
mod records;
mod refusals;
mod rendered;
mod replace;
mod rollback;
mod rotation;
mod routes;
mod scaled;
mod sealed;
mod security;
mod sidecars;
mod sources;
mod status;
mod surroundings;
mod sweep;
mod terminal;
mod vacancy;
mod values;
mod watch;
mod whole;
