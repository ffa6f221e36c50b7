//! Values from a decrypted parameter file. They are used for inputs with `from: sops` only.

use super::needs::ValueNeeds;
use super::{Given, Means};
use crate::config::SecretSource;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, suggestion};
use serde_json::Value as Json;

impl Given {
    /// Adds what a decrypted file says; `origin` names it. Errors never repeat a value.
    pub fn add_decrypted(&mut self, json: &str, origin: &str, plan: &dyn ValueNeeds) -> Result<(), Diagnostics> {
        let Ok(Json::Object(values)) = serde_json::from_str(json) else {
            return Err(Diagnostic::new(Code::ParameterFileSyntax, origin, "it must map names to values")
                .hint(FORM)
                .into());
        };
        let from_sops = |name: &str| plan.secret(name).is_some_and(|used| *used.source == SecretSource::Sops);
        let mut diagnostics = Diagnostics::default();
        for (name, value) in &values {
            match value {
                Json::String(value) if from_sops(name) => {
                    diagnostics.0.extend(self.add(name, value.clone(), Means::Encrypted, origin).err());
                }
                _ if !from_sops(name) => {
                    let diagnostic = not_from_sops(name, origin, plan, &diagnostics);
                    diagnostics.push(diagnostic);
                }
                _ => diagnostics.push(
                    Diagnostic::new(Code::InvalidInput, format!("{origin}: {name}"), "its value is not a string").hint(
                        "quote it before you encrypt the file, because YAML can change the spelling of numbers and \
                        words",
                    ),
                ),
            }
        }
        for name in plan.secret_names().into_iter().filter(|name| from_sops(name) && !values.contains_key(*name)) {
            if self.value(name).is_none() {
                let diagnostic = Diagnostic::new(
                    Code::MissingInput,
                    origin,
                    format!("it contains no value for `{name}`, which has `from: sops`"),
                );
                diagnostics.push(diagnostic.hint("add it with `sops FILE`"));
            }
        }
        diagnostics.or(())
    }
}

const FORM: &str = "before it is encrypted, it holds one `name: \"value\"` a line";

fn not_from_sops(name: &str, origin: &str, plan: &dyn ValueNeeds, diagnostics: &Diagnostics) -> Diagnostic {
    let place = format!("{origin}: {name}");
    if plan.secret(name).is_some() {
        return Diagnostic::new(Code::UnknownInput, place, "this parameter does not have `from: sops`")
            .hint("set `from: sops` for it in aspire-k8s.yaml, or remove it from the file");
    }
    let diagnostic = Diagnostic::new(Code::UnknownInput, place, "the application has no secret parameter of this name");
    let otherwise = "`kubectl aspire inputs` lists them; put other values into a file for --parameter-file";
    diagnostic.hint(suggestion(diagnostics.nearest(name, plan.secret_names()), otherwise))
}
