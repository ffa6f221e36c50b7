//! `NAME.runtimeconfig.json` beside a built program: its target framework, and whether it takes start-up hooks. Pure.

use serde_json::Value;

/// The setting that `StartupHookSupport`, `PublishTrimmed` and `PublishAot` of a project turn off.
const HOOKS: &str = "System.StartupHookProvider.IsSupported";

/// The first framework that the reader can be compiled for.
const FIRST: u32 = 8;

/// What the file says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Runtime {
    /// Such as `net10.0`.
    pub framework: String,
}

impl Runtime {
    /// Parses the file. A reason if the program cannot be read.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let file: Value =
            serde_json::from_slice(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)).unwrap_or_default();
        let options = &file["runtimeOptions"];
        let framework = options["tfm"].as_str().unwrap_or_default();
        if !is_framework(framework) {
            return Err(
                "its runtimeconfig.json names no target framework that can be read (net8.0 or later)".to_owned()
            );
        }
        if options["configProperties"][HOOKS] == Value::Bool(false) {
            return Err(
                "start-up hooks are turned off in it (`PublishTrimmed`, `PublishAot` or `StartupHookSupport` in its \
                 project); set `<StartupHookSupport>true</StartupHookSupport>` there"
                    .to_owned(),
            );
        }
        Ok(Self { framework: framework.to_owned() })
    }
}

/// `net8.0` and later. The text becomes part of a file name.
fn is_framework(text: &str) -> bool {
    let numbers = text.strip_prefix("net").and_then(|numbers| numbers.split_once('.'));
    let is_number = |text: &str| !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(major, minor)| {
        is_number(major) && is_number(minor) && major.parse::<u32>().is_ok_and(|major| major >= FIRST)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_its_framework_and_whether_it_takes_hooks() {
        let parse = |text: &str| Runtime::parse(text.as_bytes());
        let found = parse(r#"{"runtimeOptions": {"tfm": "net10.0", "configProperties": {"System.GC.Server": true}}}"#);
        assert_eq!(found, Ok(Runtime { framework: "net10.0".to_owned() }));
        let off = r#"{"runtimeOptions": {"tfm": "net8.0", "configProperties": {"System.StartupHookProvider.IsSupported": false}}}"#;
        assert!(parse(off).unwrap_err().contains("StartupHookSupport"));
        for text in ["", "{}", "[]", "null"] {
            assert!(parse(text).unwrap_err().contains("runtimeconfig.json"), "{text}");
        }
        for (framework, expected) in [
            ("net8.0", true),
            ("net11.0", true),
            ("net6.0", false),
            ("netcoreapp3.1", false),
            ("net8.0/../x", false),
            ("net8", false),
            ("", false),
        ] {
            assert_eq!(is_framework(framework), expected, "{framework}");
        }
    }
}
