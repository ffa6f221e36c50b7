//! A chart repository on loopback: the files of a folder over HTTP, and nothing more when it is told to hang.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A repository; gone when dropped.
pub struct Repository {
    url: String,
    address: std::net::SocketAddr,
    hangs: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Repository {
    /// Serves a folder, in which `helm repo index` has put an index.
    pub fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (hangs, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (folder, hanging, ended) = (folder.to_owned(), Arc::clone(&hangs), Arc::clone(&over));
        thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                if hanging.load(Ordering::SeqCst) {
                    held.push(stream);
                } else {
                    let folder = folder.clone();
                    thread::spawn(move || answer(stream, &folder));
                }
            }
        });
        Self { url: format!("http://{address}"), address, hangs, over }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on it takes questions and answers none.
    pub fn hang(&self) {
        self.hangs.store(true, Ordering::SeqCst);
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn answer(mut stream: TcpStream, folder: &Path) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let first = lines.next().and_then(Result::ok).unwrap_or_default();
    while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
    let name = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let path: PathBuf = folder.join(name);
    let (status, bytes) = std::fs::read(path).map_or(("404 Not Found", Vec::new()), |bytes| ("200 OK", bytes));
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&bytes));
}
