//! The requests as sent, against a scripted local server.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::cluster::api::probe::{Probe, Question};
use crate::k8s::kind::{CLAIM, NAMESPACE, SECRET};

pub(crate) struct Asked {
    pub line: String,
    content_type: String,
    body: Value,
}

/// A server that gives these answers, one connection each; `0` takes the request and never answers, `1` hangs up.
pub(crate) fn server(answers: Vec<(u16, Value)>) -> (Cluster, Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for (code, answer) in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            sender.send(read_request(&mut reader)).unwrap();
            let text = answer.to_string();
            if code == 1 {
                continue;
            }
            if code > 1 {
                let head = format!("HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nConnection: close\r\n");
                write!(reader.get_mut(), "{head}Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
            }
            open.push(reader);
        }
        std::mem::forget(open);
    });
    let access = Access { server: Some(format!("http://{address}")), ..Access::default() };
    let environment = Environment::new("/", [("KUBECONFIG", "/nonexistent/kubeconfig")]);
    (Cluster::connect(&access, &environment, Duration::from_millis(1500)).unwrap(), receiver)
}

fn read_request(reader: &mut impl BufRead) -> Asked {
    let (mut line, mut length, mut content_type) = (String::new(), 0, String::new());
    reader.read_line(&mut line).unwrap();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        match header.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().unwrap(),
            Some((name, value)) if name.eq_ignore_ascii_case("content-type") => content_type = value.to_owned(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let line = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
    Asked { line, content_type, body: serde_json::from_slice(&body).unwrap_or_default() }
}

fn status(code: u16, reason: &str, message: &str) -> (u16, Value) {
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message}),
    )
}

fn guard() -> Guard {
    Guard { uid: Some("u".into()), resource_version: Some("7".into()) }
}

#[test]
fn reading() {
    let object = json!({"metadata": {"name": "a"}});
    let page = json!({"metadata": {"continue": "t"}, "items": [object]});
    let (cluster, asked) = server(vec![
        (200, object.clone()),
        status(404, "NotFound", "secrets \"a\" not found"),
        (200, page),
        (200, json!({"metadata": {}, "items": [object]})),
        (200, json!({"resources": [{"name": "ingresses", "kind": "Ingress", "namespaced": true}]})),
        (200, json!({"gitVersion": "v1.36.3"})),
    ]);
    assert_eq!(cluster.get(&SECRET, "n", "a"), Ok(Some(object)));
    assert_eq!(cluster.get(&NAMESPACE, "n", "a"), Ok(None));
    let listed = cluster.list(&CLAIM, "n", "a=b").unwrap();
    assert_eq!((listed.len(), &listed[1]["kind"]), (2, &json!("PersistentVolumeClaim")));
    assert_eq!(cluster.kind("networking.k8s.io/v1", "Ingress").unwrap().unwrap().plural, "ingresses");
    assert_eq!(cluster.server_version().unwrap(), "v1.36.3");
    let lines: Vec<String> = asked.iter().map(|asked| asked.line.trim_end_matches(['?', '&']).to_owned()).collect();
    assert_eq!(
        lines,
        [
            "GET /api/v1/namespaces/n/secrets/a",
            "GET /api/v1/namespaces/a",
            "GET /api/v1/namespaces/n/persistentvolumeclaims?&labelSelector=a%3Db&limit=500",
            "GET /api/v1/namespaces/n/persistentvolumeclaims?&labelSelector=a%3Db&limit=500&continue=t",
            "GET /apis/networking.k8s.io/v1",
            "GET /version",
        ]
    );
}

#[test]
fn writing_is_guarded() {
    let object = json!({"metadata": {"name": "a"}});
    let (cluster, asked) =
        server(vec![(201, object.clone()), (200, object.clone()), (200, object.clone()), (200, json!({}))]);
    cluster.create(&SECRET, "n", &object).unwrap();
    cluster.replace(&SECRET, "n", &object, &guard()).unwrap();
    cluster.patch(&SECRET, "n", "a", &guard(), &json!({"data": {"k": null}})).unwrap();
    assert_eq!(cluster.delete(&SECRET, "n", "a", &guard(), Propagation::Background), Ok(true));
    let asked: Vec<Asked> = asked.iter().collect();
    let lines: Vec<&str> = asked.iter().map(|asked| asked.line.trim_end_matches('?')).collect();
    let manager = "fieldManager=kubectl-aspire";
    assert_eq!(
        lines,
        [
            format!("POST /api/v1/namespaces/n/secrets?&{manager}"),
            format!("PUT /api/v1/namespaces/n/secrets/a?&{manager}"),
            format!("PATCH /api/v1/namespaces/n/secrets/a?&{manager}"),
            "DELETE /api/v1/namespaces/n/secrets/a".to_owned(),
        ]
    );
    let guarded = json!({"name": "a", "uid": "u", "resourceVersion": "7"});
    assert_eq!(asked[1].body["metadata"], guarded);
    assert_eq!(asked[2].body, json!({"data": {"k": null}, "metadata": {"uid": "u", "resourceVersion": "7"}}));
    assert_eq!(asked[2].content_type, "application/merge-patch+json");
    assert_eq!(asked[3].body["preconditions"], json!({"uid": "u", "resourceVersion": "7"}));
    assert_eq!(asked[3].body["propagationPolicy"], "Background");
}

#[test]
fn without_a_guard_nothing_is_sent() {
    let (cluster, asked) = server(vec![]);
    let object = json!({"metadata": {"name": "a"}});
    let none = Guard::default();
    assert!(cluster.replace(&SECRET, "n", &object, &none).is_err());
    assert!(cluster.patch(&SECRET, "n", "a", &none, &json!({})).is_err());
    assert!(cluster.delete(&SECRET, "n", "a", &none, Propagation::Orphan).is_err());
    assert!(cluster.get(&SECRET, "n", "a/../b").is_err());
    assert!(asked.try_recv().is_err());
}

#[test]
fn dry_runs_are_those_of_helm_and_store_nothing() {
    let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
    let answers = vec![
        (200, object.clone()),
        (200, object.clone()),
        (201, object.clone()),
        (200, object.clone()),
        status(404, "NotFound", "secrets \"a\" not found"),
        status(422, "Invalid", "no"),
    ];
    let (cluster, asked) = server(answers);
    let patch = json!({"data": {"k": null}});
    let ask = |probe| cluster.ask(&[Question { kind: &SECRET, namespace: "n", probe }]).remove(0);
    assert_eq!(ask(Probe::Get("a")), Ok(Some(object.clone())));
    ask(Probe::Apply(&object, false)).unwrap();
    ask(Probe::Create(&object)).unwrap();
    ask(Probe::Patch("a", &patch)).unwrap();
    assert_eq!(ask(Probe::Get("a")), Ok(None));
    assert_eq!(ask(Probe::Apply(&object, false)).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(ask(Probe::Get("a/b")).unwrap_err().kind(), ErrorKind::Invalid);
    let asked: Vec<Asked> = asked.iter().collect();
    let lines: Vec<(&str, &str)> =
        asked.iter().take(4).map(|asked| (asked.line.trim_end_matches('?'), &*asked.content_type)).collect();
    let at = "/api/v1/namespaces/n/secrets";
    let apply = format!("PATCH {at}/a?&dryRun=All&fieldManager=helm&fieldValidation=Strict");
    let create = format!("POST {at}?&dryRun=All&fieldManager=helm");
    let merge = format!("PATCH {at}/a?&dryRun=All&fieldManager=helm");
    assert_eq!(
        lines,
        [
            (&*format!("GET {at}/a"), ""),
            (&*apply, "application/apply-patch+yaml"),
            (&*create, "application/json"),
            (&*merge, "application/merge-patch+json"),
        ]
    );
    assert_eq!((&asked[2].body, &asked[3].body), (&object, &patch));
}

#[test]
fn answers_come_in_the_order_of_the_questions() {
    let (cluster, _asked) = server((0..20).map(|_| (200, json!({"metadata": {"name": "a"}}))).collect());
    let names: Vec<String> = (0..20).map(|n| if n == 11 { "a/b".to_owned() } else { format!("n{n}") }).collect();
    let kind = SECRET;
    let get = |name| Question { kind: &kind, namespace: "n", probe: Probe::Get(name) };
    let questions: Vec<Question> = names.iter().map(|name| get(name)).collect();
    let failed: Vec<bool> = cluster.ask(&questions).iter().map(Result::is_err).collect();
    assert_eq!(failed.iter().position(|failed| *failed), Some(11));
    assert_eq!(failed.len(), 20);
}

#[test]
fn permissions_are_asked_for() {
    let (cluster, asked) = server(vec![(201, json!({"status": {"allowed": true}})), (201, json!({"status": {}}))]);
    assert_eq!(cluster.can_i("create", &SECRET, "n", ""), Ok(true));
    assert_eq!(cluster.can_i("delete", &SECRET, "n", "x"), Ok(false));
    let attributes = &asked.recv().unwrap().body["spec"]["resourceAttributes"];
    let expected = json!({"verb": "create", "group": "", "resource": "secrets", "namespace": "n", "name": ""});
    assert_eq!(attributes, &expected);
}

#[test]
fn a_secret_that_the_server_repeats_is_not_shown() {
    let message = "Secret \"a\" is invalid: data[k]: Invalid value: \"aHVudGVyMjI=\" (hunter22)";
    let (cluster, _asked) = server(vec![status(422, "Invalid", message)]);
    let object = json!({"metadata": {"name": "a"}, "data": {"k": "aHVudGVyMjI="}});
    let error = cluster.create(&SECRET, "n", &object).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().ends_with("Invalid value: \"***\" (***)"), "{error}");
}

#[test]
fn silence_and_absence_are_told_apart() {
    let (cluster, _asked) = server(vec![(0, json!(null))]);
    let error = cluster.get(&SECRET, "n", "a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let access = Access { server: Some(format!("http://{address}")), ..Access::default() };
    let environment = Environment::new("/", [("KUBECONFIG", "/nonexistent/kubeconfig")]);
    let cluster = Cluster::connect(&access, &environment, Duration::from_secs(2)).unwrap();
    let error = cluster.get(&SECRET, "n", "a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let start = format!("could not read Secret a in namespace n: could not talk to http://{address}");
    assert!(error.to_string().starts_with(&start), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[test]
fn what_passes_by_itself_is_tried_again() {
    let object = json!({"metadata": {"name": "a"}, "data": {"k": "dg=="}});
    let busy = || status(429, "TooManyRequests", "later");
    let (cluster, asked) =
        server(vec![busy(), (1, json!(null)), (503, json!("no JSON status")), (200, object.clone())]);
    assert_eq!(cluster.get(&SECRET, "n", "a"), Ok(Some(object.clone())));
    assert_eq!(asked.iter().count(), 4);
    let (cluster, asked) = server(vec![busy(), (201, object.clone())]);
    cluster.create(&SECRET, "n", &object).unwrap();
    let bodies: Vec<Value> = asked.iter().map(|asked| asked.body).collect();
    assert_eq!(bodies, [object.clone(), object]);
}

#[test]
fn a_write_that_was_done_unheard_is_no_conflict() {
    let wanted = json!({"metadata": {"name": "a"}, "data": {"k": "dg=="}});
    let live = json!({"metadata": {"name": "a", "uid": "u", "resourceVersion": "8"}, "data": {"k": "dg=="}});
    let other = json!({"metadata": {"name": "a", "uid": "u", "resourceVersion": "8"}, "data": {"k": "eA=="}});
    let broken = || status(500, "InternalError", "etcd said no");
    let there = || status(409, "AlreadyExists", "secrets \"a\" already exists");
    let changed = || status(409, "Conflict", "the object has been modified");
    let gone = || status(404, "NotFound", "secrets \"a\" not found");

    let (cluster, _asked) = server(vec![(1, json!(null)), there(), (200, live.clone())]);
    assert_eq!(cluster.create(&SECRET, "n", &wanted), Ok(live.clone()));
    let (cluster, _asked) = server(vec![broken(), changed(), (200, live.clone())]);
    assert_eq!(cluster.replace(&SECRET, "n", &wanted, &guard()), Ok(live.clone()));
    let (cluster, _asked) = server(vec![broken(), gone()]);
    assert_eq!(cluster.delete(&SECRET, "n", "a", &guard(), Propagation::Background), Ok(true));

    let (cluster, _asked) = server(vec![broken(), there(), (200, other.clone())]);
    assert_eq!(cluster.create(&SECRET, "n", &wanted).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let (cluster, _asked) = server(vec![broken(), changed(), (200, other)]);
    assert_eq!(cluster.replace(&SECRET, "n", &wanted, &guard()).unwrap_err().kind(), ErrorKind::Conflict);
    let (cluster, asked) = server(vec![changed()]);
    assert_eq!(cluster.replace(&SECRET, "n", &wanted, &guard()).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(asked.iter().count(), 1, "without a doubtful try the first refusal counts");
}

#[test]
fn what_stays_broken_is_said_after_a_bounded_time() {
    let (cluster, asked) = server(vec![status(500, "InternalError", "etcd said no"); 6]);
    let error = cluster.get(&SECRET, "n", "a").unwrap_err();
    assert_eq!(error.to_string(), "could not read Secret a in namespace n: etcd said no");
    assert!((3..=6).contains(&asked.try_iter().count()));
    let (cluster, asked) = server(vec![status(403, "Forbidden", "no")]);
    assert_eq!(cluster.get(&SECRET, "n", "a").unwrap_err().kind(), ErrorKind::Forbidden);
    assert_eq!(asked.iter().count(), 1);
}
