//! Which inputs of a plan need values. [`crate::inputs`] resolves them.

use super::planned::Plan;
use crate::app::TAG_INPUT;
use crate::inputs::{ImageNeeds, SecretNeed, ValueNeeds};

impl ValueNeeds for Plan {
    fn secret(&self, name: &str) -> Option<SecretNeed<'_>> {
        let used = self.secrets.get(name)?;
        Some(SecretNeed { source: &used.source, is_foreign: used.is_foreign(), claims: &used.claims })
    }

    fn secret_names(&self) -> Vec<&str> {
        self.secrets.keys().map(String::as_str).collect()
    }

    fn images(&self) -> ImageNeeds<'_> {
        ImageNeeds {
            has_registry: self.images.has_registry,
            built: &self.images.built,
            named: &self.images.named,
            resources: self.workloads.iter().map(|workload| workload.resource.as_str()).collect(),
            untagged: self.required.get(TAG_INPUT).map(Vec::as_slice),
        }
    }
}
