//! What stays of one kind and name, and still cannot be changed by helm: objects that are deleted and recreated under their name.
//!
//! Every case names the rule whose reversal makes it fail.

use crate::bench::{Bench, bench, text, wait_for};
use crate::stage::{Helm, helms, is_journal, killed_at, promote, when_free};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use testbed::Faults;

/// The database with a claim per replica.
fn per_replica(bench: &Bench, size: &str, more: &str) {
    bench.configure(&format!(
        "apiVersion: aspire-k8s/v1\napplication: app\nresources:\n  db:\n    replicas: 2\n    volumes: {{data: {{perReplica: true, size: {size}}}}}\n{more}"
    ));
}

fn ready(bench: &Bench, object: &str, replicas: u64) {
    wait_for(object, || (bench.find(object)?["status"]["readyReplicas"] == replicas).then_some(()));
}

/// Uids of the pods of a component, by their names.
fn pods(bench: &Bench, component: &str) -> Vec<(String, String, Value)> {
    let of = |pod: &Value| pod["metadata"]["labels"]["app.kubernetes.io/component"] == component;
    let note = |pod: Value| {
        let metadata = &pod["metadata"];
        (
            text(&metadata["name"]).to_owned(),
            text(&metadata["uid"]).to_owned(),
            metadata["ownerReferences"][0]["uid"].clone(),
        )
    };
    bench.list("pods").into_iter().filter(of).map(note).collect()
}

fn journal(bench: &Bench) -> Value {
    serde_json::from_str(text(&bench.get("configmap/aspire-transition-app")["data"]["journal"])).unwrap()
}

/// What a refusal says the plan is called.
fn hash(bench: &Bench) -> String {
    let refused = bench.deploy(&[]).exits(3);
    let rest = refused.err.split("--confirm ").nth(1).unwrap_or_else(|| panic!("{refused}")).to_owned();
    rest.split_whitespace().next().unwrap().to_owned()
}

/// The chart as a person changed it by hand: `change` sees the text of one template.
fn edited(bench: &Bench, template: &str, change: impl Fn(&str) -> String) {
    bench.run(&["render", "app", "-o", "chart"]).ok();
    let path = bench.path(&format!("chart/templates/{template}"));
    let before = std::fs::read_to_string(&path).unwrap();
    let after = change(&before);
    assert!(before != after, "the template does not hold that");
    std::fs::write(path, after).unwrap();
}

/// Helm brings the chart that was changed by hand.
fn bring(bench: &Bench, more: &[&str]) {
    bench.helm(&[&["upgrade", "app", "./chart", "--reuse-values", "--set", "skipGuards=true"], more].concat()).ok();
}

/// Counts every few milliseconds what holds for the pods; the least that was seen.
fn least(bench: &Bench, count: impl Fn(&[Value]) -> usize + Send + 'static) -> impl FnOnce() -> usize {
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, plane, ns) = (stop.clone(), bench.plane, bench.ns.clone());
    let thread = thread::spawn(move || {
        let mut least = usize::MAX;
        while !stopped.load(Ordering::Relaxed) {
            least = least.min(count(&plane.list("pods", &ns).unwrap()));
            thread::sleep(Duration::from_millis(5));
        }
        least
    });
    move || {
        stop.store(true, Ordering::Relaxed);
        thread.join().unwrap()
    }
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    pod["metadata"]["deletionTimestamp"].is_null()
        && conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

// Rule: `fixed::how` lets pods stay when only the size of a template differs; `grown` makes its claims grow.
#[test]
fn c31_claims_of_a_template_grow_and_the_pods_stay() {
    let Some(bench) = bench("c31") else { return };
    per_replica(&bench, "1Gi", "");
    bench.deploy(&[]).ok();
    ready(&bench, "statefulset/db", 2);
    bench.run(&["plan", "app", "-n", &bench.ns]).exits(0);
    let (before, set) = (pods(&bench, "db"), bench.get("statefulset/db")["metadata"]["uid"].clone());
    per_replica(&bench, "2Gi", "");
    bench.unchanged(|| {
        let plan = bench.run(&["plan", "app", "-n", &bench.ns]).exits(2);
        let said = format!("{}{}", plan.out, plan.err);
        for part in [
            "StatefulSet/db is deleted and recreated (volumeClaimTemplates)",
            "claim data-db-0 has at least 2Gi",
            "needs: nothing",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    });
    bench.deploy(&[]).ok().says(&["fence: deleting StatefulSet/db, whose pods keep running", "committed:"]);
    let now = bench.get("statefulset/db");
    assert_ne!(now["metadata"]["uid"], set);
    assert_eq!(now["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"], "2Gi");
    let after = pods(&bench, "db");
    let uids =
        |pods: &[(String, String, Value)]| pods.iter().map(|pod| (pod.0.clone(), pod.1.clone())).collect::<Vec<_>>();
    assert_eq!(uids(&after), uids(&before), "no pod was replaced");
    for pod in &after {
        assert_eq!(pod.2, now["metadata"]["uid"], "{} belongs to the new one", pod.0);
        let claim = bench.get(&format!("pvc/data-{}", pod.0));
        assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "2Gi");
    }
    assert_eq!(journal(&bench)["phase"], "committed");
}

/// The database as a StatefulSet of one pod on a claim of the chart.
fn database(bench: &Bench, more: &str) {
    bench.configure(&format!("apiVersion: aspire-k8s/v1\napplication: app\nresources:\n  db:\n    podAnnotations: {{testbed.dev/terminate-delay: 2s}}\n{more}"));
}

// Rule: `fixed::how` stops the pods when serviceName differs; and `Change::is` tells the two of one name apart.
#[test]
fn c32_another_service_name_is_a_full_stop() {
    let Some(bench) = bench("c32") else { return };
    database(&bench, "");
    bench.deploy(&[]).ok();
    edited(&bench, "db/statefulset.yaml", |text| text.replace("\"db-headless\"", "\"db\""));
    bench.plane.kubectl(&["delete", "statefulset/db", "-n", &bench.ns, "--wait=true"]).unwrap();
    bring(&bench, &["--wait"]);
    ready(&bench, "statefulset/db", 1);
    let (uid, claim) =
        (bench.get("statefulset/db")["metadata"]["uid"].clone(), bench.get("pvc/db-data")["metadata"]["uid"].clone());
    let pod = pods(&bench, "db").remove(0);
    let most = most_on_the_claim(&bench);
    let hash = hash(&bench);
    bench.deploy(&["--confirm", &hash, "--accept", "downtime"]).ok().says(&[
        "StatefulSet/db is deleted and recreated (serviceName)",
        "drain:",
        "committed:",
    ]);
    assert_eq!(most(), 1);
    let now = bench.get("statefulset/db");
    assert_eq!(now["spec"]["serviceName"], "db-headless");
    assert_ne!(now["metadata"]["uid"], uid);
    assert_eq!(bench.get("pvc/db-data")["metadata"]["uid"], claim);
    let after = pods(&bench, "db").remove(0);
    assert!(after.1 != pod.1 && after.2 == now["metadata"]["uid"], "a new pod of the new one");
    bench.deploy(&[]).ok();
}

/// The most pods that were there at once on the claim of the database.
fn most_on_the_claim(bench: &Bench) -> impl FnOnce() -> usize {
    let mounts = |pod: &&Value| {
        let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
        volumes.into_iter().any(|volume| volume["persistentVolumeClaim"]["claimName"] == "db-data")
    };
    let rest = least(bench, move |pods| 1000 - pods.iter().filter(mounts).count());
    move || 1000 - rest()
}

// Rule: the way back tells old from new by what cannot change, so that `Role::New` leaves and helm makes the old again.
#[test]
fn c32_a_full_stop_that_fails_is_taken_back() {
    let Some(bench) = bench("c32b") else { return };
    database(&bench, "");
    bench.deploy(&[]).ok();
    edited(&bench, "db/statefulset.yaml", |text| text.replace("\"db-headless\"", "\"db\""));
    bench.plane.kubectl(&["delete", "statefulset/db", "-n", &bench.ns, "--wait=true"]).unwrap();
    bring(&bench, &["--wait"]);
    ready(&bench, "statefulset/db", 1);
    bench.configure("apiVersion: aspire-k8s/v1\napplication: app\nresources:\n  db:\n    podAnnotations: {testbed.dev/behavior: never-ready}\n");
    let hash = hash(&bench);
    bench
        .deploy(&["--confirm", &hash, "--accept", "downtime", "--timeout", "20s"])
        .exits(4)
        .says(&["rolling back to revision 2"]);
    assert_eq!(bench.get("statefulset/db")["spec"]["serviceName"], "db");
    assert_eq!(bench.get("statefulset/db")["status"]["readyReplicas"], 1);
    assert_eq!(journal(&bench)["phase"], "rolled-back");
}

/// A release whose api has another selector than ours, as an older chart might have had it. `more` says that it is one of
/// more labels than ours, which ours fits too.
fn with_other_selector(prefix: &str, more: bool) -> Option<Bench> {
    let bench = bench(prefix)?;
    bench.deploy(&[]).ok();
    edited(&bench, "api/deployment.yaml", |text| {
        let mut text = text.to_owned();
        for (include, space) in [("aspire.selector", 6), ("aspire.podLabels", 8)] {
            let at = text.find(&format!("{{{{- include \"{include}\"")).unwrap();
            let end = at + text[at..].find('\n').unwrap();
            let label = format!("{}app: old-api", " ".repeat(space));
            let label = if more { format!("{}\n{label}", &text[at..end]) } else { label.trim_start().to_owned() };
            text.replace_range(at..end, &label);
        }
        text
    });
    bench.plane.kubectl(&["delete", "deployment/api", "-n", &bench.ns, "--wait=true", "--cascade=foreground"]).unwrap();
    bring(&bench, &["--wait"]);
    ready(&bench, "deployment/api", 1);
    Some(bench)
}

fn of_api(object: &Value) -> bool {
    text(&object["metadata"]["name"]).starts_with("api-")
}

// Rule: `fixed::how` lets the pods of a Deployment without claims go on, and `arrive` retires them only when the new are
// ready; where the new selector fits them too, the new Deployment does so by itself.
#[test]
fn c35_another_selector_of_a_stateless_deployment_leaves_no_gap() {
    for more in [false, true] {
        let Some(bench) = with_other_selector("c35", more) else { return };
        let set = |bench: &Bench| bench.list("replicasets").into_iter().find(of_api).unwrap();
        let (uid, old) =
            (bench.get("deployment/api")["metadata"]["uid"].clone(), set(&bench)["metadata"]["uid"].clone());
        let least = least(&bench, |pods| pods.iter().filter(|pod| of_api(pod) && is_ready(pod)).count());
        let ran = bench.deploy(&[]).ok();
        ran.says(&[
            "Deployment/api is deleted and recreated (selector)",
            "its pods keep running until",
            "needs: nothing",
        ]);
        assert!(least() >= 1);
        let now = bench.get("deployment/api");
        assert!(now["spec"]["selector"]["matchLabels"]["app"].is_null());
        assert_ne!(now["metadata"]["uid"], uid);
        wait_for("the end of the old pods", || {
            let of_old = |pod: &Value| pod["metadata"]["ownerReferences"][0]["uid"] == old;
            (!bench.list("pods").iter().any(of_old)).then_some(())
        });
        let left: Vec<Value> = bench
            .list("replicasets")
            .into_iter()
            .filter(|set| of_api(set) && set["metadata"]["ownerReferences"].is_null())
            .collect();
        assert!(left.is_empty(), "left without an owner: {left:#?}");
    }
}

// Rule: `overlaps`; another Deployment would take the pods that nobody owns.
#[test]
fn c36_where_another_deployment_would_take_the_pods_they_are_stopped() {
    let Some(bench) = with_other_selector("c36", true) else { return };
    let pod = json!({"metadata": {"labels": {"app.kubernetes.io/component": "api"}}, "spec": {"containers": [{"name": "c", "image": "registry.invalid/c:1"}]}});
    bench.apply(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "greedy"}, "spec": {
        "replicas": 0, "selector": {"matchLabels": {"app.kubernetes.io/component": "api"}}, "template": pod}}));
    let hash = hash(&bench);
    bench.deploy(&["--confirm", &hash, "--accept", "downtime"]).ok().says(&["quiesce: stopping Deployment/api"]);
    ready(&bench, "deployment/api", 1);
    assert!(bench.get("deployment/api")["spec"]["selector"]["matchLabels"]["app"].is_null());
    bench.deploy(&[]).ok();
}

// Rule: a Service that has an address gives it up only when a person agreed; `How::Replace` deletes it by uid first.
#[test]
fn c38_a_service_loses_its_address_only_when_agreed() {
    let Some(bench) = bench("c38") else { return };
    database(&bench, "");
    bench.deploy(&[]).ok();
    edited(&bench, "db/service-headless.yaml", |text| text.replace("  clusterIP: None\n", ""));
    bench.plane.kubectl(&["delete", "service/db-headless", "-n", &bench.ns]).unwrap();
    bring(&bench, &["--wait"]);
    let before = bench.get("service/db-headless");
    assert_ne!(before["spec"]["clusterIP"], "None");
    let pod = pods(&bench, "db");
    let refused = bench
        .unchanged(|| bench.deploy(&[]).exits(3))
        .says(&["Service/db-headless is deleted and recreated (clusterIP)"]);
    let hash = refused.err.split("--confirm ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    bench.unchanged(|| {
        bench.deploy(&["--confirm", &hash]).exits(3).says(&["confirmation is required: service-recreate"])
    });
    bench.deploy(&["--confirm", &hash, "--accept", "service-recreate"]).ok();
    let now = bench.get("service/db-headless");
    assert_eq!(now["spec"]["clusterIP"], "None");
    assert_ne!(now["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(pods(&bench, "db"), pod, "no pod noticed");
    wait_for("endpoints", || {
        let slices = bench.list("endpointslices");
        let of = |slice: &&Value| slice["metadata"]["labels"]["kubernetes.io/service-name"] == "db-headless";
        slices.iter().find(of)?["endpoints"].as_array().is_some_and(|all| !all.is_empty()).then_some(())
    });
}

// Rule (service-not-replaceable): the address of a load balancer is not ours to give away.
#[test]
fn c38_the_address_of_a_load_balancer_is_never_given_up() {
    let Some(bench) = bench("c38b") else { return };
    database(&bench, "");
    bench.deploy(&[]).ok();
    edited(&bench, "db/service-headless.yaml", |text| text.replace("  clusterIP: None\n", "  type: LoadBalancer\n"));
    bench.plane.kubectl(&["delete", "service/db-headless", "-n", &bench.ns]).unwrap();
    bring(&bench, &[]);
    bench.unchanged(|| {
        bench.deploy(&[]).exits(3).says(&[
            "its load balancer would be released",
            "error[service-not-replaceable]",
            "rename the new Service",
        ])
    });
}

// Rule (pvc-immutable): `checks::claims` looks at the claims of a template too, before anything is stopped or deleted and recreated.
#[test]
fn c39_a_claim_that_cannot_have_the_new_size_forbids_it() {
    let Some(bench) = bench("c39") else { return };
    let of_template = |size: &str, class: &str| per_replica(&bench, &format!("{size}, storageClass: {class}"), "");
    of_template("2Gi", "noexpand");
    bench.deploy(&[]).ok();
    ready(&bench, "statefulset/db", 2);
    for (size, class, what) in [
        ("3Gi", "noexpand", "the PVC data-db-0 cannot grow from 2Gi to 3Gi: the class `noexpand` does not allow it"),
        ("1Gi", "noexpand", "the PVC data-db-1 has 2Gi, more than the requested 1Gi, and a PVC cannot shrink"),
        ("3Gi", "standard", "has the storage class `noexpand`, not `standard`, and a class cannot be changed"),
    ] {
        of_template(size, class);
        bench.unchanged(|| bench.deploy(&[]).exits(3).says(&[what, "resources.db.volumes.data"]));
    }
}

/// The database on a claim of the chart, which two pods may have.
fn on_one_claim(bench: &Bench, size: &str, more: &str) {
    bench.configure(&format!(
        "apiVersion: aspire-k8s/v1\napplication: app\nresources:\n  db:\n    volumes: {{data: {{size: {size}, accessModes: [ReadWriteMany]}}}}\n{more}"
    ));
}

// Rule: a claim never shrinks, so it keeps its size on the way back (`pipeline::sizes`).
#[test]
fn c40_a_claim_that_has_grown_keeps_its_size_on_the_way_back() {
    let Some(bench) = bench("c40") else { return };
    on_one_claim(&bench, "1Gi", "");
    bench.deploy(&[]).ok();
    on_one_claim(&bench, "2Gi", "    podAnnotations: {testbed.dev/behavior: never-ready}\n");
    bench
        .deploy(&["--rollback-on-failure", "--timeout", "10s"])
        .exits(4)
        .says(&["PVC db-data grows from 1Gi to 2Gi", "rolled back to revision 1"]);
    let size = || bench.get("pvc/db-data")["spec"]["resources"]["requests"]["storage"].clone();
    assert_eq!(size(), "2Gi");
    bench.run(&["rollback", "app", "1", "-n", &bench.ns, "-y"]).ok();
    assert_eq!(size(), "2Gi");
    on_one_claim(&bench, "2Gi", "");
    bench.deploy(&[]).ok();
}

// Rule (resize-during-migration): with a grown claim there is no way back, so that both at once are refused.
#[test]
fn c41_a_claim_does_not_grow_while_the_kind_changes() {
    let Some(bench) = bench("c41") else { return };
    on_one_claim(&bench, "1Gi", "    workload: Deployment\n");
    bench.deploy(&[]).ok();
    on_one_claim(&bench, "2Gi", "    workload: StatefulSet\n");
    bench.unchanged(|| {
        bench.deploy(&[]).exits(3).says(&[
            "while its PVC db-data is resized",
            "error[resize-during-migration]",
            "then the new kind",
        ])
    });
}

// Rule: names leave room for what Kubernetes adds, so that `name-too-long` meets nobody who renders charts here.
#[test]
fn c48_a_long_name_has_room_for_a_stateful_set() {
    let Some(bench) = bench("c48") else { return };
    let name = "d".repeat(60);
    bench.change_manifest("\"api\": {", &format!("\"{name}\": {{"));
    bench.deploy(&[]).ok();
    bench.configure(&format!(
        "apiVersion: aspire-k8s/v1\napplication: app\nresources: {{{name}: {{workload: StatefulSet}}}}\n"
    ));
    let hash = hash(&bench);
    bench.deploy(&["--confirm", &hash, "--accept", "downtime"]).ok();
    let sets = bench.list("statefulsets");
    let long = sets.iter().find(|set| text(&set["metadata"]["name"]).starts_with("dddd")).unwrap();
    assert_eq!(long["status"]["readyReplicas"], 1);
}

/// A release as Aspire's own tool makes it: other names, and a claim without a mark that keeps it.
fn made_by_aspire(bench: &Bench) {
    bench.write("env/Chart.yaml", "apiVersion: v2\nname: env\nversion: 0.1.0\n");
    let labels = "{app.kubernetes.io/name: env, app.kubernetes.io/component: db, app.kubernetes.io/instance: {{ .Release.Name }}}";
    bench.write(
        "env/templates/db.yaml",
        &format!(
            "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: db-data-pvc}}\nspec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: db-deployment, labels: {labels}}}\nspec:\n  selector: {{matchLabels: {labels}}}\n  template:\n    \
             metadata: {{labels: {labels}, annotations: {{testbed.dev/terminate-delay: 2s}}}}\n    spec:\n      containers: [{{name: db, image: \"registry.invalid/db:1\", volumeMounts: [{{name: d, mountPath: /data}}]}}]\n      \
             volumes: [{{name: d, persistentVolumeClaim: {{claimName: db-data-pvc}}}}]\n"
        ),
    );
    bench.helm(&["install", "app", "./env", "--wait"]).ok();
    ready(bench, "deployment/db-deployment", 1);
}

// Rule: claims that leave the chart are protected before helm runs (`detect::claims`), and a release of Aspire's own tool is
// taken over rather than refused (`checks::is_made_by_aspire`).
#[test]
fn c09_a_release_of_aspires_own_tool_is_taken_over_and_its_claim_stays() {
    let Some(control) = bench("c09-control") else { return };
    made_by_aspire(&control);
    control.run(&["render", "app", "-o", "chart"]).ok();
    control.helm(&["upgrade", "app", "./chart", "--set", "parameters.token=a,parameters.db-password=b"]).ok();
    wait_for("the loss that plain helm brings", || control.find("pvc/db-data-pvc").is_none().then_some(()));

    let Some(bench) = bench("c09") else { return };
    made_by_aspire(&bench);
    let (claim, pod) = (bench.get("pvc/db-data-pvc"), pods(&bench, "db").remove(0).1);
    // The password that its data was set up with is nowhere in our Secret; a generated one would lock everybody out.
    let lost = ["`db-password` would be generated", "the claim db-data-pvc already exists"];
    bench.unchanged(|| bench.deploy(&[]).exits(3).says(&lost));
    bench.unchanged(|| bench.run(&["plan", "app", "-n", &bench.ns]).exits(3).says(&lost));
    bench.write("old.env", "db-password=old\n");
    let known = ["--parameter-file", "old.env"];
    let refused = bench.unchanged(|| bench.deploy(&known).exits(3)).says(&[
        "Deployment/db-deployment (1) -> StatefulSet/db (1)",
        "/data: claim db-data-pvc -> claim db-data-pvc: SAFE",
        "--accept downtime",
    ]);
    let hash = refused.err.split("--confirm ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    bench.deploy(&["--confirm", &hash, "--accept", "downtime", known[0], known[1]]).ok();
    assert_eq!(bench.secret("app-secrets")["db-password"], "old");
    assert_eq!(bench.find("pvc/db-data"), None, "no second claim beside the one with the data");
    let kept = bench.get("pvc/db-data-pvc");
    assert_eq!(kept["metadata"]["uid"], claim["metadata"]["uid"]);
    assert_eq!(kept["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    assert_eq!(bench.find("deployment/db-deployment"), None);
    let now = pods(&bench, "db");
    assert!(now.len() == 1 && now[0].0 == "db-0" && now[0].1 != pod, "{now:?}");
}

/// The chart with a Job that somebody added to it.
fn with_job(bench: &Bench, image: &str, duration: &str) {
    bench.write(
        "chart/templates/migrate.yaml",
        &format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: migrate}}\nspec:\n  template:\n    metadata: {{annotations: {{testbed.dev/job-duration: {duration}}}}}\n    \
             spec: {{restartPolicy: Never, containers: [{{name: m, image: \"registry.invalid/{image}\"}}]}}\n"
        ),
    );
}

// Rule: `detect::replaced` lets a Job that has finished be deleted and recreated, and asks for one that runs.
#[test]
fn c37_a_job_is_made_anew_and_one_that_runs_only_when_agreed() {
    let Some(bench) = bench("c37") else { return };
    bench.run(&["render", "app", "-o", "chart"]).ok();
    with_job(&bench, "m:1", "1s");
    let deploy = |more: &[&str]| bench.run(&[&["deploy", "chart", "-n", &bench.ns], more].concat());
    deploy(&[]).ok();
    wait_for("the end of the job", || (bench.get("job/migrate")["status"]["succeeded"] == 1).then_some(()));
    let first = bench.get("job/migrate")["metadata"]["uid"].clone();
    deploy(&[]).ok();
    assert_eq!(bench.get("job/migrate")["metadata"]["uid"], first, "nothing changed");
    with_job(&bench, "m:2", "600s");
    deploy(&["--no-wait"]).ok().says(&["Job/migrate is deleted and recreated (template)", "needs: nothing"]);
    let second = bench.get("job/migrate")["metadata"]["uid"].clone();
    assert_ne!(second, first);
    with_job(&bench, "m:3", "1s");
    let refused = bench.unchanged(|| deploy(&[]).exits(3)).says(&["--accept job-kill"]);
    let hash = refused.err.split("--confirm ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    deploy(&["--confirm", &hash, "--accept", "job-kill"]).ok();
    let third = bench.get("job/migrate");
    assert_ne!(third["metadata"]["uid"], second);
    assert_eq!(third["spec"]["template"]["spec"]["containers"][0]["image"], "registry.invalid/m:3");
}

// Rule: all changes of a deploy are one way (`Observed::pairs`): where one fails, all go back.
#[test]
fn c50_of_two_that_change_together_both_go_back() {
    let Some(bench) = bench("c50") else { return };
    let both = |kind: &str, more: &str| {
        bench.configure(&format!(
            "apiVersion: aspire-k8s/v1\napplication: app\nresources:\n  db:\n    workload: {kind}\n    volumes: {{data: {{accessModes: [ReadWriteMany]}}}}\n  api:\n    workload: {kind}\n{more}"
        ));
    };
    both("Deployment", "");
    bench.deploy(&[]).ok();
    let claim = bench.get("pvc/db-data")["metadata"]["uid"].clone();
    both("StatefulSet", "    podAnnotations: {testbed.dev/behavior: never-ready}\n");
    let most = most_on_the_claim(&bench);
    let first = hash(&bench);
    bench.deploy(&["--confirm", &first, "--accept", "downtime", "--timeout", "20s"]).exits(4);
    for name in ["db", "api"] {
        assert_eq!(bench.get(&format!("deployment/{name}"))["status"]["readyReplicas"], 1);
        assert_eq!(bench.find(&format!("statefulset/{name}")), None);
    }
    both("StatefulSet", "");
    let second = hash(&bench);
    bench.deploy(&["--confirm", &second, "--accept", "downtime"]).ok();
    for name in ["db", "api"] {
        assert_eq!(bench.get(&format!("statefulset/{name}"))["status"]["readyReplicas"], 1);
        assert_eq!(bench.find(&format!("deployment/{name}")), None);
    }
    assert_eq!(most(), 1);
    assert_eq!(bench.get("pvc/db-data")["metadata"]["uid"], claim);
}

// Rule: pods without an owner are no strangers to the StatefulSet that left them (`observe::is_left_by`), so that a run that
// was killed in between is gone on from, and can be taken back.
#[test]
fn c31_killed_at_any_write_of_the_journal_no_pod_is_lost() {
    let Some(bench) = bench("c31k") else { return };
    per_replica(&bench, "1Gi", "");
    bench.deploy(&[]).ok();
    ready(&bench, "statefulset/db", 2);
    let uids = || pods(&bench, "db").into_iter().map(|pod| (pod.0, pod.1)).collect::<Vec<_>>();
    let before = uids();
    let (faults, helm) = (Faults::start(bench.plane).unwrap(), Helm::new(&bench, "4.2.4"));
    let mut number = 1;
    loop {
        per_replica(&bench, &format!("{}Gi", number + 1), "");
        let ns = bench.ns.clone();
        let run = bench.deploy(&["--no-wait"]);
        if !killed_at(run, &helm, &faults, number, true, move |request| is_journal(request, &ns)) {
            break;
        }
        when_free(|| bench.deploy(&[]));
        assert_eq!(uids(), before, "killed at write {number}");
        assert_eq!(journal(&bench)["phase"], "committed");
        number += 1;
    }
    assert!(number > 4, "only {number} writes were seen");
    // And back, from the moment at which the pods belong to nobody.
    per_replica(&bench, "50Gi", "");
    let run = bench.deploy(&[]);
    assert!(killed_at(run, &helm, &faults, 1, false, helms(&bench, "statefulsets")));
    assert_eq!(bench.find("statefulset/db"), None);
    when_free(|| promote(&bench, &["--abort"]));
    assert_eq!(uids(), before);
    let size = format!("{}Gi", number + 1);
    assert_eq!(
        bench.get("statefulset/db")["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"],
        *size
    );
    assert_eq!(journal(&bench)["phase"], "rolled-back");
}
