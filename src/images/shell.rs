//! Words of a command for a POSIX shell, quoted so that what is copied reaches the program unchanged.

/// The variable that stands for a tag that is not known yet.
pub(super) const TAG_VARIABLE: &str = "TAG";

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    Text(String),
    /// Text that is followed by the value of [`TAG_VARIABLE`].
    BeforeTag(String),
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Word {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// The words as a line that can be copied.
pub(super) fn line(words: &[Word]) -> String {
    let word = |word: &Word| match word {
        Word::Text(text) => quoted(text),
        Word::BeforeTag(text) => format!("{}\"${TAG_VARIABLE}\"", quoted(text)),
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// A word in single quotes if a shell would read it otherwise. Control characters other than line breaks and tabs need
/// the quotes of POSIX 2024 (`$'...'`), because a terminal does not show them.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:=@%+,-".contains(c);
    let is_hidden = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else if text.chars().any(is_hidden) {
        format!("$'{}'", text.chars().map(escaped).collect::<String>())
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// A character between `$'` and `'`.
fn escaped(c: char) -> String {
    match c {
        '\'' | '\\' => format!("\\{c}"),
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        c if c.is_control() => {
            let mut bytes = [0; 4];
            let octal = c.encode_utf8(&mut bytes).bytes().map(|byte| format!("\\{byte:03o}"));
            octal.collect::<Vec<_>>().concat()
        }
        c => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    #[test]
    fn plain_words_stay_as_they_are() {
        for (text, expected) in [
            ("../Api/Api.csproj", "../Api/Api.csproj"),
            ("-p:ContainerImageTags=", "-p:ContainerImageTags="),
            ("", "''"),
            ("a b", "'a b'"),
            ("$HOME", "'$HOME'"),
            ("it's", r"'it'\''s'"),
            ("a;b", "'a;b'"),
            ("~", "'~'"),
            ("\u{1b}[1m'", r"$'\033[1m\''"),
            ("\u{85}", r"$'\302\205'"),
        ] {
            assert_eq!(line(&[text.into()]), expected);
        }
        assert_eq!(line(&["a".into(), Word::BeforeTag("r.io/x:".into())]), "a r.io/x:\"$TAG\"");
    }

    fn printed(words: &[Word]) -> Vec<u8> {
        let script = format!("printf '%s\\0' {}", line(words));
        Command::new("bash").args(["-c", &script]).env("TAG", "1 0").output().unwrap().stdout
    }

    #[test]
    fn a_shell_hands_over_what_is_meant() {
        let texts = ["a\nb\n", "$(id)`id`", "\\n", "\"'\"", "*", "!x", "#", "é€", "\u{1b}]0;x\u{7}", "{a,b}", " "];
        for text in texts {
            assert_eq!(printed(&[text.into()]), format!("{text}\0").into_bytes(), "{text:?}");
        }
        assert_eq!(printed(&[Word::BeforeTag("$x:".into())]), b"$x:1 0\0");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_text_survives(text in "[^\u{0}]{0,12}") {
            prop_assert_eq!(printed(&[text.as_str().into()]), format!("{text}\0").into_bytes());
        }
    }
}
