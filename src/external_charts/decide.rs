//! The action for one chart, from what is installed, what is required, and who owns the release.

use super::{Marks, PlannedChart};
use crate::support::diagnostic::{Code, Diagnostic};
use serde_json::Value;

/// A release that is on the cluster.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// `NAME-VERSION` of its chart.
    pub chart: String,
    /// helm's status.
    pub status: String,
    /// Its last revision.
    pub revision: u64,
    /// Our marks; none when another client installed it.
    pub marks: Option<Marks>,
    /// The values that it was given; none when they were not asked for.
    pub values: Option<Value>,
}

/// What is to be there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    /// Name of the chart, as its Chart.yaml says it.
    pub chart: String,
    /// Version, in the same way.
    pub version: String,
    /// The marks it will have.
    pub marks: Marks,
    /// The values, as helm merges them; none when they are not known, as where a secret is not settled yet.
    pub values: Option<Value>,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// It is not there.
    Install,
    /// Another chart or version is there.
    Upgrade {
        /// The version that is there.
        from: String,
    },
    /// Only its values differ.
    Values,
    /// The last try failed, or was cut short.
    Again {
        /// helm's status.
        status: String,
    },
    /// What helm says of it is not what we would say: its packed bytes, or a mark.
    Renew,
    /// Another owner's release becomes ours.
    Adopt,
    Unchanged,
    /// Another client installed the same version.
    LeftAlone,
    /// Another client brought the same in another way.
    Used,
}

impl Action {
    /// Whether helm runs.
    pub(crate) fn is_change(&self) -> bool {
        !matches!(self, Self::Unchanged | Self::LeftAlone | Self::Used)
    }

    /// What it does to the release, for a plan.
    pub(crate) fn described(&self, version: &str) -> String {
        match self {
            Self::Install => format!("install {version}"),
            Self::Upgrade { from } => format!("upgrade {from} -> {version}"),
            Self::Values => "change values".to_owned(),
            Self::Again { status } => format!("retry, because it is {status}"),
            Self::Renew => format!("upgrade to the same version {version}, different package digest or labels"),
            Self::Adopt => format!("adopt a release of another owner, with {version}"),
            Self::Unchanged => format!("unchanged, {version}"),
            Self::Used => "not installed: the cluster already has it, and it is used".to_owned(),
            Self::LeftAlone => format!("left alone: another owner installed {version}"),
        }
    }
}

/// What is to be done. A release of another owner with another version is refused.
pub(crate) fn decide(chart: &PlannedChart, wanted: &Wanted, found: Option<&Found>) -> Result<Action, Diagnostic> {
    let Some(found) = found.filter(|found| found.status != "uninstalled") else { return Ok(Action::Install) };
    let full = format!("{}-{}", wanted.chart, wanted.version);
    let ours = found.marks.as_ref().is_some_and(|marks| {
        (&marks.application, &marks.release, &marks.namespace)
            == (&wanted.marks.application, &wanted.marks.release, &wanted.marks.namespace)
    });
    if !ours {
        if chart.adopt {
            return Ok(Action::Adopt);
        }
        return if found.chart == full && found.status == "deployed" {
            Ok(Action::LeftAlone)
        } else {
            Err(foreign(chart, &full, found))
        };
    }
    let from = found.chart.strip_prefix(&wanted.chart).and_then(|rest| rest.strip_prefix('-'));
    Ok(if from != Some(wanted.version.as_str()) {
        Action::Upgrade { from: from.unwrap_or(&found.chart).to_owned() }
    } else if found.status != "deployed" {
        Action::Again { status: found.status.clone() }
    } else if match (&found.values, &wanted.values) {
        (Some(found), Some(wanted)) => !same(found, wanted),
        _ => false,
    } {
        Action::Values
    } else if found.marks.as_ref() != Some(&wanted.marks) {
        Action::Renew
    } else {
        Action::Unchanged
    })
}

fn foreign(chart: &PlannedChart, wanted: &str, found: &Found) -> Diagnostic {
    let whose = found.marks.as_ref().map_or_else(
        || "not by this application".to_owned(),
        |marks| {
            format!("for the release {} in namespace {} of `{}`", marks.release, marks.namespace, marks.application)
        },
    );
    let state = if found.status == "deployed" { String::new() } else { format!(" ({})", found.status) };
    let what = format!(
        "the release {} in namespace {} is {}{state}, installed {whose}, and `{}` is to be {wanted}",
        chart.release, chart.namespace, found.chart, chart.name
    );
    Diagnostic::new(Code::ChartReleaseConflict, chart.place(), what).hint(
        "set the installed version to leave it alone, choose another `release` or `namespace`, or adopt it with \
        `adopt: true`",
    )
}

/// Whether two values mean the same to a chart: null is nothing, and a number is its size.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let get = |map: &'_ serde_json::Map<String, Value>, key: &str| map.get(key).cloned().unwrap_or_default();
            ours.keys().chain(theirs.keys()).all(|key| same(&get(ours, key), &get(theirs, key)))
        }
        (Value::Null, Value::Object(map)) | (Value::Object(map), Value::Null) => map.is_empty(),
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Number(ours), Value::Number(theirs)) => ours == theirs || ours.as_f64() == theirs.as_f64(),
        (ours, theirs) => ours == theirs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn chart() -> PlannedChart {
        PlannedChart {
            name: "nginx".into(),
            release: "nginx".into(),
            namespace: "web".into(),
            ..PlannedChart::default()
        }
    }

    fn marks(application: &str) -> Marks {
        Marks::new(&chart(), (application, "shop", "prod"), 0, "abc")
    }

    fn wanted() -> Wanted {
        Wanted { chart: "nginx".into(), version: "1.2.0".into(), marks: marks("shop"), values: Some(json!({"a": 1})) }
    }

    fn found(chart: &str, status: &str, whose: Option<&str>, values: Value) -> Found {
        Found { chart: chart.into(), status: status.into(), revision: 2, marks: whose.map(marks), values: Some(values) }
    }

    #[test]
    fn what_is_there_decides() {
        let good = json!({"a": 1.0, "gone": null});
        for (there, expected) in [
            (None, Action::Install),
            (Some(found("nginx-1.2.0", "deployed", Some("shop"), good.clone())), Action::Unchanged),
            (
                Some(found("nginx-1.1.0", "deployed", Some("shop"), good.clone())),
                Action::Upgrade { from: "1.1.0".into() },
            ),
            (
                Some(found("other-1.1.0", "deployed", Some("shop"), good.clone())),
                Action::Upgrade { from: "other-1.1.0".into() },
            ),
            (Some(found("nginx-1.2.0", "deployed", Some("shop"), json!({"a": 2}))), Action::Values),
            (
                Some(found("nginx-1.2.0", "failed", Some("shop"), good.clone())),
                Action::Again { status: "failed".into() },
            ),
            (
                Some(found("nginx-1.2.0", "pending-install", Some("shop"), good.clone())),
                Action::Again { status: "pending-install".into() },
            ),
            (Some(found("nginx-1.2.0", "deployed", None, json!({}))), Action::LeftAlone),
            (Some(found("nginx-1.2.0", "deployed", Some("other"), json!({}))), Action::LeftAlone),
        ] {
            assert_eq!(decide(&chart(), &wanted(), there.as_ref()).unwrap(), expected, "{there:?}");
        }
        let mut other = wanted();
        other.marks.destroy = true;
        assert_eq!(
            decide(&chart(), &other, Some(&found("nginx-1.2.0", "deployed", Some("shop"), good))).unwrap(),
            Action::Renew
        );
    }

    #[test]
    fn the_release_of_another_is_refused_or_taken_over() {
        for there in [
            found("nginx-1.1.0", "deployed", None, json!({})),
            found("nginx-1.2.0", "failed", Some("other"), json!({})),
        ] {
            let refused = decide(&chart(), &wanted(), Some(&there)).unwrap_err().to_string();
            assert!(
                refused.contains("adopt: true") && refused.contains("the release nginx in namespace web is nginx-1."),
                "{refused}"
            );
            let adopting = PlannedChart { adopt: true, ..chart() };
            assert_eq!(decide(&adopting, &wanted(), Some(&there)).unwrap(), Action::Adopt);
        }
    }
}
