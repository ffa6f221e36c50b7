//! Claims whose name changes in a new render: a chart that is installed without `deploy` would start with empty ones.
//! Pure: the claims of the previous and the new chart in, messages out. It must not touch a folder.

use super::claims::Claim;
use super::contents::Contents;
use super::name::Name;
use crate::app::{App, Note};
use crate::config::Config;
use crate::support::diagnostic::Code;
use std::collections::BTreeSet;

/// A claim with its resource.
type Owned<'a> = (&'a str, &'a Claim);

/// What a user should know of claims that are called otherwise in the chart to come. Who chose the new name knows it.
/// `app` and `config` are what the new chart was made from.
pub(crate) fn moved_claims(former: &Contents, new: &Contents, app: &App, config: &Config) -> Vec<Note> {
    let mut told = BTreeSet::new();
    let mut notes = Vec::new();
    for environment in std::iter::once(None).chain(new.environments().map(Some)) {
        // An environment that is new has the base's claims, as far as is known.
        let before: Vec<Owned> = former.claims(environment).or_else(|| former.claims(None)).unwrap_or_default();
        let after: Vec<Owned> = new.claims(environment).unwrap_or_default();
        for ((resource, claim), old) in pairs(&before, &after) {
            if !told.insert((resource, claim.key.as_str(), old.name.as_str(), claim.name.as_str())) {
                continue;
            }
            let within = environment.map(|name| format!("in the environment {name}, ")).unwrap_or_default();
            let (key, name, was) = (as_written(resource, &claim.key, app, config), &claim.name, &old.name);
            let text = format!(
                "{within}the PersistentVolumeClaim of the volume `{key}` has the name `{name}`, but `{was}` in the \
                chart that this one replaces: plain helm and Argo CD would start with an empty one, only `deploy` \
                finds the data. To keep the \
                 name, set `resources.{resource}.volumes.{key}.claimName: {was}`"
            );
            notes.push(Note { code: Code::ChangedInCluster, resource: resource.to_owned(), text });
        }
    }
    notes
}

/// The name of a volume as manifest and file write it: the key of a claim has only what Kubernetes allows.
fn as_written<'a>(resource: &str, key: &'a str, app: &'a App, config: &'a Config) -> &'a str {
    let of_manifest = app.workloads.get(resource).into_iter().flat_map(|workload| &workload.volumes);
    let of_file = config.resources.get(resource).into_iter().flat_map(|resource| resource.volumes.keys());
    let mut names = of_manifest.map(|volume| volume.name.as_str()).chain(of_file.map(String::as_str));
    names.find(|name| Name::of_label(name).as_str() == key).unwrap_or(key)
}

/// The claims that move, each with the one that it was: of the same key, else at the same path, else the only one that is
/// gone where only one is new.
fn pairs<'a>(before: &[Owned<'a>], after: &[Owned<'a>]) -> Vec<(Owned<'a>, &'a Claim)> {
    let mut pairs = Vec::new();
    for &(resource, claim) in after.iter().filter(|(_, claim)| !claim.pinned) {
        let of = |claims: &[Owned<'a>]| -> Vec<&'a Claim> {
            claims.iter().filter(|(name, _)| *name == resource).map(|(_, claim)| *claim).collect()
        };
        let (old, new) = (of(before), of(after));
        let without = |all: &[&'a Claim], others: &[&'a Claim]| -> Vec<&'a Claim> {
            let is_in = |claim: &&&Claim| others.iter().any(|it| it.key == claim.key || it.name == claim.name);
            all.iter().filter(|claim| !is_in(claim)).copied().collect()
        };
        let (gone, fresh) = (without(&old, &new), without(&new, &old));
        let same_key = old.iter().find(|it| it.key == claim.key).copied();
        let is_fresh = fresh.iter().any(|it| it.key == claim.key);
        let same_path = || {
            let at = |it: &&&Claim| !it.mount_path.is_empty() && it.mount_path == claim.mount_path;
            gone.iter().find(at).copied()
        };
        let only = || (gone.len() == 1 && fresh.len() == 1).then(|| gone[0]);
        let found = same_key.or_else(|| if is_fresh { same_path().or_else(only) } else { None });
        pairs.extend(found.filter(|was| was.name != claim.name).map(|was| ((resource, claim), was)));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Storage;

    fn claim(name: &str, key: &str, path: &str) -> Claim {
        Claim {
            name: name.into(),
            workload: "pg".into(),
            key: key.into(),
            storage: Storage::default(),
            volume_name: None,
            per_replica: false,
            sub_path: "data".into(),
            mount_path: path.into(),
            pinned: false,
        }
    }

    #[test]
    fn a_claim_that_moves_is_found_by_key_then_path_then_alone() {
        let old = [claim("pg-a", "a", "/a"), claim("pg-b", "b", "/b")];
        let pinned = || Claim { pinned: true, ..claim("mine", "a", "/a") };
        for (new, expected) in [
            (vec![claim("pg-a", "a", "/a"), claim("pg-b", "b", "/b")], vec![]),
            (vec![claim("pg-b", "b", "/b"), claim("pg-a", "a", "/elsewhere")], vec![]),
            (vec![claim("pg-one", "a", "/a"), claim("pg-b", "b", "/b")], vec![("pg-a", "pg-one")]),
            (vec![claim("pg-x", "x", "/b"), claim("pg-y", "y", "/a")], vec![("pg-b", "pg-x"), ("pg-a", "pg-y")]),
            (vec![claim("pg-a", "a", "/a"), claim("pg-x", "x", "/x")], vec![("pg-b", "pg-x")]),
            // Which of two it was is unknown, and what is beside the others is new.
            (vec![claim("pg-x", "x", "/x")], vec![]),
            (vec![claim("pg-a", "a", "/a"), claim("pg-b", "b", "/b"), claim("pg-c", "c", "/c")], vec![]),
            (vec![claim("pg-a", "c", "/a"), claim("pg-b", "b", "/b")], vec![]),
            (vec![pinned(), claim("pg-b", "b", "/b")], vec![]),
            (vec![], vec![]),
        ] {
            let before: Vec<Owned> = old.iter().map(|claim| ("pg", claim)).collect();
            let after: Vec<Owned> = new.iter().map(|claim| ("pg", claim)).collect();
            let found: Vec<(&str, &str)> =
                pairs(&before, &after).iter().map(|((_, claim), was)| (&*was.name, &*claim.name)).collect();
            assert_eq!(found, expected);
            let elsewhere: Vec<Owned> = new.iter().map(|claim| ("other", claim)).collect();
            assert_eq!(pairs(&before, &elsewhere), []);
        }
    }
}
