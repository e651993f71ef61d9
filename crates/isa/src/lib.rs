//! The instruction-set gate: nothing in an image may hold an instruction that the Geode LX lacks.
//!
//! The device would die of it (SIGILL) on the first call of some rare function, in a cupboard far away; here it is told
//! at the desk, with file, symbol and instruction. The gate reads machine code and knows no compiler: it judges what
//! is in the file, whoever made it.
//!
//! It decodes the executable sections from one symbol to the next, without following jumps. So it sees code that is
//! never reached, or only after a test of the processor (OpenSSL does that): such code is excused by file and symbol in
//! a list of [`Exception`]s, each with its reason. Data among the code may look like instructions, and may put the
//! decoder out of step for a few instructions, until the next symbol at the latest; bytes that are no instruction at
//! all give that away and are in [`Report::undecoded`]. Compilers put no data there, hand-written assembly may: for our
//! own services [`require`] accepts neither.
//! Which files are looked at is decided by who calls.

mod elf;
mod exception;
mod processor;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use iced_x86::{Decoder, DecoderOptions, Formatter, GasFormatter, Instruction};

pub use elf::is_elf;
pub use exception::{Exception, Exceptions};

/// An instruction that the processor lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its address in the program.
    pub address: u32,
    /// The symbol it belongs to, when the file has symbols.
    pub symbol: Option<String>,
    /// The instruction, in the notation of FreeBSD's disassembler.
    pub text: String,
    /// What the processor would have to have: `SSE2`.
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
    /// How many instructions were decoded.
    pub instructions: usize,
    /// Those that the processor lacks.
    pub violations: Vec<Violation>,
    /// Addresses of bytes that are no instruction: data among the code, or an instruction newer than the decoder.
    pub undecoded: Vec<u32>,
}

/// Decodes an ELF file for i386, of which `name` is only used in messages.
///
/// It is an error if the file is no ELF file for i386, or a damaged one.
pub fn inspect(name: &str, bytes: &[u8]) -> Result<Report> {
    let mut report = Report::default();
    for stretch in elf::stretches(bytes).with_context(|| format!("reading the machine code of {name}"))? {
        inspect_stretch(&stretch, &mut report);
    }
    Ok(report)
}

/// The instructions of a program or library that the processor lacks.
pub fn check(path: &Path) -> Result<Vec<Violation>> {
    let bytes = read(path)?;
    Ok(inspect(&path.display().to_string(), &bytes)?.violations)
}

/// Fails, with a message for the engineer, if a program has instructions that the processor lacks, or bytes among its
/// code that the gate cannot judge.
pub fn require(path: &Path) -> Result<()> {
    /// More tell nothing new.
    const SHOWN: usize = 10;
    let name = path.display().to_string();
    let report = inspect(&name, &read(path)?)?;
    let count = report.violations.len();
    if count > 0 {
        let mut list: Vec<_> =
            report.violations.iter().take(SHOWN).map(|found| format!("  {found}")).collect();
        if count > SHOWN {
            list.push(format!("  and {} more", count - SHOWN));
        }
        bail!(
            "checking the instructions of {name}: the Geode LX lacks {count} of them, and the program would die there; \
             look for the crate or the flag that brings them in\n{}",
            list.join("\n")
        );
    }
    if let Some(first) = report.undecoded.first() {
        bail!(
            "checking the instructions of {name}: {} places hold bytes that are no instruction, the first at \
             {first:#010x}; look for assembly with data in it, or update the decoder (iced-x86)",
            report.undecoded.len()
        );
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("reading {}", path.display()))
}

fn inspect_stretch(stretch: &elf::Stretch<'_>, report: &mut Report) {
    // A processor without BMI1 takes `rep bsf` for `bsf`, and compilers write it in that knowledge: it is no TZCNT.
    let mut decoder =
        Decoder::with_ip(32, stretch.code, u64::from(stretch.address), DecoderOptions::NO_MPFX_0FBC);
    let mut formatter = GasFormatter::new();
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        let start = decoder.position();
        decoder.decode_out(&mut instruction);
        let address = instruction.ip32();
        if instruction.is_invalid() {
            report.undecoded.push(address);
            // The next byte may begin an instruction again. Setting a position within the code cannot fail.
            if decoder.set_position(start + 1).is_err() {
                return;
            }
            decoder.set_ip(u64::from(address) + 1);
            continue;
        }
        report.instructions += 1;
        if let Some(feature) = processor::lacks(&instruction) {
            let mut text = String::new();
            formatter.format(&instruction, &mut text);
            report.violations.push(Violation { address, symbol: stretch.symbol.clone(), text, feature });
        }
    }
}
