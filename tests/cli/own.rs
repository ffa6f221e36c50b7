//! What a person adds to a chart: `init`, values, patches, further objects, and edits of generated files.

use crate::aspire;
use crate::helm::{helm, template};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder with a manifest, and perhaps a configuration.
pub(crate) fn application(intent: Option<&str>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(crate::inputs().join("app.json"), folder.path().join("aspire-manifest.json")).unwrap();
    if let Some(intent) = intent {
        fs::write(folder.path().join("aspire-k8s.yaml"), intent).unwrap();
    }
    folder
}

pub(crate) fn render(folder: &Path, more: &[&str]) -> crate::aspire::Ran {
    aspire(["render", "--tag", "1", "-o"]).args([folder.join("chart")]).args([folder]).args(more).run()
}

/// The chart of an application with this configuration.
pub(crate) fn chart(intent: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = application(Some(intent));
    render(folder.path(), &[]).ok();
    let chart = folder.path().join("chart");
    (folder, chart)
}

pub(crate) const GIVEN: [&str; 2] = ["--set", "parameters.db-password=pw"];

/// Checks that each configuration is refused, and that the error has all parts.
pub(crate) fn all_refused(cases: &[(&str, &[&str])]) {
    for (intent, parts) in cases {
        let ran = render(application(Some(intent)).path(), &[]);
        assert_eq!(ran.code, 1, "{intent}: {}", ran.err);
        for part in *parts {
            assert!(ran.err.contains(part), "{intent}: no {part}: {}", ran.err);
        }
    }
}

#[test]
fn init_writes_a_file_that_works_and_overwrites_none() {
    let folder = application(None);
    let at = folder.path();
    let ran = aspire(["init"]).args([at]).run();
    assert_eq!(ran.code, 0, "{}", ran.err);
    let text = fs::read_to_string(at.join("aspire-k8s.yaml")).unwrap();
    assert!(text.starts_with("# yaml-language-server: $schema=aspire-k8s.schema.json\n"), "{text}");
    assert!(text.contains("\ncompatibility: 3\n"), "{text}");
    let schema: Value = serde_json::from_slice(&fs::read(at.join("aspire-k8s.schema.json")).unwrap()).unwrap();
    assert_eq!(schema["title"], "aspire-k8s.yaml");
    render(at, &[]).ok();
    let again = aspire(["init"]).args([at]).run();
    assert!(again.code == 3 && again.err.contains("error[file-exists]"), "{}", again.err);
    assert_eq!(fs::read_to_string(at.join("aspire-k8s.yaml")).unwrap(), text);
    let nowhere = at.join("missing/x.yaml");
    let ran = aspire(["init"]).args([at]).args(["--config".as_ref(), nowhere.as_os_str()]).run();
    assert!(ran.code == 1 && ran.err.contains("error[unwritable-file]: cannot write "), "{}", ran.err);
    // A schema of another owner stays, too.
    fs::write(at.join("aspire-k8s.schema.json"), "{}").unwrap();
    let named = at.join("other.yaml");
    aspire(["init"]).args([at]).args(["--config".as_ref(), named.as_os_str()]).run().ok();
    assert!(named.exists() && fs::read_to_string(at.join("aspire-k8s.schema.json")).unwrap() == "{}");
}

#[test]
fn an_edited_file_stops_a_render_and_an_added_one_stays() {
    let folder = application(None);
    let (at, chart) = (folder.path(), folder.path().join("chart"));
    render(at, &[]).ok();
    fs::write(chart.join("templates/own.yaml"), "# mine\n").unwrap();
    render(at, &[]).ok();
    let values = chart.join("values.yaml");
    let edited = fs::read_to_string(&values).unwrap().replacen("replicas: 1", "replicas: 7", 1);
    fs::write(&values, &edited).unwrap();
    let ran = render(at, &[]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    for part in ["error[generated-file-edited]", "values.yaml", "`values` or `patch`", "--overwrite"] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    assert_eq!(fs::read_to_string(&values).unwrap(), edited);
    assert_eq!(render(at, &["--check"]).code, 2, "a comparison goes on");
    // Ends of lines are what git makes of them, and what the configuration says now is no edit.
    let file = chart.join("templates/api/deployment.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace('\n', "\r\n")).unwrap();
    render(at, &["--overwrite"]).ok();
    assert!(!fs::read_to_string(&values).unwrap().contains("replicas: 7"));
    fs::write(&file, text.replace('\n', "\r\n")).unwrap();
    render(at, &[]).ok();
    assert_eq!(fs::read_to_string(chart.join("templates/own.yaml")).unwrap(), "# mine\n");
}

#[test]
fn values_of_the_file_are_values_of_the_chart_in_each_environment() {
    let Some(helm) = helm() else { return };
    let intent = "values: {workloads: {api: {env: {NEW: a}, terminationGracePeriodSeconds: 9}}, contoso: {colour: blue}}\n\
                  environments: {test: {values: {workloads: {api: {env: {NEW: b}}}, contoso: {colour: green}}}}\n";
    let (_folder, chart) = chart(intent);
    fs::write(
        chart.join("templates/own.yaml"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\ndata: {colour: '{{ .Values.contoso.colour }}'}\n",
    )
    .unwrap();
    let data = |more: &[&str]| {
        let objects = template(&helm, &chart, &[&GIVEN, more].concat()).unwrap();
        let map = |name: &str| {
            objects.iter().find(|it| it["kind"] == "ConfigMap" && it["metadata"]["name"] == name).unwrap()["data"]
                .clone()
        };
        (map("api-config")["NEW"].clone(), map("own")["colour"].clone())
    };
    assert_eq!(data(&[]), (json!("a"), json!("blue")));
    let test = chart.join("values-test.yaml").display().to_string();
    assert_eq!(data(&["-f", &test]), (json!("b"), json!("green")));
    // What is added is checked by nobody but its author; all else is as strict as before.
    template(&helm, &chart, &[&GIVEN[..], &["--set", "contos.colour=red"]].concat()).unwrap_err();
}

#[test]
fn what_helm_reads_in_another_way_is_refused() {
    all_refused(&[
        ("patch: {Deployment/api: {items: []}}", &["patch-refused", "`items`"]),
        ("patch: {Deployment/api: {metadata: {Annotations: {helm.sh/hook: test}}}}", &["did you mean `annotations`?"]),
        ("patch: {Deployment/api: {Kind: ConfigMap}}", &["did you mean `kind`?"]),
        ("patch: {Deployment/api: {spec: {Replicas: 3}}}", &["did you mean `replicas`?"]),
        (
            "{networkPolicy: fromReferences, patch: {NetworkPolicy/db: {spec: {podSelector: {}}}}}",
            &["`spec.podSelector`"],
        ),
        ("patch: {Service/api: {spec: {type: LoadBalancer}}}", &["resources.NAME.service"]),
        ("resources: {api: {annotations: {helm.sh/hook: test}}}", &["reserved-name"]),
        ("resources: {db: {volumes: {db-data: {annotations: {helm.sh/resource-policy: x}}}}}", &["reserved-name"]),
        ("values: {workloads: {api: {annotations: {Helm.sh/hook: test}}}}", &["chart-value-owned"]),
        ("values: {workloads: {db: {volumes: {db-data: {claimName: other}}}}}", &["resources.NAME.volumes"]),
        ("values: {workloads: {api: {service: {type: null}}}}", &["wrong-type"]),
        ("values: {global: hello}", &["wrong-type"]),
        (
            "extraObjects: [{apiVersion: v1, kind: ConfigMapList, metadata: {name: b}, items: []}]",
            &["a list of objects cannot be added"],
        ),
        (
            "extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: b}, items: [{kind: Secret}]}]",
            &["a list of objects cannot be added"],
        ),
        (
            "extraObjects: [{apiVersion: v1, kind: Secret, metadata: {name: b}, StringData: {a: b}}]",
            &["did you mean `stringData`?"],
        ),
        (
            "extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: b, Annotations: {helm.sh/hook: test}}}]",
            &["did you mean `annotations`?"],
        ),
        (
            "extraObjects: [{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: b}}]",
            &["a ClusterRole cannot be added here"],
        ),
        (
            "extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}, {apiVersion: c/v1, kind: Configmap, metadata: {name: b}}]",
            &["name-collision", "extra-configmap-b.yaml"],
        ),
        ("resources: {api: {env: {A: '{apu.bindings.http.url}'}}}", &["unknown-resource", "did you mean `api`?"]),
        ("resources: {api: {env: {A: '{worker.bindings.htp.url}'}}}", &["unknown-endpoint", "did you mean `http`?"]),
        ("resources: {db: {replicas: 3}}", &["volume-not-shareable", "`perReplica: true`"]),
    ]);
}

#[test]
fn wrong_values_patches_and_objects_are_told_with_their_place() {
    all_refused(&[
        ("values: {parameters: {currency: USD}}", &["chart-value-owned", "values.parameters", "aspire-k8s.yaml:1:"]),
        ("values: {secrets: {}}", &["chart-value-owned"]),
        ("values: {workloads: {apu: {replicas: 2}}}", &["unknown-key", "did you mean `api`?"]),
        ("values: {workloads: {api: {replicas: many}}}", &["wrong-type", "to be a number, found a text"]),
        ("values: {workload: {}}", &["did you mean `workloads`?"]),
        ("environments: {test: {values: {contoso: {}}}}", &["environment-changes-structure"]),
        ("patch: {Deployment/apu: {spec: {}}}", &["patch-without-object", "did you mean `Deployment/api`?"]),
        ("patch: {Deployment/api: {}}", &["no-effect"]),
        ("patch: {Secret/x: {data: {a: b}}}", &["patch-refused", "`parameters`"]),
        ("patch: {PersistentVolumeClaim/db-db-data: {spec: {}}}", &["patch-refused", "volumes"]),
        ("patch: {Deployment/api: {metadata: {name: x}}}", &["patch-refused", "`metadata.name`"]),
        ("patch: {Deployment/api: {spec: {selector: {}}}}", &["patch-refused"]),
        ("patch: {Deployment/api: {metadata: null}}", &["as a whole"]),
        ("patch: {Service/api: {metadata: {labels: null}}}", &["`metadata.labels`", "as a whole"]),
        ("patch: {Deployment/api: {spec: {template: {metadata: {annotations: null}}}}}", &["as a whole"]),
        ("patch: {Deployment/api: {spec: null}}", &["as a whole"]),
        ("patch: {Deployment/api: {spec: {replicas: 2}}}", &["resources.NAME.replicas"]),
        ("patch: {Deployment/api: {metadata: {labels: {app.kubernetes.io/instance: x}}}}", &["found and kept"]),
        ("patch: {Service/api: {metadata: {annotations: {helm.sh/resource-policy: delete}}}}", &["found and kept"]),
        ("patch: {Deployment/api: {spec: {template: {$patch: delete}}}}", &["use null to remove a key"]),
        ("patch: {Deployment/api: {spec: {x: [{name: a, $patch: replace}]}}}", &["the only directive"]),
        ("environments: {test: {patch: {}}}", &["environment-changes-structure"]),
        ("extraObjects: [{kind: A}]", &["missing-key", "`apiVersion` is missing", "`metadata` is missing"]),
        (
            "extraObjects: [{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {a: b}}]",
            &["secret-in-file"],
        ),
        (
            "extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: b}}]",
            &["`metadata.namespace` cannot be set"],
        ),
        (
            "extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a, annotations: {helm.sh/hook: test}}}]",
            &["reserved-name"],
        ),
        ("extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: api-config}}]", &["name-collision"]),
        (
            "extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: '{db-password.value}'}}]",
            &["secret-exposed"],
        ),
        (
            "extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: '{apu.bindings.http.host}'}}]",
            &["apu"],
        ),
        (
            "extraObjects: [{apiVersion: v2, kind: Hpa, metadata: {name: a}, spec: {scaleTargetRef: {kind: Deployment, name: apu}}}]",
            &["unknown-resource", "did you mean `api`?"],
        ),
        (
            "extraObjects: [{apiVersion: v1, kind: B, metadata: {name: a}, spec: {app.kubernetes.io/component: apu}}]",
            &["no workload `apu`"],
        ),
    ]);
}

#[test]
fn a_patch_that_matches_nothing_stops_helm() {
    let Some(helm) = helm() else { return };
    for (patch, part) in [
        ("{spec: {paused: null}}", "removes spec.paused, which does not exist"),
        (
            "{spec: {template: {spec: {containers: [{name: apu, $patch: delete}]}}}}",
            "containers[apu], which does not exist",
        ),
        (
            "{spec: {template: {spec: {containers: {name: api}}}}}",
            "has a map at spec.template.spec.containers, where the object has a list",
        ),
        (
            "{spec: {template: {spec: {containers: none}}}}",
            "has a value at spec.template.spec.containers, where the object has a list",
        ),
        ("{spec: {x: [{$patch: delete}]}}", "removes an item of spec.x"),
    ] {
        let (_folder, chart) = chart(&format!("patch: {{Deployment/api: {patch}}}"));
        let said = template(&helm, &chart, &GIVEN).unwrap_err();
        assert!(said.contains("the patch of Deployment/api") && said.contains(part), "{patch}: {said}");
    }
}

/// The objects with a patch of nothing that matters are those without, number for number.
#[test]
fn a_patched_object_is_the_same_but_for_its_patch() {
    let Some(helm) = helm() else { return };
    let objects = |intent: &str| {
        let (_folder, chart) = chart(intent);
        template(&helm, &chart, &GIVEN).unwrap()
    };
    let base = "application: shop\nresources: {api: {podSecurityContext: {runAsUser: 1000660000}}}\n";
    let patched = format!(
        "{base}patch: {{Deployment/api: {{metadata: {{annotations: {{own: x}}}}}}, Service/api: {{metadata: {{annotations: {{own: x}}}}}}, ConfigMap/api-config: {{metadata: {{annotations: {{own: x}}}}}}, StatefulSet/db: {{metadata: {{annotations: {{own: x}}}}}}}}"
    );
    let (before, mut after) = (objects(base), objects(&patched));
    let mut marked = 0;
    for object in &mut after {
        let annotations = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
        let Some(annotations) = annotations else { continue };
        marked += usize::from(annotations.remove("own").is_some());
        if annotations.is_empty() {
            object["metadata"].as_object_mut().unwrap().remove("annotations");
        }
    }
    assert_eq!((marked, after), (4, before));
}

/// Every kind that can be patched is one whose template can be.
#[test]
fn every_object_can_be_patched() {
    let Some(helm) = helm() else { return };
    let routes = crate::inputs().join("../routes/aspire-manifest.json");
    for manifest in [crate::inputs().join("app.json"), routes] {
        let folder = tempfile::tempdir().unwrap();
        let intent = manifest.with_file_name("aspire-k8s.yaml");
        let own = if manifest.ends_with("routes/aspire-manifest.json") {
            fs::read_to_string(intent).unwrap()
        } else {
            String::new()
        };
        fs::write(folder.path().join("aspire-k8s.yaml"), format!("{own}\npatch: {{No/thing: {{a: b}}}}\n")).unwrap();
        fs::copy(&manifest, folder.path().join("aspire-manifest.json")).unwrap();
        let said = render(folder.path(), &[]).err;
        let known = said.split("the chart has: ").nth(1).unwrap().lines().next().unwrap().to_owned();
        let patches: Vec<String> =
            known.split(", ").map(|key| format!("{key:?}: {{metadata: {{annotations: {{own: x}}}}}}")).collect();
        fs::write(folder.path().join("aspire-k8s.yaml"), format!("{own}\npatch: {{{}}}\n", patches.join(", ")))
            .unwrap();
        render(folder.path(), &[]).ok();
        let given: Vec<String> =
            inputs_of(folder.path()).iter().map(|name| format!("parameters.{}=x", name.replace('.', "\\."))).collect();
        let args: Vec<&str> = given.iter().flat_map(|word| ["--set", word]).collect();
        let objects = template(&helm, &folder.path().join("chart"), &args).unwrap();
        let marked = objects.iter().filter(|object| object["metadata"]["annotations"]["own"] == "x").count();
        assert!(marked > 3 && marked + 3 > patches.len() / 2, "{marked} of {}", patches.len());
    }
}

/// Names of the inputs that must be given.
fn inputs_of(folder: &Path) -> Vec<String> {
    let out = aspire(["inputs", "-o", "json", "--tag", "1"]).args([folder]).run().ok();
    let all: Value = serde_json::from_str(&out).unwrap();
    let all = all.as_array().cloned().unwrap_or_default();
    all.iter()
        .filter_map(|input| input["name"].as_str().map(str::to_owned))
        .filter(|name| !name.starts_with("image."))
        .collect()
}

#[test]
fn added_objects_refer_to_what_the_chart_has() {
    let Some(helm) = helm() else { return };
    let intent = "extraObjects:
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: own, labels: {release: '{release.name}'}}
    data: {url: 'http://{api.bindings.http.host}:{api.bindings.http.port}/{currency.value}', json: '{\"a\": {\"b\": \"{{ .x }} 100%\"}}', space: 'x-{release.namespace}%'}
  - apiVersion: example.com/v1
    kind: Probe
    metadata: {name: own}
    spec: {port: '{api.bindings.http.port}', on: true, none: null, list: [1, [2.5], {}], empty: []}
  - {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: own}, spec: {accessModes: [ReadWriteOnce]}}
";
    let (_folder, chart) = chart(intent);
    let objects =
        template(&helm, &chart, &[&GIVEN[..], &["--set", "parameters.currency=SEK", "--namespace", "there"]].concat())
            .unwrap();
    let own = |kind: &str| objects.iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == "own").unwrap();
    let map = own("ConfigMap");
    assert_eq!(map["metadata"]["labels"]["release"], "shop");
    let port = &own("Probe")["spec"]["port"];
    assert!(port.is_u64(), "{port}");
    assert_eq!(map["data"]["url"], format!("http://api:{port}/SEK"));
    assert_eq!(map["data"]["json"], "{\"a\": {\"b\": \"{{ .x }} 100%\"}}");
    assert_eq!(map["data"]["space"], "x-there%");
    assert_eq!(own("Probe")["spec"]["list"], json!([1, [2.5], {}]));
    let claim = own("PersistentVolumeClaim");
    assert_eq!(claim["metadata"]["annotations"], json!({"helm.sh/resource-policy": "keep"}));
}

#[test]
fn missing_arguments_are_told_with_the_key_that_restores_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let web = |more: Value| {
        let mut web = json!({"type": "container.v1", "build": {"context": ".", "dockerfile": "Dockerfile"},
            "bindings": {"http": {"scheme": "http", "protocol": "tcp", "transport": "http", "targetPort": 3000}}});
        web.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fs::write(at.join("aspire-manifest.json"), json!({"resources": {"web": web}}).to_string()).unwrap();
        let ran = aspire(["render", "--tag", "1", "-o", "-"]).args([at]).run();
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.err.contains("arguments-missing") && ran.err.contains("`resources.web.args`")
    };
    assert!(web(json!({})));
    for settled in [
        json!({"args": ["start"]}),
        json!({"entrypoint": "node"}),
        json!({"bindings": {}}),
        json!({"type": "container.v0", "image": "a:1", "build": null}),
    ] {
        assert!(!web(settled.clone()), "{settled}");
    }
    for intent in ["args: []", "args: [run, start]", "command: [node]", "image: 'a:1'"] {
        fs::write(at.join("aspire-k8s.yaml"), format!("resources: {{web: {{{intent}}}}}")).unwrap();
        assert!(!web(json!({})), "{intent}");
    }
}
