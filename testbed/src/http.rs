//! Servers of this process on loopback: one answer for each connection.
//!
//! This module must not listen anywhere else, and must not know what is asked for.

use crate::error::{Context as _, Error};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Accepts connections on a free port of loopback until it is dropped, each on a thread of its own.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Listener {
    pub(crate) fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Result<Self, Error> {
        let failed = || "Cannot listen on loopback";
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context(failed)?;
        let address = listener.local_addr().context(failed)?;
        let (stop, serve) = (Arc::new(AtomicBool::new(false)), Arc::new(serve));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if stopped.load(Ordering::Acquire) {
                    break;
                }
                if let Ok(client) = client {
                    let serve = Arc::clone(&serve);
                    std::thread::spawn(move || serve(client));
                }
            }
        });
        Ok(Self { address, stop })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
    }
}

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Request {
    /// As it was sent: a path, or a whole URL when this server is taken for a proxy.
    pub(crate) target: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

impl Request {
    /// A request that nobody sent.
    #[cfg(test)]
    pub(crate) fn new(target: &str, headers: &[(&str, &str)]) -> Self {
        let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { target: target.to_owned(), headers }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// All of them.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The host, without a port.
    pub(crate) fn host(&self) -> &str {
        let host = self.target.strip_prefix("http://").and_then(|rest| rest.split('/').next());
        let host = host.unwrap_or_else(|| self.header("host"));
        host.rsplit_once(':').map_or(host, |(name, _)| name)
    }

    /// The path, without the query.
    pub(crate) fn path(&self) -> &str {
        let path = match self.target.strip_prefix("http://") {
            Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
            None => &self.target,
        };
        path.split('?').next().unwrap_or_default()
    }
}

/// A status and a body.
pub(crate) type Answer = (u16, Vec<u8>);

/// Answers requests with what `answer` says; nothing is answered for `None`, and the connection closed.
pub(crate) fn serve(answer: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) -> Result<Listener, Error> {
    Listener::start(move |client| reply(&client, &answer))
}

/// Answers the one request of a connection.
pub(crate) fn reply(mut client: &TcpStream, answer: impl Fn(&Request) -> Option<Answer>) {
    let _ = client.set_read_timeout(Some(Duration::from_secs(10)));
    let Some((status, body)) = read(client).and_then(|request| answer(&request)) else { return };
    let challenge = if status == 401 { "WWW-Authenticate: Basic realm=\"testbed\"\r\n" } else { "" };
    let head = format!("HTTP/1.1 {status} -\r\n{challenge}Connection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = client.write_all(head.as_bytes()).and_then(|()| client.write_all(&body));
}

fn read(client: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(client.take(64 * 1024)).lines();
    let first = lines.next()?.ok()?;
    let target = first.split_whitespace().nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let line = lines.next()?.ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Some(Request { target, headers })
}
