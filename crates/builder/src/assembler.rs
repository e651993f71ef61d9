//! Makes a flat 16-bit boot program out of its assembly source, with the pinned `zig` as assembler and linker.
//!
//! The result is a function of source, definitions and the version of zig: no path, time or host comes into it. So an
//! assembled program can be cached. What the programs are for is not known here.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::inputs;

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
            format!("starting {}\nhint: `cargo xtask setup` installs the pinned zig", zig.display())
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

/// The program that is in the directory `cache` for the same source, definitions and `version` of zig. If there is none, it
/// is assembled and put there.
///
/// # Errors
/// As [`assemble`], or the cache cannot be written.
pub fn cached_or_assembled(
    cache: &Path,
    zig: &Path,
    version: &str,
    source: &Source,
    defines: &[Define],
) -> Result<Vec<u8>> {
    let path = cache.join(format!("{}.{}", key(version, source, defines), source.name));
    if let Ok(program) = fs::read(&path) {
        return Ok(program);
    }
    let program = assemble(zig, source, defines)?;
    let store = || {
        fs::create_dir_all(cache)?;
        let file = tempfile::NamedTempFile::new_in(cache)?;
        fs::write(file.path(), &program)?;
        file.persist(&path).map_err(|error| error.error)
    };
    store().with_context(|| format!("writing {}", path.display()))?;
    Ok(program)
}

/// What tells one program from all others.
fn key(version: &str, source: &Source, defines: &[Define]) -> String {
    let defines: Vec<String> = defines.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let link = format!("{:#x} {}", source.origin, source.room);
    let includes = source.includes.iter().flat_map(|&(name, text)| [name, text]);
    let texts = [version, &link, source.text].into_iter().chain(includes);
    inputs::of_texts(texts.chain(defines.iter().map(String::as_str)))
}

fn strings(all: &[&str]) -> Vec<String> {
    all.iter().map(|&one| one.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_changes_the_program_changes_its_key() {
        let source = Source { name: "x", text: "nop", includes: &[("a", "b")], origin: 1, room: 2 };
        let defines = [("A", "1".to_owned())];
        let keys = [
            key("1", &source, &defines),
            key("2", &source, &defines),
            key("1", &Source { text: "hlt", ..source }, &defines),
            key("1", &Source { includes: &[("a", "c")], ..source }, &defines),
            key("1", &Source { origin: 3, ..source }, &defines),
            key("1", &source, &[("A", "2".to_owned())]),
            key("1", &source, &[]),
        ];
        for (index, one) in keys.iter().enumerate() {
            assert!(keys[..index].iter().all(|other| other != one), "{index}");
        }
    }

    #[test]
    fn a_cached_program_is_not_assembled_again() {
        let cache = tempfile::tempdir().unwrap();
        let source = Source { name: "x", text: "", includes: &[], origin: 1, room: 2 };
        fs::write(cache.path().join(format!("{}.x", key("1", &source, &[]))), "program").unwrap();
        let zig = Path::new("/nonexistent/zig");
        assert_eq!(cached_or_assembled(cache.path(), zig, "1", &source, &[]).unwrap(), b"program");
        cached_or_assembled(cache.path(), zig, "2", &source, &[]).unwrap_err();
    }
}
