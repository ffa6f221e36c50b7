//! Masks secrets in texts of other programs: error messages of helm and of the API server.
//!
//! A secret appears in many forms: quoted as JSON or by Go's `%q`, quoted twice, in base64 (the data of a Secret),
//! URI-escaped, folded by YAML. Texts and secrets are compared without their escapes, and base64 is decoded, so that a
//! new printer needs no new rule here. This module must not know where the text came from.

pub(crate) mod codes;
pub(crate) mod forms;
pub(crate) mod lines;
pub(crate) mod projection;
pub(crate) mod short;
#[cfg(test)]
mod tests;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use projection::Projection;
use std::collections::BTreeMap;
use std::ops::Range;

/// What stands in place of a secret.
pub(crate) const MASK: &str = "***";

/// What is shorter than this is a word like any other: see [`short`].
const SHORT: usize = 4;

/// Whether a secret is so short that every word of its length is hidden with it.
pub(crate) fn hides_words(secret: &str) -> bool {
    !secret.is_empty() && secret.len() < SHORT
}

/// What is shorter than this is found in one piece only; longer texts may have been broken into lines.
const BREAKABLE: usize = 12;

/// So many codes inside each other are read: base64 of base64 of a text.
const DEPTH: usize = 2;

/// The text without the secrets, in whatever form they stand in it.
pub(crate) fn mask(text: &str, secrets: &[String]) -> String {
    if text.is_empty() || secrets.is_empty() { text.to_owned() } else { Mask::within(secrets, text.len()).text(text) }
}

/// So many times as long as a text may a secret be, beside [`SPARE`], that stands in it: escapes in the secret itself that
/// the text does not have.
const SHRINKS: usize = 64;

/// Bytes of a secret for which looking at its length saves nothing.
const SPARE: usize = 4096;

/// Bytes as base64, the way the API server writes the data of a Secret.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a base64 text.
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Secrets, ready to be looked for.
#[derive(Debug, Default)]
pub struct Mask {
    literal: Patterns,
    letters: Patterns,
    short: short::Short,
}

impl Mask {
    /// Prepares to look for these.
    pub fn new(secrets: &[String]) -> Self {
        Self::within(secrets, usize::MAX)
    }

    /// The same for texts of at most this length. A secret that is far longer cannot stand there, and a long one (a
    /// certificate, a file) costs seconds to prepare.
    fn within(secrets: &[String], text: usize) -> Self {
        let longest = text.saturating_mul(SHRINKS).saturating_add(SPARE);
        let (mut literal, mut letters) = (Table::default(), Table::default());
        let mut short = short::Short::default();
        for secret in secrets.iter().flat_map(|secret| parts(secret)).filter(|secret| secret.len() <= longest) {
            literal.add(secret.as_bytes().to_vec(), Edge::default());
            if secret.len() < SHORT {
                short.add(secret);
                literal.add(base64(secret.as_bytes()).into_bytes(), Edge::default());
                continue;
            }
            let plain = forms::letters(secret);
            if plain.iter().all(|form| form.len() < SHORT) {
                // Nothing but quotes and the like: only what printers make of it can be looked for.
                for once in forms::printed(secret) {
                    let twice = forms::printed(&once);
                    std::iter::once(once).chain(twice).for_each(|form| literal.add(form.into_bytes(), Edge::default()));
                }
            }
            let added = forms::added(secret);
            let in_one_piece = !secret.contains(char::is_whitespace);
            let unbroken = |form: &[u8]| in_one_piece && form.len() < BREAKABLE;
            for form in plain {
                let edge = Edge { unbroken: unbroken(&form), added };
                letters.add(form, edge);
            }
            for form in forms::hexadecimal(secret) {
                let edge = Edge { unbroken: unbroken(&form), ..Edge::default() };
                letters.add(form, edge);
            }
        }
        Self { literal: literal.build(), letters: letters.build(), short }
    }

    /// The text without them.
    pub fn text(&self, text: &str) -> String {
        let mut found = self.find(text.as_bytes(), DEPTH);
        self.short.find(text, &mut found);
        let mut result = String::with_capacity(text.len());
        let mut end = 0;
        for range in apart(text, found) {
            result.push_str(&text[end..range.start]);
            result.push_str(MASK);
            end = range.end;
        }
        result.push_str(&text[end..]);
        result
    }

    /// Where they stand, in no order.
    fn find(&self, text: &[u8], depth: usize) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = self.literal.find(text).map(|(range, _)| range).collect();
        if self.letters.search.is_none() {
            return found;
        }
        let decoded = Projection::decoded(text);
        let letters = Projection::letters(&decoded);
        for (range, edge) in self.letters.find(&letters.bytes) {
            let range = letters.spans[range.start].0..letters.spans[range.end - 1].1;
            // Blanks and line breaks inside a word are none of a printer.
            if !edge.unbroken || !text[range.clone()].iter().any(u8::is_ascii_whitespace) {
                found.push(decoded.grown(&range, edge.added));
            }
        }
        if depth > 0 {
            for code in codes::codes(&decoded) {
                found.extend(self.find(&code.bytes, depth - 1).into_iter().map(|range| {
                    let span = code.span(&range);
                    // The filling at its end says how long it is.
                    let filling = text[span.end..].iter().take_while(|byte| **byte == b'=').count();
                    span.start..span.end + filling
                }));
            }
        }
        found
    }
}

/// In order, apart from each other. A character that is hidden in part is hidden.
fn apart(text: &str, mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.retain(|range| !range.is_empty());
    found.sort_unstable_by_key(|range| (range.start, range.end));
    let mut apart: Vec<Range<usize>> = Vec::new();
    for range in found {
        let (mut start, mut end) = (range.start, range.end);
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        match apart.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ => apart.push(start..end),
        }
    }
    apart
}

/// What is secret of a text: all of it, and each line of one that has several, because texts show single lines.
fn parts(secret: &str) -> impl Iterator<Item = &str> {
    let whole = secret.trim_end_matches(['\r', '\n']);
    let lines = whole.lines().map(str::trim).filter(move |line| whole.contains('\n') && line.len() >= SHORT);
    std::iter::once(whole).filter(|whole| !whole.trim().is_empty()).chain(lines)
}

/// What a pattern does not say of the text around it.
#[derive(Debug, Clone, Copy, Default)]
struct Edge {
    /// It is found in one piece only.
    unbroken: bool,
    /// Quotes and the like that the secret begins and ends with.
    added: (usize, usize),
}

/// Byte strings to look for.
#[derive(Default)]
struct Table(BTreeMap<Vec<u8>, Edge>);

impl Table {
    fn add(&mut self, form: Vec<u8>, edge: Edge) {
        if form.len() >= SHORT {
            let known = self.0.entry(form).or_insert(edge);
            known.unbroken &= edge.unbroken;
            known.added = (known.added.0.max(edge.added.0), known.added.1.max(edge.added.1));
        }
    }

    fn build(self) -> Patterns {
        let (forms, edges): (Vec<_>, Vec<_>) = self.0.into_iter().unzip();
        let search = AhoCorasick::builder().kind(Some(AhoCorasickKind::NoncontiguousNFA)).build(&forms);
        Patterns { search: search.ok().filter(|_| !forms.is_empty()), edges, forms }
    }
}

/// Byte strings that are all looked for in one pass.
#[derive(Debug, Default)]
struct Patterns {
    search: Option<AhoCorasick>,
    edges: Vec<Edge>,
    forms: Vec<Vec<u8>>,
}

impl Patterns {
    fn find<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (Range<usize>, Edge)> + 'a {
        let found = self.search.iter().flat_map(move |search| search.find_overlapping_iter(bytes));
        found.map(|found| (found.range(), self.edges[found.pattern().as_usize()]))
    }
}
