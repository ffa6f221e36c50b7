//! Whether the manifest is complete. Exit code 0 does not mean success: an AppHost can leave half a manifest, or none, and
//! print that it published one. Pure.

use crate::support::ended::Ended;
use serde::de::IgnoredAny;
use serde_json::Value;

/// What the reader wrote if it is a model, else the reason why it is not.
pub(super) fn model(written: Option<Vec<u8>>) -> Result<Vec<u8>, String> {
    let bytes = written.filter(|bytes| !bytes.is_empty()).ok_or_else(|| {
        "the AppHost did not stop its host (`Environment.Exit`, or an exception that its own code handles)".to_owned()
    })?;
    let found: Value = serde_json::from_slice(&bytes).map_err(|_| "it was cut off".to_owned())?;
    match found["error"].as_str() {
        Some(error) => Err(format!("reading it threw {error}")),
        None => Ok(bytes),
    }
}

/// The state of the manifest file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Nothing,
    /// The text does not parse to its end.
    Part,
    Whole,
}

impl Written {
    /// By the bytes of the file.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if text.is_empty() {
            Self::Nothing
        } else if text.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(text).is_ok() {
            Self::Whole
        } else {
            Self::Part
        }
    }

    /// Why a run that exited by itself failed; `None` for success. `ended` is `None` for exit code 0.
    pub(super) fn failure(self, ended: Option<Ended>) -> Option<String> {
        match (ended, self) {
            (None, Self::Whole) => None,
            (None, Self::Part) => Some("ended with exit status 0, but left half a manifest".into()),
            (None, Self::Nothing) => Some("ended with exit status 0, but wrote no manifest".into()),
            (Some(ended), _) => Some(ended.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_whole_when_it_parses_to_its_end() {
        for (text, expected) in [
            ("", Written::Nothing),
            ("{\"resources\": {", Written::Part),
            ("{\"resources\": {}}", Written::Whole),
            ("\u{feff}{\"resources\": {}}\n", Written::Whole),
            ("{} {}", Written::Part),
            ("null", Written::Part),
        ] {
            assert_eq!(Written::of(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_model_is_whole_and_no_error() {
        let of = |text: &str| model(Some(text.as_bytes().to_vec()));
        assert!(of("{\"resources\": {}}").is_ok());
        assert!(of("{\"resources\": {").unwrap_err().contains("cut off"));
        assert!(of("{\"error\": \"KeyNotFoundException\"}").unwrap_err().contains("KeyNotFoundException"));
        assert!(model(None).unwrap_err().contains("Environment.Exit"));
    }

    #[test]
    fn success_is_exit_code_0_and_a_whole_manifest() {
        let (whole, part, nothing) = (Written::Whole, Written::Part, Written::Nothing);
        assert_eq!(whole.failure(None), None);
        assert!(part.failure(None).unwrap().contains("half a manifest"));
        assert!(nothing.failure(None).unwrap().contains("no manifest"));
        assert_eq!(whole.failure(Some(Ended::Status(7))).unwrap(), "failed with exit status 7");
        assert_eq!(part.failure(Some(Ended::Signal(6))).unwrap(), "was killed by signal 6");
    }
}
