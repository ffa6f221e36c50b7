//! Init containers that aspire-k8s.yaml adds to a workload, with their references resolved.
//!
//! Must not know how a pod runs them: a target decides that.

use super::InitContainer;
use super::expression::{Token, tokens};
use super::values::Values;
use crate::config::{self, EnvironmentResource, intent_place};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};

/// The init containers that the file gives a resource, in the order in which they run.
pub(super) fn resolve(name: &str, intent: Option<&config::Resource>, values: &mut Values) -> Vec<InitContainer> {
    let all = intent.map_or(&[][..], |intent| &intent.init_containers);
    let mut resolved = Vec::with_capacity(all.len());
    for (index, written) in all.iter().enumerate() {
        let mut used = |field: &str, text: &str| {
            values.used(name, &intent_place(format!("resources.{name}.initContainers[{index}].{field}")), text)
        };
        let mut list = |key: &str, items: &[String]| {
            let items = items.iter().enumerate();
            items.map(|(number, text)| used(&format!("{key}[{number}]"), text)).collect::<Vec<_>>()
        };
        let (command, args) = (list("command", &written.command), list("args", &written.args));
        let env = written.env.iter();
        let env = env.map(|(variable, text)| (variable.clone(), used(&format!("env.{variable}"), text))).collect();
        let (name, image, volumes) = (written.name.clone(), written.image.clone(), written.volumes.clone());
        resolved.push(InitContainer { name, image, command, args, env, volumes });
    }
    resolved
}

/// Reports references in what an environment changes: they would change templates.
pub(super) fn check_environment(
    environment: &str,
    name: &str,
    resource: &EnvironmentResource,
    diagnostics: &mut Diagnostics,
) {
    for (index, change) in resource.init_containers.iter().enumerate() {
        for (variable, text) in &change.env {
            if tokens(text).iter().any(|token| matches!(token, Token::Reference(_))) {
                let path =
                    format!("environments.{environment}.resources.{name}.initContainers[{index}].env.{variable}");
                let what = "an environment takes plain text, not references";
                let hint = "write the reference under `resources`, and let the environment change the parameter in it";
                let diagnostic = Diagnostic::new(Code::EnvironmentChangesStructure, intent_place(path), what);
                diagnostics.push(diagnostic.hint(hint));
            }
        }
    }
}
