//! Why helm failed, parsed from its output before secrets are masked. The output itself is not kept.

use crate::support::diagnostic::Code;
use crate::support::ended::Ended;

/// One reason that helm names. A failure may have several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// There is no such release, or no such revision.
    NoSuchRelease,
    /// Another helm works on the release, or was killed while it did.
    InProgress,
    /// The cluster does not know the kind of an object: its definition is not installed.
    UnknownKind(UnknownKind),
    /// Everything was applied and did not become ready in time.
    NotReady,
    /// A webhook that the API server asks did not answer. One that says no is another matter.
    WebhookAway,
    /// A repository or registry has no such chart, or no such version of it.
    NoSuchChart,
    /// The credentials for a repository or registry are missing or not accepted.
    NotLoggedIn,
    /// A registry does not serve TLS.
    PlainHttp,
    /// No repository of this name was added.
    NoSuchRepository,
}

/// A kind that a cluster does not know; empty where helm does not name it. To compare with, not to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnknownKind {
    /// Group and version: `apps/v1`.
    pub api_version: String,
    pub kind: String,
}

impl Cause {
    /// Its code; none if it depends on what helm was to do.
    pub(super) fn code(&self) -> Option<Code> {
        Some(match self {
            Self::NoSuchRelease => Code::ReleaseNotFound,
            Self::InProgress => Code::ReleaseBusy,
            Self::UnknownKind(_) => Code::UnknownKind,
            Self::NotReady => Code::NotReady,
            Self::WebhookAway => Code::WebhookUnavailable,
            Self::NoSuchChart => Code::ChartNotFound,
            Self::NotLoggedIn | Self::PlainHttp | Self::NoSuchRepository => return None,
        })
    }

    /// The kind that is not known.
    pub(super) fn unknown_kind(&self) -> Option<&UnknownKind> {
        if let Self::UnknownKind(kind) = self { Some(kind) } else { None }
    }
}

/// What helm prints when its wait timed out.
const IN_VAIN: [&str; 5] =
    ["context deadline exceeded", "timed out waiting", "not ready. status", "progress deadline", "job is failed"];

/// What registries and repositories answer without credentials.
const DENIED: [&str; 4] = ["401", "403", "unauthorized", "denied"];

const UNKNOWN_KIND: &str = "no matches for kind ";

/// The reasons that these lines name.
pub(super) fn causes(lines: &[String], ended: Ended) -> Vec<Cause> {
    let says = |words: &str| lines.iter().any(|line| line.contains(words));
    let in_vain = matches!(ended, Ended::Status(_)) && IN_VAIN.into_iter().any(says) && !says("cluster unreachable");
    let plain = [
        (says("release: not found"), Cause::NoSuchRelease),
        (says("another operation (install/upgrade/rollback) is in progress"), Cause::InProgress),
        (in_vain, Cause::NotReady),
        (says("failed calling webhook"), Cause::WebhookAway),
        (lines.iter().any(|line| has_no_chart(line)), Cause::NoSuchChart),
        (DENIED.into_iter().any(says), Cause::NotLoggedIn),
        (says("server gave HTTP response to HTTPS client"), Cause::PlainHttp),
        (lines.iter().any(|line| line.contains("repo ") && line.contains("not found")), Cause::NoSuchRepository),
    ];
    let kinds = lines.iter().flat_map(|line| line.split(UNKNOWN_KIND).skip(1)).map(unknown_kind);
    plain.into_iter().filter(|(said, _)| *said).map(|(_, cause)| cause).chain(kinds.map(Cause::UnknownKind)).collect()
}

/// `"Certificate" in version "cert-manager.io/v1"`, in a line of a log with `\"`.
fn unknown_kind(text: &str) -> UnknownKind {
    let mut quoted = text.split('"').skip(1).step_by(2).map(|text| text.trim_end_matches('\\').to_owned());
    let kind = quoted.next().zip(quoted.next()).map(|(kind, api_version)| UnknownKind { api_version, kind });
    kind.unwrap_or_default()
}

/// What is missing is a repository, a host, a kind or a release otherwise.
fn has_no_chart(line: &str) -> bool {
    let missing = line.contains("not found") || line.contains("could not find");
    let others = ["repo ", "no such host", "resource mapping", "release: "];
    missing && !others.into_iter().any(|words| line.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<Cause> {
        causes(&[line.to_owned()], Ended::Status(1))
    }

    #[test]
    fn a_wait_in_vain_is_told_from_what_failed_before() {
        for (line, expected) in [
            ("Error: UPGRADE FAILED: context deadline exceeded", true),
            ("Error: UPGRADE FAILED: timed out waiting for the condition", true),
            ("Error: resource Deployment/n/api not ready. status: InProgress, message: Available: 0/1", true),
            ("Error: UPGRADE FAILED: conflict occurred while applying object n/api apps/v1, Kind=Deployment", false),
            ("Error: Kubernetes cluster unreachable: Get \"https://x\": context deadline exceeded", false),
            ("Error: UPGRADE FAILED: Deployment.apps \"api\" is invalid: field is immutable", false),
        ] {
            assert_eq!(of(line).contains(&Cause::NotReady), expected, "{line}");
            assert_eq!(causes(&[line.to_owned()], Ended::Signal(9)), [], "{line}");
        }
    }

    #[test]
    fn unknown_kinds_are_read_with_their_version() {
        let known = |kind: &str, api_version: &str| {
            Cause::UnknownKind(UnknownKind { api_version: api_version.into(), kind: kind.into() })
        };
        let plain = "[resource mapping not found for name: \"a\" namespace: \"\" from \"\": no matches for kind \"Certificate\" in version \"cert-manager.io/v1\"";
        assert_eq!(of(plain), [known("Certificate", "cert-manager.io/v1")]);
        assert_eq!(of(&plain.replace('"', "\\\"")), [known("Certificate", "cert-manager.io/v1")]);
        let two = format!("{plain}, {plain}").replacen("Certificate", "Issuer", 1);
        assert_eq!(of(&two), [known("Issuer", "cert-manager.io/v1"), known("Certificate", "cert-manager.io/v1")]);
        assert_eq!(of("no matches for kind Certificate"), [Cause::UnknownKind(UnknownKind::default())]);
    }

    #[test]
    fn a_chart_that_is_not_there_is_told_from_a_repository_that_is_not() {
        assert_eq!(of("Error: chart \"nginx\" version \"9\" not found in https://x repository"), [Cause::NoSuchChart]);
        assert_eq!(of("Error: repo x not found"), [Cause::NoSuchRepository]);
        assert_eq!(of("Error: lookup x: no such host, not found"), []);
    }
}
