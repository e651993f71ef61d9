//! Records what the builder is compiled from: see `src/compiled_from.rs`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sources::{Closure, Digest};

fn main() -> Result<()> {
    let variable =
        |name: &str| std::env::var_os(name).map(PathBuf::from).with_context(|| format!("no {name}"));
    let package = variable("CARGO_MANIFEST_DIR")?;
    let root = package.ancestors().nth(2).context("the package lies in crates/ of the workspace")?;
    // What profile the builder is compiled with changes no image.
    let closure = Closure::read(root, "builder", "")?;
    let mut files: Vec<String> = closure.files(root)?.into_iter().collect();
    files.extend(closure.manifests());
    for file in &files {
        println!("cargo::rerun-if-changed={}", root.join(file).display());
    }
    let recorded = format!(
        "pub const DIGEST: &str = {:?};\npub const CONTENT: &str = {:?};\npub const FILES: &[&str] = &{files:?};\n",
        closure.digest(root)?,
        Digest::of_files(root, files.iter().map(String::as_str)),
    );
    let out = variable("OUT_DIR")?;
    std::fs::write(Path::new(&out).join("compiled_from.rs"), recorded).context("recording the sources")
}
