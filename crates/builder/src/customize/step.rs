//! Applying a step of the product definition to the tree.
//!
//! A step that would change nothing is an error: a line that a new FreeBSD spells differently must not go unnoticed.

use std::path::Path;

use anyhow::{Context, Result, bail};
use rootfs::tree::{Attributes, Content, Inode, Kind, LayerId, Tree, TreePath};

use crate::product::{Action, Owner, Step, Text};

impl Owner {
    fn apply(&self, attributes: &mut Attributes) {
        if let Some(user) = &self.user {
            attributes.user.clone_from(user);
        }
        if let Some(group) = &self.group {
            attributes.group.clone_from(group);
        }
    }
}

impl Step {
    /// Applies the step to `tree`, as a part of `layer`. `root` is the root of the repository.
    pub(super) fn apply(&self, tree: &mut Tree, layer: LayerId, root: &Path) -> Result<()> {
        match &self.action {
            Action::Put { path, text, mode, owner } => {
                let content = text.content(root)?;
                let previous = match tree.get(path) {
                    None => None,
                    Some(Inode { kind: Kind::File(_), attributes, .. }) => Some(attributes.clone()),
                    Some(inode) => bail!(
                        "putting a file at {path}: layer `{}` has a {} there\nhint: to replace it, remove it in a step before",
                        tree.layer_name(inode.layer),
                        inode.kind.word()
                    ),
                };
                let attributes = attributes(previous, 0o644, *mode, owner.as_ref());
                tree.put(layer, path, Kind::File(content), attributes)
            }
            Action::Append { path, text } => {
                tree.read(path).with_context(|| format!("appending to {path}"))?;
                tree.append(layer, path, text)
            }
            Action::Replace { path, line, with } => replace(tree, layer, path, line, with),
            Action::Remove { path } => {
                if tree.remove(path) {
                    return Ok(());
                }
                bail!("removing {path}: it is not in the image\nhint: drop the step, or correct the path")
            }
            Action::Chmod { path, mode } => {
                existing(tree, path, "changing the mode of")?.mode = *mode;
                Ok(())
            }
            Action::Chown { path, owner } => {
                owner.apply(existing(tree, path, "changing the owner of")?);
                Ok(())
            }
            Action::Symlink { path, to } => {
                if let Some(inode) = tree.get(path).filter(|inode| !matches!(inode.kind, Kind::Symlink(_))) {
                    bail!(
                        "creating the symbolic link {path}: layer `{}` has a {} there\nhint: to replace it, remove it in a step before",
                        tree.layer_name(inode.layer),
                        inode.kind.word()
                    );
                }
                tree.put_symlink(layer, path, to)
            }
            Action::Mkdir { path, mode, owner } => {
                tree.make_dirs(layer, path, 0o755)?;
                let current = existing(tree, path, "creating the directory")?;
                *current = attributes(Some(current.clone()), 0o755, *mode, owner.as_ref());
                Ok(())
            }
            Action::Sysrc { file, assignment } => assignment.apply(tree, layer, file),
            Action::AllowSshKeys => allow_ssh_keys(tree, layer),
            Action::AllowSshRoot => allow_ssh_root(tree, layer),
        }
    }
}

impl Text {
    fn content(&self, root: &Path) -> Result<Content> {
        Ok(match self {
            Self::Inline(text) => text.as_str().into(),
            Self::From(file) => {
                let path = root.join(file);
                std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?.into()
            }
        })
    }
}

fn attributes(
    previous: Option<Attributes>,
    default: u16,
    mode: Option<u16>,
    owner: Option<&Owner>,
) -> Attributes {
    let mut attributes = previous.unwrap_or_else(|| Attributes::root(default));
    attributes.mode = mode.unwrap_or(attributes.mode);
    if let Some(owner) = owner {
        owner.apply(&mut attributes);
    }
    attributes
}

fn existing<'t>(tree: &'t mut Tree, path: &TreePath, what: &str) -> Result<&'t mut Attributes> {
    let inode = tree.get_mut(path);
    let inode =
        inode.with_context(|| format!("{what} {path}: it is not in the image\nhint: correct the path"))?;
    Ok(&mut inode.attributes)
}

fn replace(tree: &mut Tree, layer: LayerId, path: &TreePath, line: &str, with: &str) -> Result<()> {
    let text = tree.read_text(path).with_context(|| format!("replacing a line of {path}"))?;
    if !text.lines().any(|found| found == line) {
        let nearest = text
            .lines()
            .max_by(|a, b| strsim::jaro_winkler(a, line).total_cmp(&strsim::jaro_winkler(b, line)))
            .unwrap_or_default();
        bail!(
            "replacing a line of {path}: there is no line `{line}`\nhint: the most similar line is `{nearest}`"
        );
    }
    let lines = text.lines().map(|found| if found == line { with } else { found });
    let mut changed = lines.collect::<Vec<_>>().join("\n");
    if text.ends_with('\n') {
        changed.push('\n');
    }
    rewrite(tree, layer, path, &changed)
}

/// Replaces the content of a file, and keeps its attributes.
pub(super) fn rewrite(tree: &mut Tree, layer: LayerId, path: &TreePath, text: &str) -> Result<()> {
    let previous = tree.get(path).map(|inode| inode.attributes.clone());
    tree.put(layer, path, Kind::File(text.into()), previous.unwrap_or_else(|| Attributes::root(0o644)))
}

/// Lets sshd run, and accept nothing but keys. A default in `/etc/defaults/rc.conf`, so that a unit can still be told not to
/// run it, and so that a saved `rc.conf` does not hide it.
fn allow_ssh_keys(tree: &mut Tree, layer: LayerId) -> Result<()> {
    let defaults = TreePath::parse("etc/defaults/rc.conf")?;
    tree.append(layer, &defaults, "# The product has keys that may log in. (Sluice)\nsshd_enable=\"YES\"\n")?;
    set_in_sshd_config(tree, layer, "KbdInteractiveAuthentication", "no")?;
    set_in_sshd_config(tree, layer, "PasswordAuthentication", "no")?;
    set_in_sshd_config(tree, layer, "PermitRootLogin", "prohibit-password")
}

/// Edits `sshd_config` as `cust_allow_ssh_root` does.
fn allow_ssh_root(tree: &mut Tree, layer: LayerId) -> Result<()> {
    set_in_sshd_config(tree, layer, "PermitRootLogin", "yes")
}

/// Sets a keyword of `sshd_config`, also where it is commented out, and creates the file if the world has none.
fn set_in_sshd_config(tree: &mut Tree, layer: LayerId, keyword: &str, value: &str) -> Result<()> {
    let path = TreePath::parse("etc/ssh/sshd_config")?;
    let text = if tree.get(&path).is_some() { tree.read_text(&path)? } else { String::new() };
    let setting = format!("{keyword} {value}");
    let is_setting = |line: &str| line.trim_start_matches('#').starts_with(keyword);
    let mut lines: Vec<&str> =
        text.lines().map(|line| if is_setting(line) { setting.as_str() } else { line }).collect();
    if !lines.contains(&setting.as_str()) {
        // A setting after a `Match` would only apply to some connections.
        lines.insert(0, &setting);
    }
    rewrite(tree, layer, &path, &(lines.join("\n") + "\n"))
}
