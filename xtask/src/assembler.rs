//! Makes a flat 16-bit boot program out of its assembly source, with the pinned `zig` as assembler and linker.
//!
//! The result is a function of source, definitions and the version of zig: no path, time or host comes into it. What the
//! programs are for is not known here.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A boot program: GNU assembly syntax, run through the C preprocessor.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// What messages call it; the file name that the assembler sees is this with `.S`.
    pub name: &'static str,
    /// The source. It defines the symbol `start`.
    pub text: &'static str,
    /// Files that it includes: name and text.
    pub includes: &'static [(&'static str, &'static str)],
    /// The address that it is linked for.
    pub origin: u16,
    /// The most bytes that it may have.
    pub room: usize,
}

/// A preprocessor definition: name and value. An empty value just defines the name.
pub type Define = (&'static str, String);

/// Assembles and links `source`.
///
/// # Errors
/// `zig` does not run, the source is wrong (the assembler's messages are in the error), or the program is larger than
/// its room.
pub fn assemble(zig: &Path, source: &Source, defines: &[Define]) -> Result<Vec<u8>> {
    let context = || format!("assembling the boot program `{}`", source.name);
    let dir = tempfile::tempdir().with_context(context)?;
    let file = format!("{}.S", source.name);
    for (name, text) in source.includes.iter().copied().chain([(file.as_str(), source.text)]) {
        fs::write(dir.path().join(name), text).with_context(context)?;
    }
    let run = |arguments: &[String]| -> Result<()> {
        let output = Command::new(zig).args(arguments).current_dir(dir.path()).output();
        let output = output.with_context(|| {
            format!("starting {}; `cargo xtask setup` installs the zig that is pinned", zig.display())
        })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{} {}: {}\n{}", zig.display(), arguments.join(" "), output.status, said.trim_end());
        }
        Ok(())
    };

    let mut assembling = strings(&["cc", "-target", "x86-freestanding-none", "-c", &file, "-o", "program.o"]);
    assembling.extend(defines.iter().map(|(name, value)| format!("-D{name}={value}")));
    run(&assembling).with_context(context)?;
    let mut linking = strings(&["ld.lld", "-m", "elf_i386", "-e", "start", "--oformat=binary"]);
    linking.extend(strings(&[&format!("-Ttext={:#x}", source.origin), "program.o", "-o", "program.bin"]));
    run(&linking).with_context(context)?;

    let program = fs::read(dir.path().join("program.bin")).with_context(context)?;
    if program.is_empty() || program.len() > source.room {
        let (bytes, room) = (program.len(), source.room);
        bail!("assembling the boot program `{}`: it has {bytes} bytes, 1 to {room} are allowed", source.name);
    }
    Ok(program)
}

fn strings(all: &[&str]) -> Vec<String> {
    all.iter().map(|&one| one.to_owned()).collect()
}
