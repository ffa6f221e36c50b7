//! Requests that store nothing: reading objects, and dry runs of writes, many at a time.
//!
//! A dry run goes through defaulting, admission and validation of the API server like the write itself, and needs the
//! same permission.

use kube::api::{Patch, PatchParams, PostParams};
use kube::core::Request;
use kube::core::params::GetParams;
use serde_json::Value;
use tokio::task::JoinSet;

use super::explain::Attempt;
use crate::cluster::api::address::segment;
use crate::cluster::api::send::{send_once, send_with_retry};
use crate::cluster::connect::client::{Cluster, absent, built};
use crate::k8s::error::Result;
use crate::k8s::kind::Kind;
use crate::k8s::object::name_of;

/// The name under which every helm manages fields, whatever its file is called.
pub(crate) const HELM: &str = "helm";

/// Requests that are under way at the same time; more would only wait in the API server.
const AT_ONCE: usize = 8;

/// What is asked. Dry runs are those of helm.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Probe<'a> {
    /// The object of this name.
    Get(&'a str),
    /// What a server-side apply would make of it; a field that another client set otherwise is a conflict, unless it is taken
    /// over by force.
    Apply(&'a Value, bool),
    /// What creating it would give.
    Create(&'a Value),
    /// What merging into the object of this name would give (RFC 7386).
    Patch(&'a str, &'a Value),
}

/// A probe and where it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// The kind of the object.
    pub kind: &'a Kind,
    pub namespace: &'a str,
    /// What is asked.
    pub probe: Probe<'a>,
}

impl Question<'_> {
    /// The verb of the permission that the question needs.
    pub(crate) fn verb(&self) -> &'static str {
        match self.probe {
            Probe::Get(_) => "get",
            Probe::Create(_) => "create",
            Probe::Apply(..) | Probe::Patch(..) => "patch",
        }
    }

    /// The name of the object.
    pub(crate) fn name(&self) -> &str {
        match self.probe {
            Probe::Get(name) | Probe::Patch(name, _) => name,
            Probe::Apply(object, _) | Probe::Create(object) => name_of(object),
        }
    }

    fn attempt(&self) -> Attempt<'_> {
        Attempt { verb: self.verb(), kind: self.kind, namespace: self.namespace, name: self.name() }
    }
}

impl Cluster {
    /// The answers in the order of the questions; none if there is no such object.
    pub(crate) fn ask(&self, questions: &[Question<'_>]) -> Vec<Result<Option<Value>>> {
        let mut answers = Vec::with_capacity(questions.len());
        for some in questions.chunks(AT_ONCE) {
            answers.extend(self.at_once(some));
        }
        answers
    }

    fn at_once(&self, questions: &[Question<'_>]) -> Vec<Result<Option<Value>>> {
        let mut answers: Vec<Option<Result<Option<Value>>>> = questions.iter().map(|_| None).collect();
        let mut running = JoinSet::new();
        for (index, question) in questions.iter().enumerate() {
            match self.sending(question) {
                Ok(sending) => {
                    let limit = self.timeout;
                    let limited = async move { (index, tokio::time::timeout(limit, sending).await) };
                    running.spawn_on(limited, self.runtime.handle());
                }
                Err(error) => answers[index] = Some(Err(error)),
            }
        }
        self.runtime.block_on(async {
            while let Some(ended) = running.join_next().await {
                let Ok((index, answer)) = ended else { continue };
                let attempt = questions[index].attempt();
                let answer = match answer {
                    Ok(Ok(value)) => Ok(value),
                    Ok(Err(report)) => Err(attempt.failed(&report, &self.url, &self.hidden())),
                    Err(_) => Err(attempt.timed_out(&self.url, self.timeout.as_secs_f64())),
                };
                answers[index] = Some(absent(answer));
            }
        });
        let lost = |index: usize| Err(questions[index].attempt().timed_out(&self.url, self.timeout.as_secs_f64()));
        answers.into_iter().enumerate().map(|(index, answer)| answer.unwrap_or_else(|| lost(index))).collect()
    }

    fn sending(&self, question: &Question<'_>) -> Result<impl Future<Output = kube::Result<Value>> + Send + 'static> {
        let attempt = question.attempt();
        let address = Request::new(question.kind.path(question.namespace)?);
        let name = segment(question.name())?;
        let manager = || Some(HELM.to_owned());
        let request = match question.probe {
            Probe::Get(_) => address.get(name, &GetParams::default()),
            Probe::Create(object) => {
                self.hide_data_of(question.kind, object);
                let parameters = PostParams { dry_run: true, field_manager: manager() };
                address.create(&parameters, object.to_string().into_bytes())
            }
            Probe::Apply(object, force) => {
                self.hide_data_of(question.kind, object);
                let parameters = PatchParams { force, ..PatchParams::apply(HELM).dry_run().validation_strict() };
                address.patch(name, &parameters, &Patch::Apply(object))
            }
            Probe::Patch(_, patch) => {
                self.hide_data_of(question.kind, patch);
                let parameters = PatchParams { field_manager: manager(), ..PatchParams::default() }.dry_run();
                address.patch(name, &parameters, &Patch::Merge(patch))
            }
        };
        let (request, client, limit) = (built(attempt, request)?, self.client.clone(), self.timeout);
        Ok(async move { send_with_retry(limit, || send_once!(client, request)).await.0 })
    }
}
