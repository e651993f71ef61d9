//! METALOG: owner, mode and flags of everything that an unprivileged `installworld` installed.
//!
//! The format is mtree(5) with one entry per line, each with its full path, as install(1) writes it with `-M` and NetBSD's
//! mtree reads it. install appends as it goes: an entry can occur twice (the later one counts), before its parent, and with
//! a size that a later step changed. Sizes are therefore never taken from here.

use anyhow::{Context, Result, bail};

use crate::inode::{Attributes, Principal};
use crate::path::TreePath;
use crate::{flags, vis};

/// The type of an entry, as METALOG gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A directory.
    Directory,
    /// A regular file, or another name of one.
    File,
    /// A symbolic link to this target.
    Link(String),
    /// A character device with its `dev_t`, if it is given.
    Char(Option<u64>),
    /// A block device with its `dev_t`, if it is given.
    Block(Option<u64>),
    /// A named pipe.
    Fifo,
}

/// One line of METALOG.
#[derive(Clone, Debug)]
pub struct Line {
    /// The line number, from 1.
    pub number: usize,
    /// The path.
    pub path: TreePath,
    /// The type.
    pub kind: Type,
    /// Owner, mode and flags.
    pub attributes: Attributes,
}

/// A line about an existing path: what it does not mention stays as it is.
#[derive(Clone, Debug)]
pub struct Change {
    /// The line number, from 1.
    pub number: usize,
    /// The path.
    pub path: TreePath,
    user: Option<Principal>,
    group: Option<Principal>,
    mode: Option<u16>,
    flags: Option<u32>,
}

impl Change {
    /// Applies the line to `attributes`.
    pub fn apply(&self, attributes: &mut Attributes) {
        for (principal, new) in [(&mut attributes.user, &self.user), (&mut attributes.group, &self.group)] {
            if let Some(new) = new {
                principal.clone_from(new);
            }
        }
        attributes.mode = self.mode.unwrap_or(attributes.mode);
        attributes.flags = self.flags.unwrap_or(attributes.flags);
    }
}

/// The keywords of an entry, or of `/set`, which are the defaults of the entries that follow.
#[derive(Clone, Default)]
struct Keywords<'a> {
    kind: Option<&'a str>,
    user: Option<&'a str>,
    group: Option<&'a str>,
    mode: Option<&'a str>,
    flags: Option<&'a str>,
    link: Option<&'a str>,
    device: Option<&'a str>,
}

impl<'a> Keywords<'a> {
    fn set(&mut self, word: &'a str) {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "type" => self.kind = Some(value),
            "uname" | "uid" => self.user = Some(value),
            "gname" | "gid" => self.group = Some(value),
            "mode" => self.mode = Some(value),
            "flags" => self.flags = Some(value),
            "link" => self.link = Some(value),
            "device" => self.device = Some(value),
            // Keywords of content (size, sha256, nlink, ...), packages (tags, contents) and times: known from elsewhere.
            _ => {}
        }
    }
}

/// Parses the text of a METALOG; `name` is for messages.
///
/// # Errors
/// A line has no type or an unknown one, or a bad mode, flag or path. The message names the file and the line.
pub fn parse(name: &str, text: &str) -> Result<Vec<Line>> {
    each_line(name, text, entry)
}

/// Parses lines of a METALOG about existing paths; types are ignored.
///
/// # Errors
/// As [`parse`], except for types.
pub fn parse_changes(name: &str, text: &str) -> Result<Vec<Change>> {
    each_line(name, text, |path, keywords, number| {
        let path = TreePath::parse(&vis::decode(path)?)?;
        Ok(Change {
            number,
            user: keywords.user.map(Principal::from),
            group: keywords.group.map(Principal::from),
            mode: keywords.mode.map(|text| mode(text, &path)).transpose()?,
            flags: keywords.flags.map(flags::parse).transpose()?,
            path,
        })
    })
}

fn each_line<T>(
    name: &str,
    text: &str,
    entry: impl Fn(&str, &Keywords<'_>, usize) -> Result<T>,
) -> Result<Vec<T>> {
    let mut defaults = Keywords::default();
    let mut lines = Vec::new();
    for (index, text) in text.lines().enumerate() {
        let number = index + 1;
        let mut words = text.split_whitespace();
        let Some(first) = words.next() else { continue };
        match first {
            "/set" => words.for_each(|word| defaults.set(word)),
            "/unset" => defaults = Keywords::default(),
            _ if first.starts_with('#') => {}
            path => {
                let mut keywords = defaults.clone();
                words.for_each(|word| keywords.set(word));
                let line = entry(path, &keywords, number)
                    .with_context(|| format!("reading METALOG {name}, line {number}"))?;
                lines.push(line);
            }
        }
    }
    Ok(lines)
}

fn entry(path: &str, keywords: &Keywords<'_>, number: usize) -> Result<Line> {
    let path = TreePath::parse(&vis::decode(path)?)?;
    let kind = match keywords.kind {
        Some("dir") => Type::Directory,
        Some("file") => Type::File,
        Some("link") => Type::Link(vis::decode(keywords.link.context("a link without `link=`")?)?),
        Some("char") => Type::Char(keywords.device.map(device).transpose()?),
        Some("block") => Type::Block(keywords.device.map(device).transpose()?),
        Some("fifo") => Type::Fifo,
        Some(other) => {
            bail!("unknown type `{other}` of {path}; METALOG has dir, file, link, char, block and fifo")
        }
        None => bail!("{path} has no `type=`"),
    };
    let bits = match keywords.mode {
        Some(text) => mode(text, &path)?,
        None if kind == Type::Directory => 0o755,
        None => 0o644,
    };
    let attributes = Attributes {
        user: Principal::from(keywords.user.unwrap_or("root")),
        group: Principal::from(keywords.group.unwrap_or("wheel")),
        mode: bits,
        flags: flags::parse(keywords.flags.unwrap_or("none"))?,
    };
    Ok(Line { number, path, kind, attributes })
}

fn mode(text: &str, path: &TreePath) -> Result<u16> {
    u16::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .with_context(|| format!("mode `{text}` of {path} is not octal"))
}

/// `native,MAJOR,MINOR`, `freebsd,MAJOR,MINOR` or a number, as a FreeBSD `dev_t` (`sys/sys/types.h`, `makedev`).
fn device(text: &str) -> Result<u64> {
    let parts: Vec<&str> = text.split(',').collect();
    let number = |text: &str| {
        let digits = text.strip_prefix("0x");
        digits.map_or_else(|| text.parse::<u64>(), |hex| u64::from_str_radix(hex, 16))
    };
    Ok(match parts.as_slice() {
        [whole] => number(whole)?,
        ["native" | "freebsd", major, minor] => {
            let (major, minor) = (number(major)?, number(minor)?);
            (major & 0xffff_ff00) << 32 | (major & 0xff) << 8 | (minor & 0xff00) << 24 | (minor & 0xffff_00ff)
        }
        _ => bail!("device `{text}`: write a number or `native,MAJOR,MINOR`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_install_are_read() {
        let text = "#mtree 2.0\n\
                    ./ type=dir uname=root gname=wheel mode=0755\n\
                    ./bin/cat type=file uname=root gname=wheel mode=0555 size=14 tags=package=runtime\n\
                    ./lib/libc.so.7 type=file uname=root gname=wheel mode=0444 flags=schg\n\
                    ./etc/rmt type=link uname=root gname=wheel mode=0755 link=../usr/sbin/rmt\n\
                    ./a\\040b type=dir mode=0700\n";
        let lines = parse("METALOG", text).unwrap();
        assert_eq!(lines.len(), 5);
        assert!(lines[0].path.is_root());
        assert_eq!(lines[2].attributes.flags, 0x2_0000);
        assert_eq!(lines[3].kind, Type::Link("../usr/sbin/rmt".into()));
        assert_eq!((lines[4].path.as_str(), lines[4].number), ("a b", 6));
    }

    #[test]
    fn set_provides_defaults() {
        let lines =
            parse("M", "/set type=file uname=operator mode=0640\n./a\n./b mode=0600 type=dir\n").unwrap();
        assert_eq!(lines[0].attributes.user, Principal::Name("operator".into()));
        assert_eq!((lines[0].attributes.mode, lines[1].attributes.mode), (0o640, 0o600));
        assert_eq!(lines[1].kind, Type::Directory);
    }

    #[test]
    fn an_unknown_type_is_reported_with_its_line() {
        let error = format!("{:#}", parse("/w/METALOG", "./a type=dir\n./b type=dor\n").unwrap_err());
        assert_eq!(
            error,
            "reading METALOG /w/METALOG, line 2: unknown type `dor` of /b; METALOG has dir, file, link, char, block and fifo"
        );
    }

    #[test]
    fn devices_are_packed_as_freebsd_does() {
        assert_eq!(device("native,1,3").unwrap(), 0x103);
        assert_eq!(device("0x0d06").unwrap(), 0xd06);
        assert!(device("sco,1,2").is_err());
    }
}
