//! Bind mounts: what a manifest may take from the machine that renders it, and what is told of the rest.

#![cfg(unix)]

use crate::aspire;
use crate::aspire::Ran;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A manifest in `app` that mounts these at `/m0`, `/m1` ...
fn manifest(app: &Path, mounts: &[&str]) {
    let mounts: Vec<Value> = mounts
        .iter()
        .enumerate()
        .map(|(n, source)| json!({"source": source, "target": format!("/m{n}"), "readOnly": true}))
        .collect();
    with_mounts(app, "web:1", &json!(mounts));
}

fn with_mounts(app: &Path, image: &str, mounts: &Value) {
    let web = json!({"type": "container.v0", "image": image, "bindMounts": mounts});
    write(&app.join("aspire-manifest.json"), &json!({"resources": {"web": web}}).to_string());
}

fn render(app: &Path, more: &[&str]) -> Ran {
    let _ = fs::remove_dir_all(app.join("../chart"));
    aspire(["render", "-o", "../chart"]).args(more).within(app).run()
}

/// All that the chart holds, as one text.
fn chart(app: &Path) -> String {
    let mut all = String::new();
    let mut folders = vec![app.join("../chart")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { all.push_str(&fs::read_to_string(path).unwrap()) }
        }
    }
    all
}

#[test]
fn the_machine_stays_out_of_the_chart() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("repo/app");
    write(&folder.path().join("repo/.git/config"), "TOPSECRET");
    write(&folder.path().join("repo/shared/a.conf"), "SHARED");
    for name in [".env", ".env.local", ".ssh/id", ".kube/config", "id_rsa", ".npmrc", "cfg/.aws/credentials"] {
        write(&app.join(name), "TOPSECRET");
    }
    write(&app.join("cfg/a.conf"), "FINE");
    symlink("/proc/self", app.join("proc")).unwrap();
    for (source, part) in [
        ("/etc/passwd", "a path on the developer's machine"),
        ("../../../../../../../../../../proc/self/environ", "refers to /proc"),
        ("proc/environ", "refers to /proc"),
        (".env", "`.env`, whose name indicates credentials"),
        (".env.local", "indicates credentials"),
        (".ssh", "indicates credentials"),
        (".kube/config", "indicates credentials"),
        ("id_rsa", "indicates credentials"),
    ] {
        manifest(&app, &[source]);
        for root in [&[][..], &["--source-root=.."]] {
            let ran = render(&app, root);
            assert!(ran.code == 1 && ran.err.contains(part), "{source}: {}", ran.err);
            assert!(!folder.path().join("repo/chart").exists());
        }
    }
    manifest(&app, &["cfg", "../shared", "../.git/config", "../../../../../../../../../../etc/passwd"]);
    let ran = render(&app, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("/m0: left out: `.aws` (its name indicates credentials)"), "{}", ran.err);
    for source in ["../shared", "../.git/config", "../../../../../../../../../../etc/passwd"] {
        assert!(ran.err.contains(&format!("`{source}` lies outside of the manifest's folder (--source-root DIR")));
    }
    let all = chart(&app);
    assert!(all.contains("FINE") && !all.contains("TOPSECRET") && !all.contains("SHARED") && !all.contains("root:x:"));
}

#[test]
fn a_person_lets_more_in_and_sees_every_file_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("repo/app");
    write(&folder.path().join("repo/shared/a.conf"), "SHARED");
    write(&folder.path().join("repo/shared/in/b.conf"), "MORE");
    write(&folder.path().join("repo/.git/config"), "TOPSECRET");
    manifest(&app, &["../shared"]);
    let listed = "includes files from outside of the manifest's folder: `../shared`: a.conf, in/b.conf";
    let ran = render(&app, &["--source-root", ".."]);
    assert!(ran.code == 0 && ran.err.contains(listed), "{}", ran.err);
    assert!(chart(&app).contains("SHARED"));
    write(&app.join("aspire-k8s.yaml"), "sourceRoot: ..\n");
    let ran = render(&app, &[]);
    assert!(ran.code == 0 && ran.err.contains(listed), "{}", ran.err);
    manifest(&app, &["../.git/config"]);
    assert!(render(&app, &[]).err.contains("`.git`, whose name indicates credentials"));
    manifest(&app, &[".."]);
    let ran = render(&app, &[]);
    assert!(ran.err.contains("left out: `.git`") && !chart(&app).contains("TOPSECRET"), "{}", ran.err);
    fs::remove_file(app.join("aspire-k8s.yaml")).unwrap();
    let home = folder.path().to_owned();
    for root in ["/", "/proc", "../..", "../../", "/dev/.."] {
        let ran = aspire(["render", "--source-root", root]).env("HOME", &home).within(&app).run();
        assert!(ran.code == 1 && ran.err.contains("files cannot be read from"), "{root}: {}", ran.err);
    }
}

#[test]
fn links_inside_are_followed_and_others_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app");
    write(&app.join("cfg/a.txt"), "AAA");
    write(&app.join("cfg/sub/c.txt"), "CCC");
    write(&app.join("out.txt"), "OUTSIDE");
    for (target, link) in [
        ("a.txt", "cfg/b.txt"),
        ("../a.txt", "cfg/sub/d.txt"),
        ("sub", "cfg/linked"),
        ("..", "cfg/sub/up"),
        ("../out.txt", "cfg/out.txt"),
        ("nowhere", "cfg/dead.txt"),
    ] {
        symlink(target, app.join(link)).unwrap();
    }
    let _socket = std::os::unix::net::UnixListener::bind(app.join("cfg/socket")).unwrap();
    with_mounts(&app, "web:1", &json!([{"source": "cfg", "target": "/cfg", "readOnly": false}]));
    let ran = render(&app, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in [
        "`out.txt` (it is a symlink that leaves the folder)",
        "`dead.txt` (it is a broken symlink)",
        "`sub/up` (it is a symlink to a parent folder)",
        "`socket` (it is a socket)",
    ] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    assert_eq!(ran.err.matches("it is mounted read-only").count(), 1, "{}", ran.err);
    let files = |name: &str| fs::read_to_string(folder.path().join("chart/files/web").join(name)).unwrap();
    assert_eq!((files("b.txt"), files("sub.d.txt"), files("linked.c.txt")), ("AAA".into(), "AAA".into(), "CCC".into()));
    assert!(!chart(&app).contains("OUTSIDE"));
}

#[test]
fn a_socket_is_never_a_config_map() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app");
    manifest(&app, &["/var/run/docker.sock", "../../../../../var/run/docker.sock"]);
    let ran = render(&app, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.err.matches("is a socket of the machine, which pods do not get").count(), 2, "{}", ran.err);
    assert!(!ran.err.contains("ConfigMap") && !chart(&app).contains("docker.sock"));
}

/// Reading it would wait for a writer for ever.
#[test]
fn a_fifo_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app");
    fs::create_dir_all(&app).unwrap();
    crate::files::fifo(&app.join("pipe"));
    manifest(&app, &["pipe"]);
    let ran = render(&app, &[]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("`pipe` is a FIFO, neither a file nor a folder"), "{}", ran.err);
    assert!(!folder.path().join("chart").exists());
}

#[test]
fn a_folder_of_data_needs_a_claim() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app");
    write(&app.join("data/pg_hba.conf"), "x");
    for (image, source, target) in [
        ("postgres:17", "data", "/var/lib/postgresql/data"),
        ("mongo:8", "not-there", "/data/db"),
        ("redis:8", "data", "/data"),
    ] {
        with_mounts(&app, image, &json!([{"source": source, "target": target, "readOnly": false}]));
        let ran = render(&app, &[]);
        assert_eq!(ran.code, 1, "{image}: {}", ran.err);
        assert!(
            ran.err.contains(&format!("resources.web.volumes.data: {{mountPath: {target}, size: 5Gi}}")),
            "{}",
            ran.err
        );
        write(
            &app.join("volume.yaml"),
            &format!("resources: {{web: {{volumes: {{data: {{mountPath: {target}}}}}}}}}\n"),
        );
        assert_eq!(render(&app, &["--config=volume.yaml"]).code, 0);
    }
}

#[test]
fn private_keys_go_to_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app");
    write(&app.join("tls/web.key"), "KEYBYTES");
    write(&app.join("tls/web.crt"), "CERTIFICATE");
    write(&app.join("pem/a.pem"), "-----BEGIN PRIVATE KEY-----\nKEYBYTES\n");
    write(&app.join("plain/a.conf"), "PLAIN");
    manifest(&app, &["tls", "pem/a.pem", "plain"]);
    let ran = render(&app, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("/m0: `web.key` holds a private key, so the files go to a Secret"), "{}", ran.err);
    let template = |name: &str| fs::read_to_string(folder.path().join("chart/templates/web").join(name)).unwrap();
    let (secret, map) = (template("secret-files.yaml"), template("configmap-files.yaml"));
    assert!(secret.contains("web.key") && secret.contains("a.pem") && !secret.contains("a.conf"), "{secret}");
    assert!(map.contains("a.conf") && !map.contains("web.key") && !map.contains("a.pem"), "{map}");
    write(&app.join("aspire-k8s.yaml"), "resources: {web: {files: {/m2: {secret: true}, /m0: {secret: false}}}}\n");
    assert_eq!(render(&app, &[]).code, 0);
    let (secret, map) = (template("secret-files.yaml"), template("configmap-files.yaml"));
    assert!(secret.contains("a.conf") && map.contains("web.key") && !secret.contains("web.key"), "{secret}{map}");
    write(&app.join("aspire-k8s.yaml"), "resources: {web: {files: {/other: {secret: true}}}}\n");
    assert!(render(&app, &[]).err.contains("the manifest mounts nothing at /other"));
}
