//! An update over plain HTTP, as a stream that goes on where a broken connection left it.
//!
//! Nothing that comes over the network is believed: the bundle is signed. A server is only held to give the same file
//! after a break, so that a mixture is told as what it is and not as damage. TLS would add nothing but a megabyte of code.

use std::io::{self, Error, ErrorKind, Read};
use std::time::Duration;

use ureq::http::header::{self, HeaderName};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body, BodyReader};

/// How often, and how long apart, a lost connection is tried again.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Tries in a row that bring nothing.
    pub tries: u32,
    /// The pause before the second of them; each further one is twice as long.
    pub pause: Duration,
    /// How long a silent server is listened to.
    pub silence: Duration,
}

/// For a unit that hangs on a DSL line: half a minute without it is nothing special.
pub const PATIENCE: Patience =
    Patience { tries: 6, pause: Duration::from_secs(1), silence: Duration::from_secs(60) };

/// Bytes of the buffers of a connection.
const BUFFER: usize = 32 << 10;

/// A file on a web server.
pub struct Download {
    agent: Agent,
    url: String,
    patience: Patience,
    body: Option<BodyReader<'static>>,
    /// Bytes that were handed out.
    position: u64,
    /// Which file it is, as the first answer tells.
    identity: Identity,
}

/// What a server tells of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Identity {
    length: Option<u64>,
    tag: Option<String>,
    modified: Option<String>,
}

/// Why there is no answer to go on with.
enum Refusal {
    /// It may be there next time.
    Now(String),
    /// It will not.
    Final(String),
}

impl Download {
    /// Asks for the file.
    ///
    /// # Errors
    /// The server does not give it.
    pub fn open(url: &str, patience: Patience) -> io::Result<Self> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent("sluice")
            // Each byte counts here, and a bundle is compressed already.
            .accept_encoding("identity")
            .max_idle_connections(0)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .timeout_connect(Some(patience.silence))
            .timeout_recv_response(Some(patience.silence))
            .timeout_per_read(Some(patience.silence));
        let agent = Agent::new_with_config(config.build());
        let (body, position, identity) = (None, 0, Identity::default());
        let mut download = Self { agent, url: url.to_owned(), patience, body, position, identity };
        download.connect()?;
        Ok(download)
    }

    /// Gets a stream that goes on at `position`.
    fn connect(&mut self) -> io::Result<()> {
        let mut pause = self.patience.pause;
        let mut last = String::new();
        for attempt in 0..self.patience.tries {
            if attempt > 0 {
                std::thread::sleep(pause);
                pause *= 2;
            }
            match self.ask() {
                Ok(body) => {
                    self.body = Some(body);
                    return Ok(());
                }
                Err(Refusal::Final(reason)) => return Err(Error::other(reason)),
                Err(Refusal::Now(reason)) => last = reason,
            }
        }
        Err(Error::other(format!("{last}; given up after {} tries", self.patience.tries)))
    }

    /// Asks once for what is behind `position`.
    fn ask(&mut self) -> Result<BodyReader<'static>, Refusal> {
        let mut request = self.agent.get(&self.url);
        if self.position > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", self.position));
            if let Some(validator) = self.identity.validator() {
                request = request.header(header::IF_RANGE, validator);
            }
        }
        let answer = request.call().map_err(refusal)?;
        let status = answer.status();
        let skip = match status {
            StatusCode::OK => self.position,
            StatusCode::PARTIAL_CONTENT if self.position > 0 => {
                let range = content_range(&answer);
                let (from, _) = range
                    .ok_or_else(|| Refusal::Final("the server sends a part and does not say which".into()))?;
                // A server may begin earlier, and what it has sent before is passed over.
                self.position.checked_sub(from).ok_or_else(|| {
                    Refusal::Final(format!(
                        "the server sends from byte {from} on, asked for was {}",
                        self.position
                    ))
                })?
            }
            _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(Refusal::Now(format!("the server says {status}")));
            }
            _ => return Err(Refusal::Final(format!("the server says {status}"))),
        };
        let identity = Identity::of(&answer);
        if self.position == 0 {
            self.identity = identity;
        } else if !self.identity.may_be(&identity) {
            return Err(Refusal::Final("the file was changed on the server meanwhile; begin again".into()));
        }
        let mut body = answer.into_body().into_reader();
        match io::copy(&mut body.by_ref().take(skip), &mut io::sink()) {
            Ok(skipped) if skipped == skip => Ok(body),
            Ok(_) => Err(Refusal::Now("the connection was lost".into())),
            Err(error) => Err(Refusal::Now(error.to_string())),
        }
    }

    fn is_complete(&self) -> bool {
        self.identity.length.is_none_or(|length| self.position >= length)
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Each turn but the last one ends in a new connection that gave nothing, of which there are only so many.
        for _ in 0..=self.patience.tries {
            let Some(body) = &mut self.body else { break };
            match body.read(buffer) {
                Ok(0) if !buffer.is_empty() && !self.is_complete() => {}
                Ok(bytes) => {
                    self.position += bytes as u64;
                    return Ok(bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                Err(_) => {}
            }
            self.body = None;
            self.connect()?;
        }
        Err(Error::other(format!("the connection broke {} times in a row", self.patience.tries + 1)))
    }
}

impl Identity {
    fn of(answer: &Response<Body>) -> Self {
        let length = match answer.status() {
            StatusCode::PARTIAL_CONTENT => content_range(answer).and_then(|(_, length)| length),
            _ => answer.body().content_length(),
        };
        Self { length, tag: text(answer, header::ETAG), modified: text(answer, header::LAST_MODIFIED) }
    }

    /// What `If-Range` takes: no weak tag (RFC 9110, 13.1.5).
    fn validator(&self) -> Option<&str> {
        let tag = self.tag.as_deref().filter(|tag| !tag.starts_with("W/"));
        tag.or(self.modified.as_deref())
    }

    /// Whether nothing that both tell differs.
    fn may_be(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> bool {
            a.is_none() || b.is_none() || a == b
        }
        agree(&self.length, &other.length)
            && agree(&self.tag, &other.tag)
            && agree(&self.modified, &other.modified)
    }
}

/// The first byte of a part, and the length of the whole: `bytes 500-999/1000` (RFC 9110, 14.4).
fn content_range(answer: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let range = text(answer, header::CONTENT_RANGE)?;
    let (range, length) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = range.split_once('-')?;
    Some((from.trim().parse().ok()?, length.trim().parse().ok()))
}

fn text(answer: &Response<Body>, name: HeaderName) -> Option<String> {
    answer.headers().get(name)?.to_str().ok().map(str::to_owned)
}

fn refusal(error: ureq::Error) -> Refusal {
    match error {
        ureq::Error::Io(_)
        | ureq::Error::Timeout(_)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Protocol(_) => Refusal::Now(error.to_string()),
        ureq::Error::TlsRequired | ureq::Error::Tls(_) => {
            Refusal::Final("the server wants TLS, which this unit does not speak".into())
        }
        error => Refusal::Final(error.to_string()),
    }
}
