//! A web server for the units of the lab: serves the files of one directory, whole or from a byte on.
//!
//! QEMU's network maps the unit's 10.0.2.2 to this machine's loopback interface.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};

/// The address of this machine for a unit.
const HOST: &str = "10.0.2.2";

/// Serves the files of `dir` as long as the process lives; returns the URL for units.
///
/// # Errors
/// There is no port to listen on.
pub fn serve(dir: &Path) -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("listening for the units of the lab")?;
    let port = listener.local_addr()?.port();
    let dir = dir.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let dir = dir.clone();
            // A unit whose power is cut does not close its connections; that is no error.
            thread::spawn(move || answer(&stream, &dir));
        }
    });
    Ok(format!("http://{HOST}:{port}"))
}

fn answer(stream: &TcpStream, dir: &Path) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut from = 0;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().unwrap_or(0);
        }
    }
    let mut stream = stream;
    let name = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let path = PathBuf::from(name);
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let path = dir.join(&path);
    let Some(mut file) = (is_plain && path.is_file()).then(|| File::open(&path).ok()).flatten() else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let length = file.metadata()?.len();
    let from = u64::min(from, length);
    file.seek(SeekFrom::Start(from))?;
    let (status, range) = match from {
        0 => ("200 OK", String::new()),
        _ => ("206 Partial Content", format!("Content-Range: bytes {from}-{}/{length}\r\n", length - 1)),
    };
    let rest = length - from;
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {rest}\r\n{range}Connection: close\r\n\r\n")?;
    if !request.starts_with("HEAD") {
        io::copy(&mut file.take(rest), &mut stream)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(url: &str, request: &str) -> String {
        let port = url.rsplit_once(':').unwrap().1.parse().unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn files_are_served_whole_and_from_a_byte_on_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("x.fw"), "0123456789").unwrap();
        let url = serve(dir.path()).unwrap();
        let whole = ask(&url, "GET /x.fw HTTP/1.1\r\n\r\n");
        assert!(whole.starts_with("HTTP/1.1 200") && whole.ends_with("\r\n\r\n0123456789"), "{whole}");
        let part = ask(&url, "GET /x.fw HTTP/1.1\r\nRange: bytes=7-\r\n\r\n");
        assert!(part.contains("bytes 7-9/10") && part.ends_with("\r\n\r\n789"), "{part}");
        for path in ["/none", "/../x.fw", "/"] {
            let missing = ask(&url, &format!("GET {path} HTTP/1.1\r\n\r\n"));
            assert!(missing.starts_with("HTTP/1.1 404"), "{path}: {missing}");
        }
    }
}
