//! A set's archive, taken apart into `root/` and the METALOG of it.
//!
//! The directory comes into being whole or not at all. What is written lies in it, whatever the archive says: names with `..`
//! are refused, and so is what lies below a link. The files belong to whoever unpacks them; METALOG says whose they are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rootfs::tree::{Attributes, TreePath};
use rootfs::{archive, flags, vis};
use tar::EntryType;

/// The file beside `root`.
pub const METALOG: &str = "METALOG";

/// Unpacks `set` into `directory`, which is not there yet; returns how many entries there were.
///
/// # Errors
/// The archive is damaged, or holds what no set has.
pub fn unpack(set: &Path, directory: &Path) -> Result<usize> {
    let above = directory.parent().context("finding the directory of the cache")?;
    fs::create_dir_all(above).with_context(|| format!("making {}", above.display()))?;
    let aside = tempfile::tempdir_in(above).with_context(|| format!("writing into {}", above.display()))?;
    let root = aside.path().join("root");
    fs::create_dir(&root).with_context(|| format!("making {}", root.display()))?;
    let mut unpacking = Unpacking { root, kinds: BTreeMap::new(), metalog: "#mtree\n".to_owned() };
    let from = File::open(set).with_context(|| format!("reading {}", set.display()))?;
    let count = unpacking.all(from)?;
    ensure!(count > 0, "the archive holds nothing");
    let metalog = aside.path().join(METALOG);
    fs::write(&metalog, unpacking.metalog).with_context(|| format!("writing {}", metalog.display()))?;
    // A build beside this one may have been faster; what it unpacked is the same.
    if let Err(error) = fs::rename(aside.path(), directory)
        && !directory.join(METALOG).is_file()
    {
        return Err(error).with_context(|| format!("making {}", directory.display()));
    }
    Ok(count)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
    Link,
}

struct Unpacking {
    root: PathBuf,
    kinds: BTreeMap<TreePath, Kind>,
    metalog: String,
}

impl Unpacking {
    fn all(&mut self, from: impl Read) -> Result<usize> {
        let mut archive = archive::open(from)?;
        let mut count = 0;
        for entry in archive.entries().context("reading the archive")? {
            let mut entry = entry.context("reading the archive: it is damaged")?;
            let name = text(entry.path_bytes().into_owned())?;
            self.one(&mut entry, &name).with_context(|| name.clone())?;
            count += 1;
        }
        Ok(count)
    }

    fn one(&mut self, entry: &mut tar::Entry<'_, impl Read>, name: &str) -> Result<()> {
        let path = TreePath::parse(name)?;
        let attributes = archive::attributes(entry)?;
        self.make_parents(&path)?;
        let to = self.root.join(path.as_str());
        let kind = entry.header().entry_type();
        let is_new = match self.kinds.get(&path) {
            None => true,
            Some(Kind::Directory) if kind == EntryType::Directory => false,
            Some(_) => bail!("it is in the archive twice"),
        };
        let target = || -> Result<String> {
            text(entry.link_name_bytes().context("it is a link without a target")?.into_owned())
        };
        let (kind, word, target) = match kind {
            EntryType::Directory => {
                if is_new && !path.is_root() {
                    fs::create_dir(&to).with_context(|| format!("making {}", to.display()))?;
                }
                (Kind::Directory, "dir", None)
            }
            EntryType::Symlink => {
                let target = target()?;
                symlink(&target, &to).with_context(|| format!("making {}", to.display()))?;
                (Kind::Link, "link", Some(target))
            }
            EntryType::Link => {
                let target = target()?;
                let from = TreePath::parse(&target)?;
                ensure!(
                    self.kinds.get(&from) == Some(&Kind::File),
                    "it is a hard link to {target}, which is no file of the set before it"
                );
                fs::hard_link(self.root.join(from.as_str()), &to)
                    .with_context(|| format!("making {}", to.display()))?;
                (Kind::File, "file", None)
            }
            kind if kind.is_file() => {
                write(entry, &to, &attributes)?;
                (Kind::File, "file", None)
            }
            other => bail!("it is neither file, directory nor link, but of the tar type {other:?}"),
        };
        self.list(&path, word, &attributes, target.as_deref());
        self.kinds.insert(path, kind);
        Ok(())
    }

    /// Makes the directories above `path` that the archive does not name before it.
    fn make_parents(&mut self, path: &TreePath) -> Result<()> {
        let Some(parent) = path.parent().filter(|parent| !parent.is_root()) else { return Ok(()) };
        match self.kinds.get(&parent) {
            Some(Kind::Directory) => return Ok(()),
            Some(_) => bail!("it lies below {parent}, which is no directory"),
            None => self.make_parents(&parent)?,
        }
        let to = self.root.join(parent.as_str());
        fs::create_dir(&to).with_context(|| format!("making {}", to.display()))?;
        self.kinds.insert(parent, Kind::Directory);
        Ok(())
    }

    fn list(&mut self, path: &TreePath, kind: &str, attributes: &Attributes, target: Option<&str>) {
        let Attributes { user, group, mode, .. } = attributes;
        let (path, flags) = (vis::encode(path.as_str()), flags::names(attributes.flags));
        let link = target.map(|target| format!(" link={}", vis::encode(target))).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.metalog,
            "./{path} type={kind} uname={user} gname={group} mode={mode:04o} flags={flags}{link}"
        );
    }
}

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        anyhow::anyhow!("the name `{}` is not UTF-8", String::from_utf8_lossy(error.as_bytes()))
    })
}

/// Writes a file with the run bit that it has: FreeBSD's build runs scripts of its source.
fn write(entry: &mut impl Read, to: &Path, attributes: &Attributes) -> Result<()> {
    let mode = if attributes.mode & 0o100 == 0 { 0o644 } else { 0o755 };
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(to);
    let mut file = file.with_context(|| format!("making {}", to.display()))?;
    archive::copy(entry, &mut file, to, |_| {})
}
