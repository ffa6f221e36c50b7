//! Whether a journal is trustworthy: anyone who can write ConfigMaps in the namespace can write one. Pure.
//!
//! Its actions change objects of the release only. A journal that contradicts itself was not written by this program,
//! and is never acted on.

use super::change::{Change, ClaimNote};
use super::fixed::KINDS;
use super::journal::Journal;
use super::live::Live;
use super::progress::{Direction, Phase};
use super::text::digest;
use crate::k8s::ownership::ReleaseName;
use std::collections::BTreeSet;

/// Longest name of an object.
const LONGEST: usize = 253;

impl Journal {
    /// What is wrong with it; nothing with one that this program wrote.
    pub fn contradictions(&self) -> Vec<String> {
        let mut found: Vec<String> = self.changes.iter().flat_map(wrong_with_change).collect();
        let mut wrong = |is_wrong: bool, what: &str| {
            if is_wrong {
                found.push(what.to_owned());
            }
        };
        wrong(self.changes.is_empty(), "it changes nothing");
        wrong(!is_hash(&self.plan), "its plan has no hash");
        wrong(!is_hash(&self.target) || self.target == digest(&[], &[]), "it has no target objects");
        wrong(self.base == 0 || self.base > self.last, "its rollback has no earlier revision");
        wrong(self.to.is_some_and(|to| to == 0 || to > self.last), "its base revision is not an earlier one");
        let at = match self.phase {
            Phase::Committed => Some(Direction::Forward),
            Phase::RolledBack => Some(Direction::Back),
            _ => None,
        };
        let open = self.calling || self.progress.split || at.is_some_and(|way| way != self.progress.direction);
        wrong(at.is_some() && open, "it is both complete and in progress");
        let olds: BTreeSet<_> = self.changes.iter().map(|change| (&change.old.kind, &change.old.name)).collect();
        wrong(olds.len() < self.changes.len(), "it changes one object twice");
        let claims: BTreeSet<_> = self.claims.iter().map(|note| &note.name).collect();
        wrong(claims.len() < self.claims.len(), "it names one claim twice");
        let known = |note: &ClaimNote| self.changes.iter().any(|change| change.claims.contains(&note.name));
        let unknown = self.claims.iter().filter(|note| note.stays && !known(note));
        found.extend(unknown.map(|note| format!("none of its workloads mounts the claim {}", shown(&note.name))));
        let nameless = self.claims.iter().filter(|note| !is_name(&note.name) || note.uid.is_empty());
        found.extend(nameless.map(|note| format!("{} is not a claim", shown(&note.name))));
        found
    }

    /// Objects that it means and that live, and are not of this release.
    pub fn not_of(&self, release: ReleaseName<'_>, live: &Live) -> Vec<String> {
        let meant = self.changes.iter().filter_map(|change| Some((change, live.find(&change.old)?)));
        let others = meant.filter(|(change, object)| object["metadata"]["uid"] == *change.uid && !release.owns(object));
        others.map(|(change, _)| change.old.to_string()).collect()
    }
}

fn wrong_with_change(change: &Change) -> Vec<String> {
    let mut found = Vec::new();
    let same = change.old.kind == change.new.kind && change.old.name == change.new.name;
    for named in [&change.old, &change.new] {
        if !KINDS.contains(&&*named.kind) || !is_name(&named.name) {
            found.push(format!("{} is not an object that can be migrated", shown(&named.to_string())));
        }
    }
    let is_workload = |kind: &str| kind == "Deployment" || kind == "StatefulSet";
    let becomes = same || (is_workload(&change.old.kind) && is_workload(&change.new.kind));
    if same != change.marks.is_some() || !becomes {
        found.push(format!("{} cannot become {}", shown(&change.old.to_string()), shown(&change.new.to_string())));
    }
    if change.uid.is_empty() {
        found.push(format!("it does not say which {} it refers to", shown(&change.old.to_string())));
    }
    found
}

fn is_hash(text: &str) -> bool {
    text.len() == super::hash::SHORT && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether it can be the name of an object, so that it names no other path of the API.
fn is_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    bytes.len() <= LONGEST && name.bytes().all(good) && ends(bytes.first()) && ends(bytes.last())
}

/// What was written there, short enough for a sentence.
fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::journal::VERSION;
    use crate::migration::{How, Named, Progress};
    use serde_json::json;

    const RELEASE: ReleaseName<'_> = ReleaseName { name: "shop", namespace: "n" };

    /// A change that makes a journal wrong.
    type Wrong = fn(&mut Journal);

    fn good() -> Journal {
        let named = |kind: &str| Named { kind: kind.into(), name: "db".into(), replicas: 1 };
        Journal {
            version: VERSION,
            plan: "9c1f4e9c1f4e".into(),
            target: "0123456789ab".into(),
            phase: Phase::Drain,
            progress: Progress::new(Direction::Forward),
            base: 4,
            to: None,
            last: 5,
            calling: false,
            changes: vec![Change {
                old: named("Deployment"),
                new: named("StatefulSet"),
                uid: "u".into(),
                stray: false,
                claims: vec!["db-data".into()],
                how: How::Stop,
                marks: None,
            }],
            claims: vec![ClaimNote {
                name: "db-data".into(),
                uid: "c".into(),
                volume: String::new(),
                retained: None,
                stays: true,
                grows: None,
            }],
            confirmed: Vec::new(),
        }
    }

    #[test]
    fn a_journal_that_contradicts_itself_is_not_believed() {
        assert_eq!(good().contradictions(), Vec::<String>::new());
        let cases: [(Wrong, &str); 17] = [
            (|it| it.changes.clear(), "it changes nothing"),
            (|it| it.target = digest(&[], &[]), "it has no target objects"),
            (|it| it.target = String::new(), "it has no target objects"),
            (|it| it.plan = "aaaaaa".into(), "its plan has no hash"),
            (|it| it.base = 0, "its rollback"),
            (|it| it.base = 6, "its rollback"),
            (|it| it.to = Some(6), "its base revision is not an earlier"),
            (|it| it.phase = Phase::RolledBack, "both complete and in progress"),
            (|it| (it.phase, it.calling) = (Phase::Committed, true), "both complete and in progress"),
            (|it| (it.phase, it.progress.split) = (Phase::Committed, true), "both complete and in progress"),
            (|it| it.changes.push(it.changes[0].clone()), "one object twice"),
            (|it| it.claims.push(it.claims[0].clone()), "one claim twice"),
            (|it| it.changes[0].claims.clear(), "none of its workloads mounts the claim db-data"),
            (|it| it.claims[0].name = "../../pods/x".into(), "../../pods/x is not a claim"),
            (|it| it.changes[0].new.kind = "Node".into(), "Node/db is not an object that can be migrated"),
            (|it| it.changes[0].new.kind = "Service".into(), "Deployment/db cannot become Service/db"),
            (|it| it.changes[0].uid.clear(), "does not say which Deployment/db"),
        ];
        for (change, expected) in cases {
            let mut journal = good();
            change(&mut journal);
            let found = journal.contradictions().join("; ");
            assert!(found.contains(expected), "{expected}: {found}");
        }
        let mut ended = good();
        ended.phase = Phase::Committed;
        assert_eq!(ended.contradictions(), Vec::<String>::new());
    }

    #[test]
    fn an_object_of_another_release_is_not_meant() {
        let object = |release: &str| {
            json!({"kind": "Deployment", "metadata": {"name": "db", "uid": "u", "labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {
                "meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": "n"}}})
        };
        let live = |release: &str| Live { deployments: vec![object(release)], ..Live::default() };
        assert_eq!(good().not_of(RELEASE, &live("shop")), Vec::<String>::new());
        assert_eq!(good().not_of(RELEASE, &live("other")), ["Deployment/db"]);
        assert_eq!(good().not_of(RELEASE, &Live::default()), Vec::<String>::new());
    }
}
