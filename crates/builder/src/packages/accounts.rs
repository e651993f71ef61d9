//! Accounts and login shells of packages: changes to files of `/etc` in a layer above all others.

use std::collections::BTreeSet;

use anyhow::Result;
use freebsd_pkg::accounts::AccountFiles;
use freebsd_pkg::actions::Actions;
use freebsd_pkg::package::Package;
use rootfs::tree::{Attributes, Entry, EntryKind, Layer, TreePath};

use super::context::InstallContext;

/// Adds the account files with the users and groups of `packages` to `top`, if they differ from those of the other layers.
///
/// # Errors
/// As [`AccountFiles::add`], or the other layers have no account files.
pub fn add_accounts(
    top: &mut Layer,
    packages: &[Package],
    actions: &[Actions],
    context: &InstallContext<'_>,
) -> Result<()> {
    let needs_accounts = |package: &Package, actions: &Actions| {
        !(package.manifest.users.is_empty()
            && package.manifest.groups.is_empty()
            && actions.users.is_empty()
            && actions.groups.is_empty()
            && actions.memberships.is_empty())
    };
    if !packages.iter().zip(actions).any(|(package, actions)| needs_accounts(package, actions)) {
        return Ok(());
    }
    let master_path = TreePath::parse("etc/master.passwd")?;
    let passwd_path = TreePath::parse("etc/passwd")?;
    let group_path = TreePath::parse("etc/group")?;
    let (master_passwd, master_attributes) = context.text(&master_path)?;
    let (passwd, passwd_attributes) = context.text(&passwd_path)?;
    let (group, group_attributes) = context.text(&group_path)?;

    let before = AccountFiles { master_passwd, passwd, group };
    let mut after = before.clone();
    for (package, actions) in packages.iter().zip(actions) {
        let manifest = &package.manifest;
        after.add(&manifest.name, actions, (&manifest.users, &manifest.groups))?;
    }
    if after.group != before.group {
        replace(top, group_path, &after.group, group_attributes);
    }
    if after.master_passwd != before.master_passwd {
        replace(top, master_path, &after.master_passwd, master_attributes);
        replace(top, passwd_path, &after.passwd, passwd_attributes);
        if context.file(&TreePath::parse("etc/pwd.db")?).is_some() {
            // libc looks up accounts in pwd.db; /etc/rc.d/sluice_accounts rebuilds it if this file exists.
            top.push(TreePath::parse("etc/accounts.changed")?, EntryKind::File("".into()), 0o444);
        }
    }
    Ok(())
}

/// Adds `/etc/shells` with the login shells of packages to `top`.
///
/// # Errors
/// The file of the other layers cannot be read.
pub fn add_shells(top: &mut Layer, actions: &[Actions], context: &InstallContext<'_>) -> Result<()> {
    let wanted: BTreeSet<&str> =
        actions.iter().flat_map(|actions| &actions.shells).map(String::as_str).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let path = TreePath::parse("etc/shells")?;
    let (mut shells, attributes) = match context.file(&path) {
        Some(_) => context.text(&path)?,
        None => (String::new(), Attributes::root(0o644)),
    };
    for shell in wanted {
        if !shells.lines().any(|line| line == shell) {
            if !shells.is_empty() && !shells.ends_with('\n') {
                shells.push('\n');
            }
            shells.push_str(shell);
            shells.push('\n');
        }
    }
    replace(top, path, &shells, attributes);
    Ok(())
}

/// Replaces the file at `path` of lower layers.
fn replace(layer: &mut Layer, path: TreePath, text: &str, attributes: Attributes) {
    layer.entries.push(Entry {
        path,
        kind: EntryKind::File(text.into()),
        attributes,
        implicit: false,
        replace: true,
        origin: "accounts and shells of packages".to_owned(),
    });
}
