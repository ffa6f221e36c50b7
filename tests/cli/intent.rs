//! What each key of aspire-k8s.yaml changes of the objects: exactly what it should, and nothing else.

use crate::aspire;
use crate::helm::{documents, helm, template};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// One key each, over `app.json`.
const KEYS: [&str; 125] = [
    "resources: {api: {image: 'ghcr.io/contoso/api:7@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'}}",
    "resources: {db: {image: 'localhost:5000/pg'}}",
    "resources: {job: {image: 'dotnet:10'}}",
    "resources: {api: {imagePullPolicy: Always}}",
    "resources: {db: {imagePullPolicy: Never}}",
    "resources: {api: {replicas: 3}}",
    "{certManager: {issuers: {own: {kind: ClusterIssuer, selfSigned: {}}}}, resources: {api: {certificate: {issuer: own}}}}",
    "resources: {api: {replicas: 0}}",
    "resources: {api: {env: {NEW: 'a $(X) {{ b }}'}}}",
    "resources: {api: {env: {NEW: 'at {db.bindings.tcp.host}:{db.bindings.tcp.port} for {currency.value} 100%'}}}",
    "resources: {api: {env: {NEW: 'x={db-password.value};$(HOME)'}}}",
    "resources: {api: {env: {LOG_LEVEL: debug}}}",
    "resources: {api: {env: {LOG_LEVEL: null}}}",
    "compatibility: 1",
    "resources: {api: {probes: serviceDefaults}}",
    "resources: {api: {probes: {liveness: /alive, readiness: {periodSeconds: 30}}}}",
    "resources: {db: {probes: none}}",
    "resources: {worker: {probes: {liveness: {exec: {command: [cat, '{{ a }}']}}}}}",
    "resources: {api: {waitFor: [worker, db]}}",
    "{networkPolicy: fromReferences}",
    "{networkPolicy: {egress: true, controllerNamespaces: [traefik], external: [{cidr: 10.0.0.0/8, ports: [5432], from: [api]}]}}",
    "{waits: {image: 'mirror/busybox:1'}, defaults: {waitFor: references}, resources: {db: {waitForStart: [worker]}}}",
    "resources: {worker: {runAs: job, volumes: {work: {ephemeral: true}}}}",
    "resources: {worker: {runAs: {cronJob: {schedule: '0 3 * * *', timeZone: UTC}}, volumes: {work: {ephemeral: true}}}}",
    "resources: {worker: {runAs: {job: {backoffLimit: 0}}, volumes: {work: {ephemeral: true}}}, api: {waitForCompletion: [worker]}}",
    "resources: {db: {databases: [orders, 'a\"b']}}",
    "resources: {db: {databases: [orders]}, db-databases: {podAnnotations: {run: '2'}}}",
    "resources: {api: {service: {ports: {http: 8000}}}}",
    "resources: {db: {service: {ports: {tcp: 15432}}}}",
    "resources: {api: {env: {ConnectionStrings__db: null}}}",
    "resources: {api: {env: {'a:b': 'c$d'}}}",
    "resources: {worker: {command: [/bin/sh, -c, 'echo $HOME {currency.value}']}}",
    "resources: {worker: {command: []}}",
    "resources: {worker: {args: ['{db-password.value}']}}",
    "resources: {worker: {args: []}}",
    "resources: {api: {autoscaling: {minReplicas: 2, maxReplicas: 10, memory: 80}}}",
    "resources: {api: {autoscaling: {maxReplicas: 5, keda: true, triggers: [{type: cron, metadata: {start: '{{ a }}'}}]}}}",
    "resources: {api: {podDisruptionBudget: {minAvailable: 50%}}}",
    "{defaults: {podDisruptionBudget: {maxUnavailable: 1}}, resources: {api: {replicas: 2}}}",
    "resources: {api: {strategy: Recreate}}",
    "resources: {api: {strategy: {maxSurge: 25%, maxUnavailable: 1}}}",
    "resources: {db: {size: medium}}",
    "resources: {worker: {size: large, resources: {limits: {memory: 1Gi}}}}",
    "resources: {api: {spread: {zone: required, hostname: preferred}}}",
    "{nodePools: {fast: {nodeSelector: {disk: ssd}, tolerations: [{key: a}], affinity: {nodeAffinity: {}}}}, resources: {api: {nodePool: fast}}}",
    "{nodePools: {fast: {nodeSelector: {disk: ssd}}}, defaults: {nodePool: fast, size: small, spread: {hostname: preferred}}}",
    "resources: {db: {initContainers: [{name: prepare, args: [prepare], volumes: [db-data]}]}}",
    "resources: {api: {waitFor: [db], initContainers: [{name: first, image: 'busybox:1.37', command: [sh, -c, 'echo {{ a }} $HOME'], env: {A: 'a$b', B: '{currency.value}', C: 'x={db-password.value}', D: '{db-password.value}'}}, {name: second, env: {DB: '{db.connectionString}'}}]}}",
    "resources: {worker: {runAs: job, volumes: {work: {ephemeral: true}}, initContainers: [{name: fetch, volumes: [work, scratch]}]}}",
    "resources: {worker: {sidecarOf: api}}",
    "resources: {db: {sidecarOf: worker}}",
    "{dashboard: {}, resources: {api: {sidecarOf: worker}}}",
    "resources: {api: {runAs: job}, worker: {sidecarOf: api, volumes: {work: {ephemeral: true}}}}",
    "resources: {api: {resources: {limits: {memory: 1Gi}}}}",
    "resources: {api: {service: {type: LoadBalancer, loadBalancerClass: my/class, externalTrafficPolicy: Local}}}",
    "resources: {api: {service: {type: NodePort, nodePorts: {http: 30080}}}}",
    "resources: {api: {service: {annotations: {a/b: '1'}}}}",
    "resources: {db: {volumes: {db-data: {size: 20Gi}}}}",
    "resources: {db: {volumes: {shop.apphost-0123456789-db-data: {size: 20Gi}}}}",
    "resources: {db: {volumes: {db-data: {storageClass: fast}}}}",
    "resources: {db: {volumes: {db-data: {storageClass: ''}}}}",
    "resources: {db: {volumes: {db-data: {storageClass: '', volumeName: pv-1}}}}",
    "resources: {db: {volumes: {db-data: {claimName: kept}}}}",
    "resources: {db: {volumes: {db-data: {accessModes: [ReadWriteOncePod]}}}}",
    "resources: {db: {volumes: {db-data: {annotations: {a/b: '1'}}}}}",
    "resources: {db: {volumes: {db-data: {ephemeral: true}}}}",
    "resources: {db: {volumes: {db-data: {existingClaim: mine}}}}",
    "resources: {db: {volumes: {db-data: {existingClaim: mine, subPath: pg}}}}",
    "resources: {db: {volumes: {db-data: {perReplica: true}}}}",
    "resources: {db: {volumes: {db-data: {subPath: ''}}}}",
    "resources: {db: {volumes: {db-data: {readOnly: true}}}}",
    "resources: {db: {volumes: {db-data: {mountPath: /elsewhere}}}}",
    "resources: {api: {volumes: {uploads: {mountPath: /uploads}}}}",
    "resources: {worker: {volumes: {scratch: {size: 2Gi}}}}",
    "resources: {worker: {volumes: {work: {accessModes: [ReadWriteMany]}}}, api: {volumes: {work: {of: worker, mountPath: /w, readOnly: true}}}}",
    "resources: {worker: {workload: Deployment, volumes: {work: {accessModes: [ReadWriteMany]}}}}",
    "resources: {api: {workload: StatefulSet}}",
    "resources: {api: {labels: {team: web}}}",
    "resources: {api: {annotations: {a/b: '1'}}}",
    "resources: {api: {podAnnotations: {a/b: '1'}}}",
    "resources: {api: {nodeSelector: {disk: ssd}}}",
    "resources: {api: {tolerations: [{key: a, operator: Exists}]}}",
    "resources: {api: {affinity: {nodeAffinity: {}}}}",
    "resources: {api: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]}}",
    "resources: {api: {priorityClass: high}}",
    "resources: {api: {serviceAccount: me}}",
    "resources: {api: {serviceAccount: {create: false, name: me}}}",
    "resources: {api: {serviceAccount: {annotations: {a/b: 'in {currency.value}'}}}}",
    "resources: {api: {serviceAccount: {name: shop-api, roles: [reader, ClusterRole/view]}}}",
    "resources: {api: {identity: {azure: {clientId: 01234567-89ab-cdef-0123-456789abcdef}}}}",
    "resources: {api: {identity: {aws: {roleArn: '{currency.value}'}}}, worker: {identity: {gcp: {serviceAccount: a@b.iam.gserviceaccount.com}}}}",
    "resources: {api: {imagePullSecrets: [partner]}}",
    "defaults: {serviceAccount: {create: true}}",
    "resources: {api: {terminationGracePeriodSeconds: 5}}",
    "resources: {api: {drainSeconds: 12}}",
    "resources: {api: {security: restricted}}",
    "resources: {api: {podSecurityContext: {fsGroup: 7}}}",
    "resources: {api: {securityContext: {readOnlyRootFilesystem: true}}}",
    "resources: {worker: {exclude: true}, api: {env: {services__worker__http__0: null}}}",
    "resources: {db: {exclude: true}, api: {env: {ConnectionStrings__db: null}}}",
    "parameters: {currency: {value: 'USD $1'}}",
    "parameters: {db-password: {from: chart}}",
    "parameters: {db-password: {from: {existing: {name: pg, key: password, uriKey: escaped}}}}",
    "secrets: {from: chart}",
    "secrets: {from: external-secrets, externalSecrets: {store: {name: vault}}}",
    "parameters: {db-password: {from: {external-secrets: {key: shop/db, property: pw, store: {name: v, kind: ClusterSecretStore}, refreshInterval: 5m}}}}",
    "parameters: {db-password: {from: sealed}}",
    "parameters: {db-password: {from: {deferred: {secret: made, key: password, uriKey: escaped, producedBy: maker}}}}",
    "defaults: {registry: ghcr.io/contoso}",
    "defaults: {imagePullSecrets: [regcred], imagePullPolicy: Always}",
    "{defaults: {security: restricted}, resources: {worker: {security: {user: 1000, group: 1000, writable: [/work/cache, /cache]}}}}",
    "defaults: {security: baseline}",
    "defaults: {security: none}",
    "{compatibility: 2, defaults: {security: restricted}}",
    "defaults: {resources: {requests: {cpu: 1}}}",
    "defaults: {storage: {size: 5Gi, storageClass: slow, accessModes: [ReadWriteOncePod], annotations: {a/b: '1'}}}",
    "defaults: {labels: {team: web}, annotations: {a/b: '1'}, nodeSelector: {disk: ssd}}",
    "defaults: {tolerations: [{operator: Exists}]}",
    "application: Other Name\nrelease: {name: other, namespace: there}",
    "values: {workloads: {api: {priorityClassName: high, env: {LOG_LEVEL: null}}}}",
    "patch: {Deployment/api: {spec: {template: {spec: {containers: [{name: api, tty: true, env: [{name: OWN, value: '{{ a }}'}]}]}}}}}",
    "patch: {StatefulSet/db: {spec: {template: {spec: {hostAliases: [{ip: 10.0.0.1, hostnames: [a]}]}}}}}",
    "patch: {Deployment/api: {spec: {strategy: {rollingUpdate: null, type: Recreate}}}}",
    "patch: {Service/api: {metadata: {annotations: {a/b: '1'}}, spec: {ports: [{name: http, appProtocol: h2c}]}}}",
    "extraObjects: [{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: api}, spec: {minAvailable: 1, selector: {matchLabels: {app.kubernetes.io/component: api}}}}]",
];

/// Objects by `Kind/name`.
type Objects = BTreeMap<String, Value>;

fn by_name(documents: Vec<Value>) -> Objects {
    let name = |object: &Value| {
        format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
    };
    documents.into_iter().map(|object| (name(&object), object)).collect()
}

/// What `seal` might have written for `app.json`.
const SEALED: &str = "apiVersion: aspire-k8s.sealed/v1
namespaces: {default: {cli: {db-password: {id: 00ff00ff, value: c2VhbGVk, uri: ZXNjYXBlZA==}}}}
";

/// The objects of `app.json` with an intent.
fn objects(helm: &Path, folder: &Path, intent: &str, more: &[&str]) -> Objects {
    let config = folder.join("intent.yaml");
    fs::write(&config, intent).unwrap();
    fs::write(folder.join("aspire-k8s.sealed.yaml"), SEALED).unwrap();
    let ran = aspire(["render", "app.json", "--format", "yaml", "--tag", "1", "--config"]).args([config]).args(more);
    by_name(documents(&ran.env("HELM_BIN", helm).run().ok()))
}

/// Every place at which two values differ, with what stands there now.
fn differences(place: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<String>) {
    match (old, new) {
        (old, new) if old == new => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let key_shown = key.replace('~', "~0").replace('/', "~1");
                differences(&format!("{place}/{key_shown}"), old.get(key), new.get(key), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                differences(&format!("{place}/{index}"), Some(old), Some(new), found);
            }
        }
        (_, Some(_)) if place.ends_with("/aspire-k8s~1config") => found.push(format!("{place}: (another hash)")),
        (_, Some(new)) => found.push(format!("{place}: {new}")),
        (_, None) => found.push(format!("{place}: gone")),
    }
}

fn changed(before: &Objects, after: &Objects) -> String {
    let mut found = Vec::new();
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        differences(name, before.get(name), after.get(name), &mut found);
    }
    found.join("\n")
}

#[test]
fn every_key_changes_what_it_should() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let before = objects(&helm, folder.path(), "", &[]);
    let mut report = String::new();
    for key in KEYS {
        let changes = changed(&before, &objects(&helm, folder.path(), key, &[]));
        assert!(!changes.is_empty(), "{key} changes nothing");
        report.extend(["== ", key, "\n", &changes, "\n\n"]);
    }
    insta::assert_snapshot!(report);
}

/// The bytes of every file in a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name().into_string().unwrap())).unwrap();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else {
            found.insert(name, fs::read(path).unwrap());
        }
    }
    found
}

/// What the AppHost says goes on as it is; that it says "Development" is told unless the intent says it too.
#[test]
fn development_is_told_unless_it_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (manifest, intent) = (folder.path().join("aspire-manifest.json"), folder.path().join("aspire-k8s.yaml"));
    let web = |value: &str| {
        let web = json!({"type": "container.v0", "image": "web:1", "env": {"ASPNETCORE_ENVIRONMENT": value}});
        json!({"resources": {"web": web}}).to_string()
    };
    let render = |value: &str, words: &str, more: &[&str]| {
        fs::write(&manifest, web(value)).unwrap();
        fs::write(&intent, words).unwrap();
        let ran = aspire(["render", "-o", "-"]).args([folder.path()]).args(more).run();
        assert_eq!(ran.code, 0, "{}", ran.err);
        (ran.out, ran.err.contains("the manifest sets ASPNETCORE_ENVIRONMENT to"))
    };
    let (chart, told) = render("Development", "", &[]);
    assert!(told && chart.contains("ASPNETCORE_ENVIRONMENT: \"Development\""), "{chart}");
    assert!(!render("Production", "", &[]).1);
    let says = |value: &str| format!("resources: {{web: {{env: {{ASPNETCORE_ENVIRONMENT: {value}}}}}}}");
    for value in ["Development", "Production", "null"] {
        assert!(!render("Development", &says(value), &[]).1, "{value}");
    }
    let environments = format!("environments: {{production: {{{}}}, other: {{}}}}", says("Production"));
    assert!(!render("Development", &environments, &["-e", "production"]).1);
    assert!(render("Development", &environments, &["-e", "other"]).1);
    // Nothing says it by itself, and no environment's name does.
    let bare = json!({"resources": {"web": {"type": "project.v0", "path": "web.csproj"}}}).to_string();
    fs::write(&manifest, bare).unwrap();
    fs::write(&intent, "environments: {development: {}}").unwrap();
    for more in [&[][..], &["-e", "development"]] {
        let out = aspire(["render", "--tag=1", "-o", "-"]).args([folder.path()]).args(more).run().ok();
        assert!(!out.contains("Development") && !out.contains("_ENVIRONMENT"), "{out}");
    }
}

/// An environment gives the same objects as the same words without one, and templates of the same bytes.
#[test]
fn environments_change_values_only() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let words = [
        "resources: {api: {image: 'ghcr.io/contoso/api:7'}}",
        "resources: {db: {image: 'localhost:5000/pg'}}",
        "resources: {api: {replicas: 3}}",
        "resources: {api: {env: {LOG_LEVEL: debug, NEW: a}}}",
        "resources: {api: {env: {LOG_LEVEL: null}}}",
        "resources: {api: {probes: serviceDefaults}}",
        "resources: {db: {probes: none}}",
        "resources: {db: {probes: {readiness: {tcp: {}}}}}",
        "resources: {api: {service: {ports: {http: 8000}}}}",
        "resources: {api: {resources: {limits: {memory: 1Gi}}}}",
        "resources: {api: {service: {type: NodePort, nodePorts: {http: 30080}, annotations: {a: b}}}}",
        "resources: {db: {volumes: {db-data: {size: 20Gi, storageClass: fast}}}}",
        "resources: {api: {annotations: {a: b}, podAnnotations: {c: d}, nodeSelector: {e: f}}}",
        "resources: {api: {tolerations: [{operator: Exists}]}}",
        "parameters: {currency: {value: USD}}",
        "defaults: {registry: ghcr.io/contoso, imagePullSecrets: [regcred]}",
        "resources: {db: {size: medium, spread: {zone: required}}}",
        "defaults: {size: large, spread: {hostname: preferred}}",
    ];
    let chart = |name: &str, intent: &str| {
        let (config, chart) = (folder.path().join("intent.yaml"), folder.path().join(name));
        fs::write(&config, intent).unwrap();
        aspire(["render", "app.json", "-o"]).args([&chart]).args(["--config".as_ref(), config.as_os_str()]).run().ok();
        chart
    };
    let plain = chart("plain", "");
    for (index, words) in words.iter().enumerate() {
        let environment = format!("environments: {{production: {{{words}}}}}");
        let chosen = objects(&helm, folder.path(), &environment, &["-e", "production"]);
        let direct = objects(&helm, folder.path(), words, &[]);
        assert_eq!(changed(&direct, &chosen), "", "{words}");
        let with = chart(&format!("chart-{index}"), &environment);
        let mut files = files(&with);
        let mut without = self::files(&plain);
        assert!(files.remove("values-production.yaml").is_some());
        // It lists the environments that there are.
        assert_ne!(files.remove("aspire.json"), without.remove("aspire.json"));
        let other: Vec<_> = files.iter().filter(|(name, bytes)| without.get(*name) != Some(bytes)).collect();
        assert!(other.is_empty() && files.len() == without.len(), "{words}: {other:?}");
    }
}

/// An environment changes images and variables of init containers, and no template.
#[test]
fn an_environment_changes_init_containers() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let containers = |image: &str, more: &str| {
        format!(
            "{{api: {{initContainers: [{{name: own, image: 'busybox:{image}'}}, {{name: same, env: {{{more}}}}}]}}}}"
        )
    };
    let base = containers("1", "A: a, B: '{currency.value}'");
    let change = containers("2", "B: b, C: 'c$d'");
    let intent = format!("resources: {base}\nenvironments: {{production: {{resources: {change}}}}}");
    let chosen = objects(&helm, folder.path(), &intent, &["-e", "production"]);
    let meant = format!("resources: {}", containers("2", "A: a, B: b, C: 'c$d'"));
    assert_eq!(changed(&objects(&helm, folder.path(), &meant, &[]), &chosen), "");
    let all = chosen["Deployment/api"].pointer("/spec/template/spec/initContainers").unwrap();
    assert_eq!((&all[0]["image"], &all[1]["env"][2]["value"]), (&json!("busybox:2"), &json!("c$$d")), "{all}");
}

/// An environment may replace the only variable that an input is in; the templates ask for the input all the same.
#[test]
fn an_environment_may_replace_a_composed_variable() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let intent = "resources: {db: {exclude: true}, api: {env: {ConnectionStrings__db: 'Password={db-password.value}'}}}\n\
                  environments: {test: {resources: {api: {env: {ConnectionStrings__db: none}}}}}";
    let objects = objects(&helm, folder.path(), intent, &["-e", "test"]);
    assert_eq!(objects["ConfigMap/api-config"]["data"]["ConnectionStrings__db"], "none");
    let env = objects["Deployment/api"].pointer("/spec/template/spec/containers/0/env").unwrap();
    assert!(env.as_array().unwrap().iter().all(|variable| variable["name"] != "ConnectionStrings__db"), "{env}");
}

/// The chart of `app.json`, and a values file that gives everything that is missing.
fn chart(folder: &Path) -> PathBuf {
    let chart = folder.join("chart");
    aspire(["render", "app.json", "--tag", "1", "-o"]).args([&chart]).run().ok();
    fs::write(folder.join("given.yaml"), "parameters: {db-password: pw}").unwrap();
    chart
}

#[test]
fn keys_of_the_chart_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (config, chart) = (folder.path().join("c.yaml"), folder.path().join("chart"));
    fs::write(
        &config,
        "application: My Shop\napplicationId: shop-1\nchart: {name: web-shop, version: 1.4.0-rc.1, appVersion: '7', description: 'Sells {{ things }}'}",
    )
    .unwrap();
    aspire(["render", "app.json", "-o"]).args([&chart]).args(["--config".as_ref(), config.as_os_str()]).run().ok();
    let chart = fs::read_to_string(chart.join("Chart.yaml")).unwrap();
    insta::assert_snapshot!(chart);
}

#[test]
fn replicas_need_a_volume_that_many_pods_can_use() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let chart = chart(folder.path());
    let given = folder.path().join("given.yaml").display().to_string();
    let with = |args: &[&str]| template(&helm, &chart, &[&["-f", &given], args].concat());
    let refused = with(&["--set", "workloads.db.replicas=2"]).unwrap_err();
    assert!(
        refused.contains("workload \"db\" has 2 replicas, but its volume \"db-data\" can be used by one pod at a time: set accessModes to ReadWriteMany, or `perReplica` in aspire-k8s.yaml"),
        "{refused}"
    );
    with(&["--set", "workloads.db.replicas=2,workloads.db.volumes.db-data.accessModes={ReadWriteMany}"]).unwrap();
    with(&["--set", "workloads.api.replicas=2"]).unwrap();
}

#[test]
fn ports_given_as_text_stay_numbers_and_move_their_consumers() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let chart = chart(folder.path());
    let given = folder.path().join("given.yaml").display().to_string();
    let objects = |args: &[&str]| by_name(template(&helm, &chart, &[&["-f", &given], args].concat()).unwrap());
    let before = objects(&[]);
    let after =
        objects(&["--set-string", "workloads.worker.ports.http.port=81,workloads.worker.ports.http.targetPort=91"]);
    insta::assert_snapshot!(changed(&before, &after));
}

#[test]
fn the_schema_of_the_values_refuses_what_is_mistyped() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let chart = chart(folder.path());
    let given = folder.path().join("given.yaml").display().to_string();
    let with = |args: &[&str]| template(&helm, &chart, &[&["-f", &given], args].concat());
    for (set, word) in [
        ("workload.api.replicas=2", "workload"),
        ("workloads.apu.replicas=2", "apu"),
        ("workloads.api.replcas=2", "replcas"),
        ("workloads.api.replicas=many", "replicas"),
        ("workloads.api.ports.https.port=2", "https"),
        ("workloads.api.service.type=Public", "service"),
        ("workloads.api.service.nodePorts.htp=30000", "htp"),
        ("workloads.api.env.X=5", "env"),
        ("workloads.db.volumes.db-data.siz=5Gi", "siz"),
        ("parameters.curency=USD", "curency"),
        ("secrets.db-password.frm=chart", "frm"),
        ("images.registri=x", "registri"),
    ] {
        let refused = with(&["--set", set]).expect_err(set);
        assert!(refused.contains("schema") && refused.contains(word), "{set}: {refused}");
    }
    with(&["--set", "global.anything.at.all=5", "--set-string", "workloads.api.env.X=5"]).unwrap();
}

/// A missing input stops helm with the names of all that are missing, and never becomes an empty string.
#[test]
fn missing_inputs_are_named_together() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let chart = folder.path().join("chart");
    aspire(["render", "app.json", "-o"]).args([&chart]).run().ok();
    let refused = template(&helm, &chart, &[]).unwrap_err();
    assert!(refused.contains("missing inputs: images.tag, db-password. "), "{refused}");
}

/// The tag is a value with a plain name, as a number too; its former name counts until 1.0, and the two never disagree in
/// silence.
#[test]
fn the_tag_is_a_value_of_its_own() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let chart = folder.path().join("chart");
    aspire(["render", "app.json", "-o"]).args([&chart]).run().ok();
    let image = |args: &[&str]| {
        let given = ["--set", "parameters.db-password=x"].iter().chain(args).copied().collect::<Vec<_>>();
        let objects = template(&helm, &chart, &given)?;
        let api = objects.iter().find(|it| it["kind"] == "Deployment" && it["metadata"]["name"] == "api").unwrap();
        Ok::<_, String>(api["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned())
    };
    let former = r"parameters.image\.tag=7";
    for (args, expected) in [
        (vec!["--set", "images.tag=7"], "api:7"),
        (vec!["--set", "images.tag=20261201"], "api:20261201"),
        (vec!["--set", "images.tag=1.10"], "api:1.10"),
        (vec!["--set-string", former], "api:7"),
        (vec!["--set-string", former, "--set", "images.tag=7"], "api:7"),
    ] {
        assert_eq!(image(&args).as_deref(), Ok(expected), "{args:?}");
    }
    let refused = image(&["--set-string", former, "--set", "images.tag=8"]).unwrap_err();
    assert!(refused.contains("images.tag is \"8\""), "{refused}");
}

/// What a manifest says of a scheme reaches NOTES.txt as text, not as an action of helm.
#[test]
fn a_scheme_is_no_template() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aspire-manifest.json");
    let scheme = "{{ fail `oh no` }}}} {{/* ";
    let binding = serde_json::json!({"scheme": scheme, "targetPort": 80, "external": true});
    let web = serde_json::json!({"type": "container.v0", "image": "web:1", "bindings": {"http": binding}});
    fs::write(&file, serde_json::json!({"resources": {"web": web}}).to_string()).unwrap();
    let chart = folder.path().join("chart");
    aspire(["render", "-o"]).args([&chart]).args([&file]).run().ok();
    template(&helm, &chart, &["--notes"]).or_else(|_| template(&helm, &chart, &[])).unwrap();
}

/// A folder without files has no ConfigMap; files of one name in several folders keep their own content.
#[test]
fn mounted_files() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut mounts = vec![serde_json::json!({"source": "empty", "target": "/empty"})];
    fs::create_dir(folder.path().join("empty")).unwrap();
    for name in ["a", "b", "c", "d"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("init.sql"), name).unwrap();
        mounts.push(serde_json::json!({"source": format!("{name}/init.sql"), "target": format!("/{name}")}));
    }
    let file = folder.path().join("aspire-manifest.json");
    let web = serde_json::json!({"type": "container.v0", "image": "web:1", "bindMounts": mounts});
    fs::write(&file, serde_json::json!({"resources": {"web": web}}).to_string()).unwrap();
    let chart = folder.path().join("chart");
    aspire(["render", "-o"]).args([&chart]).args([&file]).run().ok();
    let objects = by_name(template(&helm, &chart, &[]).unwrap());
    let data = objects["ConfigMap/web-files"]["data"].as_object().unwrap();
    let pod = objects["Deployment/web"].pointer("/spec/template/spec").unwrap();
    assert_eq!(pod["volumes"][0], serde_json::json!({"name": "files-0", "emptyDir": {}}));
    for (index, name) in ["a", "b", "c", "d"].iter().enumerate() {
        let key = pod["containers"][0]["volumeMounts"][index + 1]["subPath"].as_str().unwrap();
        assert_eq!(data[key], *name);
    }
}

/// Names of variables have no limit, keys of YAML have one.
#[test]
fn a_variable_with_a_very_long_name() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let name = "N".repeat(3000);
    let file = folder.path().join("aspire-manifest.json");
    let web = serde_json::json!({"type": "container.v0", "image": "web:1", "env": {name.clone(): "x"}});
    fs::write(&file, serde_json::json!({"resources": {"web": web}}).to_string()).unwrap();
    let chart = folder.path().join("chart");
    aspire(["render", "-o"]).args([&chart]).args([&file]).run().ok();
    let objects = by_name(template(&helm, &chart, &[]).unwrap());
    let env = objects["Deployment/web"].pointer("/spec/template/spec/containers/0/env/0").unwrap();
    assert_eq!((&env["name"], &env["value"]), (&Value::from(name), &Value::from("x")));
}

/// What is left out is gone, whatever kind of resource it is.
#[test]
fn node_in_development_is_told_too() {
    let folder = tempfile::tempdir().unwrap();
    let web = |value: &str| json!({"resources": {"web": {"type": "container.v0", "image": "web:1", "env": {"NODE_ENV": value}}}});
    for (value, told) in [("development", true), ("Development", true), ("production", false)] {
        fs::write(folder.path().join("aspire-manifest.json"), web(value).to_string()).unwrap();
        let ran = aspire(["render", "-o", "-"]).args([folder.path()]).run();
        assert_eq!(ran.err.contains(&format!("the manifest sets NODE_ENV to {value}")), told, "{}", ran.err);
    }
}

#[test]
fn excluded_parts_of_dapr() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aspire-manifest.json");
    let manifest = serde_json::json!({"resources": {
        "web": {"type": "container.v0", "image": "web:1"},
        "web-dapr": {"type": "dapr.v0", "dapr": {"application": "web", "components": ["store"]}},
        "store": {"type": "dapr.component.v0", "daprComponent": {"type": "state.redis"}},
    }});
    fs::write(&file, manifest.to_string()).unwrap();
    let printed = |intent: &str| {
        fs::write(folder.path().join("aspire-k8s.yaml"), intent).unwrap();
        aspire(["render", "-o", "-"]).args([&file]).run().ok()
    };
    let whole = printed("");
    assert!(whole.contains("dapr.io/app-id") && whole.contains("kind: Component"));
    let without = printed("resources: {web-dapr: {exclude: true}, store: {exclude: true}}");
    assert!(!without.contains("dapr.io/app-id") && !without.contains("kind: Component"));
}
