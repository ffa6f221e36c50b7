//! Parsing a YAML text that anyone may have written: its cost ([`cost`]), and its documents.

mod cost;

pub use cost::affordable;
pub(crate) use cost::has_tags;

use serde::Deserialize;

/// The documents of a text that is affordable, to the first that cannot be read. Asked for more, the reader would say what it
/// stumbled over for ever, or continue in the middle of a document and panic.
pub fn documents(text: &str) -> impl Iterator<Item = Result<serde_json::Value, serde_yaml::Error>> {
    documents_as(text)
}

/// [`documents`], each read as a type of its own.
pub(crate) fn documents_as<'a, T: Deserialize<'a>>(
    text: &'a str,
) -> impl Iterator<Item = Result<T, serde_yaml::Error>> {
    let mut failed = false;
    serde_yaml::Deserializer::from_str(text).map_while(move |document| {
        let document = (!failed).then(|| T::deserialize(document))?;
        failed = document.is_err();
        Some(document)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_ends_the_documents() {
        let kinds = |text: &str| documents(text).map(|it| it.is_ok()).collect::<Vec<_>>();
        assert_eq!(kinds("a: b\n---\nc: d\n"), [true, true]);
        for text in ["---\na: b\n---\napiVersion\nmetadata:\n  name: api\n", "a: b\n---\nc: {d: *gone}\n---\ne: f\n"] {
            assert_eq!(kinds(text), [true, false], "{text}");
        }
    }
}
