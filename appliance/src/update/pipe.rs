//! An update from standard input, a pipe or a file, which may stop to send.

use std::fs::File;
use std::io::{self, ErrorKind, Read};

use super::stream::Stream;
use super::watch::{Arrival, Patience, Watch};
use crate::sys;

/// A file that is not read before there is something to read.
#[derive(Debug)]
pub struct Pipe {
    file: File,
    watch: Watch,
    position: u64,
    /// The length of the update, once it is known.
    expected: Option<u64>,
}

impl Pipe {
    /// Reads `file` from where it is.
    pub fn new(file: File, patience: Patience) -> Self {
        Self { file, watch: Watch::new(patience), position: 0, expected: None }
    }

    /// Whether the whole update was read.
    fn is_complete(&self) -> bool {
        self.expected.is_some_and(|expected| self.position >= expected)
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let file = &mut self.file;
        let read: io::Result<usize> = self.watch.wait(|step| {
            if !sys::wait_for_input(file, step)? {
                return Ok(Arrival::Nothing);
            }
            Ok(match file.read(buffer)? {
                0 => Arrival::End,
                bytes => Arrival::Bytes(bytes),
            })
        });
        match read {
            // A sender that holds its end open has nothing more to send.
            Err(error) if error.kind() == ErrorKind::TimedOut && self.is_complete() => Ok(0),
            Err(error) => Err(error),
            Ok(bytes) => {
                self.position += bytes as u64;
                Ok(bytes)
            }
        }
    }
}

impl Stream for Pipe {
    fn expect(&mut self, bytes: u64) {
        self.expected = Some(bytes);
    }
}
