//! Taking, keeping, losing and giving back, on objects in memory and with real processes.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::*;
use crate::cluster::fake::Fake;
use crate::cluster::holder::start_time;
use crate::cluster::kind::Kind;

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
    let me = Holder::this_process();
    let holder = Holder { process: child.id(), born: start_time(child.id()).unwrap(), ..me };
    let slow = Terms::default();
    note(&Held::acquire(shop.clone(), &claim(slow, holder.clone())).unwrap());
    kill(child);
    holder
}

fn other_host(holder: &Holder) -> Holder {
    let mut other = holder.clone();
    other.on.host = "ci-3".into();
    other
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
    assert!(said.contains(&format!("is being worked on: deploy by process {process} on ")), "{said}");
    assert!(said.contains("since 20") && said.contains(&format!("`kill {process}` stops it")), "{said}");
    held.check().unwrap();
    held.release().unwrap();
    assert_eq!(shop.live(), None);
    acquire(&shop).unwrap().release().unwrap();
}

#[test]
fn a_lease_of_somebody_else_is_not_taken() {
    let shop = Shop::default();
    let foreign = json!({"metadata": {"name": "shop-aspire"}, "spec": {"holderIdentity": "x"}});
    shop.lock().put(&LEASE, "n", foreign);
    assert!(refused(&shop).contains("was not written by kubectl-aspire"));
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
    assert!(said.contains("on ci-3") && said.contains("if it was killed, the way is free at 20"), "{said}");
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
    assert!(said.contains("is no longer held: process") && said.contains("on ci-3 took it over"), "{said}");
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
    assert!(said.contains(&format!("by helm upgrade (process {process} on this machine) since 20")), "{said}");
    assert!(said.contains("the run that started it is gone"), "{said}");
    kill(child);
    let held = acquire(&shop).unwrap();
    assert!(matches!(held.earlier(), Some(Earlier::Dead(left)) if left.process == Some(process)));
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
    assert!(refused(&shop).contains("by helm rollback since 20"));
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
    shop.put(|live| {
        let mut note = noted(live).unwrap();
        note.holder = holder.identity();
        note.started_at = "2020-01-01T00:00:00.000000Z".into();
        set(live, &["metadata", "annotations", HELM], json!(json!(note).to_string()));
        live["spec"]["holderIdentity"] = json!(holder.identity());
        live["spec"]["renewTime"] = json!("2020-01-01T00:00:00.000000Z");
    });
    let held = acquire(&shop).unwrap();
    let Some(Earlier::Unproven(left)) = held.earlier() else { panic!("{:?}", held.earlier()) };
    assert_eq!(left.over_at(), "2020-01-01T00:07:00Z".parse().ok());
}

#[test]
fn a_helm_that_ended_without_settling_anything_is_known_to_be_dead_everywhere() {
    let shop = Shop::default();
    let held = acquire(&shop).unwrap();
    held.helm_starts("uninstall", Duration::from_secs(300)).unwrap();
    held.helm_runs(std::process::id()).unwrap();
    held.helm_ended(false).unwrap();
    held.release().unwrap();
    let live = shop.live().unwrap();
    assert_eq!(live["spec"]["holderIdentity"], Value::Null);
    shop.put(|live| {
        let mut note = noted(live).unwrap();
        note.holder = other_host(&Holder::parse(&note.holder).unwrap()).identity();
        set(live, &["metadata", "annotations", HELM], json!(json!(note).to_string()));
    });
    assert!(matches!(look(&shop, OWNER, "n"), Ok(Some(Earlier::Dead(_)))));
    assert!(matches!(acquire(&shop).unwrap().earlier(), Some(Earlier::Dead(_))));
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
