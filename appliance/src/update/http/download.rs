//! A file on a web server, read as one stream over as many connections as that takes.

use std::io::{self, Error, ErrorKind, Read};

use ureq::http::{Response, header};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};
use ureq::{Agent, Body, BodyReader};

use super::answer::{Answer, Asked, Failure, Identity, slice, text};
use super::retry::{Attempts, Retry};
use super::tail::{Continuation, Tail};
use super::transport::Watcher;
use super::url::Url;
use crate::update::stream::Stream;
use crate::update::watch::Patience;

/// Bytes of each buffer of a connection.
const BUFFER: usize = 32 << 10;

/// Redirects that one request follows.
const REDIRECTS: usize = 5;

/// A download.
pub struct Download {
    agent: Agent,
    url: Url,
    retry: Retry,
    patience: Patience,
    attempts: Attempts,
    body: Option<BodyReader<'static>>,
    /// Whether the end of the body can be told from a lost connection.
    ends_visibly: bool,
    /// Where a body ended whose end could have been a lost connection.
    ended_at: Option<u64>,
    /// The number of bytes handed out, and the last of them.
    position: u64,
    tail: Tail,
    /// The file, as the first answer describes it.
    identity: Identity,
    /// The length of the update, once it is known.
    expected: Option<u64>,
}

impl Download {
    /// Requests the file.
    ///
    /// # Errors
    /// The server does not send it.
    pub fn open(url: &Url, retry: Retry, patience: Patience) -> io::Result<Self> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent("sluice")
            // Positions are counted in bytes of the file, and a bundle is compressed already.
            .accept_encoding("identity")
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .timeout_connect(Some(patience.limit));
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(TcpConnector::default())
                .chain(Watcher(patience.clone()));
        let mut download = Self {
            agent: Agent::with_parts(config.build(), connector, DefaultResolver::default()),
            url: url.clone(),
            retry,
            patience,
            attempts: Attempts::new(retry),
            body: None,
            ends_visibly: false,
            ended_at: None,
            position: 0,
            tail: Tail::new(retry.overlap),
            identity: Identity::default(),
            expected: None,
        };
        download.connect()?;
        Ok(download)
    }

    /// Opens a body that starts at the position, in as many attempts as are allowed.
    fn connect(&mut self) -> io::Result<()> {
        self.body = None;
        loop {
            match self.request() {
                Ok(body) => {
                    self.body = Some(body);
                    return Ok(());
                }
                Err(Failure::Permanent(reason)) => return Err(Error::other(reason)),
                Err(Failure::Temporary(reason)) => self.pause(&reason)?,
            }
        }
    }

    /// Pauses after an interruption, unless there were too many.
    fn pause(&mut self, reason: &str) -> io::Result<()> {
        let pause = self.attempts.interrupted(self.position).ok_or_else(|| {
            Error::other(format!("{reason}; gave up after {} attempts", self.retry.attempts))
        })?;
        self.patience.clock.sleep(pause);
        match self.patience.clock.is_stopped() {
            true => Err(Error::other(reason)),
            false => Ok(()),
        }
    }

    /// Requests the rest of the file from the position on, once.
    fn request(&mut self) -> Result<BodyReader<'static>, Failure> {
        let asked = Asked { from: self.position - self.tail.len(), position: self.position };
        let Answer { from, identity, ends_visibly, mut body } =
            Answer::of(self.follow(asked)?, asked, &self.identity)?;
        if self.position == 0 {
            self.identity = identity;
        } else {
            self.identity.length = self.identity.length.or(identity.length);
        }
        self.ends_visibly = ends_visibly;
        let continuation = self
            .tail
            .skip_in(&mut body, from, self.position)
            .map_err(|error| Failure::Temporary(lost(&error)))?;
        match continuation {
            Continuation::Same => Ok(body),
            Continuation::Short => Err(Failure::Temporary("the connection was lost".to_owned())),
            Continuation::Slice => Err(Failure::Permanent(slice(asked))),
            Continuation::Different => Err(Failure::Permanent(format!(
                "the server resumed with other bytes than it had sent before byte {}: the file was replaced, or the server sends another \
                 part than it states",
                self.position
            ))),
        }
    }

    /// Sends one request, and those that it is redirected to.
    fn follow(&self, asked: Asked) -> Result<Response<Body>, Failure> {
        let mut url = self.url.clone();
        for _ in 0..=REDIRECTS {
            let mut request = self.agent.get(url.to_string());
            if asked.from > 0 {
                request = request.header(header::RANGE, format!("bytes={}-", asked.from));
                if let Some(validator) = self.identity.validator() {
                    request = request.header(header::IF_RANGE, validator);
                }
            }
            let response = request.call().map_err(failure)?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let location = text(&response, header::LOCATION).ok_or_else(|| {
                Failure::Permanent(format!(
                    "the server answered {} and did not say where the file is",
                    response.status()
                ))
            })?;
            url = url.join(location.trim()).map_err(Failure::Permanent)?;
        }
        Err(Failure::Permanent(format!("the server redirects more than {REDIRECTS} times")))
    }

    /// Whether the whole update has arrived.
    fn is_complete(&self) -> bool {
        self.expected.is_some_and(|expected| self.position >= expected)
    }

    /// Whether a body that ended here ends the file. An end that could be a lost connection is believed the second time.
    fn is_end(&mut self) -> bool {
        match self.identity.length {
            Some(length) => self.position >= length,
            None => self.ends_visibly || self.ended_at.replace(self.position) == Some(self.position),
        }
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(body) = &mut self.body else {
                return Err(Error::other("the download has failed before"));
            };
            let reason = match body.read(buffer) {
                Ok(0) if self.is_complete() || self.is_end() => return Ok(0),
                Ok(0) => match self.identity.length.filter(|_| self.ends_visibly) {
                    Some(length) => {
                        format!("the server sent only {} of {length} bytes", self.position)
                    }
                    None => "the connection was lost".to_owned(),
                },
                Ok(bytes) => {
                    self.position += bytes as u64;
                    self.tail.push(&buffer[..bytes]);
                    return Ok(bytes);
                }
                Err(_) if self.is_complete() => return Ok(0),
                Err(error) => lost(&error),
            };
            self.body = None;
            self.pause(&reason)?;
            self.connect()?;
        }
    }
}

impl Stream for Download {
    fn expect(&mut self, bytes: u64) {
        self.expected = Some(bytes);
    }
}

/// What to say of a body that could not be read on.
fn lost(error: &Error) -> String {
    match error.kind() {
        ErrorKind::TimedOut => error.to_string(),
        _ => "the connection was lost".to_owned(),
    }
}

fn failure(error: ureq::Error) -> Failure {
    match error {
        ureq::Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Failure::Temporary("the server closed the connection without an answer".to_owned())
        }
        ureq::Error::Io(error) => Failure::Temporary(error.to_string()),
        ureq::Error::Timeout(_) => {
            Failure::Temporary("the server did not accept a connection in time".to_owned())
        }
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_) => {
            Failure::Temporary(error.to_string())
        }
        error => Failure::Permanent(error.to_string()),
    }
}
