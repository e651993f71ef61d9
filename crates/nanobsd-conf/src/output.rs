//! The folder that a conversion makes: whole, or not at all.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use builder::product::Product;

use super::{Conversion, Converted};

/// The product definition in it.
const PRODUCT: &str = "product.toml";
/// The modes of the files that it brings.
pub const MODES: &str = "files.mtree";
/// The notes in it.
const NOTES: &str = "NOTES.md";

/// A folder that is not there yet, or is empty.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes sure that `path` can be made.
    ///
    /// # Errors
    /// There is something in it, or it cannot be made.
    pub fn check(path: &Path) -> Result<Self> {
        let attempt = || format!("making the folder {}", path.display());
        if fs::symlink_metadata(path).is_ok() {
            let mut content = fs::read_dir(path).with_context(attempt)?;
            ensure!(
                content.next().is_none(),
                "{}: it has something in it, which would be lost; remove it, or name another with --output",
                attempt()
            );
        }
        let absolute = std::path::absolute(path).with_context(attempt)?;
        let (parent, name) = absolute.parent().zip(absolute.file_name()).with_context(attempt)?;
        fs::create_dir_all(parent).with_context(attempt)?;
        Ok(Self { path: parent.canonicalize().with_context(attempt)?.join(name) })
    }

    /// The folder as the product definition names it: from the root of the repository, or else whole.
    pub fn name_from(&self, root: &Path) -> String {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        self.path.strip_prefix(&root).unwrap_or(&self.path).display().to_string()
    }

    /// Writes everything, and checks that the product definition is taken.
    ///
    /// # Errors
    /// The host cannot hold it.
    pub fn write(&self, mut conversion: Conversion, root: &Path) -> Result<Converted> {
        let attempt = || format!("writing {}", self.path.display());
        let parent = self.path.parent().unwrap_or(Path::new("."));
        let staged = tempfile::Builder::new().prefix(".convert.").tempdir_in(parent).with_context(attempt)?;
        let dir = staged.path();
        fs::set_permissions(dir, Permissions::from_mode(0o755)).with_context(attempt)?;
        for copy in &conversion.copies {
            let to = dir.join(&copy.to);
            fs::create_dir_all(to.parent().unwrap_or(dir)).with_context(attempt)?;
            let Some(from) = &copy.from else {
                fs::write(&to, "").with_context(attempt)?;
                continue;
            };
            fs::copy(from, &to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
        }
        for hook in &conversion.customization.hooks {
            let to = dir.join("hooks").join(&hook.path);
            fs::create_dir_all(to.parent().unwrap_or(dir)).with_context(attempt)?;
            fs::write(&to, &hook.text).with_context(attempt)?;
            fs::set_permissions(&to, Permissions::from_mode(0o755)).with_context(attempt)?;
        }
        if !conversion.modes.is_empty() {
            fs::write(dir.join(MODES), conversion.modes.concat()).with_context(attempt)?;
        }
        if !conversion.packages.is_empty() {
            let text = format!("# Packages of {}.\n{}\n", conversion.name, conversion.packages.join("\n"));
            fs::write(dir.join("pkglist"), text).with_context(attempt)?;
        }
        let base = conversion.base.clone();
        if Path::new(&base).is_absolute() {
            conversion.ledger.advise(format!(
                "{base} is outside of the repository: its path gets into product.toml and the manifest; move it into the \
                 repository, and correct the paths in product.toml, for others to build the same"
            ));
        }
        let head = format!(
            "{}, converted: `cargo xtask image -c {base}/{PRODUCT}`.\nWhat is not here is as in appliance.toml; {NOTES} \
             says what became of each line.",
            conversion.name
        );
        let product = dir.join(PRODUCT);
        fs::write(&product, conversion.draft.text(&head)).with_context(attempt)?;
        match Product::load(root, std::slice::from_ref(&product)) {
            Ok(product) => product.warnings.into_iter().for_each(|warning| conversion.ledger.advise(warning)),
            Err(error) => {
                let error = format!("{error:#}").replace(&product.display().to_string(), PRODUCT);
                conversion.ledger.advise(format!(
                    "`cargo xtask image` will refuse {PRODUCT} until it is corrected: {error}"
                ));
            }
        }
        fs::write(dir.join(NOTES), notes(&conversion)).with_context(attempt)?;
        // A folder takes the place of an empty one.
        fs::rename(dir, &self.path).with_context(attempt)?;
        let _ = staged.keep(); // it is where it belongs
        let hooks =
            conversion.customization.hooks.iter().map(|hook| format!("hooks/{}", hook.path)).collect();
        Ok(Converted { notes: conversion.ledger.to_look_at(), product: self.path.join(PRODUCT), hooks })
    }
}

/// The text of the notes.
fn notes(conversion: &Conversion) -> String {
    let mut text = format!("# What became of {}\n", conversion.name);
    let carried = ("Carried over", conversion.ledger.carried_over());
    for (heading, lines) in conversion.ledger.to_look_at().into_iter().chain([carried]) {
        let _ = write!(text, "\n## {heading}\n\n"); // writing to a string cannot fail
        for line in lines {
            let _ = writeln!(text, "- {}", line.trim_end().replace('\n', "\n  "));
        }
    }
    text
}
