//! How large helm's record of the release will be: one Secret, which holds the chart and the objects, compressed.

use super::{Finding, Verdict};
use crate::support::redact;
use crate::support::yaml;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::io::Write as _;

/// What the data of a Secret may hold.
const LIMIT: usize = 1 << 20;

/// Finding about the record. `files` are the chart's, `manifest` what helm renders of it, `values` what it is given.
pub(crate) fn record(files: &BTreeMap<String, Vec<u8>>, manifest: &str, values: &Json) -> Finding {
    let size = size(files, manifest, values);
    let percent = size * 100 / LIMIT;
    let reason = format!("helm's record of the release has {size} bytes, {percent} % of what a Secret can hold");
    if percent < 80 {
        return Finding::new("record", Verdict::Ok, "", reason);
    }
    let verdict = if size > LIMIT { Verdict::Failed } else { Verdict::Warning };
    let reason = format!("{reason}; the largest files of the chart are {}", largest(files));
    let fix = "build large files into the image, or put them on a volume (`volumes` in aspire-k8s.yaml)";
    Finding::new("record", verdict, "", reason).fix(fix)
}

/// The bytes of the record: JSON, compressed as helm does, in base64.
pub(super) fn size(files: &BTreeMap<String, Vec<u8>>, manifest: &str, values: &Json) -> usize {
    let entry = |(path, bytes): (&String, &Vec<u8>)| json!({"name": path, "data": redact::base64(bytes)});
    let (mut templates, mut others, mut own) = (Vec::new(), Vec::new(), Map::new());
    for (path, bytes) in files {
        match path.as_str() {
            "Chart.yaml" | ".helmignore" => drop(own.insert(path.clone(), json!(String::from_utf8_lossy(bytes)))),
            "values.yaml" => drop(own.insert("values".into(), defaults(bytes))),
            "values.schema.json" => drop(own.insert("schema".into(), json!(redact::base64(bytes)))),
            _ if path.starts_with("templates/") => templates.push(entry((path, bytes))),
            _ => others.push(entry((path, bytes))),
        }
    }
    own.insert("templates".into(), Json::Array(templates));
    own.insert("files".into(), Json::Array(others));
    let release =
        json!({"info": {"status": "deployed"}, "chart": own, "config": values, "manifest": manifest, "version": 1});
    let compressed = compressed(release.to_string().as_bytes());
    compressed.div_ceil(3) * 4
}

fn defaults(bytes: &[u8]) -> Json {
    let text = str::from_utf8(bytes).ok().filter(|text| yaml::affordable(text).is_ok());
    text.and_then(|text| serde_yaml::from_str(text).ok()).unwrap_or_default()
}

fn compressed(bytes: &[u8]) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to a Vec cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().map_or(bytes.len(), |bytes| bytes.len())
}

/// The three files that take most of it.
fn largest(files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut sizes: Vec<(usize, &String)> = files.iter().map(|(path, bytes)| (compressed(bytes), path)).collect();
    sizes.sort_by(|left, right| right.cmp(left));
    let shown = sizes.into_iter().take(3).map(|(size, path)| format!("{path} ({size} bytes compressed)"));
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that nothing compresses.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        (0..length).map(next).collect()
    }

    #[test]
    fn a_record_that_does_not_fit_names_the_largest_files() {
        for (bytes, verdict) in [(100, Verdict::Ok), (640_000, Verdict::Warning), (800_000, Verdict::Failed)] {
            let files = BTreeMap::from([
                ("files/big.bin".to_owned(), noise(bytes)),
                ("templates/a.yaml".to_owned(), b"a".to_vec()),
            ]);
            let finding = record(&files, "a: b", &Json::Null);
            assert_eq!(finding.verdict, verdict, "{finding}");
            assert_eq!(finding.reason.contains("files/big.bin"), verdict != Verdict::Ok);
        }
    }
}
