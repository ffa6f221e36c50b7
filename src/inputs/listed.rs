//! The inputs of an application, as a list for users.

use super::generate;
use super::names::{Names, variable};
use super::needs::ValueNeeds;
use crate::app::{App, Input, TAG_INPUT};
use crate::config::SecretSource;
use schemars::JsonSchema;
use serde::Serialize;

/// One input, as `inputs` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "they are columns of a list")]
pub struct Listed {
    pub name: String,
    /// Whether it is kept secret.
    pub secret: bool,
    /// Whether it must be given.
    pub required: bool,
    /// Its default value; null if it has none.
    pub default: Option<String>,
    /// Whether `deploy` makes a value.
    pub generated: bool,
    /// The least number of characters of a generated value: what a typed one should have, too.
    pub min_length: Option<u32>,
    /// Resources that use it.
    pub used_by: Vec<String>,
    /// The flag that gives it.
    pub flag: String,
    /// The environment variable that gives it; null when another input has the same one.
    pub variable: Option<String>,
    /// Whether there is a default that is not shown.
    #[serde(skip)]
    pub hidden_default: bool,
    /// Why it is an input, when the manifest does not declare it as a parameter.
    #[serde(rename = "description")]
    pub reason: Option<String>,
}

/// Where an input that is not set comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supply<'a> {
    /// The person must.
    Required,
    /// The application's default; none when it is secret.
    Default(Option<&'a str>),
    /// `deploy` makes it.
    Generated,
    /// A Secret that another client writes.
    Elsewhere,
    /// Nothing uses it.
    Unneeded,
}

impl Listed {
    /// `at least 22 characters`, where the application says how long a value should be.
    pub fn length(&self) -> Option<String> {
        let noun = |least: u32| if least == 1 { "character" } else { "characters" };
        self.min_length.map(|least| format!("at least {least} {}", noun(least)))
    }

    /// Where it comes from when it is not set.
    pub fn supply(&self) -> Supply<'_> {
        match (&self.default, self.required, self.generated) {
            (Some(default), ..) => Supply::Default(Some(default)),
            _ if self.hidden_default => Supply::Default(None),
            (None, true, _) => Supply::Required,
            (None, false, true) => Supply::Generated,
            (None, false, false) if self.used_by.is_empty() => Supply::Unneeded,
            (None, false, false) => Supply::Elsewhere,
        }
    }
}

/// What the inputs of an application are called: those of the manifest, and the tag of built images.
pub(crate) fn names(app: &App) -> Names<'_> {
    Names::new(app.inputs.keys().map(String::as_str).chain([TAG_INPUT]))
}

/// All inputs of an application, in the order of the manifest, the tag of built images last.
pub fn list(app: &App, plan: &dyn ValueNeeds) -> Vec<Listed> {
    let names = names(app);
    let variable = |name: &str| Some(variable(name)).filter(|_| names.has_own_variable(name));
    let mut listed: Vec<Listed> =
        app.inputs.iter().map(|(name, input)| declared(name, input, plan, variable(name))).collect();
    if let Some(used_by) = plan.images().untagged {
        listed.push(Listed {
            name: TAG_INPUT.into(),
            secret: false,
            required: true,
            default: None,
            generated: false,
            min_length: None,
            used_by: used_by.to_vec(),
            flag: "--tag VALUE".into(),
            variable: variable(TAG_INPUT),
            hidden_default: false,
            reason: Some("tag of the images built from this application".into()),
        });
    }
    listed
}

fn declared(name: &str, input: &Input, plan: &dyn ValueNeeds, variable: Option<String>) -> Listed {
    let supplied = plan.secret(name).is_some_and(|used| used.is_foreign || *used.source == SecretSource::Sops);
    Listed {
        name: name.to_owned(),
        secret: input.secret,
        required: input.required() && !supplied,
        default: if input.secret { None } else { input.default.clone() },
        generated: input.generate.is_some() && !supplied,
        min_length: input.generate.as_ref().map(generate::least).filter(|least| *least > 0),
        used_by: input.used_by.iter().cloned().collect(),
        flag: format!("--parameter {name}=VALUE"),
        variable,
        hidden_default: input.secret && input.default.is_some() && !supplied,
        reason: input.reason.clone(),
    }
}
