//! File flags by their names in chflags(1), METALOG and mtree(5) (`lib/libc/gen/strtofflags.c`).

use anyhow::{Context, Result};

/// Names and bits (`sys/sys/stat.h`), in the order in which FreeBSD prints them.
const FLAGS: [(&str, u32); 14] = [
    ("nodump", 0x0000_0001),
    ("uchg", 0x0000_0002),
    ("uappnd", 0x0000_0004),
    ("opaque", 0x0000_0008),
    ("uunlnk", 0x0000_0010),
    ("uarch", 0x0000_0800),
    ("urdonly", 0x0000_1000),
    ("uhidden", 0x0000_8000),
    ("arch", 0x0001_0000),
    ("schg", 0x0002_0000),
    ("sappnd", 0x0004_0000),
    ("sunlnk", 0x0010_0000),
    ("usystem", 0x0000_0080),
    ("uoffline", 0x0000_0200),
];

/// Other spellings that are accepted.
const ALIASES: [(&str, &str); 8] = [
    ("uchange", "uchg"),
    ("uimmutable", "uchg"),
    ("schange", "schg"),
    ("simmutable", "schg"),
    ("sappend", "sappnd"),
    ("uappend", "uappnd"),
    ("sunlink", "sunlnk"),
    ("archived", "arch"),
];

/// Parses names separated by commas; `none` and the empty text are 0.
///
/// # Errors
/// A name that chflags(1) does not know.
pub fn parse(text: &str) -> Result<u32> {
    let mut bits = 0;
    for name in text.split(',').filter(|name| !name.is_empty() && *name != "none") {
        let known = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, known)| known);
        bits |= FLAGS.iter().find(|(flag, _)| *flag == known).map(|(_, bit)| bit).with_context(|| {
            format!("unknown file flag `{name}`; chflags(1) has schg, sunlnk, uchg, nodump, ...")
        })?;
    }
    Ok(bits)
}

/// The names of `bits`, separated by commas; `none` for 0.
pub fn names(bits: u32) -> String {
    let names: Vec<&str> = FLAGS.iter().filter(|(_, bit)| bits & bit != 0).map(|(name, _)| *name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bits_go_both_ways() {
        assert_eq!(parse("schg,nodump").unwrap(), 0x2_0001);
        assert_eq!(parse("simmutable").unwrap(), 0x2_0000);
        assert_eq!(parse("none").unwrap(), 0);
        assert_eq!(names(0x2_0001), "nodump,schg");
        assert!(parse("shiny").unwrap_err().to_string().contains("`shiny`"));
    }
}
