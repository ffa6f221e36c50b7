//! Every manifest there is, through render, lint and template, against the oracle.

use crate::case::Case;
use crate::program::render;
use crate::{cluster, helm, oracle};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/manifests")
}

macro_rules! own_manifests {
    ($($name:ident)*) => {
        const OWN: &[&str] = &[$(stringify!($name)),*];

        $(mod $name {
            #[test]
            fn chart() {
                super::check_chart(stringify!($name));
            }

            #[test]
            fn cluster() {
                super::check_cluster(stringify!($name));
            }
        })*
    };
}

own_manifests! {
    bind_mounts
    build
    byte_order_mark
    clear_endpoints
    components
    dapr
    env_names
    environment
    expressions
    foreign
    http2
    https_twins
    long_names
    many_bindings
    nasty_composed
    nasty_entrypoints
    nasty_escaped
    nasty_literals
    nasty_parameters
    nesting
    parameters
    previews
    reserved_names
    udp
    uri_filter
    volumes
}

fn check_chart(name: &str) {
    if helm::ready() {
        Case::new(&own(name)).check_chart();
    }
}

fn check_cluster(name: &str) {
    if let Some(plane) = cluster::plane() {
        cluster::check(plane, &Case::new(&own(name)));
    }
}

fn own(name: &str) -> PathBuf {
    folder().join(format!("{}.json", name.replace('_', "-")))
}

#[test]
fn every_manifest_of_ours_is_tested() {
    let files =
        fs::read_dir(folder()).expect("the folder should be there").map(|entry| entry.expect("readable").path());
    let json = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    assert_eq!(json.collect::<BTreeSet<_>>(), OWN.iter().chain([&LIMITS]).map(|name| own(name)).collect());
}

/// Text that is legal in a manifest and that helm or the API server cannot carry, so it never meets a cluster here.
///
/// The body of a server-side apply, which helm 4 does, is JSON that the API server reads as YAML: U+007F to U+009F, U+FFFE
/// and U+FFFF are refused there, only NEL (U+0085) becomes a blank. Helm 3 and `--server-side=false` carry all of them.
const LIMITS: &str = "limits";

#[test]
fn limits_of_others_are_not_ours() {
    check_chart(LIMITS);
}

#[test]
fn the_oldest_helm_refuses_what_it_cannot_read() {
    if helm::ready() {
        let case = Case::new(&own(LIMITS));
        assert!(case.exceeds_the_oldest_helm());
        let outcome = helm::template(helm::OLDEST, &case.chart(), Some(&case.values()));
        assert_ne!(outcome.code, Some(0), "this helm can read it after all:\n{}", outcome.out);
    }
}

/// Where the manifests lie that nobody wrote for this project.
fn foreign_folder() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("ASPIRE_MANIFESTS").filter(|value| !value.is_empty()) {
        let folder = PathBuf::from(named);
        assert!(
            folder.is_dir() || std::env::var_os("CI").is_none(),
            "ASPIRE_MANIFESTS names no folder: {}",
            folder.display()
        );
        return Some(folder).filter(|folder| folder.is_dir());
    }
    Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/manifests")).filter(|folder| folder.is_dir())
}

/// All of them; says so loudly where there are none.
pub(crate) fn foreign() -> Vec<PathBuf> {
    let Some(folder) = foreign_folder() else {
        let line = "SKIPPED: there are no foreign manifests; ASPIRE_MANIFESTS names their folder";
        let _ = writeln!(std::io::stderr(), "{line}");
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(folder).expect("the folder should be readable").flatten().map(|entry| entry.path());
        let (inner, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
        folders.extend(inner);
        found.extend(files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "json")));
    }
    found.sort();
    found
}

#[test]
fn foreign_manifests() {
    if helm::ready() {
        run_all(&foreign(), check_foreign);
    }
}

#[test]
fn foreign_manifests_on_a_cluster() {
    if cluster::plane().is_some() {
        run_all(&foreign(), |manifest| {
            if let (Some(plane), true) = (cluster::plane(), oracle::read(manifest).is_ok()) {
                cluster::check(plane, &Case::new(manifest));
            }
        });
    }
}

/// A file that is no JSON is refused and leaves nothing behind; all others are checked.
fn check_foreign(manifest: &Path) {
    if oracle::read(manifest).is_ok() {
        return Case::new(manifest).check_chart();
    }
    let folder = tempfile::tempdir().expect("there should be room for a folder");
    let chart = folder.path().join("chart");
    let outcome = render(manifest, &chart, &[]);
    assert_eq!(outcome.code, Some(1), "`render` of a broken manifest");
    assert!(!chart.exists(), "a refused manifest left a chart behind");
}

/// Checks all of `manifests` on as many threads as there are processors, and reports each that fails.
pub(crate) fn run_all(manifests: &[PathBuf], check: fn(&Path)) {
    let (queue, failed) = (Mutex::new(manifests.iter()), Mutex::new(Vec::new()));
    let next = || queue.lock().expect("no thread panics while it holds it").next();
    let work = || {
        while let Some(manifest) = next() {
            if let Err(reason) = catch_unwind(AssertUnwindSafe(|| check(manifest))) {
                let text = reason.downcast_ref::<String>().cloned().unwrap_or_else(|| "it panicked".to_owned());
                let line = format!("{}: {text}", manifest.display());
                failed.lock().expect("no thread panics while it holds it").push(line);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().expect("no thread panics while it holds it");
    assert!(failed.is_empty(), "{} of {} failed:\n\n{}", failed.len(), manifests.len(), failed.join("\n\n"));
}
