//! Messages of Kubernetes, as messages that a user can act on: tables from one to the other.
//!
//! The left side of every table is text of a real component (scheduler, kubelet, containerd, controllers); text that no
//! row matches is shown unchanged.

pub(crate) mod admission;
pub(crate) mod container;
pub(crate) mod scheduling;
pub(crate) mod storage;

pub(crate) use admission::refusal;
pub(crate) use container::{exit_code, not_running, probe};
pub(crate) use storage::{NO_CLASS, NO_DEFAULT_CLASS, before_start, provisioning, slow_provisioner};

use super::Reason;

/// What a sentence means.
pub(crate) struct Row {
    /// The cause.
    pub reason: Reason,
    pub words: String,
    /// What to do now.
    pub hint: &'static str,
    /// Seconds for which it is normal.
    pub patience: u64,
    /// Seconds after which waiting will not help.
    pub final_after: Option<u64>,
}

/// A row of a table: the sentence holds all of `needles`, and means `words`, where `{}` stands for the sentence.
pub(crate) struct Rule {
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

/// A Secret that a pod needs and that is not there.
const fn missing_secret(patience: u64) -> Rule {
    let hint = "create the Secret, or fix its name";
    rule(&["secret", "not found"], Reason::MissingConfiguration, "{}", hint, patience, Some(60))
}

/// A ConfigMap that a pod needs and that is not there.
const fn missing_config_map(patience: u64) -> Rule {
    let hint = "create the ConfigMap, or fix its name";
    rule(&["configmap", "not found"], Reason::MissingConfiguration, "{}", hint, patience, Some(60))
}

impl Rule {
    /// The row without a sentence.
    pub(crate) fn row(&self) -> Row {
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
