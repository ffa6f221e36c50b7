//! Parameter files: YAML, JSON or `.env`, with the line of each error. No error shows a value.

use super::dotenv;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::support::yaml;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_yaml::Value as Yaml;
use std::fmt;

/// The forms of a parameter file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A map of names to texts.
    Yaml,
    /// The same, or the list that `inputs -o json` prints, with the values filled in.
    Json,
    /// `NAME=VALUE` lines.
    Env,
}

impl Format {
    /// By the ending of the file's name, else by the text: `{` and `[` begin JSON, `NAME=` begins `.env`.
    pub fn of(file: &str, text: &str) -> Self {
        let name = file.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
        match name.rsplit_once('.') {
            Some((_, "yaml" | "yml")) => Self::Yaml,
            Some((_, "json")) => Self::Json,
            Some((_, "env")) => Self::Env,
            _ if name.starts_with(".env.") => Self::Env,
            _ => Self::of_text(text),
        }
    }

    fn of_text(text: &str) -> Self {
        let line =
            text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
        if line.starts_with(['{', '[']) {
            return Self::Json;
        }
        // Behind a quoted name, the mark that follows decides.
        let rest = match line.chars().next() {
            Some(quote @ ('"' | '\'')) => line[1..].split_once(quote).map_or("", |(_, rest)| rest),
            _ => line,
        };
        let equals = rest.find('=');
        let colon = rest.find(": ").or_else(|| rest.strip_suffix(':').map(str::len));
        match (equals, colon) {
            (Some(equals), Some(colon)) if equals < colon => Self::Env,
            (Some(_), None) => Self::Env,
            _ => Self::Yaml,
        }
    }
}

/// What a file says about one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Text(String),
    /// The place of the value is empty.
    Nothing,
    /// The same, in a list that names every input and needs no answer for each.
    Skipped,
    /// A number, a truth value, a list or the like.
    NoText,
}

/// The entries of a file, in its order, names that come twice included.
pub(super) struct Entries<'a> {
    text: &'a str,
    format: Format,
    /// Names and what is said about them.
    pub list: Vec<(String, Said)>,
    lines: Vec<usize>,
}

impl<'a> Entries<'a> {
    /// Reads a text. The places of problems are lines of it.
    pub(super) fn read(text: &'a str, format: Format) -> Result<Self, Diagnostics> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut entries = Self { text, format, list: Vec::new(), lines: Vec::new() };
        if format == Format::Env {
            for (name, value, line) in dotenv::read(text)? {
                entries.list.push((name, value.map_or(Said::Nothing, Said::Text)));
                entries.lines.push(line);
            }
            return Ok(entries);
        }
        if format == Format::Yaml {
            yaml::affordable(text).map_err(|costly| Diagnostic::new(Code::TooComplex, "", costly.to_string()))?;
        }
        let parsed = match format {
            Format::Json => serde_json::from_str::<Top>(text).map_err(|error| (error.line(), error.column())),
            _ => serde_yaml::from_str::<Top>(text)
                .map_err(|error| error.location().map_or((0, 0), |at| (at.line(), at.column()))),
        };
        let Top(found) = parsed.map_err(|(line, column)| {
            let kind = if format == Format::Json { "JSON" } else { "YAML" };
            Diagnostic::new(
                Code::ParameterFileSyntax,
                Place::line(line, column),
                format!("it is not the {kind} of a parameter file"),
            )
            .hint("write one `name: \"value\"` a line, or `NAME='value'` into a file that ends in .env")
        })?;
        let mut diagnostics = Diagnostics::default();
        for (index, found) in found.into_iter().enumerate() {
            match found {
                Ok(entry) => entries.list.push(entry),
                Err(what) => {
                    diagnostics.push(Diagnostic::new(Code::ParameterFileSyntax, place(text, format, index), what));
                }
            }
            // Each costs another look at the text.
            if diagnostics.0.len() == MOST_DIAGNOSTICS {
                break;
            }
        }
        diagnostics.or(entries)
    }

    /// The line of an entry; empty where it cannot be told.
    pub(super) fn place(&self, index: usize) -> Place {
        self.lines.get(index).map_or_else(|| place(self.text, self.format, index), |line| Place::line(*line, 0))
    }
}

/// Longer texts are not read again for each line that is told.
const MOST_READ_AGAIN: usize = 1 << 20;

/// The readers give places to errors only, so the text is read once more and stopped at the entry.
fn place(text: &str, format: Format, index: usize) -> Place {
    if text.len() > MOST_READ_AGAIN {
        return Place::default();
    }
    let stop = Stop(index);
    let line = match format {
        Format::Json => stop.run(&mut serde_json::Deserializer::from_str(text)).map(|error| error.line()),
        _ => stop.run(serde_yaml::Deserializer::from_str(text)).and_then(|error| error.location().map(|at| at.line())),
    };
    Place::line(line.unwrap_or_default(), 0)
}

/// The entries, or what is wrong with one.
struct Top(Vec<Result<(String, Said), &'static str>>);

impl<'de> Deserialize<'de> for Top {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TopVisitor)
    }
}

struct TopVisitor;

impl<'de> Visitor<'de> for TopVisitor {
    type Value = Top;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names and values")
    }

    fn visit_unit<E: Error>(self) -> Result<Top, E> {
        Ok(Top(Vec::new()))
    }

    /// An empty text.
    fn visit_none<E: Error>(self) -> Result<Top, E> {
        Ok(Top(Vec::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top, A::Error> {
        let mut found = Vec::new();
        while let Some((name, value)) = map.next_entry::<Yaml, Yaml>()? {
            found.push(match name {
                Yaml::String(name) => Ok((name, said(value, Said::Nothing))),
                _ => Err("a name in it is not a string; put it in quotes"),
            });
        }
        Ok(Top(found))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Top, A::Error> {
        let mut found = Vec::new();
        while let Some(item) = items.next_element::<Yaml>()? {
            found.push(match item {
                Yaml::Mapping(mut item) => match (item.remove("name"), item.remove("value")) {
                    (Some(Yaml::String(name)), value) => Ok((name, said(value.unwrap_or_default(), Said::Skipped))),
                    _ => Err("an item of a list needs `name` and `value`, as `inputs -o json` prints them"),
                },
                _ => Err("it must map names to values; write one `name: \"value\"` a line"),
            });
        }
        Ok(Top(found))
    }
}

fn said(value: Yaml, nothing: Said) -> Said {
    match value {
        Yaml::String(text) => Said::Text(text),
        Yaml::Null => nothing,
        _ => Said::NoText,
    }
}

/// A reader that ends with an error at the n-th key or item.
struct Stop(usize);

impl Stop {
    fn run<'de, D: Deserializer<'de>>(self, deserializer: D) -> Option<D::Error> {
        deserializer.deserialize_any(self).err()
    }
}

impl<'de> Visitor<'de> for Stop {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        for _ in 0..self.0 {
            map.next_entry::<IgnoredAny, IgnoredAny>()?;
        }
        map.next_key::<Refused>().map(|_| ())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for _ in 0..self.0 {
            items.next_element::<IgnoredAny>()?;
        }
        items.next_element::<Refused>().map(|_| ())
    }
}

/// Refuses whatever it is, at its place.
struct Refused;

impl<'de> Deserialize<'de> for Refused {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Nothing;
        impl Visitor<'_> for Nothing {
            type Value = Refused;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the end")
            }
        }
        deserializer.deserialize_any(Nothing)
    }
}

/// Most problems of one file that are told.
pub(super) const MOST_DIAGNOSTICS: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, format: Format) -> Vec<(String, Said)> {
        Entries::read(text, format).unwrap_or_else(|diagnostics| panic!("{text}: {diagnostics}")).list
    }

    fn entry(name: &str, value: &str) -> (String, Said) {
        (name.into(), Said::Text(value.into()))
    }

    #[test]
    fn the_form_is_known_by_the_name_and_else_by_the_text() {
        for (file, text, format) in [
            ("a/b.yaml", "A=b", Format::Yaml),
            ("b.YML", "A=b", Format::Yaml),
            ("b.json", "A=b", Format::Json),
            ("b.env", "a: b", Format::Env),
            (".env", "a: b", Format::Env),
            ("x\\.env.production", "a: b", Format::Env),
            ("-", "", Format::Yaml),
            ("-", "# x=y\n\n  { \"a\": \"b=c\" }", Format::Json),
            ("-", "[]", Format::Json),
            ("/dev/fd/63", "a: b=c", Format::Yaml),
            ("-", "---\na: b", Format::Yaml),
            ("-", "a:\n", Format::Yaml),
            ("-", "URL=http://x: y", Format::Env),
            ("-", "export A='b: c'", Format::Env),
            ("-", "\"a=b\": c=d", Format::Yaml),
            ("-", "\"a: b\"=c", Format::Env),
            ("secrets.d/file", "A=b", Format::Env),
        ] {
            assert_eq!(Format::of(file, text), format, "{file} {text}");
        }
    }

    #[test]
    fn all_forms_say_the_same() {
        let texts = [
            ("\u{feff}a-b: \"1\"\nc: |-\n  two\n  lines\n", Format::Yaml),
            ("{\"a-b\": \"1\", \"c\": \"two\\nlines\"}", Format::Json),
            (
                "[{\"name\": \"a-b\", \"secret\": true, \"value\": \"1\"}, {\"value\": \"two\\nlines\", \"name\": \"c\"}]",
                Format::Json,
            ),
            ("a-b=1\nc='two\nlines'\n", Format::Env),
        ];
        for (text, format) in texts {
            assert_eq!(read(text, format), [entry("a-b", "1"), entry("c", "two\nlines")], "{text}");
        }
        for text in ["", "# nothing\n", "---\n", "null", "{}"] {
            assert_eq!(read(text, Format::Yaml), [], "{text}");
        }
        assert_eq!(read("{\"a\": \"\\ud83d\\ude00\"}", Format::Json), [entry("a", "\u{1f600}")]);
    }

    #[test]
    fn empty_places_are_told_from_empty_texts() {
        assert_eq!(
            read("a:\nb: ''\nc: 1\n", Format::Yaml),
            [("a".into(), Said::Nothing), entry("b", ""), ("c".into(), Said::NoText)]
        );
        assert_eq!(read("a=\nb=''\n", Format::Env), [("a".into(), Said::Nothing), entry("b", "")]);
        assert_eq!(read("{\"a\": null, \"b\": \"\"}", Format::Json), [("a".into(), Said::Nothing), entry("b", "")]);
        assert_eq!(
            read("[{\"name\": \"a\", \"value\": null}, {\"name\": \"b\"}]", Format::Json),
            [("a".into(), Said::Skipped), ("b".into(), Said::Skipped)]
        );
    }

    #[test]
    fn entries_have_lines() {
        for (text, format) in [
            ("# c\na: |\n  1\n  2\n\nb: 3\nb: 4\n", Format::Yaml),
            ("{\n\"a\":\n\"1\"\n, \"z\": \"0\",\n\"b\": \"3\",\n\"b\": \"4\"}", Format::Json),
            ("\n# c\na='\n'\n\nb=3\nb=4\n", Format::Env),
        ] {
            let entries = Entries::read(text, format).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
            let last = entries.list.len() - 1;
            let line = |index: usize| entries.place(index).position.unwrap().line;
            assert!(line(last) == line(last - 1) + 1 && line(last) >= 6, "{text}: {} {}", line(last - 1), line(last));
        }
    }

    #[test]
    fn diagnostics_have_lines_and_no_values() {
        for (text, format, place) in [
            ("a: hunter2\n1: hunter2\n", Format::Yaml, "line 2"),
            ("- hunter2\n", Format::Yaml, "line 1"),
            ("[{\"name\": \"a\", \"value\": \"b\"},\n {\"nam\": \"hunter2\"}]", Format::Json, "line 2"),
            ("hunter2", Format::Yaml, "line 1 column 1"),
            ("a: hunter2\nb: [\n", Format::Yaml, "line 3 column 1"),
            ("{\"a\": \"hunter2\",}", Format::Json, "line 1 column 17"),
            ("a: hunter2\n---\nb: hunter2\n", Format::Yaml, ""),
        ] {
            let Err(diagnostics) = Entries::read(text, format) else { panic!("{text}") };
            assert!(diagnostics.0[0].place.to_string().starts_with(place), "{text}: {diagnostics}");
            assert!(!diagnostics.to_string().contains("hunter2"), "{diagnostics}");
        }
    }
}
