//! Private keys that everyone on a unit could read: sshd(8) refuses such a host key, and others should.

use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result};
use rootfs::tree::{Content, Inode, Kind, Tree, TreePath};

/// The permission bits of others.
const OTHERS: u16 = 0o007;
/// How a PEM or OpenSSH file begins.
const BEGIN: &[u8] = b"-----BEGIN ";
/// How the first line of a file with a private key ends.
const PRIVATE: &[u8] = b"PRIVATE KEY-----";
/// The number of bytes that contain the first line of a key file.
const HEAD: u64 = 64;

/// A warning for each private key that everyone may read, in the layers of `tree` that `is_checked` accepts by their name.
/// `mount_point` precedes the paths: empty for the root file system, or the likes of `/cfg`.
///
/// # Errors
/// A file cannot be read.
pub fn warnings(tree: &Tree, mount_point: &str, is_checked: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for (path, id) in tree.names() {
        let inode = tree.inode(id);
        let is_open = inode.attributes.mode & OTHERS != 0;
        if is_open && is_checked(tree.layer_name(inode.layer)) && is_private_key(path, inode)? {
            warnings.push(format!(
                "{mount_point}{path} is a private key, and its mode {:04o} lets everyone read it; give it mode 0600 with \
                 [overlay.rules.\"{mount_point}{path}\"]",
                inode.attributes.mode
            ));
        }
    }
    Ok(warnings)
}

fn is_private_key(path: &TreePath, inode: &Inode) -> Result<bool> {
    let Kind::File(content) = &inode.kind else { return Ok(false) };
    let head = head(content).with_context(|| format!("reading {path}"))?;
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(line.starts_with(BEGIN) && line.trim_ascii_end().ends_with(PRIVATE))
}

/// The first bytes of a file.
fn head(content: &Content) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    match content {
        Content::Bytes(bytes) => head.extend(bytes.iter().take(HEAD as usize)),
        Content::Host { path, .. } => {
            let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
            file.take(HEAD).read_to_end(&mut head)?;
        }
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use rootfs::tree::{EntryKind, Layer};

    use super::*;

    #[test]
    fn a_private_key_that_everyone_may_read_is_reported_and_nothing_else() {
        let mut layer = Layer::new("overlay");
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n";
        for (path, text, mode) in [
            ("etc/ssh/open", key, 0o644),
            ("etc/ssh/closed", key, 0o600),
            ("etc/ssh/rsa", "-----BEGIN RSA PRIVATE KEY-----\r\nAAAA\r\n", 0o604),
            ("etc/ssh/public", "-----BEGIN PUBLIC KEY-----\nAAAA\n", 0o644),
            ("etc/text", "x", 0o644),
        ] {
            layer.push(TreePath::parse(path).unwrap(), EntryKind::File(text.into()), mode);
        }
        let tree = Tree::merge(vec![layer]).unwrap();
        let found = |mount_point, checked| warnings(&tree, mount_point, |name| name == checked).unwrap();
        assert_eq!(
            found("/cfg", "overlay"),
            [
                "/cfg/etc/ssh/open is a private key, and its mode 0644 lets everyone read it; give it mode 0600 with \
                 [overlay.rules.\"/cfg/etc/ssh/open\"]",
                "/cfg/etc/ssh/rsa is a private key, and its mode 0604 lets everyone read it; give it mode 0600 with \
                 [overlay.rules.\"/cfg/etc/ssh/rsa\"]",
            ]
        );
        assert!(found("", "world").is_empty());
    }
}
