//! Symptoms in live objects that may be errors, each with the time for which it may still be a normal start.

use super::objects::{Workload, name};
use super::{Finding, Reason};
use serde_json::Value;

/// Something that is wrong now, or not yet right.
pub(super) struct Symptom {
    /// What is told when it lasts.
    pub finding: Finding,
    /// Seconds for which it belongs to a normal start; none: only a failure in the end makes it worth telling.
    pub patience: Option<u64>,
    /// Seconds after which waiting will not help; none: it may mend itself at any time.
    pub final_after: Option<u64>,
    /// Which log tells more: of the container that runs, or of the one that ended before.
    pub log: Option<Log>,
}

/// Which run of a container a log is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// The one that runs, or ran last.
    Current,
    /// The one before it.
    Previous,
}

impl Symptom {
    /// A symptom of a workload as a whole.
    pub(super) fn of(workload: &Workload, reason: Reason, text: String, hint: &str) -> Self {
        let finding = Finding {
            reason,
            kind: workload.kind().to_owned(),
            name: workload.name().to_owned(),
            pod: String::new(),
            container: String::new(),
            text,
            hint: hint.to_owned(),
            log: Vec::new(),
            is_final: false,
        };
        Self { finding, patience: Some(0), final_after: None, log: None }
    }

    /// The pod that shows it.
    pub(super) fn pod(mut self, pod: &Value) -> Self {
        name(pod).clone_into(&mut self.finding.pod);
        self
    }

    /// The container that shows it.
    pub(super) fn container(mut self, container: &str) -> Self {
        container.clone_into(&mut self.finding.container);
        self
    }

    /// How long it is normal, and how long until waiting will not help.
    pub(super) fn times(mut self, patience: impl Into<Option<u64>>, final_after: impl Into<Option<u64>>) -> Self {
        (self.patience, self.final_after) = (patience.into(), final_after.into());
        self
    }
}
