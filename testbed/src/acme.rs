//! An ACME server on loopback, and what it needs of a network: the real Pebble, which looks at hosts before it signs.
//!
//! What is simulated: every host name leads to loopback (the name server of [`CertManager`](crate::CertManager) says so,
//! and keeps the records that DNS-01 challenges ask for), and the pod that cert-manager starts to answer an HTTP-01
//! challenge, because its pods are fakes at level A. The `Solver` answers in its place what that pod would, and only
//! once cert-manager has made the Ingress or the route that leads to the pod. This module must not answer for anything
//! but challenges, and must not lead anywhere but to loopback.

use crate::children::{Program, wait_until};
use crate::error::{Context as _, Error};
use crate::http::{self, Listener, Request};
use crate::pki::Pki;
use crate::plane::{ControlPlane, free_ports};
use crate::tools::{self, PEBBLE};
use serde_json::{Value, json};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

/// A running ACME server; it ends when this is dropped. It signs whatever hosts answer its challenges, except
/// `blocked.example`.
#[derive(Debug)]
pub struct Pebble {
    _programs: Vec<Program>,
    _solver: Solver,
    ca: PathBuf,
    kubectl: PathBuf,
    directory: u16,
    management: u16,
}

impl Pebble {
    /// Starts a server that finds the challenges of this cluster. A [`CertManager`](crate::CertManager) has to run, now or
    /// later, for its names.
    pub fn start(plane: &ControlPlane) -> Result<Self, Error> {
        let bin = tools::ensure(&[PEBBLE])?;
        let [directory, management, tls] = free_ports()?;
        let dir = plane.dir().join(format!("pebble-{directory}"));
        fs::create_dir_all(&dir).context(|| format!("Cannot create {}", dir.display()))?;
        Pki::create(&dir)?.server("server", "pebble", &["localhost"], &[IpAddr::V4(Ipv4Addr::LOCALHOST)])?;
        let solver = Solver::start(plane)?;
        let config = json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{directory}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": dir.join("server.crt"),
            "privateKey": dir.join("server.key"),
            "httpPort": solver.0.address().port(),
            "tlsPort": tls,
            "domainBlocklist": ["blocked.example"],
            "retryAfter": {"authz": 1, "order": 1},
            "keyAlgorithm": "ecdsa",
            "profiles": {"default": {"description": "ninety days", "validityPeriod": 7_776_000}},
        }});
        let file = dir.join("config.json");
        fs::write(&file, config.to_string()).context(|| format!("Cannot write {}", file.display()))?;
        let mut command = Command::new(bin.join(PEBBLE.name));
        command
            .arg("-config")
            .arg(&file)
            .arg("-dnsserver")
            .arg(format!("127.0.0.1:{}", plane.names_port()))
            .env_clear();
        // By default it is slow and refuses now and then, to see what clients do about it.
        command.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "0");
        let mut programs = vec![Program::start(&format!("pebble-{directory}"), command, &plane.logs())?];
        wait_until(&mut programs, "Pebble", || {
            [directory, management].iter().all(|&port| TcpStream::connect(("127.0.0.1", port)).is_ok())
        })?;
        let (ca, kubectl) = (dir.join("ca.crt"), bin.join("kubectl"));
        Ok(Self { _programs: programs, _solver: solver, ca, kubectl, directory, management })
    }

    /// What an issuer is told as its `server`.
    #[must_use]
    pub fn directory_url(&self) -> String {
        format!("https://127.0.0.1:{}/dir", self.directory)
    }

    /// The authority that signed the certificate of the ACME server itself. In an issuer, base64-encoded, the `caBundle`.
    ///
    /// # Panics
    /// When the file it wrote is gone.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        fs::read_to_string(&self.ca).unwrap_or_else(|error| panic!("Cannot read {}: {error}", self.ca.display()))
    }

    /// The root of the certificates that it issues; new with every start.
    pub fn root_ca_pem(&self) -> Result<String, Error> {
        // A client of HTTPS that is there anyway; without a token it would ask for a password.
        let mut get = Command::new(&self.kubectl);
        get.args(["get", "--raw=/roots/0", "--token=none"]).env("KUBECONFIG", self.ca.with_extension("none"));
        get.arg(format!("--server=https://127.0.0.1:{}", self.management));
        get.arg(format!("--certificate-authority={}", self.ca.display()));
        tools::run(get)
    }
}

/// Answers HTTP-01 challenges, to whoever asks for a host directly or takes this for a proxy.
#[derive(Debug)]
pub(crate) struct Solver(Listener);

impl Solver {
    pub(crate) fn start(plane: &ControlPlane) -> Result<Self, Error> {
        let (kubectl, env) = (plane.program("kubectl"), plane.env());
        let list = move |kind: &str| {
            let mut get = Command::new(&kubectl);
            get.args(["get", kind, "--all-namespaces", "-o", "json"]).envs(env.iter().cloned());
            let list: Value = serde_json::from_str(&tools::run(get).unwrap_or_default()).unwrap_or_default();
            list["items"].as_array().cloned().unwrap_or_default()
        };
        http::serve(move |request| Some(solve(request, &list))).map(Self)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.address())
    }
}

/// The answer of the pod that solves a challenge, if there is one and something leads to it.
fn solve(request: &Request, list: &impl Fn(&str) -> Vec<Value>) -> http::Answer {
    let (host, path) = (request.host(), request.path());
    let Some(token) = path.strip_prefix("/.well-known/acme-challenge/") else { return (404, Vec::new()) };
    let challenges = list("challenges.acme.cert-manager.io");
    let found = challenges.iter().find(|c| c["spec"]["token"] == token && c["spec"]["dnsName"] == host);
    let Some(challenge) = found else { return (404, b"no challenge has this token".to_vec()) };
    let namespace = &challenge["metadata"]["namespace"];
    let leads = |kind: &str, there: fn(&Value, &str, &str) -> bool| {
        list(kind).iter().any(|route| route["metadata"]["namespace"] == *namespace && there(&route["spec"], host, path))
    };
    if leads("ingresses.networking.k8s.io", ingress_leads) || leads("httproutes.gateway.networking.k8s.io", route_leads)
    {
        return (200, challenge["spec"]["key"].as_str().unwrap_or_default().into());
    }
    (404, b"nothing leads to the challenge".to_vec())
}

fn ingress_leads(spec: &Value, host: &str, path: &str) -> bool {
    items(&spec["rules"])
        .any(|rule| rule["host"] == host && items(&rule["http"]["paths"]).any(|one| one["path"] == path))
}

fn route_leads(spec: &Value, host: &str, path: &str) -> bool {
    items(&spec["hostnames"]).any(|name| name == host)
        && items(&spec["rules"]).flat_map(|rule| items(&rule["matches"])).any(|one| one["path"]["value"] == path)
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::{Request, Value, json, solve};

    fn asked(target: &str, host: &str) -> Request {
        Request::new(target, &[("host", host)])
    }

    #[test]
    fn a_challenge_is_answered_only_where_something_leads_to_it() {
        let path = "/.well-known/acme-challenge/abc";
        let challenge =
            json!({"metadata": {"namespace": "a"}, "spec": {"token": "abc", "dnsName": "x.example", "key": "abc.key"}});
        let ingress = |namespace: &str, host: &str, path: &str| {
            json!({"metadata": {"namespace": namespace},
                "spec": {"rules": [{"host": host, "http": {"paths": [{"path": path}]}}]}})
        };
        let route = json!({"metadata": {"namespace": "a"},
            "spec": {"hostnames": ["x.example"], "rules": [{"matches": [{"path": {"value": path}}]}]}});
        let answer = |routes: &[(&str, &Value)], request: &Request| {
            solve(request, &|kind| match kind {
                "challenges.acme.cert-manager.io" => vec![challenge.clone()],
                _ => routes.iter().filter(|(of, _)| *of == kind).map(|(_, one)| (*one).clone()).collect(),
            })
        };
        let (ingresses, routes) = ("ingresses.networking.k8s.io", "httproutes.gateway.networking.k8s.io");
        let right = ingress("a", "x.example", path);
        let direct = asked(path, "x.example:80");
        let proxied = asked(&format!("http://x.example{path}"), "x.example");
        for request in [&direct, &proxied] {
            assert_eq!(answer(&[(ingresses, &right)], request), (200, b"abc.key".to_vec()));
            assert_eq!(answer(&[(routes, &route)], request), (200, b"abc.key".to_vec()));
            assert_eq!(answer(&[], request).0, 404, "no pod without a way to it");
        }
        for wrong in
            [ingress("b", "x.example", path), ingress("a", "y.example", path), ingress("a", "x.example", "/other")]
        {
            assert_eq!(answer(&[(ingresses, &wrong)], &direct).0, 404, "{wrong}");
        }
        assert_eq!(answer(&[(ingresses, &right)], &asked(path, "y.example")).0, 404, "another host");
        assert_eq!(answer(&[(ingresses, &right)], &asked("/other", "x.example")).0, 404, "another path");
    }
}
