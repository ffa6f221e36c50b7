//! Secrets that are as short as the words of a sentence.
//!
//! A secret of up to three characters is also a word, a number or a punctuation mark of ordinary text. Masking it alone
//! would reveal it by the gaps (`this *** no text`); not masking it would show it. So every word of that length is
//! masked: the output then depends only on the length of the secret. A secret of four or more characters is masked on
//! its own.

use std::ops::Range;

/// The longest of them, in characters, by what they consist of.
#[derive(Debug, Default)]
pub(crate) struct Short {
    words: usize,
    marks: usize,
}

impl Short {
    pub(crate) fn add(&mut self, secret: &str) {
        let length = secret.chars().count();
        if secret.contains(char::is_alphanumeric) {
            self.words = self.words.max(length);
        } else {
            self.marks = self.marks.max(length);
        }
    }

    /// Adds every word that is as short.
    pub(crate) fn find(&self, text: &str, found: &mut Vec<Range<usize>>) {
        let is_word = |c: char| c.is_alphanumeric();
        let is_mark = |c: char| !c.is_alphanumeric() && !c.is_whitespace();
        runs(text, self.words, is_word, found);
        runs(text, self.marks, is_mark, found);
    }
}

fn runs(text: &str, longest: usize, belongs: impl Fn(char) -> bool, found: &mut Vec<Range<usize>>) {
    if longest == 0 {
        return;
    }
    let mut run: Option<(usize, usize)> = None;
    for (index, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if index < text.len() && belongs(c) {
            run = Some(run.map_or((index, 1), |(start, count)| (start, count + 1)));
        } else if let Some((start, count)) = run.take()
            && count <= longest
        {
            found.push(start..index);
        }
    }
}
