//! The output directory: written as a whole, or not at all.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::conversion::{Conversion, MODES, NOTES, PRODUCT};
use super::copy::{Content, Copy};
use super::defaults::fixed;
use super::quote::shell_word;
use super::request::{Checked, Converted, Request};

/// Variables whose values in hooks are paths that each build chooses.
const PATHS_OF_BUILD: [&str; 4] = ["NANO_LOG", "NANO_METALOG", "NANO_OBJ", "NANO_WORLDDIR"];

/// A directory that is missing or empty.
#[derive(Debug)]
pub struct OutputDirectory {
    path: PathBuf,
}

impl OutputDirectory {
    /// Checks that `path` can be created.
    ///
    /// # Errors
    /// The directory is not empty, or it cannot be created.
    pub fn check(path: &Path) -> Result<Self> {
        let attempt = || format!("creating the directory {}", path.display());
        if fs::symlink_metadata(path).is_ok() {
            let mut content = fs::read_dir(path).with_context(attempt)?;
            ensure!(
                content.next().is_none(),
                "{}: it is not empty\nhint: remove it, or give another with --output",
                attempt()
            );
        }
        let absolute = std::path::absolute(path).with_context(attempt)?;
        let (parent, name) = absolute.parent().zip(absolute.file_name()).with_context(attempt)?;
        fs::create_dir_all(parent).with_context(attempt)?;
        Ok(Self { path: parent.canonicalize().with_context(attempt)?.join(name) })
    }

    /// The path for the product definition: relative to the root of the repository, or absolute if it is outside.
    pub fn name_from(&self, root: &Path) -> String {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        self.path.strip_prefix(&root).unwrap_or(&self.path).display().to_string()
    }

    /// Writes everything, and checks the product definition.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, mut conversion: Conversion, request: &Request<'_>) -> Result<Converted> {
        let attempt = || format!("writing {}", self.path.display());
        let parent = self.path.parent().unwrap_or(Path::new("."));
        let staged = tempfile::Builder::new().prefix(".convert.").tempdir_in(parent).with_context(attempt)?;
        let dir = staged.path();
        fs::set_permissions(dir, Permissions::from_mode(0o755)).with_context(attempt)?;
        write_files(&conversion, dir).with_context(attempt)?;
        write_product(&mut conversion, dir, request).with_context(attempt)?;
        fs::write(dir.join(NOTES), notes(&conversion)).with_context(attempt)?;
        // A directory replaces an empty one.
        fs::rename(dir, &self.path).with_context(attempt)?;
        let _ = staged.keep(); // it has its final name now
        let hooks =
            conversion.customization.hooks.iter().map(|hook| format!("hooks/{}", hook.path)).collect();
        Ok(Converted { notes: conversion.report.to_look_at(), product: self.path.join(PRODUCT), hooks })
    }
}

/// Writes the copies, the hooks and the lists.
fn write_files(conversion: &Conversion, dir: &Path) -> Result<()> {
    for copy in &conversion.copies {
        let to = dir.join(&copy.to);
        if copy.is_created() {
            fs::create_dir_all(to.parent().unwrap_or(dir))?;
        }
        match &copy.content {
            Content::File(from) => {
                fs::copy(from, &to)
                    .with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
            }
            Content::Script(text) => write_script(copy, text, &to)?,
            Content::Placeholder => fs::write(&to, "")?,
            Content::Directory => fs::create_dir_all(&to)?,
            Content::Link(target) => symlink(target, &to)?,
            Content::LeftOut(_) => {}
        }
    }
    for hook in &conversion.customization.hooks {
        let to = dir.join("hooks").join(&hook.path);
        fs::create_dir_all(to.parent().unwrap_or(dir))?;
        fs::write(&to, &hook.text)?;
        fs::set_permissions(&to, Permissions::from_mode(0o755))?;
    }
    if !conversion.modes.is_empty() {
        fs::write(dir.join(MODES), conversion.modes.concat())?;
    }
    if !conversion.packages.is_empty() {
        let text = format!("# Packages of {}.\n{}\n", conversion.name, conversion.packages.join("\n"));
        fs::write(dir.join("pkglist"), text)?;
    }
    Ok(())
}

/// Writes the product definition, and reports what a build would say against it.
fn write_product(conversion: &mut Conversion, dir: &Path, request: &Request<'_>) -> Result<()> {
    let base = &conversion.base;
    if Path::new(base).is_absolute() {
        conversion.report.general(format!(
            "{base} is outside of the repository, so product.toml and the manifest contain its absolute path\nhint: to let \
             others build the same, move it into the repository and correct the paths in product.toml"
        ));
    }
    let path = shell_word(&format!("{base}/{PRODUCT}"));
    let head = format!(
        "Converted from {}. Build it with `cargo xtask image -c {path}`.\nKeys that are not here are as in \
         appliance.toml. {NOTES} lists what became of each line.",
        conversion.name
    );
    let product = dir.join(PRODUCT);
    fs::write(&product, conversion.draft.text(&head))?;
    let checked = request.product.check(&product).unwrap_or_else(|error| {
        let error = format!("{error:#}").replace(&product.display().to_string(), PRODUCT);
        conversion
            .report
            .general(format!("`cargo xtask image` will refuse {PRODUCT} until it is corrected: {error}"));
        Checked::default()
    });
    checked.warnings.into_iter().for_each(|warning| conversion.report.general(warning));
    report_differing(conversion, &checked.hook_variables);
    Ok(())
}

/// Reports the variables that have another value in hooks, where the build sets them to `values`, than in the file.
fn report_differing(conversion: &mut Conversion, values: &BTreeMap<String, String>) {
    for (name, (location, value)) in &conversion.differing {
        let quoted = |value: &str| if value.is_empty() { "nothing".to_owned() } else { format!("`{value}`") };
        let here = match values.get(name).map(String::as_str).or_else(|| fixed(name)) {
            Some(here) if here == value => continue,
            Some(here) => quoted(here),
            None if PATHS_OF_BUILD.contains(&name.as_str()) => "a path of the build".to_owned(),
            None => continue,
        };
        let note = format!("`{name}`: hooks get {here} instead of {}", quoted(value));
        conversion.report.noted(location, note);
    }
}

/// Writes the copy of a script.
fn write_script(copy: &Copy, text: &[u8], to: &Path) -> Result<()> {
    fs::write(to, text)?;
    let mode = copy.mode.unwrap_or(if copy.is_executable { 0o755 } else { 0o644 });
    Ok(fs::set_permissions(to, Permissions::from_mode(mode))?)
}

/// The text of the notes.
fn notes(conversion: &Conversion) -> String {
    let mut text = format!("# What became of {}\n", conversion.name);
    let carried = Some(("Carried over", conversion.report.carried_over()));
    let carried = carried.filter(|(_, lines)| !lines.is_empty());
    for (heading, lines) in conversion.report.to_look_at().into_iter().chain(carried) {
        let _ = write!(text, "\n## {heading}\n\n"); // writing to a string cannot fail
        for line in lines {
            let lines: Vec<&str> = line.lines().filter(|line| !line.trim().is_empty()).collect();
            let _ = writeln!(text, "- {}", lines.join("\n  "));
        }
    }
    text
}
