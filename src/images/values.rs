//! Values of build arguments: text where all of it is known and nobody minds who reads it.

use super::known::Known;
use crate::app::{Form, Part, Side, Value, escape_uri_data};

/// The text of a value; `None` if an input in it has no value or a secret one.
pub(super) fn text(value: &Value, known: &Known) -> Option<String> {
    value.parts().iter().map(|part| part_text(part, known)).collect()
}

/// The value as a person reads it: what is not known stands in braces.
pub(super) fn expression(value: &Value, known: &Known) -> String {
    let shown = |part: &Part| part_text(part, known).unwrap_or_else(|| format!("{{{}}}", name(part)));
    value.parts().iter().map(shown).collect()
}

/// The inputs in it that are not known, each once.
pub(super) fn open_inputs(value: &Value, known: &Known) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for part in value.parts().iter().filter(|part| part_text(part, known).is_none()) {
        let name = name(part);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn name(part: &Part) -> String {
    match part {
        Part::Text(text) => text.clone(),
        Part::Input { name, .. } => name.clone(),
        Part::Host { workload, .. } => format!("{workload}.host"),
        Part::Port { workload, binding, .. } => format!("{workload}.{binding}.port"),
    }
}

fn part_text(part: &Part, known: &Known) -> Option<String> {
    match part {
        Part::Text(text) => Some(text.clone()),
        Part::Input { name, form } => {
            let input = known.inputs.get(name).filter(|input| !input.secret)?;
            let value = (known.given)(name).or_else(|| input.default.clone())?;
            Some(if *form == Form::Uri { escape_uri_data(&value) } else { value })
        }
        Part::Host { workload, .. } => known.hosts.get(workload).cloned(),
        Part::Port { workload, binding, side } => {
            let endpoint = known.app.workloads.get(workload)?.ports.get(binding)?;
            Some(if *side == Side::Client { endpoint.client } else { endpoint.process }.to_string())
        }
    }
}
