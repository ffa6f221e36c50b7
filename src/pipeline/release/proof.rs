//! Whether the release is what a run is about to report: compares helm's newest record with what was passed to helm.
//!
//! Helm's exit code says that helm succeeded; its record says what is deployed. Nothing is written here.

use super::installation::Installation;
use crate::cluster::state::record::Record;
use crate::pipeline::Error;
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::redact::unbase64;
use crate::targets::kubernetes::chart::Chart;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The folder whose files make the objects of a chart.
const TEMPLATES: &str = "templates/";

/// What helm was given for an upgrade.
pub(crate) struct Sent<'a> {
    pub chart: &'a Chart,
    /// The values that override all others.
    pub values: &'a Json,
}

/// An error unless the newest revision is the one after `before`, in place, and of this chart and these values.
pub(crate) fn upgraded(on: &Installation, before: u64, sent: &Sent) -> Result<(), Error> {
    let Some(record) = newest(on, "upgrade", before)? else { return Ok(()) };
    let record = record.whole();
    if !has_templates(&record["chart"], sent.chart) {
        return Err(not_applied(on, "upgrade", &format!("revision {} holds other templates", before + 1)));
    }
    match missing(sent.values, &record["config"], "") {
        Some(path) => Err(not_applied(on, "upgrade", &format!("revision {} has another value at {path}", before + 1))),
        None => Ok(()),
    }
}

/// An error unless the newest revision is the one after `before`, in place, and has the objects of `revision`.
pub(crate) fn rolled_back(on: &Installation, before: u64, revision: u64) -> Result<(), Error> {
    let Some(record) = newest(on, "rollback", before)? else { return Ok(()) };
    let wanted = Record::read(on.cluster, on.space(), &on.release.name, revision)?;
    if wanted.is_some_and(|wanted| wanted.manifest != record.manifest) {
        let what = format!("revision {} does not hold the objects of revision {revision}", before + 1);
        return Err(not_applied(on, "rollback", &what));
    }
    Ok(())
}

/// The record of the newest revision, which is the one after `before` and in place. None where helm keeps its records
/// elsewhere and says the same.
fn newest(on: &Installation, verb: &str, before: u64) -> Result<Option<Record>, Error> {
    let read = |number| Record::read(on.cluster, on.space(), &on.release.name, number);
    if let Some(record) = read(before + 1)?
        && record.status == "deployed"
        && read(before + 2)?.is_none()
    {
        return Ok(Some(record));
    }
    let found = on.helm.status(on.target)?;
    match found {
        Some(found) if found.revision == before + 1 && found.is_deployed() => Ok(read(before + 1)?),
        Some(found) => {
            let what = format!(
                "its newest revision is {} ({}), but revision {} was expected to be deployed",
                found.revision,
                found.status,
                before + 1
            );
            Err(not_applied(on, verb, &what))
        }
        None => Err(not_applied(on, verb, "there is no such release")),
    }
}

fn not_applied(on: &Installation, verb: &str, what: &str) -> Error {
    let (name, space) = (&on.release.name, on.space());
    let what = format!(
        "helm {verb} succeeded, but the {} does not match what was passed to helm: {what}",
        on.release.described()
    );
    let hint = format!(
        "`helm history {name} -n {space}` shows the revisions; find out which other client changes the release, then \
        run again"
    );
    Error::NotApplied(Diagnostic::new(Code::NotApplied, "", what).hint(hint))
}

/// Whether a chart in a record has just these templates.
fn has_templates(record: &Json, chart: &Chart) -> bool {
    let stored = record["templates"].as_array().into_iter().flatten();
    let stored: Option<BTreeMap<&str, Vec<u8>>> = stored
        .map(|file| Some((file["name"].as_str()?, unbase64(file["data"].as_str().unwrap_or_default())?)))
        .collect();
    let sent = chart.files.iter().filter(|(path, _)| path.starts_with(TEMPLATES));
    let sent: BTreeMap<&str, &[u8]> = sent.map(|(path, bytes)| (path.as_str(), plain(bytes))).collect();
    stored.is_some_and(|stored| {
        sent.len() == stored.len() && sent.iter().all(|(path, bytes)| stored.get(path).is_some_and(|it| it == bytes))
    })
}

/// Helm leaves out the mark of byte order at the start of a file.
fn plain(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

/// Characters that helm's reader of YAML takes for line breaks or does not take at all.
fn changed_by_helm(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
}

/// The path of a value that was sent and is not recorded; values themselves are never told. Helm leaves out a null.
fn missing(sent: &Json, recorded: &Json, path: &str) -> Option<String> {
    match sent {
        Json::Null => None,
        Json::Object(fields) => fields.iter().find_map(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            missing(value, &recorded[key], &path)
        }),
        // Helm may write the same number in another form.
        // What helm 4 does not bring unchanged was told before; it is no other value.
        Json::String(text) if recorded.is_string() && text.contains(changed_by_helm) => None,
        Json::Number(number) if number.as_f64() == recorded.as_f64() => None,
        other => (other != recorded).then(|| path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_sent_is_recorded() {
        let recorded = json!({"a": {"b": 1.0, "c": ["x"], "s": "x y"}, "more": true});
        for (sent, expected) in [
            (json!({"a": {"b": 1, "c": ["x"], "n": null}, "gone": null, "none": {}}), None),
            (json!({"a": {"b": 2}}), Some("a.b")),
            (json!({"a": {"s": "x\u{85}y"}}), None),
            (json!({"a": {"c": ["x", "y"]}}), Some("a.c")),
            (json!({"a": {"d": "secret"}}), Some("a.d")),
            (json!({"more": {"deep": 1}}), Some("more.deep")),
        ] {
            assert_eq!(missing(&sent, &recorded, "").as_deref(), expected, "{sent}");
        }
    }

    #[test]
    fn templates_are_compared_by_their_bytes() {
        let chart = |text: &str| Chart {
            files: [("Chart.yaml", "x"), ("templates/a.yaml", text)]
                .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
                .into(),
        };
        let record = json!({"templates": [{"name": "templates/a.yaml", "data": "YQ=="}]});
        assert!(has_templates(&record, &chart("a")) && has_templates(&record, &chart("\u{feff}a")));
        assert!(!has_templates(&record, &chart("b")));
        assert!(!has_templates(&json!({"templates": null}), &chart("a")));
        assert!(!has_templates(&json!({"templates": [{"name": "templates/a.yaml", "data": "?"}]}), &chart("a")));
    }
}
