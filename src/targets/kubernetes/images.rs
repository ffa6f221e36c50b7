//! Images as values of the chart. Must not know a cluster, nor values that were stored there.

use super::image_sources::reference_values;
use super::planned::Plan;
use super::values::TAG;
use crate::app::{REGISTRY_INPUT, TAG_INPUT, reference_input};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What was chosen for images, by the name under which it is remembered, as values over those of the chart.
pub(crate) fn image_values(plan: &Plan, chosen: &BTreeMap<String, String>) -> Json {
    let mut values = json!({});
    for (input, key) in [(REGISTRY_INPUT, "registry"), (TAG_INPUT, TAG)] {
        match chosen.get(input) {
            // A chart of an earlier version has its tag among the parameters.
            Some(tag) if key == TAG && !has_tag(plan) => values["parameters"] = json!({TAG_INPUT: tag}),
            Some(value) => values["images"][key] = json!(value),
            None => {}
        }
    }
    for workload in &plan.workloads {
        if let Some(reference) = chosen.get(&reference_input(&workload.resource)) {
            values["workloads"][&workload.view.name] = json!({"image": reference_values(reference)});
        }
    }
    values
}

fn has_tag(plan: &Plan) -> bool {
    let images = plan.values.0.iter().find(|entry| entry.key == "images");
    images.is_some_and(|entry| entry.to_json().1.get(TAG).is_some())
}
