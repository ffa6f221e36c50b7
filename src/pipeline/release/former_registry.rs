//! The registry of built images, which earlier versions did not store: it was only in the values of the chart.
//!
//! It is read from helm's record of the deployed revision. Anyone who can write Secrets in the namespace can have
//! written that record, so it is trusted as much as a stored value: for this release in its own namespace, and for
//! nothing else.

use crate::app::REGISTRY_INPUT;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::record::Record;
use crate::pipeline::release::snapshot::ReleaseSnapshot;
use crate::pipeline::{Error, Release};
use crate::support::redact::unbase64;
use crate::targets::kubernetes::{CONTENTS, Contents, Plan};
use serde_json::Value as Json;

impl ReleaseSnapshot {
    /// The same with the registry of a former version, where the chart needs one and nothing remembers it.
    pub(crate) fn with_former_registry(
        mut self,
        cluster: &Cluster,
        release: &Release,
        plan: &Plan,
    ) -> Result<Self, Error> {
        let is_open = !plan.images.built.is_empty() && !plan.images.has_registry;
        if !is_open || !self.state.exists() || self.kept.plain.contains_key(REGISTRY_INPUT) {
            return Ok(self);
        }
        let records = release.records(cluster)?;
        let ours = |record: &&Record| record.is_in_place(&release.name, &release.namespace);
        let live = records.iter().filter(ours).rfind(|record| record.status == "deployed");
        let registry = live.filter(|record| record.chart == plan.chart).and_then(|record| registry(&record.whole()));
        self.kept.plain.extend(registry.map(|registry| (REGISTRY_INPUT.to_owned(), registry)));
        Ok(self)
    }
}

/// The registry in the values of a revision, if a former version made it: this one says in the chart where images come from, and
/// remembers what a user said.
fn registry(record: &Json) -> Option<String> {
    if !is_former(&record["chart"]["files"]) {
        return None;
    }
    let of = |values: &Json| values["images"]["registry"].as_str().map(str::to_owned);
    of(&record["config"]).or_else(|| of(&record["chart"]["values"])).filter(|registry| !registry.is_empty())
}

fn is_former(files: &Json) -> bool {
    let contents = files.as_array().into_iter().flatten().find(|file| file["name"] == CONTENTS);
    let bytes = contents.and_then(|file| unbase64(file["data"].as_str()?));
    match bytes {
        None => contents.is_none(),
        Some(bytes) => Contents::parse(&bytes).is_ok_and(|contents| !contents.knows_images()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::redact::base64;
    use serde_json::json;

    fn file(contents: &str) -> Json {
        json!([{"name": CONTENTS, "data": base64(contents.as_bytes())}])
    }

    #[test]
    fn the_registry_of_a_former_version_is_read_from_its_revision() {
        let part = json!({"release": {"name": null, "namespace": null}, "inputs": {}, "secrets": {}, "required": {},
            "workloads": [], "daprComponents": [], "objects": []});
        let mut contents = json!({"format": 1, "application": "a", "name": "a", "base": part, "environments": {}});
        let former = file(&contents.to_string());
        contents["base"]["images"] = json!({"hasRegistry": true, "built": [], "named": []});
        let now = file(&contents.to_string());
        let values = json!({"images": {"registry": "r.example/team"}});
        for (files, config, of_chart, expected) in [
            (&former, json!({}), &values, Some("r.example/team")),
            (&former, json!({"images": {"registry": "c.example"}}), &values, Some("c.example")),
            (&former, json!({"images": {"registry": ""}}), &values, None),
            (&former, json!(null), &json!({"images": {"registry": ["x"]}}), None),
            // Before there was such a file.
            (&json!([]), json!({}), &values, Some("r.example/team")),
            (&now, json!({}), &values, None),
            (&file("{}"), json!({}), &values, None),
            (&json!([{"name": CONTENTS, "data": 1}]), json!({}), &values, None),
        ] {
            let record = json!({"config": config, "chart": {"values": of_chart, "files": files}});
            assert_eq!(registry(&record).as_deref(), expected, "{record}");
        }
    }
}
