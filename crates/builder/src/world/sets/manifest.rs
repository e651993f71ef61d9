//! `MANIFEST` of a release: a line for each set, its fields between tabs (release/scripts/make-manifest.sh): file, SHA-256,
//! number of files, name, description, `on` or `off`. Only the first two matter here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// The checksums of the sets in a directory.
#[derive(Debug)]
pub struct Manifest {
    path: PathBuf,
    checksums: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads the `MANIFEST` in `dir`.
    ///
    /// # Errors
    /// It is missing, or has a line of another form.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("MANIFEST");
        if !path.is_file() {
            bail!(
                "opening the sets in {}: there is no MANIFEST with their checksums\nhint: fetch it from where the sets are from",
                dir.display()
            );
        }
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let mut checksums = BTreeMap::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let mut fields = line.split('\t');
            let (file, checksum) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            let is_checksum = checksum.len() == 64 && checksum.bytes().all(|byte| byte.is_ascii_hexdigit());
            ensure!(
                is_checksum && !file.is_empty(),
                "reading {}, line {}: `{line}` is not a file and its SHA-256 with a tab between",
                path.display(),
                index + 1
            );
            checksums.insert(file.to_owned(), checksum.to_ascii_lowercase());
        }
        Ok(Self { path, checksums })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The SHA-256 of the set `file`.
    ///
    /// # Errors
    /// It is not listed.
    pub fn checksum(&self, file: &str) -> Result<&str> {
        self.checksums.get(file).map(String::as_str).with_context(|| {
            let known: Vec<&str> = self.checksums.keys().map(String::as_str).collect();
            format!(
                "looking for the checksum of {file}: {} does not list it, only: {}\nhint: take both from one release",
                self.path.display(),
                known.join(", ")
            )
        })
    }
}
