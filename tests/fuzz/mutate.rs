//! Inputs: small real ones, changed by chance as bytes, as lines and as trees. The same number gives the same input.

use serde_json::{Map, Value, json};

/// Longer inputs are cut: small ones find the same faults, and more of them can be tried. Growth is measured elsewhere.
const LONGEST: usize = 16 << 10;

/// Texts that parsers stumble over, for every format.
const TOKENS: [&str; 84] = [
    "{",
    "}",
    "[",
    "]",
    "{{",
    "}}",
    "\"",
    "'",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\x",
    "%3C",
    "&lt;",
    "&#x;",
    "&",
    "*",
    "&a ",
    "*a",
    "<<: ",
    "<<: *a",
    "- ",
    "? ",
    ": ",
    ":",
    "|",
    ">",
    "|-\n",
    "# ",
    "---",
    "--- ",
    "\n---\n",
    "...",
    "!!binary ",
    "!x ",
    "%TAG",
    "%",
    "~",
    "null",
    "true",
    "no",
    "0",
    "-1",
    "0x1F",
    "1e999",
    "-0.0",
    ".inf",
    ".nan",
    "9223372036854775808",
    "18446744073709551616",
    "1.7976931348623157e308",
    "{a.value}",
    "{cache.bindings.tcp.url}",
    "{.outputs.x}",
    "{db.connectionString}",
    "$(X)",
    "${X}",
    "$",
    "=",
    "=\"",
    "\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    "\0",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\u{7f}",
    "é",
    "\u{1f600}",
    "\u{202e}",
    "/",
    "//",
    "..",
    "@",
    "@sha256:",
    ":latest",
    ">=1.2 <2",
    "~1.2.x",
    "-----BEGIN CERTIFICATE-----",
    "1h30m",
    "12Gi",
];

/// A generator of random numbers (`splitmix64`).
pub(crate) struct Random(u64);

impl Random {
    /// One for each case, so that a case can be run alone.
    pub(crate) fn of(seed: u64, target: &str, case: u64) -> Self {
        let name = target
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut random = Self(seed ^ name ^ case.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below a number that is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap_or_default()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// An input made from those seeds. `tree` tells that they are JSON or YAML.
pub(crate) fn input(random: &mut Random, seeds: &[Seed], tree: bool) -> Vec<u8> {
    let seed = random.pick(seeds);
    let mut bytes = match &seed.tree {
        Some(value) if tree && random.one_in(2) => {
            let mut value = value.clone();
            for _ in 0..=random.below(3) {
                change_tree(random, &mut value);
            }
            written(random, &value)
        }
        _ if tree && random.one_in(16) => written_tree(random),
        _ => seed.bytes.clone(),
    };
    // What stays well formed gets further than what does not.
    if !tree || random.one_in(2) {
        for _ in 0..=random.below(4) {
            change_bytes(random, &mut bytes, seeds);
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

/// A real input.
pub(crate) struct Seed {
    bytes: Vec<u8>,
    tree: Option<Value>,
}

impl Seed {
    /// From its bytes.
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let text = std::str::from_utf8(&bytes).ok();
        let tree = text.and_then(|text| serde_yaml::from_str(text).ok()).filter(|tree: &Value| !tree.is_string());
        Self { bytes, tree }
    }
}

fn written_tree(random: &mut Random) -> Vec<u8> {
    let tree = random_tree(random, 4);
    written(random, &tree)
}

fn written(random: &mut Random, tree: &Value) -> Vec<u8> {
    if random.one_in(4) {
        serde_yaml::to_string(tree).unwrap_or_default().into_bytes()
    } else {
        tree.to_string().into_bytes()
    }
}

fn random_tree(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth == 0 { 6 } else { 10 }) {
        0 => Value::Null,
        1 => json!(random.one_in(2)),
        2 => json!(random.next()),
        3 => json!(-1.5e300),
        4 | 5 => json!(random_text(random)),
        6 | 7 => (0..random.below(5)).map(|_| random_tree(random, depth - 1)).collect(),
        _ => {
            let entries = (0..random.below(5)).map(|_| (random_text(random), random_tree(random, depth - 1)));
            Value::Object(entries.collect())
        }
    }
}

fn random_text(random: &mut Random) -> String {
    (0..random.below(4)).map(|_| *random.pick(&TOKENS)).collect()
}

/// Changes one node somewhere below.
fn change_tree(random: &mut Random, tree: &mut Value) {
    let here = random.one_in(4);
    match tree {
        Value::Object(map) if !map.is_empty() && !here => {
            let index = random.below(map.len());
            if let Some((_, value)) = map.iter_mut().nth(index) {
                change_tree(random, value);
            }
        }
        Value::Array(items) if !items.is_empty() && !here => {
            let index = random.below(items.len());
            change_tree(random, &mut items[index]);
        }
        Value::Object(map) if !map.is_empty() && random.one_in(2) => change_map(random, map),
        Value::Array(items) if !items.is_empty() && random.one_in(2) => {
            let index = random.below(items.len());
            match random.below(3) {
                0 => drop(items.remove(index)),
                1 => items.push(items[index].clone()),
                _ => items.resize(items.len() + random.below(40), items[index].clone()),
            }
        }
        Value::String(text) if random.one_in(2) => {
            let mut bytes = std::mem::take(text).into_bytes();
            change_bytes(random, &mut bytes, &[]);
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        other => *other = random_tree(random, 2),
    }
}

fn change_map(random: &mut Random, map: &mut Map<String, Value>) {
    let index = random.below(map.len());
    let Some((key, value)) = map.iter().nth(index).map(|(key, value)| (key.clone(), value.clone())) else { return };
    match random.below(3) {
        0 => drop(map.remove(&key)),
        1 => drop(map.insert(random_text(random), value)),
        _ => {
            let to = map.keys().nth(random.below(map.len())).cloned().unwrap_or(key);
            map.insert(to, value);
        }
    }
}

fn change_bytes(random: &mut Random, bytes: &mut Vec<u8>, seeds: &[Seed]) {
    let at = random.below(bytes.len() + 1);
    let end = (at + 1 + random.below(32)).min(bytes.len());
    match random.below(10) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = random.next().to_le_bytes()[0],
        2 => drop(bytes.drain(at..end)),
        3 => bytes.truncate(at),
        4 => {
            let most = if random.one_in(16) { 400 } else { 4 };
            let part = bytes[at..end].repeat(1 + random.below(most));
            drop(bytes.splice(at..at, part));
        }
        5 => {
            let part = random.pick(&["[", "{", "\"", "\\", "{\"a\":", "- ", "[[", "&a [", "(", "%", "{a", "  "]);
            let most = if random.one_in(16) { 4_000 } else { 200 };
            let count = random.below(most);
            drop(bytes.splice(at..at, part.repeat(count).into_bytes()));
        }
        6 if !seeds.is_empty() => {
            let other = &random.pick(seeds).bytes;
            let from = random.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        7 => change_line(random, bytes),
        _ => drop(bytes.splice(at..at, random.pick(&TOKENS).bytes())),
    }
}

fn change_line(random: &mut Random, bytes: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (from, to) = (random.below(lines.len()), random.below(lines.len()));
    match random.below(3) {
        0 => lines.swap(from, to),
        1 => {
            let line = lines[from].clone();
            lines.insert(to, line);
        }
        _ => lines[from].insert(0, b' '),
    }
    *bytes = lines.join(&b'\n');
}
