//! Workloads that change their kind: the machine against every order of events, and the program on a real control plane.
#![cfg_attr(target_os = "linux", expect(clippy::unwrap_used, reason = "a test fails by panicking"))]

#[cfg(target_os = "linux")]
mod again;
#[cfg(target_os = "linux")]
mod back;
#[cfg(target_os = "linux")]
#[path = "../release/bench.rs"]
#[expect(dead_code, reason = "shared with the tests of deploy and destroy")]
mod bench;
#[cfg(target_os = "linux")]
mod by_hand;
#[cfg(target_os = "linux")]
mod cases;
#[cfg(target_os = "linux")]
mod data;
#[cfg(target_os = "linux")]
mod disturbed;
#[cfg(target_os = "linux")]
mod drawn;
#[cfg(target_os = "linux")]
mod immutable;
#[cfg(target_os = "linux")]
mod killed;
#[cfg(target_os = "linux")]
mod losses;
mod model;
mod schedules;
mod simulated;
#[cfg(target_os = "linux")]
mod stage;
#[cfg(target_os = "linux")]
mod trusted;
#[cfg(target_os = "linux")]
mod watch;
