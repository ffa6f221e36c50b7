//! What Kubernetes says, in words a person can act on: tables from its sentences to ours.
//!
//! The left side of every table is text of a real component (scheduler, kubelet, containerd, controllers); what no row
//! knows is passed on as it came.

use super::Reason;

/// What a sentence means.
pub(super) struct Row {
    /// The cause.
    pub reason: Reason,
    /// It in words.
    pub words: String,
    /// What to do now.
    pub hint: &'static str,
    /// Seconds for which it is normal.
    pub patience: u64,
    /// Seconds after which waiting will not help.
    pub final_after: Option<u64>,
}

/// A row of a table: the sentence holds all of `needles`, and means `words`, where `{}` stands for the sentence.
pub(super) struct Rule {
    needles: &'static [&'static str],
    reason: Reason,
    words: &'static str,
    hint: &'static str,
    patience: u64,
    final_after: Option<u64>,
}

const fn rule(
    needles: &'static [&'static str],
    reason: Reason,
    words: &'static str,
    hint: &'static str,
    patience: u64,
    final_after: Option<u64>,
) -> Rule {
    Rule { needles, reason, words, hint, patience, final_after }
}

impl Rule {
    /// The row without a sentence.
    pub fn row(&self) -> Row {
        self.with("")
    }

    fn with(&self, said: &str) -> Row {
        let words = self.words.replace("{}", said);
        Row { reason: self.reason, words, hint: self.hint, patience: self.patience, final_after: self.final_after }
    }
}

/// The first rule that fits; the last of a table fits always.
fn look_up(table: &[Rule], said: &str, shown: &str) -> Option<Row> {
    let lower = said.to_lowercase();
    table.iter().find(|rule| rule.needles.iter().all(|needle| lower.contains(needle))).map(|rule| rule.with(shown))
}

const ROOM: &str = "free some of it, ask for less in `resources.NAME.resources`, or have the quota raised";

/// Why a controller may not make pods. From the API server's admission.
const REFUSALS: &[Rule] = &[
    rule(&["exceeded quota"], Reason::QuotaExceeded, "{}", ROOM, 3, Some(60)),
    rule(
        &["failed quota", "must specify"],
        Reason::QuotaExceeded,
        "{}",
        "the quota counts what the pods do not name: set it in `defaults.resources`",
        1,
        Some(10),
    ),
    rule(
        &["usage per container"],
        Reason::QuotaExceeded,
        "a limit range of the namespace forbids it: {}",
        "change `resources.NAME.resources` to fit the limit range",
        1,
        Some(10),
    ),
    rule(
        &["usage per pod"],
        Reason::QuotaExceeded,
        "a limit range of the namespace forbids it: {}",
        "change `resources.NAME.resources` to fit the limit range",
        1,
        Some(10),
    ),
    rule(
        &["violates podsecurity"],
        Reason::AdmissionRefused,
        "{}",
        "set `security: restricted` for the resource (and run it as a user that is not root), or relax the namespace's Pod Security level",
        0,
        Some(0),
    ),
    rule(
        &["admission webhook", "denied the request"],
        Reason::AdmissionRefused,
        "{}",
        "this is a rule of the cluster: change what it names, or ask who runs the webhook",
        0,
        Some(0),
    ),
    rule(
        &["validatingadmissionpolicy"],
        Reason::AdmissionRefused,
        "{}",
        "this is a rule of the cluster: change what it names, or ask who wrote the policy",
        0,
        Some(0),
    ),
    rule(
        &["failed calling webhook"],
        Reason::AdmissionRefused,
        "a webhook of the cluster does not answer: {}",
        "see whether the webhook's own pods run",
        5,
        None,
    ),
    rule(
        &["serviceaccount", "not found"],
        Reason::AdmissionRefused,
        "{}",
        "make the ServiceAccount, or take `serviceAccount` out of aspire-k8s.yaml",
        5,
        Some(30),
    ),
    rule(
        &["priorityclass", "no "],
        Reason::AdmissionRefused,
        "{}",
        "make the PriorityClass, or take `priorityClass` out of aspire-k8s.yaml",
        1,
        Some(10),
    ),
    rule(&[], Reason::AdmissionRefused, "{}", "", 2, Some(30)),
];

/// Why pods are refused.
pub(super) fn refusal(said: &str) -> Row {
    // `pods "api-5c" is forbidden: why`, before it for a StatefulSet `create Pod db-0 in StatefulSet db failed error: `
    let why = said.split_once(" failed error: ").map_or(said, |(_, why)| why);
    let why = why.split_once(" is forbidden: ").map_or(why, |(_, why)| why);
    look_up(REFUSALS, why, why).unwrap_or_else(|| REFUSALS[REFUSALS.len() - 1].with(why))
}

/// No class named and none the default.
pub(super) const NO_DEFAULT_CLASS: Rule = rule(
    &[],
    Reason::ClaimUnbound,
    "it names no storage class, and the cluster has no default one",
    "name one with `storageClass` (kubectl get storageclass lists them), or make one the default",
    3,
    Some(30),
);

/// A class of no name: only a volume that somebody made by hand fits.
pub(super) const NO_CLASS: Rule = rule(
    &[],
    Reason::ClaimUnbound,
    "its storage class is \"\", so that only a volume made by hand fits, and none does",
    "make the PersistentVolume, or name a class with `storageClass`",
    5,
    None,
);

const SLOW: Rule = rule(
    &[],
    Reason::ClaimUnbound,
    "the provisioner {} has not made one yet",
    "see whether the provisioner's own pods run",
    20,
    None,
);

/// A provisioner that was asked and did not answer.
pub(super) fn slow_provisioner(name: &str) -> Row {
    SLOW.with(name)
}

const PROVISIONING: &[Rule] = &[
    rule(
        &["storageclass", "not found"],
        Reason::ClaimUnbound,
        "the cluster has no such class",
        "name one that is there with `storageClass` (kubectl get storageclass lists them); the claim is empty and may be deleted",
        2,
        Some(10),
    ),
    rule(&[], Reason::ClaimUnbound, "{}", "this is what the provisioner says; it tries again by itself", 10, None),
];

/// Why a volume could not be made.
pub(super) fn provisioning(said: &str) -> Row {
    look_up(PROVISIONING, said, said).unwrap_or_else(|| SLOW.with(said))
}

/// What keeps a pod from having containers, by the reason of the event.
const BEFORE_START: &[(&str, &[Rule])] = &[
    (
        "FailedMount",
        &[
            rule(
                &["secret", "not found"],
                Reason::MissingConfiguration,
                "{}",
                "make the Secret, or correct its name",
                5,
                Some(60),
            ),
            rule(
                &["configmap", "not found"],
                Reason::MissingConfiguration,
                "{}",
                "make the ConfigMap, or correct its name",
                5,
                Some(60),
            ),
            rule(
                &["references non-existent"],
                Reason::MissingConfiguration,
                "{}",
                "add the key, or correct its name",
                5,
                Some(60),
            ),
            rule(
                &[],
                Reason::VolumeNotMounted,
                "{}",
                "see whether the volume and its driver are well on that node",
                15,
                None,
            ),
        ],
    ),
    (
        "FailedAttachVolume",
        &[
            rule(
                &["multi-attach"],
                Reason::VolumeNotMounted,
                "its volume is still attached to another node: {}",
                "it comes when the pod there has gone; if that node is dead, its pod has to be deleted with kubectl delete pod --force",
                15,
                None,
            ),
            rule(&[], Reason::VolumeNotMounted, "{}", "see whether the volume and its driver are well", 15, None),
        ],
    ),
    (
        "FailedMapVolume",
        &[rule(&[], Reason::VolumeNotMounted, "{}", "see whether the volume and its driver are well", 15, None)],
    ),
    (
        "FailedCreatePodSandBox",
        &[rule(
            &[],
            Reason::NotStarted,
            "the node cannot make the pod: {}",
            "see whether the network of the node is well",
            20,
            None,
        )],
    ),
];

/// What keeps a pod from having containers; none when the event says nothing of that.
pub(super) fn before_start(reason: &str, said: &str) -> Option<Row> {
    let (_, rules) = BEFORE_START.iter().find(|(name, _)| *name == reason)?;
    look_up(rules, said, said)
}

/// Waiting reasons of a container, besides `CrashLoopBackOff`.
const NOT_RUNNING: &[(&[&str], &[Rule])] = &[
    (
        &["InvalidImageName"],
        &[rule(
            &[],
            Reason::ImageNotPulled,
            "its image has a name that is none: {}",
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
            rule(
                &["secret", "not found"],
                Reason::MissingConfiguration,
                "{}",
                "make the Secret, or correct its name",
                3,
                Some(60),
            ),
            rule(
                &["configmap", "not found"],
                Reason::MissingConfiguration,
                "{}",
                "make the ConfigMap, or correct its name",
                3,
                Some(60),
            ),
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
        "correct the registry in `defaults.registry` or --image, or the node's DNS",
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

const ACCESS: &str = "correct the name, or give the namespace a pull secret and name it in `defaults.imagePullSecrets`";
const PUSH: &str = "push the image, or correct its name or tag (--image, `defaults.tag`)";
const REACH: &str = "correct the registry in `defaults.registry` or --image, or the node's way to it";

/// Why a container does not run. The most telling sentence about it comes last in `said`.
pub(super) fn not_running(waiting: &str, said: &str, shown: &str) -> Option<Row> {
    let (_, rules) = NOT_RUNNING.iter().find(|(names, _)| names.contains(&waiting))?;
    look_up(rules, said, shown)
}

/// Why no node fits, by the scheduler's clauses: what one means of `n` nodes.
const CLAUSES: &[(&str, &str, &str)] = &[
    ("Insufficient cpu", "too little CPU free", "ask for less in `resources.NAME.resources`, or add a node"),
    ("Insufficient memory", "too little memory free", "ask for less in `resources.NAME.resources`, or add a node"),
    (
        "Insufficient ",
        "too little free of a resource it asks for",
        "ask for less in `resources.NAME.resources`, or add a node",
    ),
    ("Too many pods", "no place for another pod", "add a node"),
    ("untolerated taint", "a taint that it does not tolerate", "add `tolerations`, or take the taint off"),
    (
        "node affinity/selector",
        "other labels than it asks for",
        "correct `nodeSelector` or `affinity`, or label a node",
    ),
    (
        "volume node affinity conflict",
        "no access to its volume, which is elsewhere",
        "a node where the volume is has to take it; see its zone",
    ),
    ("anti-affinity", "a pod that it must not run beside", "add a node, or ask for fewer replicas"),
    ("pod affinity", "no pod beside which it must run", "correct `affinity`"),
    ("topology spread", "too many pods of its kind already", "correct `topologySpreadConstraints`, or add a node"),
    ("free ports", "the port taken that it asks for", "add a node, or ask for fewer replicas"),
    ("were unschedulable", "been closed for new pods (cordoned)", "open one with kubectl uncordon"),
    (
        "available persistent volumes to bind",
        "no volume for its claim",
        "make a volume that fits, or name another `storageClass`",
    ),
    ("exceed max volume count", "as many volumes as they can", "add a node"),
];

/// Sentences of the scheduler about no node in particular.
const UNPLACED: &[Rule] = &[
    rule(
        &["unbound immediate persistentvolumeclaims"],
        Reason::ClaimUnbound,
        "it waits for the volume of its claim",
        "kubectl describe pvc tells what the claim waits for",
        20,
        None,
    ),
    rule(
        &["persistentvolumeclaim", "not found"],
        Reason::ClaimUnbound,
        "{}",
        "make the claim, or correct `existingClaim`",
        5,
        Some(60),
    ),
    rule(&["no nodes available"], Reason::Unschedulable, "the cluster has no node", "add a node", 5, None),
    rule(&["gated"], Reason::Unschedulable, "{}", "whoever set the scheduling gate has to take it away", 30, None),
];

/// Why no node takes a pod.
pub(super) fn scheduling(said: &str) -> Row {
    let general = look_up(UNPLACED, said, said);
    if let Some(row) = general {
        return row;
    }
    let unknown = || Row {
        reason: Reason::Unschedulable,
        words: format!("no node takes the pod: {said}"),
        hint: "this is what the scheduler says",
        patience: 5,
        final_after: None,
    };
    // `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had ... . preemption: ...`
    let Some((counts, rest)) = said.split_once(" nodes are available: ") else { return unknown() };
    let all = counts.rsplit('/').next().unwrap_or_default();
    let reasons = rest.split(" preemption: ").next().unwrap_or_default().trim_end_matches(['.', ' ']);
    let mut hint = None;
    let mut parts = Vec::new();
    for clause in reasons.split(", ") {
        let Some((count, what)) = clause.split_once(' ').filter(|(count, _)| count.parse::<u64>().is_ok()) else {
            continue;
        };
        let known = CLAUSES.iter().find(|(needle, ..)| what.contains(needle));
        let meaning = known.map_or(what, |(_, meaning, _)| meaning);
        // What is between braces, or the name of the resource, says which.
        let which = what.find('{').map(|start| format!(" {}", &what[start..]));
        let which =
            which.or_else(|| known?.0.ends_with(' ').then(|| format!(" ({})", what.replace("Insufficient ", ""))));
        parts.push(format!("{count} of {all} has {meaning}{}", which.unwrap_or_default()));
        hint = hint.or(known.map(|(.., hint)| *hint));
    }
    if parts.is_empty() {
        return unknown();
    }
    let words = format!("no node takes the pod: {}", parts.join(", "));
    Row {
        reason: Reason::Unschedulable,
        words,
        hint: hint.unwrap_or("this is what the scheduler says"),
        patience: 5,
        final_after: None,
    }
}

/// What an exit code tells, beside its number.
pub(super) fn exit_code(code: u64) -> &'static str {
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
pub(super) fn probe(said: &str) -> &'static str {
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
