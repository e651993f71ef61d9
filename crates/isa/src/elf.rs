//! The machine code of an ELF file, cut at its symbols.
//!
//! The decoder starts afresh at each symbol, so data between two functions confuses it no longer than until the second.

use anyhow::{Context, Result, bail};
use object::Endianness;
use object::elf::{EM_386, FileHeader32, SHF_EXECINSTR, SHT_NOBITS};
use object::read::elf::{FileHeader, SectionHeader, Sym};

/// Machine code from one symbol to the next.
pub struct Stretch<'data> {
    /// The address of its first byte.
    pub address: u32,
    /// Its bytes.
    pub code: &'data [u8],
    /// The symbol at its start; `None` before the first symbol of a section.
    pub symbol: Option<String>,
}

/// Whether a file is an ELF file, judged by its first bytes.
pub fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF")
}

/// The machine code of every executable section, in the order of the file.
///
/// # Errors
/// The file is damaged, for another processor, or has no section headers: code that cannot be inspected does not pass.
pub fn stretches(bytes: &[u8]) -> Result<Vec<Stretch<'_>>> {
    let header = FileHeader32::<Endianness>::parse(bytes).context("parsing it as 32-bit ELF")?;
    let endian = header.endian().context("parsing its ELF header")?;
    if header.e_machine(endian) != EM_386 {
        bail!("it is for another processor (ELF machine {})", header.e_machine(endian));
    }
    let sections = header.sections(endian, bytes).context("parsing its sections")?;
    let mut symbols = Vec::new();
    for kind in [object::elf::SHT_SYMTAB, object::elf::SHT_DYNSYM] {
        let table = sections.symbols(endian, bytes, kind).context("parsing its symbols")?;
        for symbol in table.iter().filter(|symbol| symbol.st_type() == object::elf::STT_FUNC) {
            let name = String::from_utf8_lossy(symbol.name(endian, table.strings())?).into_owned();
            symbols.push((usize::from(symbol.st_shndx(endian)), symbol.st_value(endian), name));
        }
    }
    // Of several names for one address, keep the first: any will do, but it must be the same one every time.
    symbols.sort();
    symbols.dedup_by_key(|(section, address, _)| (*section, *address));

    let mut found = Vec::new();
    let mut executable = 0;
    for (index, section) in sections.enumerate() {
        if section.sh_flags(endian) & SHF_EXECINSTR == 0 || section.sh_type(endian) == SHT_NOBITS {
            continue;
        }
        executable += 1;
        let code = section.data(endian, bytes).context("reading an executable section")?;
        let base = section.sh_addr(endian);
        let mut cuts = vec![(0, None)];
        for (_, address, name) in symbols.iter().filter(|(section, ..)| *section == index.0) {
            // In an object file a symbol's value is already relative to its section, whose address is 0.
            match address.checked_sub(base).map(|offset| offset as usize) {
                Some(offset) if offset < code.len() => cuts.push((offset, Some(name.clone()))),
                _ => {}
            }
        }
        let ends = cuts.iter().skip(1).map(|(offset, _)| *offset).chain([code.len()]).collect::<Vec<_>>();
        for ((start, symbol), end) in cuts.into_iter().zip(ends) {
            if start < end {
                found.push(Stretch { address: base + start as u32, code: &code[start..end], symbol });
            }
        }
    }
    if executable == 0 {
        bail!("it has no executable section: its section headers were stripped, or it contains no code");
    }
    Ok(found)
}
