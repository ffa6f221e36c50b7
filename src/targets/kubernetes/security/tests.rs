//! What whole manifests get for `security`.

use crate::app::{self, Sources};
use crate::config;
use crate::manifest;
use crate::targets::built_images::BuiltImages;
use crate::targets::kubernetes::Plan;
use crate::targets::kubernetes::plan::plan;
use serde_json::{Value as Json, json};

fn planned(resource: &Json, intent: &str) -> Result<Plan, String> {
    let manifest = json!({"resources": {"a": resource}}).to_string();
    let manifest = manifest::parse(manifest.as_bytes()).map_err(|diagnostics| diagnostics.to_string())?;
    let config = config::parse(intent).map_err(|diagnostics| diagnostics.to_string())?;
    let app =
        app::resolve(&manifest, &config, "shop", &Sources::default()).map_err(|diagnostics| diagnostics.to_string())?;
    plan(&app, &config, &BuiltImages::default()).map_err(|diagnostics| diagnostics.to_string())
}

fn image(image: &str) -> Json {
    json!({"type": "container.v0", "image": image})
}

fn project() -> Json {
    json!({"type": "project.v0", "path": "a.csproj"})
}

/// The two security contexts and the writable folders.
fn got(resource: &Json, intent: &str) -> (Json, Json, Vec<String>) {
    let plan = planned(resource, intent).unwrap_or_else(|diagnostics| panic!("{intent}: {diagnostics}"));
    let values = plan.values.to_json()["workloads"]["a"].take();
    let folders = plan.workloads[0].view.writable.iter().map(|folder| folder.target.clone()).collect();
    (values["podSecurityContext"].clone(), values["securityContext"].clone(), folders)
}

fn baseline() -> Json {
    json!({"allowPrivilegeEscalation": false, "seccompProfile": {"type": "RuntimeDefault"}})
}

fn restricted(more: &Json) -> Json {
    let mut context = baseline();
    context["capabilities"] = json!({"drop": ["ALL"]});
    context["runAsNonRoot"] = json!(true);
    for (key, value) in more.as_object().unwrap() {
        context[key] = value.clone();
    }
    context
}

#[test]
fn words_mean_what_they_say_for_every_container() {
    let (none, redis) = (json!({}), image("redis:8"));
    for (resource, word, context) in [
        (&redis, "", none.clone()),
        (&redis, "defaults: {security: none}", none.clone()),
        (&redis, "defaults: {security: baseline}", baseline()),
        (&redis, "{compatibility: 2, defaults: {security: baseline}}", none.clone()),
        (&redis, "{defaults: {security: restricted}, resources: {a: {security: none}}}", none.clone()),
        (&project(), "", baseline()),
        (&project(), "defaults: {security: baseline}", baseline()),
        (&project(), "defaults: {security: none}", none.clone()),
    ] {
        assert_eq!(got(resource, word), (none.clone(), context, Vec::new()), "{word}");
    }
    let user = json!({"readOnlyRootFilesystem": true, "runAsUser": 999, "runAsGroup": 999});
    let (_, context, folders) = got(&redis, "defaults: {security: restricted}");
    assert_eq!((context, folders), (restricted(&user), vec!["/data".to_owned()]));
    let user = json!({"readOnlyRootFilesystem": true, "runAsUser": 1654, "runAsGroup": 1654});
    let (_, context, folders) = got(&project(), "defaults: {security: restricted}");
    assert_eq!((context, folders), (restricted(&user), vec!["/tmp".to_owned(), "/home/app".to_owned()]));
    let (_, context, folders) =
        got(&image("mcr.microsoft.com/mssql/server:2022-latest"), "defaults: {security: restricted}");
    assert_eq!((context, folders), (restricted(&json!({"runAsUser": 10001})), Vec::new()));
}

#[test]
fn former_numbers_stay_as_they_were() {
    for number in [1, 2] {
        let word = format!("{{compatibility: {number}, defaults: {{security: restricted}}}}");
        assert_eq!(got(&image("redis:8"), &word), (json!({}), json!({}), Vec::new()), "{number}");
        let user = json!({"runAsUser": 1654});
        assert_eq!(got(&project(), &word), (json!({}), restricted(&user), Vec::new()), "{number}");
    }
    let changed_by = |resource: &Json, intent: &str| planned(resource, intent).unwrap().workloads[0].changed_by.clone();
    assert_eq!(changed_by(&image("redis:8"), "defaults: {security: restricted}"), [3]);
    assert_eq!(changed_by(&project(), "defaults: {security: restricted}"), [3]);
    assert_eq!(changed_by(&project(), ""), [0_u32; 0]);
    assert_eq!(changed_by(&image("redis:8"), "resources: {a: {security: {user: 7}}}"), [0_u32; 0]);
}

#[test]
fn an_unknown_image_is_an_error_that_names_the_key() {
    for (resource, named) in [
        (image("ghcr.io/contoso/odd:1"), "the image ghcr.io/contoso/odd:1 of `a`"),
        (image("bitnami/redis:8"), "the image bitnami/redis:8 of `a`"),
        (
            json!({"type": "container.v1", "build": {"context": ".", "dockerfile": "Dockerfile"}}),
            "the image that is built of `a`",
        ),
    ] {
        let said = planned(&resource, "defaults: {security: restricted}").unwrap_err();
        assert!(said.contains(named) && said.contains("`resources.a.security`"), "{said}");
        assert!(said.contains("defaults.security"), "{said}");
        let said = planned(&resource, "resources: {a: {security: restricted}}").unwrap_err();
        assert!(said.contains("resources.a.security: "), "{said}");
        assert!(planned(&resource, "{compatibility: 2, defaults: {security: restricted}}").is_ok());
        let user = "{defaults: {security: restricted}, resources: {a: {security: {user: 1000, writable: [/data], readOnlyRoot: false}}}}";
        let (_, context, folders) = got(&resource, user);
        assert_eq!((context, folders), (restricted(&json!({"runAsUser": 1000})), vec!["/data".to_owned()]));
    }
}

#[test]
fn a_volume_takes_the_place_of_a_writable_folder() {
    let with = |image: &str, target: &str| json!({"type": "container.v0", "image": image, "volumes": [{"name": "data", "target": target, "readOnly": false}]});
    let word = "defaults: {security: restricted}";
    let (pod, _, folders) = got(&with("redis:8", "/data/"), word);
    // The group of the files is that of charts without `restricted`: another one would change the files of a live claim.
    assert_eq!(pod, json!({"fsGroup": 2000, "fsGroupChangePolicy": "OnRootMismatch"}));
    assert_eq!(folders, [""; 0]);
    // A volume beneath leaves the folder above writable, a volume beside has no part in it.
    let (_, _, folders) = got(&with("postgres:17", "/var/lib/postgresql/data"), word);
    assert_eq!(folders, ["/var/lib/postgresql", "/var/run/postgresql", "/tmp"]);
    let (_, _, folders) = got(&with("redis:8", "/data2"), word);
    assert_eq!(folders, ["/data"]);
}

#[test]
fn a_database_owns_the_folder_of_its_data() {
    let with = |image: &str| {
        let volume = json!({"name": "data", "target": "/var/lib/postgresql/data", "readOnly": false});
        json!({"type": "container.v0", "image": image, "volumes": [volume]})
    };
    let owned = |resource: &Json, intent: &str| planned(resource, intent).unwrap().workloads[0].view.volumes[0].owned;
    let word = "defaults: {security: restricted}";
    assert!(owned(&with("postgres:17"), word));
    assert!(owned(&with("timescale/timescaledb:2-pg17"), "resources: {a: {security: {user: 70, group: 70}}}"));
    assert!(!owned(&with("redis:8"), word) && !owned(&with("postgres:17"), ""));
}
