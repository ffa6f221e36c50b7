//! The lines that say why a build or an AppHost failed, chosen from all that it printed. Pure.

use std::collections::VecDeque;

/// Most lines that an error shows.
const MOST: usize = 20;

/// How the console logger of .NET begins a record of an error.
const RECORDS: [&str; 2] = ["fail: ", "crit: "];

/// How .NET begins the message for an unhandled exception, or for a program that it cannot start.
const ENDINGS: [&str; 3] = ["Unhandled exception", "Fatal error", "You must install"];

/// The output of a process. It keeps a bounded number of lines, however many there are.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Lines that say why it failed.
    reasons: VecDeque<String>,
    /// The last lines of standard error, and of standard output.
    errors: VecDeque<String>,
    others: VecDeque<String>,
    /// Whether the next indented lines belong to a reason.
    in_record: bool,
}

impl Lines {
    /// Takes a line of standard error or output.
    pub(super) fn push(&mut self, line: &str, is_error: bool) {
        let line = without_style(line);
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        keep(if is_error { &mut self.errors } else { &mut self.others }, line);
        let begins = RECORDS.iter().chain(&ENDINGS).any(|start| line.starts_with(start));
        let continues = self.in_record && line.starts_with([' ', '\t']);
        self.in_record = begins || continues;
        let tells = if continues { !is_frame(line) } else { begins || is_build_error(line) };
        if tells && !self.reasons.iter().any(|known| known == line) {
            keep(&mut self.reasons, line);
        }
    }

    /// The lines that an error shows: reasons, else the last lines of standard error, else those of standard output.
    pub(super) fn chosen(&self) -> Vec<String> {
        let all = [&self.reasons, &self.errors, &self.others];
        all.into_iter().find(|lines| !lines.is_empty()).into_iter().flatten().cloned().collect()
    }

    /// Whether something among the last lines holds this text.
    pub(super) fn mention(&self, text: &str) -> bool {
        [&self.reasons, &self.errors, &self.others].into_iter().flatten().any(|line| line.contains(text))
    }
}

/// The line of a build without colours, if it is an error.
pub(super) fn build_error(line: &str) -> Option<String> {
    let line = without_style(line);
    let line = line.trim();
    is_build_error(line).then(|| line.to_owned())
}

fn keep(lines: &mut VecDeque<String>, line: &str) {
    if lines.len() == MOST {
        lines.pop_front();
    }
    lines.push_back(line.to_owned());
}

/// The form that a build gives the errors of all its tools: `file(1,2): error CS0103: text`, also without a code.
fn is_build_error(line: &str) -> bool {
    let at = match line.find(": error ") {
        Some(at) => &line[at + ": error ".len()..],
        None => match line.trim_start().strip_prefix("error ") {
            Some(rest) => rest,
            None => return line.contains(": error:") || line.trim_start().starts_with("error:"),
        },
    };
    let code = at.split(':').next().unwrap_or_default().trim();
    at.contains(':') && code.chars().all(|c| c.is_ascii_alphanumeric())
}

/// A frame of a stack that is not in code of the user's own.
fn is_frame(line: &str) -> bool {
    let line = line.trim_start();
    let is_own = line.contains(":line ") && !line.contains(" in /_/");
    (line.starts_with("at ") && !is_own) || line.starts_with("--- End of ")
}

/// The line without what only a terminal needs: colours and links.
fn without_style(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\u{1b}', Some('[')) => {
                chars.next();
                let _ = chars.by_ref().find(|c| ('@'..='~').contains(c));
            }
            ('\u{1b}', Some(']')) => {
                let _ = chars.by_ref().find(|c| matches!(c, '\u{7}' | '\\'));
            }
            ('\u{1b}', _) => {}
            (c, _) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(errors: &str, others: &str) -> Vec<String> {
        let mut lines = Lines::default();
        errors.lines().for_each(|line| lines.push(line, true));
        others.lines().for_each(|line| lines.push(line, false));
        lines.chosen()
    }

    #[test]
    fn errors_of_a_build_are_chosen_once() {
        let text = "/a/AppHost.cs(3,1): error CS0103: The name 'x' does not exist [/a/A.csproj]\n\
                    /a/A.csproj : warning NU1900: no\n\
                    /a/A.csproj : error NU1101: Unable to find package X.\n\
                    error : Could not resolve SDK \"Aspire.AppHost.Sdk\".\n\
                    /a/AppHost.cs(3,1): error CS0103: The name 'x' does not exist [/a/A.csproj]\n\
                    MSBUILD : error MSB1001: Unknown switch.\n    0 Error(s)\nno error at all\n";
        let found = chosen(text, "Build FAILED.");
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(found[0].contains("CS0103") && found[1].contains("NU1101"), "{found:#?}");
    }

    #[test]
    fn an_exception_is_told_without_the_frames_of_others() {
        let text = "Unhandled exception. System.InvalidOperationException: no such setting\n \
                    ---> System.Exception: inner\n   at Aspire.Hosting.X() in /_/src/X.cs:line 5\n   \
                    at System.Threading.Task.Wait()\n   at Program.<Main>$(String[] args) in /a/AppHost.cs:line 12\n";
        assert_eq!(
            chosen(text, "info: Aspire.Hosting[0]\n      Aspire AppHost version: 13"),
            [
                "Unhandled exception. System.InvalidOperationException: no such setting",
                " ---> System.Exception: inner",
                "   at Program.<Main>$(String[] args) in /a/AppHost.cs:line 12"
            ]
        );
    }

    #[test]
    fn a_record_of_an_error_is_told_and_others_are_not() {
        let text = "info: Aspire.Hosting.DistributedApplication[0]\n      Aspire AppHost version: 13.6.5\n\
                    \u{1b}[41m\u{1b}[30mfail\u{1b}[39m\u{1b}[22m\u{1b}[49m: Aspire.Hosting.Publishing.PipelineExecutor[0]\n      \
                    Step 'publish-manifest' failed: boom\ninfo: X[0]\n      later\n";
        let expected =
            ["fail: Aspire.Hosting.Publishing.PipelineExecutor[0]", "      Step 'publish-manifest' failed: boom"];
        assert_eq!(chosen("", text), expected);
    }

    #[test]
    fn without_a_reason_the_last_words_are_shown() {
        assert_eq!(chosen("gave up\n", "hello\n"), ["gave up"]);
        assert_eq!(chosen("", "hello\n\n"), ["hello"]);
        let many: Vec<String> = (0..100).map(|n| format!("line {n}")).collect();
        let found = chosen("", &many.join("\n"));
        assert_eq!((found.len(), found[0].as_str()), (MOST, "line 80"));
        assert!(chosen("", "").is_empty());
    }
}
