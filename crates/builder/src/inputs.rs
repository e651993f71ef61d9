//! Digests of what goes into a build, to know what has changed since the last one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

/// A digest of several pieces of text, each with its length, so that none runs into the next.
pub fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hex::encode(hash.finalize())
}

/// A digest of the files and directories `paths` below `root`: names, kinds, run bits and content. What is not there
/// counts as such.
///
/// # Errors
/// Something cannot be read.
pub fn of_files(root: &Path, paths: &[&str]) -> Result<String> {
    let mut hash = Sha256::new();
    for path in paths.iter().map(|path| root.join(path)).filter(|path| path.exists()) {
        for found in WalkDir::new(&path).sort_by_file_name() {
            let found = found.with_context(|| format!("reading {}", path.display()))?;
            let metadata = found.metadata().with_context(|| format!("reading {}", found.path().display()))?;
            let content = if metadata.is_symlink() {
                fs::read_link(found.path())?.into_os_string().into_encoded_bytes()
            } else if metadata.is_file() {
                fs::read(found.path()).with_context(|| format!("reading {}", found.path().display()))?
            } else {
                Vec::new()
            };
            let name = found
                .path()
                .strip_prefix(root)
                .unwrap_or(found.path())
                .as_os_str()
                .as_encoded_bytes()
                .to_vec();
            let run = metadata.permissions().mode() & 0o100;
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
            hash.update([u8::from(metadata.is_dir()), u8::from(metadata.is_symlink()), u8::from(run != 0)]);
            hash.update((content.len() as u64).to_le_bytes());
            hash.update(content);
        }
    }
    Ok(hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_name_and_run_bit_count() {
        let dir = tempfile::tempdir().unwrap();
        let digest = || of_files(dir.path(), &["a", "not-there"]).unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        let file = dir.path().join("a/file");
        let mut seen = vec![digest()];
        fs::write(&file, "x").unwrap();
        seen.push(digest());
        assert_eq!(seen[1], digest());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        seen.push(digest());
        fs::write(&file, "y").unwrap();
        seen.push(digest());
        fs::rename(&file, dir.path().join("a/other")).unwrap();
        seen.push(digest());
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count);
        assert_ne!(of_texts(["ab", "c"]), of_texts(["a", "bc"]));
    }
}
