//! What reaches real containers, and what a real kubelet, Postgres and Redis make of it.
//!
//! Every test has a namespace and a folder of its own; the node is shared. Only what faked pods cannot show belongs here.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;
mod bytes;
mod dashboard;
mod databases;
mod jobs;
#[path = "../nasty.rs"]
#[expect(dead_code, reason = "only its list of texts is needed here")]
mod nasty;
mod network;
mod order;
mod probes;
mod promotion;
mod roll;
mod routes;
mod security;
mod shop;
mod sidecars;
mod timeout;
