//! Fetching from a web server that does as real ones do, and worse.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::update::http::{Download, Patience};

/// No test waits longer than it must.
const HASTE: Patience =
    Patience { tries: 3, pause: Duration::from_millis(1), silence: Duration::from_secs(5) };

/// One request as it came in: the header lines, in small letters.
type Asked = Vec<String>;

/// What the server does with one connection.
type Answer = Box<dyn Fn(&Asked) -> Vec<u8> + Send>;

/// Serves one connection after the other, each with its answer, and tells what was asked.
fn server(answers: Vec<Answer>) -> (String, Receiver<Asked>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/sluice.fw", listener.local_addr().unwrap());
    let (told, asked) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let Ok((stream, _)) = listener.accept() else { return };
            let request = request(&stream);
            let answer = answer(&request);
            // Whoever has the answer finds what it was asked for.
            let _ = told.send(request);
            let _ = (&stream).write_all(&answer);
        }
    });
    (url, asked)
}

fn request(stream: &TcpStream) -> Asked {
    let lines = BufReader::new(stream).lines().map_while(io::Result::ok);
    lines.take_while(|line| !line.is_empty()).map(|line| line.to_lowercase()).collect()
}

/// Text that tells where it is from.
fn file() -> Vec<u8> {
    (0..60_000_u32).flat_map(u32::to_be_bytes).collect()
}

/// An answer with these header lines, and so much of the file.
fn answer(head: &str, from: usize, to: usize) -> Answer {
    let head = head.trim().lines().map(|line| format!("{}\r\n", line.trim())).collect::<String>();
    let bytes = [head.as_bytes(), b"\r\n", &file()[from..to]].concat();
    Box::new(move |_| bytes.clone())
}

/// The whole file, of which the connection brings so much.
fn whole(tag: &str, to: usize) -> Answer {
    answer(&format!("HTTP/1.1 200 OK\nContent-Length: 240000\nETag: {tag}"), 0, to)
}

/// A part of it, of which the connection brings so much.
fn part(tag: &str, from: usize, to: usize) -> Answer {
    let head = "HTTP/1.1 206 Partial Content";
    let length = 240_000 - from;
    answer(
        &format!("{head}\nContent-Length: {length}\nContent-Range: bytes {from}-239999/240000\nETag: {tag}"),
        from,
        to,
    )
}

/// Fetches all of it: what came, and how it ended.
fn fetched(url: &str) -> (Vec<u8>, io::Result<()>) {
    let mut bytes = Vec::new();
    let result =
        Download::open(url, HASTE).and_then(|mut download| download.read_to_end(&mut bytes)).map(drop);
    (bytes, result)
}

fn header<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    asked.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn a_broken_connection_is_gone_on_with_where_it_broke() {
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
fn a_server_that_ignores_the_range_is_read_up_to_the_place() {
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
fn a_server_that_goes_on_with_something_else_is_not_listened_to() {
    let moved = |from: usize, to: usize| {
        answer(&format!("HTTP/1.1 206 Partial Content\nContent-Range: bytes {from}-239999/240000"), from, to)
    };
    let table: Vec<(Answer, &str)> = vec![
        (whole("\"b\"", 240_000), "the file was changed on the server meanwhile"),
        (part("\"b\"", 500, 240_000), "the file was changed on the server meanwhile"),
        (
            answer("HTTP/1.1 206 Partial Content\nContent-Range: bytes 500-999/1000", 500, 1000),
            "the file was changed on the server meanwhile",
        ),
        (moved(501, 240_000), "the server sends from byte 501 on, asked for was 500"),
        (answer("HTTP/1.1 206 Partial Content", 0, 9), "the server sends a part and does not say which"),
        (answer("HTTP/1.1 416 Range Not Satisfiable\nContent-Length: 0", 0, 0), "the server says 416"),
        (answer("HTTP/1.1 404 Not Found\nContent-Length: 0", 0, 0), "the server says 404"),
    ];
    for (second, reason) in table {
        let (url, _) = server(vec![whole("\"a\"", 500), second]);
        let (bytes, result) = fetched(&url);
        let message = result.unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
        assert!(bytes == file()[..500], "{reason}");
    }
    // What begins earlier can be used.
    let (url, _) = server(vec![whole("\"a\"", 500), moved(400, 240_000)]);
    let (bytes, result) = fetched(&url);
    result.unwrap();
    assert!(bytes == file());
}

#[test]
fn what_a_server_refuses_is_not_asked_for_again_and_what_it_may_have_later_is() {
    let no = || answer("HTTP/1.1 404 Not Found\nContent-Length: 0", 0, 0);
    let busy = || answer("HTTP/1.1 503 Service Unavailable\nContent-Length: 0", 0, 0);
    let (url, asked) = server(vec![no(), whole("\"a\"", 240_000)]);
    assert_eq!(fetched(&url).1.unwrap_err().to_string(), "the server says 404 Not Found");
    assert_eq!(asked.try_iter().count(), 1);
    let (url, _) = server(vec![busy(), busy(), whole("\"a\"", 240_000)]);
    let (bytes, result) = fetched(&url);
    result.unwrap();
    assert!(bytes == file());
    let (url, _) = server(vec![busy(), busy(), busy(), whole("\"a\"", 240_000)]);
    let message = fetched(&url).1.unwrap_err().to_string();
    assert_eq!(message, "the server says 503 Service Unavailable; given up after 3 tries");
}

#[test]
fn a_connection_that_is_lost_for_good_is_given_up() {
    let (url, _) = server(vec![whole("\"a\"", 1000)]);
    let (bytes, result) = fetched(&url);
    assert!(bytes == file()[..1000]);
    let message = result.unwrap_err().to_string();
    assert!(message.ends_with("given up after 3 tries"), "{message}");
    let nobody = { TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap() };
    let message = Download::open(&format!("http://{nobody}/x"), HASTE).map(drop).unwrap_err().to_string();
    assert!(message.to_lowercase().contains("refused"), "{message}");
}

#[test]
fn a_redirect_is_followed_and_one_to_tls_is_told() {
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
    assert_eq!(message, "the server wants TLS, which this unit does not speak");
}

#[test]
fn a_file_of_unknown_length_ends_where_the_server_ends_it() {
    let (url, _) = server(vec![answer("HTTP/1.0 200 OK", 0, 240_000)]);
    let (bytes, result) = fetched(&url);
    result.unwrap();
    assert!(bytes == file());
}
