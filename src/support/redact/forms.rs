//! The forms of a secret that are searched for: without its escapes, and those that removing escapes does not restore.

use super::projection::{Projection, is_added};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;

/// Long secrets are looked for in pieces: a part of one is secret too, and the tables stay small.
const PIECE: usize = 255;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The secret as it is compared: without escapes, in lower case, in pieces. Also as it looks behind a mark that makes an
/// escape of its beginning.
pub(crate) fn letters(secret: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for before in ["", "\\", "%", "\\x", "\\u"] {
        let letters = Projection::letters(&Projection::decoded(format!("{before}{secret}").as_bytes()));
        if before.is_empty() || found.first() != Some(&letters.bytes) {
            found.push(letters.bytes);
        }
    }
    // Behind such a mark the mark itself may still stand there: that is the secret, and no form of its own.
    let plain = found[0].clone();
    found.retain(|form| *form == plain || !form.ends_with(&plain));
    if let Some(cut) = without_open_escape(secret) {
        found.push(Projection::letters(&Projection::decoded(cut.as_bytes())).bytes);
    }
    found.into_iter().flat_map(|form| pieces(&form)).collect()
}

/// What printers add or take, at the beginning and at the end of the secret. None, or one more than there are without backslashes.
pub(crate) fn added(secret: &str) -> (usize, usize) {
    let decoded = Projection::decoded(secret.as_bytes());
    let count = |bytes: &mut dyn Iterator<Item = &u8>| {
        let bytes: Vec<u8> = bytes.take_while(|byte| is_added(char::from(**byte))).copied().collect();
        let counted = bytes.iter().filter(|byte| **byte != b'\\').count();
        if bytes.is_empty() { 0 } else { counted + 1 }
    };
    (count(&mut decoded.bytes.iter()), count(&mut decoded.bytes.iter().rev()))
}

/// Bytes in hexadecimal, for one that has blanks in it.
pub(crate) fn hexadecimal(secret: &str) -> Vec<Vec<u8>> {
    let mut hexadecimal = String::new();
    for byte in secret.bytes() {
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    pieces(hexadecimal.as_bytes())
}

/// What printers make of it, without quotes around it.
pub(crate) fn printed(secret: &str) -> Vec<String> {
    let json = serde_json::Value::String(secret.to_owned()).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let percent = utf8_percent_encode(secret, UNRESERVED).to_string();
    let html = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    let html = html.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let entities = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let entities = entities.replace('"', "&#34;").replace('\'', "&#39;");
    vec![html, json, percent.replace("%20", "+"), percent, secret.replace('\'', "''"), entities, quoted(secret)]
}

/// Go's `%q`, without the quotes.
fn quoted(secret: &str) -> String {
    let mut out = String::new();
    for c in secret.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if c.is_ascii_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Pieces of a bounded length; the last ends with the text and is as long as the others. No character is cut.
fn pieces(text: &[u8]) -> Vec<Vec<u8>> {
    let boundary = |mut at: usize| {
        while at > 0 && at < text.len() && text[at] & 0xc0 == 0x80 {
            at -= 1;
        }
        at
    };
    let (mut pieces, mut start) = (Vec::new(), 0);
    while text.len() - start > PIECE {
        let end = boundary(start + PIECE).max(start + 1);
        pieces.push(text[start..end].to_vec());
        start = end;
    }
    let start = if pieces.is_empty() { 0 } else { boundary(text.len() - PIECE) };
    pieces.push(text[start..].to_vec());
    pieces
}

/// The secret without an escape at its end that what follows could complete.
fn without_open_escape(secret: &str) -> Option<&str> {
    let start = secret.rfind(['%', '\\', '&'])?;
    let tail = &secret.as_bytes()[start + 1..];
    let open = match secret.as_bytes()[start] {
        b'%' => tail.len() < 2 && tail.iter().all(u8::is_ascii_hexdigit),
        b'&' => tail.len() < 8 && tail.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'#'),
        _ => tail.len() < 9 && tail.iter().skip(1).all(u8::is_ascii_hexdigit),
    };
    open.then(|| secret[..start].trim_end_matches('\\'))
}
