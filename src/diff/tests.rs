//! Changes between last manifest, new manifest and live objects, by example and with random objects.

use super::*;
use crate::support::redact::Mask;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn deployment(container: &Json) -> Json {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"},
        "spec": {"replicas": 1, "template": {"metadata": {}, "spec": {"containers": [container]}}},
    })
}

fn id(kind: &str) -> Object {
    Object { group: String::new(), kind: kind.into(), namespace: "n".into(), name: "x".into() }
}

fn changed(kind: &str, last: &Json, wanted: &Json, live: &Json) -> Option<Change> {
    let sides = Sides { last: Some(last), wanted: Some(wanted), live: Some(live), answer: None };
    change(&id(kind), sides, &Mask::new(&["s3cret".to_owned()]))
}

fn paths(fields: &[Field]) -> Vec<&str> {
    fields.iter().map(|field| field.path.as_str()).collect()
}

/// What the API server makes of a container that says little.
fn defaulted() -> Json {
    json!({
        "name": "api", "image": "a:1", "imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/x",
        "ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}],
        "env": [{"name": "A", "value": "1"}, {"name": "EMPTY"}],
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}},
    })
}

fn said() -> Json {
    json!({
        "name": "api", "image": "a:1", "command": [], "securityContext": {},
        "ports": [{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}],
        "env": [{"name": "A", "value": "1"}, {"name": "EMPTY", "value": ""}],
        "resources": {"requests": {"cpu": 0.5, "memory": "1024Mi"}},
    })
}

#[test]
fn what_the_server_sets_by_itself_is_no_change() {
    let (said, mut live) = (deployment(&said()), deployment(&defaulted()));
    live["metadata"] = json!({
        "name": "api", "uid": "u", "resourceVersion": "5", "generation": 2, "managedFields": [],
        "annotations": {"deployment.kubernetes.io/revision": "1"},
    });
    live["status"] = json!({"replicas": 1});
    live["spec"]["strategy"] = json!({"type": "RollingUpdate"});
    assert_eq!(changed("Deployment", &said, &said, &live), None);
}

#[test]
fn fields_are_named_by_the_keys_of_their_lists() {
    let last = deployment(&said());
    let mut new = said();
    new["image"] = json!("a:2");
    new["ports"] = json!([{"containerPort": 80, "name": "http"}]);
    new["env"] = json!([{"name": "A", "value": "2"}, {"name": "EMPTY", "value": ""}, {"name": "B", "value": "s3cret"}]);
    new["resources"]["requests"]["cpu"] = json!("1");
    new["volumeMounts"] = json!([{"mountPath": "/data", "name": "data"}]);
    let change = changed("Deployment", &last, &deployment(&new), &deployment(&defaulted())).unwrap();
    let container = "spec.template.spec.containers[name=api]";
    let of: Vec<String> = [
        ".env[name=A].value",
        ".env[name=B]",
        ".image",
        ".ports[containerPort=53,protocol=UDP]",
        ".ports[containerPort=80].name",
        ".resources.requests.cpu",
        ".volumeMounts",
    ]
    .map(|rest| format!("{container}{rest}"))
    .to_vec();
    assert_eq!(paths(&change.fields), of);
    assert_eq!(change.fields[0].before, Some(json!("1")));
    assert_eq!(change.fields[1].after, Some(json!({"name": "B", "value": "***"})), "a secret is never shown");
    assert_eq!(change.restarts[0], "containers[name=api].env[name=A].value");
    assert!(change.restarts.contains(&"image of api: a:1 -> a:2".to_owned()));
    assert!(change.drift.is_empty());
}

#[test]
fn drift_is_told_with_what_becomes_of_it() {
    let last = deployment(&said());
    let mut live = deployment(&defaulted());
    live["spec"]["replicas"] = json!(5);
    live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("a:2");
    live["spec"]["paused"] = json!(true);
    // The image is taken over, the number is put back, and what the chart never said stays.
    let mut new = said();
    new["image"] = json!("a:2");
    let change = changed("Deployment", &last, &deployment(&new), &live).unwrap();
    assert_eq!(paths(&change.fields), ["spec.replicas"]);
    assert_eq!(paths(&change.drift), ["spec.replicas", "spec.template.spec.containers[name=api].image"]);
    assert_eq!(change.drift[0], Field { path: "spec.replicas".into(), before: Some(json!(1)), after: Some(json!(5)) });
    assert!(change.restarts.is_empty());
    let text: Vec<String> = lines(&[change]).into_iter().map(|(_, line)| line).collect();
    assert!(
        text.contains(&"    ! changed since the last deploy, will be overwritten: spec.replicas: 1 -> 5".to_owned())
    );
    assert!(text[3].contains("changed since the last deploy, stays: "), "{text:?}");
    // Nothing but what another client did, and this deploy wants the same.
    live["spec"]["replicas"] = json!(1);
    let change = changed("Deployment", &last, &deployment(&new), &live).unwrap();
    assert_eq!((change.action, change.fields.len()), (Action::Drift, 0));
}

#[test]
fn what_cannot_change_is_called_out() {
    let of = |kind: &str, before: Json, after: Json| {
        changed(kind, &before, &after, &before).map(|change| change.immutable).unwrap_or_default()
    };
    let claim = |size: &str, class: &str| json!({"spec": {"storageClassName": class, "resources": {"requests": {"storage": size}}}});
    let set = |field: &str, value: Json| json!({"spec": {"replicas": 1, "serviceName": "a", field: value}});
    let service = |address: &str| json!({"spec": {"clusterIP": address}});
    for (kind, before, after, expected) in [
        (
            "Deployment",
            json!({"spec": {"selector": {"matchLabels": {"a": "1"}}}}),
            json!({"spec": {"selector": {"matchLabels": {"a": "2"}}}}),
            vec!["spec.selector.matchLabels.a"],
        ),
        ("Deployment", json!({"spec": {"replicas": 1}}), json!({"spec": {"replicas": 2}}), vec![]),
        ("StatefulSet", set("replicas", json!(1)), set("replicas", json!(2)), vec![]),
        ("StatefulSet", set("minReadySeconds", json!(1)), set("minReadySeconds", json!(2)), vec![]),
        ("StatefulSet", set("serviceName", json!("a")), set("serviceName", json!("b")), vec!["spec.serviceName"]),
        (
            "StatefulSet",
            set("volumeClaimTemplates", json!([])),
            set("volumeClaimTemplates", json!([{"metadata": {"name": "d"}}])),
            vec!["spec.volumeClaimTemplates"],
        ),
        (
            "StatefulSet",
            json!({"metadata": {"labels": {"a": "1"}}}),
            json!({"metadata": {"labels": {"a": "2"}}}),
            vec![],
        ),
        (
            "Job",
            json!({"spec": {"template": {"spec": {"a": 1}}}}),
            json!({"spec": {"template": {"spec": {"a": 2}}}}),
            vec!["spec.template.spec.a"],
        ),
        ("Job", json!({"spec": {"parallelism": 1}}), json!({"spec": {"parallelism": 2}}), vec![]),
        ("Service", service("10.0.0.1"), service("10.0.0.2"), vec!["spec.clusterIP"]),
        ("Service", service("None"), json!({"spec": {}}), vec!["spec.clusterIP"]),
        ("Service", json!({"spec": {}}), service("10.0.0.2"), vec![]),
        ("PersistentVolumeClaim", claim("1Gi", "a"), claim("2Gi", "a"), vec![]),
        ("PersistentVolumeClaim", claim("1Gi", "a"), claim("1024Mi", "a"), vec![]),
        ("PersistentVolumeClaim", claim("2Gi", "a"), claim("1Gi", "a"), vec!["spec.resources.requests.storage"]),
        ("PersistentVolumeClaim", claim("1Gi", "a"), claim("1Gi", "b"), vec!["spec.storageClassName"]),
        ("Secret", json!({"type": "Opaque"}), json!({"type": "kubernetes.io/tls"}), vec!["type"]),
        ("ConfigMap", json!({"data": {"a": "1"}}), json!({"data": {"a": "2"}}), vec![]),
        (
            "ConfigMap",
            json!({"immutable": true, "data": {"a": "1"}}),
            json!({"immutable": true, "data": {"a": "2"}}),
            vec!["data.a"],
        ),
        ("RoleBinding", json!({"roleRef": {"name": "a"}}), json!({"roleRef": {"name": "b"}}), vec!["roleRef.name"]),
    ] {
        assert_eq!(of(kind, before.clone(), after.clone()), expected, "{kind} {before} {after}");
    }
}

#[test]
fn objects_that_come_go_or_stay() {
    let object = json!({"kind": "Service", "metadata": {"name": "x"}});
    let kept = json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}});
    for (last, wanted, live, expected) in [
        (None, Some(&object), None, Some((Action::Add, None))),
        (Some(&object), Some(&object), None, Some((Action::Add, Some("another client deleted it")))),
        (Some(&object), None, Some(&object), Some((Action::Delete, None))),
        (
            Some(&object),
            None,
            Some(&kept),
            Some((Action::Keep, Some("no longer in the chart; helm.sh/resource-policy: keep"))),
        ),
        (Some(&object), None, None, None),
        (Some(&object), Some(&object), Some(&object), None),
        (None, Some(&object), Some(&object), None),
        (None, Some(&object), Some(&kept), Some((Action::Change, Some("it exists already and is adopted")))),
    ] {
        let change = change(&id("Service"), Sides { last, wanted, live, answer: None }, &Mask::default());
        let found = change.as_ref().map(|change| (change.action, change.reason.as_deref()));
        assert_eq!(found, expected, "{last:?} {wanted:?} {live:?}");
    }
}

#[test]
fn the_answer_of_the_server_wins_over_the_prediction() {
    let (last, live) = (json!({"spec": {"a": 1}}), json!({"spec": {"a": 1, "b": 1}}));
    let answer = json!({"spec": {"a": 1, "b": 2}, "status": {"odd": 1}});
    let sides = Sides { last: Some(&last), wanted: Some(&last), live: Some(&live), answer: Some(&answer) };
    assert_eq!(paths(&change(&id("X"), sides, &Mask::default()).unwrap().fields), ["spec.b"]);
}

#[test]
fn no_value_of_a_secret_is_shown() {
    let secret = |value: &str| json!({"data": {"a": value, "same": "eA=="}, "metadata": {"labels": {"l": value}}});
    let (before, after) = (secret("b25l"), secret("dHdv"));
    let change = changed("Secret", &before, &after, &before).unwrap();
    assert_eq!(
        change.fields[0],
        Field { path: "data.a".into(), before: Some(json!("***")), after: Some(json!("***")) }
    );
    let whole = json!({"data": {"a": "b25l"}});
    let change = changed("Secret", &json!({}), &whole, &json!({})).unwrap();
    assert_eq!(change.fields[0].after, Some(json!({"a": "***"})));
}

#[test]
fn what_another_client_put_into_a_variable_is_not_shown() {
    let last = deployment(&said());
    let mut live = defaulted();
    live["env"][0]["value"] = json!("typed by hand");
    let change = changed("Deployment", &last, &last, &deployment(&live)).unwrap();
    let value = |field: &Field| (field.before.clone().unwrap(), field.after.clone().unwrap());
    assert_eq!(value(&change.drift[0]), (json!("1"), json!("***")));
    assert_eq!(value(&change.fields[0]), (json!("***"), json!("1")));
}

#[test]
fn restarts_are_told_in_words() {
    let template = |config: &str, marks: &str| {
        let annotations = json!({"aspire-k8s/config": config, "aspire-k8s/secrets": marks});
        let mut object = deployment(&said());
        object["spec"]["template"]["metadata"]["annotations"] = annotations;
        object
    };
    let before = template("1", "token=1,db=1a2b");
    for (kind, after, expected) in [
        ("Deployment", template("2", "token=1,db=1a2b"), vec!["configuration"]),
        ("StatefulSet", template("1", "token=2,db=1a2b"), vec!["secret token"]),
        ("Deployment", template("1", "token=1,other=7"), vec!["secret db", "secret other"]),
        ("ReplicaSet", template("2", "token=1"), vec![]),
    ] {
        let change = changed(kind, &before, &after, &before).unwrap();
        assert_eq!(change.restarts, expected);
        assert!(!serde_json::to_string(&change).unwrap().contains("1a2b"), "a mark may be a digest");
    }
}

#[test]
fn lists_are_merged_by_key_and_replaced_where_they_have_none() {
    let pod = |volumes: Json, args: Json| json!({"apiVersion": "v1", "spec": {"volumes": volumes, "args": args}});
    let last = pod(json!([{"name": "a", "emptyDir": {}}, {"name": "gone", "emptyDir": {}}]), json!(["x"]));
    let live = pod(
        json!([{"name": "a", "emptyDir": {}}, {"name": "gone", "emptyDir": {}}, {"name": "foreign", "emptyDir": {}}]),
        json!(["edited"]),
    );
    let wanted = pod(json!([{"name": "a", "configMap": {"name": "c"}}, {"name": "new", "emptyDir": {}}]), json!(["x"]));
    let next = predict(&last, &wanted, &live);
    assert_eq!(
        next,
        pod(
            json!([{"name": "a", "configMap": {"name": "c"}}, {"name": "new", "emptyDir": {}}, {"name": "foreign", "emptyDir": {}}]),
            json!(["x"])
        )
    );
    // What the server added to an element of such a list is no change.
    let rule = |port: u16, defaulted: bool| {
        let rule = if defaulted { json!({"port": port, "kind": "x"}) } else { json!({"port": port}) };
        json!({"apiVersion": "v1", "spec": {"rules": [rule]}})
    };
    assert_eq!(predict(&rule(1, false), &rule(2, false), &rule(1, true)), rule(2, true));
    // A custom kind has no keys.
    let own = |names: &[&str]| json!({"apiVersion": "dapr.io/v1alpha1", "spec": {"env": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()}});
    assert_eq!(predict(&own(&["a"]), &own(&["b"]), &own(&["a", "c"])), own(&["b"]));
}

#[test]
fn another_order_is_a_change() {
    let env = |names: [&str; 2]| json!({"spec": {"env": names.map(|name| json!({"name": name}))}});
    let (before, after) = (env(["a", "b"]), env(["b", "a"]));
    let next = predict(&before, &after, &before);
    assert_eq!(next, after);
    assert_eq!(paths(&fields(&before, &next)), ["spec.env (order)"]);
}

#[test]
fn a_manifest_is_read_as_helm_writes_it() {
    let text = "---\n# Source: a\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: x}\ndata: {b: eQ==}\n---\n\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: other}}\n";
    let found = objects(text, "n").unwrap();
    let names: Vec<String> = found.keys().map(|id| format!("{}/{} {id}", id.group, id.namespace)).collect();
    assert_eq!(names, ["/n Secret s", "apps/other Deployment d"]);
    assert_eq!(found.values().next().unwrap()["data"], json!({"b": "eQ==", "a": "eA=="}));
    assert!(objects("a: [", "n").is_err());
    assert!(objects("", "n").unwrap().is_empty());
}

#[test]
fn odd_names_stand_in_brackets() {
    let before = json!({"metadata": {"annotations": {"a.b/c": "1", "d": "1"}}});
    let after = json!({"metadata": {"annotations": {"a.b/c": "2", "d": "2"}}});
    assert_eq!(paths(&fields(&before, &after)), ["metadata.annotations[\"a.b/c\"]", "metadata.annotations.d"]);
}

/// RFC 7386.
fn patched(target: &Json, patch: &Json) -> Json {
    let Some(changes) = patch.as_object() else { return patch.clone() };
    let mut result = target.as_object().cloned().unwrap_or_default();
    for (key, change) in changes {
        if change.is_null() {
            result.shift_remove(key);
        } else {
            let old = result.get(key).cloned().unwrap_or(Json::Null);
            result.insert(key.clone(), patched(&old, change));
        }
    }
    Json::Object(result)
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![Just(json!(true)), (1..4_u8).prop_map(|n| json!(n)), "[a-c]{1,2}".prop_map(|text| json!(text))]
}

/// Objects with nested maps, lists by name and plain lists.
fn object() -> impl Strategy<Value = Json> {
    let named = proptest::collection::btree_map("[a-c]", scalar(), 0..3);
    let named = named.prop_map(|map| {
        json!(map.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>())
    });
    let map = || proptest::collection::btree_map("[a-d]", scalar(), 0..4).prop_map(|map| json!(map));
    (map(), map(), named, proptest::collection::vec(scalar(), 0..3)).prop_map(|(labels, spec, env, args)| {
        json!({"apiVersion": "v1", "metadata": {"labels": labels}, "spec": {"deep": spec, "env": env, "args": args}})
    })
}

proptest! {
    #[test]
    fn equal_objects_do_not_differ(object in object()) {
        prop_assert_eq!(fields(&object, &object), vec![]);
        prop_assert!(merge_patch(&object, &object).is_empty());
        prop_assert_eq!(predict(&object, &object, &object), object.clone());
        prop_assert_eq!(changed("Deployment", &object, &object, &object), None);
    }

    #[test]
    fn the_patch_makes_what_was_predicted(last in object(), wanted in object(), live in object()) {
        let next = predict(&last, &wanted, &live);
        let patch = Json::Object(merge_patch(&live, &next));
        prop_assert_eq!(patched(&live, &patch), next.clone());
        prop_assert_eq!(fields(&live, &next).is_empty(), live == next);
        // Once applied, the same again changes nothing, and everything that is wanted is there.
        prop_assert_eq!(predict(&wanted, &wanted, &next), next.clone());
        prop_assert_eq!(predict(&json!({}), &wanted, &next), next);
    }
}

#[test]
fn what_goes_is_told_with_its_place() {
    let gone = |kind: &str, live: Json| {
        let change = change(&id(kind), Sides { live: Some(&live), ..Sides::default() }, &Mask::new(&[])).unwrap();
        lines(&[change]).remove(0).1
    };
    let in_namespace = json!({"metadata": {"name": "x", "namespace": "n"}});
    assert_eq!(gone("Service", in_namespace.clone()), "- Service x in namespace n");
    assert_eq!(gone("ClusterRole", json!({"metadata": {"name": "x"}})), "- ClusterRole x (cluster-scoped)");
    assert_eq!(gone("Namespace", json!({"metadata": {"name": "x"}})), "- Namespace x with everything in it");
    let mut kept = in_namespace;
    kept["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    assert!(gone("Service", kept).starts_with("= Service x  ("));
}
