//! Downloads from web servers, request by request. What they do to an installation is in `sources`.

use std::io::{self, Read};
use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::web_server::{Answer, Content, Server, header};
use crate::update::http::{Download, Retry, Url};
use crate::update::stream::Stream;
use crate::update::watch::Patience;

/// Three attempts, and an overlap that leaves the positions recognizable.
const RETRY: Retry = Retry { attempts: 3, pause: Duration::from_secs(1), substantial: 1000, overlap: 4 };

/// A file in which every position differs.
fn file() -> Vec<u8> {
    (0..60_000_u32).flat_map(u32::to_be_bytes).collect()
}

fn content() -> Content {
    Content::new(file())
}

/// An answer with these header lines and this range of the file.
fn answer(head: &str, from: usize, to: usize) -> Answer {
    content().answer(head, from, to)
}

/// The whole file; the connection ends at `to`.
fn whole(tag: &str, to: usize) -> Answer {
    content().whole(tag, to)
}

/// A part of the file; the connection ends at `to`.
fn part(tag: &str, from: usize, to: usize) -> Answer {
    content().part(tag, from, to)
}

/// Downloads the file: what arrived, and the result.
fn fetched(server: &Server) -> (Vec<u8>, io::Result<()>) {
    let url = Url::parse(&server.file()).unwrap();
    let mut bytes = Vec::new();
    let result = Download::open(&url, RETRY, server.clock.patience())
        .and_then(|mut download| download.read_to_end(&mut bytes))
        .map(drop);
    (bytes, result)
}

#[test]
fn an_interrupted_download_resumes_where_it_stopped() {
    let answers = vec![
        whole("\"a\"", 100_000),
        part("\"a\"", 99_996, 99_996),
        part("\"a\"", 99_996, 239_999),
        part("\"a\"", 239_995, 240_000),
    ];
    let server = Server::start(answers);
    let (bytes, result) = fetched(&server);
    result.unwrap();
    assert!(bytes == file());
    let asked = server.asked();
    assert_eq!(header(&asked[0], "range"), None);
    for (asked, range) in asked[1..].iter().zip(["bytes=99996-", "bytes=99996-", "bytes=239995-"]) {
        assert_eq!((header(asked, "range"), header(asked, "if-range")), (Some(range), Some("\"a\"")));
    }
    assert_eq!(server.clock.pauses(), [1, 2, 1], "substantial progress starts the pauses again");
}

#[test]
fn a_server_that_ignores_the_range_is_read_up_to_the_position() {
    let server =
        Server::start(vec![whole("\"a\"", 100_000), whole("\"a\"", 50_000), whole("\"a\"", 240_000)]);
    let (bytes, result) = fetched(&server);
    result.unwrap();
    assert!(bytes == file());
}

#[test]
fn a_date_serves_where_there_is_no_strong_tag() {
    let head = "HTTP/1.1 200 OK\nContent-Length: 240000\nETag: W/\"weak\"\nLast-Modified: Sun, 22 Nov 2026 05:00:00 GMT";
    let server = Server::start(vec![answer(head, 0, 9), part("W/\"weak\"", 5, 240_000)]);
    let (bytes, result) = fetched(&server);
    result.unwrap();
    assert!(bytes == file());
    assert_eq!(header(&server.asked()[1], "if-range"), Some("sun, 22 nov 2026 05:00:00 gmt"));
}

#[test]
fn a_server_that_resumes_with_another_file_is_refused() {
    let moved = |from: usize, to: usize| {
        answer(&format!("HTTP/1.1 206 Partial Content\nContent-Range: bytes {from}-239999/240000"), from, to)
    };
    let table: Vec<(Answer, &str)> = vec![
        (whole("\"b\"", 240_000), "the file changed on the server during the download"),
        (part("\"b\"", 496, 240_000), "the file changed on the server during the download"),
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
        let server = Server::start(vec![whole("\"a\"", 500), second]);
        let (bytes, result) = fetched(&server);
        let message = result.unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
        assert!(bytes == file()[..500], "{reason}");
    }
    // A part that starts earlier is accepted.
    let server = Server::start(vec![whole("\"a\"", 500), moved(400, 240_000)]);
    let (bytes, result) = fetched(&server);
    result.unwrap();
    assert!(bytes == file());
}

#[test]
fn a_permanent_error_is_not_retried_and_a_temporary_one_is() {
    let no = || answer("HTTP/1.1 404 Not Found\nContent-Length: 0", 0, 0);
    let busy = || answer("HTTP/1.1 503 Service Unavailable\nContent-Length: 0", 0, 0);
    let server = Server::start(vec![no(), whole("\"a\"", 240_000)]);
    assert_eq!(fetched(&server).1.unwrap_err().to_string(), "the server answered 404 Not Found");
    assert_eq!(server.asked().len(), 1);
    assert!(server.clock.pauses().is_empty());
    let server = Server::start(vec![busy(), busy(), whole("\"a\"", 240_000)]);
    let (bytes, result) = fetched(&server);
    result.unwrap();
    assert!(bytes == file());
    let server = Server::start(vec![busy(), busy(), busy(), whole("\"a\"", 240_000)]);
    let message = fetched(&server).1.unwrap_err().to_string();
    assert_eq!(message, "the server answered 503 Service Unavailable; gave up after 3 attempts");
}

#[test]
fn a_connection_that_is_lost_for_good_is_given_up() {
    let server = Server::start(vec![whole("\"a\"", 1000)]);
    let (bytes, result) = fetched(&server);
    assert!(bytes == file()[..1000]);
    let message = result.unwrap_err().to_string();
    assert!(message.ends_with("gave up after 3 attempts"), "{message}");
    let nobody = { TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap() };
    let url = Url::parse(&format!("http://{nobody}/x")).unwrap();
    let refused = Download::open(&url, RETRY, server.clock.patience()).map(drop);
    let message = refused.unwrap_err().to_string();
    assert!(message.to_lowercase().contains("refused"), "{message}");
}

/// An answer that redirects to `location`.
fn redirect(status: &str, location: &str) -> Answer {
    Answer::head(&format!("HTTP/1.1 {status}\nLocation: {location}\nContent-Length: 0"))
}

#[test]
fn a_redirect_is_followed_and_one_to_tls_is_refused() {
    let other = Server::start(vec![whole("\"a\"", 240_000)]);
    let server = Server::start(vec![redirect("302 Found", &other.file())]);
    let (bytes, result) = fetched(&server);
    result.unwrap();
    assert!(bytes == file());
    let tls = other.file().replace("http", "https");
    let server = Server::start(vec![redirect("301 Moved", &tls)]);
    let message = fetched(&server).1.unwrap_err().to_string();
    assert_eq!(message, "the server requires TLS, which this unit does not support");
}

#[test]
fn redirects_may_be_relative_and_are_bounded() {
    let server = Server::start(vec![
        redirect("307 Temporary Redirect", "/v/1.1/../latest.fw"),
        redirect("308 Permanent Redirect", "other.fw?v=1"),
        whole("\"a\"", 100_000),
        redirect("303 See Other", "?v=2"),
        part("\"a\"", 99_996, 240_000),
    ]);
    let (bytes, result) = fetched(&server);
    result.unwrap();
    assert!(bytes == file());
    let asked: Vec<String> = server.asked().into_iter().map(|mut asked| asked.swap_remove(0)).collect();
    assert_eq!(
        asked,
        [
            "get /sluice.fw http/1.1",
            "get /v/latest.fw http/1.1",
            "get /v/other.fw?v=1 http/1.1",
            "get /sluice.fw http/1.1",
            "get /sluice.fw?v=2 http/1.1",
        ]
    );
    let server = Server::start((0..9).map(|_| redirect("302 Found", "/sluice.fw")).collect());
    let message = fetched(&server).1.unwrap_err().to_string();
    assert_eq!(message, "the server redirects more than 5 times");
    assert_eq!(server.asked().len(), 6);
    let server = Server::start(vec![redirect("302 Found", "http://localhost:99999/x")]);
    let message = fetched(&server).1.unwrap_err().to_string();
    assert!(message.ends_with("`99999` is not a port; ports are numbers from 1 to 65535"), "{message}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn the_address_of_a_server_may_be_ipv6() {
    // Without IPv6 there is nothing to connect to; that such URLs are valid is tested with the others.
    let Ok(listener) = TcpListener::bind("[::1]:0") else { return };
    let server = Server::listen(listener, vec![whole("\"a\"", 240_000)]);
    assert!(server.url.starts_with("http://[::1]:"), "{}", server.url);
    let (bytes, result) = fetched(&server);
    result.unwrap();
    assert!(bytes == file());
    let asked = server.asked();
    assert_eq!(header(&asked[0], "host"), server.url.strip_prefix("http://"));
}

/// The end of such a file could be a lost connection.
#[test]
fn a_file_of_unknown_length_ends_where_it_ends_twice() {
    let unknown = |to| answer("HTTP/1.0 200 OK", 0, to);
    let server = Server::start(vec![unknown(240_000), unknown(240_000)]);
    let (bytes, result) = fetched(&server);
    result.unwrap();
    assert!(bytes == file());
    let server = Server::start(vec![unknown(100_000), unknown(90_000), part("\"a\"", 99_996, 240_000)]);
    let (bytes, result) = fetched(&server);
    result.unwrap();
    assert!(bytes == file());
    // In chunks, it is not.
    let server = Server::start(vec![content().chunked(240_000, true)]);
    let (bytes, result) = fetched(&server);
    result.unwrap();
    assert!(bytes == file());
    let server = Server::start(vec![content().chunked(100_000, false), content().chunked(240_000, true)]);
    let (bytes, result) = fetched(&server);
    result.unwrap();
    assert!(bytes == file());
}

#[test]
fn once_the_update_is_complete_nothing_more_is_asked_for() {
    let longer = "HTTP/1.1 200 OK\nContent-Length: 240010";
    let silent = || answer(longer, 0, 240_000).hanging();
    for first in [answer("HTTP/1.0 200 OK", 0, 240_000), answer(longer, 0, 240_000), silent()] {
        let server = Server::start(vec![first, whole("\"a\"", 240_000)]);
        let url = Url::parse(&server.file()).unwrap();
        let mut download = Download::open(&url, RETRY, server.clock.patience()).unwrap();
        let mut bytes = vec![0; 1000];
        download.read_exact(&mut bytes).unwrap();
        download.expect(240_000);
        download.read_to_end(&mut bytes).unwrap();
        assert!(bytes == file());
        assert_eq!(server.asked().len(), 1);
    }
}

#[test]
fn a_stalled_download_is_resumed_and_ends_at_once_if_the_command_is_to_stop() {
    let server = Server::start(vec![
        Answer::bytes(Vec::new()).hanging(),
        Answer::bytes(b"HTTP/1.1 200 OK\r\nContent-".to_vec()).hanging(),
        whole("\"a\"", 100_000).hanging(),
        part("\"a\"", 99_996, 240_000),
    ]);
    let (bytes, result) = fetched(&server);
    result.unwrap();
    assert!(bytes == file());
    assert_eq!(server.clock.pauses(), [1, 2, 1]);
    let stalled = || (0..3).map(|_| whole("\"a\"", 0).hanging()).collect();
    let server = Server::start(stalled());
    let message = fetched(&server).1.unwrap_err().to_string();
    assert_eq!(message, "nothing arrived for 60 s; gave up after 3 attempts");
    let server = Server::start(stalled());
    server.clock.stops.store(true, Ordering::SeqCst);
    fetched(&server).1.unwrap_err();
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_download_that_only_trickles_is_interrupted() {
    // More answers than requests: one that is given up before the server gets to run costs an answer, too.
    let server = Server::start((0..9).map(|_| whole("\"a\"", 240_000).trickling()).collect());
    let patience = Patience { least: 1 << 20, ..server.clock.patience() };
    let url = Url::parse(&server.file()).unwrap();
    let mut bytes = Vec::new();
    let result = Download::open(&url, RETRY, patience).and_then(|mut file| file.read_to_end(&mut bytes));
    let message = result.unwrap_err().to_string();
    // A server that does not get to run for a moment is silent.
    assert!(
        message.contains(" arrived ") && message.ends_with(" 60 s; gave up after 3 attempts"),
        "{message}"
    );
    assert!((1..=3).contains(&server.asked().len()));
}
