//! Platforms of images, as engines and .NET name them.

/// What the nodes of a cluster run, by the names of two tools.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Platform {
    /// As `docker build --platform` takes it, and as an image index names it.
    pub name: &'static str,
    /// As `dotnet publish --arch` takes it; with `linux-` before it, the runtime identifier.
    pub architecture: &'static str,
}

/// The platforms of Linux that .NET publishes for.
pub(crate) const PLATFORMS: [Platform; 6] = [
    Platform { name: "linux/amd64", architecture: "x64" },
    Platform { name: "linux/arm64", architecture: "arm64" },
    Platform { name: "linux/arm/v7", architecture: "arm" },
    Platform { name: "linux/ppc64le", architecture: "ppc64le" },
    Platform { name: "linux/riscv64", architecture: "riscv64" },
    Platform { name: "linux/s390x", architecture: "s390x" },
];

impl Platform {
    /// The platform of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        PLATFORMS.iter().find(|platform| platform.name == name)
    }

    /// The runtime identifier of .NET.
    pub(crate) fn runtime_identifier(&self) -> String {
        format!("linux-{}", self.architecture)
    }
}
