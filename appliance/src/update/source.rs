//! Where an update comes from: standard input, a file, or a web server.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read};
use std::path::PathBuf;

use super::error::UpdateError;
use super::http::{Download, PATIENCE};

/// The place, as the command line tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Input,
    /// A file, or anything else that has a name.
    File(PathBuf),
    /// A plain HTTP address.
    Url(String),
}

impl Source {
    /// Understands a word of the command line.
    ///
    /// # Errors
    /// An address that this program does not speak to.
    pub fn from_word(word: OsString) -> Result<Self, String> {
        if word == "-" {
            return Ok(Self::Input);
        }
        match scheme(&word) {
            None => Ok(Self::File(word.into())),
            Some((scheme, url)) if scheme.eq_ignore_ascii_case("http") => Ok(Self::Url(url.to_owned())),
            Some((scheme, url)) => Err(format!(
                "`{scheme}:` is not spoken here; the update is signed, so plain http will do, or \
                 `fetch -o - {url} | sluice update install -`"
            )),
        }
    }

    /// Opens it.
    pub fn open(&self) -> Result<Box<dyn Read>, UpdateError> {
        let failed = |attempt: String| move |error| UpdateError::Source { attempt, error };
        match self {
            Self::Input if io::stdin().is_terminal() => {
                let error = Err(io::Error::new(
                    ErrorKind::InvalidInput,
                    "it is a terminal; give a file, an address, or a pipe",
                ));
                error.map_err(failed("reading the update from standard input".to_owned()))
            }
            Self::Input => Ok(Box::new(io::stdin().lock())),
            Self::File(path) => {
                let file = File::open(path).map_err(failed(format!("opening {}", path.display())))?;
                Ok(Box::new(file))
            }
            Self::Url(url) => {
                let download = Download::open(url, PATIENCE).map_err(failed(format!("fetching {url}")))?;
                Ok(Box::new(download))
            }
        }
    }
}

/// The scheme of an address, and the address.
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
    fn a_word_is_a_place_or_is_refused_with_what_helps() {
        let place = |word: &str| Source::from_word(word.into());
        assert_eq!(place("-"), Ok(Source::Input));
        assert_eq!(place("x.fw"), Ok(Source::File("x.fw".into())));
        assert_eq!(place("./http:/x"), Ok(Source::File("./http:/x".into())));
        assert_eq!(place("HTTP://h/x.fw"), Ok(Source::Url("HTTP://h/x.fw".into())));
        for word in ["https://h/x.fw", "ftp://h/x.fw"] {
            let message = place(word).unwrap_err();
            assert!(message.contains(&format!("fetch -o - {word} | sluice update install -")), "{message}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Source::File("/no/such.fw".into()).open().map(drop).unwrap_err();
        assert_eq!((error.code(), error.to_string().split(": ").next()), (27, Some("opening /no/such.fw")));
    }
}
