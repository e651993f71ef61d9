//! Downloads from a web server that behaves like real ones, and worse.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::update::http::{Download, Retry};

/// No test waits longer than necessary.
const RETRY: Retry = Retry { attempts: 3, pause: Duration::from_millis(1), timeout: Duration::from_secs(5) };

/// The header lines of one request, in lower case.
type Asked = Vec<String>;

/// What the server does with one connection.
type Answer = Box<dyn Fn(&Asked) -> Vec<u8> + Send>;

/// Serves one connection after the other, each with its answer, and reports the requests.
fn server(answers: Vec<Answer>) -> (String, Receiver<Asked>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/sluice.fw", listener.local_addr().unwrap());
    let (sender, asked) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let Ok((stream, _)) = listener.accept() else { return };
            let request = request(&stream);
            let answer = answer(&request);
            // Sent before the answer, so that the request can be read once the answer has arrived.
            let _ = sender.send(request);
            let _ = (&stream).write_all(&answer);
        }
    });
    (url, asked)
}

fn request(stream: &TcpStream) -> Asked {
    let lines = BufReader::new(stream).lines().map_while(io::Result::ok);
    lines.take_while(|line| !line.is_empty()).map(|line| line.to_lowercase()).collect()
}

/// A file in which every position differs.
fn file() -> Vec<u8> {
    (0..60_000_u32).flat_map(u32::to_be_bytes).collect()
}

/// An answer with these header lines and this range of the file.
fn answer(head: &str, from: usize, to: usize) -> Answer {
    let head = head.trim().lines().map(|line| format!("{}\r\n", line.trim())).collect::<String>();
    let bytes = [head.as_bytes(), b"\r\n", &file()[from..to]].concat();
    Box::new(move |_| bytes.clone())
}

/// The whole file; the connection ends at `to`.
fn whole(tag: &str, to: usize) -> Answer {
    answer(&format!("HTTP/1.1 200 OK\nContent-Length: 240000\nETag: {tag}"), 0, to)
}

/// A part of the file; the connection ends at `to`.
fn part(tag: &str, from: usize, to: usize) -> Answer {
    let head = "HTTP/1.1 206 Partial Content";
    let length = 240_000 - from;
    answer(
        &format!("{head}\nContent-Length: {length}\nContent-Range: bytes {from}-239999/240000\nETag: {tag}"),
        from,
        to,
    )
}

/// Downloads the file: what arrived, and the result.
fn fetched(url: &str) -> (Vec<u8>, io::Result<()>) {
    let mut bytes = Vec::new();
    let result =
        Download::open(url, RETRY).and_then(|mut download| download.read_to_end(&mut bytes)).map(drop);
    (bytes, result)
}

fn header<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    asked.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn an_interrupted_download_resumes_where_it_stopped() {
    let answers = vec![
        whole("\"a\"", 100_000),
        part("\"a\"", 100_000, 100_000),
        part("\"a\"", 100_000, 239_999),
        part("\"a\"", 239_999, 240_000),
    ];
    let (url, asked) = server(answers);
    let (bytes, result) = fetched(&url);
    result.unwrap();
    assert!(bytes == file());
    let asked: Vec<_> = asked.iter().collect();
    assert_eq!(header(&asked[0], "range"), None);
    for (asked, range) in asked[1..].iter().zip(["bytes=100000-", "bytes=100000-", "bytes=239999-"]) {
        assert_eq!((header(asked, "range"), header(asked, "if-range")), (Some(range), Some("\"a\"")));
    }
}

#[test]
fn a_server_that_ignores_the_range_is_read_up_to_the_position() {
    let (url, _) = server(vec![whole("\"a\"", 100_000), whole("\"a\"", 50_000), whole("\"a\"", 240_000)]);
    let (bytes, result) = fetched(&url);
    result.unwrap();
    assert!(bytes == file());
}

#[test]
fn a_date_serves_where_there_is_no_strong_tag() {
    let head = "HTTP/1.1 200 OK\nContent-Length: 240000\nETag: W/\"weak\"\nLast-Modified: Sun, 22 Nov 2026 05:00:00 GMT";
    let (url, asked) = server(vec![answer(head, 0, 9), part("W/\"weak\"", 9, 240_000)]);
    let (bytes, result) = fetched(&url);
    result.unwrap();
    assert!(bytes == file());
    assert_eq!(
        header(asked.iter().last().as_ref().unwrap(), "if-range"),
        Some("sun, 22 nov 2026 05:00:00 gmt")
    );
}

#[test]
fn a_server_that_resumes_with_another_file_is_refused() {
    let moved = |from: usize, to: usize| {
        answer(&format!("HTTP/1.1 206 Partial Content\nContent-Range: bytes {from}-239999/240000"), from, to)
    };
    let table: Vec<(Answer, &str)> = vec![
        (whole("\"b\"", 240_000), "the file changed on the server during the download"),
        (part("\"b\"", 500, 240_000), "the file changed on the server during the download"),
        (
            answer("HTTP/1.1 206 Partial Content\nContent-Range: bytes 500-999/1000", 500, 1000),
            "the file changed on the server during the download",
        ),
        (moved(501, 240_000), "the server resumed at byte 501 instead of 500"),
        (
            answer("HTTP/1.1 206 Partial Content", 0, 9),
            "the server sent a part of the file and did not say which",
        ),
        (answer("HTTP/1.1 416 Range Not Satisfiable\nContent-Length: 0", 0, 0), "the server answered 416"),
        (answer("HTTP/1.1 404 Not Found\nContent-Length: 0", 0, 0), "the server answered 404"),
    ];
    for (second, reason) in table {
        let (url, _) = server(vec![whole("\"a\"", 500), second]);
        let (bytes, result) = fetched(&url);
        let message = result.unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
        assert!(bytes == file()[..500], "{reason}");
    }
    // A part that starts earlier is accepted.
    let (url, _) = server(vec![whole("\"a\"", 500), moved(400, 240_000)]);
    let (bytes, result) = fetched(&url);
    result.unwrap();
    assert!(bytes == file());
}

#[test]
fn a_permanent_error_is_not_retried_and_a_temporary_one_is() {
    let no = || answer("HTTP/1.1 404 Not Found\nContent-Length: 0", 0, 0);
    let busy = || answer("HTTP/1.1 503 Service Unavailable\nContent-Length: 0", 0, 0);
    let (url, asked) = server(vec![no(), whole("\"a\"", 240_000)]);
    assert_eq!(fetched(&url).1.unwrap_err().to_string(), "the server answered 404 Not Found");
    assert_eq!(asked.try_iter().count(), 1);
    let (url, _) = server(vec![busy(), busy(), whole("\"a\"", 240_000)]);
    let (bytes, result) = fetched(&url);
    result.unwrap();
    assert!(bytes == file());
    let (url, _) = server(vec![busy(), busy(), busy(), whole("\"a\"", 240_000)]);
    let message = fetched(&url).1.unwrap_err().to_string();
    assert_eq!(message, "the server answered 503 Service Unavailable; gave up after 3 attempts");
}

#[test]
fn a_connection_that_is_lost_for_good_is_given_up() {
    let (url, _) = server(vec![whole("\"a\"", 1000)]);
    let (bytes, result) = fetched(&url);
    assert!(bytes == file()[..1000]);
    let message = result.unwrap_err().to_string();
    assert!(message.ends_with("gave up after 3 attempts"), "{message}");
    let nobody = { TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap() };
    let message = Download::open(&format!("http://{nobody}/x"), RETRY).map(drop).unwrap_err().to_string();
    assert!(message.to_lowercase().contains("refused"), "{message}");
}

#[test]
fn a_redirect_is_followed_and_one_to_tls_is_refused() {
    let (url, _) = server(vec![whole("\"a\"", 240_000)]);
    let (first, _) =
        server(vec![answer(&format!("HTTP/1.1 302 Found\nLocation: {url}\nContent-Length: 0"), 0, 0)]);
    let (bytes, result) = fetched(&first);
    result.unwrap();
    assert!(bytes == file());
    let (tls, _) = server(vec![whole("\"a\"", 0)]);
    let tls = tls.replace("http", "https");
    let (url, _) =
        server(vec![answer(&format!("HTTP/1.1 301 Moved\nLocation: {tls}\nContent-Length: 0"), 0, 0)]);
    let message = fetched(&url).1.unwrap_err().to_string();
    assert_eq!(message, "the server requires TLS, which this unit does not support");
}

#[test]
fn a_file_of_unknown_length_ends_where_the_server_ends_it() {
    let (url, _) = server(vec![answer("HTTP/1.0 200 OK", 0, 240_000)]);
    let (bytes, result) = fetched(&url);
    result.unwrap();
    assert!(bytes == file());
}
