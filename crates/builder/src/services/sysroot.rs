//! What the services are linked against.
//!
//! zig's stubs are those of FreeBSD 14: a program linked against them does not start on 13. So they serve the miniature
//! world, which has no kernel anyway, and a real world's services are linked against that world itself.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::board::Board;
use crate::toolchain::Toolchain;

/// Start files and libraries for the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sysroot {
    /// Those that zig brings.
    Miniature,
    /// A world's: the directory with `usr/lib/crt1.o`.
    World(PathBuf),
}

/// How to link: a script for rustc, and the environment that it needs.
pub struct Linker {
    /// The script's text.
    pub script: &'static str,
    /// What it reads.
    pub environment: Vec<(&'static str, String)>,
    /// Text that differs whenever the result may.
    pub identity: String,
}

/// What a program cannot be linked without, under the sysroot.
const REQUIRED: &[&str] =
    &["usr/lib/crt1.o", "usr/lib/crti.o", "usr/lib/libc.so", "lib/libc.so.7", "lib/libthr.so.3"];

impl Sysroot {
    /// How to link against it.
    ///
    /// # Errors
    /// The tools are missing, or a file that every sysroot has.
    pub fn linker(&self, board: &Board, toolchain: &Toolchain) -> Result<Linker> {
        match self {
            Self::Miniature => Ok(Linker {
                script: include_str!("linker-miniature.sh"),
                environment: vec![
                    ("SLUICE_ZIG", utf8(toolchain.path("zig")?)?),
                    ("SLUICE_ZIG_TARGET", board.services.zig.to_owned()),
                    ("SLUICE_ZIG_CPU", board.services.zig_cpu.to_owned()),
                ],
                identity: format!(
                    "zig {} {} {}",
                    crate::toolchain::ZIG_VERSION,
                    board.services.zig,
                    board.services.zig_cpu
                ),
            }),
            Self::World(root) => {
                for file in REQUIRED {
                    let path = root.join(file);
                    if !path.exists() {
                        bail!(
                            "linking against {}: {file} is not there\nhint: give the world's sysroot; for a world that was \
                             built without its toolchain, that is the build's own `tmp` directory",
                            root.display()
                        );
                    }
                }
                let root = root.canonicalize().with_context(|| format!("looking for {}", root.display()))?;
                let target = format!("{}{}", board.services.clang, release(&root)?);
                let clang = toolchain.path("clang")?;
                let identity = format!("{target} {}", contents(&root)?);
                let environment = vec![
                    ("SLUICE_CLANG", utf8(clang)?),
                    ("SLUICE_CLANG_TARGET", target),
                    ("SLUICE_SYSROOT", utf8(&root)?),
                ];
                Ok(Linker { script: include_str!("linker-world.sh"), environment, identity })
            }
        }
    }
}

/// FreeBSD's release, as clang takes it: `13.2`.
///
/// It is `__FreeBSD_version` (1302001) from the note that every start file carries (`NT_FREEBSD_ABI_TAG`, elf(5)): a
/// world without headers has that too.
fn release(root: &Path) -> Result<String> {
    /// Length of the name, length of the number, type, name; what follows is the number.
    const NOTE: &[u8] = b"\x08\0\0\0\x04\0\0\0\x01\0\0\0FreeBSD\0";
    let path = root.join("usr/lib/crt1.o");
    let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let start = bytes.windows(NOTE.len()).position(|window| window == NOTE).map(|start| start + NOTE.len());
    match start.and_then(|start| bytes.get(start..)?.first_chunk()) {
        Some(number) => {
            let version = u32::from_le_bytes(*number);
            Ok(format!("{}.{}", version / 100_000, version / 1000 % 100))
        }
        None => bail!("reading {}: it does not say which FreeBSD it is from", path.display()),
    }
}

/// A digest of the files that a link depends on. The libraries that programs are linked with dynamically count too:
/// their symbol versions end up in the program.
fn contents(root: &Path) -> Result<String> {
    use sha2::{Digest, Sha256};
    let mut digest = Sha256::new();
    for file in REQUIRED {
        let path = root.join(file);
        digest.update(fs::read(&path).with_context(|| format!("reading {}", path.display()))?);
    }
    Ok(hex::encode(digest.finalize()))
}

fn utf8(path: &Path) -> Result<String> {
    path.to_str()
        .map(str::to_owned)
        .with_context(|| format!("using {}: its name is not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_comes_from_the_world_itself() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("usr/lib");
        fs::create_dir_all(&directory).unwrap();
        let note = b"\x7fELF \x08\0\0\0\x04\0\0\0\x01\0\0\0FreeBSD\0";
        for (number, told) in [(1_302_001_u32, "13.2"), (1_400_097, "14.0"), (1_403_000, "14.3")] {
            fs::write(directory.join("crt1.o"), [&note[..], &number.to_le_bytes(), b"behind"].concat())
                .unwrap();
            assert_eq!(release(root.path()).unwrap(), told);
        }
        fs::write(directory.join("crt1.o"), note).unwrap();
        assert!(release(root.path()).unwrap_err().to_string().contains("does not say which FreeBSD"));
    }

    #[test]
    fn a_folder_that_is_no_sysroot_is_refused_before_anything_is_compiled() {
        let root = tempfile::tempdir().unwrap();
        let error = Sysroot::World(root.path().to_owned())
            .linker(crate::board::DEFAULT, &Toolchain::default())
            .map(|_| ())
            .unwrap_err();
        assert!(
            error.to_string().contains("usr/lib/crt1.o is not there\nhint: give the world's sysroot"),
            "{error}"
        );
    }
}
