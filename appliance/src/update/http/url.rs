//! The URL of a file on a web server, checked before anything is asked.

use std::fmt;
use std::net::Ipv6Addr;

/// What a server that wants TLS is answered with.
const NEEDS_TLS: &str = "the server requires TLS, which this unit does not support";

/// An `http:` URL with a valid host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Host, and port if there is one.
    authority: String,
    /// Path and query; it begins with `/`.
    path: String,
}

impl Url {
    /// Parses an absolute URL. Its fragment is dropped.
    ///
    /// # Errors
    /// The scheme is not `http`, or the host or port is not valid.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            _ => return Err(format!("`{text}` is not an http URL")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        check_authority(authority).map_err(|reason| format!("`{text}`: {reason}"))?;
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { authority: authority.to_owned(), path: format!("{slash}{path}") })
    }

    /// The URL that a redirect of this one leads to (RFC 3986, 5.2). `location` may be relative.
    ///
    /// # Errors
    /// It leads to a URL that is not valid or not plain HTTP.
    pub fn join(&self, location: &str) -> Result<Self, String> {
        let base = self.path.split('?').next().unwrap_or_default();
        let path = match scheme(location) {
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => return Self::parse(location),
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => return Err(NEEDS_TLS.to_owned()),
            Some(_) => return Err(format!("the server redirects to `{location}`, which is not an http URL")),
            None if location.starts_with("//") => return Self::parse(&format!("http:{location}")),
            None if location.starts_with('/') => location.to_owned(),
            None if location.starts_with(['?', '#']) || location.is_empty() => format!("{base}{location}"),
            None => format!("{}{location}", &base[..=base.rfind('/').unwrap_or(0)]),
        };
        let path = path.split('#').next().unwrap_or_default();
        let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
        Ok(Self { authority: self.authority.clone(), path: without_dots(path) + query })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "http://{}{}", self.authority, self.path)
    }
}

/// The scheme of an absolute URL.
fn scheme(location: &str) -> Option<&str> {
    let (scheme, _) = location.split_once(':')?;
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    (scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(is_scheme))
        .then_some(scheme)
}

fn check_authority(authority: &str) -> Result<(), String> {
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    let port = if let Some(rest) = address.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or("the `]` of the address is missing")?;
        host.parse::<Ipv6Addr>().map_err(|_| format!("`{host}` is not an IPv6 address"))?;
        port
    } else {
        let (host, port) = address.split_at(address.find(':').unwrap_or(address.len()));
        if host.is_empty() {
            return Err("the host is missing".to_owned());
        }
        if port.matches(':').count() > 1 {
            return Err("an IPv6 address must be in brackets, as in `http://[::1]/`".to_owned());
        }
        port
    };
    if port.is_empty() {
        return Ok(());
    }
    let number = port.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    match number.map(str::parse::<u16>) {
        Some(Ok(1..)) => Ok(()),
        _ => {
            let port = port.trim_start_matches(':');
            Err(format!("`{port}` is not a port; ports are numbers from 1 to 65535"))
        }
    }
}

/// The path without its `.` and `..` segments (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut names = path.split('/').skip(1).peekable();
    while let Some(name) = names.next() {
        match name {
            "." | ".." => {
                if name == ".." {
                    segments.pop();
                }
                if names.peek().is_none() {
                    segments.push("");
                }
            }
            name => segments.push(name),
        }
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_as_it_is() {
        for (text, url) in [
            ("http://h/x.fw", "http://h/x.fw"),
            ("HTTP://h:8080/a/b.fw?v=1&w=a:b/c", "http://h:8080/a/b.fw?v=1&w=a:b/c"),
            ("http://h", "http://h/"),
            ("http://h?v=1", "http://h/?v=1"),
            ("http://h/x.fw#part", "http://h/x.fw"),
            ("http://[::1]/x", "http://[::1]/x"),
            ("http://[2001:db8::7]:8080/x", "http://[2001:db8::7]:8080/x"),
            ("http://me:secret@h:80/x", "http://me:secret@h:80/x"),
            ("http://h:65535/", "http://h:65535/"),
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), url);
        }
    }

    #[test]
    fn a_bad_host_or_port_is_refused() {
        let port = |port: &str| format!("`{port}` is not a port; ports are numbers from 1 to 65535");
        for (text, reason) in [
            ("http://h:99999/x", port("99999")),
            ("http://h:abc/x", port("abc")),
            ("http://h:0/x", port("0")),
            ("http://h:+80/x", port("+80")),
            ("http://h:/x", port("")),
            ("http://[::1]:99999/x", port("99999")),
            ("http://[::1]80/x", port("80")),
            ("http://[::1/x", "the `]` of the address is missing".to_owned()),
            ("http://[fe80::1%em0]/x", "`fe80::1%em0` is not an IPv6 address".to_owned()),
            ("http://::1/x", "the host is missing".to_owned()),
            ("http://fe80::1/x", "an IPv6 address must be in brackets, as in `http://[::1]/`".to_owned()),
            ("http:///x", "the host is missing".to_owned()),
            ("http://:80/x", "the host is missing".to_owned()),
        ] {
            assert_eq!(Url::parse(text).unwrap_err(), format!("`{text}`: {reason}"));
        }
        assert_eq!(Url::parse("ftp://h/x").unwrap_err(), "`ftp://h/x` is not an http URL");
    }

    #[test]
    fn a_redirect_may_be_relative() {
        let base = Url::parse("http://h:81/a/b/c.fw?v=1").unwrap();
        for (location, url) in [
            ("http://other/x", "http://other/x"),
            ("//other:82/x", "http://other:82/x"),
            ("/x?w=2", "http://h:81/x?w=2"),
            ("x", "http://h:81/a/b/x"),
            ("./x", "http://h:81/a/b/x"),
            ("../x?y=../z", "http://h:81/a/x?y=../z"),
            ("../../../../x", "http://h:81/x"),
            ("d/..", "http://h:81/a/b/"),
            ("?v=2", "http://h:81/a/b/c.fw?v=2"),
            ("/x:y#z", "http://h:81/x:y"),
            ("", "http://h:81/a/b/c.fw"),
        ] {
            assert_eq!(base.join(location).unwrap().to_string(), url, "{location}");
        }
        assert_eq!(base.join("https://h/x").unwrap_err(), NEEDS_TLS);
        assert!(
            base.join("http://h:99999/x")
                .unwrap_err()
                .ends_with("is not a port; ports are numbers from 1 to 65535")
        );
        assert!(base.join("file:///etc/passwd").unwrap_err().ends_with("which is not an http URL"));
    }
}
