//! The connection: one client with a small runtime of its own, so that the rest of the program stays synchronous.
//!
//! Every request has the same time limit, and every error names the request. Objects are JSON values as received.

pub(crate) mod observe;

use std::pin::Pin;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use kube::Client;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::core::Request;
use kube::core::params::GetParams;
use kube::core::request::Error as RequestError;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;

use super::access::Access;
use super::environment::Environment;
use super::kubeconfig;
use crate::cluster::api::address::{segment, version_path};
use crate::cluster::api::explain::{Attempt, chain};
use crate::cluster::api::objects::{Guard, Objects, Propagation};
use crate::cluster::api::retry;
use crate::cluster::api::retry::{Effect, Wanted};
use crate::cluster::api::send::{Reply, send_once, send_with_retry};
use crate::k8s::error::{Error, ErrorKind, Result};
use crate::k8s::kind::Kind;
use crate::k8s::object::{name_of, oddity, set};
use crate::k8s::{kind, labels};
use crate::support::redact::unbase64;

const PAGE: u32 = 500;

/// Questions that are sent side by side. Each costs a connection, which later ones use again.
const AT_ONCE: usize = 8;

/// A question that is not sent yet.
pub(crate) struct Asked<'a> {
    attempt: Attempt<'a>,
    answer: Pin<Box<dyn Future<Output = kube::Result<Value>> + Send>>,
}

type Answer = std::result::Result<kube::Result<Value>, Elapsed>;

/// A connection to one API server.
pub(crate) struct Cluster {
    pub(crate) runtime: Runtime,
    pub(crate) client: Client,
    pub(crate) url: String,
    pub(crate) timeout: Duration,
    secrets: RwLock<Vec<String>>,
}

impl Cluster {
    /// Prepares a connection (nothing is sent yet). `timeout` is for every single request.
    pub(crate) fn connect(access: &Access, environment: &Environment, timeout: Duration) -> Result<Self> {
        let mut config = kubeconfig::configuration(access, environment)?;
        config.connect_timeout = Some(timeout);
        // Ours knows what may be sent twice.
        config.default_retry = false;
        let url = kubeconfig::without_login(config.cluster_url.to_string().trim_end_matches('/'));
        let broken = |error: &dyn std::error::Error| {
            let sentence = format!("the connection to {url} could not be prepared: {}", chain(error));
            Error::new(ErrorKind::Configuration, sentence)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| broken(&error))?;
        let client = runtime.block_on(async { Client::try_from(config) }).map_err(|error| broken(&error))?;
        Ok(Self { runtime, client, url, timeout, secrets: RwLock::default() })
    }

    /// The address of the API server.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Another time limit for the requests that follow.
    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Texts that no error may show from now on.
    pub(crate) fn hide(&self, secrets: impl IntoIterator<Item = String>) {
        self.secrets.write().unwrap_or_else(PoisonError::into_inner).extend(secrets);
    }

    /// What no error may show.
    pub(crate) fn hidden(&self) -> Vec<String> {
        self.secrets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The version of the API server, like `v1.36.3`.
    pub(crate) fn server_version(&self) -> Result<String> {
        let kind = Kind { kind: "version".into(), namespaced: false, ..kind::NAMESPACE };
        let attempt = Attempt { verb: "get", kind: &kind, namespace: "", name: "of the API server" };
        let request = built(attempt, Request::new("").get("version", &GetParams::default()))?;
        let answer = self.send(attempt, || send_once!(self.client, request))?;
        Ok(answer["gitVersion"].as_str().unwrap_or_default().to_owned())
    }

    /// A kind by its name, from the table or from the API server; none when the cluster does not have it.
    pub(crate) fn kind(&self, api_version: &str, kind: &str) -> Result<Option<Kind>> {
        if let Some(known) = Kind::known(api_version, kind) {
            return Ok(Some(known));
        }
        let path = version_path(api_version)?;
        let (base, version) = path.rsplit_once('/').unwrap_or(("", &path));
        let wanted =
            Kind { api_version: api_version.to_owned().into(), kind: kind.to_owned().into(), ..kind::NAMESPACE };
        let attempt = Attempt { verb: "get", kind: &wanted, namespace: "", name: "" };
        let request = built(attempt, Request::new(base).get(version, &GetParams::default()))?;
        Ok(absent(self.send(attempt, || send_once!(self.client, request)))?
            .and_then(|list| kind::in_resource_list(&list, api_version, kind)))
    }

    /// All objects of a kind with these labels (`a=b,c`; empty for all); with an empty namespace, of the whole cluster.
    pub(crate) fn list(&self, kind: &Kind, namespace: &str, label_selector: &str) -> Result<Vec<Value>> {
        let attempt = Attempt { verb: "list", kind, namespace, name: "" };
        let path = kind.path(namespace)?;
        let mut parameters = ListParams::default().limit(PAGE);
        if !label_selector.is_empty() {
            parameters = parameters.labels(label_selector);
        }
        let mut found = Vec::new();
        loop {
            let request = built(attempt, Request::new(&path).list(&parameters))?;
            let mut page = self.send(attempt, || send_once!(self.client, request))?;
            if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
                found.extend(items.into_iter().map(|item| complete(item, kind)));
            }
            match page["metadata"]["continue"].as_str() {
                Some(token) if !token.is_empty() => parameters = parameters.continue_token(token),
                _ => return Ok(found),
            }
        }
    }

    /// Merges into the object, if it is still in the state that `guard` names.
    pub(crate) fn patch(
        &self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        guard: &Guard,
        patch: &Value,
    ) -> Result<Value> {
        let attempt = Attempt { verb: "patch", kind, namespace, name };
        let mut patch = patch.clone();
        guard.write_into(&mut patch)?;
        self.hide_data_of(kind, &patch);
        let parameters = PatchParams { field_manager: Some(labels::US.to_owned()), ..PatchParams::default() };
        let request = Request::new(kind.path(namespace)?).patch(segment(name)?, &parameters, &Patch::Merge(&patch));
        let request = built(attempt, request)?;
        self.write(attempt, Wanted::Parts, &patch, || send_once!(self.client, request))
    }

    /// Whether we may do this; an empty name means any object of the kind, an empty namespace the whole cluster.
    pub(crate) fn can_i(&self, verb: &str, kind: &Kind, namespace: &str, name: &str) -> Result<bool> {
        let review = json!({
            "apiVersion": kind::ACCESS_REVIEW.api_version,
            "kind": kind::ACCESS_REVIEW.kind,
            "spec": {"resourceAttributes": {
                "verb": verb, "group": kind.group(), "resource": kind.plural, "namespace": namespace, "name": name,
            }},
        });
        let answer = self.create(&kind::ACCESS_REVIEW, "", &review)?;
        Ok(answer["status"]["allowed"] == true)
    }

    /// Asks for one object or page, later.
    pub(crate) fn asks_get<'a>(&self, attempt: Attempt<'a>, base: &str, name: &str) -> Result<Asked<'a>> {
        let request = built(attempt, Request::new(base).get(name, &GetParams::default()))?;
        let (client, limit) = (self.client.clone(), self.timeout);
        Ok(Asked {
            attempt,
            answer: Box::pin(async move { send_with_retry(limit, || send_once!(client, request)).await.0 }),
        })
    }

    /// Asks for a list of one page, later.
    pub(crate) fn asks_list<'a>(&self, attempt: Attempt<'a>) -> Result<Asked<'a>> {
        let path = attempt.kind.path(attempt.namespace)?;
        let request = built(attempt, Request::new(path).list(&ListParams::default()))?;
        let (client, limit) = (self.client.clone(), self.timeout);
        Ok(Asked {
            attempt,
            answer: Box::pin(async move { send_with_retry(limit, || send_once!(client, request)).await.0 }),
        })
    }

    /// Sends an object to be created, later; with `dry_run` it is not stored.
    pub(crate) fn asks_create<'a>(&self, attempt: Attempt<'a>, object: &Value, dry_run: bool) -> Result<Asked<'a>> {
        let parameters = PostParams { dry_run, ..writer() };
        let body = object.to_string().into_bytes();
        let request = built(attempt, Request::new(attempt.kind.path(attempt.namespace)?).create(&parameters, body))?;
        let (client, limit) = (self.client.clone(), self.timeout);
        Ok(Asked {
            attempt,
            answer: Box::pin(async move { send_with_retry(limit, || send_once!(client, request)).await.0 }),
        })
    }

    /// Sends all of these, a few at a time, so that few connections are made. The answers are in the order of the questions.
    pub(crate) fn send_all(&self, asked: Vec<Asked<'_>>) -> Vec<Result<Value>> {
        let (attempts, waiting): (Vec<_>, Vec<_>) =
            asked.into_iter().map(|asked| (asked.attempt, asked.answer)).unzip();
        let mut answers: Vec<Option<Answer>> = attempts.iter().map(|_| None).collect();
        let limit = self.timeout;
        self.runtime.block_on(async {
            let mut waiting = waiting.into_iter().enumerate();
            let mut running = JoinSet::new();
            loop {
                while running.len() < AT_ONCE
                    && let Some((index, answer)) = waiting.next()
                {
                    running.spawn(async move { (index, tokio::time::timeout(limit, answer).await) });
                }
                match running.join_next().await {
                    Some(Ok((index, answer))) => answers[index] = Some(answer),
                    Some(Err(_)) => {}
                    None => return,
                }
            }
        });
        let judged = attempts.into_iter().zip(answers);
        judged.map(|(attempt, answer)| answer.map_or(Ok(Value::Null), |answer| self.judge(attempt, answer))).collect()
    }

    fn exchange<F>(&self, attempt: Attempt<'_>, ask: impl Fn() -> F) -> (Result<Value>, Effect)
    where
        F: Future<Output = kube::Result<Reply>>,
    {
        let limited = async { tokio::time::timeout(self.timeout, send_with_retry(self.timeout, ask)).await };
        match self.runtime.block_on(limited) {
            Ok((result, before)) => (self.judge(attempt, Ok(result)), before),
            Err(elapsed) => (self.judge(attempt, Err(elapsed)), Effect::Unknown),
        }
    }

    fn send<F>(&self, attempt: Attempt<'_>, ask: impl Fn() -> F) -> Result<Value>
    where
        F: Future<Output = kube::Result<Reply>>,
    {
        self.exchange(attempt, ask).0
    }

    /// Sends a write. When an earlier try was done without our hearing of it, a later one is refused; then the object
    /// itself tells.
    fn write<F>(&self, attempt: Attempt<'_>, kind: Wanted, wanted: &Value, ask: impl Fn() -> F) -> Result<Value>
    where
        F: Future<Output = kube::Result<Reply>>,
    {
        match self.exchange(attempt, ask) {
            (Err(error), Effect::Unknown) if error.is_conflict() => {
                let live = self.get(attempt.kind, attempt.namespace, attempt.name)?;
                let uid = &wanted["metadata"]["uid"];
                let same = |live: &Value| uid.is_null() || *uid == live["metadata"]["uid"];
                live.filter(|live| same(live) && retry::was_done(kind, live, wanted)).ok_or(error)
            }
            (result, _) => result,
        }
    }

    fn judge(&self, attempt: Attempt<'_>, answer: Answer) -> Result<Value> {
        match answer {
            Ok(Ok(value)) => match oddity(&value) {
                None => Ok(value),
                Some(what) => Err(attempt.odd(&self.url, &what)),
            },
            Ok(Err(report)) => Err(attempt.failed(&report, &self.url, &self.hidden())),
            Err(_) => Err(attempt.timed_out(&self.url, self.timeout.as_secs_f64())),
        }
    }

    /// The API server may repeat what it was sent: what is in a Secret is hidden before it goes there.
    pub(crate) fn hide_data_of(&self, kind: &Kind, object: &Value) {
        if *kind != kind::SECRET {
            return;
        }
        let values = |group: &str| object[group].as_object().into_iter().flat_map(|map| map.values());
        let plain = values("stringData").filter_map(Value::as_str).map(str::to_owned);
        let decoded =
            values("data").filter_map(|value| unbase64(value.as_str()?)).filter_map(|v| String::from_utf8(v).ok());
        let encoded = values("data").filter_map(Value::as_str).map(str::to_owned);
        self.hide(plain.chain(decoded).chain(encoded).collect::<Vec<_>>());
    }
}

impl Objects for Cluster {
    fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Option<Value>> {
        let attempt = Attempt { verb: "get", kind, namespace, name };
        let request = Request::new(kind.path(namespace)?).get(segment(name)?, &GetParams::default());
        let request = built(attempt, request)?;
        absent(self.send(attempt, || send_once!(self.client, request)))
    }

    fn create(&self, kind: &Kind, namespace: &str, object: &Value) -> Result<Value> {
        let attempt = Attempt { verb: "create", kind, namespace, name: name_of(object) };
        self.hide_data_of(kind, object);
        let request = Request::new(kind.path(namespace)?).create(&writer(), object.to_string().into_bytes());
        let request = built(attempt, request)?;
        self.write(attempt, Wanted::New, object, || send_once!(self.client, request))
    }

    fn replace(&self, kind: &Kind, namespace: &str, object: &Value, guard: &Guard) -> Result<Value> {
        let name = name_of(object);
        let attempt = Attempt { verb: "update", kind, namespace, name };
        let mut object = object.clone();
        guard.write_into(&mut object)?;
        self.hide_data_of(kind, &object);
        let data = object.to_string().into_bytes();
        let request = Request::new(kind.path(namespace)?).replace(segment(name)?, &writer(), data);
        let request = built(attempt, request)?;
        self.write(attempt, Wanted::Whole, &object, || send_once!(self.client, request))
    }

    fn delete(&self, kind: &Kind, namespace: &str, name: &str, guard: &Guard, how: Propagation) -> Result<bool> {
        let attempt = Attempt { verb: "delete", kind, namespace, name };
        if guard.uid.is_none() {
            let sentence = format!("{attempt}: without its uid, the request could change another object of that name");
            return Err(Error::new(ErrorKind::Invalid, sentence));
        }
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: guard.uid.clone(),
                resource_version: guard.resource_version.clone(),
            }),
            propagation_policy: Some(match how {
                Propagation::Background => PropagationPolicy::Background,
                Propagation::Foreground => PropagationPolicy::Foreground,
                Propagation::Orphan => PropagationPolicy::Orphan,
            }),
            ..DeleteParams::default()
        };
        let request = Request::new(kind.path(namespace)?).delete(segment(name)?, &parameters);
        let request = built(attempt, request)?;
        match self.exchange(attempt, || send_once!(self.client, request)) {
            (Ok(_), _) => Ok(true),
            // An earlier try may have been the one that deleted it.
            (Err(error), before) if error.kind() == ErrorKind::NotFound => Ok(before == Effect::Unknown),
            (Err(error), _) => Err(error),
        }
    }
}

pub(crate) fn built<T>(attempt: Attempt<'_>, request: std::result::Result<T, RequestError>) -> Result<T> {
    request.map_err(|error| Error::new(ErrorKind::Invalid, format!("{attempt}: {error}")))
}

fn writer() -> PostParams {
    PostParams { field_manager: Some(labels::US.to_owned()), ..PostParams::default() }
}

pub(crate) fn absent(answer: Result<Value>) -> Result<Option<Value>> {
    match answer {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// The objects of a list come without their kind.
pub(crate) fn complete(mut object: Value, kind: &Kind) -> Value {
    set(&mut object, &["apiVersion"], json!(kind.api_version));
    set(&mut object, &["kind"], json!(kind.kind));
    object
}

#[cfg(test)]
mod tests;
