//! Probes of known servers: what they are asked, as the keys of a pod, and when.

use crate::app::{Port, Workload};
use crate::targets::readiness::{Question, question};
use serde_json::{Map, Value as Json, json};

/// Tries until a server that reads much data has started: with a period of 10 s, one hour. What is killed earlier than that
/// begins again.
const STARTS: u32 = 360;

/// What the startup and readiness probes of a known server ask and when; none if only its port can be tried.
/// `named` gives the name of a port of the container.
pub(super) fn ask(image: &str, workload: &Workload, named: impl Fn(&Port) -> Json) -> Option<[Map<String, Json>; 2]> {
    let get = |path: &str, port: Json| json!({"httpGet": {"path": path, "port": port}});
    let (mut ask, seconds) = match question(image, workload)? {
        Question::Command(command) => (json!({"exec": {"command": command}}), 10),
        Question::Endpoint { path, port } => {
            let mut ask = get(path, named(port));
            if port.scheme == "https" {
                ask["httpGet"]["scheme"] = json!("HTTPS");
            }
            (ask, 5)
        }
        Question::Number { path, port } => (get(path, json!(port)), 5),
    };
    ask["periodSeconds"] = json!(10);
    ask["timeoutSeconds"] = json!(seconds);
    let of = |failures: u32| {
        let mut probe = ask.as_object().cloned().unwrap_or_default();
        probe.insert("failureThreshold".into(), json!(failures));
        probe
    };
    Some([of(STARTS), of(3)])
}
