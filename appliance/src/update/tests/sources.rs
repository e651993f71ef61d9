//! What an installation makes of its source: of web servers as they are, and of the same update through a file, a pipe and
//! a URL.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use firmware::slot::Slot;
use firmware::state::Mark;

use super::bench::{Bench, Recorder};
use super::bundles::{bundle, first_chunk, image};
use super::web_server::{Answer, Asked, Content, Server, TestClock, header};
use crate::update::error::UpdateError;
use crate::update::exit_code::ExitCode;
use crate::update::install::{Request, install};
use crate::update::pipe::Pipe;
use crate::update::source::Source;
use crate::update::stream::Stream;
use crate::update::watch::Patience;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;

/// Installs from what `open` opens, and checks that the card is as the exit code says. Returns the code and the message.
fn installed<S: Stream>(open: impl FnOnce() -> Result<S, UpdateError>) -> (u8, String) {
    let unit = Bench::new(&image("1.0.0"), &image("0.9.0"));
    let result = install(&unit, Request::default(), open, &mut Recorder::default());
    let (code, message) = match result {
        Ok(report) => (ExitCode::Done, format!("installed {}", report.version)),
        Err(error) => (error.code(), error.to_string()),
    };
    let state = unit.boot_state();
    match code.number() {
        0 => assert!(unit.holds(TWO, &image("1.1.0")) && unit.start() == Some(TWO)),
        50.. => assert!(state.mark(TWO) == Mark::Bad && unit.start() == Some(ONE), "{message}"),
        _ => assert!(unit.holds(TWO, &image("0.9.0")) && unit.start() == Some(ONE), "{message}"),
    }
    (code.number(), message)
}

/// Installs from a URL, as the command line does.
fn installed_from(url: &str, patience: Patience) -> (u8, String) {
    let source = Source::from_word(url.into()).unwrap();
    installed(|| source.open(patience))
}

/// An update of which every server here has a copy.
struct Update {
    content: Content,
    length: usize,
    middle: usize,
}

/// What a server answers, and the exit code of an installation from it.
type Row = (&'static str, u8, Vec<Answer>);

impl Update {
    fn new() -> Self {
        let bytes = bundle(&image("1.1.0"));
        let (length, middle) = (bytes.len(), usize::midpoint(first_chunk(&bytes), bytes.len()));
        Self { content: Content::new(bytes), length, middle }
    }

    fn whole(&self) -> Answer {
        self.content.whole("\"a\"", self.length)
    }

    /// The first answer of most servers: it breaks in the middle.
    fn broken(&self) -> Answer {
        self.content.whole("\"a\"", self.middle)
    }

    /// The same, from a server that says nothing about the file.
    fn broken_without_tag(&self) -> Answer {
        self.content.answer(&format!("HTTP/1.1 200 OK\nContent-Length: {}", self.length), 0, self.middle)
    }

    /// Where the second request starts.
    fn resumed(&self) -> usize {
        self.middle - 1024
    }

    /// The rest, as it was asked for.
    fn rest(&self) -> Answer {
        self.content.part("\"a\"", self.resumed(), self.length)
    }

    /// A part of the file that is no longer than this.
    fn part(&self, from: usize, to: usize) -> Answer {
        let (length, all) = (to - from, self.length);
        let head = format!(
            "HTTP/1.1 206 Partial Content\nContent-Length: {length}\nContent-Range: bytes {from}-{}/{all}",
            to - 1
        );
        self.content.answer(&head, from, to)
    }

    /// What serves.
    fn good(&self) -> Vec<Row> {
        let Self { content, length, middle } = self;
        let (length, middle, resumed) = (*length, *middle, self.resumed());
        let busy = |status: &str| Answer::head(&format!("HTTP/1.1 {status}\nContent-Length: 0"));
        let old = "HTTP/1.0 200 OK";
        vec![
            ("a server as it should be", 0, vec![self.whole()]),
            ("a connection that breaks", 0, vec![self.broken(), self.rest()]),
            ("one that ignores the range", 0, vec![self.broken(), self.broken(), self.whole()]),
            ("a part that starts earlier", 0, vec![self.broken(), content.part("\"a\"", 100, length)]),
            (
                "a part that starts a little later",
                0,
                vec![self.broken(), content.part("\"a\"", resumed + 1000, length)],
            ),
            (
                "parts that are shorter",
                0,
                vec![
                    self.broken(),
                    self.part(resumed, middle + 20_000),
                    self.part(middle + 18_976, middle + 40_000),
                    self.part(middle + 38_976, length),
                ],
            ),
            ("no length", 0, vec![content.answer("HTTP/1.1 200 OK\nConnection: close", 0, length)]),
            ("chunks", 0, vec![content.chunked(length, true)]),
            ("chunks that break", 0, vec![content.chunked(middle, false), self.rest()]),
            (
                "HTTP/1.0 that breaks",
                0,
                vec![content.answer(&format!("{old}\nContent-Length: {length}"), 0, middle), self.rest()],
            ),
            ("HTTP/1.0 without a length that breaks", 0, vec![content.answer(old, 0, middle), self.rest()]),
            (
                "HTTP/1.0 without a length that breaks in the manifest",
                0,
                vec![content.answer(old, 0, 2000), self.part(976, length)],
            ),
            (
                "HTTP/1.0 without a length or ranges",
                0,
                vec![content.answer(old, 0, middle), content.answer(old, 0, length)],
            ),
            (
                "a length that is too large",
                0,
                vec![content.answer(&format!("{old}\nContent-Length: {}", length + 10), 0, length)],
            ),
            (
                "503, 408 and 429 for a while",
                0,
                vec![
                    busy("503 Service Unavailable"),
                    busy("408 Request Timeout"),
                    busy("429 Too Many Requests"),
                    self.whole(),
                ],
            ),
            ("a stall", 0, vec![self.broken().hanging(), self.rest()]),
        ]
    }

    /// What does not: answers, length, and encoding.
    fn bad(&self) -> Vec<Row> {
        let Self { content, length, middle } = self;
        let (length, middle, resumed) = (*length, *middle, self.resumed());
        let no = |status: &str| Answer::head(&format!("HTTP/1.1 {status}\nContent-Length: 0"));
        let times = |n: usize, answer: &dyn Fn() -> Answer| (0..n).map(|_| answer()).collect::<Vec<_>>();
        let slice = format!("HTTP/1.1 200 OK\nContent-Length: {}", length - resumed);
        let gzip = format!("HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: {length}");
        let short = format!("HTTP/1.1 200 OK\nContent-Length: {middle}");
        // Its end is believed the second time.
        let page =
            || Answer::bytes(b"HTTP/1.1 200 OK\r\nServer: portal\r\n\r\n<html>Log in to go on".to_vec());
        let byte_by_byte = (0..9).map(|byte| {
            let at = middle + byte;
            content.part("\"a\"", at.saturating_sub(1024), at + 1)
        });
        vec![
            ("404", 27, vec![no("404 Not Found"), self.whole()]),
            ("404 later", 51, vec![self.broken(), no("404 Not Found"), self.rest()]),
            ("416", 51, vec![self.broken(), no("416 Range Not Satisfiable"), self.rest()]),
            ("503 for ever", 27, times(9, &|| no("503 Service Unavailable"))),
            (
                "503 for ever, later",
                51,
                [self.broken()].into_iter().chain(times(9, &|| no("503 Service Unavailable"))).collect(),
            ),
            (
                "a stall for ever",
                27,
                times(9, &|| Answer::head("HTTP/1.1 200 OK\nContent-Length: 9").hanging()),
            ),
            ("no answer", 27, times(9, &|| Answer::bytes(Vec::new()))),
            ("no HTTP", 27, times(9, &|| Answer::bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()))),
            ("one byte an answer", 51, [self.broken()].into_iter().chain(byte_by_byte).collect()),
            (
                "a 200 that is only the slice",
                51,
                vec![self.broken(), content.answer(&slice, resumed, length)],
            ),
            (
                "a 200 of no length that is only the slice",
                51,
                vec![self.broken(), content.answer("HTTP/1.0 200 OK", resumed, length)],
            ),
            ("a length that is too small", 51, vec![content.answer(&short, 0, length), self.rest()]),
            ("gzip", 27, vec![content.answer(&gzip, 0, length), self.whole()]),
            ("gzip later", 51, vec![self.broken(), content.answer(&gzip, 0, length), self.rest()]),
            ("a page instead of the file", 20, times(2, &page)),
        ]
    }

    /// What does not: another file, or false bytes.
    fn false_bytes(&self) -> Vec<Row> {
        let (length, resumed) = (self.length, self.resumed());
        let other = Content::new(self.content.0.iter().map(|byte| byte ^ 0x55).collect());
        let longer = Content::new([&self.content.0[..], b"more"].concat());
        let mut flipped = self.content.0.to_vec();
        flipped[length - 9] ^= 1;
        let flipped = Content::new(flipped);
        let dated = |content: &Content, day: u8, to: usize| {
            let date = format!("Last-Modified: Sun, {day} Nov 2026 05:00:00 GMT");
            content.answer(&format!("HTTP/1.1 200 OK\nContent-Length: {length}\n{date}"), 0, to)
        };
        let broken = || self.broken_without_tag();
        vec![
            ("another file, by its tag", 51, vec![self.broken(), other.whole("\"b\"", length)]),
            ("another part, by its tag", 51, vec![self.broken(), other.part("\"b\"", resumed, length)]),
            (
                "another file, by its date",
                51,
                vec![dated(&self.content, 22, self.middle), dated(&other, 23, length)],
            ),
            ("another file, by its length", 51, vec![broken(), longer.whole("\"b\"", length)]),
            ("another file, by its bytes", 51, vec![broken(), dated(&other, 23, length)]),
            ("another part, by its bytes", 51, vec![broken(), other.part("\"b\"", resumed, length)]),
            (
                "a part that is not where it claims to be",
                51,
                vec![
                    broken(),
                    self.content.answer(
                        &format!(
                            "HTTP/1.1 206 Partial Content\nContent-Range: bytes {resumed}-{}/{length}",
                            length - 1
                        ),
                        0,
                        length - resumed,
                    ),
                ],
            ),
            ("a false byte", 50, vec![flipped.whole("\"a\"", length)]),
            ("a false byte after a break", 50, vec![broken(), flipped.part("\"a\"", resumed, length)]),
        ]
    }
}

/// Installs from each server; returns what came of it.
fn outcomes(rows: Vec<Row>) -> String {
    let mut out = String::new();
    for (name, code, answers) in rows {
        let server = Server::start(answers);
        let (found, message) = installed_from(&server.file(), server.clock.patience());
        let message = message.replace(&server.url, "http://server").replace('\n', "\n     ");
        assert_eq!(found, code, "{name}: {message}");
        let (requests, pauses) = (server.asked().len(), server.clock.pauses());
        let _ = writeln!(out, "{name}: {requests} requests, pauses {pauses:?}\n  {code:2} {message}");
    }
    out
}

#[test]
fn servers_as_they_are_serve() {
    insta::assert_snapshot!(outcomes(Update::new().good()));
}

#[test]
fn a_server_that_does_not_serve_is_named_as_the_culprit() {
    let update = Update::new();
    let rows = update.bad().into_iter().chain(update.false_bytes()).collect();
    insta::assert_snapshot!(outcomes(rows));
}

#[test]
fn a_port_that_is_none_is_refused_before_anybody_is_asked() {
    for port in ["99999", "abc"] {
        let refused = Source::from_word(format!("http://127.0.0.1:{port}/x.fw").into()).unwrap_err();
        assert!(refused.contains(&format!("`{port}` is not a port")), "{refused}");
    }
}

/// How a server sends a file.
#[derive(Clone, Copy, Debug)]
enum Way {
    Length,
    Chunks,
    UntilTheEnd,
}

/// A server with this file that does ranges.
fn site(file: &[u8], way: Way) -> Server {
    let file = file.to_vec();
    Server::site(move |asked: &Asked| {
        let from = header(asked, "range")
            .map(|range| range.trim_start_matches("bytes=").trim_end_matches('-').parse::<usize>().unwrap());
        let body = file.get(from.unwrap_or(0)..).filter(|body| from.is_none() || !body.is_empty());
        let Some(body) = body else {
            return format!("HTTP/1.1 416 No\r\nContent-Range: bytes */{}\r\n\r\n", file.len()).into_bytes();
        };
        let status = from.map_or("HTTP/1.1 200 OK\r\n".to_owned(), |from| {
            let (last, all) = (file.len() - 1, file.len());
            format!("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{last}/{all}\r\n")
        });
        let (framing, head, tail) = match way {
            Way::Length => (format!("Content-Length: {}\r\n\r\n", body.len()), String::new(), ""),
            Way::UntilTheEnd => ("Connection: close\r\n\r\n".to_owned(), String::new(), ""),
            Way::Chunks if body.is_empty() => {
                ("Transfer-Encoding: chunked\r\n\r\n".to_owned(), "0\r\n\r\n".to_owned(), "")
            }
            Way::Chunks => (
                "Transfer-Encoding: chunked\r\n\r\n".to_owned(),
                format!("{:x}\r\n", body.len()),
                "\r\n0\r\n\r\n",
            ),
        };
        [status.as_bytes(), framing.as_bytes(), head.as_bytes(), body, tail.as_bytes()].concat()
    })
}

/// A pipe that is fed these bytes and ends.
fn pipe(bytes: &[u8]) -> File {
    let (read, mut write) = io::pipe().unwrap();
    let bytes = bytes.to_vec();
    std::thread::spawn(move || drop(write.write_all(&bytes)));
    File::from(OwnedFd::from(read))
}

#[test]
fn the_same_bytes_give_the_same_answer_through_file_pipe_and_url() {
    let good = bundle(&image("1.1.0"));
    let (chunks, end) = (first_chunk(&good), good.len());
    let mut flipped = good.clone();
    flipped[usize::midpoint(chunks, end)] ^= 1;
    let followed = |more: usize| [&good[..], &vec![7; more]].concat();
    let table: [(&str, u8, Vec<u8>); 13] = [
        ("the update", 0, good.clone()),
        ("nothing", 22, Vec::new()),
        ("three bytes", 22, good[..3].to_vec()),
        ("half a header", 22, good[..20].to_vec()),
        ("half a manifest", 22, good[..chunks / 2].to_vec()),
        ("all but the last byte of the signature", 22, good[..chunks - 1].to_vec()),
        ("no chunk", 51, good[..chunks].to_vec()),
        ("half of the chunks", 51, good[..usize::midpoint(chunks, end)].to_vec()),
        ("all but the last byte", 51, good[..end - 1].to_vec()),
        ("a byte too many", 50, followed(1)),
        ("much too much", 50, followed(100_000)),
        ("twice", 50, good.repeat(2)),
        ("a flipped bit", 50, flipped),
    ];
    let mut out = String::new();
    for (name, code, bytes) in table {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.fw");
        std::fs::write(&path, &bytes).unwrap();
        let clock = Arc::new(TestClock::default());
        let by_file = installed(|| Source::File(path).open(clock.patience()));
        assert_eq!(by_file.0, code, "{name}: {}", by_file.1);
        let by_pipe = installed(|| Ok(Pipe::new(pipe(&bytes), clock.patience())));
        assert_eq!(by_pipe, by_file, "{name}");
        for way in [Way::Length, Way::Chunks, Way::UntilTheEnd] {
            let server = site(&bytes, way);
            let by_url = installed_from(&server.file(), server.clock.patience());
            assert_eq!(by_url, by_file, "{name}, {way:?}");
        }
        let _ = writeln!(out, "{name}\n  {code:2} {}", by_file.1.replace('\n', "\n     "));
    }
    insta::assert_snapshot!(out);
}

/// A pipe that is fed these bytes and does not end, and a clock that runs.
fn silent_pipe(bytes: &[u8]) -> (Pipe, io::PipeWriter) {
    let (read, mut write) = io::pipe().unwrap();
    // It fits into the pipe, so that it is there before the clock runs.
    write.write_all(bytes).unwrap();
    let clock = Arc::new(TestClock::default());
    clock.runs.store(true, Ordering::SeqCst);
    (Pipe::new(File::from(OwnedFd::from(read)), clock.patience()), write)
}

#[test]
fn a_pipe_that_goes_silent_is_interrupted() {
    let good = bundle(&image("1.1.0"));
    let chunks = first_chunk(&good);
    for (sent, code) in [(0, 27), (5, 27), (chunks, 51), (chunks + 20_000, 51)] {
        let (pipe, writer) = silent_pipe(&good[..sent]);
        let (found, message) = installed(|| Ok(pipe));
        assert_eq!(found, code, "{sent} bytes: {message}");
        assert!(message.contains("nothing arrived for 60 s"), "{message}");
        drop(writer);
    }
}

/// As `nc` without `-N` does at the end of its input.
#[test]
fn a_pipe_that_stays_open_after_the_update_does_not_prevent_it() {
    let good = bundle(&image("1.1.0"));
    let (read, mut write) = io::pipe().unwrap();
    let clock = Arc::new(TestClock::default());
    let (bytes, starts) = (good.clone(), Arc::clone(&clock));
    let sender = std::thread::spawn(move || {
        write.write_all(&bytes).unwrap();
        starts.runs.store(true, Ordering::SeqCst);
        write
    });
    let (code, message) = installed(|| Ok(Pipe::new(File::from(OwnedFd::from(read)), clock.patience())));
    assert_eq!(code, 0, "{message}");
    drop(sender.join().unwrap());
}
