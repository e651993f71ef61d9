//! The initial content of `/cfg` and `/data` in the full image. Updates never touch it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rootfs::tree::{Principal, Tree};

use super::filesystem;
use crate::layer::{overlay, private_keys};
use crate::product::Product;

/// The initial content of the slices that a unit writes to.
#[derive(Debug)]
pub struct Writable {
    /// The content of `/cfg`.
    pub cfg: ufs::Tree,
    /// The content of `/data`, if the product has it.
    pub data: ufs::Tree,
    /// What the engineer should check.
    pub warnings: Vec<String>,
}

impl Writable {
    /// Reads the directories that `product` names, as paths from `root`. All files belong to root, with mode 0755 if they are
    /// executable and 0644 otherwise, unless a rule of the overlay says otherwise.
    ///
    /// # Errors
    /// A directory does not exist, or has something that an image cannot hold.
    pub fn read(root: &Path, product: &Product) -> Result<Self> {
        let mut warnings = Vec::new();
        let cfg = content(root, product, "/cfg", &mut warnings).context("slices.cfg_folder")?;
        let data = content(root, product, "/data", &mut warnings).context("slices.data_folder")?;
        Ok(Self { cfg, data, warnings })
    }
}

fn content(
    root: &Path,
    product: &Product,
    mount_point: &str,
    warnings: &mut Vec<String>,
) -> Result<ufs::Tree> {
    let layers = overlay::of_slice(root, product, mount_point, warnings)?;
    if layers.is_empty() {
        return Ok(ufs::Tree::new(ufs::Meta::new(0o755)));
    }
    let mut tree = Tree::merge(layers)?;
    for inode in tree.inodes_mut() {
        let attributes = &mut inode.attributes;
        for (owner, name_of_0) in [(&mut attributes.user, "root"), (&mut attributes.group, "wheel")] {
            if let Principal::Name(name) = owner {
                ensure!(
                    name == name_of_0,
                    "the owner `{name}` of a file of {mount_point} is not a number\n\
                     hint: write the number in the rule; names are only known for the root file system"
                );
                *owner = Principal::Id(0);
            }
        }
    }
    warnings.extend(private_keys::warnings(&tree, mount_point, |_| true)?);
    filesystem::convert(&tree)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_host_key_in_cfg_gets_the_mode_of_its_rule_and_a_warning_without_one() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("site/cfg/ssh/ssh_host_rsa_key", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n"),
            ("site/cfg/rc.conf", "hostname=\"a\"\n"),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir(root.path().join("appliance")).unwrap();
        let read = |rule: &str| {
            let definition = format!("[slices]\ncfg_folder = \"site/cfg\"\n{rule}");
            fs::write(root.path().join(crate::product::DEFINITION), definition).unwrap();
            Writable::read(root.path(), &Product::load(root.path(), &[]).unwrap())
        };
        let warnings = read("").unwrap().warnings;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("/cfg/ssh/ssh_host_rsa_key is a private key, "), "{warnings:?}");
        let rule = "[overlay.rules.\"/cfg/ssh/ssh_host_rsa_key\"]\nmode = \"0600\"\n";
        assert!(read(&format!("{rule}user = \"root\"\ngroup = \"0\"\n")).unwrap().warnings.is_empty());
        let error = format!("{:#}", read(&format!("{rule}user = \"www\"\n")).unwrap_err());
        assert!(error.contains("`www` of a file of /cfg is not a number"), "{error}");
    }
}
