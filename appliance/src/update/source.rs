//! Where an update comes from: standard input, a file, or a web server.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::AsFd;
use std::path::PathBuf;

use super::error::UpdateError;
use super::http::{Download, Retry, Url};
use super::pipe::Pipe;
use super::stream::Stream;
use super::watch::Patience;

/// A source, as the command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Input,
    /// A file, or anything else with a path.
    File(PathBuf),
    /// A plain HTTP URL.
    Url(Url),
}

impl Source {
    /// Parses a word of the command line.
    ///
    /// # Errors
    /// A URL that is not valid, or with a scheme that is not supported.
    pub fn from_word(word: OsString) -> Result<Self, String> {
        if word == "-" {
            return Ok(Self::Input);
        }
        match scheme(&word) {
            None => Ok(Self::File(word.into())),
            Some((scheme, url)) if scheme.eq_ignore_ascii_case("http") => Url::parse(url).map(Self::Url),
            Some((scheme, url)) => Err(format!(
                "`{scheme}:` URLs are not supported\n\
                 hint: plain http is safe, since the update is signed; or run `fetch -o - {url} | sluice update install -`"
            )),
        }
    }

    /// Opens the source, which is waited for as `patience` says.
    ///
    /// # Errors
    /// It cannot be opened or fetched.
    pub fn open(&self, patience: Patience) -> Result<Box<dyn Stream>, UpdateError> {
        let failed = |attempt: String| move |error| UpdateError::Source { attempt, error };
        match self {
            Self::Input if io::stdin().is_terminal() => {
                let error = Err(io::Error::new(
                    ErrorKind::InvalidInput,
                    "it is a terminal\nhint: give a file or a URL, or pipe the update in",
                ));
                error.map_err(failed("reading the update from standard input".to_owned()))
            }
            Self::Input => {
                // A descriptor of its own, since what the standard library has buffered cannot be waited for.
                let input = io::stdin().as_fd().try_clone_to_owned();
                let input = input.map_err(failed("reading the update from standard input".to_owned()))?;
                Ok(Box::new(Pipe::new(input.into(), patience)))
            }
            Self::File(path) => {
                let file = File::open(path).map_err(failed(format!("opening {}", path.display())))?;
                Ok(Box::new(Pipe::new(file, patience)))
            }
            Self::Url(url) => {
                let download = Download::open(url, Retry::OF_UNIT, patience);
                Ok(Box::new(download.map_err(failed(format!("fetching {url}")))?))
            }
        }
    }
}

/// The scheme of a URL, and the URL.
fn scheme(word: &OsStr) -> Option<(&str, &str)> {
    let url = word.to_str()?;
    let (scheme, _) = url.split_once("://")?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_scheme.then_some((scheme, url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_source_or_is_refused_with_a_hint() {
        let source = |word: &str| Source::from_word(word.into());
        assert_eq!(source("-"), Ok(Source::Input));
        assert_eq!(source("x.fw"), Ok(Source::File("x.fw".into())));
        assert_eq!(source("./http:/x"), Ok(Source::File("./http:/x".into())));
        let url = |text: &str| Ok(Source::Url(Url::parse(text).unwrap()));
        assert_eq!(source("HTTP://h/x.fw"), url("http://h/x.fw"));
        assert_eq!(source("http://[::1]:8080/x.fw?v=1"), url("http://[::1]:8080/x.fw?v=1"));
        for port in ["99999", "abc", ""] {
            let message = source(&format!("http://h:{port}/x.fw")).unwrap_err();
            assert!(message.ends_with("is not a port; ports are numbers from 1 to 65535"), "{message}");
        }
        for word in ["https://h/x.fw", "ftp://h/x.fw"] {
            let message = source(word).unwrap_err();
            assert!(message.contains(&format!("fetch -o - {word} | sluice update install -")), "{message}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Source::File("/no/such.fw".into()).open(Patience::of_unit()).map(drop).unwrap_err();
        assert_eq!(
            (error.code().number(), error.to_string().split(": ").next()),
            (27, Some("opening /no/such.fw"))
        );
    }
}
