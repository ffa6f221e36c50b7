//! Whether and when a failed request is retried, and how to find out whether a write with a lost response was done.
//!
//! Every write names the state that it expects, so sending it twice does it once. If the first attempt was applied, the
//! rejection of the second one shows it. Pure: no request is sent here.

use std::error::Error as Cause;
use std::io;
use std::time::Duration;

use kube::Error as Reported;
use serde_json::Value;

/// How often a request is sent at most.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// What a server may ask us to wait at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a failed try may have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing: it was turned away.
    None,
    /// Unknown: it may have been done.
    Unknown,
}

/// What a try that is worth another one may have done; none when another one would end the same.
pub(crate) fn effect(report: &Reported) -> Option<Effect> {
    match report {
        Reported::Api(status) => of_answer(status.code),
        Reported::Auth(_) | Reported::SerdeError(_) => None,
        other => of_connection(other),
    }
}

fn of_answer(code: u16) -> Option<Effect> {
    match code {
        429 => Some(Effect::None),
        500 | 502 | 503 | 504 => Some(Effect::Unknown),
        _ => None,
    }
}

fn of_connection(report: &Reported) -> Option<Effect> {
    let mut cause: Option<&(dyn Cause + 'static)> = Some(report);
    while let Some(error) = cause {
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => return Some(Effect::None),
            Some(
                io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::NotConnected
                | io::ErrorKind::UnexpectedEof,
            ) => return Some(Effect::Unknown),
            _ => {}
        }
        // The HTTP library has no name for it.
        if error.to_string().contains("connection closed before message completed") {
            return Some(Effect::Unknown);
        }
        cause = error.source();
    }
    None
}

/// How long to wait before another try after this many; none when it was the last. `asked` is what the server wants.
pub(crate) fn pause(tries: u32, asked: Option<Duration>) -> Option<Duration> {
    let own = FIRST_PAUSE * 2_u32.pow(tries.saturating_sub(1).min(6));
    (tries < TRIES).then(|| asked.unwrap_or_default().max(own).min(LONGEST_PAUSE))
}

/// What a write asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A new object: the server adds to it.
    New,
    /// This object and no more.
    Whole,
    /// These parts; null for what is to go.
    Parts,
}

/// Whether an earlier try of this write was done: the live object says what was asked for.
pub(crate) fn was_done(kind: Wanted, live: &Value, wanted: &Value) -> bool {
    let (Some(fields), live_fields) = (wanted.as_object(), live) else { return false };
    let own = fields.iter().filter(|(key, _)| !["metadata", "apiVersion", "kind", "status"].contains(&key.as_str()));
    let marks = ["labels", "annotations"]
        .into_iter()
        .filter_map(|group| Some((&live["metadata"][group], wanted.get("metadata")?.get(group)?)));
    let pairs = own.map(|(key, value)| (&live_fields[key.as_str()], value));
    pairs.chain(marks).all(|(live, wanted)| if kind == Wanted::Whole { live == wanted } else { holds(live, wanted) })
}

fn holds(live: &Value, wanted: &Value) -> bool {
    match wanted {
        Value::Object(fields) => fields.iter().all(|(key, value)| holds(&live[key.as_str()], value)),
        other => live == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn api(code: u16) -> Reported {
        let status = json!({"status": "Failure", "code": code, "reason": "R", "message": "m"});
        Reported::Api(Box::new(serde_json::from_value(status).unwrap()))
    }

    #[test]
    fn only_what_may_pass_by_itself_is_tried_again() {
        for (code, expected) in [
            (429, Some(Effect::None)),
            (500, Some(Effect::Unknown)),
            (502, Some(Effect::Unknown)),
            (503, Some(Effect::Unknown)),
            (504, Some(Effect::Unknown)),
            (400, None),
            (401, None),
            (403, None),
            (404, None),
            (409, None),
            (422, None),
        ] {
            assert_eq!(effect(&api(code)), expected, "{code}");
        }
        for (kind, expected) in [
            (io::ErrorKind::ConnectionRefused, Some(Effect::None)),
            (io::ErrorKind::ConnectionReset, Some(Effect::Unknown)),
            (io::ErrorKind::UnexpectedEof, Some(Effect::Unknown)),
            (io::ErrorKind::InvalidData, None),
        ] {
            assert_eq!(effect(&Reported::Service(Box::new(io::Error::from(kind)))), expected, "{kind:?}");
        }
    }

    #[test]
    fn pauses_grow_follow_the_server_and_end() {
        let pauses: Vec<u128> = (1..).map_while(|tries| Some(pause(tries, None)?.as_millis())).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600]);
        assert_eq!(pause(1, Some(Duration::from_secs(3))), Some(Duration::from_secs(3)));
        assert_eq!(pause(1, Some(Duration::from_secs(3000))), Some(LONGEST_PAUSE));
    }

    #[test]
    fn what_a_first_try_did_is_seen() {
        let wanted = json!({"metadata": {"name": "a", "uid": "u", "labels": {"l": "1"}}, "data": {"k": "v"}});
        let mut live =
            json!({"metadata": {"name": "a", "uid": "u", "labels": {"l": "1"}}, "data": {"k": "v"}, "type": "Opaque"});
        for kind in [Wanted::New, Wanted::Whole, Wanted::Parts] {
            assert!(was_done(kind, &live, &wanted), "{kind:?}");
        }
        live["data"]["more"] = json!("x");
        assert!(was_done(Wanted::New, &live, &wanted) && !was_done(Wanted::Whole, &live, &wanted));
        live["metadata"]["labels"]["l"] = json!("2");
        assert!(!was_done(Wanted::New, &live, &wanted));
        assert!(was_done(Wanted::Parts, &live, &json!({"data": {"gone": null, "k": "v"}})));
        assert!(!was_done(Wanted::Parts, &live, &json!({"data": {"k": null}})));
    }
}
