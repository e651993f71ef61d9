//! The only functions that write to standard output and standard error.

use std::fmt;
use std::io::{self, BufWriter, ErrorKind, Write};

use anstream::ColorChoice;
use anyhow::{Context, Error, Result};

/// Decides whether messages, and those of clap, have colours. [`ColorChoice::Auto`] means: on a terminal, unless
/// `NO_COLOR` is set.
pub fn set_color(choice: ColorChoice) {
    choice.write_global();
}

/// Writes a line to standard error. Progress that nobody reads is dropped: the work matters, not the message.
pub(crate) fn message(text: impl fmt::Display) {
    let _ = anstream::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// Writes a result to standard output. If its reader is gone, the rest is dropped and this is no error.
///
/// # Errors
/// It cannot be written, for example because a disk is full.
pub fn result(text: &str) -> Result<()> {
    let written = stream(|out| Ok(out.write_all(text.as_bytes())?));
    written.or_else(|error| if is_closed(&error) { Ok(()) } else { Err(error) })
}

/// Lets `write` write a result to standard output piece by piece.
///
/// # Errors
/// What `write` returns; [`is_closed`] recognizes a reader that is gone.
pub fn stream(write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let mut out = BufWriter::new(Reader(io::stdout().lock()));
    write(&mut out)?;
    out.flush().context("writing the result")
}

/// Whether a command ended because nobody reads its result any more.
pub fn is_closed(error: &Error) -> bool {
    let causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.filter_map(io::Error::get_ref).any(<dyn std::error::Error + Send + Sync + 'static>::is::<Closed>)
}

/// The reader of standard output is gone. Other pipes can break, too; that is a fault.
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output was closed")
    }
}

impl std::error::Error for Closed {}

/// What reads standard output.
struct Reader<W>(W);

impl<W: Write> Write for Reader<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(closed)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(closed)
    }
}

fn closed(error: io::Error) -> io::Error {
    match error.kind() {
        kind @ ErrorKind::BrokenPipe => io::Error::new(kind, Closed),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_closed_standard_output_is_a_quiet_end() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let broken = Reader(&writer).write(b"x").unwrap_err();
        assert!(is_closed(&Error::from(broken).context("listing /")));
        let broken = (&writer).write(b"x").unwrap_err();
        assert_eq!(broken.kind(), ErrorKind::BrokenPipe);
        assert!(!is_closed(&Error::from(broken).context("sending a command to QEMU")));
        let full = Reader(std::fs::File::create("/dev/full").unwrap()).write(b"x").unwrap_err();
        assert!(!is_closed(&full.into()));
    }
}
