//! A web server on the loopback that does with each connection what it is told, and the clock by which it is waited for.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::update::clock::Clock;
use crate::update::watch::Patience;

/// The request line and the header lines of one request, in lower case.
pub type Asked = Vec<String>;

/// What is sent to whoever asks so.
type Reply = Box<dyn Fn(&Asked) -> Vec<u8> + Send>;

/// What the server does with one connection.
pub struct Answer {
    bytes: Reply,
    pace: Pace,
}

/// How an answer is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// At once.
    Usual,
    /// At once, but then the connection does not end, and time passes.
    Hangs,
    /// Byte by byte, while time passes.
    Trickles,
}

impl Answer {
    /// These bytes, after which the connection ends.
    pub fn bytes(bytes: Vec<u8>) -> Self {
        Self { bytes: Box::new(move |_| bytes.clone()), pace: Pace::Usual }
    }

    /// These header lines and no body.
    pub fn head(head: &str) -> Self {
        Self::bytes(lines(head))
    }

    /// The same, but the connection does not end, and time passes.
    pub fn hanging(self) -> Self {
        Self { pace: Pace::Hangs, ..self }
    }

    /// The same byte by byte, while time passes.
    pub fn trickling(self) -> Self {
        Self { pace: Pace::Trickles, ..self }
    }
}

/// Header lines as they are sent, with the empty one.
fn lines(head: &str) -> Vec<u8> {
    let head = head.trim().lines().map(|line| format!("{}\r\n", line.trim())).collect::<String>();
    format!("{head}\r\n").into_bytes()
}

/// A file that a server has.
#[derive(Clone)]
pub struct Content(pub Arc<Vec<u8>>);

impl Content {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }

    /// An answer with these header lines and this range of the file.
    pub fn answer(&self, head: &str, from: usize, to: usize) -> Answer {
        Answer::bytes([&lines(head), &self.0[from..to]].concat())
    }

    /// The whole file; the connection ends at `to`.
    pub fn whole(&self, tag: &str, to: usize) -> Answer {
        self.answer(&format!("HTTP/1.1 200 OK\nContent-Length: {}\nETag: {tag}", self.0.len()), 0, to)
    }

    /// The rest of the file; the connection ends at `to`.
    pub fn part(&self, tag: &str, from: usize, to: usize) -> Answer {
        let (all, length) = (self.0.len(), self.0.len() - from);
        let range = format!("Content-Range: bytes {from}-{}/{all}", all - 1);
        let head = format!("HTTP/1.1 206 Partial Content\nContent-Length: {length}\n{range}\nETag: {tag}");
        self.answer(&head, from, to)
    }

    /// The file up to `to` in chunks; the last one says that it is the last if `is_whole`.
    pub fn chunked(&self, to: usize, is_whole: bool) -> Answer {
        let mut bytes = lines("HTTP/1.1 200 OK\nTransfer-Encoding: chunked");
        for chunk in self.0[..to].chunks(10_000) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        if is_whole {
            bytes.extend_from_slice(b"0\r\n\r\n");
        }
        Answer::bytes(bytes)
    }
}

/// A clock that stands still, except while the server makes others wait.
#[derive(Debug, Default)]
pub struct TestClock {
    time: Mutex<Duration>,
    pauses: Mutex<Vec<Duration>>,
    /// Whether half a minute passes at each look at the clock.
    pub runs: AtomicBool,
    /// Whether the command is told to stop as soon as the clock runs, and whether it was.
    pub stops: AtomicBool,
    stopped: AtomicBool,
}

impl TestClock {
    /// The pauses so far, in seconds.
    pub fn pauses(&self) -> Vec<u64> {
        self.pauses.lock().unwrap().iter().map(Duration::as_secs).collect()
    }

    /// The patience of a unit, by this clock, with a source that is slow but not silent.
    pub fn patience(self: &Arc<Self>) -> Patience {
        let clock = Arc::clone(self);
        Patience { clock, step: Duration::from_millis(5), least: 0, ..Patience::of_unit() }
    }
}

impl Clock for TestClock {
    fn now(&self) -> Duration {
        let mut time = self.time.lock().unwrap();
        if self.runs.load(Ordering::SeqCst) {
            *time += Duration::from_secs(30);
        }
        *time
    }
    fn sleep(&self, time: Duration) {
        self.pauses.lock().unwrap().push(time);
        // The next server is not to blame for the time that the last one took.
        self.runs.store(false, Ordering::SeqCst);
    }
    fn is_stopped(&self) -> bool {
        if self.stops.load(Ordering::SeqCst) && self.runs.load(Ordering::SeqCst) {
            self.stopped.store(true, Ordering::SeqCst);
        }
        self.stopped.load(Ordering::SeqCst)
    }
}

/// A server that was started.
pub struct Server {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// The clock of whoever waits for it.
    pub clock: Arc<TestClock>,
    asked: Receiver<Asked>,
}

impl Server {
    /// Serves one connection after the other, each with its answer, and refuses further ones.
    pub fn start(answers: Vec<Answer>) -> Self {
        Self::listen(TcpListener::bind(("127.0.0.1", 0)).unwrap(), answers)
    }

    /// The same at another address.
    pub fn listen(listener: TcpListener, answers: Vec<Answer>) -> Self {
        Self::run(listener, move |listener, sender, clock| {
            for answer in answers {
                let Ok((stream, _)) = listener.accept() else { return };
                serve(&stream, &answer, &sender, &clock);
            }
        })
    }

    /// Serves every connection with the answer that `answer` makes of the request.
    pub fn site(answer: impl Fn(&Asked) -> Vec<u8> + Send + 'static) -> Self {
        let answer = Answer { bytes: Box::new(answer), pace: Pace::Usual };
        Self::run(TcpListener::bind(("127.0.0.1", 0)).unwrap(), move |listener, sender, clock| {
            while let Ok((stream, _)) = listener.accept() {
                serve(&stream, &answer, &sender, &clock);
            }
        })
    }

    fn run(
        listener: TcpListener,
        work: impl FnOnce(TcpListener, Sender<Asked>, Arc<TestClock>) + Send + 'static,
    ) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, asked) = channel();
        let clock = Arc::new(TestClock::default());
        let theirs = Arc::clone(&clock);
        thread::spawn(move || work(listener, sender, theirs));
        Self { url, clock, asked }
    }

    /// The URL of the file.
    pub fn file(&self) -> String {
        format!("{}/sluice.fw", self.url)
    }

    /// The requests so far. All of them, if all answers were received.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.try_iter().collect()
    }
}

fn serve(stream: &TcpStream, answer: &Answer, sender: &Sender<Asked>, clock: &TestClock) {
    let lines = BufReader::new(stream).lines().map_while(io::Result::ok);
    let asked: Asked = lines.take_while(|line| !line.is_empty()).map(|line| line.to_lowercase()).collect();
    let bytes = (answer.bytes)(&asked);
    // Sent before the answer, so that the request can be read once the answer has arrived.
    let _ = sender.send(asked);
    let mut stream = stream;
    match answer.pace {
        Pace::Trickles => {
            clock.runs.store(true, Ordering::SeqCst);
            // Until whoever waits goes away.
            let _ = bytes.iter().try_for_each(|byte| stream.write_all(&[*byte]));
        }
        Pace::Usual | Pace::Hangs => drop(stream.write_all(&bytes)),
    }
    if answer.pace == Pace::Hangs {
        clock.runs.store(true, Ordering::SeqCst);
        // Until whoever waits goes away.
        let _ = stream.read(&mut [0]);
    }
}

/// A header of a request.
pub fn header<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    asked.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}
