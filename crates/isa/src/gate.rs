//! The gate itself: every instruction of a file against the processor.

use std::path::Path;

use anyhow::{Context, Result, bail};
use iced_x86::{Decoder, DecoderOptions, Formatter, GasFormatter, Instruction};

use crate::elf::{self, Stretch};
use crate::processor::Processor;
use crate::report::{Report, Violation};

/// Decodes an ELF file for i386; `name` is used in messages only.
///
/// # Errors
/// The file is not an ELF file for i386, or is damaged.
pub fn inspect(name: &str, bytes: &[u8], processor: &Processor) -> Result<Report> {
    let mut report = Report::default();
    for stretch in elf::stretches(bytes).with_context(|| format!("reading the machine code of {name}"))? {
        inspect_stretch(&stretch, processor, &mut report);
    }
    Ok(report)
}

/// Checks that a program contains only instructions that the processor has.
///
/// # Errors
/// The file cannot be read, contains other instructions, or bytes among its code that cannot be decoded.
pub fn require(path: &Path, processor: &Processor) -> Result<()> {
    /// More violations would add nothing.
    const SHOWN: usize = 10;
    let name = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("reading {name}"))?;
    let report = inspect(&name.to_string(), &bytes, processor)?;
    let count = report.violations.len();
    if count > 0 {
        let mut list: Vec<_> =
            report.violations.iter().take(SHOWN).map(|found| format!("  {found}")).collect();
        if count > SHOWN {
            list.push(format!("  and {} more", count - SHOWN));
        }
        bail!(
            "checking the instructions of {name}: the {} does not have {count} of them, and the program would crash there\n\
             {}\nhint: find the crate or the compiler flag that they come from",
            processor.name,
            list.join("\n")
        );
    }
    if let Some(first) = report.undecoded.first() {
        let count = report.undecoded.len();
        let plural = if count == 1 { "" } else { "s" };
        bail!(
            "checking the instructions of {name}: {count} byte{plural} of the code cannot be decoded, the first at \
             {first:#010x}\nhint: look for assembly that contains data, or update the decoder (iced-x86)",
        );
    }
    Ok(())
}

fn inspect_stretch(stretch: &Stretch<'_>, processor: &Processor, report: &mut Report) {
    // A processor without BMI1 executes `rep bsf` as `bsf`, and compilers emit it knowing that: it is not TZCNT.
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
        if let Some(feature) = processor.missing(&instruction) {
            let mut text = String::new();
            formatter.format(&instruction, &mut text);
            report.violations.push(Violation { address, symbol: stretch.symbol.clone(), text, feature });
        }
    }
}
