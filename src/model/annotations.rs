//! Which annotations of an AppHost are understood, and their fields. The names are those of Aspire's types.

use serde_json::Value;

/// What an annotation of a resource says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Annotation {
    Wait {
        on: String,
        until: Until,
    },
    Replicas(u32),
    Probe(Probe),
    HealthCheck {
        key: String,
    },
    /// The name of an endpoint, which [`Annotation::HealthCheck`] refers to.
    Endpoint {
        name: String,
    },
    PullPolicy(String),
    /// The SQL that creates a database.
    CreationScript(String),
    ExplicitStart,
    Files(FileSystem),
}

/// What a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    Healthy,
    Started,
    /// The exit code that it expects.
    Completed(i64),
}

/// `WithHttpProbe`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Probe {
    /// `Startup`, `Readiness` or `Liveness`.
    pub kind: String,
    pub endpoint: String,
    pub path: String,
    pub initial_delay: Option<u32>,
    pub period: Option<u32>,
    pub timeout: Option<u32>,
    pub failures: Option<u32>,
    pub successes: Option<u32>,
}

/// `WithContainerFiles` with contents.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FileSystem {
    /// The folder in the container.
    pub destination: String,
    /// Whether an owner or a umask is given.
    pub has_owner: bool,
    pub items: Vec<Item>,
    /// The exception of the code that makes them.
    pub error: Option<String>,
}

/// A file or folder in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Item {
    pub name: String,
    /// Text, or a file relative to the folder of the manifest; neither for a folder, or where a secret was taken out.
    pub contents: Option<String>,
    pub source: Option<String>,
    pub entries: Option<Vec<Item>>,
    /// Octal, such as `0644`.
    pub mode: Option<String>,
    pub has_owner: bool,
}

/// Annotations that say nothing to a cluster: the manifest has what they say, or they matter to a local run alone.
const ELSEWHERE: [&str; 39] = [
    "CertificateTrustConfigurationCallbackAnnotation",
    "CommandLineArgsCallbackAnnotation",
    "ConnectionStringRedirectAnnotation",
    "ContainerBuildOptionsCallbackAnnotation",
    "ContainerCertificatePathsAnnotation",
    "ContainerImageAnnotation",
    "ContainerLifetimeAnnotation",
    "ContainerMountAnnotation",
    "ContainerNameAnnotation",
    "DcpInstancesAnnotation",
    "DefaultLaunchProfileAnnotation",
    "DeploymentTargetAnnotation",
    "DockerfileBuildAnnotation",
    "DotnetProgramPublishingAnnotation",
    "EndpointReferenceAnnotation",
    "EnvironmentAnnotation",
    "EnvironmentCallbackAnnotation",
    "ExcludeLaunchProfileAnnotation",
    "ExecutableAnnotation",
    "ExecutableLaunchRecipeAnnotation",
    "HttpsCertificateConfigurationCallbackAnnotation",
    "LaunchProfileAnnotation",
    "ManifestPublishingCallbackAnnotation",
    "OtlpExporterAnnotation",
    "PersistenceAnnotation",
    "PipelineConfigurationAnnotation",
    "PipelineStepAnnotation",
    "ProjectLaunchDefaultsAnnotation",
    "ProxySupportAnnotation",
    "ReferenceEnvironmentInjectionAnnotation",
    "RequiredCommandAnnotation",
    "ResourceCommandAnnotation",
    "ResourceIconAnnotation",
    "ResourceRelationshipAnnotation",
    "ResourceSnapshotAnnotation",
    "ResourceUrlAnnotation",
    "ResourceUrlsCallbackAnnotation",
    "SupportsDebuggingAnnotation",
    "TlsTerminationAnnotation",
];

/// What an annotation says: nothing to a cluster, or else its name if it is not understood.
pub(super) fn read(written: &Value) -> Result<Option<Annotation>, String> {
    let name = text(written, "type");
    let number = |key: &str| written[key].as_u64().and_then(|number| u32::try_from(number).ok());
    let understood = match name.as_str() {
        "WaitAnnotation" => wait(written),
        "ReplicaAnnotation" => number("Replicas").map(Annotation::Replicas),
        "EndpointProbeAnnotation" => Some(Annotation::Probe(Probe {
            kind: text(written, "Type"),
            endpoint: text(&written["EndpointReference"], "endpoint"),
            path: text(written, "Path"),
            initial_delay: number("InitialDelaySeconds"),
            period: number("PeriodSeconds"),
            timeout: number("TimeoutSeconds"),
            failures: number("FailureThreshold"),
            successes: number("SuccessThreshold"),
        })),
        "HealthCheckAnnotation" => Some(Annotation::HealthCheck { key: text(written, "Key") }),
        "EndpointAnnotation" => Some(Annotation::Endpoint { name: text(written, "Name") }),
        "ContainerImagePullPolicyAnnotation" => Some(Annotation::PullPolicy(text(written, "ImagePullPolicy"))),
        "ExplicitStartupAnnotation" => Some(Annotation::ExplicitStart),
        "ContainerFileSystemCallbackAnnotation" => Some(Annotation::Files(FileSystem {
            destination: text(written, "DestinationPath"),
            has_owner: ["DefaultOwner", "DefaultGroup", "Umask"].iter().any(|key| !written[key].is_null()),
            items: items(&written["Files"]),
            error: written["Error"].as_str().map(str::to_owned),
        })),
        // One for each kind of server, such as `PostgresCreateDatabaseScriptAnnotation`.
        script if script.ends_with("DatabaseScriptAnnotation") => {
            written["Script"].as_str().map(|sql| Annotation::CreationScript(sql.to_owned()))
        }
        // The class that names the project of a resource is among them as well.
        known if ELSEWHERE.contains(&known) || !known.ends_with("Annotation") => return Ok(None),
        _ => None,
    };
    understood.map(Some).ok_or(name)
}

fn wait(written: &Value) -> Option<Annotation> {
    let until = match written["WaitType"].as_str()? {
        "WaitUntilHealthy" => Until::Healthy,
        "WaitUntilStarted" => Until::Started,
        "WaitForCompletion" => Until::Completed(written["ExitCode"].as_i64().unwrap_or(0)),
        _ => return None,
    };
    Some(Annotation::Wait { on: written["Resource"].as_str()?.to_owned(), until })
}

fn items(written: &Value) -> Vec<Item> {
    let item = |value: &Value| Item {
        name: text(value, "Name"),
        contents: value["Contents"].as_str().map(str::to_owned),
        source: value["SourcePath"].as_str().map(str::to_owned),
        entries: value["Entries"].is_array().then(|| items(&value["Entries"])),
        mode: value["Mode"].as_str().map(str::to_owned),
        has_owner: ["Owner", "Group"].iter().any(|key| !value[key].is_null()),
    };
    written.as_array().into_iter().flatten().map(item).collect()
}

/// The text of a field; empty if the field is missing or not a text.
pub(super) fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}
