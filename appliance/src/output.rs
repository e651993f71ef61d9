//! What a command prints: results on standard output, errors and warnings on standard error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};

/// Prints a result. A reader that goes away early (`sluice status | head -1`) is not an error.
///
/// # Errors
/// Standard output cannot be written.
pub fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("writing to standard output")
        }
        _ => Ok(()),
    }
}

/// Reports an error. Nobody may be listening, which changes nothing.
pub fn error(message: &dyn Display) {
    let _ = writeln!(io::stderr(), "sluice: {message}");
}

/// Reports a warning. Nobody may be listening, which changes nothing.
pub fn warning(message: &dyn Display) {
    let _ = writeln!(io::stderr(), "sluice: warning: {message}");
}
