//! Init containers that aspire-k8s.yaml adds: their views and values, and what cannot be one.
//!
//! They run in the order of the file, after those that wait. Must not resolve references: the application has.

use super::formula::Names;
use super::image_sources::reference_values;
use super::name::Name;
use super::variables;
use super::view::{InitContainerView, WorkloadView};
use crate::app::{App, InitContainer, Workload};
use crate::config::intent_place;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, suggestion};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

/// Adds the init containers of a workload to its view, whose volumes and waits are known, and returns their values.
pub(crate) fn add(
    app: &App,
    workload: &Workload,
    names: &Names,
    view: &mut WorkloadView,
    diagnostics: &mut Diagnostics,
) -> Map<String, Json> {
    let mut values = Map::new();
    for (index, container) in workload.init_containers.iter().enumerate() {
        let place = format!("resources.{}.initContainers[{index}]", workload.name);
        check(container, &place, view, diagnostics);
        let (container_view, container_values) = one(app, workload, container, names, view, diagnostics);
        view.init_containers.push(container_view);
        values.insert(container.name.clone(), container_values);
    }
    values
}

/// Reports a name that another container of the pod has, and volumes that the workload does not mount.
fn check(container: &InitContainer, place: &str, view: &WorkloadView, diagnostics: &mut Diagnostics) {
    let is_wait = view.waits.iter().any(|wait| wait.container == container.name);
    if is_wait || container.name == view.name {
        let what = format!("another container of the pod has the name `{}`", container.name);
        let place = intent_place(format!("{place}.name"));
        diagnostics.push(Diagnostic::new(Code::NameCollision, place, what).hint("set another name"));
    }
    let known: BTreeSet<&str> = view.volumes.iter().map(|volume| volume.key.as_str()).collect();
    for (index, volume) in container.volumes.iter().enumerate() {
        if known.contains(Name::of_label(volume).as_str()) {
            continue;
        }
        let what = format!("`{}` has no volume `{volume}`", view.name);
        let hint = suggestion(
            diagnostics.nearest(volume, known.iter().copied()),
            "name a volume of the manifest, or one under `volumes` of the resource",
        );
        let place = intent_place(format!("{place}.volumes[{index}]"));
        diagnostics.push(Diagnostic::new(Code::UnknownResource, place, what).hint(hint));
    }
}

fn one(
    app: &App,
    workload: &Workload,
    container: &InitContainer,
    names: &Names,
    view: &WorkloadView,
    diagnostics: &mut Diagnostics,
) -> (InitContainerView, Json) {
    let alike = container.as_workload(workload);
    let secrets = variables::secret_variables(app, &alike, diagnostics);
    let writing = Names { secrets: &secrets, ..*names };
    let placed = variables::place(app, &alike, &writing, diagnostics);
    // It has no ConfigMap of its own.
    let composed = placed.config.into_iter().filter_map(|variable| {
        let value = writing.pod_field(alike.env.get(&variable.name)?);
        Some(variables::in_pod(&variable.name, value, None))
    });
    let mounted: BTreeSet<String> = container.volumes.iter().map(|name| Name::of_label(name).to_string()).collect();
    let is_mounted = |key: &String| mounted.contains(key);
    let made = InitContainerView {
        name: container.name.clone(),
        has_image: container.image.is_some(),
        command: container.command.iter().map(|value| writing.pod_field(value)).collect(),
        args: container.args.iter().map(|value| writing.pod_field(value)).collect(),
        secret_variables: variables::secret_variable_views(app, &alike, &writing),
        pod_variables: composed.chain(placed.pod).collect(),
        mounts: view.volumes.iter().filter(|volume| is_mounted(&volume.key)).cloned().collect(),
    };
    let mut values = json!({"env": placed.literals});
    if let Some(image) = &container.image {
        values["image"] = reference_values(image);
        values["image"]["pullPolicy"] = json!("");
    }
    (made, values)
}
