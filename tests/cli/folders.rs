//! What lands in folders, what stays, and what an interrupted run leaves.

use crate::aspire::shown;
use crate::helm::helm;
use crate::{aspire, inputs};
use serde_json::{Map, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tempfile::TempDir;

type Files = BTreeMap<String, Vec<u8>>;

/// All files below a folder; a link is what it points to.
fn tree(folder: &Path) -> Files {
    let mut files = Files::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().display().to_string(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn render(chart: &Path, more: &[&str]) -> String {
    aspire(["render", "app.json", "-o"]).args([chart]).args(more).run().ok()
}

fn fresh() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let chart = folder.path().join("chart");
    (folder, chart)
}

/// A manifest whose resources are `names`, each a container with a file of its own.
fn manifest(folder: &Path, names: &[String], tag: &str) -> PathBuf {
    let resources: Map<String, serde_json::Value> = names
        .iter()
        .map(|name| {
            let mounts = json!([{"source": "settings.ini", "target": "/settings.ini"}]);
            (name.clone(), json!({"type": "container.v0", "image": format!("web:{tag}"), "bindMounts": mounts}))
        })
        .collect();
    fs::write(folder.join("settings.ini"), "a=1\n").unwrap();
    let file = folder.join("aspire-manifest.json");
    fs::write(&file, json!({ "resources": resources }).to_string()).unwrap();
    file
}

#[test]
fn new_empty_and_own_folders_get_the_same_chart() {
    let (folder, chart) = fresh();
    let said = aspire(["render", "app.json", "-o"]).args([&chart]).run();
    insta::assert_snapshot!(shown("render", &said, Some(folder.path())));
    let first = tree(&chart);
    let empty = folder.path().join("a/b/empty");
    fs::create_dir_all(&empty).unwrap();
    render(&empty, &[]);
    assert_eq!(tree(&empty), first);
    render(&folder.path().join("c/d/new"), &[]);
    assert_eq!(tree(&folder.path().join("c/d/new")), first);
    render(&chart, &[]);
    assert_eq!(tree(&chart), first);
    let beside: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 3, "something was left beside the chart: {beside:?}");
}

/// Without -o, the folder is called like the chart.
#[test]
fn the_folder_has_the_name_of_the_chart() {
    let (folder, _) = fresh();
    let file = manifest(folder.path(), &["web".into()], "1");
    let config = folder.path().join("aspire-k8s.yaml");
    fs::write(config, "chart: {name: my-shop}\n").unwrap();
    aspire(["render"]).args([file]).within(folder.path()).run().ok();
    assert!(folder.path().join("my-shop/Chart.yaml").is_file());
}

#[cfg(unix)]
#[test]
fn what_a_person_added_stays() {
    let (folder, chart) = fresh();
    let file = manifest(folder.path(), &["web".into(), "old".into()], "1");
    aspire(["render", "-o"]).args([&chart]).args([&file]).run().ok();
    let added = [
        "values-mine.yaml",
        "templates/extra.yaml",
        "templates/old/mine.yaml",
        "files/mine.txt",
        "files/old/mine.txt",
        ".gitignore",
    ];
    for path in added {
        fs::create_dir_all(chart.join(path).parent().unwrap()).unwrap();
        fs::write(chart.join(path), path).unwrap();
    }
    std::os::unix::fs::symlink("/nowhere/at/all", chart.join("dangling")).unwrap();
    std::os::unix::fs::symlink("templates", chart.join("link")).unwrap();
    assert!(chart.join("files/old/settings.ini").is_file());
    let file = manifest(folder.path(), &["web".into()], "2");
    aspire(["render", "-o"]).args([&chart]).args([&file]).run().ok();
    for path in added {
        assert_eq!(fs::read_to_string(chart.join(path)).unwrap(), path);
    }
    assert_eq!(fs::read_link(chart.join("dangling")).unwrap(), Path::new("/nowhere/at/all"));
    assert_eq!(fs::read_link(chart.join("link")).unwrap(), Path::new("templates"));
    assert!(!chart.join("files/old/settings.ini").exists() && !chart.join("templates/old/deployment.yaml").exists());
}

#[test]
fn a_resource_that_left_loses_its_folder() {
    let (folder, chart) = fresh();
    let file = manifest(folder.path(), &["web".into(), "old".into()], "1");
    aspire(["render", "-o"]).args([&chart]).args([&file]).run().ok();
    assert!(chart.join("templates/old").is_dir() && chart.join("files/old").is_dir());
    let file = manifest(folder.path(), &["web".into()], "1");
    aspire(["render", "-o"]).args([&chart]).args([&file]).run().ok();
    assert!(!chart.join("templates/old").exists() && !chart.join("files/old").exists());
}

/// The values of an environment that the intent no longer has go too.
#[test]
fn an_environment_that_left_loses_its_values() {
    let (_folder, chart) = fresh();
    render(&chart, &["--config=environments.yaml"]);
    assert!(chart.join("values-production.yaml").is_file());
    render(&chart, &[]);
    assert!(!chart.join("values-production.yaml").exists());
}

/// A link to a folder is where a person wants the chart; it stays a link.
#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let (folder, chart) = fresh();
    let real = folder.path().join("elsewhere/real");
    fs::create_dir_all(&real).unwrap();
    std::os::unix::fs::symlink(&real, &chart).unwrap();
    render(&chart, &[]);
    render(&chart, &[]);
    assert_eq!(fs::read_link(&chart).unwrap(), real);
    assert!(real.join("Chart.yaml").is_file());
}

#[test]
fn check_compares_and_writes_nothing() {
    let (folder, chart) = fresh();
    let check = |more: &[&str]| aspire(["render", "app.json", "--check", "-o"]).args([&chart]).args(more).run();
    let missing = check(&[]);
    assert_eq!(missing.code, 2);
    assert!(missing.out.contains("--- /dev/null\n+++ b/Chart.yaml"), "{}", missing.out);
    assert!(!chart.exists());
    render(&chart, &[]);
    let before = tree(&chart);
    let same = check(&[]);
    assert_eq!((same.code, same.out.as_str()), (0, ""));
    fs::write(chart.join("templates/extra.yaml"), "mine").unwrap();
    assert_eq!(check(&[]).code, 0, "a file of a person is no difference");
    fs::remove_file(chart.join("templates/extra.yaml")).unwrap();

    fs::remove_file(chart.join("templates/api/service.yaml")).unwrap();
    fs::create_dir(chart.join("templates/gone")).unwrap();
    fs::copy(chart.join("templates/api/configmap.yaml"), chart.join("templates/gone/configmap.yaml")).unwrap();
    fs::write(chart.join("Chart.yaml"), String::from_utf8_lossy(&before["Chart.yaml"]).replace("0.1.0", "0.0.1"))
        .unwrap();
    let touched = tree(&chart);
    let differs = check(&[]);
    assert_eq!(differs.code, 2);
    insta::assert_snapshot!(shown("check", &differs, Some(folder.path())));
    assert_eq!(tree(&chart), touched);
}

#[test]
fn standard_output_gets_every_file() {
    let (_folder, chart) = fresh();
    let printed = aspire(["render", "app.json", "-o", "-"]).run();
    assert_eq!(printed.code, 0);
    render(&chart, &[]);
    let mut whole = String::new();
    for (path, bytes) in tree(&chart) {
        whole.extend(["---\n# Source: ", &path, "\n", str::from_utf8(&bytes).unwrap()]);
    }
    assert_eq!(printed.out, whole);
    assert!(!inputs().join("-").exists());
}

#[test]
fn refused_folders() {
    let (folder, chart) = fresh();
    let mut report = String::new();
    let mut refused = |title: &str, output: &Path, within: Option<&Path>| {
        let start = aspire(["render", "-o"]).args([output]).args([inputs().join("app.json")]);
        let ran = within
            .map_or_else(|| aspire(["render", "-o"]).args([output]).args(["app.json"]), |at| start.within(at))
            .run();
        assert_eq!(ran.code, 1, "{title}: {}", ran.err);
        report.push_str(&shown(title, &ran, Some(folder.path())));
    };
    let foreign = folder.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("Chart.yaml"), "name: mine\n").unwrap();
    refused("somebody else's chart", &foreign, None);
    refused("a file", &foreign.join("Chart.yaml"), None);
    refused("below a file", &foreign.join("Chart.yaml/chart"), None);
    refused("the current folder", Path::new("."), Some(&foreign));
    refused("above the current folder", Path::new(".."), Some(&foreign));
    insta::assert_snapshot!(report);
    assert_eq!(tree(&foreign).len(), 1);
    assert!(!chart.exists());
}

/// Root may write everywhere, so the kernel's own folder stands for one where nobody may.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_where_nothing_can_be_made() {
    let ran = aspire(["render", "app.json", "-o", "/proc/chart"]).run();
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(shown("read-only", &ran, None));
}

#[test]
fn plain_objects_to_a_folder() {
    let Some(helm) = helm() else { return };
    let (folder, chart) = fresh();
    let yaml = |output: &str, more: &[&str]| {
        let args = ["render", "app.json", "--format", "yaml", "--tag", "1", "-o"];
        aspire(args).args([output]).args(more).env("HELM_BIN", &helm).run()
    };
    let printed = yaml("-", &[]).ok();
    assert!(!printed.contains("stringData:\n  db-password: \"\""), "{printed}");
    let target = chart.display().to_string();
    let said = yaml(&target, &[]);
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
    assert_eq!(tree(&chart), Files::from([("objects.yaml".to_owned(), printed.clone().into_bytes())]));
    let mut report = shown("objects", &said, Some(folder.path()));

    // What an interrupted run left is no obstacle; anything else is.
    fs::write(chart.join(".aspire-render-x1"), "half").unwrap();
    yaml(&target, &[]).ok();
    fs::write(chart.join("mine.yaml"), "mine").unwrap();
    report.push_str(&shown("other files", &yaml(&target, &[]), Some(folder.path())));
    let other = folder.path().join("shop");
    render(&other, &[]);
    report.push_str(&shown("a chart", &yaml(&other.display().to_string(), &[]), Some(folder.path())));
    let file = chart.join("mine.yaml").display().to_string();
    report.push_str(&shown("a file", &yaml(&file, &[]), Some(folder.path())));
    report.push_str(&shown("release", &yaml("-", &["--release", "Not_Legal"]), None));
    report.push_str(&shown("namespace", &yaml("-", &["-n", "Not_Legal"]), None));
    insta::assert_snapshot!(report);
}

/// The password is masked unless somebody asks, and never goes to helm when it is not shown.
#[test]
fn secrets_are_shown_on_request_only() {
    let Some(helm) = helm() else { return };
    let start = || {
        aspire(["render", "app.json", "--format=yaml", "--tag=1", "--parameter=db-password=hunter2/?"])
            .env("HELM_BIN", &helm)
    };
    let masked = start().run().ok();
    assert!(!masked.contains("hunter2"), "{masked}");
    let shown = start().args(["--show-secrets"]).run().ok();
    assert!(shown.contains("db-password: \"hunter2/?\"") && shown.contains("hunter2%2F%3F"), "{shown}");
}

/// Inode and time of the last change of every file and folder below a folder, itself included.
#[cfg(unix)]
fn marks(folder: &Path) -> BTreeMap<PathBuf, (u64, i64, i64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = folder.symlink_metadata().unwrap();
    let mut found = BTreeMap::from([(folder.to_owned(), (metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))]);
    if metadata.is_dir() {
        for entry in fs::read_dir(folder).unwrap() {
            found.extend(marks(&entry.unwrap().path()));
        }
    }
    found
}

/// A render that changes nothing writes nothing, also not beside the chart; a changed number of replicas is
/// one file and the digests in `aspire.json`.
#[cfg(unix)]
#[test]
fn only_what_differs_is_written() {
    let (folder, chart) = fresh();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let file = manifest(folder.path(), &["web".into(), "api".into()], "1");
    let (chart, config) = (out.join(chart.file_name().unwrap()), folder.path().join("aspire-k8s.yaml"));
    let run = |replicas: u32| {
        fs::write(&config, format!("application: shop\nresources: {{web: {{replicas: {replicas}}}}}\n")).unwrap();
        aspire(["render", "-o"]).args([&chart]).args([&file]).run().ok();
        marks(&out)
    };
    let first = run(2);
    assert_eq!(run(2), first);
    let after = run(3);
    let other: Vec<_> =
        after.iter().filter(|(path, mark)| first.get(*path) != Some(mark)).map(|(path, _)| path).collect();
    let files: Vec<_> = other.into_iter().filter(|path| path.is_file()).collect();
    assert_eq!(files, [&chart.join("aspire.json"), &chart.join("values.yaml")]);
    assert!(fs::read_to_string(chart.join("values.yaml")).unwrap().contains("replicas: 3"));
}

/// Whoever is killed at any moment leaves the old chart or the new one, and the next run goes on.
#[cfg(unix)]
#[test]
fn a_killed_render_leaves_a_whole_chart() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..300).map(|n| format!("web-{n}")).collect();
    // The name of the application is in every template, so that each file differs.
    let versions: Vec<PathBuf> = ["shop", "store"]
        .map(|name| {
            let home = folder.path().join(name);
            fs::create_dir_all(&home).unwrap();
            manifest(&home, &names, name)
        })
        .into();
    let chart = folder.path().join("out/chart");
    let run = |version: &Path| aspire(["render", "-o"]).args([&chart]).args([version]);
    let start = Instant::now();
    let whole: Vec<Files> = versions
        .iter()
        .map(|version| {
            run(version).run().ok();
            tree(&chart)
        })
        .collect();
    // Each version has its own time: one is larger than the other.
    let mut times = [start.elapsed() / 2; 2];
    assert_ne!(whole[0], whole[1]);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let (mut killed, mut replaced) = (0, 0);
    for round in 0..400 {
        if killed >= 10 && replaced >= 2 {
            break;
        }
        let before = tree(&chart);
        let full = &mut times[round % 2];
        let mut child = run(&versions[round % 2]).command().stderr(std::process::Stdio::null()).spawn().unwrap();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let part = u32::try_from(random % 1000).unwrap();
        std::thread::sleep(*full * part / 900);
        child.kill().unwrap();
        let was_killed = !child.wait().unwrap().success();
        killed += i32::from(was_killed);
        // How long a run takes is only known from runs: kills come later until one is too late, and then earlier again.
        *full = if was_killed { *full * 9 / 8 } else { *full * 3 / 4 };
        let after = tree(&chart);
        assert!(after == before || after == whole[round % 2], "a half chart after {part}/900 of {full:?}");
        replaced += i32::from(after != before);
    }
    assert!(killed > 2 && replaced > 0, "killed {killed} times, replaced {replaced} times");
    let left = fs::read_dir(folder.path().join("out")).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<String> = left.map(|name| name.into_string().unwrap()).filter(|name| name != "chart").collect();
    assert!(left.iter().all(|name| name.starts_with(".aspire-render-")), "{left:?}");
    run(&versions[0]).run().ok();
    assert_eq!(tree(&chart), whole[0]);
    let left = fs::read_dir(folder.path().join("out")).unwrap().count();
    assert_eq!(left, 1, "the next run removes what the dead left");
}

/// A signal ends a render with nothing left beside the chart, whatever was written by then.
#[cfg(unix)]
#[test]
fn a_signal_leaves_nothing_beside_the_chart() {
    use rustix::process::{Pid, Signal, kill_process};

    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..300).map(|n| format!("web-{n}")).collect();
    let sources = ["shop", "store"].map(|name| {
        let home = folder.path().join(name);
        fs::create_dir_all(&home).unwrap();
        manifest(&home, &names, name)
    });
    let out = folder.path().join("out");
    let entries = || -> Vec<String> {
        let entries = fs::read_dir(&out).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let run = |source: &Path| aspire(["render", "-o"]).args([out.join("chart")]).args([source]);
    let whole = sources.each_ref().map(|source| {
        run(source).run().ok();
        tree(&out.join("chart"))
    });
    let (mut interrupted, mut now) = (0, 1);
    for signal in [Signal::INT, Signal::TERM, Signal::HUP].into_iter().cycle().take(12) {
        let mut child = run(&sources[1 - now]).command().stderr(std::process::Stdio::null()).spawn().unwrap();
        // What is under way is seen by its folder.
        while entries().len() < 2 && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        if child.try_wait().unwrap().is_none() {
            kill_process(Pid::from_child(&child), signal).unwrap();
        }
        let code = child.wait().unwrap().code();
        assert!(code == Some(0) || code == Some(6), "{signal:?}: {code:?}");
        interrupted += i32::from(code == Some(6));
        now = if code == Some(0) { 1 - now } else { now };
        assert_eq!(entries(), ["chart"], "{signal:?}");
        assert!(tree(&out.join("chart")) == whole[now], "{signal:?}");
    }
    assert!(interrupted > 0, "no signal came in time");
}
