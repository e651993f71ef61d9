//! The keys that vouch for updates: which a unit trusts, and who signs what is built here.
//!
//! A release trusts the keys of `firmware/keys` and nothing else, and is signed with one of them. Any other build
//! trusts this engineer's development key as well, and is signed with that. Invariant: no secret key is ever read
//! from, or written to, the repository.

mod pair;
mod place;
mod signer;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use firmware::bundle::{KeyId, PublicKeys};

pub use pair::Pair;
pub use place::{config_folder, require_outside};
pub use signer::Signer;

/// Where the product's public keys are, in the repository.
pub const FOLDER: &str = "firmware/keys";
/// The name of the key pair that each engineer has for builds that are no release.
pub const DEVELOPMENT: &str = "development";
/// Names the secret key of a release, when `--sign-key` does not.
pub const SIGN_KEY: &str = "SLUICE_SIGN_KEY";
/// How the file of a public key ends.
pub const SUFFIX: &str = ".pub";

/// A public key with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    /// The name of its file, without [`SUFFIX`].
    pub name: String,
    /// The text of its file.
    pub text: String,
    /// Its id.
    pub id: KeyId,
}

/// The public keys that a build puts into its slots.
#[derive(Clone, Debug, Default)]
pub struct Trusted {
    keys: Vec<TrustedKey>,
    public: PublicKeys,
}

impl Trusted {
    /// Those of the repository at `root`, by name.
    ///
    /// # Errors
    /// A file is no public key, or has the development key's name.
    pub fn of_repository(root: &Path) -> Result<Self> {
        let folder = root.join(FOLDER);
        let mut trusted = Self::default();
        for path in key_files(&folder)? {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            ensure!(
                name != DEVELOPMENT,
                "reading the public keys: {} has the name of the engineers' own keys, which no release trusts; \
                 call it something else",
                path.display()
            );
            trusted.add_file(&name, &path)?;
        }
        Ok(trusted)
    }

    /// Those of the repository, this user's development key if there is one, and those in the files `more`: whose
    /// signatures are known here.
    ///
    /// # Errors
    /// As [`Trusted::of_repository`].
    pub fn known(root: &Path, more: &[PathBuf]) -> Result<Self> {
        let mut trusted = Self::of_repository(root)?;
        let development = config_folder().map(|folder| folder.join(format!("{DEVELOPMENT}{SUFFIX}")));
        if let Some(file) = development.ok().filter(|file| file.exists()) {
            trusted.add_file(DEVELOPMENT, &file)?;
        }
        for file in more {
            trusted.add_file(&file.file_stem().unwrap_or_default().to_string_lossy(), file)?;
        }
        Ok(trusted)
    }

    /// Trusts the key in `file`, too.
    ///
    /// # Errors
    /// It cannot be read, or is no public key.
    pub fn add_file(&mut self, name: &str, file: &Path) -> Result<()> {
        let text =
            fs::read_to_string(file).with_context(|| format!("reading the public key {}", file.display()))?;
        self.add(name, &text).with_context(|| format!("in {}", file.display()))
    }

    /// Trusts one more.
    ///
    /// # Errors
    /// It is no public key, or two have one id.
    pub fn add(&mut self, name: &str, text: &str) -> Result<()> {
        let id = self.public.add(text)?;
        self.keys.push(TrustedKey { name: name.to_owned(), text: text.to_owned(), id });
        Ok(())
    }

    /// The keys, in the order of their names.
    pub fn keys(&self) -> &[TrustedKey] {
        &self.keys
    }

    /// The same, to check signatures with.
    pub fn public(&self) -> &PublicKeys {
        &self.public
    }

    /// The name of the key with this id.
    pub fn name_of(&self, id: KeyId) -> Option<&str> {
        self.keys.iter().find(|key| key.id == id).map(|key| &*key.name)
    }
}

fn key_files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let attempt = || format!("looking for public keys in {}", folder.display());
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut files: Vec<PathBuf> =
        entries.with_context(attempt)?.into_iter().map(|entry| entry.path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(SUFFIX));
    files.sort();
    Ok(files)
}

/// What a build trusts, and with what it is signed.
#[derive(Debug)]
pub struct Signing {
    /// The keys that its slots trust.
    pub trusted: Trusted,
    /// Signs its bundle.
    pub signer: Signer,
}

impl Signing {
    /// Of a build that is no release; the development key is made when it is not there. `say` is told of that.
    ///
    /// # Errors
    /// A key cannot be read, or the development key cannot be made.
    pub fn of_development(root: &Path, say: impl FnOnce(String)) -> Result<Self> {
        let mut trusted = Trusted::of_repository(root)?;
        let signer = pair::development(root, say)?;
        trusted.add(DEVELOPMENT, signer.public_text()).context("trusting the development key")?;
        Ok(Self { trusted, signer })
    }

    /// Of a release, signed with the secret key in `file` or, without one, in what [`SIGN_KEY`] names. The password is
    /// asked for now, and not when all is built.
    ///
    /// # Errors
    /// There is no product key, no secret key, or they do not belong together.
    pub fn of_release(root: &Path, release: &str, file: Option<PathBuf>) -> Result<Self> {
        let trusted = Trusted::of_repository(root)?;
        ensure!(
            !trusted.keys.is_empty(),
            "building release {release}: {FOLDER} holds no product key, so no unit could ever take an update; \
             make a pair with `cargo xtask keygen` and commit the public key"
        );
        let file =
            file.or_else(|| std::env::var_os(SIGN_KEY).filter(|file| !file.is_empty()).map(PathBuf::from));
        let Some(file) = file else {
            bail!(
                "building release {release}: its update has to be signed with a product key; give the secret \
                 key with --sign-key FILE or in {SIGN_KEY}"
            )
        };
        require_outside(root, &file)?;
        let signer = Signer::open(&file)?;
        let known = trusted.keys.iter().find(|key| key.id == signer.id());
        ensure!(
            known.is_some_and(|key| encoded(&key.text) == encoded(signer.public_text())),
            "building release {release}: the key in {} ({}) is none of those in {FOLDER} ({}); give the secret \
             key of one of them, or commit its public key",
            file.display(),
            signer.id(),
            trusted.keys.iter().map(|key| format!("{} {}", key.name, key.id)).collect::<Vec<_>>().join(", ")
        );
        Ok(Self { trusted, signer })
    }
}

/// The line of a public key's file that holds the key.
fn encoded(text: &str) -> Option<&str> {
    text.lines().nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_a_repository_are_read_by_name_and_a_bad_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Trusted::of_repository(dir.path()).unwrap().keys().is_empty());
        let folder = dir.path().join(FOLDER);
        fs::create_dir_all(&folder).unwrap();
        let pairs = ["b", "a"].map(|name| (name, Pair::generate(None).unwrap()));
        for (name, pair) in &pairs {
            fs::write(folder.join(format!("{name}.pub")), pair.public_text()).unwrap();
        }
        fs::write(folder.join("README.md"), "not a key").unwrap();
        let trusted = Trusted::of_repository(dir.path()).unwrap();
        assert_eq!(trusted.keys().iter().map(|key| &*key.name).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(trusted.name_of(trusted.keys()[0].id), Some("a"));

        fs::write(folder.join("c.pub"), "nonsense").unwrap();
        let error = format!("{:#}", Trusted::of_repository(dir.path()).unwrap_err());
        assert!(error.contains("c.pub") && error.contains("comment line"), "{error}");
        fs::rename(folder.join("c.pub"), folder.join("development.pub")).unwrap();
        let error = Trusted::of_repository(dir.path()).unwrap_err().to_string();
        assert!(error.contains("development.pub"), "{error}");
    }
}
