//! What a workload migration changes: objects, claims, and what the user must accept.

use serde::{Deserialize, Serialize};

/// What happens to the pods of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// They end before the new one comes.
    #[default]
    Stop,
    /// They continue: only the object is deleted, and the new one takes them over or puts others in their place.
    Adopt,
    /// It has none, or they go with it.
    Replace,
}

/// What tells two objects of one kind and name apart: digests of the fields that no live object can change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Of the one that runs now.
    pub was: String,
    /// Of the one to come.
    pub becomes: String,
    /// The fields that differ.
    pub fields: Vec<String>,
}

/// An object by kind and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Named {
    /// `Deployment` or `StatefulSet`, or `Job` or `Service` where it is deleted and recreated.
    pub kind: String,
    pub name: String,
    /// The pods it is to have.
    pub replicas: u32,
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// A workload that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What runs now.
    pub old: Named,
    /// What is to run.
    pub new: Named,
    /// The object that runs now; another one of that name is not meant.
    pub uid: String,
    /// Whether both are there already, because an earlier upgrade failed.
    pub stray: bool,
    /// Claims that either mounts.
    pub claims: Vec<String>,
    /// What happens to its pods.
    #[serde(default)]
    pub how: How,
    /// Where both have the same kind and name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<Marks>,
}

/// A claim as it was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimNote {
    pub name: String,
    /// The object.
    pub uid: String,
    /// Its volume; empty when it had none.
    pub volume: String,
    /// Whether the volume outlives the claim by itself; none when we may not look, or when the claim is not of the release.
    pub retained: Option<bool>,
    /// Whether the new chart still has it, so that the volume is as before in the end.
    pub stays: bool,
    /// The size that it grows to, where helm would not do that: it was made from a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grows: Option<String>,
}

/// What a user must agree to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirmation {
    /// Nothing answers while the old pods end and the new ones start.
    Downtime,
    /// Data that lived as long as the pod goes with it.
    EmptydirLoss,
    /// Data stays in a claim that nothing mounts any more.
    AbandonData,
    /// Data stays in a folder of a node.
    Hostpath,
    /// One of two workloads on the same data is ended.
    StrayDelete,
    /// A Job that has not finished is ended.
    JobKill,
    /// A Service is deleted and recreated, and has another address.
    ServiceRecreate,
    /// A server starts on data of a version that it may not read.
    DatabaseVersion,
}

impl Confirmation {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Downtime,
        Self::EmptydirLoss,
        Self::AbandonData,
        Self::Hostpath,
        Self::StrayDelete,
        Self::JobKill,
        Self::ServiceRecreate,
        Self::DatabaseVersion,
    ];

    /// The word for it, as `--accept` takes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Downtime => "downtime",
            Self::EmptydirLoss => "emptydir-loss",
            Self::AbandonData => "abandon-data",
            Self::Hostpath => "hostpath",
            Self::StrayDelete => "stray-delete",
            Self::JobKill => "job-kill",
            Self::ServiceRecreate => "service-recreate",
            Self::DatabaseVersion => "database-version",
        }
    }
}

impl Change {
    /// What becomes of it, in a few words.
    pub fn described(&self) -> String {
        match &self.marks {
            Some(marks) => format!("{} is deleted and recreated ({})", self.old, marks.fields.join(", ")),
            None => format!("{} -> {}", self.old, self.new),
        }
    }
}
