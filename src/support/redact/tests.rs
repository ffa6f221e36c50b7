//! Every printer of Go and YAML that helm uses, applied once and twice, to secrets of any characters.

use super::lines::MaskedLines;
use super::*;
use proptest::prelude::*;
use std::fmt::Write as _;

fn go_quote(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c if c.is_control() || matches!(c, '\u{a0}' | '\u{ad}' | '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn go_ascii_quote(text: &str) -> String {
    go_quote(text).chars().fold(String::new(), |mut out, c| {
        let _ = match u32::from(c) {
            0..=0x7f => write!(out, "{c}"),
            code @ ..=0xffff => write!(out, "\\u{code:04x}"),
            code => write!(out, "\\U{code:08x}"),
        };
        out
    })
}

fn json(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// Go's `encoding/json`.
fn to_json(text: &str) -> String {
    let mut out = String::new();
    for c in json(text).chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// As .NET and Java write JSON: nothing but ASCII, with halves of characters.
fn ascii_json(text: &str) -> String {
    to_json(text).encode_utf16().fold(String::new(), |mut out, unit| {
        let _ = match char::from_u32(u32::from(unit)).filter(char::is_ascii) {
            Some(c) => write!(out, "{c}"),
            None => write!(out, "\\u{unit:04X}"),
        };
        out
    })
}

fn yaml_single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''").replace('\n', "\n\n  "))
}

/// Double quotes, with lines broken at blanks as Go's YAML does.
fn yaml_double(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        let code = u32::from(c);
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{a0}' => out.push_str("\\_"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            ' ' => out.push_str("\n  \\ "),
            c if c.is_control() && code <= 0xff => {
                let _ = write!(out, "\\x{code:02X}");
            }
            '\u{feff}' => out.push_str("\\uFEFF"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn yaml_literal(text: &str) -> String {
    format!("|-\n    {}", text.replace('\n', "\n    "))
}

fn yaml_folded(text: &str) -> String {
    format!(">-\n  {}", text.replace('\n', "\n\n  ").replace(' ', "\n  "))
}

fn percent(text: &str, blank: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let _ = match byte {
            b' ' => write!(out, "{blank}"),
            b'-' | b'_' | b'.' | b'~' => write!(out, "{}", char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => write!(out, "{}", char::from(byte)),
            byte => write!(out, "%{byte:02X}"),
        };
        out
    })
}

fn html(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&#34;").replace('\'', "&#39;").replace('\0', "\u{fffd}")
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

type Printer = (&'static str, fn(&str) -> String);

const PRINTERS: &[Printer] = &[
    ("%s", str::to_owned),
    ("%q", go_quote),
    ("%#v", go_quote),
    ("%+q", go_ascii_quote),
    ("toJson", to_json),
    ("mustToRawJson", json),
    ("ASCII JSON", ascii_json),
    ("squote", |text| format!("'{text}'")),
    ("YAML single", yaml_single),
    ("YAML double", yaml_double),
    ("YAML literal", yaml_literal),
    ("YAML folded", yaml_folded),
    ("urlquery", |text| percent(text, "+")),
    ("path escape", |text| percent(text, "%20")),
    ("html", html),
    ("schema", |text| {
        format!("'{}'", go_quote(text)[1..].trim_end_matches('"').replace("\\\"", "\"").replace('\'', "\\'"))
    }),
    ("b64enc", |text| base64(text.as_bytes())),
    ("base64 URL", |text| base64(text.as_bytes()).replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned()),
    ("user:secret", |text| base64(format!("user:{text}").as_bytes())),
    ("u:secret", |text| base64(format!("u:{text}").as_bytes())),
    ("%x", hex),
    ("%X", |text| hex(text).to_uppercase()),
    ("[]byte", |text| format!("{:?}", text.as_bytes()).replace(',', "")),
];

/// Whether the masked text still has twelve characters in a row of what was printed; what is printed of a secret
/// with other letters too is not counted.
fn shows(masked: &str, printed: &str, other: &str) -> bool {
    let chars = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<Vec<_>>();
    let (seen, other) = (String::from_iter(chars(&masked.replace(MASK, "\u{416}"))), String::from_iter(chars(other)));
    chars(printed).windows(12).map(String::from_iter).any(|window| seen.contains(&window) && !other.contains(&window))
}

fn secret() -> impl Strategy<Value = String> {
    let c = prop_oneof![
        4 => proptest::char::range('a', 'z'),
        2 => proptest::char::range('0', '9'),
        3 => proptest::sample::select(vec!['"', '\'', '\\', '%', '&', '<', '>', '+', ' ', '\n', '\t', '`', ';', '#', '{', '=', ':']),
        1 => any::<char>(),
        1 => proptest::char::range('\0', '\u{a0}'),
    ];
    proptest::collection::vec(c, 6..80)
        .prop_map(|chars| chars.into_iter().collect::<String>())
        .prop_filter("has something to recognise", |text| text.chars().filter(char::is_ascii_alphanumeric).count() >= 4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 20 } else { 2_000 }))]
    #[test]
    fn no_printer_shows_a_secret(secret in secret()) {
        let mask = Mask::new(std::slice::from_ref(&secret));
        let other = secret.replace(|c: char| c.is_ascii_alphanumeric(), "Q");
        for (outer, print) in PRINTERS {
            for (inner, print_first) in PRINTERS {
                let first = print_first(&secret);
                let printed = print(&first);
                let text = format!("Error: at '/a/b': {printed} is wrong\nmore text");
                let masked = mask.text(&text);
                prop_assert!(masked.contains(MASK), "{outer} of {inner}: {text}\nbecame {masked}");
                prop_assert!(!shows(&masked, &printed, &print(&print_first(&other))), "{outer} of {inner}: {text}\nbecame {masked}");
                prop_assert!(masked.starts_with("Error: at '/a/b': ") && masked.ends_with("more text"), "{outer} of {inner}: {masked}");
            }
        }
    }

    #[test]
    fn nothing_else_is_hidden(text in "[a-z ,.:/'\"%&\\\\]{0,200}") {
        prop_assert_eq!(mask(&text, &["S3CR3T-0f-1234".to_owned()]), text);
    }

    #[test]
    fn no_text_is_too_odd(text in any::<String>(), secrets in proptest::collection::vec(any::<String>(), 0..4)) {
        let _ = mask(&text, &secrets);
    }
}

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
        assert!(masked.starts_with("got ***") && masked.len() <= "got ***o=".len(), "{text} became {masked}");
    }
}

#[test]
fn what_helm_wrote_of_a_secret_is_hidden() {
    // As helm 4.2.4 printed it: a JSON schema, its own log with an error inside, templates.
    let secrets = [r#"hun<ter>2&"sek'ret\xü z"#.to_owned()];
    for text in [
        r#"- at '/auth/password': 'hun<ter>2&"sek\'ret\\xü z' does not match pattern '^[a-z]+$'"#,
        r#"level=WARN msg="x" error="y: Invalid value: \"hun<ter>2&\\\"sek'ret\\\\xü z\"""#,
        r#"password: "hun\u003cter\u003e2\u0026\"sek'ret\\xü z""#,
        r"hun%3Cter%3E2%26%22sek%27ret%5Cx%C3%BC+z",
        "68756e3c7465723e32262273656b277265745c78c3bc207a",
        "Authorization: Basic YWRtaW46aHVuPHRlcj4yJiJzZWsncmV0XHjDvCB6",
        r#"HUN<TER>2&"SEK'RET\XÜ Z"#,
        "p: 'hun<ter>2&\"sek''ret\\xü\n  z'",
    ] {
        let masked = mask(text, &secrets);
        assert!(masked.contains(MASK), "{text}");
        for part in ["hun", "HUN", "ter", "TER", "ret", "RET", "68756e", "727", "PHRlc", "dHKl"] {
            assert!(!masked.replace("pattern", "").contains(part), "{text}\nbecame {masked}");
        }
    }
}

#[test]
fn a_secret_behind_a_mark_of_an_escape_is_hidden() {
    for (secret, text) in [
        ("nsecret\"x", r#"DOMAIN\\nsecret\"x"#),
        ("nsecret\"x", r#"DOMAIN\nsecret"x"#),
        ("41secret'x", "100%41secret\\'x"),
        ("secret%4", "secret%4041"),
    ] {
        let masked = mask(text, &[secret.to_owned()]);
        assert!(!masked.contains("ecret"), "{text} became {masked}");
    }
}

#[test]
fn the_longer_secret_goes_first() {
    assert_eq!(mask("secretlonger secret", &["secret".to_owned(), "secretlonger".to_owned()]), "*** ***");
    assert_eq!(mask("abcdefgh", &["abcdef".to_owned(), "cdefgh".to_owned()]), "***");
}

#[test]
fn a_short_secret_is_neither_shown_nor_told_by_a_gap() {
    let text = "this is a text: \"a\" b=c at 12";
    assert_eq!(mask(text, &["a".to_owned()]), "this is *** text: \"***\" ***=*** at 12");
    // Another secret of that length gives the same text.
    assert_eq!(mask(text, &["a".to_owned()]), mask(text, &["z".to_owned()]));
    assert_eq!(mask(text, &["12".to_owned()]), "this *** *** text: \"***\" ***=*** *** ***");
    assert_eq!(mask("a!b, c", &["!".to_owned()]), "a***b*** c");
    assert_eq!(mask("data: YQ==", &["a".to_owned()]), "data: ***");
    assert_eq!(mask("data: YWJj", &["abc".to_owned()]), "data: ***");
}

#[test]
fn quotes_alone_are_a_secret_too() {
    let secret = "\"'\"'\\\"'".to_owned();
    for (name, print) in PRINTERS.iter().take(6) {
        let masked = mask(&format!("x {} y", print(&secret)), std::slice::from_ref(&secret));
        assert!(masked.contains(MASK), "{name}: {masked}");
    }
}

#[test]
fn every_line_of_a_long_secret_is_hidden() {
    let key = "-----BEGIN KEY-----\nMIIabcdef\n-----END KEY-----\n".to_owned();
    assert_eq!(mask("line 2: MIIabcdef", &[key]), "line 2: ***");
}

#[test]
fn a_part_of_a_long_secret_is_hidden() {
    let mut secret = String::new();
    for number in 0..400 {
        let _ = write!(secret, "{:x}-", number * 7919);
    }
    let masked = mask(&format!("cut: {}...", &secret[..600]), std::slice::from_ref(&secret));
    assert!(masked.len() < 120, "{masked}");
}

#[test]
fn a_secret_that_goes_on_in_the_next_line_is_hidden() {
    let mask = Mask::new(&["correct horse battery staple".to_owned()]);
    let mut lines = MaskedLines::new(&mask);
    assert_eq!(lines.push("p: correct is not it"), ["p: correct is not it"]);
    assert_eq!(lines.push("password: correct horse"), Vec::<String>::new());
    assert_eq!(lines.push("  battery staple, and more"), ["password: ***, and more"]);
    assert_eq!(lines.push("x: correct horse"), Vec::<String>::new());
    assert_eq!(lines.push("y"), ["x: correct horse", "y"]);
    assert_eq!(lines.push("x: correct horse"), Vec::<String>::new());
    assert_eq!(lines.finish(), ["x: correct horse"]);
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

#[test]
fn long_texts_and_secrets_cost_time_in_proportion() {
    let secrets: Vec<String> = (0..20).map(|n| format!("{n}{}", "a%5c\\u0061".repeat(500))).collect();
    let mask = Mask::new(&secrets);
    let text = "a%255c&amp;\\\\u0061".repeat(20_000);
    assert!(!mask.text(&text).is_empty());
}

#[test]
fn a_secret_that_no_text_of_this_length_can_hold_costs_nothing() {
    let long = "x".repeat(4 << 20);
    let prepared = Mask::within(&[long.clone(), "s3cret".to_owned()], 100);
    assert!(prepared.literal.forms.iter().chain(&prepared.letters.forms).all(|form| form.len() < 100));
    assert_eq!(mask("s3cret is here", &[long.clone(), "s3cret".to_owned()]), format!("{MASK} is here"));
    let (text, most) = ("y".repeat(100), "z".repeat(100));
    assert_eq!(mask(&format!("{text}{most}"), &[most, long]), format!("{text}{MASK}"));
}
