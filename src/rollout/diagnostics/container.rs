//! Why a container does not run, ends, or is not ready.

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
            "correct the image in aspire-k8s.yaml or --image",
            0,
            Some(0),
        )],
    ),
    (
        &["ErrImageNeverPull"],
        &[rule(
            &[],
            Reason::ImageNotPulled,
            "its image is not on the node and may not be pulled: {}",
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
                "add the key, or correct its name",
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
                "correct `command`, or the image",
                0,
                Some(10),
            ),
            rule(
                &["permission denied"],
                Reason::NotStarted,
                "its command may not be run: {}",
                "make the file executable in the image",
                0,
                Some(10),
            ),
            rule(&[], Reason::NotStarted, "the node cannot start it: {}", "", 3, Some(60)),
        ],
    ),
];

const PULLS: &[Rule] = &[
    rule(
        &["no match for platform"],
        Reason::ImageNotPulled,
        "the image is not built for the node's kind of processor",
        "build it for that platform as well",
        0,
        Some(30),
    ),
    rule(
        &["toomanyrequests"],
        Reason::ImageNotPulled,
        "the registry allows no more pulls now",
        "wait, or pull with an account: `imagePullSecrets`",
        5,
        None,
    ),
    rule(
        &["429"],
        Reason::ImageNotPulled,
        "the registry allows no more pulls now",
        "wait, or pull with an account: `imagePullSecrets`",
        5,
        None,
    ),
    rule(
        &["pull access denied"],
        Reason::ImageNotPulled,
        "the registry has no such image, or shows it only to those who log in",
        ACCESS,
        0,
        Some(30),
    ),
    rule(&["unauthorized"], Reason::ImageNotPulled, "the registry wants a log-in", ACCESS, 0, Some(30)),
    rule(&["authentication required"], Reason::ImageNotPulled, "the registry wants a log-in", ACCESS, 0, Some(30)),
    rule(&["403 forbidden"], Reason::ImageNotPulled, "the registry refuses this account", ACCESS, 0, Some(30)),
    rule(
        &["no such host"],
        Reason::ImageNotPulled,
        "the node cannot find the registry by its name",
        "correct the registry (--registry, --image, or `defaults.registry`), or the node's DNS",
        5,
        Some(30),
    ),
    rule(
        &["http response to https client"],
        Reason::ImageNotPulled,
        "the registry speaks plain http",
        "allow it in the node's container runtime, or give the registry a certificate",
        0,
        Some(30),
    ),
    rule(
        &["x509"],
        Reason::ImageNotPulled,
        "the node does not trust the registry's certificate",
        "give the node the authority that signed it",
        0,
        Some(30),
    ),
    rule(&["manifest unknown"], Reason::ImageNotPulled, "the registry has no such image or tag", PUSH, 0, Some(30)),
    rule(&["not found"], Reason::ImageNotPulled, "the registry has no such image or tag", PUSH, 0, Some(30)),
    rule(&["connection refused"], Reason::ImageNotPulled, "the registry does not answer", REACH, 5, Some(60)),
    rule(&["i/o timeout"], Reason::ImageNotPulled, "the registry does not answer", REACH, 10, Some(60)),
    rule(&["deadline exceeded"], Reason::ImageNotPulled, "the registry does not answer", REACH, 10, Some(60)),
    rule(
        &["network is unreachable"],
        Reason::ImageNotPulled,
        "the node has no way to the registry",
        REACH,
        5,
        Some(60),
    ),
    rule(
        &[],
        Reason::ImageNotPulled,
        "{}",
        "see whether the image is there under that name and the node may pull it",
        2,
        Some(30),
    ),
];

const ACCESS: &str = "correct the name (--registry, --image), or give the namespace a pull secret and name it in `defaults.imagePullSecrets`";
const PUSH: &str =
    "push the image, or correct its name or tag (--registry, --tag, --image, or `defaults` in aspire-k8s.yaml)";
const REACH: &str = "correct the registry (--registry, --image, or `defaults.registry`), or the node's way to it";

/// Why a container does not run. The most telling sentence about it comes last in `said`.
pub(crate) fn not_running(waiting: &str, said: &str, shown: &str) -> Option<Row> {
    let (_, rules) = NOT_RUNNING.iter().find(|(names, _)| names.contains(&waiting))?;
    look_up(rules, said, shown)
}

/// What an exit code tells, beside its number.
pub(crate) fn exit_code(code: u64) -> &'static str {
    match code {
        0 => " (it ended by itself, with success)",
        126 => " (its command may not be run)",
        127 => " (its command is not in the image)",
        134 => " (aborted, as .NET does on an unhandled exception)",
        137 => " (killed)",
        139 => " (it touched memory that is not its own)",
        143 => " (told to stop)",
        _ => "",
    }
}

/// What the sentence of a failed probe tells.
pub(crate) fn probe(said: &str) -> &'static str {
    const TABLE: &[(&str, &str)] = &[
        ("connection refused", "nothing listens on the port: let the app listen there, or correct the port"),
        (
            "statuscode: 404",
            "the path of the probe is not there: map the health endpoints also outside of Development, or correct the probe",
        ),
        ("statuscode: 401", "the path of the probe wants a log-in"),
        ("statuscode: 503", "the app says that it is not healthy: see its log for which check fails"),
        ("statuscode: 500", "the app fails on the path of the probe: see its log"),
        ("deadline exceeded", "the app takes longer to answer than the probe waits"),
        ("Timeout", "the app takes longer to answer than the probe waits"),
    ];
    let found = TABLE.iter().find(|(needle, _)| said.contains(needle));
    found.map_or("see the log of the container for what it waits for", |(_, meaning)| *meaning)
}
