//! Lines of a configuration, for messages.

use std::fmt;

/// The lines of a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The number of the file, in the order of reading.
    pub order: usize,
    /// The name of the file, unless it is the one that is converted.
    pub file: Option<String>,
    /// The first line, from 1.
    pub first: usize,
    /// The last line.
    pub last: usize,
}

impl Location {
    /// The line `number` of the statement, from 0.
    #[must_use]
    pub fn line(&self, number: usize) -> Self {
        let line = usize::min(self.first + number, self.last);
        Self { first: line, last: line, ..self.clone() }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(out, "{file}, ")?;
        }
        match self.first == self.last {
            true => write!(out, "line {}", self.first),
            false => write!(out, "lines {}-{}", self.first, self.last),
        }
    }
}
