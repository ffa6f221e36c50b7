//! Helm, the API server and the namespace: do they exist, and are they recent enough?

use super::pods::pods;
use super::{Finding, Verdict};
use crate::helm::{Error as HelmError, Version};
use crate::k8s::error::Error;
use crate::k8s::object::name_of;
use serde_json::Value as Json;

/// The oldest Kubernetes that charts are made for (`kubeVersion` of Chart.yaml).
const OLDEST: (u32, u32) = (1, 29);
/// The first Kubernetes that takes any printable text as the name of a variable.
const ANY_NAME: (u32, u32) = (1, 34);

/// The helm that was found: its path and version.
pub(crate) type HelmFound = (String, Version);

/// Findings about helm.
pub(crate) fn helm(found: &Result<HelmFound, HelmError>) -> Vec<Finding> {
    match found {
        Err(error) => {
            let text = error.to_string();
            let (reason, fix) = text.split_once("\n  hint: ").unwrap_or((&text, ""));
            vec![Finding::new("helm", Verdict::Failed, "", reason).fix(fix)]
        }
        Ok((program, version)) => vec![Finding::new("helm", Verdict::Ok, "", format!("{version} ({program})"))],
    }
}

/// Findings about the API server. `objects` are the chart's, as far as there is one.
pub(crate) fn server(version: &Result<String, Error>, url: &str, objects: &[Json]) -> Vec<Finding> {
    let text = match version {
        Ok(text) => text,
        Err(error) => {
            let mut finding = Finding::unread("cluster", url, error);
            // Whoever may not even ask for the version is not let in at all.
            finding.verdict = Verdict::Failed;
            return vec![finding.fix(error.advice())];
        }
    };
    let Some(number) = numbers(text) else {
        let reason = format!("the API server reports the version `{text}`");
        return vec![
            Finding::new("cluster", Verdict::Warning, url, reason)
                .fix("check that the address is the one of an API server"),
        ];
    };
    if number < OLDEST {
        let reason =
            format!("the API server has version {text}; charts need Kubernetes {}.{} or later", OLDEST.0, OLDEST.1);
        return vec![Finding::new("cluster", Verdict::Failed, url, reason).fix("upgrade the cluster")];
    }
    let mut findings = vec![Finding::new("cluster", Verdict::Ok, url, format!("Kubernetes {text}"))];
    if number < ANY_NAME {
        findings.extend(odd_names(objects).map(|(workload, name)| {
            let reason = format!("the variable `{name}` needs Kubernetes 1.34 or later, the API server is {text}");
            let fix =
                "rename it to letters, digits, `_`, `-` and `.`, not beginning with a digit, or upgrade the cluster";
            Finding::new("cluster", Verdict::Failed, format!("workload {workload}"), reason).fix(fix)
        }));
    }
    findings
}

/// Finding about the namespace.
pub(crate) fn namespace(name: &str, found: &Result<Option<Json>, Error>) -> Vec<Finding> {
    let (verdict, reason, fix) = match found {
        Err(error) => return vec![Finding::unread("namespace", name, error)],
        Ok(None) => (Verdict::Ok, "it does not exist; `deploy` creates it", ""),
        Ok(Some(live)) if !live["metadata"]["deletionTimestamp"].is_null() => {
            (Verdict::Failed, "it is being deleted", "wait until it is gone, then run again")
        }
        Ok(Some(_)) => (Verdict::Ok, "it exists", ""),
    };
    vec![Finding::new("namespace", verdict, name, reason).fix(fix)]
}

/// Variables with names that Kubernetes refused before 1.34: (workload, name).
fn odd_names(objects: &[Json]) -> impl Iterator<Item = (&str, &str)> {
    pods(objects).into_iter().flat_map(|pods| {
        let variables =
            pods.containers().chain(pods.init_containers()).filter_map(|container| container["env"].as_array());
        let names = variables.flatten().map(name_of_variable).filter(|name| !is_plain(name));
        names.map(move |name| (name_of(pods.owner), name)).collect::<Vec<_>>()
    })
}

fn name_of_variable(variable: &Json) -> &str {
    variable["name"].as_str().unwrap_or_default()
}

/// The rule of all versions: letters, digits, `_`, `-`, `.`, no digit first.
fn is_plain(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// `v1.36.3+k3s1` as (1, 36).
fn numbers(version: &str) -> Option<(u32, u32)> {
    let (major, rest) = version.trim_start_matches('v').split_once('.')?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((major.parse().ok()?, rest[..end].parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::error::ErrorKind;
    use serde_json::json;

    fn with_variable(name: &str) -> Vec<Json> {
        let container = json!({"name": "api", "env": [{"name": name, "value": "x"}]});
        vec![
            json!({"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"template": {"spec": {"containers": [container]}}}}),
        ]
    }

    #[test]
    fn old_servers_are_named() {
        for (version, variable, verdict, words) in [
            ("v1.36.3", "A:B", Verdict::Ok, "Kubernetes v1.36.3"),
            ("v1.34.0-rc.1", "A:B", Verdict::Ok, "Kubernetes"),
            ("v1.33.9+k3s1", "A:B", Verdict::Failed, "the variable `A:B` needs Kubernetes 1.34"),
            ("v1.33.9", "1A", Verdict::Failed, "the variable `1A`"),
            ("v1.33.9", "A.B-c_1", Verdict::Ok, "v1.33.9"),
            ("v1.29.0", "A", Verdict::Ok, "v1.29.0"),
            ("v1.28.15", "A", Verdict::Failed, "charts need Kubernetes 1.29"),
            ("", "A", Verdict::Warning, "reports the version"),
        ] {
            let found = server(&Ok(version.to_owned()), "https://a", &with_variable(variable));
            let last = found.last().unwrap();
            assert_eq!(last.verdict, verdict, "{version} {last}");
            assert!(last.to_string().contains(words), "{version}: {last}");
        }
    }

    #[test]
    fn a_server_that_does_not_answer_is_a_fault() {
        for kind in [ErrorKind::Unreachable, ErrorKind::Unauthorized, ErrorKind::Forbidden] {
            let found = server(&Err(Error::new(kind, "no").hint("log in")), "https://a", &[]);
            assert_eq!((found[0].verdict, found[0].fix.as_str()), (Verdict::Failed, "log in"));
        }
    }

    #[test]
    fn helm_is_found() {
        let found = helm(&Ok(("/bin/helm".into(), Version::parse("v4.2.4").unwrap())));
        assert_eq!(found[0].to_string(), "helm: 4.2.4 (/bin/helm)");
        let missing = &helm(&Err(HelmError::Missing("none".into())))[0];
        assert_eq!((missing.verdict, missing.reason.as_str()), (Verdict::Failed, "helm was not found: none"));
        assert!(missing.fix.starts_with("install helm"), "{missing}");
    }

    #[test]
    fn a_namespace_that_goes_is_a_fault() {
        let going = json!({"metadata": {"deletionTimestamp": "now"}});
        for (found, verdict) in [
            (Ok(None), Verdict::Ok),
            (Ok(Some(json!({}))), Verdict::Ok),
            (Ok(Some(going)), Verdict::Failed),
            (Err(Error::new(ErrorKind::Forbidden, "no")), Verdict::Skipped),
        ] {
            assert_eq!(namespace("n", &found)[0].verdict, verdict);
        }
    }
}
