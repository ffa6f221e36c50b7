//! A web server on loopback for one folder.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

/// The URL of a folder, as long as the test runs. Archives have the type that helm 3 insists on.
pub(crate) fn serve(folder: &Path) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let _ = answer(&client, &folder);
        }
    });
    url
}

fn answer(mut client: &TcpStream, folder: &Path) -> std::io::Result<()> {
    let mut lines = BufReader::new(client).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let mut words = first.split(' ');
    let (method, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let name = PathBuf::from(name);
    let body = name.file_name().and_then(|name| fs::read(folder.join(name)).ok());
    let status = if body.is_some() { "200 OK" } else { "404 Not Found" };
    let kind = if name.extension().is_some_and(|end| end == "tgz") { "application/gzip" } else { "text/plain" };
    let body = body.unwrap_or_default();
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    if method == "HEAD" { Ok(()) } else { client.write_all(&body) }
}
