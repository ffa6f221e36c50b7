//! The same program under every helm, as a plugin of helm and of kubectl.

use crate::bench::{Bench, CONFIG, Run, bench};
use std::fs;
use std::path::{Path, PathBuf};

/// The oldest, the newest and the edges of the two series that are supported.
const HELMS: [&str; 5] = ["3.14.4", "3.22.0", "4.0.5", "4.2.4", "4.3.1"];

const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-aspire");
const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/shop");

/// Installs the program into a folder, without the time that copying takes.
fn put(program: &Path) {
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    if fs::hard_link(PROGRAM, program).is_err() {
        fs::copy(PROGRAM, program).unwrap();
    }
}

/// A folder of plugins with ours in it.
fn plugins(bench: &Bench) -> PathBuf {
    let folder = bench.path("plugins");
    if !folder.exists() {
        put(&folder.join("aspire/bin/kubectl-aspire"));
        fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/plugin.yaml"), folder.join("aspire/plugin.yaml")).unwrap();
    }
    folder
}

/// `helm ...` of a version, with our plugin.
fn helm(bench: &Bench, version: &str, arguments: &[&str]) -> Run {
    bench.program(&bench.plane.helm(version), arguments).env("HELM_PLUGINS", plugins(bench))
}

fn shop_lives_with(version: &str) {
    let Some(bench) = bench("shop") else { return };
    let binary = bench.plane.helm(version);
    let run = |verb: &str, more: &[&str]| {
        bench.run(&[&[verb, SHOP, "-n", &bench.ns], more].concat()).env("HELM_BIN", &binary)
    };
    let said = run("deploy", &["--timeout", "90s"]).ok();
    said.says(&["generated values for postgres-password, cache-password", "deployed release shop"]);
    let (secret, running) = (bench.get("secret/shop-secrets"), bench.running());
    for workload in
        ["deployment/api", "deployment/frontend", "deployment/worker", "deployment/cache", "statefulset/postgres"]
    {
        assert_eq!(bench.get(workload)["status"]["readyReplicas"], 1, "{workload}");
    }
    run("deploy", &["--timeout", "90s"]).ok();
    assert_eq!(bench.get("secret/shop-secrets"), secret);
    assert_eq!(bench.running(), running);
    run("destroy", &["--yes"]).ok().says(&["kept, with their secrets: postgres-orders"]);
    assert_eq!(bench.secret("shop-secrets").keys().collect::<Vec<_>>(), ["postgres-password", "postgres-password.uri"]);
    run("destroy", &["--delete-data", "--yes"]).ok();
    assert_eq!(bench.find("secret/shop-secrets"), None);
    run("destroy", &["--yes"]).exits(1).says(&["nothing to destroy"]);
    assert!(bench.left_behind().is_empty());
}

#[test]
fn the_shop_lives_with_helm_3_14() {
    shop_lives_with(HELMS[0]);
}

#[test]
fn the_shop_lives_with_helm_3_22() {
    shop_lives_with(HELMS[1]);
}

#[test]
fn the_shop_lives_with_helm_4_0() {
    shop_lives_with(HELMS[2]);
}

#[test]
fn the_shop_lives_with_helm_4_2() {
    shop_lives_with(HELMS[3]);
}

#[test]
fn the_shop_lives_with_helm_4_3() {
    shop_lives_with(HELMS[4]);
}

#[test]
fn under_helm_the_program_speaks_as_helm_aspire() {
    let Some(bench) = bench("words") else { return };
    for version in HELMS {
        let said = |arguments: &[&str]| helm(&bench, version, arguments).ok().out;
        let expected = format!("helm aspire {}", env!("CARGO_PKG_VERSION"));
        for arguments in [
            &["aspire", "version"][..],
            &["aspire", "--version"],
            &["--debug", "aspire", "version"],
            &["aspire", "version", "--debug"],
            &["aspire", "--debug", "version"],
            &["--kube-context", "testbed", "aspire", "version"],
            &["aspire", "version", "--kube-context", "testbed"],
            &["-n", "x", "aspire", "version"],
            &["aspire", "version", "--namespace", "x"],
            &["--qps", "5", "aspire", "version"],
            &["aspire", "version", "--qps", "5", "--burst-limit", "7"],
            &["--registry-config", "x", "aspire", "version"],
        ] {
            let out = said(arguments);
            assert!(out.lines().any(|line| line == expected), "helm {version} {arguments:?}: {out}");
        }
        let help = said(&["aspire", "--help"]);
        assert!(help.contains("Usage: helm aspire") && help.contains("destroy"), "helm {version}: {help}");
        let help = said(&["aspire", "deploy", "--help"]);
        assert!(
            help.contains("Usage: helm aspire deploy") && help.contains("--parameter-file"),
            "helm {version}: {help}"
        );
        let wrong = helm(&bench, version, &["aspire", "deploy", "--no-such-flag"]).exits(1);
        wrong.says(&["Usage: helm aspire deploy"]);
    }
}

#[test]
fn under_helm_flags_before_and_behind_the_plugin_choose_the_target() {
    let Some(bench) = bench("target") else { return };
    for (number, version) in HELMS.into_iter().enumerate() {
        let release = format!("r{number}");
        let deploy = ["deploy", "app", "--release", &release, "--timeout", "60s"];
        // Names of workloads are the resources', so one release at a time.
        let ran = match number % 2 {
            0 => helm(
                &bench,
                version,
                &[&["aspire"], &deploy[..], &["-n", &bench.ns, "--kube-context", "testbed"]].concat(),
            ),
            _ => helm(
                &bench,
                version,
                &[&["--kube-context", "testbed", "-n", &bench.ns, "--debug", "aspire"], &deploy[..]].concat(),
            ),
        };
        ran.ok().says(&[&format!("deployed release {release} in namespace {} of context testbed", bench.ns)]);
        let destroy = ["aspire", "destroy", "--release", &release, "-n", &bench.ns, "--delete-data", "--yes"];
        helm(&bench, version, &destroy).ok();
        bench.plane.kubectl(&["wait", "--for=delete", "pvc/db-data", "-n", &bench.ns, "--timeout=60s"]).unwrap();
        let wrong = helm(&bench, version, &["aspire", "deploy", "app", "--kube-context", "nowhere"]).exits(1);
        wrong.says(&["there is no context `nowhere`", "testbed"]);
    }
}

#[test]
fn under_helm_a_namespace_that_may_not_be_meant_is_asked_about() {
    let Some(bench) = bench("which") else { return };
    bench.configure(&format!("{CONFIG}release: {{namespace: {}}}\n", bench.ns));
    for version in HELMS {
        bench.unchanged(|| {
            for verb in ["deploy", "destroy"] {
                let ran = helm(&bench, version, &["aspire", verb, "app"]).exits(3);
                let name = format!("--release-namespace {}", bench.ns);
                ran.says(&["helm passes default", &name, "--release-namespace default"]);
            }
        });
    }
    let said = format!("release app in namespace {}", bench.ns);
    helm(&bench, "4.2.4", &["aspire", "deploy", "app", "--release-namespace", &bench.ns]).ok().says(&[&said]);
    helm(&bench, "3.22.0", &["aspire", "deploy", "app", "-n", &bench.ns]).ok().says(&[&said]);
    // Typed and neither the context's nor the file's: what was typed.
    let other = bench.plane.namespace("which-other");
    let gone = helm(&bench, "4.3.1", &["aspire", "destroy", "app", "-n", &other, "--yes"]).exits(1);
    gone.says(&[&format!("no release app in namespace {other}")]);
    // Without helm there is no doubt.
    bench.run(&["destroy", "app", "--yes"]).ok().says(&[&said]);
}

#[test]
fn a_refusal_keeps_its_exit_code_under_helm() {
    let Some(bench) = bench("code") else { return };
    bench.deploy(&[]).ok();
    bench.configure("application: other\nrelease: {name: app}\n");
    for version in HELMS {
        let ran = helm(&bench, version, &["aspire", "destroy", "app", "-n", &bench.ns, "--yes"]).exits(3);
        ran.says(&["belongs to the application `app`, not to `other`"]);
    }
}

#[test]
fn kubectl_finds_the_program_on_the_path() {
    let Some(bench) = bench("kubectl") else { return };
    put(&bench.path("bin/kubectl-aspire"));
    let path = bench.plane.env().into_iter().find(|(name, _)| name == "PATH").unwrap().1;
    let path = format!("{}:{path}", bench.path("bin").display());
    let kubectl = path.split(':').map(|folder| Path::new(folder).join("kubectl")).find(|file| file.is_file()).unwrap();
    let run = |arguments: &[&str]| bench.program(&kubectl, arguments).env("PATH", &path);
    let version = run(&["aspire", "version"]).ok().out;
    assert!(version.starts_with(&format!("kubectl aspire {}\n", env!("CARGO_PKG_VERSION"))), "{version}");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/kubectl_complete-aspire");
    fs::copy(script, bench.path("bin/kubectl_complete-aspire")).unwrap();
    let found = run(&["__complete", "aspire", "deploy", "app", "--rotate", ""]).ok().out;
    assert!(found.lines().any(|line| line == "db-password"), "{found}");
    let found = run(&["__complete", "aspire", ""]).ok().out;
    assert!(found.contains("destroy\tUninstall") && !found.contains("__complete"), "{found}");
    run(&["aspire", "deploy", "--no-such-flag"]).exits(1).says(&["Usage: kubectl aspire deploy"]);
    run(&["aspire", "deploy", "app", "-n", &bench.ns])
        .ok()
        .says(&[&format!("deployed release app in namespace {}", bench.ns)]);
    run(&["aspire", "destroy", "app", "-n", &bench.ns, "--yes"]).ok();
}
