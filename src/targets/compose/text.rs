//! Text of a Compose file: literals, and variables that Compose replaces.
//! (<https://docs.docker.com/reference/compose-file/interpolation/>)
//!
//! The only place that writes a `$`: Compose reads every one of them, also in arguments, commands and health checks.

use std::fmt::Write as _;

/// What Compose says of a variable without a value. Without `-` and `:`, by which older versions of Compose take a default.
const MISSING: &str = "see .env";

/// Text with variables in between. Neighbouring literals are one piece; none is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(Vec<Piece>);

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text as a container sees it.
    Literal(String),
    Variable {
        /// Name in the `.env` files.
        name: String,
        /// Whether an empty value is one: not for secrets, where it is a mistake.
        may_be_empty: bool,
    },
}

impl Text {
    pub(super) fn literal(text: impl Into<String>) -> Self {
        let mut all = Self::default();
        all.push(Piece::Literal(text.into()));
        all
    }

    /// Adds a piece at the end.
    pub(super) fn push(&mut self, piece: Piece) {
        match (self.0.last_mut(), piece) {
            (_, Piece::Literal(text)) if text.is_empty() => {}
            (Some(Piece::Literal(before)), Piece::Literal(text)) => before.push_str(&text),
            (_, piece) => self.0.push(piece),
        }
    }

    /// The text, if it has no variable.
    pub(super) fn as_literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The names of its variables.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Variable { name, .. } => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// As Compose reads it: `$` of literals doubled, variables without a value refused.
    pub(super) fn interpolated(&self) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            // Writing into memory does not fail.
            let _ = match piece {
                Piece::Literal(text) => write!(out, "{}", text.replace('$', "$$")),
                Piece::Variable { name, may_be_empty: false } => write!(out, "${{{name}:?{MISSING}}}"),
                Piece::Variable { name, may_be_empty: true } => write!(out, "${{{name}?{MISSING}}}"),
            };
        }
        out
    }
}

impl From<Piece> for Text {
    fn from(piece: Piece) -> Self {
        let mut text = Self::default();
        text.push(piece);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_literal_dollar_is_doubled_and_every_variable_is_required() {
        let mut text = Text::literal("costs $5, $(date) ${HOME} $$ ");
        text.push(Piece::Variable { name: "PW".into(), may_be_empty: false });
        text.push(Piece::Literal("$".into()));
        text.push(Piece::Variable { name: "SIZE".into(), may_be_empty: true });
        assert_eq!(text.interpolated(), "costs $$5, $$(date) $${HOME} $$$$ ${PW:?see .env}$$${SIZE?see .env}");
        assert_eq!(text.variables().collect::<Vec<_>>(), ["PW", "SIZE"]);
    }
}
