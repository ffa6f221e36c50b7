//! Service accounts: what the values and an environment change of them, and what is refused.

use crate::helm::{helm, template};
use crate::own::{GIVEN, all_refused, chart};
use serde_json::{Value, json};
use std::path::Path;

/// Objects of these kinds, and the names that pods of the api take.
fn rendered(helm: &Path, intent: &str, more: &[&str]) -> (Vec<(String, Value)>, Value) {
    let (_folder, chart) = chart(intent);
    let environment = chart.join("values-dev.yaml").display().to_string();
    let more: Vec<&str> = more.iter().map(|word| if *word == "DEV" { &*environment } else { *word }).collect();
    let objects = template(helm, &chart, &[&GIVEN, &more[..]].concat()).unwrap();
    let api = objects.iter().find(|it| it["kind"] == "Deployment" && it["metadata"]["name"] == "api").unwrap();
    let account = api["spec"]["template"]["spec"]["serviceAccountName"].clone();
    let is_one = |object: &&Value| ["ServiceAccount", "RoleBinding"].contains(&object["kind"].as_str().unwrap());
    let of = |object: &Value| {
        let name = format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        (name, object["metadata"]["annotations"].clone())
    };
    (objects.iter().filter(is_one).map(of).collect(), account)
}

#[test]
fn an_environment_fills_in_who_the_pods_are() {
    let Some(helm) = helm() else { return };
    let intent = "resources: {api: {identity: {gcp: {serviceAccount: '{currency.value}@p.iam.gserviceaccount.com'}}}}\n\
        environments: {dev: {parameters: {currency: {value: dev}}}}\n";
    for (more, who) in [(&[][..], "EUR"), (&["-f", "DEV"], "dev")] {
        let annotation = json!({"iam.gke.io/gcp-service-account": format!("{who}@p.iam.gserviceaccount.com")});
        assert_eq!(
            rendered(&helm, intent, more),
            (vec![("ServiceAccount/api-sa".into(), annotation)], json!("api-sa"))
        );
    }
}

#[test]
fn an_account_of_the_values_takes_the_place_of_the_charts() {
    let Some(helm) = helm() else { return };
    for intent in ["serviceAccount: {roles: [reader]}", "identity: {aws: {roleArn: 'arn:aws:iam::1:role/a'}}"] {
        let intent = format!("resources: {{api: {{{intent}}}}}\n");
        let set = ["--set", "workloads.api.serviceAccountName=mine"];
        assert_eq!(rendered(&helm, &intent, &set), (Vec::new(), json!("mine")), "{intent}");
    }
}

/// A pod that waits for a job acts as its own account, which gets the role for that.
#[test]
fn waiting_for_a_job_and_an_account_of_its_own_are_one_account() {
    let Some(helm) = helm() else { return };
    let intent = "resources: {worker: {runAs: job, volumes: {work: {ephemeral: true}}}, \
        api: {waitForCompletion: [worker], serviceAccount: {create: true}}}\n";
    let (objects, account) = rendered(&helm, intent, &[]);
    let names: Vec<&str> = objects.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names, account), (vec!["ServiceAccount/api-sa", "RoleBinding/api-wait"], json!("api-sa")));
}

#[test]
fn what_cannot_be_an_account_is_refused() {
    all_refused(&[
        ("resources: {api: {identity: {azure: {clientId: '{db-password.value}'}}}}", &["`db-password` is secret"]),
        ("resources: {api: {identity: {azure: {clientId: '{nothing.value}'}}}}", &["nothing"]),
        (
            "resources: {api: {serviceAccount: {annotations: {a/b: '{api.bindings.http.url}'}}}}",
            &["is not a parameter"],
        ),
        (
            "resources: {api: {serviceAccount: {name: one}}, worker: {serviceAccount: {name: one}}}",
            &["would both create the ServiceAccount `one`"],
        ),
    ]);
}
