//! The public keys that a build installs in its slots.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use firmware::bundle::{KeyId, PublicKeys};

use super::location::config_directory;
use super::names::{DEVELOPMENT, DIRECTORY, SUFFIX};

/// A public key with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    /// The name of its file, without [`SUFFIX`].
    pub name: String,
    /// The content of its file.
    pub text: String,
    /// Its id.
    pub id: KeyId,
}

/// The public keys whose signatures are accepted.
#[derive(Clone, Debug, Default)]
pub struct Trusted {
    keys: Vec<TrustedKey>,
    public: PublicKeys,
}

impl Trusted {
    /// Reads the keys of the repository at `root`, sorted by name.
    ///
    /// # Errors
    /// A file is not a public key, or is named like the development key.
    pub fn of_repository(root: &Path) -> Result<Self> {
        let mut trusted = Self::default();
        for path in key_files(&root.join(DIRECTORY))? {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            ensure!(
                name != DEVELOPMENT,
                "reading the public keys: {} has the name of the engineers' own keys, which no release trusts\n\
                 hint: rename it",
                path.display()
            );
            trusted.add_file(&name, &path)?;
        }
        Ok(trusted)
    }

    /// Reads the keys of the repository, this user's development key if it exists, and the key files `more`.
    ///
    /// # Errors
    /// As [`Trusted::of_repository`].
    pub fn known(root: &Path, more: &[PathBuf]) -> Result<Self> {
        let mut trusted = Self::of_repository(root)?;
        let development = config_directory().map(|dir| dir.join(format!("{DEVELOPMENT}{SUFFIX}")));
        if let Some(file) = development.ok().filter(|file| file.exists()) {
            trusted.add_file(DEVELOPMENT, &file)?;
        }
        for file in more {
            trusted.add_file(&file.file_stem().unwrap_or_default().to_string_lossy(), file)?;
        }
        Ok(trusted)
    }

    /// Adds the key in `file`.
    ///
    /// # Errors
    /// The file cannot be read, or is not a public key.
    pub fn add_file(&mut self, name: &str, file: &Path) -> Result<()> {
        let text =
            fs::read_to_string(file).with_context(|| format!("reading the public key {}", file.display()))?;
        self.add(name, &text).with_context(|| format!("in {}", file.display()))
    }

    /// Adds a key.
    ///
    /// # Errors
    /// `text` is not a public key, or another key has the same id.
    pub fn add(&mut self, name: &str, text: &str) -> Result<()> {
        let id = self.public.add(text)?;
        self.keys.push(TrustedKey { name: name.to_owned(), text: text.to_owned(), id });
        Ok(())
    }

    /// The keys, in the order in which they were added.
    pub fn keys(&self) -> &[TrustedKey] {
        &self.keys
    }

    /// The keys in the form that verifies signatures.
    pub fn public(&self) -> &PublicKeys {
        &self.public
    }

    /// The name of the key with this id.
    pub fn name_of(&self, id: KeyId) -> Option<&str> {
        self.keys.iter().find(|key| key.id == id).map(|key| &*key.name)
    }
}

fn key_files(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let attempt = || format!("looking for public keys in {}", dir.display());
    let entries = fs::read_dir(dir).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut files: Vec<PathBuf> =
        entries.with_context(attempt)?.into_iter().map(|entry| entry.path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(SUFFIX));
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::super::pair::Pair;
    use super::*;

    #[test]
    fn the_keys_of_a_repository_are_read_by_name_and_a_bad_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Trusted::of_repository(dir.path()).unwrap().keys().is_empty());
        let keys = dir.path().join(DIRECTORY);
        fs::create_dir_all(&keys).unwrap();
        let pairs = ["b", "a"].map(|name| (name, Pair::generate(None).unwrap()));
        for (name, pair) in &pairs {
            fs::write(keys.join(format!("{name}.pub")), pair.public_text()).unwrap();
        }
        fs::write(keys.join("README.md"), "not a key").unwrap();
        let trusted = Trusted::of_repository(dir.path()).unwrap();
        assert_eq!(trusted.keys().iter().map(|key| &*key.name).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(trusted.name_of(trusted.keys()[0].id), Some("a"));

        fs::write(keys.join("c.pub"), "nonsense").unwrap();
        let error = format!("{:#}", Trusted::of_repository(dir.path()).unwrap_err());
        assert!(error.contains("c.pub") && error.contains("comment line"), "{error}");
        fs::rename(keys.join("c.pub"), keys.join("development.pub")).unwrap();
        let error = Trusted::of_repository(dir.path()).unwrap_err().to_string();
        assert!(error.contains("development.pub"), "{error}");
    }
}
