//! The state of the containers of a pod: images, crashes, memory, probes.

use super::Reason;
use super::objects::{Workload, at, list, number, text};
use super::symptom::{Log, Symptom};
use crate::rollout::diagnostics;
use serde_json::Value;

/// How often a container may end before it counts as a crash: a program that looks for its database may end once or twice.
const ENDED_OFTEN: u64 = 3;

/// From here on the kubelet waits more than a minute between two tries.
const ENDED_FOR_GOOD: u64 = 5;

/// One container of a pod, with its status.
struct ContainerState<'a> {
    workload: &'a Workload<'a>,
    pod: &'a Value,
    status: &'a Value,
    name: &'a str,
}

/// What the containers of a pod show, those that run first before the others.
pub(super) fn symptoms(workload: &Workload, pod: &Value) -> Vec<Symptom> {
    let before = list(pod, "/status/initContainerStatuses");
    let statuses = before.chain(list(pod, "/status/containerStatuses"));
    statuses
        .filter_map(|status| {
            let seen = ContainerState { workload, pod, status, name: text(status, "/name") };
            seen.not_running().or_else(|| seen.ended()).or_else(|| seen.not_ready())
        })
        .collect()
}

impl ContainerState<'_> {
    fn symptom(&self, reason: Reason, sentence: String, hint: &str) -> Symptom {
        Symptom::of(self.workload, reason, sentence, hint).pod(self.pod).container(self.name)
    }

    fn spec(&self) -> &Value {
        let all = list(self.pod, "/spec/containers").chain(list(self.pod, "/spec/initContainers"));
        let mut found = all.filter(|container| container["name"] == self.name);
        found.next().unwrap_or(&Value::Null)
    }

    /// `container worker` where the pod has others, else nothing.
    fn called(&self) -> String {
        let alone = list(self.pod, "/spec/containers").chain(list(self.pod, "/spec/initContainers")).count() <= 1;
        if alone || self.name == self.workload.name() { String::new() } else { format!("container {}: ", self.name) }
    }

    /// The latest warning about this container that starts so.
    fn warned(&self, start: &str) -> Option<&str> {
        let field = format!("{{{}}}", self.name);
        let events = self.workload.events_of(self.pod).iter().rev();
        let mut about = events.filter(|event| text(event, "/involvedObject/fieldPath").ends_with(&field));
        about.find_map(|event| Some(text(event, "/message")).filter(|said| said.starts_with(start)))
    }

    fn not_running(&self) -> Option<Symptom> {
        let waiting = text(self.status, "/state/waiting/reason");
        let said = text(self.status, "/state/waiting/message");
        let image = text(self.spec(), "/image");
        // The kubelet tells the cause when the pull fails, and only that it waits afterwards.
        let pulled = self.warned("Failed to pull image").unwrap_or_default();
        let row = diagnostics::not_running(waiting, &without(&format!("{said} {pulled}"), image), said)?;
        let sentence = if row.reason == Reason::ImageNotPulled {
            format!("{}image {image} cannot be pulled: {}", self.called(), row.words)
        } else {
            format!("{}{}", self.called(), row.words)
        };
        Some(self.symptom(row.reason, sentence, row.hint).times(row.patience, row.final_after))
    }

    /// A container that ended and was not meant to, or that ended often and is not ready.
    fn ended(&self) -> Option<Symptom> {
        let now = at(self.status, "/state/terminated");
        let waits = text(self.status, "/state/waiting/reason") == "CrashLoopBackOff";
        let restarts = number(self.status, "/restartCount");
        let is_init = list(self.pod, "/status/initContainerStatuses").any(|status| std::ptr::eq(status, self.status));
        if is_init && number(now, "/exitCode") == 0 && !now.is_null() {
            return None;
        }
        let ended = if now.is_null() { at(self.status, "/lastState/terminated") } else { now };
        let runs = now.is_null() && !waits;
        if ended.is_null() || (runs && self.status["ready"] == true) {
            return None;
        }
        let count = if runs { restarts } else { restarts + 1 };
        let code = number(ended, "/exitCode");
        let log = if now.is_null() && runs { Log::Previous } else { Log::Current };
        let patience = (!runs && count >= ENDED_OFTEN).then_some(0).or((runs && count > ENDED_OFTEN).then_some(0));
        let final_after = (count >= ENDED_FOR_GOOD).then_some(0);
        let called = self.called();
        let mut symptom = if text(ended, "/reason") == "OOMKilled" {
            let limit = text(self.spec(), "/resources/limits/memory");
            let limit = if limit.is_empty() { "the node had".to_owned() } else { format!("its limit of {limit}") };
            let hint = format!(
                "raise the memory limit in `resources.{}.resources`, or reduce the memory use of the app",
                self.workload.name()
            );
            self.symptom(
                Reason::OutOfMemory,
                format!("{called}it was killed for using more memory than {limit}"),
                &hint,
            )
            .times(0, (count >= ENDED_OFTEN).then_some(0))
        } else if text(ended, "/reason") == "StartError" {
            let said = text(ended, "/message");
            let row = diagnostics::not_running("RunContainerError", said, said)?;
            self.symptom(row.reason, format!("{called}{}", row.words), row.hint).times(row.patience, row.final_after)
        } else if let Some(said) = self.warned("Liveness probe failed") {
            let sentence = format!("{called}it is restarted because its liveness probe fails: {said}");
            self.symptom(Reason::Crashes, sentence, diagnostics::probe(said)).times(patience, final_after)
        } else {
            let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
            let sentence =
                format!("{called}it has ended {times}, last with exit code {code}{}", diagnostics::exit_code(code));
            let hint = "its last log lines show why; fix it, or its configuration";
            let at_once = if code == 126 || code == 127 { Some(0) } else { patience };
            self.symptom(Reason::Crashes, sentence, hint).times(at_once, final_after)
        };
        symptom.log = Some(log);
        Some(symptom)
    }

    /// A container that runs and whose readiness (or startup) probe fails.
    fn not_ready(&self) -> Option<Symptom> {
        if at(self.status, "/state/running").is_null() || self.status["ready"] == true {
            return None;
        }
        let is_init = list(self.pod, "/status/initContainerStatuses").any(|status| std::ptr::eq(status, self.status));
        let said = self.warned("Readiness probe").or_else(|| self.warned("Startup probe"));
        let (sentence, hint) = match said {
            Some(said) => (format!("{}it runs but is not ready: {said}", self.called()), diagnostics::probe(said)),
            None if is_init => (
                format!("the pod waits for its init container {}, which still runs", self.name),
                "the log of the container may show what it waits for",
            ),
            None => (
                format!("{}it runs but is not ready", self.called()),
                "the log of the container may show what it waits for",
            ),
        };
        let mut symptom = self.symptom(Reason::NotReady, sentence, hint).times(30, None);
        symptom.log = Some(Log::Current);
        Some(symptom)
    }
}

/// A sentence without the name of the image, which could hold the words that are looked for.
fn without(said: &str, image: &str) -> String {
    if image.is_empty() { said.to_owned() } else { said.replace(image, "") }
}
