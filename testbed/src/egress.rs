//! The only way out for kube-apiserver: a CONNECT proxy on a Unix socket that dials loopback and refuses the rest.
//!
//! kube-apiserver dials cluster addresses for webhooks, `services/proxy` and aggregated APIs. Nothing serves them at
//! level A, and without this proxy such a connection would leave the machine by its default route. The proxy must not
//! resolve names and must not dial anything but a literal loopback address.

use crate::error::{Context as _, Error};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The running proxy; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Egress {
    socket: PathBuf,
    stop: Arc<AtomicBool>,
}

impl Egress {
    /// Serves `<dir>/egress.sock`; what was asked for goes to `<dir>/egress.log`, one line each.
    pub(crate) fn start(dir: &Path) -> Result<Self, Error> {
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
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if stopped.load(Ordering::Acquire) {
                    break;
                }
                if let (Ok(client), Ok(log)) = (client, log.try_clone()) {
                    std::thread::spawn(move || serve(&client, log));
                }
            }
        });
        Ok(Self { socket, stop })
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

fn serve(client: &UnixStream, mut log: File) {
    let _ = client.set_read_timeout(Some(Duration::from_secs(10)));
    let mut request = BufReader::new(client);
    let Ok(target) = read_target(&mut request) else { return };
    let allowed = target.parse::<SocketAddr>().ok().filter(|address| address.ip().is_loopback());
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
