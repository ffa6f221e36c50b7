//! Runs that are killed, disturbed or doubled: what the next run finds, and that it ends well.

use crate::bench::{Bench, CONFIG, Run, bench, text, wait_for};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use kubectl_aspire::internals::support::redact::{base64, unbase64};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use testbed::Faults;
use testbed::faults::{Fault, Gate, Request};

const HELMS: [&str; 4] = ["3.14.4", "3.22.0", "4.0.5", "4.3.1"];

/// The last process that a helm ran as.
struct Marks {
    file: PathBuf,
    helm: PathBuf,
}

impl Marks {
    fn new(bench: &Bench, version: &str) -> Self {
        let file = bench.path("processes");
        let real = bench.plane.helm(version);
        let text = format!("#!/bin/sh\necho $$ >>{}\nexec {} \"$@\"\n", file.display(), real.display());
        Self { file, helm: bench.script("marks/helm", &text) }
    }

    fn last(&self) -> i32 {
        fs::read_to_string(&self.file).unwrap().lines().last().unwrap().parse().unwrap()
    }
}

fn kill(process: i32, signal: Signal) {
    // It may have ended by itself.
    let _ = kill_process(Pid::from_raw(process).unwrap(), signal);
}

fn through(run: Run, faults: &Faults) -> Run {
    run.env("KUBECONFIG", faults.kubeconfig())
}

fn end(mut child: Child) -> Option<i32> {
    wait_for("the end of the run", || child.try_wait().unwrap()).code()
}

fn status(bench: &Bench, revision: u32) -> String {
    let release = bench.find(&format!("secret/sh.helm.release.v1.app.v{revision}"));
    release.map(|object| text(&object["metadata"]["labels"]["status"]).to_owned()).unwrap_or_default()
}

/// `deploy` until no helm of the killed run lives any more.
fn deploy_when_free(bench: &Bench, helm: &Marks, more: &[&str]) {
    wait_for("a deploy that is not refused", || {
        let ran = bench.deploy(more).env("HELM_BIN", &helm.helm).end();
        if ran.code == Some(3) {
            assert!(ran.err.contains("is being worked on by helm upgrade"), "{ran}");
            return None;
        }
        assert_eq!(ran.code, Some(0), "{ran}");
        Some(())
    });
}

fn good_and_settled(bench: &Bench, secret: Option<&Value>) {
    if let Some(secret) = secret {
        assert_eq!(bench.get("secret/app-secrets")["data"], secret["data"], "the passwords stay");
    }
    assert_eq!(bench.find("lease/app-aspire"), None);
    assert_eq!(bench.find("secret/app-secrets-before"), None);
    assert_eq!(bench.get("deployment/api")["status"]["readyReplicas"], 1);
    assert_eq!(bench.get("statefulset/db")["status"]["readyReplicas"], 1);
    let running = bench.running();
    bench.deploy(&[]).ok();
    assert_eq!(bench.running(), running, "a run without changes restarts nothing");
}

/// Kills the run, and helm when it is helm's, at its `number`-th write; before or after the API server did it.
fn kill_at(bench: &Bench, helm: &Marks, faults: &Faults, number: u32, arrives: bool, more: &[&str]) -> bool {
    let process = Arc::new(AtomicU32::new(0));
    let (known, file) = (Arc::clone(&process), helm.file.clone());
    let call = move |request: &Request| {
        while known.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        kill(known.load(Ordering::SeqCst).cast_signed(), Signal::KILL);
        if request.is_from_helm() {
            let marks = fs::read_to_string(&file).unwrap();
            kill(marks.lines().last().unwrap().parse().unwrap(), Signal::KILL);
        }
        arrives
    };
    let ns = format!("/namespaces/{}/", bench.ns);
    let rule = faults.inject(Fault::Call(Arc::new(call)), number, 1, move |request| {
        request.is_write() && request.path.contains(&ns)
    });
    let child = through(bench.deploy(more), faults).env("HELM_BIN", &helm.helm).spawn();
    process.store(child.id(), Ordering::SeqCst);
    let code = end(child);
    faults.heal();
    assert!(rule.happened() == code.is_none(), "write {number}: {code:?}");
    rule.happened()
}

#[test]
fn a_first_deploy_killed_at_any_write_goes_on() {
    let Some(first) = bench("killfirst") else { return };
    let faults = Faults::start(first.plane).unwrap();
    let mut number = 0;
    loop {
        number += 1;
        let Some(bench) = bench("killfirst") else { return };
        let helm = Marks::new(&bench, "4.2.4");
        if !kill_at(&bench, &helm, &faults, number, number % 2 == 0, &[]) {
            break;
        }
        let secret = bench.find("secret/app-secrets");
        deploy_when_free(&bench, &helm, &[]);
        good_and_settled(&bench, secret.as_ref());
    }
    assert!(number > 15, "only {number} writes were seen");
}

#[test]
fn an_upgrade_killed_at_any_write_goes_on_and_restarts_no_other() {
    let Some(bench) = bench("killup") else { return };
    let faults = Faults::start(bench.plane).unwrap();
    let helm = Marks::new(&bench, "4.2.4");
    bench.deploy(&[]).ok();
    let (password, database) = (bench.secret("app-secrets")["db-password"].clone(), bench.running());
    let mut number = 0;
    loop {
        number += 1;
        let value = format!("token=number-{number}");
        let more = ["--parameter", value.as_str()];
        if !kill_at(&bench, &helm, &faults, number, number % 2 == 0, &more) {
            break;
        }
        deploy_when_free(&bench, &helm, &more);
        assert_eq!(bench.secret("app-secrets")["token"], format!("number-{number}"));
        good_and_settled(&bench, None);
    }
    assert!(number > 10, "only {number} writes were seen");
    assert_eq!(bench.secret("app-secrets")["db-password"], password);
    assert_eq!(bench.running()["Pod/db-0"], database["Pod/db-0"], "the database never restarted");
}

#[test]
fn a_pending_release_of_a_dead_helm_is_gone_on_with_by_every_helm() {
    for version in HELMS {
        let Some(bench) = bench("pending") else { return };
        let faults = Faults::start(bench.plane).unwrap();
        let helm = Marks::new(&bench, version);
        for (revision, state, more) in
            [(1, "pending-install", &[][..]), (3, "pending-upgrade", &["--parameter", "token=other"])]
        {
            let process = Arc::new(AtomicU32::new(0));
            let (known, file) = (Arc::clone(&process), helm.file.clone());
            let call = move |_: &Request| {
                kill(known.load(Ordering::SeqCst).cast_signed(), Signal::KILL);
                kill(fs::read_to_string(&file).unwrap().lines().last().unwrap().parse().unwrap(), Signal::KILL);
                false
            };
            let ns = format!("/namespaces/{}/deployments", bench.ns);
            let fits =
                move |request: &Request| request.is_write() && request.is_from_helm() && request.path.contains(&ns);
            faults.inject(Fault::Call(Arc::new(call)), 1, 1, fits);
            let child = through(bench.deploy(more), &faults).env("HELM_BIN", &helm.helm).spawn();
            process.store(child.id(), Ordering::SeqCst);
            assert_eq!(end(child), None, "{version} was not killed");
            faults.heal();
            assert_eq!(status(&bench, revision), state, "{version}");
            let secret = bench.secret("app-secrets");
            let said = bench.deploy(more).env("HELM_BIN", &helm.helm).ok();
            said.says(&[&format!("revision {revision} was left {state} by a helm process that has ended")]);
            // Helm turns the failed revision that it went on from into an old one.
            assert!(["failed", "superseded"].contains(&status(&bench, revision).as_str()), "{version}");
            assert_eq!(status(&bench, revision + 1), "deployed", "{version}");
            assert_eq!(bench.secret("app-secrets"), secret, "{version}");
        }
    }
}

/// A deploy whose helm waits at its first write.
fn stalled(bench: &Bench, faults: &Faults, helm: &Marks) -> (Child, Gate) {
    let gate = Gate::default();
    let ns = format!("/namespaces/{}/", bench.ns);
    let fits = move |request: &Request| request.is_write() && request.is_from_helm() && request.path.contains(&ns);
    let rule = faults.inject(Fault::Stall(gate.clone()), 2, 1, fits);
    let child = through(bench.deploy(&[]), faults).env("HELM_BIN", &helm.helm).spawn();
    wait_for("helm at its second write", || rule.happened().then_some(()));
    (child, gate)
}

/// Who may read the Lease learns of no machine, user or process.
fn nothing_of_the_machine_is_in(lease: &Value) {
    let said = lease.to_string();
    assert!(!said.contains(fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim()), "{said}");
    let digits = |part: &str| part.len() == 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(text(&lease["spec"]["holderIdentity"]).split('/').all(digits), "{said}");
    let note: Value = serde_json::from_str(text(&lease["metadata"]["annotations"]["aspire-k8s/helm"])).unwrap();
    assert!(digits(text(&note["child"])), "{note}");
    let keys: Vec<&String> = note.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["holder", "command", "startedAt", "timeoutSeconds", "child", "seal"]);
}

#[test]
fn of_two_deploys_at_once_one_is_refused_and_the_other_ends_well() {
    let Some(bench) = bench("both") else { return };
    let faults = Faults::start(bench.plane).unwrap();
    let helm = Marks::new(&bench, "4.2.4");
    let (first, gate) = stalled(&bench, &faults, &helm);
    let process = first.id();
    let lease = bench.get("lease/app-aspire");
    nothing_of_the_machine_is_in(&lease);
    for verb in ["deploy", "destroy"] {
        bench.unchanged(|| {
            let ran = bench.run(&[verb, "app", "-n", &bench.ns, "--yes"]).exits(3);
            ran.says(&[
                &format!("is being worked on: deploy on this machine, process {process}, since"),
                "wait until it has ended",
            ]);
        });
    }
    gate.open();
    assert_eq!(end(first), Some(0));
    good_and_settled(&bench, None);
}

#[test]
fn deploys_that_start_in_the_same_moment_do_not_mix() {
    let Some(bench) = bench("race") else { return };
    let children: Vec<Child> =
        (0..3).map(|number| bench.deploy(&["--parameter", &format!("token=run-{number}")]).spawn()).collect();
    let codes: Vec<Option<i32>> = children.into_iter().map(end).collect();
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 3))), "{codes:?}");
    let winners: Vec<usize> = (0..3).filter(|number| codes[*number] == Some(0)).collect();
    let token = bench.secret("app-secrets")["token"].clone();
    assert!(winners.iter().any(|number| token == format!("run-{number}")), "{codes:?} {token}");
    good_and_settled(&bench, None);
}

#[test]
fn a_helm_that_outlives_its_run_is_waited_for() {
    let Some(bench) = bench("outlives") else { return };
    let faults = Faults::start(bench.plane).unwrap();
    let helm = Marks::new(&bench, "4.2.4");
    let (mut first, gate) = stalled(&bench, &faults, &helm);
    let secret = bench.find("secret/app-secrets");
    first.kill().unwrap();
    first.wait().unwrap();
    let works = format!("is being worked on by helm upgrade on this machine, process {},", helm.last());
    bench.unchanged(|| {
        for verb in ["deploy", "destroy", "rollback"] {
            let ran = bench.run(&[verb, "app", "-n", &bench.ns, "--yes", "--timeout", "6s"]).exits(3);
            ran.says(&["waiting until it has ended", &works, "that started it is gone"]);
        }
        bench.run(&["plan", "app", "-n", &bench.ns]).exits(3);
    });
    let waits = bench.deploy(&[]).piped();
    let (said, waits) = said_until(waits, "waiting until it has ended");
    assert!(said.contains(&works), "{said}");
    gate.open();
    assert_eq!(end(waits), Some(0));
    good_and_settled(&bench, secret.as_ref());
}

#[test]
fn a_helm_of_this_machine_is_not_overtaken_whatever_others_do_to_its_lease() {
    let Some(bench) = bench("overtaken") else { return };
    let faults = Faults::start(bench.plane).unwrap();
    let helm = Marks::new(&bench, "4.2.4");
    let (mut first, gate) = stalled(&bench, &faults, &helm);
    first.kill().unwrap();
    first.wait().unwrap();
    bench.plane.kubectl(&["delete", "lease", "app-aspire", "-n", &bench.ns]).unwrap();
    let said =
        format!("is being worked on by helm on this machine, process {}, which is not in its Lease", helm.last());
    through(bench.deploy(&["--assume-helm-dead", "--timeout", "1s"]), &faults).exits(3).says(&[&said]);
    gate.open();
}

/// What a run writes to standard error until it says this.
fn said_until(mut run: Child, words: &str) -> (String, Child) {
    let mut said = String::new();
    let mut lines = BufReader::new(run.stderr.take().unwrap());
    while !said.contains(words) {
        assert!(lines.read_line(&mut said).unwrap() > 0, "it does not say `{words}`: {said}");
    }
    // Who writes into a closed pipe is told so.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    (said, run)
}

/// Makes it look as if the run and its helm had been killed on another machine some time ago.
fn move_to_another_machine(bench: &Bench, minutes: i64) {
    let time = || {
        let time = std::time::SystemTime::now() - Duration::from_secs(u64::try_from(minutes).unwrap() * 60);
        let seconds = time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        kubectl_aspire::internals::cluster::Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap().to_string()
    };
    let mut lease = bench.get("lease/app-aspire");
    let identity = text(&lease["spec"]["holderIdentity"]).to_owned();
    let other = format!("{:032x}/{}", 3, identity.split_once('/').unwrap().1);
    let mut note: Value = serde_json::from_str(text(&lease["metadata"]["annotations"]["aspire-k8s/helm"])).unwrap();
    (note["holder"], note["startedAt"]) = (json!(other), json!(time()));
    lease["metadata"]["annotations"]["aspire-k8s/helm"] = json!(note.to_string());
    (lease["spec"]["holderIdentity"], lease["spec"]["renewTime"]) =
        (json!(other), json!("2020-01-01T00:00:00.000000Z"));
    let mut record = bench.get("secret/sh.helm.release.v1.app.v1");
    let stored = unbase64(std::str::from_utf8(&unbase64(text(&record["data"]["release"])).unwrap()).unwrap()).unwrap();
    let mut plain = String::new();
    GzDecoder::new(&stored[..]).read_to_string(&mut plain).unwrap();
    let mut plain: Value = serde_json::from_str(&plain).unwrap();
    plain["info"]["last_deployed"] = json!(time());
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(plain.to_string().as_bytes()).unwrap();
    record["data"]["release"] = json!(base64(base64(&packer.finish().unwrap()).as_bytes()));
    for object in [&mut lease, &mut record] {
        object["metadata"]
            .as_object_mut()
            .unwrap()
            .retain(|key, _| ["name", "annotations", "labels"].contains(&key.as_str()));
        bench.apply(object);
    }
}

#[test]
fn a_helm_on_another_machine_is_dead_only_when_a_person_says_so() {
    let Some(bench) = bench("elsewhere") else { return };
    let faults = Faults::start(bench.plane).unwrap();
    let helm = Marks::new(&bench, "4.2.4");
    let (mut first, _gate) = stalled(&bench, &faults, &helm);
    first.kill().unwrap();
    first.wait().unwrap();
    kill(helm.last(), Signal::KILL);
    let deploy = |more: &[&str]| bench.deploy(more).env("KUBECTL_ASPIRE_LEASE_SECONDS", "2");
    move_to_another_machine(&bench, 1);
    bench.unchanged(|| {
        let said = deploy(&["--assume-helm-dead"]).exits(3);
        said.says(&[
            "is pending-install: helm upgrade on another machine or of another user, started at",
            "if helm no longer runs, repeat the command after 20",
        ]);
    });
    move_to_another_machine(&bench, 30);
    bench.unchanged(|| {
        deploy(&[]).exits(3).says(&["if you know that no helm process works on it", "--assume-helm-dead"])
    });
    deploy(&["--assume-helm-dead"]).ok().says(&["revision 1 was left pending-install"]);
    assert_eq!(status(&bench, 2), "deployed");
    good_and_settled(&bench, None);
}

#[test]
fn a_disturbed_api_server_is_asked_again() {
    let Some(bench) = bench("disturbed") else { return };
    let faults = Faults::start(bench.plane).unwrap();
    let ours = |request: &Request| !request.is_from_helm();
    let every = |faults: &Faults, fault: Fault, nth: u32, write: bool| {
        let count = AtomicU32::new(0);
        faults.inject(fault, 1, u32::MAX, move |request| {
            ours(request) && request.is_write() == write && count.fetch_add(1, Ordering::SeqCst) % nth == nth - 1
        })
    };
    for (number, fault) in [
        Fault::Answer(429, Some(1)),
        Fault::Answer(500, None),
        Fault::Answer(503, None),
        Fault::Delay(Duration::from_millis(300)),
        Fault::Cut,
        Fault::CutAfter,
    ]
    .into_iter()
    .enumerate()
    {
        let rules = [every(&faults, fault.clone(), 4, false), every(&faults, fault, 2, true)];
        let value = format!("token=number-{number}");
        through(bench.deploy(&["--parameter", &value]), &faults).ok();
        assert!(rules.iter().all(testbed::faults::Rule::happened), "fault {number} did not happen");
        faults.heal();
        assert_eq!(bench.secret("app-secrets")["token"], format!("number-{number}"));
        assert_eq!(bench.find("secret/app-secrets-before"), None);
        assert_eq!(bench.find("lease/app-aspire"), None);
    }
    let rules = [every(&faults, Fault::CutAfter, 2, true), every(&faults, Fault::Answer(500, None), 3, false)];
    through(bench.destroy(&["--delete-data", "--yes"]), &faults).ok();
    assert!(rules.iter().all(testbed::faults::Rule::happened));
    assert_eq!(bench.find("pvc/db-data"), None);
}

#[test]
fn an_api_server_that_stays_broken_is_said_in_a_sentence() {
    let Some(bench) = bench("broken") else { return };
    let faults = Faults::start(bench.plane).unwrap();
    faults.inject(Fault::Answer(500, None), 1, u32::MAX, |request| request.is_write() && !request.is_from_helm());
    let start = Instant::now();
    let said = through(bench.deploy(&[]), &faults).exits(1);
    said.says(&["could not create Lease app-aspire in namespace", "the fault proxy says no"]);
    assert!(start.elapsed() < Duration::from_secs(30));
    faults.heal();
    bench.deploy(&[]).ok();
}

#[test]
fn the_first_interruption_stops_helm_and_the_next_run_goes_on() {
    let Some(bench) = bench("ctrlc") else { return };
    bench.configure(&format!(
        "{CONFIG}resources: {{api: {{podAnnotations: {{testbed.dev/behavior: image-pull-backoff}}}}}}\n"
    ));
    // A closed terminal says so twice: to the foreground, and through the shell.
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let child = bench.deploy(&["--timeout", "100s"]).piped();
        wait_for("helm that waits", || {
            let lease = bench.find("lease/app-aspire")?;
            let noted = text(&lease["metadata"]["annotations"]["aspire-k8s/helm"]).contains("\"child\":");
            (noted && bench.find("statefulset/db").and(bench.find("deployment/api")).is_some()).then_some(())
        });
        kill(child.id().cast_signed(), signal);
        if signal == Signal::HUP {
            kill(child.id().cast_signed(), signal);
        }
        let ran = child.wait_with_output().unwrap();
        assert_eq!(ran.status.code(), Some(6), "{signal:?}: {}", String::from_utf8_lossy(&ran.stderr));
        assert_eq!(bench.find("lease/app-aspire"), None);
        let states: Vec<String> = (1..5).map(|revision| status(&bench, revision)).collect();
        assert!(!states.iter().any(|state| state.starts_with("pending")), "{states:?}");
    }
    let secret = bench.find("secret/app-secrets");
    bench.configure(CONFIG);
    bench.deploy(&[]).ok();
    good_and_settled(&bench, secret.as_ref());
}

#[test]
fn the_second_interruption_ends_everything_at_once() {
    let Some(bench) = bench("twice") else { return };
    let faults = Faults::start(bench.plane).unwrap();
    let helm = Marks::new(&bench, "4.2.4");
    let gate = Gate::default();
    let ns = format!("/namespaces/{}/", bench.ns);
    let fits = move |request: &Request| request.is_write() && request.is_from_helm() && request.path.contains(&ns);
    let rule = faults.inject(Fault::Stall(gate), 2, u32::MAX, fits);
    let child = through(bench.deploy(&[]), &faults).env("HELM_BIN", &helm.helm).spawn();
    wait_for("helm at its second write", || rule.happened().then_some(()));
    let (process, helms) = (child.id().cast_signed(), helm.last());
    // Two different ones: the system would make one of two that are the same.
    let start = Instant::now();
    kill(process, Signal::INT);
    kill(process, Signal::TERM);
    assert_eq!(end(child), Some(6));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    wait_for("the end of helm", || {
        kubectl_aspire::internals::cluster::start_time(helms.cast_unsigned()).is_none().then_some(())
    });
    assert_eq!(status(&bench, 1), "pending-install");
    let secret = bench.find("secret/app-secrets");
    bench.deploy(&[]).ok().says(&["revision 1 was left pending-install"]);
    good_and_settled(&bench, secret.as_ref());
}
