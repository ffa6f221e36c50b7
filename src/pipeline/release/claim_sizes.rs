//! The size of a claim during a rollback: a claim cannot shrink, so it keeps its size.
//!
//! helm's rollback takes no values and would request the size of the revision, which the API server rejects. So the
//! live size is written into helm's record of that revision first.

use super::installation::Installation;
use crate::cluster::state::record::Record;
use crate::diff::Object;
use crate::k8s::quantity::Quantity;
use crate::pipeline::Error;
use crate::pipeline::release::autoscaling::with_line;
use crate::pipeline::release::installation::Manifest;
use crate::pipeline::release::rollback_feasibility;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use serde_json::Value as Json;

/// How the line begins that says the size of a claim.
const LINE: &str = "      storage: ";

/// Gives the claims of a revision the sizes that they have now. A record that does not say them in the usual place cannot be
/// brought to that: this is the reason against going back.
pub(crate) fn keep(
    on: &Installation,
    revision: u64,
    wanted: &mut Manifest,
    live: &Manifest,
    diagnostics: &mut Diagnostics,
) -> Result<(), Error> {
    let grown = grown(wanted, live);
    if grown.is_empty() {
        return Ok(());
    }
    let record = Record::read(on.cluster, on.space(), &on.release.name, revision)?;
    for (object, then, now) in grown {
        let held = record.as_ref().and_then(|record| with_size(&record.manifest, &object, &now));
        if let Some(claim) = wanted.get_mut(&object).filter(|_| held.is_some()) {
            claim["spec"]["resources"]["requests"]["storage"] = now.into();
            continue;
        }
        let what = format!(
            "the PVC {} has grown to {now} since revision {revision} ({then}), and a PVC cannot shrink",
            object.name
        );
        diagnostics.push(
            Diagnostic::new(Code::RollbackNotPossible, "", what)
                .hint("deploy the older source with the current size of the PVC"),
        );
    }
    Ok(())
}

/// Writes the live sizes into helm's record of a revision, where they are larger than what it was stored with.
pub(crate) fn hold(on: &Installation, revision: u64) -> Result<(), Error> {
    let Some(record) = Record::read(on.cluster, on.space(), &on.release.name, revision)? else { return Ok(()) };
    let wanted = crate::diff::objects(&record.manifest, on.space())?;
    let claims: Manifest = wanted.into_iter().filter(|(object, _)| object.kind == CLAIM).collect();
    let mut manifest = record.manifest.clone();
    for (object, _, now) in grown(&claims, &rollback_feasibility::live(on.cluster, &claims)?) {
        // What cannot be written is said by the API server, in helm's words.
        manifest = with_size(&manifest, &object, &now).unwrap_or(manifest);
    }
    if manifest != record.manifest {
        record.with_manifest(on.cluster, on.space(), &manifest)?;
    }
    Ok(())
}

const CLAIM: &str = "PersistentVolumeClaim";

/// Claims that are larger now than in the manifest: (claim, then, now).
fn grown(wanted: &Manifest, live: &Manifest) -> Vec<(Object, String, String)> {
    let size = |claim: &Json| Some(claim["spec"]["resources"]["requests"]["storage"].as_str()?.to_owned());
    let larger = |(object, stored): (&Object, &Json)| {
        let (then, now) = (size(stored)?, size(live.get(object)?)?);
        (Quantity::parse(&then)? < Quantity::parse(&now)?).then(|| (object.clone(), then, now))
    };
    wanted.iter().filter(|(object, _)| object.kind == CLAIM).filter_map(larger).collect()
}

fn with_size(manifest: &str, object: &Object, size: &str) -> Option<String> {
    let is_size = |text: &str| Quantity::parse(text.trim().trim_matches('"')).is_some();
    with_line(manifest, object, LINE, is_size, &Json::from(size).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_claim_keeps_the_size_that_it_has() {
        let object = Object { group: String::new(), kind: CLAIM.into(), namespace: "n".into(), name: "data".into() };
        let claim = |size: &str| -> Manifest {
            let spec = json!({"resources": {"requests": {"storage": size}}});
            [(object.clone(), json!({"kind": CLAIM, "metadata": {"name": "data"}, "spec": spec}))].into_iter().collect()
        };
        for (then, now, expected) in [("1Gi", "2Gi", 1), ("1Gi", "1024Mi", 0), ("2Gi", "1Gi", 0), ("x", "1Gi", 0)] {
            assert_eq!(grown(&claim(then), &claim(now)).len(), expected, "{then} {now}");
        }
        let text = "---\nkind: PersistentVolumeClaim\nmetadata:\n  name: data\nspec:\n  resources:\n    requests:\n      storage: \"1Gi\"\n---\nkind: A\n";
        assert_eq!(with_size(text, &object, "2Gi").unwrap(), text.replace("1Gi", "2Gi"));
        assert_eq!(with_size(&text.replace("      storage", "       storage"), &object, "2Gi"), None);
    }
}
