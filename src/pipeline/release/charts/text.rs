//! Sentences about charts that could not be fetched. Pure.

use crate::external_charts::Version;

/// A version that the repository does not have, and the newest that it has.
pub fn unknown_version(chart: &str, place: &str, version: &str, newest: Option<&str>) -> (String, String) {
    let Some(newest) = newest else {
        let what = format!("{place} has no chart {chart}, or no version {version} of it");
        return (what, "check `chart`, `repository` and `version`; `helm show chart` shows what there is".to_owned());
    };
    let order = match (Version::parse(version), Version::parse(newest)) {
        (Some(asked), Some(newest)) if asked > newest => "; the newest is older than that",
        _ => "",
    };
    (format!("{place} has no version {version} of the chart {chart}{order}"), format!("the newest there is {newest}"))
}

/// A place that could not be asked.
pub fn unreachable(chart: &str, place: &str, said: &str) -> (String, String) {
    let said = said.trim_start_matches("Error: ");
    let what = format!("helm cannot fetch the chart {chart} from {place}: {said}");
    let hint =
        if said.contains("401") || said.contains("403") || said.contains("unauthorized") || said.contains("denied") {
            "log in with `helm registry login`, or `helm repo add NAME URL --username` and `chart: NAME/CHART`"
        } else if said.contains("server gave HTTP response to HTTPS client") {
            "the registry speaks plain HTTP: `plainHttp: true`"
        } else if said.contains("repo ") && said.contains("not found") {
            "add it with `helm repo add`, or write the address as `repository`"
        } else {
            "is it up, and reachable from here?"
        };
    (what, hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_out_is_named() {
        for (said, hint) in [
            ("Error: ... 401 Unauthorized", "helm registry login"),
            ("http: server gave HTTP response to HTTPS client", "plainHttp"),
            ("Error: repo bitnami not found", "helm repo add"),
            ("dial tcp 127.0.0.1:1: connect: connection refused", "reachable"),
        ] {
            assert!(unreachable("a", "https://h", said).1.contains(hint), "{said}");
        }
        let (what, hint) = unknown_version("a", "https://h", "9.0.0", Some("4.1.0"));
        assert!(what.contains("no version 9.0.0 of the chart a; the newest is older") && hint.contains("4.1.0"));
        assert!(unknown_version("a", "https://h", "9.0.0", None).0.contains("no chart a, or no version 9.0.0"));
    }
}
