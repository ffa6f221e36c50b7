//! What other programs say.

use super::text;
use kubectl_aspire::internals::cluster::api::Attempt;
use kubectl_aspire::internals::k8s::SECRET;
use kubectl_aspire::internals::support::redact::Mask;
use kubectl_aspire::internals::support::redact::MaskedLines;
use kubectl_aspire::internals::support::yaml;
use kubectl_aspire::internals::{helm, sops};
use serde_json::json;
use std::hint::black_box;
use std::sync::LazyLock;

pub(super) fn outputs() -> Vec<Vec<u8>> {
    let texts = [
        "Pulled: oci://x\nDigest: sha256:1\n[{\"name\": \"shop\", \"namespace\": \"n\", \"revision\": \"3\", \"status\": \"deployed\"}]\n",
        "apiVersion: v2\nname: redis\nversion: 1.2.3\ndependencies: [{name: a, version: 1.x.x}]\n",
        "Error: UPGRADE FAILED: unable to build kubernetes objects: resource mapping not found for name: \"i\" namespace: \"\" from \"\": no matches for kind \"Issuer\" in version \"cert-manager.io/v1\"\nensure CRDs are installed first\n",
        "password: hunter2-\\u0073ecret aHVudGVyMi1zZWNyZXQ= %68unter2-secret &#34;hunter2&#34; [104 117 110 116]\n",
        "{\"manifest\": \"---\\n\", \"hooks\": [{\"name\": \"a\", \"kind\": \"Pod\"}], \"apply_method\": \"ssa\"}\n",
        "error validating \"x\": at '/a/b': 'hunter2-secret' is \\\"wrong\\\" \u{1b}[31mred\n",
    ];
    texts.into_iter().map(Into::into).collect()
}

pub(super) fn helm_says(text: &str) {
    black_box((helm::first_json::<Vec<helm::Release>>(text), helm::first_json::<Vec<helm::Revision>>(text)));
    black_box((helm::first_json::<helm::Intended>(text).is_some(), helm::chart_yaml(text)));
    black_box(helm::Version::parse(text));
    let lines = text.lines().map(str::to_owned).collect();
    let failure = helm::Failure::saying("helm upgrade", helm::Ended::Status(1), lines);
    let error = helm::Error::Failed(Box::new(failure));
    black_box((error.is_not_found(), error.is_in_progress(), error.is_not_ready()));
    black_box((error.is_webhook_away(), error.is_no_such_chart(), error.unknown_kinds().len(), error.to_string()));
}

/// Secrets of several kinds in a text; one that stands there as it is never stays.
pub(super) fn masked(text: &str) {
    static MASK: LazyLock<Mask> = LazyLock::new(|| {
        let secrets =
            ["hunter2-secret", "p%4\"\\ss'w+rd ", "abc", "line one\nline two of it", "{\"key\": \"\\u00e9\"}"];
        Mask::new(&secrets.map(str::to_owned))
    });
    assert!(!MASK.text(text).contains("hunter2-secret"), "a secret is shown");
    let mut lines = MaskedLines::new(&MASK);
    let mut shown: Vec<String> = text.lines().flat_map(|line| lines.push(line)).collect();
    shown.extend(lines.finish());
    assert!(!shown.concat().contains("hunter2-secret"), "a secret is shown");
    // A secret that is what is looked through.
    if text.len() < 2_000 {
        black_box(Mask::new(&[text.to_owned()]).text(&text.to_uppercase()));
    }
}

/// A text that is found to be affordable is.
pub(super) fn affordable(bytes: &[u8]) {
    let text = text(bytes);
    if yaml::affordable(&text).is_ok() {
        black_box(yaml::documents(&text).map_while(Result::ok).count());
    }
}

/// Bodies of answers with which an API server refuses.
pub(super) fn statuses() -> Vec<Vec<u8>> {
    let status = |code: u16, reason: &str, message: &str| {
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
            "message": message, "details": {"name": "api", "kind": "secrets", "causes": [{"field": "a", "message": "b"}]}})
    };
    let all = [
        status(
            403,
            "Forbidden",
            "secrets \"api\" is forbidden: User \"hunter2-secret\" cannot get resource \"secrets\"",
        ),
        status(409, "Conflict", "Apply failed with 1 conflict: conflict with \"x\": .spec.replicas"),
        status(422, "Invalid", "metadata.uid: Invalid value: \"1\": field is immutable"),
        status(504, "Timeout", ""),
    ];
    all.map(|status| status.to_string().into()).into()
}

/// An answer that is no success, as it is and as what the client library could not read. A secret in it is not shown.
pub(super) fn refused(bytes: &[u8]) {
    let secrets = ["hunter2-secret".to_owned()];
    let report = match serde_json::from_slice(bytes) {
        Ok(status) => kube::Error::Api(Box::new(status)),
        Err(error) => kube::Error::SerdeError(error),
    };
    for verb in ["get", "list", "create", "patch"] {
        let attempt = Attempt { verb, kind: &SECRET, namespace: "n", name: "api" };
        let error = attempt.failed(&report, "https://x.example", &secrets);
        assert!(!error.to_string().contains("hunter2-secret"), "a secret is shown");
        black_box(attempt.odd("https://x.example", &text(bytes)).to_string());
    }
}

/// A complaint of sops, with every exit code that has a sentence, and with none.
pub(super) fn sops_says(text: &str) {
    for code in [None, Some(1), Some(24), Some(51), Some(128)] {
        let diagnostic = sops::explain("file".to_owned(), code, text);
        assert!(diagnostic.what.len() < 4_000, "a complaint of any length is repeated");
    }
}
