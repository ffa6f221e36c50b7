//! What a release is made of, and that people can install it: by hand, with every helm, with krew's own checks, as a .NET
//! tool. The packed program is a stand-in that says its name; the real one under every helm is in `tests/release`.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod by_hand;
mod dotnet;
mod files;
mod helm;
mod lint;
mod release;
mod server;

use release::{Ran, Release, ran, root};
