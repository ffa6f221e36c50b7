//! Tests of the whole program against real helm and a real API server.

mod golden;
mod program;
mod workload;

#[cfg(target_os = "linux")]
mod case;
#[cfg(target_os = "linux")]
mod cluster;
#[cfg(target_os = "linux")]
mod compose;
#[cfg(target_os = "linux")]
mod corpus;
#[cfg(target_os = "linux")]
mod dashboard;
#[cfg(target_os = "linux")]
mod helm;
#[cfg(target_os = "linux")]
mod hostile;
#[cfg(target_os = "linux")]
mod nasty;
#[cfg(target_os = "linux")]
mod observe;
#[cfg(target_os = "linux")]
mod oracle;
#[cfg(target_os = "linux")]
mod properties;
