//! The progress of the workloads of a release, and why one is not ready: live objects in, text out.
//!
//! ```text
//! objects, time ── watch ──> symptom (container, words) ── lasts longer than a normal start? ──> Finding
//!                    └─────> progress ── differs from the last one? ──> Progress
//! ```
//! Pure: it reads no cluster and no clock. A cause is reported as soon as the objects show it, not at the timeout. A
//! state that also occurs in a normal start (a claim that is pending for a second, the first restart of a database) is
//! reported only if it lasts.

mod causes;
mod container;
pub(crate) mod diagnostics;
mod job;
mod objects;
mod progress;
mod symptom;
mod watch;

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

pub(crate) use symptom::Log;
pub(crate) use watch::Reported;
pub use watch::{End, Rollout};

/// How far one workload is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// `Deployment`, `StatefulSet` or `Job`.
    pub kind: String,
    /// Name of the workload.
    pub name: String,
    /// Pods of the new kind that are ready.
    pub ready: u64,
    /// Pods of the new kind that are there.
    pub updated: u64,
    /// Pods that are wanted.
    pub desired: u64,
    /// All of that in a word.
    pub state: State,
}

/// The state of a workload in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Its controller has not seen the change yet.
    Waiting,
    /// New pods are on their way.
    Starting,
    /// New pods are ready, old ones still go.
    Stopping,
    /// Everything that is wanted is ready.
    Ready,
    /// There is a finding about it.
    Stuck,
}

/// Why a workload does not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The cause, for programs.
    pub reason: Reason,
    /// Kind of the object it is about: the workload where one is known, else the object itself.
    pub kind: String,
    pub name: String,
    /// The pod that shows it; empty when it is not about a pod.
    pub pod: String,
    /// The container that shows it; empty when it is not about one.
    pub container: String,
    /// The cause in words, without a final period. Holds no secret.
    pub text: String,
    /// What a user can do now.
    pub hint: String,
    /// The last lines that the container wrote, where that tells the cause.
    pub log: Vec<String>,
    /// Whether waiting alone will not mend it.
    #[serde(rename = "final")]
    pub is_final: bool,
}

/// The causes that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// The API server refuses the pods: a webhook, Pod Security, a wrong field.
    AdmissionRefused,
    /// A quota or limit of the namespace has no room for the pods.
    QuotaExceeded,
    /// A claim has no volume.
    ClaimUnbound,
    /// No node takes the pod.
    Unschedulable,
    /// A volume cannot be attached or mounted.
    VolumeNotMounted,
    /// A Secret, a ConfigMap or a key of one is missing.
    MissingConfiguration,
    /// The image cannot be pulled.
    ImageNotPulled,
    /// The container cannot be started.
    NotStarted,
    /// The container used more memory than it may.
    OutOfMemory,
    /// The container ends again and again.
    Crashes,
    /// The container runs, and its readiness probe fails.
    NotReady,
    /// A node threw the pod out.
    Evicted,
    /// A pod that is to go does not go.
    StuckTerminating,
    /// A pod of a job ended with an error.
    JobFailed,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.kind, self.name, self.text)?;
        for line in &self.log {
            write!(f, "\n  | {line}")?;
        }
        if !self.hint.is_empty() {
            write!(f, "\n  hint: {}", self.hint)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
