//! `explain`: the meaning of an error or warning code, and its fix.

use super::args::Explain;
use super::{CliError, Exit, output};
use crate::support::diagnostic::{Code, Diagnostic, nearest, suggestion};

/// Prints the entry of a code, or the list of all.
pub(super) fn explain(options: &Explain) -> Result<Exit, CliError> {
    let Some(name) = &options.code else {
        let width = Code::ALL.iter().map(|code| code.name().len()).max().unwrap_or_default();
        for code in Code::ALL {
            output::line(&format!("{code:width$}  {}", code.entry().title));
        }
        return Ok(Exit::Done);
    };
    let code = Code::find(name).ok_or_else(|| {
        let diagnostic = Diagnostic::new(Code::InvalidArgument, "", format!("there is no error code `{name}`"));
        CliError::Input(
            diagnostic
                .hint(suggestion(
                    nearest(name, Code::ALL.iter().map(|code| code.name())),
                    "`explain` without a code lists them all",
                ))
                .into(),
        )
    })?;
    output::text(&code.explanation());
    Ok(Exit::Done)
}
