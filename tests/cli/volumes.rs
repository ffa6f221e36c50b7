//! Volumes that meet: one volume at two paths, names of pod volumes that would be alike.

use crate::aspire;
use crate::helm::{documents, helm};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

/// The pod of the only workload, which has these volumes, with an intent.
fn pod(volumes: &Value, more: &Value, intent: &str) -> Option<Value> {
    let helm = helm()?;
    let folder = tempfile::tempdir().unwrap();
    let mut web = json!({"type": "container.v0", "image": "web:1", "volumes": volumes});
    web.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fs::write(folder.path().join("f.conf"), "k=v").unwrap();
    let manifest = folder.path().join("aspire-manifest.json");
    fs::write(&manifest, json!({"resources": {"web": web}}).to_string()).unwrap();
    fs::write(folder.path().join("aspire-k8s.yaml"), format!("application: a\n{intent}")).unwrap();
    let ran = aspire(["render", "--format", "yaml"]).args([folder.path()]).env("HELM_BIN", helm).run();
    let objects = documents(&ran.ok());
    let set = objects.into_iter().find(|object| object["kind"] == "StatefulSet").unwrap();
    Some(set["spec"]["template"]["spec"].clone())
}

/// Names of the pod's volumes, each of which must be another, and of the mounts, each of which must have a volume.
fn checked(pod: &Value, templates: &[&str]) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let names: Vec<String> = list(&pod["volumes"]).iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect();
    let all: BTreeSet<&str> = names.iter().map(String::as_str).chain(templates.iter().copied()).collect();
    assert_eq!(all.len(), names.len() + templates.len(), "{names:?}");
    for mount in list(&pod["containers"][0]["volumeMounts"]) {
        assert!(all.contains(mount["name"].as_str().unwrap()), "{mount} of {names:?}");
    }
    names
}

#[test]
fn one_volume_at_two_paths_is_one_volume_and_two_mounts() {
    let twice = json!([
        {"name": "data", "target": "/a", "readOnly": false},
        {"name": "data", "target": "/b", "readOnly": true},
    ]);
    for (intent, templates) in [("", &[][..]), ("resources: {web: {volumes: {data: {perReplica: true}}}}", &["data"])] {
        let Some(pod) = pod(&twice, &json!({}), intent) else { return };
        assert_eq!(checked(&pod, templates).len(), 1 - templates.len());
        let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
        let shown = |mount: &Value| (mount["mountPath"].clone(), mount["readOnly"].clone(), mount["subPath"].clone());
        assert_eq!(shown(&mounts[0]), (json!("/a"), Value::Null, json!("data")));
        assert_eq!(shown(&mounts[1]), (json!("/b"), json!(true), json!("data")));
        assert_eq!(mounts[0]["name"], mounts[1]["name"]);
    }
}

#[test]
fn volumes_of_a_pod_have_names_of_their_own() {
    let volumes = json!([
        {"name": "data", "target": "/a", "readOnly": false},
        {"name": "data-volume", "target": "/b", "readOnly": false},
        {"name": "files-0", "target": "/c", "readOnly": false},
        {"name": "data", "target": "/d", "readOnly": false},
    ]);
    let files = json!({"bindMounts": [{"source": "f.conf", "target": "/f.conf", "readOnly": true}]});
    let intent = "resources: {web: {volumes: {data-volume: {perReplica: true}, files-0: {perReplica: true}}}}";
    let Some(pod) = pod(&volumes, &files, intent) else { return };
    assert_eq!(checked(&pod, &["data-volume", "files-0"]), ["data-volume-2", "files-0-2"]);
}

#[test]
fn a_claim_whose_name_another_render_changes_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (manifest, intent) = (folder.path().join("aspire-manifest.json"), folder.path().join("aspire-k8s.yaml"));
    let volume = |name: &str, config: &str| {
        let volumes = json!([{"name": name, "target": "/data", "readOnly": false}]);
        let pg = json!({"type": "container.v0", "image": "pg:1", "volumes": volumes});
        fs::write(&manifest, json!({"resources": {"pg": pg}}).to_string()).unwrap();
        fs::write(&intent, format!("application: a\n{config}")).unwrap();
    };
    let chart = folder.path().join("chart");
    let render = || aspire(["render"]).args([folder.path()]).args(["-o"]).args([&chart]).run();
    let is_told = |text: &str| text.contains("has the name");
    volume("shop.apphost-data", "");
    assert!(!is_told(&render().err), "nothing was there");
    assert!(!is_told(&render().err), "the same again");
    volume("store.apphost-data", "");
    let told = render().err;
    for part in [
        "warning[changed-in-cluster]: pg: the PersistentVolumeClaim of the volume `store.apphost-data` has the name `pg-store-apphost-data`",
        "`pg-shop-apphost-data` in the chart that this one replaces",
        "set `resources.pg.volumes.store.apphost-data.claimName: pg-shop-apphost-data`",
    ] {
        assert!(told.contains(part), "{told}");
    }
    // The name from before can be pinned, as it is said, and then it is that of the chart.
    let pinned = "resources: {pg: {volumes: {store.apphost-data: {claimName: pg-shop-apphost-data}}}}";
    volume("store.apphost-data", pinned);
    render().ok();
    assert!(!is_told(&render().err));
    // In one environment only.
    let both = format!(
        "{pinned}\nenvironments: {{live: {{resources: {{pg: {{volumes: {{store.apphost-data: {{claimName: x}}}}}}}}}}}}"
    );
    volume("store.apphost-data", &both);
    assert!(!is_told(&render().err), "a person chose the name");
    volume("store.apphost-data", pinned);
    assert!(!is_told(&render().err), "the environment is gone");
    // What lies there may be from anybody.
    fs::write(chart.join("aspire.json"), "{").unwrap();
    assert!(!is_told(&render().err));
}
