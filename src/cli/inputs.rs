//! `inputs`: lists the inputs that the application needs.

use super::args::{Common, InputFormat, Inputs};
use super::images;
use super::project::Project;
use super::{CliError, Exit, output};
use crate::inputs::{Listed, Supply, env_template, json_template, list, yaml_template};
use crate::report::harmless;

/// Lists the inputs.
pub(super) fn inputs(common: &Common, options: &Inputs) -> Result<Exit, CliError> {
    let project = Project::load(&options.source)?;
    let rendered = project.render(common.environment.as_deref(), &images::parse(&options.images)?)?;
    let listed = list(&rendered.app, &rendered.plan);
    match options.output {
        InputFormat::Json => output::json(&json_template(&listed)),
        InputFormat::Yaml => output::text(&yaml_template(&rendered.app.name, &listed)),
        InputFormat::Env => output::text(&env_template(&rendered.app.name, &listed)),
        InputFormat::Text if listed.is_empty() => output::say("the application needs no inputs"),
        InputFormat::Text => listed.iter().for_each(|input| output::text(&harmless(&described(input)))),
    }
    Ok(Exit::Done)
}

fn described(input: &Listed) -> String {
    let supply = match input.supply() {
        Supply::Required => "required".into(),
        Supply::Default(Some(default)) => format!("default {default:?}"),
        Supply::Default(None) => "has a default".into(),
        Supply::Generated => "generated".into(),
        Supply::Elsewhere => "comes from elsewhere".into(),
        Supply::Unneeded => "not needed".into(),
    };
    let secret = if input.secret { ", secret" } else { "" };
    let length = input.length().map_or(String::new(), |length| format!(", {length}"));
    let users = if input.used_by.is_empty() { "nothing".into() } else { input.used_by.join(", ") };
    let reason = input.reason.as_ref().map_or(String::new(), |reason| format!("  {reason}\n"));
    let variable = input.variable.as_ref().map_or(String::new(), |variable| format!("  or  {variable}"));
    format!("{} ({supply}{secret}{length})\n{reason}  used by {users}\n  {}{variable}\n", input.name, input.flag)
}
