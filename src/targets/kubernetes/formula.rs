//! Values of the application as Helm expressions.
//!
//! A value that depends on an input or a port becomes a `printf` over `.Values`, so that everything composed from it
//! follows a change of the value. There are two contexts: the data of a ConfigMap is used unchanged, while the kubelet
//! expands `$(NAME)` in `env.value`, `command` and `args`, where `$$` stands for `$`
//! (<https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/>).

use super::name::Name;
use super::text;
use crate::app::{Form, OTLP_ENDPOINT, Part, Side, Telemetry, Value};
use minijinja::value::Value as View;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// Text of a Helm template that must be written as it is, unlike every other string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formula(pub String);

impl Serialize for Formula {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        View::from_safe_string(self.0.clone()).serialize(serializer)
    }
}

/// A scalar of a template: literal text, or an expression with its braces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Scalar {
    /// Literal text; the template quotes it.
    Text(String),
    /// An expression; the template writes it as it is.
    Formula(Formula),
}

/// Who reads a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// A container, byte for byte.
    Plain,
    /// The kubelet, which expands `$(NAME)`.
    Kubelet,
    /// The API server, as a field of an object.
    Object,
}

/// How references are written down.
pub(crate) struct Names<'a> {
    /// Workload names by resource name.
    pub workloads: &'a BTreeMap<String, Name>,
    /// Port names by (resource, binding).
    pub ports: &'a BTreeMap<(String, String), String>,
    /// Variables that hold secrets in this workload, by (input, form).
    pub secrets: &'a BTreeMap<(String, bool), String>,
}

impl Names<'_> {
    /// A value without secrets, for the data of a ConfigMap.
    pub(crate) fn config_data(&self, value: &Value) -> Scalar {
        self.scalar(value, Reader::Plain)
    }

    /// A value for `env.value`, `command` or `args`, where the kubelet expands `$(NAME)`.
    pub(crate) fn pod_field(&self, value: &Value) -> Scalar {
        self.scalar(value, Reader::Kubelet)
    }

    /// A value without secrets, for a field of an object from `extraObjects`: `{release.name}` and `{release.namespace}` are
    /// replaced, and a port without other text is a number.
    pub(crate) fn object_field(&self, value: &Value) -> Scalar {
        match value.parts() {
            [Part::Port { workload, binding, side }] => {
                Scalar::Formula(Formula(format!("{{{{ {} }}}}", self.port(workload, binding, *side))))
            }
            _ => self.scalar(value, Reader::Object),
        }
    }

    /// The condition for the variables of telemetry: its receiver has pods, and the values name no other receiver. `$w` is
    /// the workload in the template.
    pub(crate) fn sends(&self, telemetry: &Telemetry) -> Formula {
        let (receiver, endpoint) = (text::go(self.host(&telemetry.receiver)), text::go(OTLP_ENDPOINT));
        let runs = format!("(gt (int (index $.Values.workloads {receiver} \"replicas\")) 0)");
        Formula(format!("and {runs} (not (hasKey $w.env {endpoint}))"))
    }

    fn scalar(&self, value: &Value, reader: Reader) -> Scalar {
        let expanded = reader == Reader::Kubelet;
        let dollars = |text: &str| if expanded { text.replace('$', "$$") } else { text.to_owned() };
        let mut format = String::new();
        let mut arguments = Vec::new();
        for part in value.parts() {
            match part {
                Part::Text(text) if reader == Reader::Object => release_text(text, &mut format, &mut arguments),
                Part::Text(text) => format.push_str(&dollars(text).replace('%', "%%")),
                Part::Host { workload, switched: false } => format.push_str(self.host(workload)),
                Part::Host { workload, switched: true } => {
                    let name = text::go(self.host(workload));
                    format.push_str("%s");
                    arguments.push(format!("(default {name} (index $.Values.workloads {name} \"host\"))"));
                }
                Part::Port { workload, binding, side } => {
                    format.push_str("%d");
                    arguments.push(self.port(workload, binding, *side));
                }
                Part::Input { name, form } => {
                    if let Some(variable) = self.secrets.get(&(name.clone(), *form == Form::Uri)) {
                        format.extend(["$(", variable, ")"]);
                    } else {
                        format.push_str("%s");
                        arguments.push(input(name, *form, expanded));
                    }
                }
            }
        }
        if arguments.is_empty() {
            return Scalar::Text(format.replace("%%", "%"));
        }
        Scalar::Formula(Formula(format!("{{{{ printf {} {} | quote }}}}", text::go(&format), arguments.join(" "))))
    }

    fn host<'a>(&'a self, workload: &'a str) -> &'a str {
        self.workloads.get(workload).map_or(workload, Name::as_str)
    }

    fn port(&self, workload: &str, binding: &str, side: Side) -> String {
        let port = self.ports.get(&(workload.to_owned(), binding.to_owned())).map_or(binding, String::as_str);
        let key = match side {
            Side::Client => "port",
            Side::Process => "targetPort",
        };
        let workload = text::go(self.host(workload));
        format!("(int (index $.Values.workloads {workload} \"ports\" {} \"{key}\"))", text::go(port))
    }
}

/// Text that may contain the name or namespace of the release.
fn release_text(text: &str, format: &mut String, arguments: &mut Vec<String>) {
    const NAMES: [(&str, &str); 2] =
        [("{release.name}", "$.Release.Name"), ("{release.namespace}", "$.Release.Namespace")];
    let mut rest = text;
    while let Some((at, (token, expression))) =
        NAMES.iter().filter_map(|name| Some((rest.find(name.0)?, name))).min_by_key(|(at, _)| *at)
    {
        format.push_str(&rest[..at].replace('%', "%%"));
        format.push_str("%s");
        arguments.push((*expression).to_owned());
        rest = &rest[at + token.len()..];
    }
    format.push_str(&rest.replace('%', "%%"));
}

fn input(name: &str, form: Form, expanded: bool) -> String {
    // Go's urlquery differs from .NET's escaping in the space alone, and writes a literal plus as %2B.
    let escaping = if form == Form::Uri { " | urlquery | replace \"+\" \"%20\"" } else { "" };
    let doubling = if expanded { " | replace \"$\" \"$$\"" } else { "" };
    format!("(include \"aspire.parameter\" (list $ {}){escaping}{doubling})", text::go(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(value: &Value, expanded: bool) -> String {
        let workloads = BTreeMap::from([("DB".to_owned(), Name::of_workload("DB"))]);
        let ports = BTreeMap::from([(("DB".to_owned(), "tcp".to_owned()), "tcp".to_owned())]);
        let secrets = BTreeMap::from([(("pw".to_owned(), false), "ASPIRE_SECRET_PW".to_owned())]);
        let names = Names { workloads: &workloads, ports: &ports, secrets: &secrets };
        match if expanded { names.pod_field(value) } else { names.config_data(value) } {
            Scalar::Text(text) => text,
            Scalar::Formula(formula) => formula.0,
        }
    }

    #[test]
    fn literal_dollars_are_doubled_only_where_the_kubelet_expands() {
        let value = Value::text("100% $(X) $$");
        assert_eq!(show(&value, false), "100% $(X) $$");
        assert_eq!(show(&value, true), "100% $$(X) $$$$");
    }

    #[test]
    fn references_become_expressions() {
        let mut value = Value::text("50%;h=");
        value.push(Part::Host { workload: "DB".into(), switched: false });
        value.push(Part::Port { workload: "DB".into(), binding: "tcp".into(), side: Side::Client });
        value.push(Part::Input { name: "user".into(), form: Form::Uri });
        assert_eq!(
            show(&value, false),
            "{{ printf \"50%%;h=db%d%s\" (int (index $.Values.workloads \"db\" \"ports\" \"tcp\" \"port\")) \
             (include \"aspire.parameter\" (list $ \"user\") | urlquery | replace \"+\" \"%20\") | quote }}"
        );
        let switched = Value::part(Part::Host { workload: "DB".into(), switched: true });
        assert_eq!(
            show(&switched, false),
            "{{ printf \"%s\" (default \"db\" (index $.Values.workloads \"db\" \"host\")) | quote }}"
        );
        value.push(Part::Input { name: "pw".into(), form: Form::Plain });
        assert!(show(&value, true).contains("$(ASPIRE_SECRET_PW)\""));
    }
}
