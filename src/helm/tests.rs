//! What is passed to helm and how its output is used, with a fake helm that records everything.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::cluster::connect::access::Token;
use crate::support::interrupt::Told;

const FAKE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake/helm");

struct Fake {
    folder: tempfile::TempDir,
}

impl Fake {
    /// A helm that answers with this piece of shell.
    fn answering(answer: &str) -> Self {
        let fake = Self { folder: tempfile::tempdir().unwrap() };
        fake.put("answer", answer);
        fake
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn helm_with(&self, variables: &[(&str, &str)]) -> Helm {
        let folder = self.folder.path();
        let path = std::env::var("PATH").unwrap();
        let fixed = [("PATH", path.as_str()), ("HELM_BIN", FAKE), ("FAKE_HELM", folder.to_str().unwrap())];
        Helm::find(&Environment::new(folder, fixed.into_iter().chain(variables.iter().copied()))).unwrap()
    }

    fn helm(&self) -> Helm {
        self.helm_with(&[])
    }

    fn arguments(&self) -> Vec<String> {
        self.text("argv").lines().map(str::to_owned).collect()
    }

    fn variables(&self) -> BTreeMap<String, String> {
        let text = self.text("env");
        text.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect()
    }
}

fn target() -> Target {
    Target::new("shop", "n", Access::default()).unwrap()
}

fn upgrade(helm: &Helm, values: &Values<'_>, options: &Options) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut note = |line: Line<'_>| lines.push(format!("{:?}: {}", line.stream, line.text));
    helm.upgrade_install(&target(), Path::new("out"), values, options, &mut note)?;
    Ok(lines)
}

#[test]
fn an_upgrade_is_told_everything_but_the_values() {
    let fake = Fake::answering("");
    let files = [PathBuf::from("values.yaml"), PathBuf::from("/x/a,b.yaml")];
    let over = json!({"parameters": {"a": "12345678"}});
    let options = Options { wait: true, roll_back: true, description: Some("by me".into()), ..Options::default() };
    upgrade(&fake.helm(), &Values { files: &files, over: &over }, &options).unwrap();
    let expected = "upgrade --install shop ./out --namespace n --reset-values -f ./values.yaml -f \"/x/a,b.yaml\" -f - \
                    --timeout 300s --wait --description by|me --rollback-on-failure";
    let expected: Vec<String> = expected.split(' ').map(|word| word.replace('|', " ")).collect();
    assert_eq!(fake.arguments(), expected);
    assert_eq!(serde_json::from_str::<Value>(&fake.text("stdin")).unwrap(), over);
    assert_eq!(fake.text("calls"), "version\nupgrade\n");
    assert_eq!(Path::new(fake.text("pwd").trim()), fake.folder.path().canonicalize().unwrap());
}

#[test]
fn a_dry_run_has_the_arguments_of_the_upgrade() {
    let release = json!({"manifest": "a: b", "hooks": [{"name": "h", "kind": "Job"}], "apply_method": "ssa"});
    let fake = Fake::answering(&format!("echo '{release}'"));
    let (helm, chart) = (fake.helm(), Path::new("out"));
    let intended = helm.dry_run(&target(), chart, &Values::NONE, &Options::default()).ok().unwrap();
    let expected = "upgrade --install shop ./out --namespace n --reset-values --timeout 300s --dry-run=server -o json";
    assert_eq!(fake.arguments(), expected.split(' ').collect::<Vec<_>>());
    assert_eq!((&*intended.manifest, intended.hooks[0].kind.as_str(), intended.by_server()), ("a: b", "Job", true));
    let fake = Fake::answering("echo '{}'");
    let intended = fake.helm().dry_run(&target(), chart, &Values::NONE, &Options::default()).ok().unwrap();
    assert!(!intended.by_server(), "helm 3 does not say how");
}

#[test]
fn flags_follow_the_version() {
    for (version, expected) in [("v3.14.4", "--atomic"), ("v4.0.0", "--rollback-on-failure")] {
        let fake = Fake::answering("");
        fake.put("version", version);
        upgrade(&fake.helm(), &Values::NONE, &Options { roll_back: true, ..Options::default() }).unwrap();
        assert!(fake.arguments().contains(&expected.to_owned()), "{version}");
        assert_eq!(fake.text("stdin"), "");
    }
}

#[test]
fn the_surroundings_are_ours() {
    let fake = Fake::answering("");
    let helm =
        fake.helm_with(&[("HELM_DEBUG", "true"), ("HELM_KUBETOKEN", "old"), ("HELM_NAMESPACE", "x"), ("KEPT", "1")]);
    let access = Access {
        context: Some("prod".into()),
        kubeconfig: Some("k.yaml".into()),
        token: Some(Token::new("t0ken")),
        as_groups: vec!["a".into(), "b".into()],
        ..Access::default()
    };
    let target = Target::new("shop", "n", access).unwrap();
    helm.get_manifest(&target, Some(3)).unwrap();
    let expected = "get manifest shop --namespace n --kube-context prod --kubeconfig k.yaml --revision 3";
    assert_eq!(fake.arguments().join(" "), expected);
    let variables = fake.variables();
    for (name, value) in [
        ("HELM_NO_PLUGINS", Some("1")),
        ("HELM_DEBUG", Some("false")),
        ("HELM_KUBETOKEN", Some("t0ken")),
        ("HELM_KUBEASGROUPS", Some("a,b")),
        ("HELM_NAMESPACE", None),
        ("KEPT", Some("1")),
    ] {
        assert_eq!(variables.get(name).map(String::as_str), value, "{name}");
    }
}

#[test]
fn output_comes_line_by_line_and_masked() {
    let fake = Fake::answering("echo one; echo 'value hunter22'; printf 'no end'; echo oops >&2");
    let helm = fake.helm();
    helm.hide(["hunter22".to_owned()]);
    let mut lines = upgrade(&helm, &Values::NONE, &Options::default()).unwrap();
    lines.sort();
    assert_eq!(lines, ["Error: oops", "Output: no end", "Output: one", "Output: value ***"]);
}

#[test]
fn failures_are_sentences() {
    let fake = Fake::answering("echo out; echo 'Error: bad \"hunter22\"' >&2; exit 1");
    let helm = fake.helm();
    helm.hide(["hunter22".to_owned()]);
    let options = Options { description: Some("it's".into()), ..Options::default() };
    let error = upgrade(&helm, &Values::NONE, &options).unwrap_err().to_string();
    let command =
        r"helm upgrade --install shop ./out --namespace n --reset-values --timeout 300s --description 'it'\''s'";
    assert_eq!(error, format!("`{command}` failed with exit status 1:\n  Error: bad \"***\""));

    for (answer, expected) in [
        ("echo only output; exit 3", "failed with exit status 3:\n  only output"),
        ("exit 2", "failed with exit status 2"),
        ("kill -9 $$", "was killed by signal 9"),
    ] {
        let error = upgrade(&Fake::answering(answer).helm(), &Values::NONE, &Options::default()).unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}");
    }
    let many = Fake::answering("i=0; while [ $i -lt 50 ]; do echo line $i >&2; i=$((i+1)); done; exit 1");
    match upgrade(&many.helm(), &Values::NONE, &Options::default()) {
        Err(Error::Failed(failure)) => {
            assert_eq!((failure.lines.len(), failure.lines[0].as_str()), (20, "line 30"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_blocked_release_is_recognised() {
    let words = "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress";
    let error =
        upgrade(&Fake::answering(&format!("echo '{words}' >&2; exit 1")).helm(), &Values::NONE, &Options::default());
    assert!(error.unwrap_err().is_in_progress());
}

#[test]
fn why_it_failed_is_read_before_secrets_are_hidden_in_it() {
    let words = r#"Error: UPGRADE FAILED: no matches for kind "Certificate" in version "cert-manager.io/v1""#;
    let fake = Fake::answering(&format!("echo '{words}' >&2; exit 1"));
    let helm = fake.helm();
    helm.hide(["matches for kind".to_owned()]);
    let error = upgrade(&helm, &Values::NONE, &Options::default()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("matches for kind"), "{error:?}");
    let kind = UnknownKind { api_version: "cert-manager.io/v1".into(), kind: "Certificate".into() };
    assert_eq!(error.unknown_kinds(), [&kind]);
}

#[test]
fn much_input_and_much_output_do_not_block_each_other() {
    let fake = Fake::answering(
        "head -c 3000000 /dev/zero | tr '\\0' 'x' | fold -w 99; echo; head -c 300000 /dev/zero | tr '\\0' 'y' >&2",
    );
    let over = json!({"a": "z".repeat(3_000_000)});
    let lines = upgrade(&fake.helm(), &Values { files: &[], over: &over }, &Options::default()).unwrap();
    assert!(lines.len() > 30_000);
    let unread = Fake::answering("exit 0");
    upgrade(&unread.helm(), &Values { files: &[], over: &over }, &Options::default()).unwrap();
}

#[test]
fn a_release_is_found_or_not() {
    let list = r#"[{"name":"shop","namespace":"n","revision":"7","updated":"u","status":"pending-upgrade","chart":"shop-1.0.0","app_version":"1"}]"#;
    let fake = Fake::answering(&format!("echo 'Pulled: x'; echo '{list}'"));
    let found = fake.helm().status(&target()).unwrap().unwrap();
    assert_eq!((found.revision, found.is_pending(), found.chart.as_str()), (7, true, "shop-1.0.0"));
    assert_eq!(fake.arguments().join(" "), "list --filter ^shop$ -o json --namespace n");
    let none = Fake::answering("echo '[]'");
    none.put("version", "v3.18.6");
    assert_eq!(none.helm().status(&target()).unwrap(), None);
    assert_eq!(none.arguments().last().unwrap(), "--all");
    let odd = Fake::answering("echo hello").helm().status(&target()).unwrap_err();
    assert!(odd.to_string().ends_with("is not a list of releases"), "{odd}");
}

#[test]
fn what_is_not_there_is_no_error() {
    let fake = Fake::answering("echo 'Error: uninstall: Release not loaded: shop: release: not found' >&2; exit 1");
    let helm = fake.helm();
    assert_eq!(helm.history(&target()).unwrap(), []);
    assert_eq!(helm.get_manifest(&target(), None).unwrap(), None);
    assert_eq!(helm.get_values(&target(), None).unwrap(), None);
    assert!(!helm.uninstall(&target(), &Options::default(), &mut |_| {}).unwrap());
    let other = Fake::answering("echo 'Error: Kubernetes cluster unreachable' >&2; exit 1").helm();
    assert!(other.history(&target()).is_err());
}

#[test]
fn answers_are_read() {
    let history =
        r#"[{"revision":1,"updated":"u","status":"superseded","chart":"shop-1","app_version":"1","description":"d"}]"#;
    let revisions = Fake::answering(&format!("echo '{history}'")).helm().history(&target()).unwrap();
    assert_eq!((revisions[0].revision, revisions[0].description.as_str()), (1, "d"));
    let values = Fake::answering("echo null").helm().get_values(&target(), None).unwrap();
    assert_eq!(values, Some(Value::Null));
    let text = Fake::answering("printf 'a: 1\\n---\\nb: 2'");
    assert_eq!(text.helm().template(&target(), Path::new("/c"), &Values::NONE, &[]).unwrap(), "a: 1\n---\nb: 2");
    assert_eq!(text.arguments().join(" "), "template shop /c --namespace n");
}

#[test]
fn uninstall_and_rollback() {
    let fake = Fake::answering("");
    let options = Options { wait: true, wait_for_jobs: true, timeout: Duration::from_secs(9), ..Options::default() };
    assert!(fake.helm().uninstall(&target(), &options, &mut |_| {}).unwrap());
    assert_eq!(fake.arguments().join(" "), "uninstall shop --namespace n --timeout 9s --wait");
    fake.helm().rollback(&target(), 3, &options, &mut |_| {}).unwrap();
    assert_eq!(fake.arguments().join(" "), "rollback shop 3 --namespace n --timeout 9s --wait --wait-for-jobs");
}

#[test]
fn the_right_helm_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let fakes = Path::new(FAKE).parent().unwrap().to_str().unwrap();
    let find = |variables: &[(&str, &str)]| {
        Helm::find(&Environment::new(folder.path(), variables.iter().copied())).map(|helm| helm.program().to_owned())
    };
    assert_eq!(find(&[("PATH", fakes)]).unwrap(), Path::new(FAKE));
    assert_eq!(find(&[("PATH", fakes), ("HELM_BIN", "helm")]).unwrap(), Path::new(FAKE));
    assert_eq!(find(&[("HELM_BIN", FAKE)]).unwrap(), Path::new(FAKE));
    std::os::unix::fs::symlink(fakes, folder.path().join("bin")).unwrap();
    assert_eq!(find(&[("HELM_BIN", "./bin/helm")]).unwrap().canonicalize().unwrap(), Path::new(FAKE));
    let error = find(&[("PATH", "/nowhere")]).unwrap_err().to_string();
    assert!(error.contains("on the PATH") && error.contains("3.14"), "{error}");
    let error = find(&[("PATH", fakes), ("HELM_BIN", "./no/helm")]).unwrap_err().to_string();
    assert!(error.contains("$HELM_BIN is `./no/helm`"), "{error}");
}

#[test]
fn an_unknown_version_is_refused() {
    for (version, expected) in [
        ("v3.13.3", "is helm 3.13.3, but kubectl-aspire supports helm 3.14 to 4.x\n  hint: install helm 3.14 or later"),
        ("v5.0.0", "hint: install helm 4, or a newer kubectl-aspire"),
        ("what", "is not a version"),
    ] {
        let fake = Fake::answering("");
        fake.put("version", version);
        let error = upgrade(&fake.helm(), &Values::NONE, &Options::default()).unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}

#[test]
fn what_cannot_start_is_told_apart_from_what_fails() {
    use std::os::unix::fs::PermissionsExt;

    let fake = Fake::answering("");
    let program = fake.folder.path().join("broken");
    std::fs::write(&program, "#!/nowhere/interpreter\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let helm = Helm::find(&Environment::new("/", [("HELM_BIN", &program)])).unwrap();
    let error = helm.version().unwrap_err();
    assert!(matches!(error, Error::NotStarted { .. }) && error.to_string().starts_with("could not start /"), "{error}");
}

#[test]
fn a_signal_is_passed_on_and_helm_is_waited_for() {
    let answer = "trap 'echo cancelled; exit 1' TERM; : >\"$FAKE_HELM/ready\"; while :; do sleep 0.05; done";
    for (told, answer, finished) in [
        (Told::Terminate, answer, false),
        (Told::Interrupt, &answer.replace("TERM", "INT").replace("exit 1", "exit 0"), true),
    ] {
        let fake = Fake::answering(answer);
        let interrupts: &'static Interrupts = Box::leak(Box::default());
        let helm = Helm { interrupts, ..fake.helm() };
        let ready = fake.folder.path().join("ready");
        let teller = std::thread::spawn(move || {
            let start = Instant::now();
            while !ready.exists() && start.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(10));
            }
            interrupts.arrived(told)
        });
        match upgrade(&helm, &Values::NONE, &Options::default()) {
            Err(Error::Interrupted { finished: ended, .. }) => assert_eq!(ended, finished),
            other => panic!("{other:?}"),
        }
        assert!(teller.join().unwrap());
        assert!(!interrupts.arrived(told), "nothing runs any more");
    }
}

#[test]
fn the_first_signal_lets_a_run_end_in_its_own_way_and_the_second_ends_it() {
    let alone = Interrupts::default();
    assert_eq!(alone.heard(Told::Terminate), Some(143));
    let run = Interrupts::default();
    run.held.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!((run.heard(Told::Interrupt), run.heard(Told::Interrupt)), (None, Some(6)));
}

#[test]
fn a_second_signal_kills_helm_and_all_that_it_started() {
    let fake =
        Fake::answering("trap '' INT; sleep 60 & echo $! >\"$FAKE_HELM/child\"; : >\"$FAKE_HELM/ready\"; wait; wait");
    let interrupts: &'static Interrupts = Box::leak(Box::default());
    let helm = Helm { interrupts, ..fake.helm() };
    let ready = fake.folder.path().join("ready");
    let teller = std::thread::spawn(move || {
        let start = Instant::now();
        while !ready.exists() && start.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(10));
        }
        (interrupts.heard(Told::Interrupt), interrupts.heard(Told::Interrupt))
    });
    assert!(matches!(upgrade(&helm, &Values::NONE, &Options::default()), Err(Error::Interrupted { .. })));
    assert_eq!(teller.join().unwrap(), (None, Some(6)));
    let child: u32 = fake.text("child").trim().parse().unwrap();
    let start = Instant::now();
    while crate::cluster::processes::start_time(child).is_some() {
        assert!(start.elapsed() < Duration::from_secs(20), "what helm started still runs");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Writes down what it hears.
#[derive(Default)]
struct Ears(std::sync::Mutex<Vec<String>>, bool);

impl Follow for Ears {
    fn marks(&self) -> Vec<(&'static str, String)> {
        vec![("MARK", "abc".into())]
    }
    fn starts(&self, command: &str, timeout: Duration) -> crate::k8s::error::Result<()> {
        self.0.lock().unwrap().push(format!("{command} {}", timeout.as_secs()));
        if self.1 { Err(crate::k8s::error::Error::refused("not now")) } else { Ok(()) }
    }
    fn runs(&self, process: u32) {
        self.0.lock().unwrap().push(if process > 0 { "runs".into() } else { "?".into() });
    }
}

#[test]
fn who_follows_helm_hears_of_what_changes_something_before_it_does() {
    let fake = Fake::answering("");
    let (helm, ears) = (fake.helm(), Arc::new(Ears::default()));
    helm.follow(Arc::clone(&ears) as _);
    helm.get_manifest(&target(), None).unwrap();
    upgrade(&helm, &Values::NONE, &Options::default()).unwrap();
    assert_eq!(*ears.0.lock().unwrap(), ["upgrade 300", "runs"]);
    assert_eq!(fake.variables()["MARK"], "abc");

    let fake = Fake::answering("");
    let helm = fake.helm();
    helm.follow(Arc::new(Ears(std::sync::Mutex::default(), true)));
    let error = upgrade(&helm, &Values::NONE, &Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "not now");
    assert_eq!(fake.text("calls"), "version\n");
}
