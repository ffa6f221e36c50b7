//! Files that a configuration, a folder or a manifest names and that are not what they should be: devices, FIFOs, links,
//! somebody's token.

#![cfg(unix)]

use crate::{aspire, inputs};
use rustix::fs::{CWD, FileType, mknodat};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, 0o600.into(), 0).unwrap();
}

/// A folder with a chart of ours in `chart`, and a manifest in `app.json`.
fn rendered() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let chart = folder.path().join("chart");
    fs::copy(inputs().join("app.json"), folder.path().join("app.json")).unwrap();
    aspire(["render", "app.json", "-o", "chart"]).within(folder.path()).run().ok();
    (folder, chart)
}

#[test]
fn a_configuration_reads_regular_files_only_and_shows_none() {
    let (folder, _) = rendered();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("token"), "eyJhbGciOiJSUzI1NiJ9").unwrap();
    fifo(&at("fifo"));
    fs::File::create(at("huge")).unwrap().set_len((64 << 20) + 1).unwrap();
    // Nobody answers there, and nobody is asked.
    let kubeconfig = r#"{"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}], "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}]}"#;
    fs::write(at("kubeconfig"), kubeconfig).unwrap();
    let sealed = |file: &str| format!("secrets: {{sealed: {{file: {file}}}}}\n");
    let chart = |file: &str| format!("charts: {{c: {{chart: ./chart, valuesFiles: [{file}]}}}}\n");
    for (config, said) in [
        (sealed("token"), "it is not a valid file of sealed values (line 1 column 1)"),
        (sealed("fifo"), "fifo: it is a FIFO, not a regular file"),
        (sealed("/dev/zero"), "/dev/zero: it is a device, not a regular file"),
        (sealed("huge"), "huge: it has more than 64 MiB"),
        (sealed("chart"), "chart: it is a folder, not a regular file"),
        (chart("/dev/zero"), "it is a device, not a regular file"),
        (chart("fifo"), "it is a FIFO, not a regular file"),
        (chart("huge"), "it has more than 64 MiB"),
    ] {
        fs::write(at("aspire-k8s.yaml"), &config).unwrap();
        let verb: &[&str] = if config.starts_with("charts") { &["plan", "app.json"] } else { &["render", "app.json"] };
        let ran = aspire(verb).env("KUBECONFIG", at("kubeconfig")).within(folder.path()).run();
        assert_eq!(ran.code, 1, "{config}{}", ran.err);
        assert!(ran.err.contains(said) && !ran.err.contains("eyJ"), "{config}{}", ran.err);
    }
    fs::remove_file(at("aspire-k8s.yaml")).unwrap();
    for args in [
        ["render", "fifo", "--tag=1"],
        ["render", "app.json", "--config=fifo"],
        ["inputs", "app.json", "--config=/dev/zero"],
    ] {
        let ran = aspire(args).within(folder.path()).run();
        assert!(ran.code == 1 && ran.err.contains("not a regular file"), "{args:?}: {}", ran.err);
    }
    for flag in ["--parameter-file=fifo", "--parameter-file=/dev/zero", "--parameter-from=db-password=fifo"] {
        let ran = aspire(["render", "app.json", "--format=yaml", "--tag=1", flag]).within(folder.path()).run();
        assert!(ran.code == 1 && ran.err.contains("not a regular file"), "{flag}: {}", ran.err);
    }
}

/// A link travels in version control: what it leads to on the machine that runs us is nobody's to show.
#[test]
fn a_check_follows_no_links_and_shows_no_escapes() {
    let (folder, chart) = rendered();
    fs::write(folder.path().join("secret"), "CI_TOKEN=ghp_topsecret\n").unwrap();
    let check = || aspire(["render", "app.json", "--check", "-o", "chart"]).within(folder.path()).run();
    fs::remove_file(chart.join("README.md")).unwrap();
    symlink(folder.path().join("secret"), chart.join("README.md")).unwrap();
    symlink(folder.path().join("secret"), chart.join("templates/more.yaml")).unwrap();
    let ran = check();
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert_eq!(ran.out, "Only a file belongs there: a/README.md is a link\n");
    fs::remove_file(chart.join("README.md")).unwrap();
    fifo(&chart.join("README.md"));
    assert_eq!(check().out, "Only a file belongs there: a/README.md is a FIFO\n");
    fs::remove_file(chart.join("README.md")).unwrap();
    fs::write(chart.join("README.md"), "\x1b]0;owned\x07\n").unwrap();
    let ran = check();
    assert!(ran.out.contains("-\\u{1b}]0;owned\\u{7}\n") && !ran.out.contains('\x1b'), "{}", ran.out);
    // The folder of templates is a link: nothing below it is ours.
    fs::rename(chart.join("templates"), folder.path().join("elsewhere")).unwrap();
    symlink("../elsewhere", chart.join("templates")).unwrap();
    assert_eq!(check().code, 2);
}

#[test]
fn a_render_takes_links_along_and_never_waits() {
    let (folder, chart) = rendered();
    let render = || aspire(["render", "app.json", "-o", "chart"]).within(folder.path()).run();
    symlink("/dev/zero", chart.join("templates/more.yaml")).unwrap();
    render().ok();
    assert_eq!(fs::read_link(chart.join("templates/more.yaml")).unwrap(), Path::new("/dev/zero"));
    fifo(&chart.join("templates/fifo.yaml"));
    let ran = render();
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("templates/fifo.yaml: it is a FIFO; remove it from the folder"), "{}", ran.err);
}

#[test]
fn a_chart_as_source_holds_files_only() {
    let (folder, chart) = rendered();
    fs::remove_file(folder.path().join("app.json")).unwrap();
    // Without a cluster no plan comes, but the chart is read before.
    let plan = || aspire(["plan", "chart"]).within(folder.path()).run();
    assert!(!plan().err.contains("chart/"), "{}", plan().err);
    symlink("/proc/self/environ", chart.join("files.txt")).unwrap();
    let ran = plan();
    assert!(ran.code == 1 && ran.err.contains("files.txt: it is a link, not a regular file"), "{}", ran.err);
    fs::remove_file(chart.join("files.txt")).unwrap();
    fifo(&chart.join("files.txt"));
    assert!(plan().err.contains("files.txt: it is a FIFO, not a regular file"), "{}", plan().err);
}

/// The name of the annotation somewhere in a text makes nobody's chart ours.
#[test]
fn a_chart_is_ours_by_its_annotation_alone() {
    let (folder, chart) = rendered();
    let ours = fs::read_to_string(chart.join("Chart.yaml")).unwrap();
    for (text, code) in [
        ("name: mine\ndescription: 'has no aspire-k8s/generated-by: mark'\n", 1),
        ("name: mine\nannotations:\n  note: |\n    aspire-k8s/generated-by: x\n", 1),
        ("name: mine\n# aspire-k8s/generated-by: x\n", 1),
        (&ours, 0),
    ] {
        fs::write(chart.join("Chart.yaml"), text).unwrap();
        let ran = aspire(["render", "app.json", "-o", "chart"]).within(folder.path()).run();
        assert_eq!(ran.code, code, "{text}{}", ran.err);
    }
}
