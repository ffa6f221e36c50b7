//! Finds the references in a text of a manifest.
//!
//! At each `{` the strict grammar is tried up to the next `}`; what does not match stays text, brace by brace. There is
//! no escaping. This module must not know which resources exist.

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Stays as it is.
    Text(&'a str),
    /// To be replaced.
    Reference(Reference<'a>),
}

/// `{resource.property}`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    /// Exact name of a resource; empty in `{.outputs.x}`.
    pub resource: &'a str,
    /// The words after the name.
    pub property: Vec<&'a str>,
    /// All between the braces.
    pub text: &'a str,
}

const BINDING_PROPERTIES: [&str; 9] =
    ["url", "host", "port", "targetPort", "scheme", "tlsEnabled", "protocol", "transport", "external"];

/// Cuts a text into its pieces.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(open) = text[at..].find('{').map(|n| n + at) {
        at = open + 1;
        let Some(close) = text[at..].find('}').map(|n| n + at) else { break };
        if let Some(reference) = reference(&text[at..close]) {
            found.push(Piece::Text(&text[start..open]));
            found.push(Piece::Reference(reference));
            at = close + 1;
            start = at;
        }
    }
    found.push(Piece::Text(&text[start..]));
    found.retain(|piece| *piece != Piece::Text(""));
    found
}

/// Only the references.
pub(super) fn references(text: &str) -> impl Iterator<Item = Reference<'_>> {
    pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Reference(reference) => Some(reference),
        Piece::Text(_) => None,
    })
}

fn reference(text: &str) -> Option<Reference<'_>> {
    let (resource, property) = text.split_once('.')?;
    let property: Vec<&str> = property.split('.').collect();
    let named = resource.starts_with(|c: char| c.is_ascii_alphabetic()) && is_segment(resource);
    let global = resource.is_empty() && property[0] == "outputs";
    ((named || global) && is_property(&property)).then_some(Reference { resource, property, text })
}

fn is_property(words: &[&str]) -> bool {
    match words {
        ["connectionString" | "value" | "containerImage" | "containerPort" | "secretOutputs"] => true,
        ["inputs" | "outputs" | "output" | "secretOutputs" | "secrets" | "bindings", name]
        | ["aws", "cloudformation", "output", name] => is_segment(name),
        ["bindings", name, property] => is_segment(name) && BINDING_PROPERTIES.contains(property),
        ["volumes" | "bindMounts", index, "storage"] => {
            !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

fn is_segment(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[test]
fn what_matches_no_rule_stays_text() {
    for text in ["{**catch-all}", "{{x}}", "{value}", "{a.b}", "{a.bindings.b.c}", "{1.value}", "{a.value", "a.value}"]
    {
        assert_eq!(pieces(text), [Piece::Text(text)]);
    }
}

#[test]
fn references_are_found_inside_other_braces() {
    let texts: Vec<&str> =
        references("{\"u\":\"{a.bindings.b.url}{{c.value}}\"}{.outputs.x}").map(|r| r.text).collect();
    assert_eq!(texts, ["a.bindings.b.url", "c.value", ".outputs.x"]);
}
