//! The only way out for kube-apiserver: a CONNECT proxy on a Unix socket that dials loopback and refuses the rest.
//!
//! kube-apiserver dials cluster addresses for webhooks, `services/proxy` and aggregated APIs. Nothing serves them at
//! level A, and without this proxy such a connection would leave the machine by its default route. A [`Door`] lets one
//! Service be served by a process on loopback. The proxy must not resolve names and must not dial anything but a literal
//! loopback address.

use crate::error::{Context as _, Error};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Services that a process on loopback serves: which one, and its port.
type Doors = Arc<Mutex<Vec<(String, String, u16)>>>;

/// Asks for the address of a Service in a namespace.
pub(crate) type Lookup = Box<dyn Fn(&str, &str) -> Option<IpAddr> + Send + Sync>;

/// The running proxy; it ends when this is dropped.
pub(crate) struct Egress {
    socket: PathBuf,
    stop: Arc<AtomicBool>,
    doors: Doors,
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// A Service that a process on loopback serves, until this is dropped.
#[derive(Debug)]
pub(crate) struct Door {
    doors: Doors,
    of: (String, String, u16),
}

impl Drop for Door {
    fn drop(&mut self) {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner).retain(|door| *door != self.of);
    }
}

impl Egress {
    /// Serves `<dir>/egress.sock`; what was asked for goes to `<dir>/egress.log`, one line each.
    pub(crate) fn start(dir: &Path, lookup: Lookup) -> Result<Self, Error> {
        let socket = dir.join("egress.sock");
        // A Unix address holds about 100 bytes; the directory's file descriptor makes any path short enough.
        let held = File::open(dir).context(|| format!("Cannot open {}", dir.display()))?;
        let short = short_path(&held);
        let listener = UnixListener::bind(&short).context(|| format!("Cannot listen on {}", socket.display()))?;
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(dir.join("egress.log"))
            .context(|| format!("Cannot write the egress log in {}", dir.display()))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let doors = Doors::default();
        let (open, lookup) = (Arc::clone(&doors), Arc::new(lookup));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if stopped.load(Ordering::Acquire) {
                    break;
                }
                if let (Ok(client), Ok(log)) = (client, log.try_clone()) {
                    let (open, lookup) = (Arc::clone(&open), Arc::clone(&lookup));
                    std::thread::spawn(move || serve(&client, log, |target| behind(target, &open, &lookup)));
                }
            }
        });
        Ok(Self { socket, stop, doors })
    }

    /// Lets a process on loopback serve a Service, which need not exist yet.
    pub(crate) fn door(&self, namespace: &str, service: &str, port: u16) -> Door {
        let of = (namespace.to_owned(), service.to_owned(), port);
        self.doors.lock().unwrap_or_else(PoisonError::into_inner).push(of.clone());
        Door { doors: Arc::clone(&self.doors), of }
    }

    /// The text of the file for `--egress-selector-config-file`. The socket's name is relative: the API server has to
    /// run in the directory of the socket.
    pub(crate) fn config() -> &'static str {
        "apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
# Services, pods and nodes.
- name: cluster
  connection: &proxy
    proxyProtocol: HTTPConnect
    transport:
      uds: {udsName: egress.sock}
# Webhooks that are given by URL.
- name: controlplane
  connection: *proxy
"
    }
}

impl Drop for Egress {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(held) = self.socket.parent().and_then(|dir| File::open(dir).ok()) {
            let _ = UnixStream::connect(short_path(&held));
        }
    }
}

fn short_path(dir: &File) -> PathBuf {
    use std::os::fd::AsRawFd as _;
    PathBuf::from(format!("/proc/self/fd/{}/egress.sock", dir.as_raw_fd()))
}

/// Where a connection to `target` ends: there if it is on loopback, at the process that serves it if it is a Service.
fn behind(target: SocketAddr, doors: &Doors, lookup: &Lookup) -> Option<SocketAddr> {
    if target.ip().is_loopback() {
        return Some(target);
    }
    let doors = doors.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let door = doors.iter().find(|(namespace, service, _)| lookup(namespace, service) == Some(target.ip()))?;
    Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), door.2))
}

fn serve(client: &UnixStream, mut log: File, behind: impl Fn(SocketAddr) -> Option<SocketAddr>) {
    let _ = client.set_read_timeout(Some(Duration::from_secs(10)));
    let mut request = BufReader::new(client);
    let Ok(target) = read_target(&mut request) else { return };
    let allowed = target.parse().ok().and_then(behind);
    let verdict = if allowed.is_some() { "allowed" } else { "refused" };
    let _ = log.write_all(format!("{verdict} {target}\n").as_bytes());
    let mut answer = client;
    let Some(address) = allowed else {
        let _ =
            answer.write_all(b"HTTP/1.1 403 Forbidden: the test bed dials loopback only\r\nContent-Length: 0\r\n\r\n");
        return;
    };
    let Ok(server) = TcpStream::connect_timeout(&address, Duration::from_secs(5)) else {
        let _ = answer.write_all(b"HTTP/1.1 502 Connection refused\r\nContent-Length: 0\r\n\r\n");
        return;
    };
    let _ = server.set_nodelay(true);
    let _ = client.set_read_timeout(None);
    if answer.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_err() {
        return;
    }
    let (Ok(from_server), Ok(to_client)) = (server.try_clone(), client.try_clone()) else { return };
    let back = std::thread::spawn(move || {
        let _ = io::copy(&mut &from_server, &mut &to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });
    let _ = io::copy(&mut request, &mut &server);
    let _ = server.shutdown(Shutdown::Write);
    let _ = back.join();
}

/// Reads a CONNECT request to its empty line and returns `host:port`.
fn read_target(request: &mut BufReader<&UnixStream>) -> io::Result<String> {
    let mut first = String::new();
    request.take(8192).read_line(&mut first)?;
    let mut words = first.split_whitespace();
    let target = match (words.next(), words.next()) {
        (Some("CONNECT"), Some(target)) => target.to_owned(),
        _ => return Err(io::Error::other("not a CONNECT request")),
    };
    loop {
        let mut line = String::new();
        if request.take(8192).read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            return Ok(target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Doors, Lookup, SocketAddr, behind};

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_loopback_and_open_doors_are_dialled() {
        let doors = Doors::default();
        doors.lock().unwrap().push(("tls".to_owned(), "hook".to_owned(), 7000));
        let lookup: Lookup =
            Box::new(|namespace, service| ((namespace, service) == ("tls", "hook")).then(|| at("10.96.0.7:1").ip()));
        assert_eq!(behind(at("127.0.0.1:5"), &doors, &lookup), Some(at("127.0.0.1:5")));
        assert_eq!(behind(at("10.96.0.7:443"), &doors, &lookup), Some(at("127.0.0.1:7000")));
        assert_eq!(behind(at("10.96.0.8:443"), &doors, &lookup), None);
        assert_eq!(behind(at("192.0.2.1:443"), &doors, &lookup), None);
    }
}
