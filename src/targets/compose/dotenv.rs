//! Values of `.env` files, as Compose reads them (`compose-go/dotenv`). Must not decide what is in a file.

/// A value in quotes. In single quotes every character is what it is; a quote, a backslash or a line break there is not read
/// alike by all versions, so such values are in double quotes, in which `\` escapes and `$` is doubled.
pub(super) fn quoted(value: &str) -> String {
    if !value.contains(['\'', '\\', '\n', '\r']) {
        return format!("'{value}'");
    }
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '$' => out.push_str("$$"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn values_are_whole() {
        for (value, written) in [
            ("", "''"),
            ("a b#c $x \"y\"", "'a b#c $x \"y\"'"),
            ("it's", "\"it's\""),
            ("C:\\dir\\", "\"C:\\\\dir\\\\\""),
            ("two\nlines\r\n$5 \"q\"", "\"two\\nlines\\r\\n$$5 \\\"q\\\"\""),
        ] {
            assert_eq!(quoted(value), written);
        }
    }
}
