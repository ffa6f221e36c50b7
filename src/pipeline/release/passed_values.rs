//! Chart values that a user passed to a deploy (`--values`, `--set`). They are not stored for later deploys. Their keys are in
//! helm's record of the revision, so that a deploy without them does not remove them unnoticed, and a rollback restores them.
//!
//! Anyone who can write Secrets in the namespace can write a record. The keys in it are shown and can stop a deploy, and
//! nothing else.

use crate::cluster::state::record::Record;
use crate::cluster::state::records::in_force;
use crate::pipeline::Error;
use crate::support::diagnostic::{Code, Diagnostic};
use crate::targets::kubernetes::chart_values::{ValuePath, at, leaves, written};
use serde_json::{Map, Value as Json, json};

/// The key under `global.aspire` in the values of a revision.
const KEYS: &str = "passed";

/// The number of keys in a message.
const NAMED: usize = 20;

/// Longer keys in a record are ignored.
const LONGEST: usize = 253;

/// What to store under `global.aspire` in the values of a revision; an empty map if no values were passed.
pub(crate) fn remembered(passed: &Map<String, Json>) -> Json {
    let paths: Vec<ValuePath> = leaves(passed).into_iter().map(|(path, _)| path).collect();
    if paths.is_empty() { json!({}) } else { json!({KEYS: paths}) }
}

/// A value that was passed to an earlier deploy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Earlier {
    path: ValuePath,
    /// None if the record does not contain it.
    value: Option<Json>,
}

/// The values that were passed for the deployed revision, or else for the last attempt.
pub(crate) fn before(records: &[Record]) -> Vec<Earlier> {
    in_force(records).map(|record| of_values(&record.whole()["config"])).unwrap_or_default()
}

fn of_values(values: &Json) -> Vec<Earlier> {
    let paths: Vec<ValuePath> = serde_json::from_value(values["global"]["aspire"][KEYS].clone()).unwrap_or_default();
    let legal = |key: &String| key.len() <= LONGEST && !key.chars().any(char::is_control);
    let paths = paths.into_iter().filter(|path| !path.is_empty() && path.iter().all(legal));
    paths.map(|path| Earlier { value: at(values, &path).cloned(), path }).collect()
}

/// Refuses a deploy that would remove values that were passed to an earlier one. `chart` has all chart values of this deploy,
/// including those that are passed now.
pub(crate) fn check(before: &[Earlier], now: &Map<String, Json>, chart: &Json) -> Result<(), Error> {
    let again: Vec<ValuePath> = leaves(now).into_iter().map(|(path, _)| path).collect();
    let is_kept = |passed: &&Earlier| again.contains(&passed.path) || at(chart, &passed.path) == passed.value.as_ref();
    let gone: Vec<String> =
        before.iter().filter(|passed| !is_kept(passed)).map(|passed| written(&passed.path)).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let more = match gone.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = gone.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let what = format!("the release was deployed with chart values that this run does not set: {named}{more}");
    let hint = "pass them again with --values or --set, set them under `values` in aspire-k8s.yaml, or remove them with \
                --reset-values";
    Err(Error::Refused(Diagnostic::new(Code::PassedValuesMissing, "", what).hint(hint).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(values: &Json) -> Map<String, Json> {
        values.as_object().cloned().unwrap_or_default()
    }

    /// What the next deploy says of a release that was passed `first`.
    fn next(first: &Json, now: &Json, chart: &Json) -> Option<String> {
        let mut recorded = first.clone();
        recorded["global"] = json!({"aspire": remembered(&passed(first))});
        check(&of_values(&recorded), &passed(now), chart).err().map(|error| error.to_string())
    }

    #[test]
    fn what_was_passed_must_be_passed_again_or_stand_in_the_file() {
        let first = json!({"workloads": {"api": {"replicas": 2, "env": {"A.B": "x"}}}});
        let all = next(&first, &json!({}), &json!({})).unwrap();
        assert!(
            all.contains("workloads.api.replicas, workloads.api.env.A\\.B\n") && all.contains("--reset-values"),
            "{all}"
        );
        let one = json!({"workloads": {"api": {"replicas": 5}}});
        let other = next(&first, &one, &one).unwrap();
        assert!(other.contains("does not set: workloads.api.env.A\\.B\n"), "{other}");
        assert_eq!(next(&first, &first, &first), None);
        assert_eq!(next(&first, &json!({}), &first), None, "the file says the same now");
        assert_eq!(next(&json!({}), &json!({}), &json!({})), None);
    }

    #[test]
    fn a_planted_record_says_no_more_than_names() {
        let planted = json!({"global": {"aspire": {KEYS: [["a\u{1b}[2J"], [], ["x".repeat(300)], ["ok"]]}}});
        assert_eq!(of_values(&planted).len(), 1);
        for odd in [json!(null), json!({"global": []}), json!({"global": {"aspire": {KEYS: {"a": 1}}}})] {
            assert!(of_values(&odd).is_empty(), "{odd}");
        }
        let keys: Vec<_> = (0..500).map(|number| [format!("k{number}")]).collect();
        let mut values: Json = keys.iter().map(|[key]| (key.clone(), json!(1))).collect::<Map<_, _>>().into();
        values["global"] = json!({"aspire": {KEYS: keys}});
        let many = of_values(&values);
        let said = check(&many, &Map::new(), &json!({})).unwrap_err().to_string();
        assert!(said.contains("k19 and 480 more") && !said.contains("k20"), "{said}");
    }
}
