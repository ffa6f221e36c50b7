//! An application, rendered now or earlier.

use crate::app::App;
use crate::config::Config;
use crate::inputs::Given;
use crate::pipeline::{self, Consent, Passed, PodDefaults, Rotation, Wait};
use crate::targets::kubernetes::Plan;
use crate::targets::kubernetes::chart::Chart;
use serde_json::Value as Json;
use std::path::PathBuf;

/// An application, rendered.
pub(super) struct Rendered {
    /// With the values of the chosen environment.
    pub app: App,
    /// With the values of the chosen environment.
    pub plan: Plan,
    /// The same for all environments.
    pub chart: Chart,
    /// The intent, with the values of the chosen environment.
    pub config: Config,
    /// What the chosen environment changes of the chart's values.
    pub environment_values: Option<Json>,
    /// The encrypted file that some secret comes from.
    pub sops_file: Option<PathBuf>,
    /// The folder of the intent; none for a chart that was rendered before.
    pub folder: Option<PathBuf>,
}

impl Rendered {
    /// A deploy of it that waits, goes back to nothing, and was told nothing but these values.
    pub(super) fn deploy(&self, environment: Option<&str>, given: Given) -> pipeline::Deploy<'_> {
        pipeline::Deploy {
            app: &self.app,
            plan: &self.plan,
            chart: &self.chart,
            defaults: match (&self.folder, self.config.compatibility) {
                (Some(_), None) => PodDefaults::Kept,
                _ => PodDefaults::Chosen,
            },
            charts: &[],
            names_charts: self.folder.is_some(),
            environment: environment.map(str::to_owned).zip(self.environment_values.clone()),
            given,
            passed: Passed::default(),
            only: Vec::new(),
            rotation: Rotation::default(),
            wait: Wait::UntilReady,
            approved: None,
            roll_back: false,
            assume_helm_dead: false,
            ignored: Vec::new(),
            helm_arguments: Vec::new(),
            consent: Consent::default(),
        }
    }
}
