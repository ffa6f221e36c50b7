//! The expression grammar of the manifest: `{resource.property}` inside any string.
//!
//! The format has no escaping, so a brace is a reference only where the strict grammar matches up to the closing brace;
//! `{**catch-all}`, `{value}` and JSON text stay as they are. This module knows strings only, not which resources exist.

/// A piece of an expression string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text outside references, braces included.
    Text(&'a str),
    Reference(Reference<'a>),
}

/// `{resource.property}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    /// The text between the braces.
    pub text: &'a str,
    /// Name of the resource; empty in `{.outputs.X}` of Aspire 9.0 to 9.3.
    pub resource: &'a str,
    pub property: Property<'a>,
}

/// What a reference asks of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Property<'a> {
    ConnectionString,
    Value,
    /// `inputs.N`.
    Input(&'a str),
    /// `bindings.B.P`; the property of `{R.bindings.B}` (October 2023) is `url`.
    Binding(&'a str, &'a str),
    /// Something that a cloud or an image build makes; true when it is a secret.
    Outside {
        /// Whether it is a secret.
        secret: bool,
    },
}

const BINDING_PROPERTIES: [&str; 9] =
    ["url", "host", "port", "targetPort", "scheme", "tlsEnabled", "protocol", "transport", "external"];

/// Cuts a string into text and references.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while let Some(open) = text[at..].find('{').map(|found| at + found) {
        if let Some((reference, end)) = reference_at(text, open) {
            if open > start {
                tokens.push(Token::Text(&text[start..open]));
            }
            tokens.push(Token::Reference(reference));
            start = end;
            at = end;
        } else {
            at = open + 1;
        }
    }
    if start < text.len() {
        tokens.push(Token::Text(&text[start..]));
    }
    tokens
}

/// The reference whose opening brace is at `open`, and the index behind its closing brace.
fn reference_at(text: &str, open: usize) -> Option<(Reference<'_>, usize)> {
    let inner_start = open + 1;
    let length = text[inner_start..].find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')))?;
    let close = inner_start + length;
    if !text[close..].starts_with('}') {
        return None;
    }
    let inner = &text[inner_start..close];
    let (resource, rest) = inner.split_once('.')?;
    let property = property(rest)?;
    let named = resource.starts_with(|c: char| c.is_ascii_alphabetic());
    let global_output = resource.is_empty() && matches!(property, Property::Outside { .. });
    (named || global_output).then_some((Reference { text: inner, resource, property }, close + 1))
}

fn property(text: &str) -> Option<Property<'_>> {
    let segments: Vec<&str> = text.split('.').collect();
    if segments.iter().any(|segment| segment.is_empty()) {
        return None;
    }
    match segments.as_slice() {
        ["connectionString"] => Some(Property::ConnectionString),
        ["value"] => Some(Property::Value),
        ["inputs", name] => Some(Property::Input(name)),
        ["bindings", name] => Some(Property::Binding(name, "url")),
        ["bindings", name, of] if BINDING_PROPERTIES.contains(of) => Some(Property::Binding(name, of)),
        ["containerImage" | "containerPort"]
        | ["outputs" | "output", _]
        | ["volumes" | "bindMounts", _, "storage"]
        | ["aws", "cloudformation", "output", _] => Some(Property::Outside { secret: false }),
        ["secretOutputs"] | ["secretOutputs" | "secrets", _] => Some(Property::Outside { secret: true }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        tokens(text)
            .iter()
            .map(|token| match token {
                Token::Text(text) => format!("'{text}'"),
                Token::Reference(reference) => format!("<{}>", reference.text),
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn references_and_literal_braces() {
        for (text, shown) in [
            ("", ""),
            ("plain", "'plain'"),
            ("{a.value}", "<a.value>"),
            ("x{a.value}y", "'x' <a.value> 'y'"),
            ("{a.bindings.http.url}/{b.connectionString}", "<a.bindings.http.url> '/' <b.connectionString>"),
            ("[{\"u\":\"{v.value}\"}]", "'[{\"u\":\"' <v.value> '\"}]'"),
            ("{{a.value}}", "'{' <a.value> '}'"),
            ("/c/{**catch-all}", "'/c/{**catch-all}'"),
            ("{value}", "'{value}'"),
            ("{a.nothing}", "'{a.nothing}'"),
            ("{a.bindings.x.nothing}", "'{a.bindings.x.nothing}'"),
            ("{keys(M.C/redis@1/{r.outputs.n})}", "'{keys(M.C/redis@1/' <r.outputs.n> ')}'"),
            ("{.outputs.X}", "<.outputs.X>"),
            ("{.value}", "'{.value}'"),
            ("{1a.value}", "'{1a.value}'"),
            ("{kv.secrets.connectionstrings--account}", "<kv.secrets.connectionstrings--account>"),
            ("{a.value", "'{a.value'"),
            ("{a..value}", "'{a..value}'"),
            ("é{ü.value}{a.value}", "'é{ü.value}' <a.value>"),
            ("{g.bindings.grafana-http}", "<g.bindings.grafana-http>"),
        ] {
            assert_eq!(show(text), shown, "{text}");
        }
    }
}
