//! A proxy on loopback in front of an API server that does harm on request: wrong answers, delays, cuts, stalls.
//!
//! Clients speak plain HTTP to it and need no credentials; behind it `kubectl proxy` speaks to the API server as a cluster
//! administrator. Without a rule it passes everything on as it is, watches too. It must not listen anywhere but on loopback.

use crate::children::{Program, wait_until};
use crate::error::{Context as _, Error};
use crate::plane::{ControlPlane, free_ports};
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`...
    pub method: String,
    /// Path and query.
    pub path: String,
    /// What the client calls itself.
    pub agent: String,
    pub body: Vec<u8>,
    head: Vec<u8>,
}

impl Request {
    /// Whether it may change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.method != "GET" && !self.path.contains("dryRun=") && !self.path.contains("/selfsubject")
    }

    /// Whether a helm sent it.
    #[must_use]
    pub fn is_from_helm(&self) -> bool {
        // Some versions call themselves like their file.
        self.agent.to_ascii_lowercase().starts_with("helm")
    }
}

/// What happens to a request that a rule fits.
#[derive(Clone)]
pub enum Fault {
    /// It is answered with this code, here, and the API server never sees it. The second part becomes `Retry-After`.
    Answer(u16, Option<u32>),
    /// It is passed on after this time.
    Delay(Duration),
    /// The connection is cut before the API server sees it.
    Cut,
    /// The API server does it, and the connection is cut before the answer.
    CutAfter,
    /// It waits until the gate opens, then it is passed on.
    Stall(Gate),
    /// This is called; true passes it on, false cuts the connection.
    Call(Arc<dyn Fn(&Request) -> bool + Send + Sync>),
    /// The API server does it, this is called, and the connection is cut before the answer.
    CallAfter(Arc<dyn Fn(&Request) + Send + Sync>),
    /// The API server does it and answers, this is called, and then the answer is passed on.
    CallAnswered(Arc<dyn Fn(&Request) + Send + Sync>),
}

/// A door that stalled requests wait at.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Lets everything through, now and later.
    pub fn open(&self) {
        *lock(&self.0.0) = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let mut open = lock(&self.0.0);
        while !*open {
            open = self.0.1.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A rule that is in force, and how often it fitted.
#[derive(Clone)]
pub struct Rule(Arc<Inner>);

struct Inner {
    fits: Box<dyn Fn(&Request) -> bool + Send + Sync>,
    first: u32,
    count: u32,
    fault: Fault,
    seen: AtomicU32,
}

impl Rule {
    /// How many requests fitted so far, those before and after the harmed ones included.
    #[must_use]
    pub fn seen(&self) -> u32 {
        self.0.seen.load(Ordering::SeqCst)
    }

    /// Whether harm was done.
    #[must_use]
    pub fn happened(&self) -> bool {
        self.seen() >= self.0.first
    }

    fn fault_for(&self, request: &Request) -> Option<Fault> {
        if !(self.0.fits)(request) {
            return None;
        }
        let number = self.0.seen.fetch_add(1, Ordering::SeqCst) + 1;
        let harmed = number >= self.0.first && number - self.0.first < self.0.count;
        harmed.then(|| self.0.fault.clone())
    }
}

/// A running proxy. Dropping it cuts everything that runs through it.
pub struct Faults {
    address: SocketAddr,
    kubeconfig: PathBuf,
    shared: Arc<Shared>,
    _upstream: Program,
}

#[derive(Default)]
struct Shared {
    rules: Mutex<Vec<Rule>>,
    log: Mutex<Vec<String>>,
    ended: AtomicBool,
}

impl Faults {
    /// Starts a proxy in front of a control plane.
    pub fn start(plane: &ControlPlane) -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let [port] = free_ports()?;
        let mut kubectl = plane.command("kubectl");
        kubectl.arg("--kubeconfig").arg(plane.kubeconfig()).args([
            "proxy",
            "--address=127.0.0.1",
            &format!("--port={port}"),
            "--accept-paths=.*",
            "--reject-paths=^$",
            "--reject-methods=^$",
        ]);
        let logs = plane.dir().join("logs");
        let mut programs = [Program::start(&format!("faults-{number}"), kubectl, &logs)?];
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        wait_until(&mut programs, "kubectl proxy", || TcpStream::connect(upstream).is_ok())?;
        let [program] = programs;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context(|| "Cannot listen on loopback")?;
        let address = listener.local_addr().context(|| "Cannot read the number of a port")?;
        let kubeconfig = plane.dir().join(format!("faults-{number}.kubeconfig"));
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: testbed\nclusters:\n- name: testbed\n  cluster:\n    server: http://{address}\n\
             contexts:\n- name: testbed\n  context: {{cluster: testbed, namespace: default}}\n"
        );
        fs::write(&kubeconfig, text).context(|| format!("Cannot write {}", kubeconfig.display()))?;
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if serving.ended.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(client) = client else { continue };
                let shared = Arc::clone(&serving);
                thread::spawn(move || serve(&client, upstream, &shared));
            }
        });
        Ok(Self { address, kubeconfig, shared, _upstream: program })
    }

    /// A kubeconfig that leads through the proxy.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Does harm to the `first`-th request that fits (counted from 1) and to those after it, `count` in all.
    pub fn inject(
        &self,
        fault: Fault,
        first: u32,
        count: u32,
        fits: impl Fn(&Request) -> bool + Send + Sync + 'static,
    ) -> Rule {
        let rule = Rule(Arc::new(Inner { fits: Box::new(fits), first, count, fault, seen: AtomicU32::new(0) }));
        lock(&self.shared.rules).push(rule.clone());
        rule
    }

    /// Ends all rules.
    pub fn heal(&self) {
        lock(&self.shared.rules).clear();
    }

    /// Calls `signal` at the `number`-th request from now on that fits, before the API server sees it or once it has answered;
    /// the client gets its answer either way, so that only the signal disturbs it.
    pub fn signal_at(
        &self,
        number: u32,
        answered: bool,
        fits: impl Fn(&Request) -> bool + Send + Sync + 'static,
        signal: impl Fn(&Request) + Send + Sync + 'static,
    ) -> Rule {
        let fault = if answered {
            Fault::CallAnswered(Arc::new(signal))
        } else {
            Fault::Call(Arc::new(move |request| {
                signal(request);
                true
            }))
        };
        self.inject(fault, number, 1, fits)
    }

    /// Every request so far: `POST /api/v1/namespaces`.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        lock(&self.shared.log).clone()
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.heal();
        // Wakes the thread that listens.
        let _ = TcpStream::connect(self.address);
        let _ = fs::remove_file(&self.kubeconfig);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves one connection: its requests one after the other.
fn serve(client: &TcpStream, upstream: SocketAddr, shared: &Shared) {
    let _ = client.set_nodelay(true);
    let mut reader = BufReader::new(client);
    let mut server: Option<TcpStream> = None;
    while let Ok(Some(request)) = read_request(&mut reader) {
        lock(&shared.log).push(format!("{} {}", request.method, request.path));
        let fault = lock(&shared.rules).iter().find_map(|rule| rule.fault_for(&request));
        if answer(client, upstream, &mut server, &request, fault).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    if let Some(server) = server {
        let _ = server.shutdown(Shutdown::Both);
    }
}

/// An error means that the connection is to be cut.
fn answer(
    mut client: &TcpStream,
    upstream: SocketAddr,
    server: &mut Option<TcpStream>,
    request: &Request,
    fault: Option<Fault>,
) -> io::Result<()> {
    let cut = || io::Error::other("cut");
    match fault {
        None => {}
        Some(Fault::Answer(code, pause)) => {
            let pause = pause.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
            let body = format!(
                "{{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"the fault proxy says no\",\"reason\":\"\",\"code\":{code}}}"
            );
            let head = format!("HTTP/1.1 {code} Fault\r\nContent-Type: application/json\r\n{pause}");
            return client.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
        }
        Some(Fault::Delay(time)) => thread::sleep(time),
        Some(Fault::Stall(gate)) => gate.pass(),
        Some(Fault::Call(call)) if call(request) => {}
        Some(Fault::Call(_) | Fault::Cut) => return Err(cut()),
        Some(Fault::CutAfter) => {
            alone(upstream, request)?;
            return Err(cut());
        }
        Some(Fault::CallAfter(call)) => {
            alone(upstream, request)?;
            call(request);
            return Err(cut());
        }
        Some(Fault::CallAnswered(call)) => {
            let (mut server, first) = begun(upstream, &last_of_its_connection(&request.head), request)?;
            call(request);
            client.write_all(&first)?;
            io::copy(&mut server, &mut client)?;
            return Err(cut());
        }
    }
    if server.is_none() {
        let fresh = TcpStream::connect(upstream)?;
        let _ = fresh.set_nodelay(true);
        let (mut from, mut to) = (fresh.try_clone()?, client.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
        *server = Some(fresh);
    }
    let Some(server) = server else { return Err(cut()) };
    server.write_all(&request.head)?;
    server.write_all(&request.body)
}

/// Lets the API server do it, on a connection of its own, and waits until it has answered.
fn alone(upstream: SocketAddr, request: &Request) -> io::Result<()> {
    begun(upstream, &request.head, request).map(drop)
}

/// A request on a connection of its own whose answer has begun, and the first bytes of that.
fn begun(upstream: SocketAddr, head: &[u8], request: &Request) -> io::Result<(TcpStream, [u8; 12])> {
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(head)?;
    server.write_all(&request.body)?;
    let mut first = [0; 12];
    // The first bytes of the answer come when it is done.
    server.read_exact(&mut first)?;
    Ok((server, first))
}

/// The head of a request after whose answer the server closes the connection, so that the answer's end can be seen.
fn last_of_its_connection(head: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(head);
    let kept = text.trim_end().lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let lines: Vec<&str> = kept.chain(["Connection: close", "", ""]).collect();
    lines.join("\r\n").into_bytes()
}

/// The next request of a connection; none when the client has no more.
fn read_request(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Request>> {
    let (mut head, mut length, mut agent) = (Vec::new(), 0, String::new());
    let mut first = String::new();
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        head.extend_from_slice(&line);
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if text.is_empty() {
            break;
        }
        if first.is_empty() {
            text.clone_into(&mut first);
            continue;
        }
        match text.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim())) {
            Some((name, value)) if name == "content-length" => {
                length = value.parse().map_err(|_| io::Error::other("no length"))?;
            }
            Some((name, value)) if name == "user-agent" => value.clone_into(&mut agent),
            Some((name, _)) if name == "transfer-encoding" => {
                return Err(io::Error::other("chunks are not understood"));
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    Ok(Some(Request { method, path, agent, body, head }))
}
