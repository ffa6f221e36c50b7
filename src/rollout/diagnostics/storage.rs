//! Why a claim has no volume, and why a pod cannot mount its volumes.

use super::{Row, Rule, look_up, missing_config_map, missing_secret, rule};
use crate::rollout::Reason;

/// No class named and none the default.
pub(crate) const NO_DEFAULT_CLASS: Rule = rule(
    &[],
    Reason::ClaimUnbound,
    "it names no storage class, and the cluster has no default one",
    "set `storageClass` (`kubectl get storageclass` lists the classes), or mark one as the default",
    3,
    Some(30),
);

/// A class of no name: only a volume that was created manually fits.
pub(crate) const NO_CLASS: Rule = rule(
    &[],
    Reason::ClaimUnbound,
    "storageClassName \"\" disables provisioning, and no PersistentVolume matches",
    "create the PersistentVolume, or set `storageClass`",
    5,
    None,
);

const SLOW: Rule = rule(
    &[],
    Reason::ClaimUnbound,
    "the provisioner {} has not created one yet",
    "check whether the pods of the provisioner run",
    20,
    None,
);

/// A provisioner that was asked and did not answer.
pub(crate) fn slow_provisioner(name: &str) -> Row {
    SLOW.with(name)
}

const PROVISIONING: &[Rule] = &[
    rule(
        &["storageclass", "not found"],
        Reason::ClaimUnbound,
        "the storage class does not exist",
        "set `storageClass` to an existing one (`kubectl get storageclass` lists them); the PVC is empty and may be \
        deleted",
        2,
        Some(10),
    ),
    rule(&[], Reason::ClaimUnbound, "{}", "this is the message of the provisioner; it retries automatically", 10, None),
];

/// Why a volume could not be made.
pub(crate) fn provisioning(said: &str) -> Row {
    look_up(PROVISIONING, said, said).unwrap_or_else(|| SLOW.with(said))
}

/// What keeps a pod from having containers, by the reason of the event.
const BEFORE_START: &[(&str, &[Rule])] = &[
    (
        "FailedMount",
        &[
            missing_secret(5),
            missing_config_map(5),
            rule(
                &["references non-existent"],
                Reason::MissingConfiguration,
                "{}",
                "add the key, or fix its name",
                5,
                Some(60),
            ),
            rule(&[], Reason::VolumeNotMounted, "{}", "check the volume and its driver on that node", 15, None),
        ],
    ),
    (
        "FailedAttachVolume",
        &[
            rule(
                &["multi-attach"],
                Reason::VolumeNotMounted,
                "its volume is still attached to another node: {}",
                "it is attached here when the pod there is gone; check that node (kubectl get nodes)",
                15,
                None,
            ),
            rule(&[], Reason::VolumeNotMounted, "{}", "check the volume and its driver", 15, None),
        ],
    ),
    ("FailedMapVolume", &[rule(&[], Reason::VolumeNotMounted, "{}", "check the volume and its driver", 15, None)]),
    (
        "FailedCreatePodSandBox",
        &[rule(
            &[],
            Reason::NotStarted,
            "the node cannot create the pod sandbox: {}",
            "check the network of the node",
            20,
            None,
        )],
    ),
];

/// What keeps a pod from having containers; none when the event says nothing of that.
pub(crate) fn before_start(reason: &str, said: &str) -> Option<Row> {
    let (_, rules) = BEFORE_START.iter().find(|(name, _)| *name == reason)?;
    look_up(rules, said, said)
}
