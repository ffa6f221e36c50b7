//! Generated values, by Aspire's rules (`PasswordGenerator.cs`): the same alphabets, lengths and minimums.

use crate::manifest::Generate;
use crate::support::diagnostic::{Code, Diagnostic};

/// A source of random bytes; fails when the system has none.
pub(crate) type Random<'a> = dyn FnMut(&mut [u8]) -> Result<(), Diagnostic> + 'a;

/// No password is longer; a Secret could not hold much more.
const LONGEST: u32 = 65_536;

// Without letters that look like others.
const LOWER: &str = "abcdefghjkmnpqrstuvwxyz";
const UPPER: &str = "ABCDEFGHJKMNPQRSTUVWXYZ";
const NUMERIC: &str = "0123456789";
const SPECIAL: &str = "-_.{}~()*+!";

/// The least number of characters of such a value.
pub(super) fn least(rule: &Generate) -> u32 {
    let classes = [
        (rule.lower, rule.min_lower),
        (rule.upper, rule.min_upper),
        (rule.numeric, rule.min_numeric),
        (rule.special, rule.min_special),
    ];
    let all =
        classes.into_iter().filter(|(enabled, _)| *enabled).fold(0, |sum: u32, (_, least)| sum.saturating_add(least));
    rule.min_length.max(all)
}

/// A value that obeys the rule.
pub(crate) fn generate(name: &str, rule: &Generate, random: &mut Random) -> Result<String, Diagnostic> {
    let classes = [
        (rule.lower, rule.min_lower, LOWER),
        (rule.upper, rule.min_upper, UPPER),
        (rule.numeric, rule.min_numeric, NUMERIC),
        (rule.special, rule.min_special, SPECIAL),
    ];
    // A manifest is checked when it is read; a chart that was rendered elsewhere is not.
    let lengths = [rule.min_length, rule.min_lower, rule.min_upper, rule.min_numeric, rule.min_special];
    if lengths.iter().any(|length| *length > LONGEST) {
        let what = format!("it requires more than {LONGEST} characters");
        return Err(Diagnostic::new(
            Code::InvalidGenerator,
            format!("resources.{name}.inputs.value.default.generate"),
            what,
        ));
    }
    let mut characters = Vec::new();
    let mut alphabet = String::new();
    for (enabled, least, letters) in classes {
        if enabled {
            alphabet.push_str(letters);
            for _ in 0..least {
                characters.push(pick(letters.as_bytes(), random)?);
            }
        }
    }
    if alphabet.is_empty() {
        return Err(Diagnostic::new(
            Code::InvalidGenerator,
            format!("resources.{name}.inputs.value.default.generate"),
            "it allows no character at all",
        ));
    }
    while characters.len() < rule.min_length as usize {
        characters.push(pick(alphabet.as_bytes(), random)?);
    }
    if characters.is_empty() {
        return Err(Diagnostic::new(
            Code::InvalidGenerator,
            format!("resources.{name}.inputs.value.default.generate"),
            "it requires an empty value",
        )
        .hint("set a minLength in the AppHost, or pass a value"));
    }
    // Fisher-Yates, so that the required characters stand anywhere.
    for last in (1..characters.len()).rev() {
        characters.swap(last, below(last + 1, random)?);
    }
    Ok(characters.into_iter().map(char::from).collect())
}

fn pick(letters: &[u8], random: &mut Random) -> Result<u8, Diagnostic> {
    Ok(letters[below(letters.len(), random)?])
}

/// A uniform number below `bound`: what would favour small numbers is thrown again.
fn below(bound: usize, random: &mut Random) -> Result<usize, Diagnostic> {
    let bound = bound as u64;
    let fair = u64::MAX - u64::MAX % bound;
    loop {
        let mut bytes = [0; 8];
        random(&mut bytes)?;
        let number = u64::from_le_bytes(bytes);
        if number < fair {
            return Ok(usize::try_from(number % bound).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule() -> impl Strategy<Value = Generate> {
        (0_u32..40, any::<[bool; 4]>(), [0_u32..6, 0..6, 0..6, 0..6]).prop_map(|(min_length, on, least)| Generate {
            min_length,
            lower: on[0],
            upper: on[1],
            numeric: on[2],
            special: on[3],
            min_lower: least[0],
            min_upper: least[1],
            min_numeric: least[2],
            min_special: least[3],
        })
    }

    #[test]
    fn a_length_without_end_is_refused() {
        let rule = Generate {
            min_length: u32::MAX,
            lower: true,
            upper: true,
            numeric: true,
            special: true,
            min_lower: 0,
            min_upper: 0,
            min_numeric: 0,
            min_special: 0,
        };
        let refused = |rule: &Generate| generate("p", rule, &mut |_| Ok(())).is_err();
        assert!(refused(&rule) && refused(&Generate { min_length: 1, min_special: u32::MAX, ..rule }));
    }

    proptest! {
        #[test]
        fn obeys_the_rule(rule in rule(), seed in any::<u64>()) {
            let mut state = seed | 1;
            let mut random = |bytes: &mut [u8]| {
                for byte in bytes {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    *byte = state.to_le_bytes()[3];
                }
                Ok(())
            };
            let classes = [(rule.lower, rule.min_lower, LOWER), (rule.upper, rule.min_upper, UPPER), (rule.numeric, rule.min_numeric, NUMERIC), (rule.special, rule.min_special, SPECIAL)];
            let least: u32 = classes.iter().filter(|class| class.0).map(|class| class.1).sum();
            match generate("p", &rule, &mut random) {
                Err(_) => prop_assert!(classes.iter().all(|class| !class.0) || rule.min_length.max(least) == 0),
                Ok(value) => {
                    prop_assert_eq!(value.len(), rule.min_length.max(least) as usize);
                    for (on, least, letters) in classes {
                        let count = value.chars().filter(|c| letters.contains(*c)).count();
                        let enough = if on { count >= least as usize } else { count == 0 };
                        prop_assert!(enough);
                    }
                }
            }
        }
    }
}
