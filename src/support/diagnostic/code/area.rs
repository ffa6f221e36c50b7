//! The sections of `docs/errors.md`.

/// Part of the program that a code belongs to, in the order of `docs/errors.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// Any file that a user writes.
    Files,
    CommandLine,
    /// The AppHost that SOURCE names, and `dotnet`.
    AppHost,
    /// `aspire-manifest.json`.
    Manifest,
    /// `aspire-k8s.yaml`.
    Config,
    /// What the application becomes: workloads, values, the chart.
    Application,
    /// Parameters, secrets and their sources.
    Inputs,
    /// Charts that come with the application.
    ExternalCharts,
    /// The API server.
    Cluster,
    /// The helm binary.
    Helm,
    /// The release and its revisions.
    Release,
    /// Deployment to `StatefulSet` and back.
    Migration,
    /// The program itself.
    Program,
}

impl Area {
    /// The heading of its codes.
    pub fn title(self) -> &'static str {
        match self {
            Self::Files => "All input files",
            Self::CommandLine => "Command line",
            Self::AppHost => "The AppHost",
            Self::Manifest => "aspire-manifest.json",
            Self::Config => "aspire-k8s.yaml",
            Self::Application => "The application and its chart",
            Self::Inputs => "Parameters and secrets",
            Self::ExternalCharts => "Third-party charts",
            Self::Cluster => "The cluster",
            Self::Helm => "Helm",
            Self::Release => "Releases",
            Self::Migration => "Workload migrations",
            Self::Program => "The program",
        }
    }
}
