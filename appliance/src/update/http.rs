//! An update over plain HTTP, as a stream that resumes after a lost connection.
//!
//! Nothing that comes over the network is trusted: the bundle is signed. A server only has to resume with the same file, so
//! that a mixture of two files is reported as such and not as damage. TLS would add nothing but a megabyte of code.

use std::io::{self, Error, ErrorKind, Read};
use std::time::Duration;

use ureq::http::header::{self, HeaderName};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body, BodyReader};

/// How often, and how long apart, a lost connection is retried.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// Attempts in a row that yield no data.
    pub attempts: u32,
    /// The pause before the second attempt; each further one is twice as long.
    pub pause: Duration,
    /// How long to wait for a silent server.
    pub timeout: Duration,
}

/// For a unit on a DSL line, where half a minute without a connection is not unusual.
pub const RETRY: Retry =
    Retry { attempts: 6, pause: Duration::from_secs(1), timeout: Duration::from_secs(60) };

/// Bytes of each buffer of a connection.
const BUFFER: usize = 32 << 10;

/// A file on a web server.
pub struct Download {
    agent: Agent,
    url: String,
    retry: Retry,
    body: Option<BodyReader<'static>>,
    /// The number of bytes handed out.
    position: u64,
    /// The file, as the first response describes it.
    identity: Identity,
}

/// What a server says about a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Identity {
    length: Option<u64>,
    tag: Option<String>,
    modified: Option<String>,
}

/// Why a request failed.
enum Failure {
    /// Another attempt may succeed.
    Temporary(String),
    /// No other attempt will.
    Permanent(String),
}

impl Download {
    /// Requests the file.
    ///
    /// # Errors
    /// The server does not send it.
    pub fn open(url: &str, retry: Retry) -> io::Result<Self> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent("sluice")
            // Positions are counted in bytes of the file, and a bundle is compressed already.
            .accept_encoding("identity")
            .max_idle_connections(0)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .timeout_connect(Some(retry.timeout))
            .timeout_recv_response(Some(retry.timeout))
            .timeout_per_read(Some(retry.timeout));
        let agent = Agent::new_with_config(config.build());
        let (body, position, identity) = (None, 0, Identity::default());
        let mut download = Self { agent, url: url.to_owned(), retry, body, position, identity };
        download.connect()?;
        Ok(download)
    }

    /// Opens a stream that starts at `position`.
    fn connect(&mut self) -> io::Result<()> {
        let mut pause = self.retry.pause;
        let mut last = String::new();
        for attempt in 0..self.retry.attempts {
            if attempt > 0 {
                std::thread::sleep(pause);
                pause *= 2;
            }
            match self.request() {
                Ok(body) => {
                    self.body = Some(body);
                    return Ok(());
                }
                Err(Failure::Permanent(reason)) => return Err(Error::other(reason)),
                Err(Failure::Temporary(reason)) => last = reason,
            }
        }
        Err(Error::other(format!("{last}; gave up after {} attempts", self.retry.attempts)))
    }

    /// Requests the rest of the file from `position` on, once.
    fn request(&mut self) -> Result<BodyReader<'static>, Failure> {
        let mut request = self.agent.get(&self.url);
        if self.position > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", self.position));
            if let Some(validator) = self.identity.validator() {
                request = request.header(header::IF_RANGE, validator);
            }
        }
        let response = request.call().map_err(failure)?;
        let status = response.status();
        let skip = match status {
            StatusCode::OK => self.position,
            StatusCode::PARTIAL_CONTENT if self.position > 0 => {
                let range = content_range(&response);
                let (from, _) = range.ok_or_else(|| {
                    Failure::Permanent("the server sent a part of the file and did not say which".into())
                })?;
                // A server may start earlier; what was already received is skipped.
                self.position.checked_sub(from).ok_or_else(|| {
                    Failure::Permanent(format!(
                        "the server resumed at byte {from} instead of {}",
                        self.position
                    ))
                })?
            }
            _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(Failure::Temporary(format!("the server answered {status}")));
            }
            _ => return Err(Failure::Permanent(format!("the server answered {status}"))),
        };
        let identity = Identity::of(&response);
        if self.position == 0 {
            self.identity = identity;
        } else if !self.identity.agrees_with(&identity) {
            return Err(Failure::Permanent(
                "the file changed on the server during the download\nhint: start again".into(),
            ));
        }
        let mut body = response.into_body().into_reader();
        match io::copy(&mut body.by_ref().take(skip), &mut io::sink()) {
            Ok(skipped) if skipped == skip => Ok(body),
            Ok(_) => Err(Failure::Temporary("the connection was lost".into())),
            Err(error) => Err(Failure::Temporary(error.to_string())),
        }
    }

    fn is_complete(&self) -> bool {
        self.identity.length.is_none_or(|length| self.position >= length)
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Each round but the last ends with a new connection that yielded no data; their number is limited.
        for _ in 0..=self.retry.attempts {
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
        Err(Error::other(format!("the connection was lost {} times in a row", self.retry.attempts + 1)))
    }
}

impl Identity {
    fn of(response: &Response<Body>) -> Self {
        let length = match response.status() {
            StatusCode::PARTIAL_CONTENT => content_range(response).and_then(|(_, length)| length),
            _ => response.body().content_length(),
        };
        Self { length, tag: text(response, header::ETAG), modified: text(response, header::LAST_MODIFIED) }
    }

    /// The validator for `If-Range`, which must not be a weak tag (RFC 9110, 13.1.5).
    fn validator(&self) -> Option<&str> {
        let tag = self.tag.as_deref().filter(|tag| !tag.starts_with("W/"));
        tag.or(self.modified.as_deref())
    }

    /// Whether everything that both responses state agrees.
    fn agrees_with(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> bool {
            a.is_none() || b.is_none() || a == b
        }
        agree(&self.length, &other.length)
            && agree(&self.tag, &other.tag)
            && agree(&self.modified, &other.modified)
    }
}

/// The first byte of a part, and the length of the whole: `bytes 500-999/1000` (RFC 9110, 14.4).
fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let range = text(response, header::CONTENT_RANGE)?;
    let (range, length) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = range.split_once('-')?;
    Some((from.trim().parse().ok()?, length.trim().parse().ok()))
}

fn text(response: &Response<Body>, name: HeaderName) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

fn failure(error: ureq::Error) -> Failure {
    match error {
        ureq::Error::Io(_)
        | ureq::Error::Timeout(_)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Protocol(_) => Failure::Temporary(error.to_string()),
        ureq::Error::TlsRequired | ureq::Error::Tls(_) => {
            Failure::Permanent("the server requires TLS, which this unit does not support".into())
        }
        error => Failure::Permanent(error.to_string()),
    }
}
