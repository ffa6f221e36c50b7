//! The .NET tool with a real SDK.

use crate::{Release, ran};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An SDK that knows native tools: 10 or later.
fn sdk() -> Option<PathBuf> {
    let root = std::env::var_os("DOTNET_ROOT").map(|root| Path::new(&root).join("dotnet"));
    let program = root.filter(|program| program.is_file()).unwrap_or_else(|| "dotnet".into());
    let output = Command::new(&program).arg("--version").output().ok()?;
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    let major: u32 = version.split('.').next()?.parse().ok()?;
    (major >= 10).then_some(program)
}

#[test]
fn a_tool_is_installed_and_runs() {
    let Some(sdk) = sdk() else { return testbed::skip_or_fail("there is no .NET SDK 10 or later") };
    let release = Release::new();
    fs::write(
        release.path("NuGet.Config"),
        format!(
            "<configuration><packageSources><clear /><add key=\"release\" value=\"{}\" /></packageSources></configuration>",
            release.files().display()
        ),
    )
    .unwrap();
    let dotnet = |args: &[&str]| {
        let mut command = release.command(&sdk);
        command.env("DOTNET_CLI_HOME", release.path("home")).env("DOTNET_NOLOGO", "1");
        command.env("NUGET_PACKAGES", release.path("packages")).env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1");
        command.env("DOTNET_CLI_TELEMETRY_OPTOUT", "1").env("DOTNET_GENERATE_ASPNET_CERTIFICATE", "false");
        ran(command.args(args)).ok()
    };
    let tools = release.path("tools");
    dotnet(&["tool", "install", "KubectlAspire", "--tool-path", tools.to_str().unwrap()]);
    let said = ran(release.command(tools.join("kubectl-aspire")).arg("status")).ok();
    assert!(said.contains("stand-in ran with: status"), "{said}");
    // Pinned for a team, in a file that is committed.
    dotnet(&["tool", "install", "KubectlAspire", "--create-manifest-if-needed"]);
    let said = dotnet(&["kubectl-aspire", "plan", "."]);
    assert!(said.contains("stand-in ran with: plan ."), "{said}");
}
