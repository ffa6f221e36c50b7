//! `deploy:` of a service: how many containers, and how much of the machine each may use.
//!
//! Quantities are written as Kubernetes has them, and Compose has other units: `m` and `g` are powers of 1024
//! (<https://docs.docker.com/reference/compose-file/extension/#specifying-byte-values>).

use super::node::{Map, Node, map, some};
use super::planning::Planning;
use crate::app::Workload;
use crate::support::diagnostic::Code;
use serde_json::{Map as JsonMap, Value as Json};

/// `deploy:` of a service; none if nothing is said of it.
pub(super) fn deploy(planning: &mut Planning, workload: &Workload) -> Option<Node> {
    let intent = planning.intent(workload);
    let replicas = intent.replicas.filter(|_| intent.run_as.is_none()).filter(|replicas| *replicas != 1);
    let said = intent.resources.as_ref().or(planning.config.defaults.resources.as_ref()).cloned().unwrap_or_default();
    // Requests of the dashboard are a default of pods.
    let said =
        if planning.config.dashboard.as_ref().is_some_and(|it| it.name() == workload.name && it.resources.is_none()) {
            JsonMap::new()
        } else {
            said
        };
    let mut resources = Map::new();
    for (key, ours) in [("limits", "limits"), ("requests", "reservations")] {
        let amounts =
            said.get(key).and_then(Json::as_object).map(|amounts| amounts_of(planning, workload, key, amounts));
        resources.extend(amounts.and_then(some).map(|node| (ours.to_owned(), node)));
    }
    for key in said.keys().filter(|key| !["limits", "requests"].contains(&key.as_str())) {
        planning.note(&workload.name, format!("`resources.{key}` has no equivalent in a Compose file"));
    }
    some(map([("replicas", replicas.map(Node::Number)), ("resources", some(resources))]))
}

fn amounts_of(planning: &mut Planning, workload: &Workload, key: &str, amounts: &JsonMap<String, Json>) -> Map {
    let mut found = Map::new();
    for (kind, amount) in amounts {
        let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
        let (name, converted) = match kind.as_str() {
            "cpu" => ("cpus", cpus(&text)),
            "memory" => ("memory", memory(&text)),
            other => {
                let what = format!("`resources.{key}.{other}` has no equivalent in a Compose file");
                planning.note(&workload.name, what);
                continue;
            }
        };
        match converted {
            Some(converted) => drop(found.insert(name.to_owned(), Node::literal(converted))),
            None => planning.problem(
                Code::InvalidValue,
                &workload.name,
                &format!("resources.{key}.{kind}"),
                format!("`{text}` is not a quantity"),
                "for example 500m, 2, 256Mi or 1.5Gi",
            ),
        }
    }
    found
}

/// Numbers of processors with at most three decimals: `500m` is 0.5.
fn cpus(text: &str) -> Option<String> {
    let thousandths = thousandths(text)?;
    let (whole, rest) = (thousandths / 1000, thousandths % 1000);
    Some(if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:03}").trim_end_matches('0').to_owned() })
}

/// Bytes in the largest unit that is exact.
fn memory(text: &str) -> Option<String> {
    let bytes = thousandths(text)?.div_ceil(1000);
    let units = [(1_u128 << 30, "g"), (1 << 20, "m"), (1 << 10, "k")];
    let unit = units.into_iter().find(|(size, _)| bytes > 0 && bytes % size == 0);
    Some(unit.map_or_else(|| bytes.to_string(), |(size, name)| format!("{}{name}", bytes / size)))
}

/// A quantity of Kubernetes in thousandths, rounded up; none if it is no quantity, or one beyond all machines.
fn thousandths(text: &str) -> Option<u128> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && decimals.is_empty()) || decimals.contains('.') || whole.len() > 18 || decimals.len() > 9 {
        return None;
    }
    // In billionths first, so that no decimal is lost.
    let billionths: u128 = format!("{whole}{decimals:0<9}").parse().ok()?;
    let scaled = match suffix {
        "m" => billionths.div_ceil(1000),
        suffix => billionths.checked_mul(factor(suffix)?)?,
    };
    Some(scaled.div_ceil(1_000_000))
}

fn factor(suffix: &str) -> Option<u128> {
    let exponent = suffix.strip_prefix(['e', 'E']).filter(|digits| !digits.is_empty());
    if let Some(digits) = exponent {
        return 10_u128.checked_pow(digits.trim_start_matches('+').parse().ok().filter(|power| *power <= 18)?);
    }
    let decimal = ["", "k", "M", "G", "T", "P", "E"].iter().zip(0_u32..);
    let binary = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter().zip(0_u32..);
    let decimal = decimal.map(|(name, power)| (name, 1000_u128.pow(power)));
    let binary = binary.map(|(name, power)| (name, 1024_u128.pow(power)));
    decimal.chain(binary).find(|(name, _)| **name == suffix).map(|(_, factor)| factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_become_units_of_compose() {
        for (text, converted) in
            [("500m", "0.5"), ("2", "2"), ("0.25", "0.25"), ("1.0001", "1.001"), ("1e1", "10"), ("0", "0")]
        {
            assert_eq!(cpus(text).as_deref(), Some(converted), "{text}");
        }
        for (text, converted) in [
            ("512Mi", "512m"),
            ("1.5Gi", "1536m"),
            ("1Gi", "1g"),
            ("128M", "125000k"),
            ("1k", "1000"),
            ("268435456", "256m"),
            ("0", "0"),
            ("1E", "976562500000000k"),
        ] {
            assert_eq!(memory(text).as_deref(), Some(converted), "{text}");
        }
        for text in ["", "m", "-1", "1.2.3", "1Zi", "1e99", "lots", "1e", "9999999999999999999"] {
            assert_eq!((cpus(text), memory(text)), (None, None), "{text}");
        }
    }
}
