//! Secrets that another client writes: what must exist before a deploy, which values are copied, what is deleted
//! afterwards.
//!
//! Values are read only to copy them when the source changes, and to warn before a database gets another one.

use crate::cluster::api::objects::{Guard, Objects, Propagation};
use crate::cluster::connect::client::Cluster;
use crate::config::{ExternalSecret, SecretSource};
use crate::inputs::{Given, Kept};
use crate::k8s::error::{ErrorKind, Result};
use crate::k8s::kind::{Kind, SECRET};
use crate::k8s::labels;
use crate::k8s::object::name_of;
use crate::pipeline::engine::event::{Report, warn};
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::redact::unbase64;
use crate::targets::kubernetes::{Plan, SecretUse};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A kind whose objects of ours make Secrets: its group and version, its name, and who must be installed for it.
const MAKERS: [(&str, &str, &str); 2] = [
    ("external-secrets.io/v1", "ExternalSecret", "the External Secrets operator (0.16 or later)"),
    ("bitnami.com/v1alpha1", "SealedSecret", "the sealed-secrets controller"),
];

/// Name and key of a Secret, by input.
pub(crate) type Keys = BTreeMap<String, (String, String)>;

/// The Secrets of other owners that the plan uses.
pub(crate) fn used(plan: &Plan, release: &str) -> Keys {
    let secrets = plan.secrets.iter();
    secrets.filter_map(|(name, secret)| Some((name.clone(), secret.foreign_key(release, name)?))).collect()
}

/// The values that these keys hold, and the keys that hold none any more.
pub(crate) fn values(cluster: &Cluster, namespace: &str, keys: &Keys) -> Result<(BTreeMap<String, String>, Keys)> {
    let (mut values, mut lost) = (BTreeMap::new(), Keys::new());
    for (input, (secret, key)) in keys {
        match value(cluster.get(&SECRET, namespace, secret)?.as_ref(), key) {
            Some(value) => values.insert(input.clone(), value).map(|_| ()),
            None => lost.insert(input.clone(), (secret.clone(), key.clone())).map(|_| ()),
        };
    }
    Ok((values, lost))
}

fn value(secret: Option<&Json>, key: &str) -> Option<String> {
    String::from_utf8(unbase64(secret?["data"][key].as_str()?)?).ok()
}

/// A value that was in a Secret of other owners and is not there any more cannot be taken along, and nothing else may stand in
/// for it: not an older copy of ours, and not one that is made now.
pub(crate) fn check_lost(plan: &Plan, given: &Given, lost: &Keys) -> std::result::Result<(), Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let ours = |name: &str| plan.secrets.get(name).is_some_and(|secret| !secret.is_foreign());
    for (name, (secret, key)) in lost.iter().filter(|(name, _)| ours(name) && given.value(name).is_none()) {
        diagnostics.push(
            Diagnostic::new(
                Code::SecretGone,
                "",
                format!("`{name}` was taken from the key {key} of the Secret {secret}, which no longer exists"),
            )
            .hint(format!("pass the value with --parameter '{name}=VALUE', or restore the Secret")),
        );
    }
    diagnostics.or(())
}

/// What must be there before helm runs, so that no pod waits for what never comes.
pub(crate) fn check(
    cluster: &Cluster,
    release: &Release,
    plan: &Plan,
    kept: &Kept,
    report: &Report,
) -> std::result::Result<(), Error> {
    let mut diagnostics = Diagnostics::default();
    let kinds = kinds(cluster)?;
    let mut missing = BTreeSet::new();
    for (name, secret) in &plan.secrets {
        match &secret.source {
            SecretSource::Existing(existing) => {
                let keys = [Some(&existing.key), existing.uri_key.as_ref().filter(|_| secret.uri)];
                let found = match cluster.get(&SECRET, &release.namespace, &existing.name) {
                    // Who may not look cannot know.
                    Err(error) if error.kind() == ErrorKind::Forbidden => continue,
                    found => found?,
                };
                for key in keys.into_iter().flatten().filter(|key| value(found.as_ref(), key).is_none()) {
                    diagnostics.push(without(name, &existing.name, key, found.is_some(), release));
                }
                if let Some(sentence) = differs(name, secret, kept, value(found.as_ref(), &existing.key)) {
                    warn(report, Code::SecretNotInSync, sentence);
                }
            }
            SecretSource::ExternalSecrets(external) => {
                if kinds.contains_key("ExternalSecret") {
                    diagnostics.0.extend(without_store(cluster, release, name, external)?);
                } else {
                    missing.insert("ExternalSecret");
                }
            }
            SecretSource::Sealed => {
                diagnostics.0.extend(not_sealed(name, secret, release));
                if !kinds.contains_key("SealedSecret") {
                    missing.insert("SealedSecret");
                }
            }
            SecretSource::Deploy | SecretSource::Chart | SecretSource::Sops | SecretSource::Deferred(_) => {}
        }
    }
    for (version, kind, maker) in MAKERS.iter().filter(|(_, kind, _)| missing.contains(kind)) {
        let what = format!(
            "the cluster does not have the kind {kind} ({version}), which secrets of this application \
        need"
        );
        diagnostics.push(Diagnostic::new(Code::SecretSourceMissing, "", what).hint(format!("install {maker} first")));
    }
    diagnostics.or(()).map_err(Error::Refused)
}

fn without(name: &str, secret: &str, key: &str, exists: bool, release: &Release) -> Diagnostic {
    let space = &release.namespace;
    let what = if exists {
        format!("`{name}` comes from the Secret {secret} in namespace {space}, which has no key {key}")
    } else {
        format!("`{name}` comes from the key {key} of the Secret {secret}, which does not exist in namespace {space}")
    };
    Diagnostic::new(Code::SecretSourceMissing, "", what)
        .hint("create it first; if something in the cluster creates the value later, use `deferred`")
}

/// A sealed value opens in one release only.
fn not_sealed(name: &str, secret: &SecretUse, release: &Release) -> Option<Diagnostic> {
    let hint = format!("run `kubectl aspire seal --name {name} --cert FILE -n {}`", release.namespace);
    let what = match &secret.sealed {
        None => format!(
            "no value of `{name}` is sealed for the release {} in namespace {}",
            release.name, release.namespace
        ),
        Some(of) if of.namespace != release.namespace || of.release != release.name => format!(
            "`{name}` is sealed for the release {} in namespace {}, and cannot be decrypted elsewhere",
            of.release, of.namespace
        ),
        Some(of) if secret.uri && of.sealed.uri.is_none() => {
            format!("the application needs `{name}` URI-escaped too, and that form was not sealed")
        }
        Some(_) => return None,
    };
    Some(Diagnostic::new(Code::SealingFailed, "", what).hint(hint))
}

/// A database keeps the password that its volume was set up with.
fn differs(name: &str, secret: &SecretUse, kept: &Kept, now: Option<String>) -> Option<String> {
    let before = [&kept.foreign, &kept.chart_secret, &kept.secret].into_iter().find_map(|values| values.get(name))?;
    (!secret.claims.is_empty() && now.is_some_and(|now| now != *before)).then(|| {
        format!(
            "the value of {name} there differs from the one in use, with which the data in {} was created: change it \
            there too",
            secret.claims.join(", ")
        )
    })
}

fn without_store(
    cluster: &Cluster,
    release: &Release,
    name: &str,
    external: &ExternalSecret,
) -> std::result::Result<Option<Diagnostic>, Error> {
    let Some(store) = &external.store else { return Ok(None) };
    let kind = store.kind.unwrap_or_default().name();
    let Some(known) = cluster.kind(MAKERS[0].0, kind)? else { return Ok(None) };
    let found = match cluster.get(&known, &release.namespace, &store.name) {
        Err(error) if error.kind() == ErrorKind::Forbidden => return Ok(None),
        found => found?,
    };
    Ok(found.is_none().then(|| {
        let place = if known.namespaced { format!(" in namespace {}", release.namespace) } else { String::new() };
        Diagnostic::new(
            Code::SecretSourceMissing,
            "",
            format!("the {kind} {}{place}, which supplies `{name}`, does not exist", store.name),
        )
        .hint("create the store first, or set another one in aspire-k8s.yaml")
    }))
}

/// The kinds that the cluster knows.
fn kinds(cluster: &Cluster) -> Result<BTreeMap<&'static str, Kind>> {
    let mut kinds = BTreeMap::new();
    for (version, kind, _) in MAKERS {
        if let Some(known) = cluster.kind(version, kind)? {
            kinds.insert(kind, known);
        }
    }
    Ok(kinds)
}

/// Removes the objects of the release that make Secrets and that the plan does not want; without a plan, all of them. Helm
/// keeps them, because pods that run take what they make.
pub(crate) fn remove(cluster: &Cluster, release: &Release, plan: Option<&Plan>) -> Result<()> {
    delete(cluster, release, &leaving(cluster, release, plan)?)
}

/// Removes these.
pub(crate) fn delete(cluster: &Cluster, release: &Release, objects: &[(Kind, Json)]) -> Result<()> {
    for (kind, object) in objects {
        let guard = Guard::of(object).any_state();
        cluster.delete(kind, &release.namespace, name_of(object), &guard, Propagation::Background)?;
    }
    Ok(())
}

/// What [`remove()`] removes.
pub(crate) fn leaving(cluster: &Cluster, release: &Release, plan: Option<&Plan>) -> Result<Vec<(Kind, Json)>> {
    let wanted: BTreeSet<String> = plan
        .map_or_else(BTreeSet::new, |plan| used(plan, &release.name).into_values().map(|(secret, _)| secret).collect());
    let mut found = Vec::new();
    for kind in kinds(cluster)?.into_values() {
        let labels = format!("{}={}", labels::INSTANCE, release.name);
        let objects = match cluster.list(&kind, &release.namespace, &labels) {
            Err(error) if error.kind() == ErrorKind::Forbidden => continue,
            objects => objects?,
        };
        let goes = |object: &Json| release.helm_name().owns(object) && !wanted.contains(name_of(object));
        found.extend(objects.into_iter().filter(goes).map(|object| (kind.clone(), object)));
    }
    Ok(found)
}

/// Who did not deliver, after helm gave up. What cannot be read is not told: another error is on its way already.
pub(crate) fn late(cluster: &Cluster, release: &Release, plan: &Plan) -> Vec<String> {
    let secret = |name: &str| cluster.get(&SECRET, &release.namespace, name);
    let sentence = |(name, used): (&String, &SecretUse)| match &used.source {
        SecretSource::Deferred(later) => {
            let missing = value(secret(&later.secret).ok()?.as_ref(), &later.key).is_none();
            missing.then(|| {
                format!(
                    "{} never wrote the key {} of the Secret {}, and pods wait for it (`{name}`)",
                    later.produced_by, later.key, later.secret
                )
            })
        }
        SecretSource::ExternalSecrets(_) | SecretSource::Sealed => {
            let row = usize::from(used.source == SecretSource::Sealed);
            let (maker, _) = used.foreign_key(&release.name, name)?;
            let missing = value(secret(&maker).ok()?.as_ref(), name).is_none();
            missing.then(|| {
                format!(
                    "the {} {maker} has created no Secret, and pods wait for it{}",
                    MAKERS[row].1,
                    said(cluster, release, row, &maker)
                )
            })
        }
        SecretSource::Deploy | SecretSource::Chart | SecretSource::Sops | SecretSource::Existing(_) => None,
    };
    plan.secrets.iter().filter_map(sentence).collect()
}

/// What the operator says about an object of its own.
fn said(cluster: &Cluster, release: &Release, row: usize, name: &str) -> String {
    let object = cluster.kind(MAKERS[row].0, MAKERS[row].1).ok().flatten();
    let object =
        object.and_then(|kind| cluster.get(&kind, &release.namespace, name).ok().flatten()).unwrap_or_default();
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let message = conditions.filter(|condition| condition["status"] == "False").find_map(|bad| bad["message"].as_str());
    message.map_or_else(|| ": the operator has not processed it".to_owned(), |message| format!(": {message}"))
}
