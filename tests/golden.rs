//! Whole charts as they are, so that a change of what people get is seen in a review.

use crate::program::{render, tree};
use std::fmt::Write as _;
use std::path::Path;

macro_rules! charts {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), chart(stringify!($name)));
        })*
    };
}

charts! {
    bind_mounts
    dapr
    http2
    parameters
}

/// Written when there was no other number: what live releases have never changes.
const OLDEST: &str = "compatibility: 1\n";

/// Known servers are asked whether they are ready.
#[test]
fn probes() {
    let all = chart_of(Path::new("tests/inputs/manifests/http2.json"), None);
    let wanted = ["Chart.yaml", "aspire.json", "values.yaml"];
    let files: Vec<&str> = all.split("=== ").filter(|file| wanted.iter().any(|name| file.starts_with(name))).collect();
    insta::assert_snapshot!("probes", files.join("=== "));
}

/// With its own intent, so in a folder of its own; the files that every chart has are left to the others.
#[test]
fn routes() {
    let all = chart_of(Path::new("tests/inputs/routes/aspire-manifest.json"), None);
    let routes = ["public", "found", "edge", "shared"].map(|name| format!("templates/{name}/"));
    let wanted = |path: &str| path.starts_with("values") || routes.iter().any(|route| path.starts_with(route));
    let files: Vec<&str> = all.split("=== ").filter(|file| wanted(file)).collect();
    insta::assert_snapshot!("routes", files.join("=== "));
}

/// All files of the chart of one of our manifests, one after the other.
fn chart(name: &str) -> String {
    chart_of(Path::new(&format!("tests/inputs/manifests/{}.json", name.replace('_', "-"))), Some(OLDEST))
}

fn chart_of(manifest: &Path, intent: Option<&str>) -> String {
    let folder = tempfile::tempdir().expect("there should be room for a folder");
    let chart = folder.path().join("chart");
    let config = folder.path().join("aspire-k8s.yaml");
    let mut more = Vec::new();
    if let Some(intent) = intent {
        std::fs::write(&config, intent).expect("the intent should be written");
        more.extend(["--config", config.to_str().expect("a temporary folder has a plain name")]);
    }
    render(&Path::new(env!("CARGO_MANIFEST_DIR")).join(manifest), &chart, &more).expect("`render`");
    tree(&chart).iter().fold(String::new(), |mut all, (path, content)| {
        let _ = write!(all, "=== {path}\n{}\n", readable(content));
        all
    })
}

/// Text as it is, and what is none with its bytes escaped.
fn readable(content: &[u8]) -> String {
    String::from_utf8(content.to_vec()).unwrap_or_else(|_| content.escape_ascii().to_string())
}
