//! The output of `dotnet build -getProperty:...`. Pure.

use serde_json::Value;
use std::path::PathBuf;

/// The properties that are asked for; with more than one, the answer is JSON.
pub(super) const ASKED: [&str; 3] = ["TargetPath", "IsAspireHost", "RunWorkingDirectory"];

/// Their values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Properties {
    /// The program that a build makes; empty for a project that makes several.
    pub target: PathBuf,
    pub is_app_host: bool,
    /// The folder that `dotnet run` starts it in; `None` for that of the project.
    pub directory: Option<PathBuf>,
}

impl Properties {
    /// Parses standard output, where other lines may precede the JSON; `None` without such JSON.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        let answers = starts.map(|at| &text[at..]).filter(|rest| rest.starts_with('{'));
        let mut values =
            answers.filter_map(|rest| serde_json::Deserializer::from_str(rest).into_iter::<Value>().next()?.ok());
        let found = values.find_map(|value| value.get("Properties").cloned())?;
        let [target, is_app_host, directory] =
            ASKED.map(|name| found[name].as_str().unwrap_or_default().trim().to_owned());
        Some(Self {
            target: target.into(),
            is_app_host: is_app_host.eq_ignore_ascii_case("true"),
            directory: (!directory.is_empty()).then(|| directory.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_behind_other_lines() {
        let answer = "{\n  \"Properties\": {\n    \"TargetPath\": \"/a/bin/A.dll\",\n    \"IsAspireHost\": \"True\",\n    \
                      \"RunWorkingDirectory\": \"/a\"\n  }\n}\n";
        let expected = Properties { target: "/a/bin/A.dll".into(), is_app_host: true, directory: Some("/a".into()) };
        assert_eq!(Properties::parse(answer), Some(expected));
        let behind = Properties::parse(&format!("Welcome to .NET\n{{ not JSON\n{answer}more")).unwrap();
        assert!(behind.is_app_host);
        let empty = r#"{"Properties": {"TargetPath": "", "IsAspireHost": "", "RunWorkingDirectory": ""}}"#;
        let expected = Properties { target: PathBuf::new(), is_app_host: false, directory: None };
        assert_eq!(Properties::parse(empty), Some(expected));
        for nothing in ["", "{}", "{\"Properties\"", "/a/bin/A.dll\n", "{\"Items\": {}}"] {
            assert_eq!(Properties::parse(nothing), None, "{nothing}");
        }
    }
}
