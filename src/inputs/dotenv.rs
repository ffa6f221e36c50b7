//! `.env` files: `NAME=value`, one per line, with a shell's quotes but without variable expansion.
//!
//! Syntax that shells, Docker and other readers of such files interpret differently is refused rather than guessed:
//! spaces and quotes inside an unquoted value, unknown escapes, and `NAME=` without a value.

use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use std::fmt::Write as _;

/// One assignment: its name, its value (none where nothing is written), the line it starts on.
pub(super) type Assignment = (String, Option<String>, usize);

/// A character that may stand in a value, or be a name, without quotes.
fn is_bare(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '\'' | '#' | '\u{feff}')
}

/// A name as the left side of an assignment.
pub(super) fn name(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| is_bare(c) && c != '=');
    if bare { name.to_owned() } else { double_quoted(name) }
}

/// A value as the right side of an assignment, on one line.
pub(super) fn value(text: &str) -> String {
    if text.chars().any(|c| c == '\'' || must_escape(c)) { double_quoted(text) } else { format!("'{text}'") }
}

fn must_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn double_quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' | '$' | '`' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // All of them lie in the first plane.
            c if must_escape(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The assignments of a text. The places of problems are lines, and no problem repeats a value.
pub(super) fn read(text: &str) -> Result<Vec<Assignment>, Diagnostics> {
    let mut reader = Reader { rest: text, line: 1 };
    let mut found = Vec::new();
    let mut diagnostics = Diagnostics::default();
    while !reader.rest.is_empty() {
        let line = reader.line;
        match reader.assignment() {
            Ok(Some((name, value))) => found.push((name, value, line)),
            Ok(None) => {}
            Err((what, hint)) => {
                diagnostics.push(Diagnostic::new(Code::ParameterFileSyntax, Place::line(line, 0), what).hint(hint));
                reader.take_while(|c| c != '\n');
            }
        }
        reader.next_if(|c| c == '\n');
    }
    diagnostics.or(found)
}

/// What is wrong, and what to do.
type Wrong = (&'static str, &'static str);

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next_if(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        self.peek().is_some_and(wanted) && self.next().is_some()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let start = self.rest;
        while self.next_if(&wanted) {}
        &start[..start.len() - self.rest.len()]
    }

    fn skip_blanks(&mut self) -> bool {
        !self.take_while(|c| matches!(c, ' ' | '\t' | '\r')).is_empty()
    }

    /// Up to the end of the line, which stays. None for a line without an assignment.
    fn assignment(&mut self) -> Result<Option<(String, Option<String>)>, Wrong> {
        const FORM: Wrong = ("it needs the form NAME=VALUE", "start a comment with `#`");
        self.skip_blanks();
        if self.ends() {
            return Ok(None);
        }
        if let Some(rest) = self.rest.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])) {
            self.rest = rest;
            self.skip_blanks();
        }
        let name = match self.peek() {
            Some('"' | '\'') => self.quoted()?,
            _ => self.take_while(|c| is_bare(c) && c != '=').to_owned(),
        };
        self.skip_blanks();
        if name.is_empty() || !self.next_if(|c| c == '=') {
            return Err(FORM);
        }
        let blank = self.skip_blanks();
        let value = match self.peek() {
            Some('"' | '\'') => Some(self.quoted()?),
            Some('#') if blank => None,
            // `NAME=#x` is a value to some and a comment to others.
            Some('#') => return Err(("a value that begins with `#` needs quotes", "write it as 'VALUE'")),
            _ => Some(self.take_while(|c| is_bare(c) || c == '#').to_owned()).filter(|value| !value.is_empty()),
        };
        let blank = self.skip_blanks();
        match self.peek() {
            None | Some('\n') => {}
            Some('#') if blank || value.is_none() => {
                self.ends();
            }
            Some(_) => {
                return Err((
                    "a value with spaces, quotes or control characters must be quoted",
                    "write it as 'VALUE', or \"VALUE\" with \\\" for a quote inside",
                ));
            }
        }
        Ok(Some((name, value)))
    }

    /// Whether nothing but a comment stands before the end of the line.
    fn ends(&mut self) -> bool {
        if self.peek() == Some('#') {
            self.take_while(|c| c != '\n');
        }
        matches!(self.peek(), None | Some('\n'))
    }

    /// Quoted pieces that follow each other without a blank, and `\'` between them, as shells write them.
    fn quoted(&mut self) -> Result<String, Wrong> {
        const OPEN: Wrong = ("a quote is not closed", "");
        let mut out = String::new();
        loop {
            match self.peek() {
                Some('\'') => {
                    self.next();
                    out.push_str(self.take_while(|c| c != '\''));
                    self.next().ok_or(OPEN)?;
                }
                Some('"') => {
                    self.next();
                    loop {
                        match self.next().ok_or(OPEN)? {
                            '"' => break,
                            '\\' => out.push(self.escaped()?),
                            c => out.push(c),
                        }
                    }
                }
                Some('\\') if self.rest[1..].starts_with(['\'', '"']) => {
                    self.next();
                    out.extend(self.next());
                }
                _ => return Ok(out),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, Wrong> {
        const UNKNOWN: Wrong = (
            "an escape in it is unknown",
            "in double quotes there are \\\\ \\\" \\$ \\` \\n \\r \\t and \\u with four digits; in single quotes nothing is escaped",
        );
        match self.next() {
            Some(c @ ('\\' | '"' | '$' | '`')) => Ok(c),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some('u') => {
                let digits =
                    self.rest.get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit())).ok_or(UNKNOWN)?;
                self.rest = &self.rest[4..];
                u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).ok_or(UNKNOWN)
            }
            _ => Err(UNKNOWN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(text: &str) -> Option<(String, Option<String>)> {
        read(text).ok().map(|mut found| found.remove(0)).map(|(name, value, _)| (name, value))
    }

    #[test]
    fn what_shells_write_is_read() {
        for (text, value) in [
            ("A=b", "b"),
            ("export A=b", "b"),
            ("\t export\tA = b  # comment", "b"),
            ("A=b#c", "b#c"),
            ("A=Host=db;Password=$x`y\\z", "Host=db;Password=$x`y\\z"),
            ("A=''", ""),
            ("A=\"\"", ""),
            ("A='it'\\''s'", "it's"),
            ("A='a'\"b\"'c' # d", "abc"),
            ("A='$x \\n \"'", "$x \\n \""),
            ("A=\"$x \\$y \\\\ \\\" \\n\\r\\t\\u00e9 '\"", "$x $y \\ \" \n\r\t\u{e9} '"),
            ("A=\"two\nlines\"", "two\nlines"),
            ("A=b\r", "b"),
            ("\"A\"=b", "b"),
        ] {
            assert_eq!(one(text), Some(("A".into(), Some(value.into()))), "{text}");
        }
        assert_eq!(one("A="), Some(("A".into(), None)));
        assert_eq!(one("A=  # nothing yet"), Some(("A".into(), None)));
        assert_eq!(one("export=b"), Some(("export".into(), Some("b".into()))));
        assert_eq!(one("a-b.c[0]=b"), Some(("a-b.c[0]".into(), Some("b".into()))));
        let lines: Vec<_> =
            read("# x\n\nA=\"1\n2\"\nB=3\n").unwrap().into_iter().map(|(name, _, line)| (name, line)).collect();
        assert_eq!(lines, [("A".into(), 3), ("B".into(), 5)]);
    }

    #[test]
    fn what_readers_understand_differently_is_refused_with_its_line() {
        for text in [
            "A",
            "=b",
            "A b",
            "A=b c",
            "A=b\"c",
            "A=b'c'",
            "A='b'c",
            "A='b",
            "A=\"b",
            "A=\"\\x\"",
            "A=\"\\ud800\"",
            "A=\"\\u00é\"",
            "A=#b",
            "'A",
        ] {
            let diagnostics = read(&format!("# hunter2\nB=hunter2\n{text}\n")).unwrap_err();
            assert_eq!(diagnostics.0[0].place.to_string(), "line 3", "{text}");
            assert!(!diagnostics.to_string().contains("hunter2"));
        }
        assert_eq!(read("A=b c\nB=1\nC=d e\n").unwrap_err().0.len(), 2);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(key in any::<String>(), text in any::<String>(), mark in "[ -~]{0,12}") {
            for text in [text, mark] {
                let line = format!("{}={}", name(&key), value(&text));
                prop_assert!(!line.contains('\n'));
                let read = read(&format!("# first\n{line}\nLAST=1\n"));
                if key.is_empty() {
                    prop_assert!(read.is_err());
                } else {
                    prop_assert_eq!(read.unwrap(), [(key.clone(), Some(text), 2), ("LAST".into(), Some("1".into()), 3)]);
                }
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "[A-Z=\"'#\\\\u0-9 \n]{0,40}") {
            let _ = read(&text);
        }
    }
}
