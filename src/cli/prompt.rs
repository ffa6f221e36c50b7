//! Prompts for all missing inputs together, before anything is written. Secrets are not echoed.
//!
//! While a prompt is open, Ctrl-C is a character and no signal, so that the terminal is always restored.

use super::args::Common;
use crate::app::TAG_INPUT;
use crate::inputs::{Answers, Listed, Outlook};
use crate::report::harmless;
use crate::support::image;
use std::io::{Error, ErrorKind, IsTerminal as _, Write as _};

/// Whether a user is there to answer.
pub(super) fn can_ask(common: &Common) -> bool {
    !common.non_interactive && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Who asks for everything that is missing.
pub(super) fn asker(common: &Common) -> impl Fn(&Outlook) -> Answers + Sync {
    |outlook| if can_ask(common) { ask(outlook) } else { Answers::NotAsked }
}

/// Whether a user agrees to what was just shown. `--yes` is for plain questions, and this is not one.
pub(super) fn agrees(common: &Common) -> bool {
    if !can_ask(common) {
        return false;
    }
    let _ = write!(std::io::stderr(), "continue? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

fn ask(outlook: &Outlook) -> Answers {
    let mut tell = |text: &str| {
        let _ = write!(std::io::stderr(), "{}", harmless(text));
    };
    match answers(outlook, &mut tell, &mut read) {
        Ok(answers) => Answers::Given(answers),
        // Ctrl-C, or Ctrl-D instead of an answer.
        Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::UnexpectedEof) => Answers::Stopped,
        Err(_) => Answers::NotAsked,
    }
}

/// One line from the terminal, shown or not.
fn read(secret: bool) -> Result<String, Error> {
    let config = rpassword::ConfigBuilder::new();
    let config = if secret { config } else { config.password_feedback_partial_mask('*', usize::MAX) };
    rpassword::read_password_with_config(config.build())
}

/// Asks until each answer will do.
fn answers(
    outlook: &Outlook,
    tell: &mut dyn FnMut(&str),
    read: &mut dyn FnMut(bool) -> Result<String, Error>,
) -> Result<Vec<(String, String)>, Error> {
    let count = match outlook.missing.len() {
        1 => "One input is".to_owned(),
        many => format!("{many} inputs are"),
    };
    tell(&format!("{count} missing. Your answers are stored in the cluster for later deploys.\n"));
    if !outlook.made.is_empty() {
        let names: Vec<&str> = outlook.made.iter().map(|input| input.name.as_str()).collect();
        tell(&format!("Generated, and stored too: {}.\n", names.join(", ")));
    }
    let mut answers = Vec::new();
    for input in &outlook.missing {
        let question = question(input);
        let mut empty_before = false;
        let answer = loop {
            tell(&question);
            let answer = read(input.secret)?;
            match objection(input, &answer, empty_before) {
                None => break answer,
                Some(sentence) => tell(&format!("  {sentence}\n")),
            }
            empty_before = answer.is_empty();
        };
        answers.push((input.name.clone(), answer));
    }
    Ok(answers)
}

fn question(input: &Listed) -> String {
    let reason = input.reason.as_ref().map_or(String::new(), |reason| format!("; {reason}"));
    let length = input.length().map_or(String::new(), |length| format!("; {length}"));
    let secret = if input.secret { "; secret, not shown" } else { "" };
    format!("{} (for {}{reason}{length}{secret}): ", input.name, input.used_by.join(", "))
}

/// Why an answer will not do.
fn objection(input: &Listed, answer: &str, empty_before: bool) -> Option<&'static str> {
    if input.name == TAG_INPUT && image::check_tag(answer).is_err() {
        return Some("that is not a valid image tag");
    }
    (answer.is_empty() && !empty_before).then_some("the value is empty; press Enter again to confirm it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, secret: bool) -> Listed {
        Listed {
            name: name.into(),
            secret,
            required: true,
            default: None,
            generated: false,
            min_length: None,
            used_by: vec!["api".into(), "db".into()],
            flag: String::new(),
            variable: None,
            hidden_default: false,
            reason: None,
        }
    }

    fn asked(outlook: &Outlook, typed: &[&str]) -> (Result<Vec<(String, String)>, ErrorKind>, String) {
        let mut typed = typed.iter();
        let mut said = String::new();
        let mut shown = Vec::new();
        let mut read = |secret| {
            shown.push(secret);
            typed.next().map(|text| (*text).to_owned()).ok_or_else(|| Error::from(ErrorKind::Interrupted))
        };
        let answers = answers(outlook, &mut |text| said.push_str(text), &mut read).map_err(|error| error.kind());
        (answers, said)
    }

    #[test]
    fn all_are_asked_in_one_go_with_a_word_on_what_is_made() {
        let outlook =
            Outlook { missing: vec![input("region", false), input("token", true)], made: vec![input("pw", true)] };
        let (answers, said) = asked(&outlook, &["eu", "hunter2"]);
        assert_eq!(answers, Ok(vec![("region".into(), "eu".into()), ("token".into(), "hunter2".into())]));
        assert_eq!(
            said,
            "2 inputs are missing. Your answers are stored in the cluster for later deploys.\n\
             Generated, and stored too: pw.\n\
             region (for api, db): token (for api, db; secret, not shown): "
        );
    }

    #[test]
    fn an_answer_that_will_not_do_is_asked_for_again() {
        let outlook = Outlook { missing: vec![input(TAG_INPUT, false), input("token", true)], made: Vec::new() };
        let (answers, said) = asked(&outlook, &["", "a b", "1.0", "", ""]);
        assert_eq!(answers, Ok(vec![(TAG_INPUT.into(), "1.0".into()), ("token".into(), String::new())]));
        assert_eq!(said.matches("not a valid image tag").count(), 2);
        assert_eq!(said.matches("press Enter again").count(), 1);
    }

    #[test]
    fn whoever_leaves_leaves_without_answers() {
        let outlook = Outlook { missing: vec![input("a", false), input("b", false)], made: Vec::new() };
        assert_eq!(asked(&outlook, &["x"]).0, Err(ErrorKind::Interrupted));
        let question = question(&Listed { min_length: Some(22), ..input("pw", true) });
        assert_eq!(question, "pw (for api, db; at least 22 characters; secret, not shown): ");
    }
}
