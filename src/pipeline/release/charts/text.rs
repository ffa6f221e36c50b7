//! Messages about charts that could not be downloaded. Pure.

use crate::external_charts::Version;
use crate::helm::{self, Cause};

/// A version that the repository does not have, and the newest that it has.
pub(crate) fn unknown_version(chart: &str, place: &str, version: &str, newest: Option<&str>) -> (String, String) {
    let Some(newest) = newest else {
        let what = format!("{place} has no chart {chart}, or no version {version} of it");
        return (
            what,
            "check `chart`, `repository` and `version`; `helm show chart` shows an existing chart".to_owned(),
        );
    };
    let order = match (Version::parse(version), Version::parse(newest)) {
        (Some(asked), Some(newest)) if asked > newest => "; the newest is older",
        _ => "",
    };
    (format!("{place} has no version {version} of the chart {chart}{order}"), format!("the newest there is {newest}"))
}

/// A place that could not be asked.
pub(crate) fn unreachable(chart: &str, place: &str, error: &helm::Error) -> (String, String) {
    let said = last_line(error);
    let said = said.trim_start_matches("Error: ");
    let what = format!("helm cannot download the chart {chart} from {place}: {said}");
    let hint = HINTS.iter().find(|(cause, _)| error.is_for(cause)).map_or(UNKNOWN, |(_, hint)| hint);
    (what, hint.to_owned())
}

/// What to do about each cause.
const HINTS: [(Cause, &str); 3] = [
    (
        Cause::NotLoggedIn,
        "log in with `helm registry login`, or `helm repo add NAME URL --username` and `chart: NAME/CHART`",
    ),
    (Cause::PlainHttp, "the registry uses plain HTTP: set `plainHttp: true`"),
    (Cause::NoSuchRepository, "add it with `helm repo add`, or write the address as `repository`"),
];

const UNKNOWN: &str = "check that it is running and reachable";

/// The last line of what helm wrote.
pub(crate) fn last_line(error: &helm::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim().to_owned()
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
            let failure = helm::Failure::saying("helm pull", helm::Ended::Status(1), vec![said.to_owned()]);
            let error = helm::Error::Failed(Box::new(failure));
            assert!(unreachable("a", "https://h", &error).1.contains(hint), "{said}");
        }
        let (what, hint) = unknown_version("a", "https://h", "9.0.0", Some("4.1.0"));
        assert!(what.contains("no version 9.0.0 of the chart a; the newest is older") && hint.contains("4.1.0"));
        assert!(unknown_version("a", "https://h", "9.0.0", None).0.contains("no chart a, or no version 9.0.0"));
    }
}
