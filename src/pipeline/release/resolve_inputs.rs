//! The values of all inputs for one deploy: supplied, stored, prompted for or generated; and the confirmations that a
//! change needs.

use crate::inputs::{Answers, Data, Means, Settled, outlook, settle, stale};
use crate::k8s::labels;
use crate::k8s::object::{label, name_of};
use crate::k8s::ownership::{ReleaseName, helm_release};
use crate::pipeline::engine::event::{Report, say, warn};
use crate::pipeline::release::deploy_request::{AskInputs, Deploy};
use crate::pipeline::release::snapshot::ReleaseSnapshot;
use crate::pipeline::{Error, Random};
use crate::support::diagnostic::Code;
use crate::targets::kubernetes::{Plan, lost_when_applied};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Settles the inputs. Writes nothing, and refuses to part data from its credentials. `with_data` are charts that have claims
/// of their own, as the Secret remembers charts.
pub(crate) fn settled(
    request: &Deploy,
    release: ReleaseName,
    before: &ReleaseSnapshot,
    with_data: &BTreeSet<String>,
    ask: &AskInputs,
    random: &Random,
    report: &Report,
) -> Result<Settled, Error> {
    let (app, plan) = (request.app, request.plan);
    let kept = before.kept.without(&request.rotation.names);
    let mut given = request.given.clone();
    let data = data(before.plan(plan), before, release, with_data);
    let mut outlook = outlook(app, plan, &given, &kept);
    if !request.rotation.accept_stale {
        data.ask_for_lost(&mut outlook, &before.kept);
    }
    if !outlook.missing.is_empty() {
        match ask(&outlook) {
            Answers::Given(answers) => {
                for (name, answer) in answers {
                    given.add(&name, answer, Means::Prompt, "prompt")?;
                }
            }
            Answers::Stopped => {
                say(report, "nothing was changed");
                return Err(Error::Interrupted);
            }
            // Settling names all that are missing.
            Answers::NotAsked => {}
        }
    }
    let settled = settle(app, plan, &given, &kept, &mut |bytes| random(bytes))?;
    for (name, value) in &settled.plain {
        if let Some(sentence) = lost_when_applied("its value", value) {
            warn(report, Code::ValueChangedOnApply, format!("{name}: {sentence}"));
        }
    }
    if !request.rotation.accept_stale {
        stale(&data, &before.kept, &settled).refusals().or(()).map_err(Error::Refused)?;
    }
    Ok(settled)
}

/// The data that is in the cluster. A claim template is there when one of its claims is.
fn data<'a>(
    plan: &'a Plan,
    before: &'a ReleaseSnapshot,
    release: ReleaseName,
    with_data: &BTreeSet<String>,
) -> Data<'a> {
    let named = |claims: &mut dyn Iterator<Item = &Json>| -> BTreeSet<String> {
        let names: Vec<&str> = claims.map(name_of).collect();
        let used = plan.claims().filter(|claim| names.iter().any(|name| claim.is_called(name)));
        let used = used.map(|claim| claim.name.as_str());
        names.iter().copied().chain(used).map(str::to_owned).chain(with_data.iter().cloned()).collect()
    };
    let is_ours = |claim: &&Json| {
        let of_template = helm_release(claim).is_none() && label(claim, labels::INSTANCE) == Some(release.name);
        claim["metadata"]["deletionTimestamp"].is_null() && (release.owns(claim) || of_template)
    };
    let (live, ours) = (named(&mut before.claims.iter()), named(&mut before.claims.iter().filter(is_ours)));
    Data { plan, remembered: &before.secret.claims, live, ours }
}
