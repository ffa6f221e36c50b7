//! Whether a run may continue with a release, from its last revision and what is known about the helm process that
//! worked on it.

use crate::cluster::Timestamp;
use crate::cluster::state::lease;
use crate::cluster::state::lease::{Earlier, HelmRun};
use crate::cluster::state::record::Record;
use crate::support::diagnostic::{Code, Diagnostic};
use std::time::Duration;

/// What a user said about helms that cannot be seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AssumeHelmDead {
    pub assume_helm_dead: bool,
    /// How long a helm may take, if nothing else is known: `--timeout`.
    pub timeout: Duration,
}

/// What to do about the last revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// Nothing: no helm works on it.
    GoOn,
    /// The helm that worked on it is dead.
    Recover,
}

/// Whether this run may continue from the last revision. `earlier` is the helm of an earlier run whose end is not recorded.
pub(crate) fn judge(
    release: &str,
    namespace: &str,
    record: Option<&Record>,
    earlier: Option<&Earlier>,
    now: Timestamp,
    word: AssumeHelmDead,
) -> Result<Recovery, Diagnostic> {
    let what = format!("the release {release} in namespace {namespace}");
    let under_way = record.filter(|record| record.is_under_way());
    match (under_way, earlier) {
        (None, None | Some(Earlier::Dead(_))) => Ok(Recovery::GoOn),
        (None, Some(Earlier::Unproven(_))) if word.assume_helm_dead => Ok(Recovery::GoOn),
        // It may not have begun yet. Once its time has passed, it has ended or will never begin. The note says no more than
        // what whoever may write Leases wrote, so that no long time is believed.
        (None, Some(Earlier::Unproven(left))) => match left.begun_by(now) {
            Some(over) if now < over => {
                let diagnostic = format!("{what} may still be worked on by {}", described(left));
                let hint = format!("wait until {}, then run again; or {KNOWN_DEAD}", shown(over));
                Err(Diagnostic::new(Code::ReleaseBusy, "", diagnostic).hint(hint))
            }
            _ => Ok(Recovery::GoOn),
        },
        (Some(record), Some(Earlier::Dead(left))) if left.wrote(record.changed) => Ok(Recovery::Recover),
        (Some(record), earlier) => {
            let left = earlier.map(Earlier::helm).filter(|left| left.wrote(record.changed));
            let who = left
                .map_or_else(|| "another helm process works on it, or was killed while it did".to_owned(), described);
            let diagnostic = Diagnostic::new(Code::ReleaseBusy, "", format!("{what} is {}: {who}", record.status));
            // Whoever may write there can have written any times, so that this run's own bounds them.
            let over = match left {
                Some(left) => left.over_at(word.timeout, now),
                None => record.changed.and_then(|began| lease::over_at(began, word.timeout, now)),
            };
            match over {
                Some(over) if now < over => Err(diagnostic.hint(format!(
                    "wait until it has finished; if helm no longer runs, repeat the command after {} with --assume-helm-dead",
                    shown(over)
                ))),
                _ if word.assume_helm_dead => Ok(Recovery::Recover),
                _ => Err(diagnostic.hint(KNOWN_DEAD)),
            }
        }
    }
}

/// The way out that only a user can take.
const KNOWN_DEAD: &str = "if you know that no helm process works on it, repeat the command with --assume-helm-dead";

fn described(left: &HelmRun) -> String {
    let started = left.started_at.parse().map(|time| format!(", started at {}", shown(time))).unwrap_or_default();
    format!("helm {} on another machine or of another user{started}, whose state is unknown here", left.command)
}

fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::state::holder::Holder;
    use crate::cluster::state::record;
    use serde_json::json;
    use std::time::Duration;

    const BEGAN: &str = "2026-01-01T10:00:00Z";

    fn left(started_at: &str) -> HelmRun {
        let holder = Holder::this_process().identity();
        let note = json!({"holder": holder, "command": "upgrade", "startedAt": started_at, "timeoutSeconds": 300});
        serde_json::from_value(note).unwrap()
    }

    fn judged(status: &str, earlier: Option<&Earlier>, now: &str, assume_helm_dead: bool) -> Result<Recovery, String> {
        let json = json!({"version": 2, "info": {"status": status, "last_deployed": BEGAN}}).to_string();
        let record = Record::of(record::secret("shop", 2, &json)).unwrap();
        let word = AssumeHelmDead { assume_helm_dead, timeout: Duration::from_secs(300) };
        let verdict = judge("shop", "n", Some(&record), earlier, now.parse().unwrap(), word);
        verdict.map_err(|diagnostic| format!("{} | {}", diagnostic.what, diagnostic.hint))
    }

    #[test]
    fn a_helm_is_dead_when_that_is_proven_or_its_time_is_over_and_a_person_says_so() {
        let own = left("2026-01-01T09:59:58Z");
        let (dead, unproven) = (Earlier::Dead(own.clone()), Earlier::Unproven(own));
        let long_ago = Earlier::Dead(left("2026-01-01T09:00:00Z"));
        let (soon, late) = ("2026-01-01T10:01:00Z", "2026-01-01T10:08:00Z");
        for (status, earlier, now, word, expected) in [
            ("deployed", None, soon, false, Some(Recovery::GoOn)),
            ("failed", Some(&dead), soon, false, Some(Recovery::GoOn)),
            ("pending-install", Some(&dead), soon, false, Some(Recovery::Recover)),
            ("uninstalling", Some(&dead), soon, false, Some(Recovery::Recover)),
            // A helm that was started long before did not begin this revision.
            ("pending-upgrade", Some(&long_ago), soon, true, None),
            ("pending-upgrade", Some(&long_ago), late, true, Some(Recovery::Recover)),
            ("pending-upgrade", Some(&unproven), soon, true, None),
            ("pending-upgrade", Some(&unproven), late, false, None),
            ("pending-upgrade", Some(&unproven), late, true, Some(Recovery::Recover)),
            ("pending-rollback", None, soon, true, None),
            ("pending-rollback", None, late, false, None),
            ("pending-rollback", None, late, true, Some(Recovery::Recover)),
            // It may not have begun its revision yet.
            ("deployed", Some(&unproven), soon, false, None),
            ("deployed", Some(&unproven), soon, true, Some(Recovery::GoOn)),
            ("deployed", Some(&unproven), late, false, Some(Recovery::GoOn)),
        ] {
            let verdict = judged(status, earlier, now, word);
            assert_eq!(verdict.clone().ok(), expected, "{status} {now} {word}: {verdict:?}");
        }
        let word = AssumeHelmDead { assume_helm_dead: false, timeout: Duration::from_secs(300) };
        assert!(judge("shop", "n", None, None, late.parse().unwrap(), word).is_ok());
    }

    #[test]
    fn a_note_of_another_client_blocks_for_a_bounded_time() {
        let planted = |started_at: &str| {
            let mut note = left(started_at);
            note.timeout_seconds = u64::MAX;
            Earlier::Unproven(note)
        };
        let (soon, late) = ("2026-01-01T10:01:00Z", "2026-01-01T10:08:00Z");
        assert!(judged("deployed", Some(&planted(BEGAN)), soon, false).is_err());
        assert_eq!(judged("deployed", Some(&planted(BEGAN)), late, false), Ok(Recovery::GoOn));
        assert_eq!(judged("deployed", Some(&planted("2036-01-01T10:00:00Z")), soon, false), Ok(Recovery::GoOn));
        assert_eq!(judged("pending-upgrade", Some(&planted(BEGAN)), late, true), Ok(Recovery::Recover));
        // A record that says that it was begun in ten years.
        let far = record::secret(
            "shop",
            2,
            &json!({"version": 2, "info": {"status": "pending-upgrade", "last_deployed": "2036-01-01T10:00:00Z"}})
                .to_string(),
        );
        let word = AssumeHelmDead { assume_helm_dead: true, timeout: Duration::from_secs(300) };
        let judged = judge("shop", "n", Some(&Record::of(far).unwrap()), None, late.parse().unwrap(), word);
        assert_eq!(judged.unwrap(), Recovery::Recover);
    }

    #[test]
    fn a_refusal_names_the_helm_and_the_moment() {
        let unproven = Earlier::Unproven(left("2026-01-01T09:59:58Z"));
        let said = judged("pending-upgrade", Some(&unproven), "2026-01-01T10:01:00Z", false).unwrap_err();
        assert!(
            said.starts_with(
                "the release shop in namespace n is pending-upgrade: helm upgrade on another \
        machine or of another user, started at 2026-01-01 09:59:58 UTC"
            ),
            "{said}"
        );
        assert!(said.contains("repeat the command after 2026-01-01 10:06:58 UTC with --assume-helm-dead"), "{said}");
        let said = judged("pending-upgrade", None, "2026-01-01T10:08:00Z", false).unwrap_err();
        assert!(said.contains("if you know that no helm process works on it"), "{said}");
    }
}
