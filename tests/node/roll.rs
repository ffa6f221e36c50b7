//! What restarts and what does not, and whether anybody notices.

use crate::bench::{Bench, PROBE, Text, bench, wait_for};
use std::thread;
use std::time::Duration;

const MANIFEST: &str = include_str!("../inputs/node/roll.json");

/// A pod that asks `web` again and again, and says a line for each answer. (perl is in every Debian.)
const CLIENT: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: @NS@}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: client
    image: docker.io/library/postgres:15-testbed
    command: [perl, -e]
    args:
    - |
      use IO::Socket::INET;
      $| = 1;
      $SIG{PIPE} = "IGNORE";
      while (1) {
          my $socket = IO::Socket::INET->new(PeerAddr => "@ADDRESS@:80", Timeout => 10);
          my $answer = "$@";
          if ($socket) {
              print $socket "GET /alive HTTP/1.0\r\n\r\n";
              local $/;
              $answer = <$socket> // "nothing: $!";
          }
          print $answer =~ m{^HTTP/1.0 200 } ? "ok\n" : "failed: $answer\n";
          select(undef, undef, undef, 0.005);
      }
"#;

fn deploy(bench: &Bench, manifest: &str) {
    bench.write("app/aspire-manifest.json", manifest);
    bench.deploy(&["--image", &format!("web={PROBE}"), "--image", &format!("other={PROBE}")]).ok();
}

#[test]
fn a_changed_variable_rolls_its_workload_alone_and_nobody_notices() {
    let Some(bench) = bench("roll") else { return };
    deploy(&bench, MANIFEST);
    let (web, other) = (bench.pods("web"), bench.pods("other"));
    deploy(&bench, MANIFEST);
    assert_eq!((bench.pods("web"), bench.pods("other")), (web.clone(), other.clone()), "nothing had changed");

    let address = bench.get("service/web")["spec"]["clusterIP"].as_str().unwrap().to_owned();
    bench.apply(&CLIENT.replace("@ADDRESS@", &address));
    bench.ready("pod/client");
    let answers = || bench.kubectl(&["logs", "client"]);
    wait_for("an answer", || (answers().lines().count() > 10).then_some(()));
    deploy(&bench, &MANIFEST.replace("\"hello\"", "\"good day\""));
    assert_eq!(bench.seen("service/web", &[]).env["GREETING"], Text::from("good day"));
    assert_eq!(bench.pods("other"), other);
    assert!(bench.pods("web").keys().all(|pod| !web.contains_key(pod)));
    wait_for("the end of the old pod", || {
        web.keys().all(|pod| bench.try_kubectl(&["get", "pod", pod]).is_err()).then_some(())
    });
    thread::sleep(Duration::from_secs(1));
    let answers = answers();
    let failed = answers.lines().filter(|line| *line != "ok").collect::<Vec<_>>();
    assert_eq!(failed, [""; 0], "of {} requests", answers.lines().count());
}
