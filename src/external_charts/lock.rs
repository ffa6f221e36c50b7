//! The lock file beside `aspire-k8s.yaml`: the exact version and the digest of every downloaded chart.

use super::PlannedChart;
use super::version::fits;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::yaml;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Name of the file.
pub(crate) const LOCK_FILE: &str = "aspire-k8s.lock.yaml";

const HEAD: &str = "# The charts that a deploy installs, exactly. `kubectl aspire charts update` writes it.\n";
const API_VERSION: &str = "aspire-k8s-lock/v1";

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lock {
    api_version: String,
    charts: Vec<Entry>,
}

/// One chart of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    name: String,
    chart: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    requested: String,
    version: String,
    digest: String,
}

/// What the file says of one chart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Locked {
    /// The exact version.
    pub version: String,
    /// `sha256:` and the digest of the packed chart.
    pub digest: String,
}

impl Default for Lock {
    fn default() -> Self {
        Self { api_version: API_VERSION.to_owned(), charts: Vec::new() }
    }
}

impl Lock {
    /// Reads the file.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let wrong = |what: String| {
            Diagnostic::new(Code::ChartLockOutdated, "", what).hint("`kubectl aspire charts lock` writes it again")
        };
        yaml::affordable(text).map_err(|costly| wrong(costly.to_string()))?;
        let lock: Self = serde_yaml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if lock.api_version != API_VERSION {
            return Err(Diagnostic::new(
                Code::ChartLockOutdated,
                "apiVersion",
                format!("this version reads `{API_VERSION}` only"),
            ));
        }
        let is_digest = |digest: &str| {
            digest
                .strip_prefix("sha256:")
                .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        match lock
            .charts
            .iter()
            .find(|entry| !is_digest(&entry.digest) || !crate::config::is_exact_version(&entry.version))
        {
            Some(entry) => Err(wrong(format!("the entry of {} has no exact version, or no digest", entry.name))),
            None => Ok(lock),
        }
    }

    /// The text of the file; the same charts are the same bytes.
    pub fn to_text(&self) -> String {
        format!("{HEAD}{}", serde_yaml::to_string(self).unwrap_or_default())
    }

    /// What it says of a chart as it is asked for now.
    pub fn find(&self, chart: &PlannedChart) -> Option<Locked> {
        let asked = chart.version.as_deref()?;
        let entry = self.charts.iter().find(|entry| entry.is_of(chart) && fits(&entry.version, asked))?;
        Some(Locked { version: entry.version.clone(), digest: entry.digest.clone() })
    }

    /// Puts in what was found of a chart.
    pub fn put(&mut self, chart: &PlannedChart, locked: &Locked) {
        self.charts.retain(|entry| !entry.is_of(chart));
        self.charts.push(Entry {
            name: chart.name.clone(),
            chart: chart.source.reference().to_owned(),
            repository: chart.source.repository().map(str::to_owned),
            requested: chart.version.clone().unwrap_or_default(),
            version: locked.version.clone(),
            digest: locked.digest.clone(),
        });
        self.charts.sort_by(|a, b| {
            (&a.name, &a.requested, &a.chart, &a.repository).cmp(&(&b.name, &b.requested, &b.chart, &b.repository))
        });
    }

    /// Drops what none of these charts needs.
    pub fn keep_only(&mut self, charts: &[PlannedChart]) {
        self.charts.retain(|entry| charts.iter().any(|chart| entry.is_of(chart)));
    }

    /// Writes what the file says into the charts. A chart that is fetched and not in it is refused.
    pub fn apply(&self, charts: &mut [PlannedChart]) -> Result<(), Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        for chart in charts.iter_mut().filter(|chart| chart.source.is_remote()) {
            chart.locked = self.find(chart);
            if chart.locked.is_none() {
                let version = chart.version.as_deref().unwrap_or_default();
                let known = self.charts.iter().find(|entry| entry.name == chart.name);
                let what = match known {
                    Some(entry) => format!(
                        "it contains {} {} (requested as {}), but aspire-k8s.yaml requires {} {version}",
                        entry.chart,
                        entry.version,
                        entry.requested,
                        chart.source.reference()
                    ),
                    None => format!("it does not contain the chart {}", chart.name),
                };
                diagnostics.push(
                    Diagnostic::new(Code::ChartLockOutdated, "", what)
                        .hint(format!("`kubectl aspire charts lock --chart {}` adds it", chart.name)),
                );
            }
        }
        diagnostics.or(())
    }
}

impl Entry {
    fn is_of(&self, chart: &PlannedChart) -> bool {
        self.name == chart.name
            && self.chart == chart.source.reference()
            && self.repository.as_deref() == chart.source.repository()
            && Some(self.requested.as_str()) == chart.version.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;

    fn chart(name: &str, version: &str) -> PlannedChart {
        let source = Source::Repository { chart: name.into(), url: "https://charts.example".into() };
        PlannedChart { name: name.into(), source, version: Some(version.into()), ..PlannedChart::default() }
    }

    fn locked(version: &str) -> Locked {
        Locked { version: version.into(), digest: format!("sha256:{}", "a".repeat(64)) }
    }

    #[test]
    fn a_lock_is_read_back_and_found_by_what_is_asked_for() {
        let mut lock = Lock::default();
        lock.put(&chart("b", "^1.2"), &locked("1.4.0"));
        lock.put(&chart("a", "2.0.0"), &locked("2.0.0"));
        lock.put(&chart("b", "^1.2"), &locked("1.5.0"));
        let read = Lock::parse(&lock.to_text()).unwrap();
        assert_eq!(read, lock);
        assert_eq!(read.find(&chart("b", "^1.2")), Some(locked("1.5.0")));
        for other in [chart("b", "^1.3"), chart("b", "1.5.0"), chart("c", "2.0.0")] {
            assert_eq!(read.find(&other), None);
        }
        lock.keep_only(&[chart("a", "2.0.0")]);
        assert!(!lock.to_text().contains("1.5.0"));
    }

    #[test]
    fn what_is_not_locked_is_refused_with_the_command_that_mends_it() {
        let mut lock = Lock::default();
        lock.put(&chart("a", "1.0.0"), &locked("1.0.0"));
        let mut charts = [chart("a", "1.0.0"), chart("b", "1.0.0")];
        let refused = lock.apply(&mut charts).unwrap_err().to_string();
        assert!(
            refused.contains("does not contain the chart b") && refused.contains("charts lock --chart b"),
            "{refused}"
        );
        assert!(charts[0].locked.is_some());
        let moved = lock.apply(&mut [chart("a", "1.1.0")]).unwrap_err().to_string();
        assert!(
            moved.contains("contains a 1.0.0 (requested as 1.0.0), but aspire-k8s.yaml requires a 1.1.0"),
            "{moved}"
        );
        let own = PlannedChart { source: Source::File("./x".into()), ..PlannedChart::default() };
        assert!(lock.apply(&mut [own]).is_ok());
    }

    #[test]
    fn a_file_that_is_not_ours_says_what_is_wrong() {
        for text in [
            "",
            "[]",
            "apiVersion: aspire-k8s-lock/v2\ncharts: []\n",
            "apiVersion: aspire-k8s-lock/v1\ncharts: [{name: a, chart: a, requested: 1.0.0, version: 1.0.0, digest: x}]\n",
        ] {
            assert!(Lock::parse(text).is_err(), "{text}");
        }
    }
}
