//! Errors of the client library to messages: what was tried on which object, what the API server responded, what is
//! missing.

use std::fmt;

use kube::Error as Reported;
use kube::core::Status;

use crate::k8s::error::{Cause, Error, ErrorKind, causes};
use crate::k8s::kind::Kind;
use crate::support::redact::mask;

/// What was tried.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The verb of the permission: `get`, `list`, `create`, `update`, `patch`, `delete`.
    pub verb: &'static str,
    /// The kind of the object.
    pub kind: &'a Kind,
    pub namespace: &'a str,
    /// Its name; empty for all of them.
    pub name: &'a str,
}

impl fmt::Display for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.verb {
            "get" => "read",
            "update" | "patch" => "change",
            other => other,
        };
        write!(f, "could not {word} ")?;
        match self.name {
            "" => write!(f, "objects of kind {}", self.kind)?,
            name => write!(f, "{} {name}", self.kind)?,
        }
        if self.kind.namespaced && !self.namespace.is_empty() {
            write!(f, " in namespace {}", self.namespace)?;
        }
        Ok(())
    }
}

impl Attempt<'_> {
    /// The error for this report; no secret gets into it.
    pub fn failed(&self, report: &Reported, url: &str, secrets: &[String]) -> Error {
        match report {
            Reported::Api(status) => self.answered(status, secrets),
            Reported::Auth(error) => {
                let sentence = format!("{self}: could not get the credentials for {url}: {}", chain(error));
                Error::new(ErrorKind::Unauthorized, mask(&sentence, secrets))
            }
            Reported::SerdeError(_) => {
                let sentence = format!("{self}: the response of {url} is not a Kubernetes object");
                Error::new(ErrorKind::Other, sentence).hint("check that the address is the one of an API server")
            }
            other => {
                let sentence = format!("{self}: could not talk to {url}: {}", chain(other));
                Error::new(ErrorKind::Unreachable, mask(&sentence, secrets))
            }
        }
    }

    /// The error for an answer that is no object of Kubernetes.
    pub fn odd(&self, url: &str, what: &str) -> Error {
        let sentence = format!("{self}: the response of {url} is not a Kubernetes object: {what}");
        Error::new(ErrorKind::Other, sentence).hint("check that the address is the one of an API server")
    }

    /// The error for no answer at all.
    pub fn timed_out(&self, url: &str, seconds: f64) -> Error {
        let error = Error::new(ErrorKind::Timeout, format!("{self}: no answer from {url} within {seconds} s"));
        if matches!(self.verb, "get" | "list") {
            return error;
        }
        error.hint("it may have been done nevertheless; run the command again to find out")
    }

    fn answered(&self, status: &Status, secrets: &[String]) -> Error {
        let kind = kind_of(status);
        let message = if status.message.is_empty() { &status.reason } else { &status.message };
        let sentence = format!("{self}: {}", mask(message.trim(), secrets));
        let error = Error::new(kind, sentence).answered(mask(message.trim(), secrets));
        match kind {
            ErrorKind::Forbidden if error.is_for(Cause::NoPermission) => error.hint(self.permission()),
            ErrorKind::Unauthorized => error.hint("log in again; the credentials of this context are not accepted"),
            ErrorKind::Conflict if error.is_for(Cause::FieldConflict) => error.hint(
                "another client owns that field: set the value in the application or aspire-k8s.yaml, revert it, or \
                overwrite it with --helm-arg=--force-conflicts",
            ),
            ErrorKind::Conflict => error.hint("another client changed it in the meantime; run the command again"),
            _ => error,
        }
    }

    fn permission(&self) -> String {
        let place = if self.kind.namespaced && !self.namespace.is_empty() {
            format!(" in namespace {}", self.namespace)
        } else {
            " in the whole cluster".to_owned()
        };
        format!("the missing permission is `{}` on `{}`{place}", self.verb, self.kind.resource())
    }
}

fn kind_of(status: &Status) -> ErrorKind {
    match (status.code, status.reason.as_str()) {
        (_, "AlreadyExists") => ErrorKind::AlreadyExists,
        (401, _) => ErrorKind::Unauthorized,
        (403, _) => ErrorKind::Forbidden,
        (404, _) => ErrorKind::NotFound,
        (409, _) => ErrorKind::Conflict,
        // A patch for an object that was deleted and made again: its uid is taken for a change of the uid.
        (422, _) if causes(&status.message).contains(&Cause::OtherUid) => ErrorKind::Conflict,
        (400 | 413 | 415 | 422, _) => ErrorKind::Invalid,
        (504, _) | (_, "Timeout") => ErrorKind::Timeout,
        _ => ErrorKind::Other,
    }
}

/// An error and its causes, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    let mut said: Vec<String> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let mut own = text.clone();
        for deeper in &texts[index + 1..] {
            own = own.replace(deeper.as_str(), "");
        }
        let own = own.trim_end_matches([' ', ':', '\n']).trim_start_matches("ServiceError: ").to_owned();
        if !own.is_empty() && own != "ServiceError" && !said.contains(&own) {
            said.push(own);
        }
    }
    said.join(": ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::k8s::kind::{NAMESPACE, SECRET};

    fn answer(code: u16, reason: &str, message: &str) -> Reported {
        let status = json!({"status": "Failure", "code": code, "reason": reason, "message": message});
        Reported::Api(Box::new(serde_json::from_value(status).unwrap()))
    }

    #[test]
    fn every_answer_becomes_a_sentence() {
        let secret = Attempt { verb: "update", kind: &SECRET, namespace: "shop", name: "shop-secrets" };
        let namespace = Attempt { verb: "create", kind: &NAMESPACE, namespace: "", name: "shop" };
        for (attempt, report, kind, text) in [
            (
                secret,
                answer(403, "Forbidden", "User \"eve\" cannot update resource \"secrets\""),
                ErrorKind::Forbidden,
                "could not change Secret shop-secrets in namespace shop: User \"eve\" cannot update resource \
                 \"secrets\"\n  hint: the missing permission is `update` on `secrets` in namespace shop",
            ),
            (
                namespace,
                answer(403, "Forbidden", "User \"eve\" cannot create"),
                ErrorKind::Forbidden,
                "could not create Namespace shop: User \"eve\" cannot create\n  \
                 hint: the missing permission is `create` on `namespaces` in the whole cluster",
            ),
            (
                secret,
                answer(403, "Forbidden", "exceeded quota: q"),
                ErrorKind::Forbidden,
                "could not change Secret shop-secrets in namespace shop: exceeded quota: q",
            ),
            (
                secret,
                answer(422, "Invalid", "data[x]: Invalid value: \"hunter22\""),
                ErrorKind::Invalid,
                "could not change Secret shop-secrets in namespace shop: data[x]: Invalid value: \"***\"",
            ),
            (
                secret,
                answer(409, "Conflict", "modified"),
                ErrorKind::Conflict,
                "could not change Secret shop-secrets in namespace shop: modified\n  \
                 hint: another client changed it in the meantime; run the command again",
            ),
        ] {
            let error = attempt.failed(&report, "https://a", &["hunter22".to_owned()]);
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
        }
        let other = "Secret \"x\" is invalid: metadata.uid: Invalid value: \"u\": field is immutable";
        assert!(secret.failed(&answer(422, "Invalid", other), "u", &[]).is_conflict());
        let codes = [(409, "AlreadyExists"), (404, "NotFound"), (401, "Unauthorized"), (504, "Timeout"), (500, "X")];
        let kinds = codes.map(|(code, reason)| secret.failed(&answer(code, reason, "m"), "u", &[]).kind());
        let expected = [
            ErrorKind::AlreadyExists,
            ErrorKind::NotFound,
            ErrorKind::Unauthorized,
            ErrorKind::Timeout,
            ErrorKind::Other,
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn a_write_without_an_answer_may_have_happened() {
        let attempt = Attempt { verb: "create", kind: &SECRET, namespace: "n", name: "x" };
        let error = attempt.timed_out("https://a", 2.5).to_string();
        assert!(error.contains("within 2.5 s") && error.contains("may have been done"), "{error}");
    }
}
