//! Takes secrets out of texts that others wrote: error messages of helm and of the API server.
//!
//! A secret shows up in disguises: quoted as JSON or by Go's `%q`, in base64 (the data of a Secret), escaped for a URI.
//! All of them are hidden. This module must not know where the text came from.

use k8s_openapi::ByteString;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands in place of a secret.
pub const MASK: &str = "***";

/// Secrets shorter than this are hidden only where they stand alone, else every text would be full of stars.
const SHORT: usize = 4;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The text without the secrets, in whatever form they stand in it.
pub fn mask(text: &str, secrets: &[String]) -> String {
    let mut forms: Vec<String> = secrets.iter().flat_map(|secret| forms(secret)).collect();
    forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    forms.dedup();
    forms.iter().fold(text.to_owned(), |text, form| hide(&text, form))
}

/// Bytes as base64, the way the API server writes the data of a Secret.
pub fn base64(bytes: &[u8]) -> String {
    match serde_json::to_value(ByteString(bytes.to_vec())) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

/// The bytes of a base64 text.
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    serde_json::from_value::<ByteString>(serde_json::Value::String(text.to_owned())).ok().map(|bytes| bytes.0)
}

fn forms(secret: &str) -> Vec<String> {
    let secret = secret.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Vec::new();
    }
    let json = serde_json::Value::String(secret.to_owned()).to_string();
    let encoded = base64(secret.as_bytes());
    let mut forms = vec![
        secret.to_owned(),
        json[1..json.len() - 1].to_owned(),
        secret.escape_default().to_string(),
        encoded.replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned(),
        encoded.trim_end_matches('=').to_owned(),
        encoded,
        base64(format!("{secret}\n").as_bytes()),
        utf8_percent_encode(secret, UNRESERVED).to_string(),
        secret.replace('\'', "''"),
    ];
    if secret.contains('\n') {
        forms.extend(secret.lines().map(str::trim).filter(|line| line.len() >= SHORT).map(str::to_owned));
    }
    forms
}

fn hide(text: &str, form: &str) -> String {
    if form.len() >= SHORT {
        return text.replace(form, MASK);
    }
    let mut result = String::with_capacity(text.len());
    let mut end = 0;
    for (start, found) in text.match_indices(form) {
        let after = start + found.len();
        let alone =
            !text[..start].ends_with(char::is_alphanumeric) && !text[after..].starts_with(char::is_alphanumeric);
        result.push_str(&text[end..start]);
        result.push_str(if alone { MASK } else { found });
        end = after;
    }
    result.push_str(&text[end..]);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_in_every_disguise() {
        let secrets = ["p@ss \"w\"+1".to_owned()];
        for text in [
            "got p@ss \"w\"+1",
            "got p@ss \\\"w\\\"+1",
            "got cEBzcyAidyIrMQ==",
            "got cEBzcyAidyIrMQ",
            "got cEBzcyAidyIrMQo=",
            "got p%40ss%20%22w%22%2B1",
        ] {
            let masked = mask(text, &secrets);
            assert!(masked.starts_with("got ***"), "{text} became {masked}");
            assert!(!masked.contains("ss"), "{text} became {masked}");
        }
    }

    #[test]
    fn the_longer_secret_goes_first() {
        assert_eq!(mask("secretlonger secret", &["secret".to_owned(), "secretlonger".to_owned()]), "*** ***");
    }

    #[test]
    fn a_short_secret_is_hidden_where_it_stands_alone() {
        assert_eq!(mask("ab: \"a\" a=a", &["a".to_owned()]), "ab: \"***\" ***=***");
    }

    #[test]
    fn every_line_of_a_long_secret_is_hidden() {
        let key = "-----BEGIN KEY-----\nMIIabcdef\n-----END KEY-----\n".to_owned();
        assert_eq!(mask("line 2: MIIabcdef", &[key]), "line 2: ***");
    }

    #[test]
    fn no_secret_changes_nothing() {
        assert_eq!(mask("text", &[]), "text");
        assert_eq!(mask("text", &[String::new(), "\n".to_owned()]), "text");
    }

    #[test]
    fn base64_goes_both_ways() {
        assert_eq!(base64(b"hello"), "aGVsbG8=");
        assert_eq!(unbase64("aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(unbase64("%"), None);
    }
}
