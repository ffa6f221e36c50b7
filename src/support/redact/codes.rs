//! Decodes base64 and hexadecimal inside a text. The start of the encoded part is unknown: a path or a word may precede
//! it.

use super::projection::Projection;
use std::ops::Range;

/// Shorter runs hold no secret that is looked for.
const LEAST: usize = 6;

/// A run that is as long as this continues behind a line break.
const LINE: usize = 48;

/// What a run of letters says, and where each byte of it stands in the text.
#[derive(Default)]
pub(crate) struct Code {
    pub bytes: Vec<u8>,
    spans: Vec<(usize, usize)>,
}

impl Code {
    /// Where these of the bytes stand in the text.
    pub(crate) fn span(&self, range: &Range<usize>) -> Range<usize> {
        self.spans[range.start].0..self.spans[range.end - 1].1
    }
}

/// All that the runs of a text could say.
pub(crate) fn codes(decoded: &Projection) -> impl Iterator<Item = Code> + '_ {
    let base64 = runs(decoded, sextet).into_iter().flat_map(|run| (0..4).filter_map(move |at| code(&run, at, 6)));
    let hex = runs(decoded, nibble).into_iter().flat_map(|run| (0..2).filter_map(move |at| code(&run, at, 4)));
    base64.chain(hex).chain(lists(decoded))
}

/// Whether the text ends in a run that may continue in the next line.
pub(crate) fn goes_on(decoded: &Projection) -> bool {
    decoded.bytes.len() >= LINE
        && decoded.bytes[decoded.bytes.len() - LINE..].iter().all(|byte| sextet(*byte).is_some())
}

/// The value of each letter, and where it stands.
type Run = Vec<(u8, (usize, usize))>;

fn runs(decoded: &Projection, value: fn(u8) -> Option<u8>) -> Vec<Run> {
    let mut found: Vec<Run> = Vec::new();
    let mut run = Run::new();
    // Letters since the last line break.
    let mut line = 0;
    for (byte, span) in decoded.bytes.iter().zip(&decoded.spans) {
        match value(*byte) {
            Some(value) => {
                run.push((value, *span));
                line += 1;
            }
            None if byte.is_ascii_whitespace() && (line >= LINE || (line == 0 && !run.is_empty())) => line = 0,
            None => {
                line = 0;
                found.push(std::mem::take(&mut run));
            }
        }
    }
    found.push(run);
    found.retain(|run| run.len() >= LEAST);
    found
}

fn code(run: &[(u8, (usize, usize))], at: usize, bits: usize) -> Option<Code> {
    let run = run.get(at..)?;
    let mut code = Code::default();
    let (mut held, mut count, mut start) = (0_u32, 0, 0);
    for (value, span) in run {
        if count == 0 {
            start = span.0;
        }
        held = (held << bits | u32::from(*value)) & 0xffff;
        count += bits;
        if count >= 8 {
            count -= 8;
            code.bytes.push((held >> count).to_le_bytes()[0]);
            code.spans.push((start, span.1));
            start = span.0;
        }
    }
    (!code.bytes.is_empty()).then_some(code)
}

/// Bytes as numbers: `[104 117 110]`, `104, 117, 110`.
fn lists(decoded: &Projection) -> Vec<Code> {
    let mut found = vec![Code::default()];
    let mut number: Option<(u32, (usize, usize))> = None;
    let end = [(&b'.', &(0, 0))];
    for (byte, span) in decoded.bytes.iter().zip(&decoded.spans).chain(end) {
        if byte.is_ascii_digit() {
            let (value, start) = number.map_or((0, span.0), |(value, (start, _))| (value, start));
            number = Some((value.saturating_mul(10).saturating_add(u32::from(byte - b'0')), (start, span.1)));
            continue;
        }
        let ended = number.take();
        if let (Some((value, span)), Some(list)) = (ended, found.last_mut())
            && let Ok(value) = u8::try_from(value)
        {
            list.bytes.push(value);
            list.spans.push(span);
        }
        if !(byte.is_ascii_whitespace() || matches!(byte, b',' | b'\\' | b'+')) {
            found.push(Code::default());
        }
    }
    found.retain(|list| list.bytes.len() >= 4);
    found
}

/// Of both alphabets.
fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

fn nibble(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit.to_le_bytes()[0])
}
