//! The real reader of Compose files: the library of Docker Compose, as `docker compose config` uses it. It needs no engine.

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use testbed::tools::COMPOSE_CONFIG;
use testbed::{Level, available, skip_or_fail, tools};

static READY: LazyLock<Result<(), String>> = LazyLock::new(|| {
    available(Level::A)?;
    tools::ensure(&[COMPOSE_CONFIG]).map(drop).map_err(|error| error.to_string())
});

/// Whether it is there.
pub(super) fn ready() -> bool {
    READY.as_ref().map_err(|why| skip_or_fail(why)).is_ok()
}

/// The project in a folder, with these of its `.env` files and these variables of the shell.
pub(super) fn read(folder: &Path, files: &[&str], variables: impl Iterator<Item = (String, String)>) -> Value {
    let program = testbed::home().join("bin").join(COMPOSE_CONFIG.name);
    let mut command = Command::new(program);
    command.env_clear().env("HOME", "/nowhere").envs(variables).arg(folder);
    command.args(files.iter().map(|file| folder.join(file)));
    let output = command.output().expect("the program should start");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "Compose refuses the project: {errors}");
    serde_json::from_slice(&output.stdout).expect("a project should be JSON")
}
