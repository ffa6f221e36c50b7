use super::super::MARK;
use super::*;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

/// A chart of three workloads whose files hold `text`, with the last files as given.
fn chart(text: &str, more: &[(&str, &str)]) -> Chart {
    let mut files = BTreeMap::from([(
        "Chart.yaml".to_owned(),
        b"name: shop\nannotations:\n  aspire-k8s/generated-by: kubectl-aspire\n".to_vec(),
    )]);
    for workload in ["api", "db", "web"] {
        for kind in ["deployment", "service"] {
            files.insert(format!("templates/{workload}/{kind}.yaml"), format!("{MARK}{text}").into_bytes());
        }
    }
    files.extend(more.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())));
    Chart { files }
}

/// What tells whether a file or folder was touched: everything that the file system counts but the time of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Touch {
    inode: u64,
    mode: u32,
    modified: (i64, i64),
}

/// Every file and folder below a folder, itself included, with its bytes.
fn tree(folder: &Path) -> BTreeMap<PathBuf, (Touch, Vec<u8>)> {
    let metadata = folder.symlink_metadata().unwrap();
    let modified = (metadata.mtime(), metadata.mtime_nsec());
    let touch = Touch { inode: metadata.ino(), mode: metadata.mode(), modified };
    let bytes = if metadata.is_file() { fs::read(folder).unwrap() } else { Vec::new() };
    let mut found = BTreeMap::from([(folder.to_owned(), (touch, bytes))]);
    if metadata.is_dir() {
        for entry in fs::read_dir(folder).unwrap() {
            found.extend(tree(&entry.unwrap().path()));
        }
    }
    found
}

/// The files below a folder whose bytes are there, by their path in it.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = tree(folder).into_iter().filter(|(path, _)| path.is_file());
    files.map(|(path, (_, bytes))| (path.strip_prefix(folder).unwrap().to_owned(), bytes)).collect()
}

/// Paths in a folder that are not the same files or folders as before.
fn touched(folder: &Path, before: &BTreeMap<PathBuf, (Touch, Vec<u8>)>) -> Vec<String> {
    let after = tree(folder);
    let other = after.into_iter().filter(|(path, found)| before.get(path) != Some(found));
    other.map(|(path, _)| path.strip_prefix(folder).unwrap().display().to_string()).collect()
}

struct Place {
    _home: tempfile::TempDir,
    parent: PathBuf,
    folder: PathBuf,
}

/// A folder with this chart in it, and files of a user.
fn place(chart: &Chart) -> Place {
    let home = tempfile::tempdir().unwrap();
    let parent = home.path().canonicalize().unwrap();
    let folder = parent.join("chart");
    write(chart, &folder).unwrap();
    fs::write(folder.join("mine.txt"), "mine").unwrap();
    fs::set_permissions(folder.join("mine.txt"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("/nowhere", folder.join("templates/link")).unwrap();
    Place { _home: home, parent, folder }
}

#[test]
fn what_is_the_same_is_not_written() {
    let chart = chart("a", &[("values.yaml", "a: 1\n")]);
    let at = place(&chart);
    let before = tree(&at.parent);
    write(&chart, &at.folder).unwrap();
    // The folder above too: nothing was made beside the chart.
    assert_eq!(touched(&at.parent, &before), [""; 0]);
}

#[test]
fn one_file_is_replaced_where_it_is() {
    let at = place(&chart("a", &[("values.yaml", "a: 1\n"), ("templates/api/x.yaml", "1")]));
    let before = tree(&at.folder);
    write(&chart("a", &[("values.yaml", "a: 2\n"), ("templates/api/x.yaml", "1")]), &at.folder).unwrap();
    assert_eq!(touched(&at.folder, &before), ["", "values.yaml"]);
    let before = tree(&at.folder);
    write(&chart("a", &[("values.yaml", "a: 2\n"), ("templates/api/x.yaml", "2")]), &at.folder).unwrap();
    assert_eq!(touched(&at.folder, &before), ["templates/api", "templates/api/x.yaml"]);
}

/// A new folder takes the place of the old one, and only what differs is a new file in it.
#[test]
fn several_files_are_replaced_together() {
    let at = place(&chart("a", &[("values.yaml", "a: 1\n"), ("templates/old/deployment.yaml", MARK)]));
    fs::set_permissions(&at.folder, fs::Permissions::from_mode(0o750)).unwrap();
    fs::set_permissions(at.folder.join("values.yaml"), fs::Permissions::from_mode(0o600)).unwrap();
    let before = tree(&at.folder);
    let new = [("values.yaml", "a: 2\n"), ("templates/api/new.yaml", MARK)];
    write(&chart("a", &new), &at.folder).unwrap();
    let after = tree(&at.folder);
    let mut written = touched(&at.folder, &before);
    written.retain(|path| at.folder.join(path).is_file());
    assert_eq!(written, ["templates/api/new.yaml", "values.yaml"]);
    assert!(!at.folder.join("templates/old").exists());
    let mode = |path: &str| after[&at.folder.join(path)].0.mode & 0o777;
    assert_eq!((mode(""), mode("values.yaml"), mode("mine.txt")), (0o750, 0o600, 0o640));
    assert_eq!(fs::read_link(at.folder.join("templates/link")).unwrap(), Path::new("/nowhere"));
    assert_eq!(fs::read_dir(&at.parent).unwrap().count(), 1);
}

/// Stopped at every point where a run can be: the former chart is whole, until the new one is.
#[test]
fn stopped_anywhere_the_chart_is_whole() {
    let former = chart("a", &[("values.yaml", "a: 1\n"), ("templates/old/deployment.yaml", MARK)]);
    let one = chart("a", &[("values.yaml", "a: 2\n"), ("templates/old/deployment.yaml", MARK)]);
    let many = chart("b", &[("values.yaml", "a: 2\n")]);
    for new in [one, many] {
        let at = place(&former);
        let before = tree(&at.folder);
        let mut stops = 0_usize;
        loop {
            let left = Cell::new(stops);
            let stopped = || left.replace(left.get().saturating_sub(1)) == 0;
            match write_unless(&new, &at.folder, &stopped) {
                Err(WriteError::Interrupted) => {
                    assert_eq!(touched(&at.folder, &before), [""; 0], "after {stops}");
                    assert_eq!(fs::read_dir(&at.parent).unwrap().count(), 1, "after {stops}");
                }
                written => break written.unwrap(),
            }
            stops += 1;
        }
        assert!(stops > new.files.len(), "{stops}");
        let mut whole: BTreeMap<PathBuf, Vec<u8>> =
            new.files.iter().map(|(path, bytes)| (path.into(), bytes.clone())).collect();
        whole.insert("mine.txt".into(), b"mine".to_vec());
        assert_eq!(contents(&at.folder), whole);
    }
}

/// A file system that fails in the middle, as a full one does: what cannot be kept ends the run before the exchange.
#[test]
fn a_failure_in_the_middle_leaves_the_former_chart() {
    let at = place(&chart("a", &[("values.yaml", "a: 1\n")]));
    rustix::fs::mknodat(rustix::fs::CWD, at.folder.join("zz"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let before = tree(&at.folder);
    let error = write(&chart("b", &[("values.yaml", "a: 2\n")]), &at.folder).unwrap_err();
    assert!(error.to_string().contains("zz: it is a FIFO; remove it from the folder"), "{error}");
    assert_eq!(touched(&at.folder, &before), [""; 0]);
    assert_eq!(fs::read_dir(&at.parent).unwrap().count(), 1);
}

/// A folder that became a link after it was looked at: the file goes nowhere.
#[test]
fn no_link_is_followed() {
    let at = place(&chart("a", &[("templates/api/x.yaml", "1")]));
    let elsewhere = at.parent.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::remove_dir_all(at.folder.join("templates/api")).unwrap();
    symlink(&elsewhere, at.folder.join("templates/api")).unwrap();
    fs::write(at.parent.join("new"), "2").unwrap();
    rename_into(&at.parent.join("new"), &at.folder, "templates/api/x.yaml").unwrap_err();
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    // A link in the place of a file of the chart is replaced, and what it leads to is as it was.
    fs::write(elsewhere.join("values.yaml"), "theirs").unwrap();
    fs::remove_file(at.folder.join("templates/api")).unwrap();
    symlink(elsewhere.join("values.yaml"), at.folder.join("values.yaml")).unwrap();
    write(&chart("a", &[("values.yaml", "theirs"), ("templates/api/x.yaml", "1")]), &at.folder).unwrap();
    assert!(at.folder.join("values.yaml").symlink_metadata().unwrap().is_file());
    assert_eq!(fs::read_to_string(elsewhere.join("values.yaml")).unwrap(), "theirs");
}
