//! The cost of parsing a YAML text, computed before a parser pays for it: how deep it nests, and how much its aliases
//! repeat. One pass over the bytes, no memory beyond the depth.
//!
//! The parser scans nested brackets in quadratic time, and copies the content of an alias each time. This module knows
//! the outline of YAML (indentation, quotes, block scalars, brackets) as libyaml reads it, and not the meaning of the
//! text; other errors are left to the parser.

use std::collections::BTreeMap;

/// Deeper texts are refused by the reader as well, later.
const DEEPEST: usize = 128;

/// Most bytes that aliases may add, each node counted as [`NODE`] more.
const MOST_REPEATED: usize = 4 << 20;

/// What a node costs besides its text.
const NODE: usize = 32;

/// Why a text is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Costly {
    /// It nests too deep.
    #[error("it nests more than {DEEPEST} levels deep (line {0})")]
    Deep(usize),
    /// Its aliases stand for too much.
    #[error("its aliases (`*name`) repeat more than {most} MiB (line {0})", most = MOST_REPEATED >> 20)]
    Repeats(usize),
}

/// Whether the text can be read at a cost that grows with its length only.
pub fn affordable(text: &str) -> Result<(), Costly> {
    let mut scan = Scan { text: text.strip_prefix('\u{feff}').unwrap_or(text).as_bytes(), ..Scan::default() };
    scan.run()
}

/// Whether a tag (`!!binary`, `!mine`) or a directive (`%TAG`) stands in a text that is affordable, outside of quotes, comments
/// and block scalars. Every character is taken for a line break that YAML 1.1 takes for one.
pub(crate) fn has_tags(text: &str) -> bool {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace(['\r', '\u{85}', '\u{2028}', '\u{2029}'], "\n");
    let mut scan = Scan { text: text.as_bytes(), ..Scan::default() };
    // What cannot be looked through may hold some.
    scan.run().is_err() || scan.tags
}

/// A node with a name, whose end is not seen yet.
struct Open<'a> {
    name: &'a [u8],
    start: usize,
    line: usize,
    end: End,
}

/// Where a node ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// Its first token is not seen yet.
    Unknown,
    /// When this many brackets are open again.
    Brackets(usize),
    /// With a token at this column or before it; a dash at the column itself may belong to it.
    Column { column: isize, with_dashes: bool },
}

#[derive(Default)]
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
    line_start: usize,
    brackets: usize,
    /// Columns of the block collections that are open.
    columns: Vec<isize>,
    /// Column of what may turn out to be a key.
    key: Option<isize>,
    open: Vec<Open<'a>>,
    sizes: BTreeMap<&'a [u8], usize>,
    /// Bytes and nodes so far, those of aliases included.
    weight: usize,
    repeated: usize,
    /// Whether a tag or a directive was seen.
    tags: bool,
}

impl<'a> Scan<'a> {
    fn run(&mut self) -> Result<(), Costly> {
        loop {
            self.skip_blanks();
            let Some(byte) = self.peek(0) else { return Ok(()) };
            let column = self.column();
            if column == 0 && self.is_document_mark() {
                self.at += 3;
                (self.brackets, self.key) = (0, None);
                self.columns.clear();
                self.open.clear();
                self.sizes.clear();
                continue;
            }
            self.leave(column, byte);
            self.token(byte, column)?;
            if self.columns.len() + self.brackets > DEEPEST {
                return Err(Costly::Deep(self.line + 1));
            }
        }
    }

    fn token(&mut self, byte: u8, column: isize) -> Result<(), Costly> {
        let blank_behind = self.is_blank(1);
        match byte {
            b'[' | b'{' => {
                self.begins(End::Brackets(self.brackets));
                self.may_be_key(column);
                self.brackets += 1;
                self.weigh(1);
            }
            b']' | b'}' => {
                self.brackets = self.brackets.saturating_sub(1);
                self.at += 1;
                self.close(|end, scan| matches!(end, End::Brackets(count) if scan.brackets <= count));
            }
            b',' if self.brackets > 0 => self.at += 1,
            // In brackets, the reader of helm takes a `?` for one even before a word.
            b'?' if self.brackets > 0 => self.weigh(1),
            b'-' | b'?' if blank_behind => {
                if self.brackets == 0 {
                    self.begins_block(byte == b'-');
                    self.enter(column);
                    self.key = None;
                }
                self.weigh(1);
            }
            b':' if blank_behind || self.brackets > 0 => {
                if let (0, Some(key)) = (self.brackets, self.key.take()) {
                    self.enter(key);
                }
                self.at += 1;
            }
            b'&' => {
                self.may_be_key(column);
                let name = self.name();
                // A reader refuses a second name of a node.
                if self.open.len() > 2 * DEEPEST {
                    return Err(Costly::Deep(self.line + 1));
                }
                self.open.push(Open { name, start: self.weight, line: self.line, end: End::Unknown });
            }
            b'*' => {
                self.may_be_key(column);
                let name = self.name();
                self.repeat(name)?;
                self.close(|end, _| end == End::Unknown);
            }
            b'!' => {
                self.tags = true;
                self.may_be_key(column);
                self.name();
            }
            b'%' if column == 0 => {
                self.tags = true;
                self.skip_line();
            }
            b'|' | b'>' if self.brackets == 0 => self.scalar(Self::skip_block),
            b'\'' => self.scalar_at(column, Self::skip_single),
            b'"' => self.scalar_at(column, Self::skip_double),
            _ => self.scalar_at(column, Self::skip_plain),
        }
        Ok(())
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn is_blank(&self, ahead: usize) -> bool {
        self.peek(ahead).is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
    }

    fn column(&self) -> isize {
        (self.at - self.line_start).cast_signed()
    }

    /// The column of the innermost block collection.
    fn innermost(&self) -> isize {
        self.columns.last().copied().unwrap_or(-1)
    }

    fn is_document_mark(&self) -> bool {
        let rest = &self.text[self.at..];
        (rest.starts_with(b"---") || rest.starts_with(b"...")) && self.is_blank(3)
    }

    fn weigh(&mut self, bytes: usize) {
        self.at += bytes;
        self.weight = self.weight.saturating_add(bytes + NODE);
    }

    fn newline(&mut self) {
        self.line += 1;
        self.line_start = self.at;
    }

    fn step(&mut self) -> Option<u8> {
        let byte = self.peek(0)?;
        self.at += 1;
        if byte == b'\n' {
            self.newline();
        }
        Some(byte)
    }

    /// Blanks, line breaks and comments.
    fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\n' => {
                    self.step();
                    if self.brackets == 0 {
                        self.key = None;
                    }
                }
                b'#' if self.at == self.line_start || matches!(self.text[self.at - 1], b' ' | b'\t' | b'\r') => {
                    self.skip_line();
                }
                _ => return,
            }
        }
    }

    fn skip_line(&mut self) {
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    fn name(&mut self) -> &'a [u8] {
        let start = self.at;
        self.at += 1;
        while !self.is_blank(0) && !self.peek(0).is_some_and(|byte| matches!(byte, b',' | b'[' | b']' | b'{' | b'}')) {
            self.at += 1;
        }
        &self.text[start + 1..self.at]
    }

    fn may_be_key(&mut self, column: isize) {
        if self.brackets == 0 {
            self.key.get_or_insert(column);
        }
    }

    /// A block collection begins here, unless it continues.
    fn enter(&mut self, column: isize) {
        if column > self.innermost() {
            self.columns.push(column);
        }
    }

    /// What a token at this column is not a part of ends.
    fn leave(&mut self, column: isize, byte: u8) {
        if self.brackets > 0 {
            return;
        }
        while self.innermost() > column {
            self.columns.pop();
        }
        let dash = byte == b'-' && self.is_blank(1);
        self.close(|end, _| match end {
            End::Column { column: own, with_dashes } => column < own || (column == own && !(dash && with_dashes)),
            _ => false,
        });
    }

    /// Ends the named nodes that this is the end of, the inner ones first.
    fn close(&mut self, ends: impl Fn(End, &Self) -> bool) {
        while let Some(open) = self.open.last()
            && ends(open.end, self)
        {
            let (name, start) = (open.name, open.start);
            self.sizes.insert(name, self.weight - start);
            self.open.pop();
        }
    }

    /// The first token of a node: names that stand before it are its names.
    fn begins(&mut self, end: End) {
        for open in self.open.iter_mut().rev().take_while(|open| open.end == End::Unknown) {
            open.end = end;
        }
    }

    fn begins_block(&mut self, with_dashes: bool) {
        let column = self.innermost();
        self.begins(End::Column { column, with_dashes });
    }

    fn repeat(&mut self, name: &[u8]) -> Result<(), Costly> {
        let open = self.open.iter().rev().find(|open| open.name == name).map(|open| self.weight - open.start);
        let size = open.or_else(|| self.sizes.get(name).copied()).unwrap_or_default().saturating_add(NODE);
        self.weight = self.weight.saturating_add(size);
        self.repeated = self.repeated.saturating_add(size);
        if self.repeated > MOST_REPEATED { Err(Costly::Repeats(self.line + 1)) } else { Ok(()) }
    }

    /// A scalar that may be a key. A name on a line above it is one of the map that the key begins.
    fn scalar_at(&mut self, column: isize, skip: fn(&mut Self)) {
        let of_map = self.open.last().is_some_and(|open| open.end == End::Unknown && open.line < self.line);
        if of_map && self.brackets == 0 {
            self.begins_block(false);
        }
        self.may_be_key(column);
        self.scalar(skip);
    }

    fn scalar(&mut self, skip: fn(&mut Self)) {
        let start = self.at;
        skip(self);
        self.weight = self.weight.saturating_add(self.at - start + NODE);
        self.close(|end, _| end == End::Unknown);
    }

    fn skip_single(&mut self) {
        self.at += 1;
        while let Some(byte) = self.step() {
            if byte == b'\'' && self.peek(0) == Some(b'\'') {
                self.at += 1;
            } else if byte == b'\'' {
                return;
            }
        }
    }

    fn skip_double(&mut self) {
        self.at += 1;
        while let Some(byte) = self.step() {
            match byte {
                b'\\' => drop(self.step()),
                b'"' => return,
                _ => {}
            }
        }
    }

    /// Over lines that are indented further than what it is in.
    fn skip_plain(&mut self) {
        // Whatever it is, it is a character of it.
        self.at += 1;
        loop {
            match self.peek(0) {
                None => return,
                Some(b':') if self.is_blank(1) => return,
                Some(b':') if self.brackets > 0 && self.peek(1).is_some_and(|b| b",?[]{}".contains(&b)) => return,
                Some(b',' | b'[' | b']' | b'{' | b'}') if self.brackets > 0 => return,
                Some(b'\n' | b' ' | b'\t' | b'\r') => {
                    while let Some(b'\n' | b' ' | b'\t' | b'\r') = self.peek(0) {
                        self.step();
                    }
                    let begins_line = self.text[self.line_start..self.at].iter().all(u8::is_ascii_whitespace);
                    let left = self.brackets == 0 && begins_line && self.column() <= self.innermost();
                    if left || self.peek(0) == Some(b'#') || (self.column() == 0 && self.is_document_mark()) {
                        return;
                    }
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// `|` and `>`, with the lines that belong to it.
    fn skip_block(&mut self) {
        let start = self.at;
        self.skip_line();
        let header = &self.text[start..self.at];
        let outer = self.innermost();
        let given = header.iter().take(3).find(|byte| byte.is_ascii_digit()).map(|digit| isize::from(digit - b'0'));
        let mut indent = given.map(|given| outer.max(0) + given);
        loop {
            self.step();
            let indentation = self.text[self.at..].iter().take_while(|byte| **byte == b' ').count();
            match self.peek(indentation) {
                None => {
                    self.at = self.text.len();
                    return;
                }
                Some(b'\n') => self.at += indentation,
                Some(b'\r') if self.peek(indentation + 1) == Some(b'\n') => self.at += indentation + 1,
                Some(_) => {
                    let indentation = indentation.cast_signed();
                    if indentation < *indent.get_or_insert(indentation.max(outer + 1).max(1)) {
                        return;
                    }
                    self.skip_line();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deep(text: &str) -> bool {
        matches!(affordable(text), Err(Costly::Deep(_)))
    }

    fn repeats(text: &str) -> bool {
        matches!(affordable(text), Err(Costly::Repeats(_)))
    }

    #[test]
    fn depth_is_found_however_it_is_written() {
        for piece in ["[", "{", "- ", "? ", "{a: ", "[{a: ", "a: [", "[\"]\",", "[ ']',", "[ # ]\n", "{\"a\":", "[a, "]
        {
            assert!(deep(&piece.repeat(400)), "{piece}");
            assert!(deep(&format!("a: x\n  'y\nb: {}", piece.replace('\n', "\n ").repeat(400))), "{piece}");
        }
        let lines = |piece: &str| {
            let lines = (0..300).map(|depth| format!("{}{piece}\n", " ".repeat(depth)));
            lines.collect::<Vec<_>>().concat()
        };
        for piece in ["a:", "'a':", "- b:", "&x a:", "!t a:"] {
            assert!(deep(&lines(piece)), "{piece}");
        }
        assert!(deep(&format!("---\na: |\n  text\n---\n{}", "[".repeat(200))));
        assert!(deep(&format!("a: |\n  [\nb: {}", "[".repeat(200))));
        assert!(deep(&format!("a: \"\\\"\"\nb: {}", "[".repeat(200))));
        assert!(deep(&format!("a: it's\nb: {}", "[".repeat(200))));
        assert!(deep(&format!("- |\n x\n- {}", "[".repeat(200))));
    }

    #[test]
    fn texts_that_look_deep_are_not() {
        let brackets = "[".repeat(500);
        for text in [
            format!("a: '{brackets}'"),
            format!("a: \"\\\"{brackets}\""),
            format!("a: x{brackets}"),
            format!("# {brackets}"),
            format!("a: b # {brackets}"),
            format!("a: |\n  {brackets}\n  {brackets}\n\n\n  {brackets}\nb: c"),
            format!("a: |2-\n   {brackets}\n  {brackets}\nb: c"),
            format!("- a: >-\n    {brackets}\n  b: c"),
            format!("a: it is\n  {brackets}\nb: c"),
            "a: [1, 2]\n".repeat(1000),
            "- a\n".repeat(1000),
            "a:\n- b:\n  - c\n".repeat(1000),
            "a: {b: [c, {d: e}]}\n---\n".repeat(1000),
            "'a': 'it''s'\n".repeat(1000),
        ] {
            assert_eq!(affordable(&text), Ok(()), "{}", &text[..text.len().min(80)]);
        }
    }

    #[test]
    fn aliases_are_weighed() {
        let list = "x, ".repeat(2000);
        let many = "  - *a\n".repeat(2000);
        for anchor in [
            format!("a: &a [{list}]"),
            format!("a: &a\n  b: [{list}]\n  c: d"),
            format!("a: &a\n{}", "  - x\n".repeat(2000)),
            format!("a: &a\n{}", "- x\n".repeat(2000)),
            format!("a: &a {}", "x".repeat(10_000)),
            format!("a: &a |\n  {}", "x".repeat(10_000)),
            format!("a: &a\n  {}", "x".repeat(10_000)),
            format!("a: !t &a '{}'", "x".repeat(10_000)),
            format!("a:\n  &a b: [{list}]\nc: &a [{list}]"),
        ] {
            assert!(repeats(&format!("{anchor}\nz:\n{many}")), "{}", &anchor[..20]);
            assert_eq!(affordable(&format!("{anchor}\nz: [*a, *a, *a]")), Ok(()), "{}", &anchor[..20]);
        }
        let mut laughs = "a0: &a0 [x, x]\n".to_owned();
        for n in 1..40 {
            laughs = format!("{laughs}a{n}: &a{n} [*a{}, *a{}]\n", n - 1, n - 1);
        }
        assert!(repeats(&laughs));
        // A small thing may be repeated often.
        assert_eq!(affordable(&format!("a: &a x\nz:\n{many}")), Ok(()));
        assert!(repeats(&format!("a: &a {{b: [{list}]}}\nz:\n{}", "  - <<: *a\n".repeat(2000))));
    }

    #[test]
    fn a_long_text_costs_a_moment() {
        for piece in ["a: b\n", "[", "]", "&a ", "*a ", "- ", "'", "\"", "|\n", "x ", "\n", ": ", "? ", "{a: &a b}, "] {
            let _ = affordable(&piece.repeat(200_000));
            let _ = affordable(&format!("[{}", piece.repeat(200_000)));
        }
    }
}
