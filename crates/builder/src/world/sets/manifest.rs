//! `MANIFEST` of a release: a line for each set, its fields between tabs (release/scripts/make-manifest.sh): file, SHA-256,
//! number of files, name, description, `on` or `off`. Only the first two matter here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// The sums of the sets in a folder.
#[derive(Debug)]
pub struct Manifest {
    path: PathBuf,
    sums: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads that of the sets in `dir`.
    ///
    /// # Errors
    /// There is none, or a line of it is none.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("MANIFEST");
        if !path.is_file() {
            bail!(
                "opening the sets in {}: there is no MANIFEST with their sums; fetch it from where the sets are from",
                dir.display()
            );
        }
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let mut sums = BTreeMap::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let mut fields = line.split('\t');
            let (file, sum) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            let is_sum = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
            ensure!(
                is_sum && !file.is_empty(),
                "reading {}, line {}: `{line}` is not a file and its SHA-256 with a tab between",
                path.display(),
                index + 1
            );
            sums.insert(file.to_owned(), sum.to_ascii_lowercase());
        }
        Ok(Self { path, sums })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The SHA-256 of the set `file`.
    ///
    /// # Errors
    /// It is not listed.
    pub fn sum(&self, file: &str) -> Result<&str> {
        self.sums.get(file).map(String::as_str).with_context(|| {
            let known: Vec<&str> = self.sums.keys().map(String::as_str).collect();
            format!(
                "looking for the sum of {file}: {} does not list it, only: {}; take both from one release",
                self.path.display(),
                known.join(", ")
            )
        })
    }
}
