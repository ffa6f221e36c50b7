//! Durations as helm and Kubernetes write them, in whole hours, minutes and seconds: `90s`, `10m`, `1h30m`. Libraries
//! accept more units and spaces, so they would accept input that is refused here.

use std::time::Duration;

/// Whole hours, minutes and seconds; none for anything else.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut seconds = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, more) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let mut more = more.chars();
        let unit = match more.next()? {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = more.as_str();
    }
    (!text.is_empty()).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn durations_are_helms() {
        for (text, seconds) in [
            ("90s", Some(90)),
            ("10m", Some(600)),
            ("1h30m", Some(5400)),
            ("0s", Some(0)),
            ("5", None),
            ("", None),
            ("m", None),
            ("1d", None),
            ("1h 30m", None),
            ("99999999999999999999s", None),
            ("9999999999999999999h", None),
        ] {
            assert_eq!(parse(text).map(|duration| duration.as_secs()), seconds, "{text}");
        }
    }
}
