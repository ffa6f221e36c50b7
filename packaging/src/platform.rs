//! The platforms of a release: one row each.

/// A platform, by the names that each ecosystem has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Platform {
    /// Rust's name.
    pub target: &'static str,
    /// Go's, helm's and krew's name of the system.
    pub os: &'static str,
    /// Go's, helm's and krew's name of the processor.
    pub arch: &'static str,
    /// .NET's names: a static program serves both C libraries of Linux.
    pub rids: &'static [&'static str],
}

const fn row(target: &'static str, os: &'static str, arch: &'static str, rids: &'static [&'static str]) -> Platform {
    Platform { target, os, arch, rids }
}

/// Every platform.
pub const PLATFORMS: [Platform; 6] = [
    row("x86_64-unknown-linux-musl", "linux", "amd64", &["linux-x64", "linux-musl-x64"]),
    row("aarch64-unknown-linux-musl", "linux", "arm64", &["linux-arm64", "linux-musl-arm64"]),
    row("x86_64-apple-darwin", "darwin", "amd64", &["osx-x64"]),
    row("aarch64-apple-darwin", "darwin", "arm64", &["osx-arm64"]),
    row("x86_64-pc-windows-msvc", "windows", "amd64", &["win-x64"]),
    row("aarch64-pc-windows-msvc", "windows", "arm64", &["win-arm64"]),
];

impl Platform {
    /// The row of a target of Rust.
    pub fn of_target(target: &str) -> Option<Self> {
        PLATFORMS.into_iter().find(|platform| platform.target == target)
    }

    /// The row of the machine that this runs on.
    pub fn here() -> Option<Self> {
        let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        PLATFORMS.into_iter().find(|platform| platform.os == os && platform.arch == arch)
    }

    /// The file name of the program.
    pub fn program(&self) -> &'static str {
        if self.os == "windows" { "kubectl-aspire.exe" } else { "kubectl-aspire" }
    }
}
