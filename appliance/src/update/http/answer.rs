//! What a server answers, and whether that serves.

use ureq::http::header::{self, HeaderName};
use ureq::http::{Response, StatusCode, Version};
use ureq::{Body, BodyReader};

/// Why a request failed.
#[derive(Debug)]
pub enum Failure {
    /// Another attempt may succeed.
    Temporary(String),
    /// No other attempt will.
    Permanent(String),
}

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The first byte, or 0 for the whole file.
    pub from: u64,
    /// The byte from which on the file is needed.
    pub position: u64,
}

/// What a server says about a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The number of bytes.
    pub length: Option<u64>,
    tag: Option<String>,
    modified: Option<String>,
}

/// An answer that contains the file, or a part of it that serves.
pub struct Answer {
    /// The position of the first byte of `body` in the file.
    pub from: u64,
    /// The file.
    pub identity: Identity,
    /// Whether the end of `body` can be told from a lost connection.
    pub ends_visibly: bool,
    /// The bytes.
    pub body: BodyReader<'static>,
}

impl Answer {
    /// Checks an answer. `known` is the file of which the bytes before the position are.
    ///
    /// # Errors
    /// It does not serve.
    pub fn of(response: Response<Body>, asked: Asked, known: &Identity) -> Result<Self, Failure> {
        let identity = Identity::of(&response);
        let from = first_byte(&response, asked)?;
        check_encoding(&response)?;
        if asked.position > 0 {
            known.check(&identity, asked, response.status()).map_err(Failure::Permanent)?;
        }
        let is_chunked =
            response.version() == Version::HTTP_11 && text(&response, header::TRANSFER_ENCODING).is_some();
        let ends_visibly = is_chunked || response.body().content_length().is_some();
        Ok(Self { from, identity, ends_visibly, body: response.into_body().into_reader() })
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
    pub fn validator(&self) -> Option<&str> {
        let tag = self.tag.as_deref().filter(|tag| !tag.starts_with("W/"));
        tag.or(self.modified.as_deref())
    }

    /// Checks that `found`, of an answer with this status, can be the same file.
    fn check(&self, found: &Self, asked: Asked, status: StatusCode) -> Result<(), String> {
        fn differ<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> bool {
            a.is_some() && b.is_some() && a != b
        }
        if differ(&self.tag, &found.tag) || differ(&self.modified, &found.modified) {
            return Err("the file changed on the server during the download".to_owned());
        }
        let (Some(known), Some(length)) = (self.length, found.length) else { return Ok(()) };
        if status == StatusCode::OK && length != known && Some(length) == known.checked_sub(asked.from) {
            return Err(slice(asked));
        }
        if length != known {
            return Err(format!(
                "the file changed on the server during the download, or the server states a wrong length: first {known} \
                 bytes, now {length}"
            ));
        }
        Ok(())
    }
}

/// What to say of an answer that claims to be the whole file and is not.
pub fn slice(asked: Asked) -> String {
    format!(
        "the server answered 200 OK, which means the whole file, and sent only the part from byte {} on, which needs the answer \
         206\nhint: repair the server or the proxy, or download the file elsewhere and pipe it in",
        asked.from
    )
}

/// The position of the first byte of an answer.
fn first_byte(response: &Response<Body>, asked: Asked) -> Result<u64, Failure> {
    let status = response.status();
    match status {
        StatusCode::OK => Ok(0),
        StatusCode::PARTIAL_CONTENT if asked.position > 0 => {
            let range = content_range(response);
            let (from, _) = range.ok_or_else(|| {
                Failure::Permanent("the server sent a part of the file and did not say which".into())
            })?;
            // A server may start earlier; what was already received is skipped.
            if from > asked.position {
                return Err(Failure::Permanent(format!(
                    "the server resumed at byte {from} instead of {}",
                    asked.position
                )));
            }
            Ok(from)
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Err(Failure::Temporary(format!("the server answered {status}")))
        }
        _ if status.is_server_error() => Err(Failure::Temporary(format!("the server answered {status}"))),
        _ => Err(Failure::Permanent(format!("the server answered {status}"))),
    }
}

/// Refuses a body that was encoded although the request asked for the file as it is.
fn check_encoding(response: &Response<Body>) -> Result<(), Failure> {
    for (name, plain) in [(header::CONTENT_ENCODING, "identity"), (header::TRANSFER_ENCODING, "chunked")] {
        if let Some(encoding) =
            text(response, name).filter(|encoding| !encoding.trim().eq_ignore_ascii_case(plain))
        {
            return Err(Failure::Permanent(format!(
                "the server sent the file encoded with `{encoding}`, although it was asked to send it as it is\nhint: switch \
                 off compression for .fw files on the server; they are compressed already"
            )));
        }
    }
    Ok(())
}

/// The first byte of a part, and the length of the whole: `bytes 500-999/1000` (RFC 9110, 14.4).
fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let range = text(response, header::CONTENT_RANGE)?;
    let (range, length) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = range.split_once('-')?;
    Some((from.trim().parse().ok()?, length.trim().parse().ok()))
}

/// A header.
pub fn text(response: &Response<Body>, name: HeaderName) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}
