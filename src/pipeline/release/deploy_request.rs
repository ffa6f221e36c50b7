//! What a deploy is asked to do, and who answers its prompts.

use crate::app::App;
use crate::external_charts::PlannedChart;
use crate::inputs::{Answers, Given, Outlook};
use crate::pipeline::release::compatibility::PodDefaults;
use crate::pipeline::release::migration::consent::Consent;
use crate::pipeline::release::saved_plan::Saved;
use crate::targets::kubernetes::Plan;
use crate::targets::kubernetes::chart::Chart;
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;

/// How long helm waits for the workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Not at all.
    No,
    /// Until they are ready or the timeout is reached.
    UntilReady,
    /// Until they are ready or one shows what will not mend itself.
    UntilHopeless,
}

impl Wait {
    /// Whether helm waits at all.
    pub(crate) fn waits(self) -> bool {
        self != Self::No
    }
}

pub(crate) struct Deploy<'a> {
    /// The application, with the values of the chosen environment.
    pub app: &'a App,
    pub plan: &'a Plan,
    pub chart: &'a Chart,
    /// Who says the number of the defaults of its pods.
    pub defaults: PodDefaults,
    /// Other people's charts that are installed with it, what needs others after what it needs.
    pub charts: &'a [PlannedChart],
    /// Whether SOURCE says which charts there are; one that was rendered before does not.
    pub names_charts: bool,
    /// The chosen environment and what it changes of the chart's values.
    pub environment: Option<(String, Json)>,
    /// Values that a user gave.
    pub given: Given,
    pub passed: Passed,
    /// Resources whose workloads may change; all if empty.
    pub only: Vec<String>,
    /// Secrets that are replaced.
    pub rotation: Rotation,
    /// How long to wait for the workloads.
    pub wait: Wait,
    /// The plan that was looked at: exactly that is deployed, or nothing.
    pub approved: Option<&'a Saved>,
    /// Whether to go back to the last good revision when helm fails.
    pub roll_back: bool,
    /// Whether a user knows that no other helm works on the release.
    pub assume_helm_dead: bool,
    /// Checks, of [`crate::doctor::MAY_BE_WRONG`], that a user knows better than.
    pub ignored: Vec<String>,
    /// Flags for `helm upgrade` that a user added; [`crate::helm::checked_arguments()`] let them through.
    pub helm_arguments: Vec<String>,
    /// What was agreed to, should a workload change its kind.
    pub consent: Consent,
}

/// Chart values that a user passed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Passed {
    /// Checked with [`crate::targets::kubernetes::chart_values::check`].
    pub values: Map<String, Json>,
    /// Whether values that were passed to an earlier deploy may be removed.
    pub reset: bool,
}

/// Asks a user for everything that is missing, at once.
pub(crate) type AskInputs<'a> = dyn Fn(&Outlook) -> Answers + Sync + 'a;

/// Who is asked.
pub(crate) struct Ask<'a> {
    pub inputs: &'a AskInputs<'a>,
    /// Whether what was just shown may be done; no without a terminal.
    pub agree: &'a (dyn Fn() -> bool + Sync),
}

/// Secrets that are replaced.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rotation {
    /// Inputs whose values are made, or asked for, once more.
    pub names: BTreeSet<String>,
    /// Whether a user said that data may be left with an old value.
    pub accept_stale: bool,
}
