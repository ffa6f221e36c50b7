//! Whether a resource runs, where environments differ in it: `enabled` and `replaceWith` of an environment. The chart has the
//! objects of such a resource for all environments.

use super::replace::Switch;
use super::{Config, EnvironmentResource};

/// What holds where an environment says nothing.
const ON: Switch = Switch { enabled: true, host: None };

impl EnvironmentResource {
    fn switch(&self) -> Option<Switch> {
        let host = self.replace_with.as_ref().map(|with| with.host.clone());
        let is_said = self.enabled.is_some() || host.is_some();
        is_said.then(|| Switch { enabled: self.enabled.unwrap_or(host.is_none()), host })
    }
}

impl Config {
    /// Whether a resource runs; none if it is the same in all environments.
    pub(crate) fn switch(&self, resource: &str) -> Option<Switch> {
        if self.environment.is_some() {
            return self.resources.get(resource)?.switch.clone();
        }
        let mut said = self.environments.values().filter_map(|it| it.resources.get(resource)?.switch());
        said.next().map(|_| ON)
    }

    /// Gives the configuration of an environment the switches that the chart has for all of them.
    pub(super) fn keep_switches_of(&mut self, file: &Self, environment: &str) {
        let all = file.environments.values().flat_map(|it| it.resources.keys());
        for name in all.filter(|name| file.switch(name).is_some()) {
            let own = file.environments.get(environment).and_then(|it| it.resources.get(name)?.switch());
            self.resources.entry(name.clone()).or_default().switch = own.or(Some(ON));
        }
    }
}
