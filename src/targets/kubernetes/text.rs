//! Strings as literals of the languages that a chart is written in.
//!
//! All are quoted alike (`support::literal`).

use crate::support::literal::quoted;

pub(crate) use crate::support::literal::yaml;

/// A double-quoted literal for a YAML file that Helm runs as a template: never holds an opening `{{`.
pub(crate) fn helm_yaml(text: &str) -> String {
    quoted(text, true)
}

/// A double-quoted Go string, for use inside an action of a Helm template.
pub(crate) fn go(text: &str) -> String {
    quoted(text, false)
}

/// Whether helm's server-side apply loses a character: JSON allows it as it is, but the API server reads what is applied as
/// YAML, which refuses it, or folds U+0085 into a blank (seen with helm 4.2.4 on Kubernetes 1.36).
pub(crate) fn is_lost_when_applied(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

/// What is wrong with a text for an object of the chart that holds such a character. The chart itself is right, and helm
/// before 4 does not apply on the server, so it is no error.
pub(crate) fn lost_when_applied(what: &str, text: &str) -> Option<String> {
    let lost = u32::from(text.chars().find(|c| is_lost_when_applied(*c))?);
    Some(format!(
        "{what} holds the character U+{lost:04X}, which helm 4 changes on the way to the cluster; use a file or a \
        secret"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn braces_never_open_an_action() {
        assert_eq!(helm_yaml("{{{ .X }}"), "\"{\\u007b\\u007b .X }}\"");
        assert_eq!(yaml("{{"), "\"{{\"");
    }

    proptest! {
        #[test]
        fn yaml_and_json_read_it_back(text in any::<String>()) {
            prop_assert_eq!(&serde_yaml::from_str::<String>(&helm_yaml(&text)).unwrap(), &text);
            prop_assert_eq!(&serde_json::from_str::<String>(&helm_yaml(&text)).unwrap(), &text);
            prop_assert!(!helm_yaml(&text).contains("{{"));
        }
    }
}
