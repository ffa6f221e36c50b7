//! Service accounts on a real control plane: who they are, what they may do, and that their objects go.

use crate::bench::{CONFIG, bench};
use serde_json::{Value, json};

#[test]
fn pods_act_as_the_account_that_the_chart_makes() {
    let Some(bench) = bench("accounts") else { return };
    let parameter =
        json!({"type": "parameter.v0", "value": "{client.inputs.value}", "inputs": {"value": {"type": "string"}}});
    let project = json!({"type": "project.v0", "path": "Api/Api.csproj"});
    let resources = json!({"api": project, "worker": project, "client": parameter});
    bench.write("app/aspire-manifest.json", &json!({"resources": resources}).to_string());
    let id = "01234567-89ab-cdef-0123-456789abcdef";
    let role = ["create", "role", "reader", "--verb=get", "--resource=configmaps"];
    bench.plane.kubectl(&[&["-n", &bench.ns], &role[..]].concat()).unwrap();
    let configure = |roles: &str| {
        let api = "identity: {azure: {clientId: '{client.value}'}}, imagePullSecrets: [partner]";
        let worker = format!("serviceAccount: {{name: shop-worker, roles: [{roles}]}}");
        let rest = format!(
            "defaults: {{tag: '1', imagePullSecrets: [registry]}}\nparameters: {{client: {{value: {id}}}}}\n\
             resources:\n  api: {{{api}}}\n  worker: {{{worker}}}\n"
        );
        bench.configure(&format!("{CONFIG}{rest}"));
    };
    configure("reader");
    bench.deploy(&[]).ok();

    let account = bench.get("serviceaccount/api-sa");
    assert_eq!(account["metadata"]["annotations"]["azure.workload.identity/client-id"], id);
    let pod = |workload: &str| bench.get(&format!("deployment/{workload}"))["spec"]["template"].clone();
    let api = pod("api");
    assert_eq!(api["metadata"]["labels"]["azure.workload.identity/use"], "true");
    let spec = &api["spec"];
    assert_eq!((&spec["serviceAccountName"], &spec["automountServiceAccountToken"]), (&json!("api-sa"), &json!(false)));
    assert_eq!(spec["imagePullSecrets"], json!([{"name": "registry"}, {"name": "partner"}]));
    let worker = pod("worker");
    let spec = &worker["spec"];
    assert_eq!(
        (&spec["serviceAccountName"], &spec["automountServiceAccountToken"]),
        (&json!("shop-worker"), &json!(true))
    );
    assert_eq!(spec["imagePullSecrets"], json!([{"name": "registry"}]));

    let may = |account: &str, verb: &str| {
        let who = format!("--as=system:serviceaccount:{}:{account}", bench.ns);
        let asked = bench.plane.kubectl(&["-n", &bench.ns, "auth", "can-i", verb, "configmaps", &who]);
        asked.is_ok_and(|answer| answer.trim() == "yes")
    };
    assert!(may("shop-worker", "get") && !may("shop-worker", "delete") && !may("api-sa", "get"));
    // A binding is nothing that a record in the namespace decides about: its removal needs a word.
    configure("");
    let binding = format!("RoleBinding/{}/shop-worker-reader", bench.ns);
    bench.deploy(&[]).exits(3).says(&[&binding]);
    bench.deploy(&["--allow-object", &binding]).ok();
    assert!(!may("shop-worker", "get"));
    assert_eq!(pod("worker")["spec"]["automountServiceAccountToken"], Value::Bool(false));
    bench.run(&["destroy", "app", "-n", &bench.ns, "--yes"]).ok();
}
