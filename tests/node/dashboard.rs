//! The way to the dashboard, through a real kubelet. The real image cannot be had here: the probe listens in its place.

use crate::bench::{PROBE, Text, bench};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

const MANIFEST: &str = include_str!("../inputs/node/roll.json");

/// What the page at a path answers.
fn asked(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_link_leads_to_the_dashboard_and_telemetry_does_too() {
    let Some(bench) = bench("dash") else { return };
    bench.write("app/aspire-manifest.json", MANIFEST);
    // The port of the probe; the real dashboard has it from its own variables.
    let dashboard = format!("dashboard: {{image: '{PROBE}', env: {{PORT: '18888'}}}}");
    bench.write("app/aspire-k8s.yaml", format!("apiVersion: aspire-k8s/v1\n{dashboard}\n"));
    bench.deploy(&["--image", &format!("web={PROBE}"), "--image", &format!("other={PROBE}")]).ok();
    let (token, key) = (bench.secret("app", "dashboard.browser-token"), bench.secret("app", "dashboard.otlp-key"));

    let sender = bench.seen("deployment/web", &[]).env;
    assert_eq!(sender["OTEL_EXPORTER_OTLP_ENDPOINT"], Text::from("http://aspire-dashboard:18889"));
    assert_eq!(sender["OTEL_EXPORTER_OTLP_HEADERS"], Text::from(&*format!("x-otlp-api-key={key}")));
    assert_eq!(sender["OTEL_EXPORTER_OTLP_PROTOCOL"], Text::from("grpc"));
    assert_eq!(sender["OTEL_SERVICE_NAME"], Text::from("web"));
    let receiver = bench.seen("deployment/aspire-dashboard", &[]);
    assert_eq!(receiver.uid, 1654);
    assert_eq!(receiver.env["DASHBOARD__OTLP__AUTHMODE"], Text::from("ApiKey"));
    assert_eq!(receiver.env["DASHBOARD__OTLP__PRIMARYAPIKEY"], Text::from(&*key));
    assert_eq!(receiver.env["DASHBOARD__FRONTEND__AUTHMODE"], Text::from("BrowserToken"));
    assert_eq!(receiver.env["DASHBOARD__FRONTEND__BROWSERTOKEN"], Text::from(&*token));

    let mut command = bench.command(&["dashboard", "app", "-n", &bench.ns]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut link = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut link).unwrap();
    let port = link.strip_prefix("http://localhost:").and_then(|rest| rest.split_once('/')).map(|(port, _)| port);
    let Some(port) = port.and_then(|port| port.parse().ok()) else {
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        panic!("no link: {link}{said}");
    };
    assert_eq!(link, format!("http://localhost:{port}/login?t={token}\n"));
    let pod = bench.pods("aspire-dashboard").into_keys().next().unwrap();
    // One way is not the end of the next, nor of another beside it.
    let idle = TcpStream::connect(("127.0.0.1", port)).unwrap();
    for _ in 0..3 {
        let answer = asked(port, "/");
        assert!(answer.starts_with("HTTP/1.0 200 ") && answer.contains(&pod), "{answer}");
    }
    drop(idle);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("until Ctrl-C") && !said.contains("warning") && !said.contains(token.as_str()), "{said}");
}
