//! The layer with root's `authorized_keys`.
//!
//! It is in `/root`, which is part of the slot, and not in `/etc`: a copy that a unit has saved on `/cfg` would keep a key
//! that a later image has withdrawn.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rootfs::tree::{EntryKind, Layer, TreePath};

use super::public_key;
use crate::product::Access;

/// The name of the layer.
const NAME: &str = "access";
/// The directory of root's own SSH files. sshd(8) refuses keys in a directory that others could change (`StrictModes`).
const DIRECTORY: &str = "root/.ssh";
const FILE: &str = "authorized_keys";

/// The layer with the keys of `access`, or `None` if it has none. `root` is the root of the repository.
///
/// # Errors
/// A file cannot be read, has a line that is no public key, or has no key at all. The message names file and line.
pub fn layer(root: &Path, access: &Access) -> Result<Option<Layer>> {
    if access.authorized_keys.is_empty() {
        return Ok(None);
    }
    let files = access.authorized_keys.iter().map(|file| keys_of(root, file));
    let keys: String = files.collect::<Result<Vec<_>>>().context("access.authorized_keys")?.concat();
    let mut layer = Layer::new(NAME);
    let directory = TreePath::parse(DIRECTORY)?;
    layer.push(directory.clone(), EntryKind::Directory, 0o700);
    layer.push(directory.join(FILE)?, EntryKind::File(keys.as_str().into()), 0o600);
    Ok(Some(layer))
}

/// The lines with keys in `file`, each with a line break.
fn keys_of(root: &Path, file: &str) -> Result<String> {
    let text = fs::read_to_string(root.join(file)).with_context(|| format!("reading {file}"))?;
    let mut keys = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        public_key::check(line).with_context(|| format!("{file}:{number}"))?;
        keys += line;
        keys.push('\n');
    }
    ensure!(
        !keys.is_empty(),
        "{file} has no public key\nhint: `ssh-keygen -t ed25519` makes a key pair; name the file with the suffix .pub"
    );
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use rootfs::tree::{Principal, Tree};

    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f alice";

    fn layer_of(files: &[(&str, &str)]) -> Result<Option<Layer>> {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(root.path().join(name), text).unwrap();
        }
        let authorized_keys = files.iter().map(|(name, _)| (*name).to_owned()).collect();
        layer(root.path(), &Access { authorized_keys })
    }

    #[test]
    fn keys_of_all_files_are_roots_alone() {
        let alice = format!("# of Alice\n\n{KEY}\n");
        let bob = format!("  from=\"192.0.2.0/24\" {}\r\n", KEY.replace("alice", "bob"));
        let layer = layer_of(&[("alice.pub", &alice), ("bob.pub", &bob)]).unwrap().unwrap();
        let tree = Tree::merge(vec![layer]).unwrap();
        let file = TreePath::parse("root/.ssh/authorized_keys").unwrap();
        let wanted = format!("{KEY}\nfrom=\"192.0.2.0/24\" {}\n", KEY.replace("alice", "bob"));
        assert_eq!(tree.read_text(&file).unwrap(), wanted);
        for (path, mode) in [("root/.ssh", 0o700), ("root/.ssh/authorized_keys", 0o600)] {
            let attributes = &tree.get(&TreePath::parse(path).unwrap()).unwrap().attributes;
            assert_eq!((attributes.mode, &attributes.user), (mode, &Principal::Id(0)), "{path}");
        }
        assert!(layer_of(&[]).unwrap().is_none());
    }

    #[test]
    fn a_refusal_names_file_and_line() {
        let refusal = |text: &str| format!("{:#}", layer_of(&[("team.pub", text)]).unwrap_err());
        let error = refusal(&format!("# team\n{KEY}\nssh-ed25519 AAAA\n"));
        assert!(error.starts_with("access.authorized_keys: team.pub:3: "), "{error}");
        let error = refusal("# nobody yet\n");
        assert!(error.starts_with("access.authorized_keys: team.pub has no public key\nhint: "), "{error}");
        let access = Access { authorized_keys: vec!["none.pub".to_owned()] };
        let error = format!("{:#}", layer(Path::new("/nowhere"), &access).unwrap_err());
        assert!(error.starts_with("access.authorized_keys: reading none.pub: "), "{error}");
    }
}
