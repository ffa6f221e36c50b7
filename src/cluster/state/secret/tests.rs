//! The next content of the Secret, and what is left after every way in which a run can end.

use super::*;
use crate::cluster::api::fake::Fake;
use crate::k8s::error::ErrorKind;

const OWNER: Owner<'_> = Owner { release: "shop", application: "app" };
const NS: &str = "n";

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn values(pairs: Pairs<'_>) -> BTreeMap<String, Vec<u8>> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
}

fn claims(pairs: Pairs<'_>) -> BTreeMap<String, Vec<String>> {
    pairs.iter().map(|(key, claim)| ((*key).to_owned(), vec![(*claim).to_owned()])).collect()
}

/// `key=value@mark`, in order.
fn shown(secret: &ReleaseSecret) -> String {
    let show =
        |(key, value): (&String, &Vec<u8>)| format!("{key}={}@{}", String::from_utf8_lossy(value), secret.marks[key]);
    secret.data.iter().map(show).collect::<Vec<_>>().join(" ")
}

fn live(store: &Fake) -> String {
    shown(&read(store, OWNER, NS).unwrap())
}

fn begin(store: &Fake, pairs: Pairs<'_>) -> crate::k8s::error::Result<Change> {
    let new = read(store, OWNER, NS)?.update(values(pairs));
    Change::begin(store, OWNER, NS, &new)
}

fn deploy(store: &Fake, pairs: Pairs<'_>) {
    begin(store, pairs).unwrap().commit(store).unwrap();
}

#[test]
fn marks_change_with_values_and_never_come_twice() {
    let mut secret = ReleaseSecret::default();
    for (wanted, expected) in [
        (&[("a", "1"), ("b", "1")][..], "a=1@1 b=1@1"),
        (&[("a", "1"), ("b", "1")], "a=1@1 b=1@1"),
        (&[("a", "2"), ("b", "1")], "a=2@2 b=1@1"),
        (&[("a", "2"), ("b", "1"), ("c", "1")], "a=2@2 b=1@1 c=1@3"),
        (&[("b", "2")], "b=2@4"),
        (&[("a", "2"), ("b", "2")], "a=2@5 b=2@4"),
        (&[], ""),
        (&[("a", "2")], "a=2@6"),
    ] {
        secret = secret.update(values(wanted));
        assert_eq!(shown(&secret), expected);
    }
}

#[test]
fn a_key_with_claims_outlives_its_use() {
    let secret = ReleaseSecret::default().update(values(&[("pg", "x"), ("other", "y")]));
    let secret = secret.with_claims(&claims(&[("pg", "pg-data"), ("unknown", "z")]));
    let secret = secret.with_claims(&claims(&[("pg", "pg-log")]));
    assert_eq!(secret.claims, BTreeMap::from([("pg".to_owned(), vec!["pg-data".to_owned(), "pg-log".to_owned()])]));
    let next = secret.update(BTreeMap::new());
    assert_eq!((shown(&next).as_str(), next.claims.len()), ("pg=x@1", 1));
}

#[test]
fn the_object_holds_everything_and_keeps_what_others_added() {
    let secret = ReleaseSecret::default().update(values(&[("a", "1")])).with_claims(&claims(&[("a", "c")]));
    let live = json!({"metadata": {"uid": "u", "resourceVersion": "7", "labels": {"x": "y"}}, "data": {"old": "eA=="}});
    let object = secret.to_object(OWNER, "shop-secrets", Some(&live));
    assert_eq!(object["data"], json!({"a": "MQ=="}));
    assert_eq!(
        object["metadata"],
        json!({
            "uid": "u",
            "resourceVersion": "7",
            "name": "shop-secrets",
            "labels": {
                "x": "y",
                "app.kubernetes.io/managed-by": "kubectl-aspire",
                "app.kubernetes.io/instance": "shop",
            },
            "annotations": {
                "aspire-k8s/application": "app",
                "aspire-k8s/revisions": "{\"a\":\"1\"}",
                "aspire-k8s/claims": "{\"a\":[\"c\"]}",
                "aspire-k8s/last-revision": "1",
            },
        })
    );
    let back = ReleaseSecret::from_object(&object);
    assert!(back.says_the_same(&secret));
    assert_eq!((back.last, back.uid.as_deref(), back.resource_version.as_deref()), (1, Some("u"), Some("7")));
}

#[test]
fn damaged_annotations_lose_no_value() {
    let object = json!({"metadata": {"annotations": {"aspire-k8s/revisions": "{", "aspire-k8s/last-revision": "4"}},
        "data": {"a": "MQ=="}});
    let secret = ReleaseSecret::from_object(&object);
    assert_eq!(shown(&secret), "a=1@0");
    assert_eq!(shown(&secret.update(values(&[("a", "2")]))), "a=2@5");
}

#[test]
fn the_debug_form_shows_no_value() {
    let secret = ReleaseSecret::default().update(values(&[("a", "hunter22")]));
    assert!(!format!("{secret:?}").contains("104"), "{secret:?}");
}

#[test]
fn a_good_run_leaves_the_new_values_only() {
    let store = Fake::default();
    deploy(&store, &[("a", "1")]);
    assert_eq!(*store.log.borrow(), ["create shop-secrets"]);
    deploy(&store, &[("a", "2")]);
    let second = ["create shop-secrets-before", "replace shop-secrets", "delete shop-secrets-before"];
    assert_eq!(store.log.borrow()[1..], second);
    assert_eq!(live(&store), "a=2@2");
    deploy(&store, &[("a", "2")]);
    assert_eq!(store.log.borrow().len(), 4, "nothing changed, nothing is written");
}

#[test]
fn no_secrets_no_object() {
    let store = Fake::default();
    deploy(&store, &[]);
    assert!(store.log.borrow().is_empty());
}

#[test]
fn a_failed_run_brings_the_old_values_back_and_spends_its_marks() {
    let store = Fake::default();
    deploy(&store, &[("a", "1"), ("b", "1")]);
    let change = begin(&store, &[("a", "2"), ("c", "1")]).unwrap();
    assert_eq!(live(&store), "a=2@2 b=1@1 c=1@2", "pods that run still take what goes");
    change.restore(&store).unwrap();
    assert_eq!(live(&store), "a=1@1 b=1@1");
    assert!(leftover(&store, OWNER, NS).unwrap().is_none());
    deploy(&store, &[("a", "3"), ("b", "1")]);
    assert_eq!(live(&store), "a=3@3 b=1@1");
    deploy(&store, &[("a", "3")]);
    assert_eq!(live(&store), "a=3@3", "what nothing takes any more goes in the end");
    begin(&store, &[]).unwrap().keep_leaving(&store).unwrap();
    assert_eq!(live(&store), "a=3@3", "old pods may still run");
    deploy(&store, &[]);
    assert!(store.peek(&SECRET, NS, "shop-secrets").is_none());
}

#[test]
fn a_failed_first_install_deletes_nothing() {
    let store = Fake::default();
    let change = begin(&store, &[("a", "1")]).unwrap();
    change.restore(&store).unwrap();
    assert_eq!(live(&store), "a=1@1");
}

#[test]
fn a_new_key_whose_claim_may_be_set_up_stays_after_a_failed_run() {
    let store = Fake::default();
    deploy(&store, &[("a", "1")]);
    let new = read(&store, OWNER, NS).unwrap().update(values(&[("a", "2"), ("pg", "x")]));
    let new = new.with_claims(&claims(&[("pg", "pg-data")]));
    Change::begin(&store, OWNER, NS, &new).unwrap().restore(&store).unwrap();
    assert_eq!(live(&store), "a=1@1 pg=x@2");
    assert_eq!(read(&store, OWNER, NS).unwrap().claims.len(), 1);
}

#[test]
fn a_run_killed_anywhere_can_be_taken_back_by_the_next() {
    for writes in 0..3 {
        let store = Fake::default();
        deploy(&store, &[("a", "1")]);
        store.writes_left.set(Some(writes));
        let killed = begin(&store, &[("a", "2")]).and_then(|change| change.commit(&store));
        assert!(killed.is_err());
        store.writes_left.set(None);
        let change = begin(&store, &[("a", "3")]).unwrap();
        change.restore(&store).unwrap();
        assert_eq!(live(&store), "a=1@1", "killed after {writes} writes");
        assert!(leftover(&store, OWNER, NS).unwrap().is_none());
    }
}

#[test]
fn a_leftover_goes_when_the_release_is_good() {
    let store = Fake::default();
    deploy(&store, &[("a", "1")]);
    drop(begin(&store, &[("a", "2")]).unwrap());
    assert_eq!(shown(&leftover(&store, OWNER, NS).unwrap().unwrap()), "a=1@1");
    begin(&store, &[("a", "2")]).unwrap().commit(&store).unwrap();
    assert!(leftover(&store, OWNER, NS).unwrap().is_none());
    drop(begin(&store, &[("a", "3")]).unwrap());
    discard_leftover(&store, OWNER, NS).unwrap();
    assert!(leftover(&store, OWNER, NS).unwrap().is_none());
    assert_eq!(live(&store), "a=3@3");
}

#[test]
fn another_clients_write_is_a_conflict() {
    let store = Fake::default();
    deploy(&store, &[("a", "1")]);
    let new = read(&store, OWNER, NS).unwrap().update(values(&[("a", "2")]));
    deploy(&store, &[("a", "9")]);
    assert!(Change::begin(&store, OWNER, NS, &new).unwrap_err().is_conflict());
    assert!(leftover(&store, OWNER, NS).unwrap().is_none());

    let change = begin(&store, &[("a", "2")]).unwrap();
    let other = read(&store, OWNER, NS).unwrap().update(values(&[("a", "7")]));
    let object = store.peek(&SECRET, NS, "shop-secrets").unwrap();
    store.put(&SECRET, NS, other.to_object(OWNER, "shop-secrets", Some(&object)));
    assert!(change.restore(&store).unwrap_err().is_conflict());
    assert!(leftover(&store, OWNER, NS).unwrap().is_some(), "the rollback is not lost");
}

#[test]
fn what_is_not_ours_is_refused_before_any_write() {
    for owner in [Owner { application: "else", ..OWNER }, Owner { release: "shop", application: "" }] {
        let store = Fake::default();
        let foreign = ReleaseSecret::default().update(values(&[("a", "1")]));
        store.put(&SECRET, NS, foreign.to_object(owner, "shop-secrets", None));
        let error = Change::begin(&store, OWNER, NS, &ReleaseSecret::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(store.log.borrow().is_empty());
    }
    let store = Fake::default();
    store.put(&SECRET, NS, json!({"metadata": {"name": "shop-secrets-before"}}));
    let error = begin(&store, &[("a", "1")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(store.log.borrow().is_empty());
}

#[test]
fn a_destroyed_release_keeps_the_credentials_of_kept_claims() {
    let store = Fake::default();
    let new = ReleaseSecret::default().update(values(&[("a", "1"), ("pg", "x")]));
    let new = new.with_claims(&claims(&[("pg", "pg-data")]));
    Change::begin(&store, OWNER, NS, &new).unwrap().commit(&store).unwrap();
    retire(&store, OWNER, NS, false).unwrap();
    assert_eq!(live(&store), "pg=x@1");
    retire(&store, OWNER, NS, true).unwrap();
    assert!(store.peek(&SECRET, NS, "shop-secrets").is_none());
    retire(&store, OWNER, NS, true).unwrap();

    deploy(&store, &[("a", "1")]);
    retire(&store, OWNER, NS, false).unwrap();
    assert!(store.peek(&SECRET, NS, "shop-secrets").is_none());
}
