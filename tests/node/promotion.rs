//! A database changes its kind while a client writes: no row that was acknowledged is lost, and there are never two servers.
//!
//! The kernel is asked who serves: a server works in its data directory and is the first process of its container.

use crate::bench::{Bench, Ran, bench, wait_for};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const MANIFEST: &str = include_str!("../inputs/node/postgres.json");

/// A Deployment may only have a claim that many pods can mount, and the node's own class makes none.
const VOLUME: &str = "
apiVersion: v1
kind: PersistentVolume
metadata: {name: @NS@}
spec:
  accessModes: [ReadWriteMany]
  capacity: {storage: 1Gi}
  claimRef: {apiVersion: v1, kind: PersistentVolumeClaim, namespace: @NS@, name: db-data}
  hostPath: {path: @PATH@, type: DirectoryOrCreate}
  persistentVolumeReclaimPolicy: Delete
  storageClassName: local-path
";

/// Writes numbered rows over one connection, as fast as they are acknowledged, and says when each one was. What was not
/// acknowledged in time may be there or not; its number is not used again.
const CLIENT: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: @NS@}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: client
    image: docker.io/library/postgres:15-testbed
    env:
    - {name: PGPASSWORD, valueFrom: {secretKeyRef: {name: app-secrets, key: password}}}
    - {name: PGCONNECT_TIMEOUT, value: "2"}
    command: [perl, -e]
    args:
    - |
      use IPC::Open2;
      use Time::HiRes qw(time sleep);
      $| = 1;
      $SIG{PIPE} = "IGNORE";
      my ($row, $psql) = (0);
      sub connected {
          $psql = open2(my $out, my $in, "psql -qAtX -v ON_ERROR_STOP=1 -h @ADDRESS@ -U postgres 2>&1");
          return ($out, $in);
      }
      my ($out, $in);
      while (1) {
          ($out, $in) = connected() unless $psql;
          $row++;
          my $answer = eval {
              local $SIG{ALRM} = sub { die "late\n" };
              alarm 3;
              print $in "insert into kept values ($row) returning n;\n";
              my $line = <$out>;
              alarm 0;
              $line;
          } // "nothing: $@";
          if ($answer eq "$row\n") {
              printf "row %d %.3f\n", $row, time;
              sleep 0.002;
              next;
          }
          chomp $answer;
          print "failed $answer\n";
          kill "KILL", $psql;
          close $in;
          close $out;
          waitpid $psql, 0;
          $psql = 0;
          sleep 0.02;
      }
"#;

/// A database, and a client that writes to it.
struct Run {
    bench: Bench,
    servers: Servers,
}

/// The intent with the database as this kind. A server with a client does not end by itself: it is killed.
fn configure(bench: &Bench, kind: &str) {
    let volumes = "volumes: {data: {accessModes: [ReadWriteMany]}}";
    let database = format!("{{workload: {kind}, terminationGracePeriodSeconds: 4, {volumes}}}");
    bench.write(
        "app/aspire-k8s.yaml",
        format!("apiVersion: aspire-k8s/v1\napplication: app\nresources: {{db: {database}}}\n"),
    );
}

/// The database as a Deployment, with rows on their way.
fn start(prefix: &str) -> Option<Run> {
    let bench = bench(prefix)?;
    let path = bench.node.dir().join("node/volumes").join(&bench.ns);
    bench.apply(&VOLUME.replace("@PATH@", &path.to_string_lossy()));
    bench.write("app/aspire-manifest.json", MANIFEST);
    configure(&bench, "Deployment");
    bench.deploy(&[]).ok();
    wait_for("the table", || {
        let create = "create table if not exists kept (n integer primary key)";
        bench.node.exec(&bench.ns, "deployment/db", &["psql", "-U", "postgres", "-c", create]).ok()
    });
    let address = bench.get("service/db")["spec"]["clusterIP"].as_str().unwrap().to_owned();
    bench.apply(&CLIENT.replace("@ADDRESS@", &address));
    bench.ready("pod/client");
    let run = Run { servers: Servers::watch(path.join("data")), bench };
    run.writes_on();
    Some(run)
}

impl Run {
    /// When each row was acknowledged, in seconds.
    fn acknowledged(&self) -> Vec<(u32, f64)> {
        let log = self.bench.kubectl(&["logs", "client"]);
        let row = |line: &str| {
            let (row, time) = line.strip_prefix("row ")?.split_once(' ')?;
            Some((row.parse().ok()?, time.parse().ok()?))
        };
        log.lines().filter_map(row).collect()
    }

    /// The client gets answers.
    fn writes_on(&self) {
        let before = self.acknowledged().len();
        wait_for("an acknowledged row", || (self.acknowledged().len() > before + 100).then_some(()));
    }

    /// The deploy that changes the kind, after the plan was read.
    fn becomes(&self, kind: &str) -> Ran {
        configure(&self.bench, kind);
        let refused = self.bench.deploy(&[]).exits(3);
        let hash = refused.split("--confirm ").nth(1).unwrap().split_whitespace().next().unwrap();
        self.bench.deploy(&["--confirm", hash, "--accept", "downtime"])
    }

    /// Ends the client; what it was told, and which of that is not there.
    fn end(&self, workload: &str) -> (Vec<(u32, f64)>, usize) {
        let acknowledged = self.acknowledged();
        self.bench.kubectl(&["delete", "pod", "client", "--grace-period=0", "--force"]);
        let rows = wait_for("the rows", || {
            let select = ["psql", "-U", "postgres", "-Atc", "select n from kept"];
            self.bench.node.exec(&self.bench.ns, workload, &select).ok()
        });
        let rows: BTreeSet<u32> = rows.lines().map(|row| row.parse().unwrap()).collect();
        let lost = acknowledged.iter().filter(|(row, _)| !rows.contains(row)).count();
        (acknowledged, lost)
    }
}

/// Looks without pause for servers on one data directory.
struct Servers {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(usize, BTreeSet<u32>)>,
}

impl Servers {
    fn watch(directory: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut most, mut all) = (0, BTreeSet::new());
            while !stopped.load(Ordering::Relaxed) {
                let found = servers(&directory);
                most = most.max(found.len());
                all.extend(found);
                thread::sleep(Duration::from_millis(10));
            }
            (most, all)
        });
        Self { stop, thread }
    }

    /// The most that were there at once, and how many there were.
    fn seen(self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        let (most, all) = self.thread.join().unwrap();
        (most, all.len())
    }
}

/// Processes that work in a directory and are the first of their container.
fn servers(directory: &PathBuf) -> Vec<u32> {
    let Ok(wanted) = fs::metadata(directory) else { return Vec::new() };
    let is_server = |process: &u32| {
        let works_there = fs::metadata(format!("/proc/{process}/cwd"))
            .is_ok_and(|found| (found.dev(), found.ino()) == (wanted.dev(), wanted.ino()));
        works_there && {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
            ids.and_then(|ids| ids.split_whitespace().last()) == Some("1")
        }
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_server).collect()
}

/// The longest time between two answers, in seconds.
fn longest_gap(acknowledged: &[(u32, f64)]) -> f64 {
    acknowledged.windows(2).map(|pair| pair[1].1 - pair[0].1).fold(0.0, f64::max)
}

#[test]
fn postgres_changes_its_kind_there_and_back_and_keeps_every_row() {
    let Some(run) = start("pg") else { return };
    let mut from = 0;
    for (kind, workload) in [("StatefulSet", "statefulset/db"), ("Deployment", "deployment/db")] {
        run.becomes(kind).ok();
        run.writes_on();
        let acknowledged = run.acknowledged();
        println!("to {workload}: the longest gap was {:.2} s", longest_gap(&acknowledged[from..]));
        from = acknowledged.len() - 1;
    }
    let (acknowledged, lost) = run.end("deployment/db");
    let (most, all) = run.servers.seen();
    println!("{} rows acknowledged, {lost} lost, {all} servers, {most} at once", acknowledged.len());
    assert_eq!(lost, 0, "of {} acknowledged rows", acknowledged.len());
    assert_eq!((most, all), (1, 3), "servers at once, and in all");
}

#[test]
fn bare_helm_runs_two_postgres_or_loses_rows() {
    let Some(run) = start("pgbare") else { return };
    configure(&run.bench, "StatefulSet");
    run.bench.run(&["render", "app", "-o", "chart"]).ok();
    run.bench.helm(&["upgrade", "app", "./chart", "--reuse-values", "--set", "skipGuards=true", "--wait"]).ok();
    wait_for("the end of the old server", || {
        let pods = run.bench.kubectl(&["get", "pods", "-l", "app.kubernetes.io/component=db", "-o", "name"]);
        (pods.lines().count() == 1).then_some(())
    });
    let (acknowledged, lost) = run.end("statefulset/db");
    let (most, _) = run.servers.seen();
    println!("{} rows acknowledged, {lost} lost, {most} servers at once", acknowledged.len());
    assert!(lost > 0 || most > 1, "the client, or the problem, is gone");
}
