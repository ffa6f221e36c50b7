//! The API server's own check of the pods of a chart: one pod of each workload is sent as a dry run, and the response
//! is classified.
//!
//! It covers what no rule here knows: exemptions, webhooks, policies, service accounts and priority classes.

use super::pods::pods;
use super::{Finding, Verdict, or_ok, security};
use crate::k8s::error::{Cause, Error, ErrorKind};
use crate::k8s::object::{name_of, set};
use serde_json::{Value as Json, json};

/// Most pods that are tried; an application with more has many alike.
const MOST: usize = 50;

/// A pod to try, and the workload that it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    pub workload: String,
    pub pod: Json,
}

/// The cause of an answer, the check that it belongs to, and the way out.
const ANSWERS: [(Cause, &str, &str); 6] = [
    (Cause::PodSecurity, "pod-security", ""),
    (Cause::Quota, "quota", "request a larger quota, or set less in `resources` in aspire-k8s.yaml"),
    (Cause::QuotaUnset, "quota", "set what it names in `resources` of the workload, or in `defaults.resources`"),
    (Cause::Limits, "limits", "set `resources` in aspire-k8s.yaml to values in the range"),
    (Cause::ServiceAccount, "admission", "create the service account, or change `serviceAccount` in aspire-k8s.yaml"),
    (Cause::PriorityClass, "admission", "create the priority class, or change `priorityClass` in aspire-k8s.yaml"),
];

/// One pod of each workload.
pub fn trial_pods(objects: &[Json]) -> Vec<Trial> {
    let accounts: Vec<&str> = objects.iter().filter(|object| object["kind"] == "ServiceAccount").map(name_of).collect();
    let of = |pods: super::Pods<'_>| {
        let mut spec = pods.spec().clone();
        // A service account of the chart does not exist yet.
        if spec["serviceAccountName"].as_str().is_some_and(|name| accounts.contains(&name))
            && let Some(spec) = spec.as_object_mut()
        {
            spec.remove("serviceAccountName");
        }
        // A pod of a Deployment has what a Deployment fills in; here nothing does.
        let usual = if pods.owner["kind"] == "Job" { "Never" } else { "Always" };
        let policy = spec["restartPolicy"].as_str().unwrap_or(usual).to_owned();
        set(&mut spec, &["restartPolicy"], policy.into());
        // So has a pod of a StatefulSet the volumes of its own claims.
        let templates = pods.owner["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
        for name in templates.map(name_of) {
            let claim =
                json!({"name": name, "persistentVolumeClaim": {"claimName": format!("{name}-{}-0", pods.name())}});
            match spec.get_mut("volumes").and_then(Json::as_array_mut) {
                Some(volumes) => volumes.push(claim),
                None => set(&mut spec, &["volumes"], json!([claim])),
            }
        }
        let mut metadata = pods.template["metadata"].clone();
        set(&mut metadata, &["generateName"], json!(format!("{}-", pods.name())));
        if let Some(map) = metadata.as_object_mut() {
            map.remove("name");
        }
        Trial {
            workload: pods.name().to_owned(),
            pod: json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}),
        }
    };
    pods(objects).into_iter().take(MOST).map(of).collect()
}

/// Findings out of the answers, in the order of the trials. `level` is what the namespace enforces.
pub(crate) fn trials(tried: &[Trial], answers: &[Result<Json, Error>], namespace: Option<&Json>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut unknown = false;
    for (trial, answer) in tried.iter().zip(answers) {
        let Err(error) = answer else { continue };
        let text = error.sentence();
        let known = ANSWERS.iter().find(|(cause, ..)| error.is_for(*cause));
        if let Some((_, check, fix)) = known {
            findings.push(refused(trial, check, error.said(), fix, namespace));
        } else if matches!(error.kind(), ErrorKind::Invalid) && !error.is_for(Cause::Unread)
            || error.is_for(Cause::Denied)
        {
            // What is no Pod at all may be a number as only helm reads it, which is no fault of the chart. Helm itself stops
            // at a real one before it changes anything.
            findings.push(refused(
                trial,
                "admission",
                error.said(),
                "change the field that it names, or ask the owner of the policy",
                namespace,
            ));
        } else if !unknown {
            // Without the right, or without the namespace, or with a webhook that cannot be tried, the rules have to do.
            unknown = true;
            findings.push(Finding::new("admission", Verdict::Skipped, format!("pods of {}", trial.workload), text));
        }
    }
    or_ok(findings, "admission", "", format!("the API server accepts a pod of each of {} workloads", tried.len()))
}

fn refused(trial: &Trial, check: &'static str, said: &str, fix: &str, namespace: Option<&Json>) -> Finding {
    if check == "pod-security" {
        let level = namespace.and_then(security::level).unwrap_or("restricted");
        return security::finding(&trial.workload, level, said);
    }
    Finding::new(check, Verdict::Failed, format!("pods of {}", trial.workload), said).fix(fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: ErrorKind, text: &str) -> Finding {
        let tried = [Trial { workload: "api".into(), pod: json!({}) }];
        let error = Error::new(kind, format!("could not create Pod in namespace n: {text}")).answered(text);
        trials(&tried, &[Err(error)], None).swap_remove(0)
    }

    #[test]
    fn a_pod_of_a_stateful_set_has_the_claims_of_its_own() {
        let template = json!({"metadata": {}, "spec": {"containers": [{"name": "db"}]}});
        let db = json!({"kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
            "template": template, "volumeClaimTemplates": [{"metadata": {"name": "data"}}]}});
        let volumes = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}]);
        assert_eq!(trial_pods(&[db])[0].pod["spec"]["volumes"], volumes);
    }

    #[test]
    fn a_service_account_of_the_chart_need_not_exist_yet() {
        let deployment = |account: &str| {
            let template = json!({"metadata": {}, "spec": {"serviceAccountName": account, "containers": []}});
            json!({"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"template": template}})
        };
        let account = json!({"kind": "ServiceAccount", "metadata": {"name": "api-wait"}});
        let tried = trial_pods(&[account, deployment("api-wait"), deployment("theirs")]);
        let names: Vec<_> = tried.iter().map(|trial| &trial.pod["spec"]["serviceAccountName"]).collect();
        assert_eq!(names, [&Json::Null, &json!("theirs")]);
    }

    #[test]
    fn answers_are_sorted() {
        for (kind, text, check, verdict) in [
            (
                ErrorKind::Forbidden,
                "pods \"api-x\" is forbidden: violates PodSecurity \"restricted:latest\"",
                "pod-security",
                Verdict::Failed,
            ),
            (ErrorKind::Forbidden, "pods \"api-x\" is forbidden: exceeded quota: q", "quota", Verdict::Failed),
            (
                ErrorKind::Forbidden,
                "minimum cpu usage per Container is 1, but request is 50m",
                "limits",
                Verdict::Failed,
            ),
            (
                ErrorKind::Forbidden,
                "error looking up service account n/x: serviceaccount \"x\" not found",
                "admission",
                Verdict::Failed,
            ),
            (ErrorKind::Forbidden, "no PriorityClass with name x was found", "admission", Verdict::Failed),
            (ErrorKind::Other, "admission webhook \"x\" denied the request: no", "admission", Verdict::Failed),
            (ErrorKind::Invalid, "spec.containers[0].image: Required value", "admission", Verdict::Failed),
            (
                ErrorKind::Invalid,
                "Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal string",
                "admission",
                Verdict::Skipped,
            ),
            (ErrorKind::Forbidden, "User \"eve\" cannot create resource \"pods\"", "admission", Verdict::Skipped),
            (ErrorKind::NotFound, "namespaces \"n\" not found", "admission", Verdict::Skipped),
        ] {
            let finding = answer(kind, text);
            assert_eq!((finding.check, finding.verdict), (check, verdict), "{finding}");
            assert_eq!(finding.fix.is_empty(), verdict == Verdict::Skipped, "{finding}");
        }
    }

    #[test]
    fn a_pod_that_is_no_object_is_tried_all_the_same() {
        for odd in [json!([]), json!("x"), json!(1), json!({"metadata": [], "spec": []}), json!({"spec": "x"})] {
            let objects = [
                json!({"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"template": odd}}),
                json!({"kind": "Pod", "metadata": {"name": "p"}, "spec": odd}),
                json!({"kind": "StatefulSet", "metadata": "x", "spec": {"volumeClaimTemplates": [odd], "template": odd}}),
                odd,
            ];
            for trial in trial_pods(&objects) {
                assert!(trial.pod["spec"]["restartPolicy"].is_string());
            }
        }
    }

    #[test]
    fn a_pod_of_each_workload_is_tried() {
        let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}});
        let objects = [
            json!({"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"template": template}}),
            json!({"kind": "Service"}),
        ];
        let tried = trial_pods(&objects);
        assert_eq!(tried.len(), 1);
        assert_eq!(tried[0].pod["metadata"], json!({"labels": {"a": "b"}, "generateName": "api-"}));
        assert_eq!(trials(&tried, &[Ok(json!({}))], None)[0].verdict, Verdict::Ok);
    }
}
