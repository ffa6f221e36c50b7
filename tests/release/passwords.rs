//! A password that data was set up with outlives everything but the data.

use crate::bench::{Bench, CONFIG, bench, text, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;

const NEVER_READY: &str = "resources: {api: {podAnnotations: {testbed.dev/behavior: image-pull-backoff}}}\n";

/// Lets the pods of `api` never become ready from now on.
fn break_it(bench: &Bench) {
    bench.configure(&format!("{CONFIG}{NEVER_READY}"));
}

#[test]
fn passwords_survive_destroy_and_a_new_install_over_kept_claims() {
    let Some(bench) = bench("reinstall") else { return };
    bench.deploy(&[]).ok();
    let (secret, claim) = (bench.secret("app-secrets"), bench.get("pvc/db-data"));
    bench.destroy(&[]).ok().says(&["kept, with their secrets: db-data"]);
    bench.deploy(&[]).ok();
    let again = bench.secret("app-secrets");
    assert_eq!(
        (&again["db-password"], &again["db-password.uri"]),
        (&secret["db-password"], &secret["db-password.uri"])
    );
    assert_ne!(again["token"], secret["token"], "no data hangs on it");
    assert_eq!(bench.get("pvc/db-data")["metadata"]["uid"], claim["metadata"]["uid"]);
}

#[test]
fn passwords_survive_a_failed_first_install() {
    let Some(bench) = bench("first") else { return };
    break_it(&bench);
    bench.deploy(&["--timeout", "12s"]).exits(1).says(&["helm upgrade --install"]);
    let secret = bench.secret("app-secrets");
    assert_eq!(secret["db-password"].len(), 22);
    bench.configure(CONFIG);
    bench.deploy(&[]).ok();
    assert_eq!(bench.secret("app-secrets"), secret);
}

#[test]
fn passwords_survive_helm_rollback_by_hand() {
    let Some(bench) = bench("rollback") else { return };
    bench.deploy(&[]).ok();
    bench.deploy(&["--parameter", "token=two"]).ok();
    let secret = bench.get("secret/app-secrets");
    bench.helm(&["rollback", "app", "1", "--wait", "--timeout", "60s"]).ok();
    assert_eq!(bench.get("secret/app-secrets"), secret);
    bench.deploy(&[]).ok();
    assert_eq!(bench.get("secret/app-secrets")["data"], secret["data"]);
}

#[test]
fn plain_helm_that_drops_the_values_is_stopped_and_changes_nothing() {
    let Some(bench) = bench("plainhelm") else { return };
    bench.deploy(&["--parameter", "currency=USD"]).ok();
    bench.run(&["render", "app", "-o", "chart"]).ok();
    let secret = bench.get("secret/app-secrets");
    let set = ["upgrade", "app", "./chart", "--set", "workloads.api.replicas=2"];
    bench.unchanged(|| {
        let ran = bench.helm(&set).exits(1);
        ran.says(&[
            "was deployed with `kubectl aspire deploy`, and this command leaves out the values that it gave",
            "--reuse-values",
        ]);
    });
    bench.helm(&[&set[..], &["--reuse-values", "--wait", "--timeout", "60s"]].concat()).ok();
    assert_eq!(bench.get("secret/app-secrets"), secret);
    assert_eq!(bench.get("deployment/api")["status"]["readyReplicas"], 2);
    assert_eq!(bench.get("configmap/api-config")["data"]["CURRENCY"], "USD");
    assert_eq!(bench.find("secret/app-chart-secrets"), None);
}

#[test]
fn a_failed_deploy_puts_the_old_secrets_and_values_back() {
    let Some(bench) = bench("failed") else { return };
    bench.deploy(&["--parameter", "token=one", "--parameter", "currency=USD"]).ok();
    let secret = bench.secret("app-secrets");
    break_it(&bench);
    let changed = ["--parameter", "token=two", "--parameter", "currency=CHF", "--timeout", "12s"];
    bench.deploy(&changed).exits(1);
    assert_eq!(bench.secret("app-secrets"), secret);
    assert_eq!(bench.find("secret/app-secrets-before"), None);
    assert!(text(&bench.get("configmap/app-aspire")["data"]["values"]).contains("USD"));
    bench.configure(CONFIG);
    bench.deploy(&[]).ok();
    assert_eq!(bench.secret("app-secrets"), secret);
    assert_eq!(bench.get("configmap/api-config")["data"]["CURRENCY"], "USD");
    assert_eq!(bench.get("deployment/api")["status"]["readyReplicas"], 1);
}

/// Deploys with a helm that hangs before it does its `upgrade`, or after it, and kills the program there.
fn killed_at_helm(bench: &Bench, after: bool, more: &[&str]) {
    let mark = bench.path("hangs");
    let helm = bench.plane.helm("4.2.4");
    let hangs = format!(
        "#!/bin/bash\nif [ \"$1\" != upgrade ]; then exec {helm} \"$@\"; fi\n{first}\necho $$ >{mark}.new && mv {mark}.new {mark}\nexec sleep 600\n",
        first = if after { format!("{} \"$@\"", helm.display()) } else { String::new() },
        helm = helm.display(),
        mark = mark.display()
    );
    let hangs = bench.script("hangs-helm/helm", &hangs);
    let mut program = bench.deploy(more).env("HELM_BIN", &hangs).spawn();
    let process: i32 = wait_for("helm", || fs::read_to_string(&mark).ok()).trim().parse().unwrap();
    program.kill().unwrap();
    program.wait().unwrap();
    kill_process(Pid::from_raw(process).unwrap(), Signal::KILL).unwrap();
    fs::remove_file(mark).unwrap();
}

#[test]
fn a_killed_run_leaves_the_old_secrets_and_the_next_one_clears_up() {
    let Some(bench) = bench("killed") else { return };
    bench.deploy(&["--parameter", "token=one"]).ok();
    killed_at_helm(&bench, false, &["--parameter", "token=two"]);
    assert_eq!(bench.secret("app-secrets")["token"], "two");
    assert_eq!(bench.secret("app-secrets-before")["token"], "one");
    bench.deploy(&[]).ok();
    assert_eq!(bench.secret("app-secrets")["token"], "two");
    assert_eq!(bench.find("secret/app-secrets-before"), None);
}

#[test]
fn a_failure_after_a_killed_run_goes_back_to_what_was_good() {
    let Some(bench) = bench("killedfail") else { return };
    bench.deploy(&["--parameter", "token=one"]).ok();
    killed_at_helm(&bench, false, &["--parameter", "token=two"]);
    break_it(&bench);
    bench.deploy(&["--parameter", "token=three", "--timeout", "12s"]).exits(1);
    assert_eq!(bench.secret("app-secrets")["token"], "one");
    assert_eq!(bench.find("secret/app-secrets-before"), None);
}

#[test]
fn a_first_install_that_was_killed_keeps_its_passwords() {
    let Some(bench) = bench("killedfirst") else { return };
    killed_at_helm(&bench, false, &[]);
    let secret = bench.secret("app-secrets");
    bench.deploy(&[]).ok();
    assert_eq!(bench.secret("app-secrets"), secret);
}

#[test]
fn a_release_that_a_killed_helm_left_pending_is_named_and_nothing_changes() {
    let Some(bench) = bench("pending") else { return };
    bench.deploy(&[]).ok();
    // As helm leaves it when it is killed while it waits.
    break_it(&bench);
    bench.run(&["render", "app", "-o", "chart"]).ok();
    let mut helm =
        bench.helm(&["upgrade", "app", "./chart", "--reset-then-reuse-values", "--wait", "--timeout", "600s"]).spawn();
    wait_for("the second revision", || bench.find("secret/sh.helm.release.v1.app.v2"));
    helm.kill().unwrap();
    helm.wait().unwrap();
    bench.configure(CONFIG);
    bench.unchanged(|| {
        // Nobody knows of that helm, and its time has not passed.
        for more in [&[][..], &["--assume-helm-dead"]] {
            let ran = bench.deploy(&[&["--parameter", "token=two"], more].concat()).exits(3);
            ran.says(&["is pending-upgrade: another helm process works on it", "--assume-helm-dead"]);
        }
    });
    bench.helm(&["rollback", "app", "--wait", "--timeout", "60s"]).ok();
    bench.deploy(&["--parameter", "token=two"]).ok();
    assert_eq!(bench.secret("app-secrets")["token"], "two");
}

#[test]
fn a_failure_after_a_run_that_was_killed_when_helm_had_done_its_work_keeps_that_work() {
    let Some(bench) = bench("killedlate") else { return };
    bench.deploy(&["--parameter", "token=one"]).ok();
    killed_at_helm(&bench, true, &["--parameter", "token=two"]);
    assert_eq!(bench.secret("app-secrets-before")["token"], "one");
    bench.configure("application: other\nrelease: {name: app}\n");
    bench.unchanged(|| bench.deploy(&[]).exits(3));
    bench.configure(&format!("{CONFIG}resources: {{api: {{workload: StatefulSet}}}}\n"));
    bench.unchanged(|| bench.deploy(&[]).exits(3));
    break_it(&bench);
    bench.deploy(&["--parameter", "token=three", "--timeout", "12s"]).exits(1);
    assert_eq!(bench.secret("app-secrets")["token"], "two");
    assert_eq!(bench.find("secret/app-secrets-before"), None);
}

#[test]
fn a_run_that_is_told_to_stop_puts_the_old_secrets_back() {
    let Some(bench) = bench("stopped") else { return };
    bench.deploy(&["--parameter", "token=one"]).ok();
    break_it(&bench);
    for signal in [Signal::TERM, Signal::INT] {
        let revisions = bench.list("secrets").len();
        let mut program = bench.deploy(&["--parameter", "token=two", "--timeout", "100s"]).spawn();
        // The copy of the Secret and the new revision: helm waits for the pods now.
        wait_for("the next revision", || (bench.list("secrets").len() >= revisions + 2).then_some(()));
        kill_process(Pid::from_child(&program), signal).unwrap();
        let status = wait_for("the end", || program.try_wait().unwrap());
        assert!(!status.success());
        assert_eq!(bench.secret("app-secrets")["token"], "one");
        assert_eq!(bench.find("secret/app-secrets-before"), None);
        assert!(bench.left_behind().is_empty());
    }
    bench.configure(CONFIG);
    bench.deploy(&[]).ok();
    assert_eq!(bench.secret("app-secrets")["token"], "one");
}
