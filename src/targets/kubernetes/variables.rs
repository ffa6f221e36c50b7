//! The destination of each environment variable: literal values, ConfigMap, or pod.

use super::formula::{Formula, Names, Scalar};
use super::name::Name;
use super::text::lost_when_applied;
use super::view::{ConfigVariable, PodVariable, SecretVariable};
use crate::app::{App, Form, Note, Part, Value, Workload};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};

/// Start of the names of variables that hold secrets for composed ones.
const RESERVED: &str = "ASPIRE_SECRET_";

/// Secret inputs of a workload: the variable that holds each (input, URI form).
pub(crate) type SecretVariables = BTreeMap<(String, bool), String>;

/// The variables that composed values, commands and arguments of a workload refer to.
///
/// A variable that is nothing but a secret refers to the Secret itself and needs none.
pub(crate) fn secret_variables(app: &App, workload: &Workload, diagnostics: &mut Diagnostics) -> SecretVariables {
    let mut wanted: BTreeSet<(String, bool)> = BTreeSet::new();
    for value in
        workload.env.values().filter(|value| value.parts().len() > 1).chain(&workload.command).chain(&workload.args)
    {
        wanted.extend(secret_parts(app, value));
    }
    let mut taken: BTreeSet<String> = workload.env.keys().filter(|name| name.starts_with(RESERVED)).cloned().collect();
    for name in &taken {
        diagnostics.push(
            Diagnostic::new(
                Code::InvalidVariable,
                format!("resources.{}.env.{name}", workload.name),
                format!("names that start with {RESERVED} are reserved"),
            )
            .hint("rename the variable"),
        );
    }
    let mut variables = BTreeMap::new();
    for (input, uri) in wanted {
        let upper: String =
            input.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        let base = format!("{RESERVED}{upper}{}", if uri { "_URI" } else { "" });
        let mut name = base.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{base}_{number}");
            number += 1;
        }
        variables.insert((input, uri), name);
    }
    variables
}

fn secret_parts<'a>(app: &'a App, value: &'a Value) -> impl Iterator<Item = (String, bool)> + 'a {
    value
        .inputs()
        .filter(|(name, _)| app.inputs.get(*name).is_some_and(|input| input.secret))
        .map(|(name, form)| (name.to_owned(), form == Form::Uri))
}

/// The variables of a workload, sorted into the three places where they can stand.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    /// Literals, which go to the values.
    pub literals: IndexMap<String, String>,
    /// Composed without secrets: the ConfigMap.
    pub config: Vec<ConfigVariable>,
    /// Composed with secrets, secrets, and names that no ConfigMap takes: the pod.
    pub pod: Vec<PodVariable>,
}

/// Sorts the variables of a workload.
pub(crate) fn place(app: &App, workload: &Workload, names: &Names, diagnostics: &mut Diagnostics) -> Placed {
    let mut placed = Placed::default();
    for (name, value) in &workload.env {
        if !is_variable_name(name) {
            diagnostics.push(
                Diagnostic::new(
                    Code::InvalidVariable,
                    format!("resources.{}.env", workload.name),
                    format!("`{name}` cannot be the name of a variable"),
                )
                .hint("a name consists of printable ASCII characters without `=`"),
            );
            continue;
        }
        let when = workload.telemetry.as_ref().filter(|telemetry| telemetry.variables.contains(&name.as_str()));
        let when = when.map(|telemetry| names.sends(telemetry));
        let has_secret = secret_parts(app, value).next().is_some();
        match (value.parts(), has_secret) {
            ([Part::Input { name: input, form }], true) => placed.pod.push(PodVariable {
                name: name.clone(),
                value: None,
                input: Some(input.clone()),
                uri: *form == Form::Uri,
                when,
            }),
            (_, true) => placed.pod.push(in_pod(name, names.pod_field(value), when)),
            _ => match names.config_data(value) {
                Scalar::Text(text) => {
                    placed.literals.insert(name.clone(), text);
                }
                formula if is_config_map_key(name) => {
                    placed.config.push(ConfigVariable { name: name.clone(), value: formula, when });
                }
                Scalar::Formula(_) => placed.pod.push(in_pod(name, names.pod_field(value), when)),
            },
        }
    }
    placed
}

/// A variable that only the pod can hold.
pub(crate) fn in_pod(name: &str, value: Scalar, when: Option<Formula>) -> PodVariable {
    PodVariable { name: name.to_owned(), value: Some(value), input: None, uri: false, when }
}

/// Sentences about literal texts of a workload that may not reach its container unchanged.
pub(crate) fn lost_texts(workload: &Workload) -> Vec<Note> {
    let env = workload.env.iter().map(|(variable, value)| (format!("the variable {variable}"), value));
    let command = workload.command.iter().map(|value| ("the entrypoint".to_owned(), value));
    let args = workload.args.iter().enumerate().map(|(index, value)| (format!("args[{index}]"), value));
    let found = env.chain(command).chain(args).filter_map(|(place, value)| {
        value.parts().iter().find_map(|part| match part {
            Part::Text(text) => lost_when_applied(&place, text),
            _ => None,
        })
    });
    found.map(|text| Note { code: Code::ChangedInCluster, resource: workload.name.clone(), text }).collect()
}

/// The same about defaults of plain inputs in use; secrets travel as base64.
pub(crate) fn lost_defaults(app: &App) -> Vec<Note> {
    let plain = app.inputs.iter().filter(|(_, input)| !input.secret && !input.used_by.is_empty());
    let found =
        plain.filter_map(|(name, input)| Some((name, lost_when_applied("its default", input.default.as_deref()?)?)));
    found.map(|(name, text)| Note { code: Code::ChangedInCluster, resource: name.clone(), text }).collect()
}

/// Keys of a ConfigMap (<https://kubernetes.io/docs/concepts/configuration/configmap/#configmap-object>).
fn is_config_map_key(name: &str) -> bool {
    name.len() <= 253
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !name.starts_with("..")
        && name != "."
}

/// Kubernetes since 1.34 takes any printable ASCII but `=`.
fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=')
}

/// Views of the variables that hold secrets, in a fixed order. One that only telemetry needs is there when that is.
pub(crate) fn secret_variable_views(app: &App, workload: &Workload, names: &Names) -> Vec<SecretVariable> {
    let telemetry = workload.telemetry.as_ref();
    let is_telemetry = |name: &String| telemetry.is_some_and(|telemetry| telemetry.variables.contains(&name.as_str()));
    let others = workload.env.iter().filter(|(name, value)| !is_telemetry(name) && value.parts().len() > 1);
    let others = others.map(|(_, value)| value).chain(&workload.command).chain(&workload.args);
    let needed: BTreeSet<(String, bool)> = others.flat_map(|value| secret_parts(app, value)).collect();
    let views = names.secrets.iter().map(|(key, variable)| SecretVariable {
        variable: variable.clone(),
        input: key.0.clone(),
        uri: key.1,
        when: telemetry.filter(|_| !needed.contains(key)).map(|telemetry| names.sends(telemetry)),
    });
    views.collect()
}

/// All secret inputs that a workload uses, sorted.
pub(crate) fn used_secrets(app: &App, workload: &Workload) -> Vec<String> {
    let names: BTreeSet<String> =
        workload.values().flat_map(|value| secret_parts(app, value).map(|(name, _)| name)).collect();
    names.into_iter().collect()
}

/// Names of all workloads, and of Services that lead out of the cluster, by resource.
pub(crate) fn workload_names(app: &App) -> BTreeMap<String, Name> {
    let all = app.workloads.keys().chain(app.external_names.keys());
    all.map(|resource| (resource.clone(), Name::of_workload(resource))).collect()
}
