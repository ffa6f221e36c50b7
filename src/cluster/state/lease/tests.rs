//! Acquiring, renewing, losing and releasing a Lease, on objects in memory and with real processes.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::*;
use crate::cluster::api::fake::Fake;
use crate::k8s::kind::Kind;

const OWNER: Owner<'_> = Owner { release: "shop", application: "app" };
const SHORT: Terms = Terms { lasts: Duration::from_secs(1), renew: Duration::from_millis(40) };

/// One store for several runs.
#[derive(Clone, Default)]
struct Shop(Arc<Mutex<Fake>>);

impl Shop {
    fn lock(&self) -> MutexGuard<'_, Fake> {
        self.0.lock().unwrap()
    }

    fn live(&self) -> Option<Value> {
        self.lock().peek(&LEASE, "n", "shop-aspire")
    }

    fn put(&self, change: impl FnOnce(&mut Value)) {
        let mut live = self.live().unwrap();
        change(&mut live);
        self.lock().put(&LEASE, "n", live);
    }
}

impl Objects for Shop {
    fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Option<Value>> {
        self.lock().get(kind, namespace, name)
    }
    fn create(&self, kind: &Kind, namespace: &str, object: &Value) -> Result<Value> {
        self.lock().create(kind, namespace, object)
    }
    fn replace(&self, kind: &Kind, namespace: &str, object: &Value, guard: &Guard) -> Result<Value> {
        self.lock().replace(kind, namespace, object, guard)
    }
    fn delete(&self, kind: &Kind, namespace: &str, name: &str, guard: &Guard, how: Propagation) -> Result<bool> {
        self.lock().delete(kind, namespace, name, guard, how)
    }
}

fn claim(terms: Terms, holder: Holder) -> Claim<'static> {
    Claim { owner: OWNER, namespace: "n", doing: "deploy", terms, holder }
}

fn acquire(shop: &Shop) -> Result<Held<Shop>> {
    Held::acquire(shop.clone(), &claim(SHORT, Holder::this_process()))
}

fn refused(shop: &Shop) -> String {
    let error = acquire(shop).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    error.to_string()
}

fn sleeper(variables: &[(&str, &str)]) -> Child {
    Command::new("sleep").arg("60").envs(variables.iter().copied()).stdin(Stdio::null()).spawn().unwrap()
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A Lease of a run that was killed: its process is gone.
fn left_by_a_killed_run(shop: &Shop, note: impl FnOnce(&Held<Shop>)) -> Holder {
    let child = sleeper(&[]);
    let holder = Holder::of(&Here::look(), child.id());
    let slow = Terms::default();
    note(&Held::acquire(shop.clone(), &claim(slow, holder.clone())).unwrap());
    kill(child);
    holder
}

fn other_host(holder: &Holder) -> Holder {
    let identity = holder.identity();
    let (_, rest) = identity.split_once('/').unwrap();
    Holder::parse(&format!("{:032x}/{rest}", 3)).unwrap()
}

/// How the version before named a process of this machine.
fn formerly(process: u32, run: &str) -> String {
    let line = |path: &str| std::fs::read_to_string(path).unwrap().trim().to_owned();
    let (host, boot) = (line("/proc/sys/kernel/hostname"), line("/proc/sys/kernel/random/boot_id"));
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap().display().to_string();
    let user = crate::cluster::processes::user_of("self");
    let born = crate::cluster::processes::start_time(process).unwrap();
    format!("{host}/{boot}/{space}/{user}/{process}/{born}/{run}")
}

fn wait_until(what: &str, ready: impl Fn() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn one_holds_it_and_gives_it_back() {
    let shop = Shop::default();
    let held = acquire(&shop).unwrap();
    assert_eq!(held.earlier(), None);
    let live = shop.live().unwrap();
    assert_eq!(live["spec"]["holderIdentity"], held.shared.holder.identity());
    assert_eq!(live["metadata"]["labels"]["app.kubernetes.io/managed-by"], "kubectl-aspire");
    let said = refused(&shop);
    let process = std::process::id();
    assert!(
        said.contains(&format!("is being worked on: deploy on this machine, process {process}, since 20")),
        "{said}"
    );
    assert!(said.contains(&format!("`kill {process}` stops it")), "{said}");
    held.check().unwrap();
    held.release().unwrap();
    assert_eq!(shop.live(), None);
    acquire(&shop).unwrap().release().unwrap();
}

#[test]
fn a_lease_of_another_owner_is_not_taken() {
    let shop = Shop::default();
    let foreign = json!({"metadata": {"name": "shop-aspire"}, "spec": {"holderIdentity": "x"}});
    shop.lock().put(&LEASE, "n", foreign);
    let way_out = "`kubectl delete lease shop-aspire -n n`";
    let said = refused(&shop);
    assert!(said.contains("was not written by kubectl-aspire") && said.contains(way_out), "{said}");
    let shop = Shop::default();
    left_by_a_killed_run(&shop, |_| {});
    shop.put(|live| live["metadata"]["annotations"]["aspire-k8s/application"] = json!("other"));
    let said = refused(&shop);
    assert!(said.contains("belongs to the application `other`") && said.contains(way_out), "{said}");
}

#[test]
fn a_dead_holder_on_this_machine_is_followed_at_once() {
    let shop = Shop::default();
    left_by_a_killed_run(&shop, |_| {});
    let held = acquire(&shop).unwrap();
    assert_eq!(held.earlier(), None);
    assert_eq!(shop.live().unwrap()["spec"]["leaseTransitions"], 1);
}

#[test]
fn a_holder_on_another_machine_is_followed_when_its_time_has_passed() {
    let shop = Shop::default();
    let holder = other_host(&left_by_a_killed_run(&shop, |_| {}));
    shop.put(|live| live["spec"]["holderIdentity"] = json!(holder.identity()));
    let said = refused(&shop);
    assert!(
        said.contains("deploy on another machine since 20")
            && said.contains("if it was killed, the lock expires at 20")
            && said.contains("`kubectl delete lease shop-aspire -n n`"),
        "{said}"
    );
    for time in ["2020-01-01T00:00:00.000000Z", "2200-01-01T00:00:00.000000Z"] {
        shop.put(|live| {
            live["spec"]["holderIdentity"] = json!(holder.identity());
            live["spec"]["renewTime"] = json!(time);
        });
        acquire(&shop).unwrap();
    }
}

#[test]
fn a_holder_with_another_clock_that_still_renews_is_not_followed() {
    let shop = Shop::default();
    let holder = other_host(&left_by_a_killed_run(&shop, |_| {}));
    shop.put(|live| {
        live["spec"]["holderIdentity"] = json!(holder.identity());
        live["spec"]["renewTime"] = json!("2020-01-01T00:00:00.000000Z");
    });
    let slow = Terms { renew: Duration::from_secs(2), ..SHORT };
    let trial = {
        let shop = shop.clone();
        std::thread::spawn(move || Held::acquire(shop, &claim(slow, Holder::this_process())).map(drop))
    };
    let reads = || shop.live().unwrap()["spec"]["renewTime"].clone();
    while !trial.is_finished() {
        // The other one's clock is years behind.
        shop.put(|live| live["spec"]["renewTime"] = json!("2020-01-01T00:00:15.000000Z"));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(trial.join().unwrap().unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(reads(), "2020-01-01T00:00:15.000000Z");
}

#[test]
fn it_goes_with_its_namespace() {
    let shop = Shop::default();
    let deleted = || {
        let store = shop.lock();
        let guard = Guard::of(&store.peek(&LEASE, "n", "shop-aspire").unwrap());
        store.delete(&LEASE, "n", "shop-aspire", &guard, Propagation::Background)
    };
    let held = acquire(&shop).unwrap();
    assert!(deleted().unwrap());
    wait_until("the loss", || held.check().is_err());
    let held = acquire(&shop).unwrap();
    held.ends_with_namespace();
    assert!(deleted().unwrap());
    assert!(held.renewals.lock().unwrap().is_none(), "nobody is left to notice");
    held.release().unwrap();
}

#[test]
fn it_is_renewed_and_nothing_is_written_once_it_is_lost() {
    let shop = Shop::default();
    let held = acquire(&shop).unwrap();
    let first = shop.live().unwrap()["spec"]["renewTime"].clone();
    wait_until("renewals", || shop.live().unwrap()["spec"]["renewTime"] != first);
    shop.put(|live| live["metadata"]["annotations"]["of"] = json!("others"));
    held.helm_starts("upgrade", Duration::from_secs(5)).unwrap();
    assert_eq!(shop.live().unwrap()["metadata"]["annotations"]["of"], "others");
    let other = other_host(&held.shared.holder);
    shop.put(|live| live["spec"]["holderIdentity"] = json!(other.identity()));
    wait_until("the loss", || held.check().is_err());
    let said = held.helm_starts("upgrade", Duration::from_secs(5)).unwrap_err().to_string();
    assert!(said.contains("is no longer held: a run on another machine took it over"), "{said}");
    assert!(held.release().is_err());
    assert_eq!(shop.live().unwrap()["spec"]["holderIdentity"], other.identity());
}

#[test]
fn one_that_cannot_be_renewed_is_lost_when_its_time_is_over_and_not_before() {
    let shop = Shop::default();
    let held = acquire(&shop).unwrap();
    shop.lock().writes_left.set(Some(0));
    let start = Instant::now();
    held.check().unwrap();
    wait_until("the loss", || held.check().is_err());
    assert!(start.elapsed() > Duration::from_millis(500), "{:?}", start.elapsed());
    assert!(held.check().unwrap_err().to_string().contains("could not be renewed since 20"));
}

#[test]
fn a_helm_that_outlives_its_run_is_waited_for() {
    let shop = Shop::default();
    let child = sleeper(&[]);
    left_by_a_killed_run(&shop, |held| {
        held.helm_starts("upgrade", Duration::from_secs(300)).unwrap();
        held.helm_runs(child.id()).unwrap();
    });
    let said = refused(&shop);
    let process = child.id();
    assert!(said.contains(&format!("by helm upgrade on this machine, process {process}, since 20")), "{said}");
    assert!(said.contains("the run that started it is gone"), "{said}");
    kill(child);
    let held = acquire(&shop).unwrap();
    assert!(matches!(held.earlier(), Some(Earlier::Dead(left)) if left.child.is_some()));
    // Killed before anything was done about it: the next one still knows.
    held.release().unwrap();
    let held = acquire(&shop).unwrap();
    assert!(matches!(held.earlier(), Some(Earlier::Dead(_))));
    held.helm_ended(true).unwrap();
    held.release().unwrap();
    assert_eq!(shop.live(), None);
}

#[test]
fn a_helm_whose_number_was_never_noted_is_known_by_its_mark() {
    let shop = Shop::default();
    let mut child = None;
    left_by_a_killed_run(&shop, |held| {
        held.helm_starts("rollback", Duration::from_secs(300)).unwrap();
        child = Some(sleeper(&[(MARK, held.run())]));
    });
    let child = child.unwrap();
    wait_until("the mark", || {
        std::fs::read(format!("/proc/{}/environ", child.id())).is_ok_and(|text| !text.is_empty())
    });
    let said = refused(&shop);
    assert!(said.contains(&format!("by helm rollback on this machine, process {}, since 20", child.id())), "{said}");
    kill(child);
    assert!(matches!(acquire(&shop).unwrap().earlier(), Some(Earlier::Dead(_))));
}

#[test]
fn the_end_of_a_helm_on_another_machine_cannot_be_proven() {
    let shop = Shop::default();
    let holder = other_host(&left_by_a_killed_run(&shop, |held| {
        held.helm_starts("upgrade", Duration::from_secs(300)).unwrap();
        held.helm_runs(1).unwrap();
    }));
    rewrite(&shop, |note| {
        note.holder = holder.identity();
        note.started_at = "2020-01-01T00:00:00.000000Z".into();
    });
    shop.put(|live| {
        live["spec"]["holderIdentity"] = json!(holder.identity());
        live["spec"]["renewTime"] = json!("2020-01-01T00:00:00.000000Z");
    });
    let held = acquire(&shop).unwrap();
    let Some(Earlier::Unproven(left)) = held.earlier() else { panic!("{:?}", held.earlier()) };
    let over = |at_most| left.over_at(Duration::from_secs(at_most), Timestamp::now());
    assert_eq!(over(86_400), "2020-01-01T00:07:00Z".parse().ok());
    assert_eq!(over(60), "2020-01-01T00:03:00Z".parse().ok());
}

#[test]
fn a_helm_that_ended_without_settling_anything_is_known_to_be_dead_on_its_machine_only() {
    let shop = Shop::default();
    let child = sleeper(&[]);
    let held = acquire(&shop).unwrap();
    held.helm_starts("uninstall", Duration::from_secs(300)).unwrap();
    held.helm_runs(child.id()).unwrap();
    kill(child);
    held.helm_ended(false).unwrap();
    held.release().unwrap();
    let live = shop.live().unwrap();
    assert_eq!(live["spec"]["holderIdentity"], Value::Null);
    assert!(matches!(look(&shop, OWNER, "n"), Ok(Some(Earlier::Dead(_)))));
    rewrite(&shop, |note| note.holder = other_host(&Holder::parse(&note.holder).unwrap()).identity());
    assert!(matches!(look(&shop, OWNER, "n"), Ok(Some(Earlier::Unproven(_)))));
    assert!(matches!(acquire(&shop).unwrap().earlier(), Some(Earlier::Unproven(_))));
}

/// Writes the note of a helm as another client with the right to write Leases would.
fn rewrite(shop: &Shop, change: impl FnOnce(&mut HelmRun)) {
    shop.put(|live| {
        let mut note = noted(live).unwrap();
        change(&mut note);
        set(live, &["metadata", "annotations", labels::RUNNING_HELM], json!(json!(note).to_string()));
    });
}

#[test]
fn nobody_else_proves_that_our_helm_is_dead() {
    let (shop, child) = (Shop::default(), sleeper(&[]));
    left_by_a_killed_run(&shop, |held| {
        held.helm_starts("upgrade", Duration::from_secs(300)).unwrap();
        held.helm_runs(child.id()).unwrap();
    });
    let before = shop.live().unwrap();
    let planted = |key: &str, value: Value| {
        shop.put(|live| *live = before.clone());
        shop.put(|live| {
            let text = annotation(live, labels::RUNNING_HELM).unwrap();
            let mut note: Value = serde_json::from_str(text).unwrap();
            note[key] = value;
            set(live, &["metadata", "annotations", labels::RUNNING_HELM], json!(note.to_string()));
        });
        acquire(&shop).map(|held| held.earlier().cloned())
    };
    // It lives, whatever is said of it.
    for (key, value) in [
        ("ended", json!(true)),
        ("seal", json!("0")),
        ("timeoutSeconds", json!(1)),
        ("process", json!(u32::MAX)),
        ("born", json!("1")),
    ] {
        let said = planted(key, value).err().unwrap().to_string();
        assert!(said.contains("by helm upgrade on this machine"), "{key}: {said}");
    }
    // Nor of a helm that was about to start.
    shop.put(|live| *live = before.clone());
    let note = HelmRun { child: None, ..noted(&before).unwrap() }.sealed(&Here::look());
    let mut text = json!(note);
    (text["process"], text["born"]) = (json!(u32::MAX), json!("1"));
    shop.put(|live| set(live, &["metadata", "annotations", labels::RUNNING_HELM], json!(text.to_string())));
    assert!(matches!(acquire(&shop).unwrap().earlier(), Some(Earlier::Unproven(_))));
    // A process that has ended is no proof that this helm has: only a user can say so.
    let gone = sleeper(&[]);
    let dead = noted(&before).and_then(|note| Holder::parse(&note.holder)).unwrap().child(gone.id());
    kill(gone);
    let found = planted("child", json!(dead)).unwrap();
    assert!(matches!(found, Some(Earlier::Unproven(_))), "{found:?}");
    let born = crate::cluster::processes::start_time(std::process::id()).unwrap() + "0";
    let former = json!({"holder": formerly(std::process::id(), "abc"), "command": "upgrade", "timeoutSeconds": 300,
        "startedAt": instant(Timestamp::now()), "process": std::process::id(), "born": born});
    shop.put(|live| {
        *live = before.clone();
        set(live, &["metadata", "annotations", labels::RUNNING_HELM], json!(former.to_string()));
    });
    assert!(matches!(acquire(&shop).unwrap().earlier(), Some(Earlier::Unproven(_))));
    shop.put(|live| *live = before.clone());
    kill(child);
    assert!(matches!(acquire(&shop).unwrap().earlier(), Some(Earlier::Dead(_))));
}

#[test]
fn what_others_wrote_into_a_note_is_not_kept() {
    let (shop, child) = (Shop::default(), sleeper(&[]));
    let held = acquire(&shop).unwrap();
    held.helm_starts("upgrade", Duration::from_secs(300)).unwrap();
    rewrite(&shop, |note| note.started_at = "2020-01-01T00:00:00.000000Z".into());
    held.helm_runs(child.id()).unwrap();
    let note = noted(&shop.live().unwrap()).unwrap();
    assert!(!note.started_at.starts_with("2020") && note.child.is_some(), "{note:?}");
    kill(child);
    held.helm_ended(true).unwrap();
    held.release().unwrap();
}

#[test]
fn a_process_named_by_another_client_blocks_for_ten_minutes_at_most() {
    let (own, born) = (std::process::id(), crate::cluster::processes::start_time(std::process::id()).unwrap());
    let minutes = |count: u64| instant(Timestamp::now() - Duration::from_secs(count * 60));
    let plant = |renewed: String, started: Option<String>| {
        let shop = Shop::default();
        left_by_a_killed_run(&shop, |_| {});
        shop.put(|live| {
            let identity = formerly(own, "abc");
            if let Some(started) = started {
                let note = json!({"holder": identity, "command": "upgrade", "startedAt": started,
                    "timeoutSeconds": 1_000_000, "process": own, "born": born});
                set(live, &["metadata", "annotations", labels::RUNNING_HELM], json!(note.to_string()));
            } else {
                live["spec"]["holderIdentity"] = json!(identity);
            }
            live["spec"]["leaseDurationSeconds"] = json!(1_000_000);
            live["spec"]["renewTime"] = json!(renewed);
        });
        shop
    };
    let way_out = "`kubectl delete lease shop-aspire -n n`";
    for (renewed, started) in [(minutes(9), None), (minutes(9), Some(minutes(9)))] {
        let said = refused(&plant(renewed, started));
        assert!(said.contains(way_out) && !said.contains("`kill"), "{said}");
    }
    acquire(&plant(minutes(11), None)).unwrap();
    let shop = plant(minutes(11), Some(minutes(11)));
    assert!(matches!(acquire(&shop).unwrap().earlier(), Some(Earlier::Unproven(_))));
}

#[test]
fn a_revision_is_a_helms_own_when_it_was_begun_right_after_its_start() {
    let note = json!({"holder": "", "command": "upgrade", "startedAt": "2026-01-01T00:00:00Z", "timeoutSeconds": 1});
    let note: HelmRun = serde_json::from_value(note).unwrap();
    for (began, own) in
        [("2026-01-01T00:00:02Z", true), ("2026-01-01T00:02:00Z", false), ("2025-12-31T23:59:00Z", false)]
    {
        assert_eq!(note.wrote(began.parse().ok()), own, "{began}");
    }
    assert!(!note.wrote(None));
}

#[test]
fn nothing_of_the_machine_is_published() {
    let shop = Shop::default();
    let held = acquire(&shop).unwrap();
    held.helm_starts("upgrade", Duration::from_secs(5)).unwrap();
    held.helm_runs(std::process::id()).unwrap();
    let live = shop.live().unwrap().to_string();
    let former = formerly(std::process::id(), "");
    for part in former.split('/').filter(|part| part.len() > 4) {
        assert!(!live.contains(part), "{part}: {live}");
    }
    for key in ["process", "born", "user"] {
        assert!(!live.contains(&format!("{key}\\\"")), "{key}: {live}");
    }
    held.helm_ended(true).unwrap();
    held.release().unwrap();
}

#[test]
fn a_lease_of_the_version_before_is_followed_and_no_number_of_it_is_repeated() {
    let shop = Shop::default();
    let (run, child) = (sleeper(&[]), sleeper(&[]));
    let born = crate::cluster::processes::start_time(child.id()).unwrap();
    left_by_a_killed_run(&shop, |held| held.helm_starts("upgrade", Duration::from_secs(300)).unwrap());
    shop.put(|live| {
        let identity = formerly(run.id(), "abc");
        let note = json!({"holder": identity, "command": "upgrade", "startedAt": instant(Timestamp::now()),
            "timeoutSeconds": 300, "process": child.id(), "born": born, "ended": false});
        set(live, &["metadata", "annotations", labels::RUNNING_HELM], json!(note.to_string()));
        live["spec"]["holderIdentity"] = json!(identity);
    });
    let said = refused(&shop);
    assert!(said.contains("is being worked on: deploy on this machine since 20"), "{said}");
    assert!(!said.contains("kill") && !said.contains("process"), "{said}");
    kill(run);
    let said = refused(&shop);
    assert!(said.contains("by helm upgrade on this machine since 20"), "{said}");
    assert!(!said.contains("kill") && !said.contains("process"), "{said}");
    kill(child);
    let held = acquire(&shop).unwrap();
    // Anyone can write what it wrote.
    assert!(matches!(held.earlier(), Some(Earlier::Unproven(_))), "{:?}", held.earlier());
}

#[test]
fn a_planted_lease_lasts_ten_minutes_at_most() {
    let shop = Shop::default();
    let holder = other_host(&left_by_a_killed_run(&shop, |_| {}));
    shop.put(|live| {
        live["spec"]["holderIdentity"] = json!(holder.identity());
        live["spec"]["leaseDurationSeconds"] = json!(1_000_000);
        live["spec"]["renewTime"] = json!(instant(Timestamp::now() - Duration::from_secs(601)));
    });
    acquire(&shop).unwrap();
}
