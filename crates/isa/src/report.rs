//! What the gate found in a file.

use std::fmt;

/// An instruction that the processor does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its address in the program.
    pub address: u32,
    /// The symbol that it belongs to, if the file has symbols.
    pub symbol: Option<String>,
    /// The instruction, in the notation of FreeBSD's disassembler.
    pub text: String,
    /// What the processor would need: `SSE2`.
    pub feature: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:#010x} ", self.address)?;
        if let Some(symbol) = &self.symbol {
            write!(out, "in {symbol}: ")?;
        }
        write!(out, "{} ({})", self.text, self.feature)
    }
}

/// What the gate found in one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The number of instructions that were decoded.
    pub instructions: usize,
    /// The instructions that the processor does not have.
    pub violations: Vec<Violation>,
    /// Addresses of bytes that are not an instruction: data among the code, or an instruction newer than the decoder.
    pub undecoded: Vec<u32>,
}
