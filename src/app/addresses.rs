//! Addresses of endpoints that have no certificate, in any written form: they are changed to the http endpoint.
//!
//! This module knows strings and tokens; the caller decides which endpoints are meant.

use super::expression::{Property, Reference, Token};

/// What ends the host and port of an address.
const ENDS: &[char] = &['/', '?', '#', ';', ',', ' ', '\t', '\n', '"', '\''];

/// Takes TLS from the schemes before endpoints in clear (`https://{api.bindings.https.host}:...`), and puts the port that
/// clients use behind a host where the manifest names the one inside of the container.
///
/// `is_clear` tells whether (resource, binding) is an https endpoint without a certificate; `own` is the workload that
/// gets the text: what it listens on itself is the port inside.
pub(super) fn corrected<'a>(
    tokens: Vec<Token<'a>>,
    own: &str,
    is_clear: impl Fn(&str, &str) -> bool,
) -> Vec<Token<'a>> {
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut scheme: Option<(usize, usize)> = None;
    let mut host: Option<&str> = None;
    for token in tokens {
        match token {
            Token::Text(text) => {
                host = host.filter(|_| text == ":");
                if let Some(at) = text.rfind("://").filter(|at| !text[at + 3..].contains(ENDS)) {
                    scheme = secure_scheme(&text[..at]).then(|| (out.len(), at - 1));
                } else if text.contains(ENDS) {
                    scheme = None;
                }
                out.push(Token::Text(text));
            }
            Token::Reference(reference) => {
                let Property::Binding(binding, of) = reference.property else {
                    host = None;
                    out.push(Token::Reference(reference));
                    continue;
                };
                if matches!(of, "host" | "port" | "targetPort") && is_clear(reference.resource, binding) {
                    if let Some((index, at)) = scheme.take()
                        && let Token::Text(text) = out[index]
                    {
                        out.splice(index..=index, [Token::Text(&text[..at]), Token::Text(&text[at + 1..])]);
                    }
                } else if !matches!(of, "host" | "port" | "targetPort") {
                    scheme = None;
                }
                let is_inner = of == "targetPort" && host == Some(reference.resource) && reference.resource != own;
                let of = if is_inner { "port" } else { of };
                host = (of == "host").then_some(reference.resource);
                out.push(Token::Reference(Reference { property: Property::Binding(binding, of), ..reference }));
            }
        }
    }
    out
}

/// Whether the text ends with a scheme that means TLS and has a plain sister without the `s`.
fn secure_scheme(text: &str) -> bool {
    let start = text.rfind(|c: char| !c.is_ascii_alphabetic()).map_or(0, |at| at + 1);
    ["https", "wss"].iter().any(|scheme| text[start..].eq_ignore_ascii_case(scheme))
}

/// Puts references in the place of literal addresses `https://NAME` and `https://NAME:PORT`; `binding` gives the https
/// binding of a resource that has no certificate.
///
/// Without a port such a text may be a mere name (the audience of a token), so it is an address only where the variable
/// says so.
pub(super) fn referring(variable: &str, text: &str, binding: impl Fn(&str) -> Option<String>) -> Option<String> {
    let upper = variable.to_ascii_uppercase();
    let is_address = upper.ends_with("__ADDRESS") || is_https_service(variable).is_some();
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.to_ascii_lowercase().find("https://") {
        let (before, found) = rest.split_at(at);
        let end = found[8..].find(ENDS).map_or(found.len(), |end| end + 8);
        let (name, port) = match found[8..end].split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (&found[8..end], None),
        };
        let has_port = port.is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
        let starts = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '+');
        out.push_str(before);
        match binding(name).filter(|_| starts && (has_port || port.is_none() && is_address)) {
            Some(binding) => out.extend(["{", name, ".bindings.", &binding, ".url}"]),
            None => out.push_str(&found[..end]),
        }
        rest = &found[end..];
    }
    (!out.is_empty()).then(|| out + rest).filter(|changed| changed != text)
}

/// `services__<resource>__https__<index>`: the name of the variable for http.
pub(super) fn is_https_service(variable: &str) -> Option<String> {
    let segments: Vec<&str> = variable.split("__").collect();
    match segments.as_slice() {
        ["services", names @ .., "https", index] if index.bytes().all(|b| b.is_ascii_digit()) => {
            Some(format!("services__{}__http__{index}", names.join("__")))
        }
        _ => None,
    }
}

/// `<RESOURCE>_HTTPS`: the name of the variable for http.
pub(super) fn is_https_of(variable: &str, resource: &str) -> Option<String> {
    let upper: String =
        resource.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    (variable.strip_suffix("_HTTPS") == Some(&upper)).then(|| format!("{upper}_HTTP"))
}

#[cfg(test)]
mod tests {
    use super::super::expression::tokens;
    use super::*;

    fn shown(text: &str) -> String {
        let clear = |resource: &str, binding: &str| resource == "api" && binding == "https";
        let pieces = corrected(tokens(text), "web", clear).into_iter().map(|token| match token {
            Token::Text(text) => text.to_owned(),
            Token::Reference(Reference { resource, property: Property::Binding(binding, of), .. }) => {
                format!("<{resource} {binding} {of}>")
            }
            Token::Reference(reference) => format!("<{}>", reference.text),
        });
        pieces.collect()
    }

    #[test]
    fn schemes_before_endpoints_in_clear_lose_their_tls() {
        for (text, wanted) in [
            (
                "https://{api.bindings.https.host}:{api.bindings.https.port}/x",
                "http://<api https host>:<api https port>/x",
            ),
            ("WSS://{api.bindings.https.host}", "WS://<api https host>"),
            ("https://api:{api.bindings.https.port}", "http://api:<api https port>"),
            ("A=https://{p.value}@{api.bindings.https.host}", "A=http://<p.value>@<api https host>"),
            ("https://x/{api.bindings.https.host}", "https://x/<api https host>"),
            ("https://{api.bindings.http.host}", "https://<api http host>"),
            ("https+http://{api.bindings.https.host}", "https+http://<api https host>"),
            ("https://{box.bindings.https.host}", "https://<box https host>"),
            (
                "https://{api.bindings.https.host};https://{api.bindings.https.host}",
                "http://<api https host>;http://<api https host>",
            ),
            ("{a.bindings.x.host}:{a.bindings.x.targetPort}", "<a x host>:<a x port>"),
            ("{a.bindings.x.host}-{a.bindings.x.targetPort}", "<a x host>-<a x targetPort>"),
            ("{web.bindings.x.host}:{web.bindings.x.targetPort}", "<web x host>:<web x targetPort>"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    #[test]
    fn literal_addresses_become_references() {
        let binding = |name: &str| (name == "api").then(|| "https".to_owned());
        for (variable, text, wanted) in [
            ("U", "https://api:8081/x,HTTPS://api:1", Some("{api.bindings.https.url}/x,{api.bindings.https.url}")),
            ("AUDIENCE", "https://api", None),
            ("REVERSEPROXY__CLUSTERS__a__DESTINATIONS__d__ADDRESS", "https://api/", Some("{api.bindings.https.url}/")),
            ("services__api__https__0", "https://api", Some("{api.bindings.https.url}")),
            ("U__ADDRESS", "https+http://api", None),
            ("U", "https://api.example:8081 http://api:1 https://box:2", None),
            ("U", "https://api:x", None),
        ] {
            assert_eq!(referring(variable, text, binding).as_deref(), wanted, "{variable}={text}");
        }
    }

    #[test]
    fn variables_for_https_have_one_for_http() {
        assert_eq!(is_https_service("services__a__b__https__0").as_deref(), Some("services__a__b__http__0"));
        assert_eq!(is_https_service("services__a__https__x"), None);
        assert_eq!(is_https_of("MY_API_HTTPS", "my-api").as_deref(), Some("MY_API_HTTP"));
        assert_eq!(is_https_of("MY_API_HTTPS", "api"), None);
    }
}
