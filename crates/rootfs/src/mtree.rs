//! The mtree(5) specification of a tree: every path with its owner, mode, flags, size and SHA-256, as `mtree -f` checks it on
//! the running system. The layer of a path is its tag, as packages are in METALOG: `tags=layer=world`. mtree(8) ignores tags
//! unless it is asked for some.

use std::collections::HashMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::inode::{Inode, InodeId, Kind, Principal};
use crate::path::TreePath;
use crate::tree::Tree;
use crate::{flags, vis};

/// The keyword for the layer of a path; its name in vis(3) follows.
pub const LAYER: &str = "tags=layer=";

/// The SHA-256 of every regular file, in hexadecimal.
pub type Digests = HashMap<InodeId, String>;

/// Reads and hashes every regular file of `tree`, in parallel.
///
/// # Errors
/// A host file cannot be read, or has changed.
pub fn digests(tree: &Tree) -> Result<Digests> {
    let mut files: Vec<InodeId> = tree.names().map(|(_, id)| id).collect();
    files.sort_unstable();
    files.dedup();
    files
        .into_par_iter()
        .filter_map(|id| match &tree.inode(id).kind {
            Kind::File(content) => Some((id, content)),
            _ => None,
        })
        .map(|(id, content)| Ok((id, hex::encode(Sha256::digest(content.read()?)))))
        .collect()
}

/// Writes the specification of `tree`. `own` is the path of the specification itself, which is listed without size and
/// digest.
///
/// # Errors
/// An owner is still a name.
pub fn write(tree: &Tree, digests: &Digests, own: &TreePath) -> Result<String> {
    let mut names: HashMap<InodeId, u32> = HashMap::new();
    for (_, id) in tree.names() {
        *names.entry(id).or_default() += 1;
    }
    let mut text = String::from("#mtree 2.0\n");
    for (path, id) in tree.names() {
        let inode = tree.inode(id);
        line(&mut text, path, inode).with_context(|| format!("describing {path}"))?;
        if let Kind::File(content) = &inode.kind {
            write!(text, " nlink={}", names.get(&id).unwrap_or(&1))?;
            if path != own {
                let digest = digests.get(&id).with_context(|| format!("{path} was not hashed"))?;
                write!(text, " size={} sha256={digest}", content.size())?;
            }
        }
        writeln!(text, " {LAYER}{}", vis::encode(tree.layer_name(inode.layer)))?;
    }
    Ok(text)
}

fn line(text: &mut String, path: &TreePath, inode: &Inode) -> Result<()> {
    let attributes = &inode.attributes;
    let (Principal::Id(uid), Principal::Id(gid)) = (&attributes.user, &attributes.group) else {
        anyhow::bail!("its owner is not resolved to a number");
    };
    let shown = if path.is_root() { ".".to_owned() } else { format!("./{}", vis::encode(path.as_str())) };
    write!(
        text,
        "{shown} type={} uid={uid} gid={gid} mode={:04o} flags={}",
        inode.kind.word(),
        attributes.mode,
        flags::names(attributes.flags)
    )?;
    match &inode.kind {
        Kind::Symlink(target) => write!(text, " link={}", vis::encode(target))?,
        Kind::CharDevice(device) | Kind::BlockDevice(device) => write!(text, " device={device:#x}")?,
        Kind::Directory | Kind::File(_) | Kind::Fifo => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{EntryKind, Layer};

    #[test]
    fn every_path_is_listed_with_what_mtree_checks() {
        let mut layer = Layer::new("test");
        let at = |path: &str| TreePath::parse(path).unwrap();
        layer.push(at("bin/a b"), EntryKind::File("x".into()), 0o555);
        layer.push(at("bin/c"), EntryKind::HardLink(at("bin/a b")), 0);
        layer.push(at("etc/rmt"), EntryKind::Symlink("../usr/sbin/rmt".into()), 0o755);
        let mut tree = Tree::merge(vec![layer]).unwrap();
        tree.get_mut(&at("bin/c")).unwrap().attributes.flags = 0x2_0000;
        let digests = digests(&tree).unwrap();
        let text = write(&tree, &digests, &at("spec")).unwrap();
        let x = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
        let expected = format!(
            "#mtree 2.0\n\
             . type=dir uid=0 gid=0 mode=0755 flags=none tags=layer=test\n\
             ./bin type=dir uid=0 gid=0 mode=0755 flags=none tags=layer=test\n\
             ./bin/a\\040b type=file uid=0 gid=0 mode=0555 flags=schg nlink=2 size=1 sha256={x} tags=layer=test\n\
             ./bin/c type=file uid=0 gid=0 mode=0555 flags=schg nlink=2 size=1 sha256={x} tags=layer=test\n\
             ./etc type=dir uid=0 gid=0 mode=0755 flags=none tags=layer=test\n\
             ./etc/rmt type=link uid=0 gid=0 mode=0755 flags=none link=../usr/sbin/rmt tags=layer=test\n"
        );
        assert_eq!(text, expected);
    }
}
