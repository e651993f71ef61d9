//! A world that is installed in a directory: what `--src` leaves behind, and what `--world` is given.
//!
//! Two shapes are understood: a directory with `root/`, `METALOG` and `sysroot/` as the source provider leaves it, and
//! an installed root that holds its `METALOG` itself. Owner, mode and flags come from METALOG alone; the host's file
//! system says only what bytes there are and which names are hard links to each other.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rayon::prelude::*;
use rootfs::metalog::{self, Line, Type};
use rootfs::tree::{Attributes, Content, Entry, EntryKind, Layer, TreePath};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::boot_blocks::BootBlocks;
use super::contents::{KERNEL_LAYER, World};
use crate::services::Sysroot;

/// Permission bits that a file which METALOG does not list keeps from the host.
const UNLISTED_MODE: u32 = 0o755;

/// Where the kernel and its modules lie in a root.
const KERNEL_DIR: &str = "boot/kernel";

/// The directories and files of an installed world.
struct Paths {
    root: PathBuf,
    metalog: PathBuf,
    sysroot: Option<PathBuf>,
}

impl Paths {
    fn find(dir: &Path) -> Result<Self> {
        ensure!(dir.is_dir(), "opening the world {}: there is no such directory", dir.display());
        let root = if dir.join("root/bin").is_dir() { dir.join("root") } else { dir.to_owned() };
        let metalog = [dir.join("METALOG"), root.join("METALOG"), dir.join("_.metalog")];
        let Some(metalog) = metalog.iter().find(|path| path.is_file()) else {
            bail!(
                "opening the world {}: METALOG is missing, which states owners, modes and flags\nhint: install with \
                 `-DNO_ROOT METALOG=...`, or let `cargo xtask image --src` do it",
                dir.display()
            );
        };
        let sysroots = [dir.join("sysroot"), root.clone()];
        let sysroot = sysroots.into_iter().find(|path| path.join("usr/lib/crt1.o").is_file());
        Ok(Self { metalog: metalog.clone(), root, sysroot })
    }
}

/// Opens the world in `dir`.
///
/// # Errors
/// No METALOG, a line of it that is wrong, an entry without its file, a file of another type than its entry says, or
/// no boot blocks.
pub fn open(dir: &Path) -> Result<World> {
    let paths = Paths::find(dir)?;
    let Part { entries, identity, notes } = read(&paths.root, &paths.metalog)?;
    let (kernel, world) = split_kernel(entries);
    Ok(World {
        kind: "installed",
        version: version(&paths.root)?,
        kernel: kernel_name(&paths.root),
        identity,
        layers: vec![
            Layer { name: "world".to_owned(), entries: world },
            Layer { name: KERNEL_LAYER.to_owned(), entries: kernel },
        ],
        sysroot: paths.sysroot.map(Sysroot::World),
        boot: BootBlocks::from_root(&paths.root)?,
        notes,
    })
}

/// Parts what belongs to the kernel, its directory included, from the world.
pub(super) fn split_kernel(entries: Vec<Entry>) -> (Vec<Entry>, Vec<Entry>) {
    let is_kernel = |path: &str| {
        path.strip_prefix(KERNEL_DIR).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    entries.into_iter().partition(|entry| is_kernel(entry.path.as_str()))
}

/// The version of the world in `dir`, and the configuration of its kernel, if the kernel states it.
///
/// # Errors
/// It is no world.
pub(super) fn summary(dir: &Path) -> Result<(String, Option<String>)> {
    let root = Paths::find(dir)?.root;
    Ok((version(&root)?, kernel_name(&root)))
}

/// The content of a root, as its METALOG states it.
pub(super) struct Part {
    pub entries: Vec<Entry>,
    pub identity: String,
    pub notes: Vec<String>,
}

/// Reads the root `root` with the METALOG in `metalog`.
pub(super) fn read(root: &Path, metalog: &Path) -> Result<Part> {
    let text = fs::read_to_string(metalog).with_context(|| format!("reading {}", metalog.display()))?;
    let lines = latest(metalog::parse(&metalog.display().to_string(), &text)?);
    let mut notes = Vec::new();
    let lines = without_removed_directories(root, lines, &mut notes);
    let listed: HashSet<&str> = lines.iter().map(|line| line.path.as_str()).collect();
    let mut found = stat_all(root, metalog, &lines)?;
    let mut entries = entries(root, metalog, &lines, &found)?;
    for (path, metadata) in unlisted(root, &listed)? {
        notes.push(format!("{path} is not in METALOG: taken as root:wheel"));
        entries.extend(unlisted_entry(root, path.clone(), &metadata)?);
        found.push((path, metadata));
    }
    Ok(Part { entries, identity: identity(&text, &found), notes })
}

/// The last line for each path.
fn latest(lines: Vec<Line>) -> Vec<Line> {
    let mut at: HashMap<TreePath, usize> = HashMap::new();
    let mut latest: Vec<Line> = Vec::with_capacity(lines.len());
    for line in lines {
        match at.get(&line.path) {
            Some(&index) => latest[index] = line,
            None => {
                at.insert(line.path.clone(), latest.len());
                latest.push(line);
            }
        }
    }
    latest
}

/// Drops directories that are not there: `installkernel` removes some that `installworld` made and listed. What such
/// a directory held would be missed by its own lines.
fn without_removed_directories(root: &Path, lines: Vec<Line>, notes: &mut Vec<String>) -> Vec<Line> {
    let (present, removed): (Vec<Line>, Vec<Line>) = lines.into_iter().partition(|line| {
        line.kind != Type::Directory || fs::symlink_metadata(host_path(root, &line.path)).is_ok()
    });
    notes.extend(
        removed.iter().map(|line| format!("{} is in METALOG and was removed again: left out", line.path)),
    );
    present
}

fn host_path(root: &Path, path: &TreePath) -> PathBuf {
    root.join(path.as_str())
}

fn stat_all(root: &Path, metalog: &Path, lines: &[Line]) -> Result<Vec<(TreePath, Metadata)>> {
    lines
        .par_iter()
        .map(|line| {
            let host = host_path(root, &line.path);
            let metadata = fs::symlink_metadata(&host).with_context(|| {
                format!(
                    "opening the world: {} lists {} in line {}, but {} is not there; install the world again",
                    metalog.display(),
                    line.path,
                    line.number,
                    host.display()
                )
            })?;
            Ok((line.path.clone(), metadata))
        })
        .collect()
}

fn entries(
    root: &Path,
    metalog: &Path,
    lines: &[Line],
    found: &[(TreePath, Metadata)],
) -> Result<Vec<Entry>> {
    let mut first_name: HashMap<(u64, u64), &TreePath> = HashMap::new();
    let mut entries = Vec::with_capacity(lines.len());
    for (line, (_, metadata)) in lines.iter().zip(found) {
        let host = host_path(root, &line.path);
        let agrees = match line.kind {
            Type::Directory => metadata.is_dir(),
            Type::File => metadata.is_file(),
            Type::Link(_) => metadata.is_symlink(),
            Type::Char(_) | Type::Block(_) | Type::Fifo => true,
        };
        ensure!(
            agrees,
            "opening the world: line {} of {} says that {} is {:?}, but {} is {:?}",
            line.number,
            metalog.display(),
            line.path,
            line.kind,
            host.display(),
            metadata.file_type()
        );
        let kind = match &line.kind {
            Type::Directory => EntryKind::Directory,
            Type::Link(target) => EntryKind::Symlink(target.clone()),
            Type::Char(device) => EntryKind::CharDevice(device.unwrap_or_else(|| metadata.rdev())),
            Type::Block(device) => EntryKind::BlockDevice(device.unwrap_or_else(|| metadata.rdev())),
            Type::Fifo => EntryKind::Fifo,
            Type::File => match first_name.get(&(metadata.dev(), metadata.ino())) {
                Some(target) if metadata.nlink() > 1 => EntryKind::HardLink((*target).clone()),
                _ => {
                    first_name.insert((metadata.dev(), metadata.ino()), &line.path);
                    EntryKind::File(Content::Host { path: host, size: metadata.len() })
                }
            },
        };
        entries.push(Entry {
            path: line.path.clone(),
            kind,
            attributes: line.attributes.clone(),
            implicit: false,
            replace: false,
            origin: format!("METALOG line {}", line.number),
        });
    }
    Ok(entries)
}

/// What lies in the root and is not listed: databases that the installation makes (`spwd.db`, `linker.hints`), and
/// what somebody put there.
fn unlisted(root: &Path, listed: &HashSet<&str>) -> Result<Vec<(TreePath, Metadata)>> {
    let mut unlisted = Vec::new();
    for found in WalkDir::new(root).min_depth(1).sort_by_file_name() {
        let found = found.with_context(|| format!("walking the world {}", root.display()))?;
        let relative = found.path().strip_prefix(root)?;
        let Some(text) = relative.to_str() else {
            bail!("walking the world: the name of {} is not UTF-8", found.path().display());
        };
        if !listed.contains(text) && text != "METALOG" {
            unlisted.push((TreePath::parse(text)?, found.metadata()?));
        }
    }
    Ok(unlisted)
}

fn unlisted_entry(root: &Path, path: TreePath, metadata: &Metadata) -> Result<Option<Entry>> {
    let host = host_path(root, &path);
    let kind = if metadata.is_dir() {
        EntryKind::Directory
    } else if metadata.is_symlink() {
        let target = fs::read_link(&host)?;
        EntryKind::Symlink(target.to_string_lossy().into_owned())
    } else if metadata.is_file() {
        EntryKind::File(Content::Host { path: host, size: metadata.len() })
    } else {
        return Ok(None);
    };
    let mode = (metadata.permissions().mode() & UNLISTED_MODE) as u16;
    let origin = "not in METALOG".to_owned();
    Ok(Some(Entry {
        path,
        kind,
        attributes: Attributes::root(mode),
        // Another layer may know better whose it is.
        implicit: metadata.is_dir(),
        replace: false,
        origin,
    }))
}

/// `USERLAND_VERSION` of the root's freebsd-version(1).
pub(super) fn version(root: &Path) -> Result<String> {
    let script = root.join("bin/freebsd-version");
    let text = fs::read_to_string(&script)
        .with_context(|| format!("reading the world's version from {}", script.display()))?;
    text.lines()
        .find_map(|line| line.strip_prefix("USERLAND_VERSION="))
        .map(|version| version.trim_matches('"').to_owned())
        .with_context(|| format!("reading the world's version: {} has no USERLAND_VERSION", script.display()))
}

/// The configuration that the root's kernel was built from, as its what(1) string states: `@(#)FreeBSD 13.2-RELEASE
/// ALIX`, with the commit before it where there was one. A kernel whose build is not reproducible has a number and a date
/// there.
pub(super) fn kernel_name(root: &Path) -> Option<String> {
    const MARK: &[u8] = b"@(#)FreeBSD ";
    let bytes = fs::read(root.join(KERNEL_DIR).join("kernel")).ok()?;
    let at = bytes.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
    let line = bytes[at..].split(|byte| *byte == b'\n' || *byte == 0).next()?;
    let words = std::str::from_utf8(line).ok()?;
    let name = words.split(' ').skip(1).last()?;
    (!words.contains(" #")).then(|| name.to_owned())
}

/// Changes when METALOG changes or any file is touched; costs no reading of files.
fn identity(metalog: &str, found: &[(TreePath, Metadata)]) -> String {
    let mut hash = Sha256::new();
    hash.update(metalog);
    for (path, metadata) in found {
        hash.update(path.as_str());
        for number in [metadata.len() as i64, metadata.mtime(), metadata.mtime_nsec(), metadata.ino() as i64]
        {
            hash.update(number.to_le_bytes());
        }
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use rootfs::tree::Tree;

    use super::*;

    /// A root with the few files that every world has.
    fn sample(metalog: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::create_dir_all(root.join("boot")).unwrap();
        fs::write(root.join("bin/freebsd-version"), "USERLAND_VERSION=\"13.2-RELEASE\"\n").unwrap();
        fs::write(root.join("bin/["), "test").unwrap();
        fs::hard_link(root.join("bin/["), root.join("bin/test")).unwrap();
        fs::write(root.join("boot/boot"), vec![0; 8192]).unwrap();
        fs::write(root.join("boot/mbr"), vec![0; 512]).unwrap();
        fs::write(dir.path().join("METALOG"), metalog).unwrap();
        dir
    }

    const METALOG: &str = "./bin/[ type=file mode=0555\n./bin/test type=file mode=0555\n./bin type=dir mode=0711\n\
                           ./bin/freebsd-version type=file mode=0555 size=1\n./boot type=dir\n";

    #[test]
    fn attributes_are_metalogs_and_hard_links_the_hosts() {
        let dir = sample(METALOG);
        let world = open(dir.path()).unwrap();
        assert_eq!(world.version, "13.2-RELEASE");
        assert_eq!(world.notes.len(), 2, "boot/boot and boot/mbr are not listed: {:?}", world.notes);
        let tree = Tree::merge(world.layers).unwrap();
        let at = |path: &str| TreePath::parse(path).unwrap();
        assert_eq!(tree.get(&at("bin")).unwrap().attributes.mode, 0o711);
        let bin = at("bin");
        let ids: Vec<_> = tree.children(&bin).filter(|(path, _)| path.name() != "freebsd-version").collect();
        assert_eq!(ids[0].1, ids[1].1);
    }

    #[test]
    fn the_kernel_states_its_configuration() {
        let dir = sample(METALOG);
        assert_eq!(open(dir.path()).unwrap().kernel, None);
        let directory = dir.path().join("root/boot/kernel");
        fs::create_dir_all(&directory).unwrap();
        for (text, name) in [
            ("\x7fELF\0@(#)FreeBSD 13.2-RELEASE ALIX-QEMU\n\0", Some("ALIX-QEMU")),
            ("@(#)FreeBSD 13.2-RELEASE releng/13.2-n254617-525ecfdad597 GENERIC\0", Some("GENERIC")),
            ("\x7fELF\0@(#)FreeBSD 13.2-RELEASE #0: Fri Nov 20\n\0", None),
        ] {
            fs::write(directory.join("kernel"), text).unwrap();
            assert_eq!(open(dir.path()).unwrap().kernel.as_deref(), name);
        }
    }

    #[test]
    fn an_entry_without_its_file_names_both() {
        let dir = sample("./bin/gone type=file mode=0555\n");
        let error = format!("{:#}", open(dir.path()).unwrap_err());
        assert!(error.contains("lists /bin/gone in line 1") && error.contains("root/bin/gone"), "{error}");
    }

    #[test]
    fn a_directory_that_the_installation_removed_again_is_left_out() {
        let dir = sample(&format!("{METALOG}./usr/lib/debug/boot type=dir\n"));
        let world = open(dir.path()).unwrap();
        assert!(world.notes.iter().any(|note| note.contains("/usr/lib/debug/boot")), "{:?}", world.notes);
    }

    #[test]
    fn a_type_that_the_file_has_not_is_refused() {
        let dir = sample("./bin/test type=dir\n");
        let error = format!("{:#}", open(dir.path()).unwrap_err());
        assert!(error.contains("line 1") && error.contains("Directory"), "{error}");
    }

    #[test]
    fn a_root_without_metalog_is_told_how_to_get_one() {
        let dir = sample(METALOG);
        fs::remove_file(dir.path().join("METALOG")).unwrap();
        let error = format!("{:#}", open(dir.path()).unwrap_err());
        assert!(error.contains("-DNO_ROOT"), "{error}");
    }

    #[test]
    fn a_touched_file_changes_the_identity() {
        let dir = sample(METALOG);
        let before = open(dir.path()).unwrap().identity;
        assert_eq!(before, open(dir.path()).unwrap().identity);
        fs::write(dir.path().join("root/bin/["), "TEST!").unwrap();
        assert_ne!(before, open(dir.path()).unwrap().identity);
    }
}
