//! A text without its escapes, and where each of its bytes stood. Knows escapes, and nothing of secrets.
//!
//! Every printer maps a character to an escape of it: `\"`, `\u003c`, `%3C`, `&lt;`. Undoing escapes from left to right
//! until none is left gives one form to a text and to everything that printers of any depth make of it. What some of
//! them add or take (backslashes, quotes, white space, line breaks) is left out of the form.

use std::ops::Range;

/// Bytes, each with the part of the text that it came from.
#[derive(Debug, Default)]
pub(crate) struct Projection {
    pub bytes: Vec<u8>,
    pub spans: Vec<(usize, usize)>,
}

/// The longest entity that is looked for, `&#x10ffff;`.
const LONGEST_ENTITY: usize = 10;

impl Projection {
    /// The text without escapes; backslashes, quotes and white space are still there.
    pub(crate) fn decoded(text: &[u8]) -> Self {
        let mut decoded = Self { bytes: Vec::with_capacity(text.len()), spans: Vec::with_capacity(text.len()) };
        for (index, byte) in text.iter().enumerate() {
            decoded.push(*byte, (index, index + 1));
        }
        decoded
    }

    /// For comparing texts: in lower case, without what printers add. `decoded` is the text without escapes.
    pub(crate) fn letters(decoded: &Self) -> Self {
        let mut letters = Self::default();
        let mut at = 0;
        for chunk in decoded.bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                let span = (decoded.spans[at].0, decoded.spans[at + c.len_utf8() - 1].1);
                at += c.len_utf8();
                if !is_added(c) {
                    letters.push_char(lower(c), span);
                }
            }
            for byte in chunk.invalid() {
                letters.put(*byte, decoded.spans[at]);
                at += 1;
            }
        }
        letters
    }

    /// The part of the text, grown by the escapes and marks at its edges that belong to what was found, counted as
    /// [`super::forms::added`] does: printers multiply backslashes.
    pub(crate) fn grown(&self, range: &Range<usize>, (before, behind): (usize, usize)) -> Range<usize> {
        let grow = |tokens: &mut dyn Iterator<Item = usize>, count: usize| {
            let (mut left, mut last) = (count.saturating_sub(1), None);
            for at in tokens {
                let byte = self.bytes[at];
                if count == 0 || !is_added(char::from(byte)) || (byte != b'\\' && left == 0) {
                    break;
                }
                left -= usize::from(byte != b'\\').min(left);
                last = Some(self.spans[at]);
            }
            last
        };
        let first = self.spans.partition_point(|span| span.0 < range.start);
        let next = self.spans.partition_point(|span| span.0 < range.end);
        let start = grow(&mut (0..first).rev(), before).map_or(range.start, |span| span.0);
        start..grow(&mut (next..self.spans.len()), behind).map_or(range.end, |span| span.1)
    }

    fn put(&mut self, byte: u8, span: (usize, usize)) {
        self.bytes.push(byte);
        self.spans.push(span);
    }

    fn push_char(&mut self, c: char, span: (usize, usize)) {
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            self.put(byte, span);
        }
    }

    /// Adds a byte and undoes the escape that it ends. What comes of it may end another one.
    fn push(&mut self, byte: u8, span: (usize, usize)) {
        self.put(byte, span);
        let mut again = true;
        while again {
            again = self.undo_percent() || self.undo_entity() || self.undo_backslash();
        }
    }

    /// The last `count` bytes give way to a character. Backslashes before it, of outer printers, go with it.
    fn become_char(&mut self, count: usize, c: u32, with_backslashes: bool) {
        let end = self.spans[self.spans.len() - 1].1;
        let mut start = self.bytes.len() - count;
        while with_backslashes && start > 0 && self.bytes[start - 1] == b'\\' {
            start -= 1;
        }
        let span = (self.spans[start].0, end);
        self.bytes.truncate(start);
        self.spans.truncate(start);
        match (char::from_u32(c), self.high_surrogate(), c) {
            (Some(c), _, _) => self.push_char(c, span),
            // The two halves that JSON makes of a character beyond the first plane.
            (None, Some(high), 0xdc00..=0xdfff) => {
                let start = self.bytes.len() - 3;
                let span = (self.spans[start].0, end);
                self.bytes.truncate(start);
                self.spans.truncate(start);
                let whole = 0x1_0000 + ((high - 0xd800) << 10) + (c - 0xdc00);
                self.push_char(char::from_u32(whole).unwrap_or('\u{fffd}'), span);
            }
            (None, _, 0xd800..=0xdfff) => {
                for byte in [0xe0 | (c >> 12), 0x80 | ((c >> 6) & 0x3f), 0x80 | (c & 0x3f)] {
                    self.put(byte.to_le_bytes()[0], span);
                }
            }
            (None, _, _) => self.push_char('\u{fffd}', span),
        }
    }

    /// The first half of a character that waits for its second.
    fn high_surrogate(&self) -> Option<u32> {
        let [.., 0xed, second @ 0xa0..=0xaf, third] = self.bytes.as_slice() else { return None };
        Some(0xd000 | (u32::from(second & 0x3f) << 6) | u32::from(third & 0x3f))
    }

    /// `%3C`.
    fn undo_percent(&mut self) -> bool {
        let [.., b'%', high, low] = self.bytes.as_slice() else { return false };
        let (Some(high), Some(low)) = (hex(*high), hex(*low)) else { return false };
        let start = self.bytes.len() - 3;
        let span = (self.spans[start].0, self.spans[start + 2].1);
        self.bytes.truncate(start);
        self.spans.truncate(start);
        self.put((high << 4 | low).to_le_bytes()[0], span);
        true
    }

    /// `&lt;`, `&#34;`, `&#x22;`.
    fn undo_entity(&mut self) -> bool {
        if self.bytes.last() != Some(&b';') {
            return false;
        }
        let from = self.bytes.len().saturating_sub(LONGEST_ENTITY);
        let Some(start) = self.bytes[from..].iter().rposition(|byte| *byte == b'&').map(|at| from + at) else {
            return false;
        };
        let name = self.bytes[start + 1..self.bytes.len() - 1].to_ascii_lowercase();
        let number = |digits: &[u8], radix| u32::from_str_radix(str::from_utf8(digits).ok()?, radix).ok();
        let c = match name.as_slice() {
            b"lt" => Some(u32::from(b'<')),
            b"gt" => Some(u32::from(b'>')),
            b"amp" => Some(u32::from(b'&')),
            b"quot" => Some(u32::from(b'"')),
            b"apos" => Some(u32::from(b'\'')),
            [b'#', b'x', digits @ ..] => number(digits, 16),
            [b'#', digits @ ..] => number(digits, 10),
            _ => None,
        };
        let Some(c) = c else { return false };
        self.become_char(self.bytes.len() - start, c, false);
        true
    }

    /// `\n`, `\x3c`, `\u003c`, `\U0000003c`, `\u{3c}`.
    fn undo_backslash(&mut self) -> bool {
        const SIMPLE: &[(u8, u32)] = &[
            (b'n', 0x0a),
            (b'r', 0x0d),
            (b't', 0x09),
            (b'a', 0x07),
            (b'b', 0x08),
            (b'f', 0x0c),
            (b'v', 0x0b),
            (b'e', 0x1b),
            (b'0', 0),
            (b'_', 0xa0),
            (b'N', 0x85),
            (b'L', 0x2028),
            (b'P', 0x2029),
        ];
        if let [.., b'\\', letter] = self.bytes.as_slice() {
            let simple = SIMPLE.iter().find(|(known, _)| known == letter);
            let Some((_, c)) = simple else { return false };
            self.become_char(2, *c, true);
            return true;
        }
        let length = self.bytes.len();
        let fixed = [(b'x', 2), (b'u', 4), (b'U', 8)].into_iter().find(|(letter, digits)| {
            length >= digits + 2
                && self.bytes[length - digits - 1] == *letter
                && self.bytes[length - digits - 2] == b'\\'
        });
        let in_braces = || {
            self.bytes.last().filter(|last| **last == b'}')?;
            let digits = self.bytes[..length - 1].iter().rev().take(7).position(|byte| *byte == b'{')?;
            self.bytes[..length - digits - 2].ends_with(b"\\u").then_some((digits, 1))
        };
        let Some((digits, behind)) = fixed.map(|(_, digits)| (digits, 0)).or_else(in_braces) else { return false };
        let number = &self.bytes[length - digits - behind..length - behind];
        if digits == 0 || !number.iter().all(u8::is_ascii_hexdigit) {
            return false;
        }
        let c = number.iter().filter_map(|digit| hex(*digit)).fold(0_u32, |c, digit| c << 4 | digit);
        self.become_char(digits + 2 + 2 * behind, c, true);
        true
    }
}

fn hex(digit: u8) -> Option<u32> {
    char::from(digit).to_digit(16)
}

/// Whether printers add or take it.
pub(crate) fn is_added(c: char) -> bool {
    c.is_ascii_control() || matches!(c, ' ' | '\\' | '\'' | '"' | '`' | '+' | '\u{fffd}')
}

/// One character stays one.
fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ => c,
    }
}
