//! Quantities of Kubernetes (`20Gi`, `1.5G`, `500m`, `12e6`), compared by value.

use std::cmp::Ordering;
use std::fmt;

const NANO: i128 = 1_000_000_000;

/// An amount, with the text it was written as.
#[derive(Debug, Clone)]
pub struct Quantity {
    nanos: i128,
    text: String,
}

impl Quantity {
    /// Reads an amount; none when the text is no amount, or one beyond all storage.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, suffix) = split(text);
        let (digits, decimals) = mantissa(number)?;
        let (factor, shift) = scale(suffix)?;
        let mut nanos = digits.checked_mul(factor)?.checked_mul(NANO)?;
        let mut shift = shift.checked_sub(decimals)?;
        while shift > 0 {
            nanos = nanos.checked_mul(10)?;
            shift -= 1;
        }
        // Kubernetes rounds what is smaller than a billionth up.
        let mut rest = false;
        while shift < 0 && nanos != 0 {
            rest |= nanos % 10 != 0;
            nanos /= 10;
            shift += 1;
        }
        nanos += i128::from(rest && !number.starts_with('-'));
        Some(Self { nanos, text: text.to_owned() })
    }

    /// Nothing.
    pub fn zero() -> Self {
        Self::of(0)
    }

    /// So many of something.
    pub fn count(number: u64) -> Self {
        Self::of(i128::from(number) * NANO)
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self::of(self.nanos.saturating_add(other.nanos))
    }

    /// What is left of it; negative when the other is more.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self::of(self.nanos.saturating_sub(other.nanos))
    }

    /// So many times.
    #[must_use]
    pub fn times(&self, number: u64) -> Self {
        Self::of(self.nanos.saturating_mul(i128::from(number)))
    }

    /// What was computed, in a notation that Kubernetes reads: `1250m`, `3`, `640Mi`.
    fn of(nanos: i128) -> Self {
        const MEBI: i128 = 1 << 20;
        let (whole, part) = (nanos / NANO, nanos % NANO);
        let text = if part != 0 {
            // Thousandths, rounded up, as Kubernetes does.
            format!("{}m", nanos.div_euclid(NANO / 1000) + i128::from(nanos.rem_euclid(NANO / 1000) != 0))
        } else if whole != 0 && whole % (MEBI << 10) == 0 {
            format!("{}Gi", whole / (MEBI << 10))
        } else if whole != 0 && whole % MEBI == 0 {
            format!("{}Mi", whole / MEBI)
        } else {
            whole.to_string()
        };
        Self { nanos, text }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '+' | '-')).unwrap_or(text.len());
    text.split_at(end)
}

/// The digits as one number, and how many of them stand behind the point.
fn mantissa(number: &str) -> Option<(i128, i32)> {
    let unsigned = number.strip_prefix(['+', '-']).unwrap_or(number);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: i128 = digits.parse().ok()?;
    let value = if number.starts_with('-') { -value } else { value };
    Some((value, i32::try_from(fraction.len()).ok()?))
}

/// What a suffix multiplies by: a factor, and a power of ten.
fn scale(suffix: &str) -> Option<(i128, i32)> {
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter().zip(1..).find(|(name, _)| **name == suffix);
    if let Some((_, power)) = binary {
        return Some((1_i128 << (10 * power), 0));
    }
    let decimal =
        [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
    if let Some((_, power)) = decimal.iter().find(|(name, _)| *name == suffix) {
        return Some((1, *power));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    (exponent.abs() <= 30).then_some((1, exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_amount_in_other_words() {
        for (left, right) in [
            ("1Gi", "1024Mi"),
            ("1Gi", "1073741824"),
            ("1G", "1000M"),
            ("1G", "1e9"),
            ("1G", "1E9"),
            ("1G", "1e+9"),
            ("1E", "1000P"),
            ("1.5Gi", "1536Mi"),
            ("1.5G", "1500M"),
            ("500m", "0.5"),
            ("1000m", "1"),
            (".5", "0.5"),
            ("5.", "5"),
            ("+1", "1"),
            ("1000u", "1m"),
            ("1Ei", "1024Pi"),
            ("0", "0Gi"),
            ("0.1n", "1n"),
            ("10e-1", "1"),
        ] {
            assert_eq!(Quantity::parse(left).unwrap(), Quantity::parse(right).unwrap(), "{left} {right}");
        }
    }

    #[test]
    fn more_and_less() {
        for (less, more) in
            [("1G", "1Gi"), ("999Mi", "1Gi"), ("1M", "1Mi"), ("20Gi", "0.1Ti"), ("-1", "0"), ("9e2", "1k")]
        {
            assert!(Quantity::parse(less).unwrap() < Quantity::parse(more).unwrap(), "{less} {more}");
        }
    }

    #[test]
    fn sums_are_written_as_amounts() {
        let of = |text: &str| Quantity::parse(text).unwrap();
        for (sum, text) in [
            (of("100m").plus(&of("250m")), "350m"),
            (of("500m").times(4), "2"),
            (of("128Mi").times(5), "640Mi"),
            (of("512Mi").plus(&of("512Mi")), "1Gi"),
            (of("1500").minus(&of("2k")), "-500"),
            (of("1n").plus(&of("1")), "1001m"),
            (Quantity::zero(), "0"),
            (Quantity::count(3), "3"),
        ] {
            assert_eq!(sum.to_string(), text);
            assert_eq!(of(text).cmp(&sum), if text == "1001m" { Ordering::Greater } else { Ordering::Equal });
        }
    }

    #[test]
    fn what_is_no_amount() {
        for text in ["", "Gi", "1 Gi", "1GB", "1gi", "1K", "1e", "1e9Gi", "ten", "1..2", "--1", "1e99", "1-2"] {
            assert!(Quantity::parse(text).is_none(), "{text}");
        }
    }
}
