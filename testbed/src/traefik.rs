//! The real Traefik, run against a control plane as an ingress controller and a gateway controller: requests are served.
//!
//! It takes Ingresses of the classes `traefik` and `nginx` (it understands the annotations of ingress-nginx), its own
//! kinds such as `Middleware`, and Gateways of the class `traefik` when the kinds of the Gateway API are there. It writes
//! the address it serves to their status.
//!
//! What is simulated: at level A pods are fakes, so what it would ask of a pod is asked of this process, which answers as
//! the pod would, see [`Reply::pod`]; that holds for plain HTTP. This module must not decide what is served.

use crate::children::{Program, wait_until};
use crate::error::{Context as _, Error};
use crate::http::{self, Listener, Request};
use crate::plane::{ControlPlane, free_ports};
use crate::tools::{self, TRAEFIK};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const CLASSES: &str = "
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: traefik}
spec: {controller: traefik.io/ingress-controller}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
";

const GATEWAY_CLASS: &str = "
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: traefik}
spec: {controllerName: traefik.io/gateway-controller}
";

/// A running Traefik; it ends when this is dropped, on a node with the node. One on a control plane is enough.
#[derive(Debug)]
pub struct Traefik {
    _programs: Vec<Program>,
    _pods: Option<Listener>,
    tunnel: Listener,
    http: SocketAddr,
    https: SocketAddr,
    kubectl: PathBuf,
    scratch: PathBuf,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Such as 200.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// All after the empty line.
    pub body: String,
}

impl Reply {
    /// A header; the empty text when it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.trim())
    }

    /// What a fake pod answers: `{"pod": "<namespace>/<name>", "port": 8080, "path": "/with?query", "host": "...",
    /// "headers": {"x-forwarded-proto": "https", ...}}`. Null for any other answer.
    #[must_use]
    pub fn pod(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

impl Traefik {
    /// Starts it. A listener of a Gateway is accepted only on a port that Traefik listens on: 80 and 443 and these
    /// `others` where that is allowed (for root, on an address of loopback that nobody else has; always on a node), else
    /// two ports by chance. The kinds of the Gateway API have to be there before.
    pub fn start(plane: &ControlPlane, others: &[u16]) -> Result<Self, Error> {
        tools::ensure(&[TRAEFIK])?;
        let kinds = tools::sources(TRAEFIK.module, TRAEFIK.version)?
            .join("docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml");
        plane.apply(&fs::read_to_string(&kinds).context(|| format!("Cannot read {}", kinds.display()))?)?;
        let served = |version: &str| {
            let path = format!("--raw=/apis/gateway.networking.k8s.io/{version}");
            plane.kubectl(&["get", &path]).unwrap_or_default()
        };
        let gateways = served("v1").contains("\"Gateway\"");
        plane.apply(&[CLASSES, if gateways { GATEWAY_CLASS } else { "" }].concat())?;
        let (ip, [http, https]) = address(plane)?;
        let [ping] = free_ports()?;
        let pods = if plane.inside().is_none() { Some(pods(plane)?) } else { None };
        let mut command = plane.command(TRAEFIK.name);
        command.args([
            "--log.level=INFO",
            "--accesslog=true",
            "--global.checknewversion=false",
            "--global.sendanonymoususage=false",
            "--ping=true",
            "--providers.providersthrottleduration=100ms",
            "--providers.kubernetesingress=true",
            "--providers.kubernetesingress.ingressclass=traefik",
            "--providers.kubernetesingressnginx=true",
            "--providers.kubernetescrd=true",
        ]);
        command.args([
            format!("--entrypoints.web.address={ip}:{http}"),
            format!("--entrypoints.websecure.address={ip}:{https}"),
            // As its chart has it: what an Ingress says is served by HTTP and by HTTPS.
            "--entrypoints.web.asdefault=true".to_owned(),
            "--entrypoints.websecure.asdefault=true".to_owned(),
            "--entrypoints.websecure.http.tls=true".to_owned(),
            format!("--entrypoints.traefik.address={ip}:{ping}"),
            format!("--providers.kubernetesingress.ingressendpoint.ip={ip}"),
            format!("--providers.kubernetesingressnginx.publishstatusaddress={ip}"),
        ]);
        command.args(others.iter().map(|port| format!("--entrypoints.port{port}.address={ip}:{port}")));
        if gateways {
            let experimental = served("v1alpha2").contains("\"TCPRoute\"");
            command.args([
                "--providers.kubernetesgateway=true".to_owned(),
                format!("--providers.kubernetesgateway.experimentalchannel={experimental}"),
                format!("--providers.kubernetesgateway.statusaddress.ip={ip}"),
            ]);
        }
        command.env("KUBECONFIG", plane.kubeconfig());
        if let Some(pods) = &pods {
            command.env("HTTP_PROXY", format!("socks5://{}", pods.address()));
        }
        let mut programs = vec![Program::start(TRAEFIK.name, command, &plane.logs())?];
        let (http, https) = (SocketAddr::new(ip, http), SocketAddr::new(ip, https));
        wait_until(&mut programs, "Traefik", || {
            get(SocketAddr::new(ip, ping), "traefik", "/ping").is_ok_and(|reply| reply.status == 200)
        })?;
        let (tunnel, kubectl, scratch) = (tunnel(http, https)?, plane.program("kubectl"), plane.dir().to_owned());
        Ok(Self { _programs: programs, _pods: pods, tunnel, http, https, kubectl, scratch })
    }

    /// The address that it writes to the status of what it serves.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.http.ip()
    }

    /// Where it listens for HTTP: `http://<address>`, with the port when that is not 80.
    #[must_use]
    pub fn http_url(&self) -> String {
        format!("http://{}", self.http).trim_end_matches(":80").to_owned()
    }

    /// Where it listens for HTTPS: `https://<address>`, with the port when that is not 443.
    #[must_use]
    pub fn https_url(&self) -> String {
        format!("https://{}", self.https).trim_end_matches(":443").to_owned()
    }

    /// Asks for a path of a host by HTTP. Redirects are not followed.
    pub fn get(&self, host: &str, path: &str) -> Result<Reply, Error> {
        get(self.http, host, path)
    }

    /// Asks for a path of a host by HTTPS and returns the body of a good answer. It is an error when the certificate is
    /// not for this host or not signed by this authority (PEM), or when the answer is not a good one.
    pub fn get_https(&self, host: &str, path: &str, authority: &str) -> Result<String, Error> {
        let file = self.scratch.join(format!("authority-{:016x}", fingerprint(authority)));
        fs::write(&file, authority).context(|| format!("Cannot write {}", file.display()))?;
        // A client of HTTPS that is there anyway; without a token it would ask for a password.
        let mut get = Command::new(&self.kubectl);
        get.args(["get", &format!("--raw={path}"), "--token=none"]);
        get.arg(format!("--server=https://{host}")).arg(format!("--certificate-authority={}", file.display()));
        get.env_clear().env("KUBECONFIG", file.with_extension("none")).env("HOME", &self.scratch);
        get.env("HTTPS_PROXY", format!("http://{}", self.tunnel.address()));
        tools::run(get)
    }
}

fn fingerprint(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The address that Traefik serves, and its ports for HTTP and HTTPS.
fn address(plane: &ControlPlane) -> Result<(IpAddr, [u16; 2]), Error> {
    use std::hash::{BuildHasher as _, RandomState};
    if plane.inside().is_some() {
        return Ok((plane.api().ip(), [80, 443]));
    }
    let free = (0..20_u32).find_map(|n| {
        let [a, b, ..] = RandomState::new().hash_one(n).to_be_bytes();
        let ip = IpAddr::V4(Ipv4Addr::new(127, 77, a, b));
        let held = [80, 443].map(|port| TcpListener::bind((ip, port)));
        held.iter().all(Result::is_ok).then_some(ip)
    });
    match free {
        Some(ip) => Ok((ip, [80, 443])),
        None => Ok((IpAddr::V4(Ipv4Addr::LOCALHOST), free_ports()?)),
    }
}

fn get(server: SocketAddr, host: &str, path: &str) -> Result<Reply, Error> {
    let asked = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&server, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = asked().context(|| format!("No answer from {server}"))?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split_whitespace().nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| Error::new(format!("No status in the answer from {server}: {head}")))?;
    Ok(Reply { status, head: head.to_owned(), body: body.to_owned() })
}

/// Answers in the place of fake pods: Traefik takes it for the SOCKS proxy that leads to them. (A proxy of HTTP would
/// be told the host that was asked for, and not the pod.)
fn pods(plane: &ControlPlane) -> Result<Listener, Error> {
    let (kubectl, env) = (plane.program("kubectl"), plane.env());
    let name = move |ip: IpAddr| {
        let mut get = Command::new(&kubectl);
        get.args(["get", "pods", "--all-namespaces", "-o", "json"]).envs(env.iter().cloned());
        get.arg(format!("--field-selector=status.podIP={ip}"));
        let list: Value = serde_json::from_str(&tools::run(get).unwrap_or_default()).ok()?;
        let metadata = &list["items"][0]["metadata"];
        Some(format!("{}/{}", metadata["namespace"].as_str()?, metadata["name"].as_str()?))
    };
    Listener::start(move |client| {
        let Ok(target) = socks_target(&client) else { return };
        http::reply(&client, |request| {
            Some(match name(target.ip()) {
                Some(pod) => (200, pod_answer(&pod, target.port(), request).to_string().into_bytes()),
                None => (502, b"no pod has this address".to_vec()),
            })
        });
    })
}

/// Says that a connection through SOCKS 5 is made (RFC 1928), without a login and to an IPv4 address only.
fn socks_target(mut client: &TcpStream) -> std::io::Result<SocketAddr> {
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut start = [0; 2];
    client.read_exact(&mut start)?;
    client.read_exact(&mut vec![0; usize::from(start[1])])?;
    client.write_all(&[5, 0])?;
    let mut asked = [0; 10];
    client.read_exact(&mut asked)?;
    let [5, 1, _, 1, a, b, c, d, high, low] = asked else {
        client.write_all(&[5, 8, 0, 1, 0, 0, 0, 0, 0, 0])?;
        return Err(std::io::Error::other("not a connection to an IPv4 address"));
    };
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), u16::from_be_bytes([high, low])))
}

fn pod_answer(pod: &str, port: u16, request: &Request) -> Value {
    let headers: serde_json::Map<String, Value> =
        request.headers().map(|(name, value)| (name.to_owned(), value.into())).collect();
    json!({"pod": pod, "port": port, "path": request.target, "host": request.header("host"), "headers": headers})
}

/// A proxy for which every host is this Traefik.
fn tunnel(http: SocketAddr, https: SocketAddr) -> Result<Listener, Error> {
    Listener::start(move |client| {
        let mut request = BufReader::new(&client);
        let mut first = String::new();
        let mut line = String::from("-");
        let _ = request.read_line(&mut first);
        while !line.trim().is_empty() {
            line.clear();
            let _ = request.read_line(&mut line);
        }
        let to = if first.contains(":80 ") { http } else { https };
        let Ok(server) = TcpStream::connect(to) else { return };
        if (&client).write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_err() {
            return;
        }
        let (Ok(from_server), Ok(to_client)) = (server.try_clone(), client.try_clone()) else { return };
        let back = std::thread::spawn(move || {
            let _ = std::io::copy(&mut &from_server, &mut &to_client);
            let _ = to_client.shutdown(Shutdown::Write);
        });
        let _ = std::io::copy(&mut request, &mut &server);
        let _ = server.shutdown(Shutdown::Write);
        let _ = back.join();
    })
}
