//! A world from the distribution sets of a FreeBSD release: `base.txz`, a kernel, and `MANIFEST`, which has their checksums.
//!
//! The kernel is the product's when `src.txz` is there to build it from, and else the one of `kernel.txz`. Each set is unpacked
//! once, into a directory of the build's own that is named after its checksum. Owners, modes and flags are those of the archive,
//! written into a METALOG beside it; from there on a set is read as an installed root is ([`super::installed`]).

mod manifest;
#[cfg(test)]
mod tests;
mod unpack;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use report::Reporter;
use rootfs::tree::{Entry, Layer, TreePath};
use sha2::{Digest, Sha256};

use super::boot_blocks::BootBlocks;
use super::contents::{KERNEL_LAYER, World};
use super::installed::{self, Part};
use super::source;
use crate::inputs;
use crate::product::{KernelConfig, Product};
use crate::services::Sysroot;
use crate::toolchain::Toolchain;
use manifest::Manifest;

/// The world without a kernel.
const BASE: &str = "base.txz";
/// A kernel of FreeBSD's.
const KERNEL: &str = "kernel.txz";
/// FreeBSD's source.
const SOURCE: &str = "src.txz";
/// Where the source lies in its set.
const SOURCE_DIR: &str = "usr/src";

/// A directory of sets.
struct Sets<'a> {
    dir: &'a Path,
    manifest: Manifest,
    cache: PathBuf,
    reporter: &'a Reporter,
}

/// Whether the product's kernel can be built from the sets in `dir`.
pub fn has_source(dir: &Path) -> bool {
    dir.join(SOURCE).is_file()
}

/// Where the kernel `config` of the sets in `dir` comes from, as far as that is known before they are unpacked.
///
/// # Errors
/// There is no MANIFEST, or no kernel.
pub(super) fn kernel_source(dir: &Path, config: &KernelConfig) -> Result<String> {
    Manifest::read(dir)?;
    match (has_source(dir), dir.join(KERNEL).is_file()) {
        (true, true) => Ok(format!("{config}, of {KERNEL} if it is that one, else built from {SOURCE}")),
        (true, false) => Ok(format!("{config}, built from {SOURCE}")),
        (false, true) => Ok(format!("that of {KERNEL}, whether it is {config} or not")),
        (false, false) => bail!(no_kernel(dir, config)),
    }
}

fn no_kernel(dir: &Path, config: &KernelConfig) -> String {
    format!(
        "opening the sets in {}: there is no kernel\nhint: put {SOURCE} there to build `{}` from, or {KERNEL}",
        dir.display(),
        config.name
    )
}

/// Opens the world of the sets in `dir`, unpacking them and building the kernel where that is not done yet.
///
/// # Errors
/// A set or its checksum is missing, the checksum differs, a set cannot be unpacked, or the kernel cannot be built.
pub fn open(dir: &Path, product: &Product, toolchain: &Toolchain, reporter: &Reporter) -> Result<World> {
    let cache = crate::workspace::target().join("sets");
    Sets { dir, manifest: Manifest::read(dir)?, cache, reporter }.world(product, toolchain)
}

/// What `set` has, and what `base` has besides: base.txz may list the kernel's directory, which kernel.txz then need not.
fn join(mut base: Vec<Entry>, mut set: Vec<Entry>) -> Vec<Entry> {
    let lists = |entries: &[Entry], path: &TreePath| {
        entries.iter().any(|entry| entry.path == *path && !entry.implicit)
    };
    base.retain(|entry| !lists(&set, &entry.path));
    set.retain(|entry| !lists(&base, &entry.path));
    base.extend(set);
    base
}

impl Sets<'_> {
    fn world(&self, product: &Product, toolchain: &Toolchain) -> Result<World> {
        let base = self.unpacked(BASE)?.with_context(|| {
            let dir = self.dir.display();
            format!(
                "opening the sets in {dir}: there is no {BASE}\nhint: fetch it from where MANIFEST is from"
            )
        })?;
        let root = base.join("root");
        let version = installed::version(&root)?;
        let read =
            |directory: &Path| installed::read(&directory.join("root"), &directory.join(unpack::METALOG));
        let Part { entries, mut identity, mut notes } = read(&base)?;
        let (of_kernel, entries) = installed::split_kernel(entries);
        let mut layers = vec![Layer { name: "world".to_owned(), entries }];
        let mut name = None;
        if let Some(config) = &product.kernel.config {
            let directory = self.kernel(&version, config, product, toolchain)?;
            let part = read(&directory)?;
            name = installed::kernel_name(&directory.join("root"));
            notes.extend(part.notes);
            identity = inputs::of_texts([&*identity, &part.identity]);
            layers.push(Layer { name: KERNEL_LAYER.to_owned(), entries: join(of_kernel, part.entries) });
        }
        Ok(World {
            kind: "sets",
            version,
            kernel: name,
            identity,
            layers,
            boot: BootBlocks::from_root(&root)?,
            sysroot: root.join("usr/lib/crt1.o").is_file().then_some(Sysroot::World(root)),
            notes,
        })
    }

    /// The directory with the kernel: the product's own wherever possible.
    fn kernel(
        &self,
        version: &str,
        config: &KernelConfig,
        product: &Product,
        toolchain: &Toolchain,
    ) -> Result<PathBuf> {
        let asked = &config.name;
        let given = self.unpacked(KERNEL)?;
        let name = given.as_ref().and_then(|directory| installed::kernel_name(&directory.join("root")));
        if let Some(directory) = given.as_ref().filter(|_| name.as_ref() == Some(asked)) {
            return Ok(directory.clone());
        }
        if let Some(directory) = self.unpacked(SOURCE)? {
            let tree = directory.join("root").join(SOURCE_DIR);
            let theirs = source::version(&tree, &product.board.processor)?;
            ensure!(
                theirs == version,
                "opening the sets in {}: {BASE} is FreeBSD {version} and {SOURCE} is {theirs}\nhint: take both from one release",
                self.dir.display()
            );
            return source::build_kernel(&tree, product, toolchain, self.reporter);
        }
        let Some(directory) = given else {
            bail!(no_kernel(self.dir, config));
        };
        self.reporter.warn(format_args!(
            "the kernel is `{}` of {KERNEL} and not the product's `{asked}`: put {SOURCE} into {} to build that",
            name.as_deref().unwrap_or("?"),
            self.dir.display()
        ));
        Ok(directory)
    }

    /// The directory that the set `name` is unpacked in; `None` if there is no such set.
    fn unpacked(&self, name: &str) -> Result<Option<PathBuf>> {
        let archive = self.dir.join(name);
        if !archive.exists() {
            return Ok(None);
        }
        let stated = self.manifest.checksum(name)?;
        let found = checksum(&archive)?;
        ensure!(
            found == stated,
            "checking {}: its SHA-256 is {found}, and {} has {stated}\nhint: fetch it again",
            archive.display(),
            self.manifest.path().display()
        );
        let directory = self.cache.join(format!("{}-{}", name.trim_end_matches(".txz"), &found[..16]));
        if !directory.exists() {
            let mut stage = self.reporter.stage("sets");
            stage.takes_long(format_args!("unpacking {name}"));
            let count = unpack::unpack(&archive, &directory)
                .with_context(|| format!("unpacking {}", archive.display()))?;
            stage.finish(format_args!("{name}, {count} entries"));
        }
        let directory =
            directory.canonicalize().with_context(|| format!("opening {}", directory.display()))?;
        Ok(Some(directory))
    }
}

/// The SHA-256 of a file.
fn checksum(path: &Path) -> Result<String> {
    let attempt = || format!("reading {}", path.display());
    let mut file = File::open(path).with_context(attempt)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).with_context(attempt)? {
            0 => return Ok(hex::encode(hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}
