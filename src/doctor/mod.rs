//! Doctor: what was read from helm, the cluster and the chart in; findings out, each with a fix.
//!
//! Every check is a function of values that returns its findings; nothing here does I/O. A check that could not read
//! something says so ([`Verdict::Skipped`]) and never guesses: a missing permission is not an error of the cluster.

mod chart;
mod identity;
mod kinds;
mod limits;
mod names;
mod pods;
mod quota;
mod record;
mod rights;
mod routes;
mod security;
mod storage;
mod tools;
mod trial;

pub(crate) use chart::kind_name;
pub use chart::{kind_names, objects_of};
pub(crate) use identity::identity;
pub(crate) use kinds::kinds;
pub use limits::limits;
pub use names::names;
pub(crate) use pods::Pods;
pub use pods::pods;
pub use quota::{Demand, quotas};
pub(crate) use record::record;
pub(crate) use rights::{Asks, Need, needed, rights};
pub use routes::route_classes;
pub(crate) use routes::{Served, routes};
pub use security::pod_security;
pub(crate) use storage::{classes, default_class};
pub(crate) use tools::{helm, namespace, server};
pub use trial::trial_pods;
pub(crate) use trial::trials;

use crate::k8s::error::Error;
use crate::support::diagnostic::{Code, Diagnostic};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// Checks that can be wrong about what will be: a quota that grows, a class or kind that is just being made, an exemption.
/// Or a user who can read the data that is there. A user may deploy in spite of them. The others are about whose data it is.
pub(crate) const MAY_BE_WRONG: [&str; 8] =
    ["quota", "limits", "pod-security", "admission", "storage", "kinds", "rights", "identity"];

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing stands in the way.
    Ok,
    /// We could not look; whether it is well will show.
    Skipped,
    /// Something that a user should know; a deploy continues.
    Warning,
    /// A deploy would fail, or must not be tried.
    Failed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad` keeps columns straight where a width is asked for.
        f.pad(match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Failed => "failed",
        })
    }
}

/// What one check found about one thing. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// Which check: `helm`, `cluster`, `rights`, `quota`... Part of the contract with scripts.
    pub check: &'static str,
    /// The kind of cause, where something is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// How serious it is.
    pub verdict: Verdict,
    /// What it is about: `StorageClass fast`.
    pub subject: String,
    /// What was found, as a sentence without its period.
    pub reason: String,
    /// What to do now; empty where there is nothing to do.
    pub fix: String,
}

impl Finding {
    /// A finding without advice.
    pub fn new(check: &'static str, verdict: Verdict, subject: impl Into<String>, reason: impl Into<String>) -> Self {
        let code = matches!(verdict, Verdict::Warning | Verdict::Failed).then(|| code_of(check));
        Self { check, code, verdict, subject: subject.into(), reason: reason.into(), fix: String::new() }
    }

    /// The same finding with the way out.
    #[must_use]
    pub fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: fix.into(), ..self }
    }

    /// A problem that another part of the program found.
    pub fn of_diagnostic(check: &'static str, diagnostic: Diagnostic) -> Self {
        let finding = Self::new(check, Verdict::Failed, diagnostic.place.to_string(), diagnostic.what);
        Self { code: Some(diagnostic.code), ..finding.fix(diagnostic.hint) }
    }

    /// What could not be read.
    fn unread(check: &'static str, subject: impl Into<String>, error: &Error) -> Self {
        use crate::k8s::error::ErrorKind::{Forbidden, Unauthorized};
        let verdict = match error.kind() {
            Forbidden | Unauthorized => Verdict::Skipped,
            _ => Verdict::Failed,
        };
        Self::new(check, verdict, subject, error.sentence())
    }

    /// The same as a problem, for an error that ends a run.
    pub fn to_diagnostic(&self) -> Diagnostic {
        Diagnostic::new(self.code.unwrap_or(Code::PreflightFailed), self.subject.clone(), self.reason.clone())
            .hint(self.fix.clone())
    }
}

/// The code of what a check finds, where the finding has none of its own.
fn code_of(check: &str) -> Code {
    match check {
        "rights" => Code::MissingPermission,
        "kinds" => Code::UnknownKind,
        "inputs" => Code::MissingInput,
        "names" => Code::NotOwned,
        "quota" | "limits" | "pod-security" | "admission" => Code::RequestDenied,
        _ => Code::PreflightFailed,
    }
}

/// One line: `quota  compute: pods: 4 of 4 are used; ask for more, or ...`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(f, "{}: ", self.check)?;
        if !self.subject.is_empty() {
            write!(f, "{}: ", one_line(&self.subject))?;
        }
        f.write_str(&one_line(&self.reason))?;
        if self.fix.is_empty() { Ok(()) } else { write!(f, "; {}", one_line(&self.fix)) }
    }
}

/// The JSON form of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Findings {
    /// In the order of the checks.
    pub findings: Vec<Finding>,
}

impl Findings {
    /// The most serious of them.
    pub(crate) fn worst(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok)
    }
}

/// Findings of a check that found nothing else: all is well, in these words.
fn or_ok(found: Vec<Finding>, check: &'static str, subject: &str, well: impl Into<String>) -> Vec<Finding> {
    if found.is_empty() { vec![Finding::new(check, Verdict::Ok, subject, well)] } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_the_way_out() {
        let finding = Finding::new("quota", Verdict::Failed, "compute", "no\n  room").fix("ask\nfor more");
        assert_eq!(finding.to_string(), "quota: compute: no room; ask for more");
        assert_eq!(Finding::new("helm", Verdict::Ok, "", "4.2.4").to_string(), "helm: 4.2.4");
        assert_eq!(format!("{:8}|", Verdict::Ok), "ok      |");
    }

    #[test]
    fn the_json_form_is_the_contract() {
        let findings = Findings { findings: vec![Finding::new("helm", Verdict::Ok, "helm", "4.2.4")] };
        assert_eq!(
            serde_json::to_string(&findings).unwrap(),
            r#"{"findings":[{"check":"helm","verdict":"ok","subject":"helm","reason":"4.2.4","fix":""}]}"#
        );
    }

    #[test]
    fn the_worst_counts() {
        let of = |verdicts: &[Verdict]| {
            let findings = verdicts.iter().map(|verdict| Finding::new("x", *verdict, "", "")).collect();
            Findings { findings }.worst()
        };
        assert_eq!(of(&[]), Verdict::Ok);
        assert_eq!(of(&[Verdict::Ok, Verdict::Failed, Verdict::Warning]), Verdict::Failed);
        assert_eq!(of(&[Verdict::Skipped, Verdict::Ok]), Verdict::Skipped);
    }

    #[test]
    fn what_may_not_be_read_is_no_fault() {
        use crate::k8s::error::{Error, ErrorKind};
        for (kind, verdict) in [(ErrorKind::Forbidden, Verdict::Skipped), (ErrorKind::Timeout, Verdict::Failed)] {
            assert_eq!(Finding::unread("x", "", &Error::new(kind, "no").hint("h")).verdict, verdict);
        }
    }
}
