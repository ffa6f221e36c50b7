//! The image of each workload, as the template `aspire.image` of the chart composes it from the values.

use super::planned::Plan;
use super::values::TAG;
use crate::app::TAG_INPUT;
use indexmap::IndexMap;
use serde_json::Value as Json;

/// The reference of an image, in its parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ImageReference {
    /// Registry and path, as `ghcr.io/contoso/api`.
    pub name: String,
    /// None if the chart needs one and has none.
    pub tag: Option<String>,
    /// Empty for none.
    pub digest: String,
}

impl ImageReference {
    /// The whole reference; `None` if its tag is not known yet.
    pub(crate) fn text(&self) -> Option<String> {
        let tag = self.tag.as_deref().or(if self.digest.is_empty() { None } else { Some("") })?;
        let with = |mark: &str, text: &str| if text.is_empty() { String::new() } else { format!("{mark}{text}") };
        Some(format!("{}{}{}", self.name, with(":", tag), with("@", &self.digest)))
    }
}

/// The images of the workloads, by resource; with the values of the environment that the plan was made for.
pub(crate) fn image_references(plan: &Plan) -> IndexMap<String, ImageReference> {
    let values = plan.values.to_json();
    let of = |view: &str| reference(&values, &values["workloads"][view]["image"]);
    plan.workloads.iter().map(|workload| (workload.resource.clone(), of(&workload.view.name))).collect()
}

/// The images of init containers that wait for other workloads.
pub(crate) fn wait_images(plan: &Plan) -> Vec<String> {
    let values = plan.values.to_json();
    let images = ["image", "jobImage"].into_iter().filter_map(|key| values["waits"][key].as_str());
    images.map(str::to_owned).collect()
}

fn reference(values: &Json, image: &Json) -> ImageReference {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let is_built = image["built"] == true;
    let (mut registry, mut tag, digest) = (text(&image["registry"]), text(&image["tag"]), text(&image["digest"]));
    if is_built && registry.is_empty() {
        registry = text(&values["images"]["registry"]);
    }
    let needs_tag = is_built && tag.is_empty() && digest.is_empty();
    if needs_tag {
        tag = text(&values["images"][TAG]);
    }
    if needs_tag && tag.is_empty() {
        // Its former name.
        tag = text(&values["parameters"][TAG_INPUT]);
    }
    let registry = registry.strip_suffix('/').unwrap_or(&registry);
    let repository = text(&image["repository"]);
    ImageReference {
        name: if registry.is_empty() { repository } else { format!("{registry}/{repository}") },
        tag: (!needs_tag || !tag.is_empty()).then_some(tag),
        digest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(image: &Json, registry: &str, tag: &str) -> Option<String> {
        reference(&json!({"images": {"registry": registry, "tag": tag}}), image).text()
    }

    #[test]
    fn a_reference_is_composed_as_in_the_template() {
        let built = |registry: &str, tag: &str, digest: &str| json!({"built": true, "registry": registry, "repository": "api", "tag": tag, "digest": digest});
        let digest = "sha256:0";
        for (image, registry, tag, expected) in [
            (built("", "", ""), "r.io/x", "1", Some("r.io/x/api:1")),
            (built("", "", ""), "r.io/x/", "1", Some("r.io/x/api:1")),
            (built("", "", ""), "", "1", Some("api:1")),
            (built("", "", ""), "r.io/x", "", None),
            (built("o.io", "2", ""), "r.io/x", "1", Some("o.io/api:2")),
            (built("", "", digest), "r.io/x", "", Some("r.io/x/api@sha256:0")),
            (
                json!({"built": false, "registry": "", "repository": "redis", "tag": "", "digest": ""}),
                "r",
                "1",
                Some("redis"),
            ),
        ] {
            assert_eq!(of(&image, registry, tag).as_deref(), expected, "{image}");
        }
    }
}
