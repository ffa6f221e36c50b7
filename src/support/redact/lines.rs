//! Masks text that arrives line by line: a secret may continue on the next line.

use super::{Mask, Patterns, Projection, codes};

/// So much of the beginning of a secret at the end of a line is waited for.
const BEGUN: usize = 6;

/// Most lines that are held back for one that may continue.
const MOST: usize = 64;

/// Lines that wait for those behind them.
#[derive(Debug)]
pub struct MaskedLines<'a> {
    mask: &'a Mask,
    held: Vec<String>,
}

impl<'a> MaskedLines<'a> {
    /// No line yet.
    pub fn new(mask: &'a Mask) -> Self {
        Self { mask, held: Vec::new() }
    }

    /// Takes a line without its end, gives what may be shown by now.
    pub fn push(&mut self, line: &str) -> Vec<String> {
        self.held.push(line.to_owned());
        let text = self.held.join("\n");
        if self.held.len() < MOST && self.mask.goes_on(&text) { Vec::new() } else { self.finish() }
    }

    /// Gives what was held back.
    pub fn finish(&mut self) -> Vec<String> {
        if self.held.is_empty() {
            return Vec::new();
        }
        let text = std::mem::take(&mut self.held).join("\n");
        self.mask.text(&text).split('\n').map(str::to_owned).collect()
    }
}

impl Mask {
    /// Whether the text ends with the beginning of a secret.
    fn goes_on(&self, text: &str) -> bool {
        if self.letters.search.is_none() {
            return false;
        }
        let decoded = Projection::decoded(text.as_bytes());
        codes::goes_on(&decoded) || self.letters.begun(&Projection::letters(&decoded).bytes)
    }
}

impl Patterns {
    fn begun(&self, bytes: &[u8]) -> bool {
        let Some(last) = bytes.last() else { return false };
        self.forms.iter().zip(&self.edges).filter(|(_, edge)| !edge.unbroken).any(|(form, _)| {
            let ends = (BEGUN..form.len()).filter(|length| form[length - 1] == *last);
            ends.into_iter().any(|length| bytes.ends_with(&form[..length]))
        })
    }
}
