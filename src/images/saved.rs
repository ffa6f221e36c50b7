//! The file that `build --save` writes and `--images-file` reads: references of images by resource.

use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::support::image;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// The version of the format.
const VERSION: u32 = 1;

/// References of images, for another job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    version: u32,
    /// By resource; with a digest where one is known.
    pub images: IndexMap<String, String>,
}

impl Saved {
    pub(crate) fn new(images: IndexMap<String, String>) -> Self {
        Self { version: VERSION, images }
    }

    /// The text of the file.
    pub(crate) fn to_text(&self) -> String {
        // Text by text: it always has a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads the text of a file; `file` names it in errors.
    pub fn parse(text: &str, file: &str) -> Result<Self, Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let saved: Self = serde_json::from_str(text).map_err(|error| {
            let place = Place { file: file.to_owned(), ..Place::line(error.line(), error.column()) };
            Diagnostic::new(
                Code::InvalidImagesFile,
                place,
                format!("it is no file of `build --save`: {}", reason(&error)),
            )
        })?;
        if saved.version != VERSION {
            let what = format!("its version is {}, and this program reads {VERSION}", saved.version);
            diagnostics.push(Diagnostic::new(Code::InvalidImagesFile, Place::in_file(file, "version"), what));
        }
        for (resource, reference) in &saved.images {
            if let Err(why) = image::check(reference) {
                let place = Place::in_file(file, format!("images.{resource}"));
                let what = format!("it is not a valid image reference: {why}");
                diagnostics.push(Diagnostic::new(Code::InvalidImage, place, what));
            }
        }
        diagnostics.or(saved)
    }
}

/// Why a text is not what it should be, without its place.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_read() {
        let digest = format!("ghcr.io/contoso/api:1@sha256:{}", "0".repeat(64));
        let saved = Saved::new([("api".to_owned(), digest)].into_iter().collect());
        assert_eq!(Saved::parse(&saved.to_text(), "images.json"), Ok(saved));
    }

    #[test]
    fn what_others_wrote_is_checked() {
        for (text, code, part) in [
            ("{", Code::InvalidImagesFile, "EOF"),
            ("[]", Code::InvalidImagesFile, "images.json"),
            (r#"{"version": 1, "images": {}, "x": 1}"#, Code::InvalidImagesFile, "unknown field"),
            (r#"{"version": 1, "images": {"api": 5}}"#, Code::InvalidImagesFile, "invalid type"),
            (r#"{"version": 2, "images": {}}"#, Code::InvalidImagesFile, "its version is 2"),
            (r#"{"version": 1, "images": {"api": "https://x/y"}}"#, Code::InvalidImage, "images.api"),
            (r#"{"version": 1, "images": {"api": ""}}"#, Code::InvalidImage, "empty"),
            (r#"{"version": 1, "images": {"api": "-"}}"#, Code::InvalidImage, "images.api"),
        ] {
            let wrong = Saved::parse(text, "images.json").unwrap_err();
            assert_eq!(wrong.0[0].code, code, "{text}");
            assert!(wrong.to_string().contains(part), "{wrong}");
        }
    }
}
