//! `charts:` of the configuration to planned charts.

use super::{PlannedChart, Source, certificates};
use crate::config::{ChartKind, Config};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::yaml;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The charts of the intent, what needs others after what it needs; the files of values are still to be read.
pub fn plan(config: &Config) -> Vec<PlannedChart> {
    let own = config.charts.keys().map(|name| planned_chart(config, name));
    ordered(certificates::cert_manager(config).into_iter().chain(own).collect())
}

/// The same charts, what needs others after what it needs.
pub(crate) fn ordered(charts: Vec<PlannedChart>) -> Vec<PlannedChart> {
    let indices: BTreeMap<&str, usize> =
        charts.iter().enumerate().map(|(index, chart)| (chart.name.as_str(), index)).collect();
    // How many each waits for, and who waits for it.
    let mut waits = vec![0_usize; charts.len()];
    let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); charts.len()];
    for (index, chart) in charts.iter().enumerate() {
        for need in chart.needs.iter().filter_map(|need| indices.get(need.as_str())) {
            waits[index] += 1;
            waiting[*need].push(index);
        }
    }
    let mut ready: BTreeSet<usize> = (0..charts.len()).filter(|index| waits[*index] == 0).collect();
    let mut order = Vec::new();
    while let Some(next) = ready.pop_first() {
        order.push(next);
        for other in &waiting[next] {
            waits[*other] -= 1;
            if waits[*other] == 0 {
                ready.insert(*other);
            }
        }
    }
    // Circles were refused when the file was read.
    order.extend((0..charts.len()).filter(|index| waits[*index] > 0));
    let mut left: Vec<Option<PlannedChart>> = charts.into_iter().map(Some).collect();
    order.into_iter().filter_map(|index| left[index].take()).collect()
}

fn planned_chart(config: &Config, name: &str) -> PlannedChart {
    let chart = &config.charts[name];
    let (release, namespace) = chart.target(name);
    let source = match (chart.kind(), &chart.repository) {
        (ChartKind::Oci, _) => Source::Oci { reference: chart.chart.clone(), plain_http: chart.plain_http },
        (ChartKind::File, _) => Source::File(chart.chart.clone()),
        (ChartKind::Name, Some(url)) => Source::Repository { chart: chart.chart.clone(), url: url.clone() },
        (ChartKind::Name, None) => Source::Known(chart.chart.clone()),
    };
    PlannedChart {
        name: name.to_owned(),
        source,
        version: chart.version.clone(),
        locked: None,
        release: release.to_owned(),
        namespace: namespace.to_owned(),
        values_files: chart.values_files.iter().map(|file| (file.clone(), String::new())).collect(),
        values: chart.values.clone(),
        values_from: chart.values_from.clone(),
        phase: chart.phase(),
        needs: chart.needs.clone(),
        wait_for: chart.wait_for.clone(),
        destroy: chart.destroy,
        force_conflicts: chart.force_conflicts,
        adopt: chart.adopt,
        unless: None,
        tried: false,
    }
}

/// Reads the files of values into the charts. `read` says what is in a file.
pub fn with_texts(
    mut charts: Vec<PlannedChart>,
    mut read: impl FnMut(&str) -> Result<String, String>,
) -> Result<Vec<PlannedChart>, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    for chart in &mut charts {
        let place = chart.place().key("valuesFiles");
        for (file, text) in &mut chart.values_files {
            match read(file) {
                Ok(found) => {
                    if let Err(costly) = yaml::affordable(&found) {
                        diagnostics.push(Diagnostic::new(
                            Code::TooComplex,
                            &place,
                            format!("cannot read {file}: {costly}"),
                        ));
                        continue;
                    }
                    let parsed = serde_yaml::from_str::<Value>(&found);
                    if !parsed.is_ok_and(|value| value.is_object() || value.is_null()) {
                        // Its text may hold secrets, and so may what the parser says of it.
                        diagnostics.push(Diagnostic::new(
                            Code::WrongType,
                            &place,
                            format!("{file} is not a YAML map of values"),
                        ));
                    }
                    *text = found;
                }
                Err(why) => {
                    diagnostics.push(Diagnostic::new(
                        Code::UnreadableFile,
                        &place,
                        format!("cannot read {file}: {why}"),
                    ));
                }
            }
        }
    }
    diagnostics.or(charts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_stand_after_what_they_need() {
        let config = crate::config::parse(
            "charts:\n  a: {chart: ./a, needs: [c]}\n  b: {chart: oci://h/b, version: 1.0.0, phase: after}\n  c: {chart: r/c, version: ^1.0}\n  d: {chart: d, repository: 'https://h', version: 1.0.0, namespace: n, release: r}\n",
        )
        .unwrap();
        let charts = plan(&config);
        assert_eq!(charts.iter().map(|chart| &*chart.name).collect::<Vec<_>>(), ["b", "c", "a", "d"]);
        assert_eq!(charts[3].source, Source::Repository { chart: "d".into(), url: "https://h".into() });
        assert_eq!((&*charts[3].release, &*charts[3].namespace, &*charts[0].namespace), ("r", "n", "b"));
        assert_eq!((charts[1].exact(), charts[0].exact()), (None, Some("1.0.0")));
        assert_eq!(charts[0].described(), "b 1.0.0 into b");
    }

    #[test]
    fn files_of_values_are_maps() {
        let config = crate::config::parse("charts: {a: {chart: ./a, valuesFiles: [good, none, bad]}}").unwrap();
        let read = |file: &str| match file {
            "good" => Ok("a: {b: 1}\n".to_owned()),
            "bad" => Ok("- secret\n".to_owned()),
            _ => Err("not there".to_owned()),
        };
        let said = with_texts(plan(&config), read).unwrap_err().to_string();
        assert!(said.contains("cannot read none: not there") && said.contains("bad is not a YAML map"), "{said}");
        assert!(!said.contains("secret"));
    }
}
