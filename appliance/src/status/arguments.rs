//! The command line of `sluice status`.

use anyhow::{Result, bail};
use lexopt::prelude::{Long, Short};

/// What `sluice status --help` prints above the exit codes.
pub const USAGE: &str = "\
sluice status: show version, slots, uptime and memory

Usage: sluice status [OPTIONS]

Options:
      --json   Print JSON, for programs
      --line   Print one line, for logs
  -h, --help   Print this help
";

/// The format of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One fact per line.
    Text,
    /// One line for logs.
    Line,
    /// For programs.
    Json,
}

/// Parses the words after `status`; `None` if they ask for help.
///
/// # Errors
/// A word is not understood, or two formats are given.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Option<Format>> {
    let mut given = None;
    while let Some(argument) = parser.next()? {
        let format = match argument {
            Long("json") => Format::Json,
            Long("line") => Format::Line,
            Short('h') | Long("help") => return Ok(None),
            argument => return Err(argument.unexpected().into()),
        };
        if given.is_some_and(|given| given != format) {
            bail!("--json and --line exclude each other");
        }
        given = Some(format);
    }
    Ok(Some(given.unwrap_or(Format::Text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_line_means_one_format() {
        let table: &[(&[&str], Option<Format>)] = &[
            (&[], Some(Format::Text)),
            (&["--json"], Some(Format::Json)),
            (&["--line"], Some(Format::Line)),
            (&["--line", "--line"], Some(Format::Line)),
            (&["--help"], None),
        ];
        for (words, format) in table {
            let parsed = parse(&mut lexopt::Parser::from_args(*words)).unwrap();
            assert_eq!(parsed, *format, "{words:?}");
        }
    }
}
