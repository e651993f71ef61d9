//! `pkglist`: the requested packages, one per line. Their dependencies are not in it, but in the lock file.
//!
//! A line is the name of a package (`nginx`) or its origin (`www/nginx`), with an optional requirement (`nginx>=1.24`).
//! `#` starts a comment.

use std::path::Path;
use std::{fmt, fs};

use anyhow::{Context, Result, bail, ensure};

use crate::version::Requirement;

/// The request of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// A name, or an origin if it contains a `/`.
    pub subject: String,
    /// A condition on the version.
    pub requirement: Option<Requirement>,
    /// The line number, from 1.
    pub line: usize,
}

impl Request {
    /// Whether the subject is an origin.
    pub fn is_origin(&self) -> bool {
        self.subject.contains('/')
    }
}

impl fmt::Display for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.subject)?;
        self.requirement.as_ref().map_or(Ok(()), |requirement| requirement.fmt(out))
    }
}

/// Reads the list `path`.
///
/// # Errors
/// As [`parse`], or the file cannot be read.
pub fn read(path: &Path) -> Result<Vec<Request>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("reading the package list {}", path.display()))?;
    parse(&path.display().to_string(), &text)
}

/// Parses the text of a list; `name` is used in messages.
///
/// # Errors
/// A line is malformed, or a package is listed twice. The message names the file and the line.
pub fn parse(name: &str, text: &str) -> Result<Vec<Request>> {
    let mut requests: Vec<Request> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let number = index + 1;
        let request = request(line, number).with_context(|| format!("reading {name}, line {number}"))?;
        if let Some(first) = requests.iter().find(|earlier| earlier.subject == request.subject) {
            bail!("reading {name}, line {number}: `{}` is already on line {}", request.subject, first.line);
        }
        requests.push(request);
    }
    Ok(requests)
}

fn request(text: &str, line: usize) -> Result<Request> {
    let (subject, requirement) = Requirement::split(text)?;
    let good = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-@~".contains(&byte))
    };
    ensure!(
        subject.split('/').count() <= 2 && subject.split('/').all(good),
        "`{subject}` is not the name or origin of a package\nhint: write one name (`nginx`) or origin (`www/nginx`) per line, \
         and a version requirement after it if you need one (`nginx>=1.24`)"
    );
    Ok(Request { subject: subject.to_owned(), requirement, line })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_origins_versions_and_comments_are_read() {
        let text = "# packages\n\nnginx   # the page\nwww/lighttpd>=1.4\n  py311-foo = 1.0_2,1\n";
        let requests = parse("pkglist", text).unwrap();
        let shown: Vec<_> = requests.iter().map(|request| (request.line, request.to_string())).collect();
        let expected = [(3, "nginx"), (4, "www/lighttpd>=1.4"), (5, "py311-foo=1.0_2,1")];
        assert_eq!(shown, expected.map(|(line, text)| (line, text.to_owned())));
        assert!(requests[1].is_origin() && !requests[0].is_origin());
    }

    #[test]
    fn a_bad_line_is_reported_with_its_number() {
        let error = |text: &str| format!("{:#}", parse("pkglist", text).unwrap_err());
        insta::assert_snapshot!(error("nginx\n\nnginx >= 1\n"), @"reading pkglist, line 3: `nginx` is already on line 1");
        insta::assert_snapshot!(error("a b\n"), @"
reading pkglist, line 1: `a b` is not the name or origin of a package
hint: write one name (`nginx`) or origin (`www/nginx`) per line, and a version requirement after it if you need one (`nginx>=1.24`)
");
        insta::assert_snapshot!(error("#\nnginx=\n"), @"
reading pkglist, line 2: `=` is not a version requirement
hint: write `=`, `>=`, `<=`, `>` or `<` and a version, such as `>=1.24.0_2,1`
");
        for bad in ["a/b/c", "/nginx", "../x", "nginx;", "-x", ">=1"] {
            assert!(error(bad).contains("line 1: "), "{bad}");
        }
    }
}
