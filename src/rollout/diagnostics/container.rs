//! Why a container does not start, exits, or is not ready.

use super::{Row, Rule, look_up, missing_config_map, missing_secret, rule};
use crate::rollout::Reason;

/// Waiting reasons of a container, besides `CrashLoopBackOff`.
const NOT_RUNNING: &[(&[&str], &[Rule])] = &[
    (
        &["InvalidImageName"],
        &[rule(
            &[],
            Reason::ImageNotPulled,
            "invalid image name: {}",
            "fix the image in aspire-k8s.yaml or --image",
            0,
            Some(0),
        )],
    ),
    (
        &["ErrImageNeverPull"],
        &[rule(
            &[],
            Reason::ImageNotPulled,
            "its image is not on the node, and its pull policy is Never: {}",
            "load the image onto the node, or set `imagePullPolicy: IfNotPresent`",
            0,
            Some(0),
        )],
    ),
    (
        &["ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"],
        PULLS,
    ),
    (
        &["CreateContainerConfigError"],
        &[
            rule(
                &["couldn't find key"],
                Reason::MissingConfiguration,
                "{}",
                "add the key, or fix its name",
                3,
                Some(60),
            ),
            missing_secret(3),
            missing_config_map(3),
            rule(
                &["runasnonroot"],
                Reason::NotStarted,
                "{}",
                "let the image run as a user that is not root (USER in its Dockerfile, as a number), or set `security: baseline`",
                0,
                Some(10),
            ),
            rule(&[], Reason::NotStarted, "{}", "", 3, Some(60)),
        ],
    ),
    (
        &["CreateContainerError", "RunContainerError", "PreCreateHookError", "PreStartHookError", "PostStartHookError"],
        &[
            rule(
                &["executable file not found"],
                Reason::NotStarted,
                "its command is not in the image: {}",
                "fix `command`, or the image",
                0,
                Some(10),
            ),
            rule(
                &["permission denied"],
                Reason::NotStarted,
                "its command is not executable: {}",
                "make the file executable in the image",
                0,
                Some(10),
            ),
            rule(&[], Reason::NotStarted, "the container runtime cannot start it: {}", "", 3, Some(60)),
        ],
    ),
];

const PULLS: &[Rule] = &[
    rule(
        &["no match for platform"],
        Reason::ImageNotPulled,
        "the image is not built for the CPU architecture of the node",
        "build it for that platform as well",
        0,
        Some(30),
    ),
    rule(
        &["toomanyrequests"],
        Reason::ImageNotPulled,
        "the registry's rate limit is reached",
        "wait, or log in to the registry with `imagePullSecrets`",
        5,
        None,
    ),
    rule(
        &["429"],
        Reason::ImageNotPulled,
        "the registry's rate limit is reached",
        "wait, or log in to the registry with `imagePullSecrets`",
        5,
        None,
    ),
    rule(
        &["pull access denied"],
        Reason::ImageNotPulled,
        "the registry has no such image, or requires a login for it",
        ACCESS,
        0,
        Some(30),
    ),
    rule(&["unauthorized"], Reason::ImageNotPulled, "the registry requires a login", ACCESS, 0, Some(30)),
    rule(&["authentication required"], Reason::ImageNotPulled, "the registry requires a login", ACCESS, 0, Some(30)),
    rule(
        &["403 forbidden"],
        Reason::ImageNotPulled,
        "the registry denies access for this account",
        ACCESS,
        0,
        Some(30),
    ),
    rule(
        &["no such host"],
        Reason::ImageNotPulled,
        "the node cannot resolve the host name of the registry",
        "fix the registry (--registry, --image, or `defaults.registry`), or the DNS of the node",
        5,
        Some(30),
    ),
    rule(
        &["http response to https client"],
        Reason::ImageNotPulled,
        "the registry uses plain HTTP",
        "allow it in the node's container runtime, or give the registry a certificate",
        0,
        Some(30),
    ),
    rule(
        &["x509"],
        Reason::ImageNotPulled,
        "the node does not trust the registry's certificate",
        "add the certificate authority of the registry to the node",
        0,
        Some(30),
    ),
    rule(&["manifest unknown"], Reason::ImageNotPulled, "the registry has no such image or tag", PUSH, 0, Some(30)),
    rule(&["not found"], Reason::ImageNotPulled, "the registry has no such image or tag", PUSH, 0, Some(30)),
    rule(&["connection refused"], Reason::ImageNotPulled, "the registry does not respond", REACH, 5, Some(60)),
    rule(&["i/o timeout"], Reason::ImageNotPulled, "the registry does not respond", REACH, 10, Some(60)),
    rule(&["deadline exceeded"], Reason::ImageNotPulled, "the registry does not respond", REACH, 10, Some(60)),
    rule(
        &["network is unreachable"],
        Reason::ImageNotPulled,
        "the node has no network route to the registry",
        REACH,
        5,
        Some(60),
    ),
    rule(
        &[],
        Reason::ImageNotPulled,
        "{}",
        "check whether the image exists under that name and the node may pull it",
        2,
        Some(30),
    ),
];

const ACCESS: &str = "fix the name (--registry, --image), or create a pull secret in the namespace and set \
`defaults.imagePullSecrets`";
const PUSH: &str =
    "push the image, or fix its name or tag (--registry, --tag, --image, or `defaults` in aspire-k8s.yaml)";
const REACH: &str = "fix the registry (--registry, --image, or `defaults.registry`), or the network of the node";

/// Why a container does not run. The most telling sentence about it comes last in `said`.
pub(crate) fn not_running(waiting: &str, said: &str, shown: &str) -> Option<Row> {
    let (_, rules) = NOT_RUNNING.iter().find(|(names, _)| names.contains(&waiting))?;
    look_up(rules, said, shown)
}

/// What an exit code tells, beside its number.
pub(crate) fn exit_code(code: u64) -> &'static str {
    match code {
        0 => " (it exited successfully)",
        126 => " (its command is not executable)",
        127 => " (its command is not in the image)",
        134 => " (aborted, as .NET does on an unhandled exception)",
        137 => " (killed)",
        139 => " (segmentation fault)",
        143 => " (SIGTERM)",
        _ => "",
    }
}

/// What the sentence of a failed probe tells.
pub(crate) fn probe(said: &str) -> &'static str {
    const TABLE: &[(&str, &str)] = &[
        ("connection refused", "nothing listens on the port: make the app listen there, or fix the port"),
        (
            "statuscode: 404",
            "the path of the probe does not exist: map the health endpoints outside of Development too, or fix the \
            probe",
        ),
        ("statuscode: 401", "the path of the probe requires a login"),
        ("statuscode: 503", "the app reports that it is not healthy: its log may show which check fails"),
        ("statuscode: 500", "the app returns an error on the path of the probe: see its log"),
        ("deadline exceeded", "the app takes longer to respond than the timeout of the probe"),
        ("Timeout", "the app takes longer to respond than the timeout of the probe"),
    ];
    let found = TABLE.iter().find(|(needle, _)| said.contains(needle));
    found.map_or("the log of the container may show what it waits for", |(_, meaning)| *meaning)
}
