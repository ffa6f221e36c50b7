//! The objects of a plan on the API server: their live state, and the result of applying them.

use crate::cluster::api::probe::{Probe, Question};
use crate::cluster::connect::client::Cluster;
use crate::diff::{Object, lost, merge_patch, predict};
use crate::k8s::error::{Cause, ErrorKind};
use crate::k8s::kind::Kind;
use crate::pipeline::Error;
use crate::pipeline::release::comparison::Comparison;
use crate::pipeline::release::saved_plan::state_of;
use serde_json::Value as Json;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// The objects as they are.
#[derive(Default)]
pub(crate) struct Standing {
    /// Those that are there.
    pub live: BTreeMap<Object, Json>,
    /// Their names for a saved plan, those that are not there too.
    pub names: Vec<String>,
    /// Kinds that the cluster does not know, in sentences.
    pub unknown: Vec<String>,
    kinds: BTreeMap<(String, String), Option<Kind>>,
}

impl Standing {
    /// Reads every object of both manifests.
    pub(crate) fn read(
        cluster: &Cluster,
        last: &BTreeMap<Object, Json>,
        wanted: &BTreeMap<Object, Json>,
    ) -> Result<Self, Error> {
        let mut standing = Self::default();
        // The new manifest says in which version the object is applied.
        let all: BTreeMap<&Object, &Json> = last.iter().chain(wanted).collect();
        for body in all.values() {
            if let Entry::Vacant(place) = standing.kinds.entry(kind_of(body)) {
                let (version, kind) = place.key();
                let kind = cluster.kind(version, kind)?;
                place.insert(kind);
            }
        }
        let known: Vec<(&Object, &Kind)> =
            all.iter().filter_map(|(object, body)| Some((*object, standing.kind(body)?))).collect();
        let questions: Vec<Question> = known
            .iter()
            .map(|(object, kind)| Question { kind, namespace: &object.namespace, probe: Probe::Get(&object.name) })
            .collect();
        let mut live = BTreeMap::new();
        for ((object, _), answer) in known.iter().zip(cluster.ask(&questions)) {
            if let Some(found) = answer? {
                live.insert((*object).clone(), found);
            }
        }
        standing.names = known.iter().map(|(object, kind)| name(kind, object)).collect();
        let strange: BTreeSet<(String, String)> =
            standing.kinds.iter().filter(|(_, kind)| kind.is_none()).map(|(key, _)| key.clone()).collect();
        let of = |key: &(String, String)| {
            let named = all.iter().filter(|(_, body)| kind_of(body) == *key).map(|(object, _)| object.name.as_str());
            named.collect::<Vec<_>>().join(", ")
        };
        standing.unknown = strange
            .iter()
            .map(|key| {
                format!("{} {} ({}): the cluster does not know this kind; install its CRD first", key.1, of(key), key.0)
            })
            .collect();
        standing.live = live;
        Ok(standing)
    }

    fn kind(&self, body: &Json) -> Option<&Kind> {
        self.kinds.get(&kind_of(body))?.as_ref()
    }
}

fn kind_of(body: &Json) -> (String, String) {
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    (text("apiVersion"), text("kind"))
}

/// `apps/v1/Deployment/shop/api`.
fn name(kind: &Kind, object: &Object) -> String {
    let namespace = if kind.namespaced { &*object.namespace } else { "" };
    format!("{}/{}/{namespace}/{}", kind.api_version, kind.kind, object.name)
}

/// The state of each of these objects ([`name`]); none of one that is not there.
pub(crate) fn states<'a>(
    cluster: &Cluster,
    names: impl Iterator<Item = &'a str>,
) -> Result<BTreeMap<String, Option<String>>, Error> {
    let mut asked = Vec::new();
    for name in names {
        let parts: Vec<&str> = name.rsplitn(4, '/').collect();
        let [object, namespace, kind, version] = parts[..] else { continue };
        if let Some(kind) = cluster.kind(version, kind)? {
            asked.push((name, kind, namespace, object));
        }
    }
    let questions: Vec<Question> = asked
        .iter()
        .map(|(_, kind, namespace, object)| Question { kind, namespace, probe: Probe::Get(object) })
        .collect();
    let answers = cluster.ask(&questions);
    asked
        .iter()
        .zip(answers)
        .map(|((name, ..), answer)| {
            let state = match answer {
                Err(error) if error.kind() == ErrorKind::Forbidden => Some("unseen".to_owned()),
                answer => answer?.as_ref().map(state_of),
            };
            Ok(((*name).to_owned(), state))
        })
        .collect()
}

/// What the API server would make of the objects.
#[derive(Default)]
pub(crate) struct Asked {
    /// The objects as they would be.
    pub answers: BTreeMap<Object, Json>,
    /// Why it would not take them.
    pub errors: Vec<crate::k8s::error::Error>,
    /// What it was not asked, and why.
    pub not_checked: Vec<String>,
}

impl Asked {
    /// Nothing was asked, for this reason.
    pub(crate) fn nothing(reason: String) -> Self {
        Self { not_checked: vec![reason], ..Self::default() }
    }

    /// Asks it, by the method that helm uses for this release. What is deleted and recreated it would refuse.
    pub(crate) fn of_server(
        cluster: &Cluster,
        question: &Comparison,
        standing: &Standing,
        by_server: bool,
    ) -> Result<Self, Error> {
        let Comparison { last, wanted, replaced, force, .. } = *question;
        let mut asked = Self::default();
        let mut patches = BTreeMap::new();
        if !by_server {
            for (object, body) in wanted {
                let Some(live) = standing.live.get(object) else { continue };
                let before = last.get(object).unwrap_or(body);
                asked.errors.extend(lost(before, body, live).iter().map(|list| lost_entry(object, list)));
                let next = predict(before, body, live);
                patches.insert(object, Json::Object(merge_patch(live, &next)));
            }
        }
        let mut questions: Vec<(&Object, Question)> = Vec::new();
        for (object, body) in wanted {
            let Some(kind) = standing.kind(body) else { continue };
            if replaced.contains(&(object.kind.clone(), object.name.clone())) {
                continue;
            }
            let probe = match (patches.get(object), standing.live.get(object)) {
                // Helm sends nothing where nothing differs.
                (Some(patch), Some(live)) if patch.as_object().is_some_and(serde_json::Map::is_empty) => {
                    asked.answers.insert(object.clone(), live.clone());
                    continue;
                }
                (Some(patch), _) => Probe::Patch(&object.name, patch),
                (None, _) if by_server => Probe::Apply(body, force),
                (None, _) => Probe::Create(body),
            };
            questions.push((object, Question { kind, namespace: &object.namespace, probe }));
        }
        let sent: Vec<Question> = questions.iter().map(|(_, question)| *question).collect();
        let mut forbidden: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
        for ((object, question), answer) in questions.iter().zip(cluster.ask(&sent)) {
            match answer {
                Ok(Some(answer)) => {
                    asked.answers.insert((*object).clone(), answer);
                }
                Ok(None) => asked.not_checked.push(format!("{object}: it was deleted in the meantime")),
                Err(error) if error.kind() == ErrorKind::Forbidden && !may(cluster, question)? => {
                    forbidden.entry((question.verb(), question.kind.resource())).or_default().push(&object.name);
                }
                // A number may be written as only helm reads it, and a webhook may not be made for questions.
                Err(error) if UNASKED.iter().any(|cause| error.is_for(*cause)) => {
                    asked.not_checked.push(error.sentence().to_owned());
                }
                Err(error) => asked.errors.push(error),
            }
        }
        asked.not_checked.extend(forbidden.into_iter().map(|((verb, resource), names)| {
            format!("{} {}: no permission to {verb}, so its dry run was skipped", resource, names.join(", "))
        }));
        Ok(asked)
    }
}

/// Answers that say nothing of what the same request does when it is no dry run.
const UNASKED: [Cause; 2] = [Cause::NoDryRun, Cause::Unread];

/// What helm's own merge would lose of an object.
fn lost_entry(object: &Object, list: &str) -> crate::k8s::error::Error {
    let what = format!(
        "helm merges {object} itself and identifies the entries of {list}: a change would lose one of \
    them"
    );
    let hint = "deploy with helm 4 and `--helm-arg=--server-side=true --helm-arg=--force-conflicts`, so that the API \
    server merges, or change the number of one of them in a separate deploy";
    crate::k8s::error::Error::refused(what).hint(hint)
}

/// Whether the permission is there, so that it was something else that forbade it: admission or a quota.
fn may(cluster: &Cluster, question: &Question) -> Result<bool, Error> {
    Ok(cluster.can_i(question.verb(), question.kind, question.namespace, question.name())?)
}
