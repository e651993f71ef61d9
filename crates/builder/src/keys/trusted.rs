//! The public keys that a build installs in its slots, and those that it revokes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use firmware::bundle::{KeyId, PublicKeys};
use firmware::revocations::REVOKED_MAX;

use super::location::config_directory;
use super::names::{DEVELOPMENT, DIRECTORY, REVOKED, SUFFIX};

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

/// The public keys whose signatures are accepted, and those whose signatures are not any more.
#[derive(Clone, Debug, Default)]
pub struct Trusted {
    keys: Vec<TrustedKey>,
    revoked: Vec<TrustedKey>,
    public: PublicKeys,
}

impl Trusted {
    /// Reads the keys of the repository at `root`, sorted by name, and the revoked ones.
    ///
    /// # Errors
    /// A file is not a public key, or is named like the development key; a key is both trusted and revoked; or more keys are
    /// revoked than a unit can store.
    pub fn of_repository(root: &Path) -> Result<Self> {
        let mut trusted = Self::default();
        trusted.add_directory(&root.join(DIRECTORY))?;
        Ok(trusted)
    }

    /// Reads the keys of the repository, this user's development key if it exists, and the key files `more`. Those are
    /// accepted even if they are revoked, so that bundles of the past can be read.
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
            trusted.add_file(&name(file), file)?;
        }
        Ok(trusted)
    }

    /// Adds the keys in `directory`, sorted by name, and revokes those in its directory [`REVOKED`].
    ///
    /// # Errors
    /// As [`Trusted::of_repository`].
    pub(super) fn add_directory(&mut self, directory: &Path) -> Result<()> {
        for path in key_files(directory)? {
            let name = name(&path);
            ensure!(
                name != DEVELOPMENT,
                "reading the public keys: {} has the name of the engineers' own keys, which no release trusts\n\
                 hint: rename it",
                path.display()
            );
            self.add_file(&name, &path)?;
        }
        for path in key_files(&directory.join(REVOKED))? {
            self.revoke_file(&path)?;
        }
        self.check()
    }

    /// Revokes the key in `file`.
    fn revoke_file(&mut self, file: &Path) -> Result<()> {
        let text = fs::read_to_string(file)
            .with_context(|| format!("reading the revoked public key {}", file.display()))?;
        let id = PublicKeys::new().add(&text).with_context(|| format!("in {}", file.display()))?;
        let known = self.revoked.iter().find(|revoked| revoked.id == id);
        ensure!(
            known.is_none(),
            "reading the revoked keys: {} has the same key {id} as `{}`\nhint: remove one of the two",
            file.display(),
            known.map_or("", |known| &*known.name)
        );
        self.revoked.push(TrustedKey { name: name(file), text, id });
        Ok(())
    }

    /// Checks that no key is both trusted and revoked, and that a unit can store all that are revoked.
    ///
    /// # Errors
    /// One is, or there are too many.
    pub(super) fn check(&self) -> Result<()> {
        let both =
            self.keys.iter().find_map(|key| Some((key, self.revoked.iter().find(|it| it.id == key.id)?)));
        if let Some((key, revoked)) = both {
            bail!(
                "reading the public keys: `{}` is trusted and `{}` is revoked, but both are the key {}\n\
                 hint: remove {}{SUFFIX} from the keys that units are to trust",
                key.name,
                revoked.name,
                key.id,
                key.name
            );
        }
        ensure!(
            self.revoked.len() <= REVOKED_MAX,
            "reading the revoked keys: there are {}, but a unit stores only {REVOKED_MAX}\n\
             hint: remove the oldest and raise update.key_epoch; docs/keys.md says when that is safe",
            self.revoked.len()
        );
        Ok(())
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

    /// The revoked keys, sorted by name.
    pub fn revoked(&self) -> &[TrustedKey] {
        &self.revoked
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

/// The name of the key in a file.
fn name(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
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

    #[test]
    fn a_key_is_revoked_by_moving_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join(DIRECTORY);
        let revoked = keys.join(REVOKED);
        fs::create_dir_all(&revoked).unwrap();
        let save = |path: PathBuf| {
            let pair = Pair::generate(None).unwrap();
            fs::write(path, pair.public_text()).unwrap();
        };
        let refusal = || Trusted::of_repository(dir.path()).unwrap_err().to_string();
        save(keys.join("old.pub"));
        save(keys.join("new.pub"));
        let id = Trusted::of_repository(dir.path()).unwrap().keys()[1].id;
        fs::copy(keys.join("old.pub"), revoked.join("leaked.pub")).unwrap();
        let error = refusal();
        let both = format!(
            "`old` is trusted and `leaked` is revoked, but both are the key {id}\nhint: remove old.pub"
        );
        assert!(error.contains(&both), "{error}");
        fs::remove_file(keys.join("old.pub")).unwrap();
        let trusted = Trusted::of_repository(dir.path()).unwrap();
        let names = |keys: &[TrustedKey]| keys.iter().map(|key| key.name.clone()).collect::<Vec<_>>();
        assert_eq!(
            (names(trusted.keys()), names(trusted.revoked())),
            (vec!["new".into()], vec!["leaked".into()])
        );
        assert_eq!(trusted.revoked()[0].id, id);
        let known = Trusted::known(dir.path(), &[revoked.join("leaked.pub")]).unwrap();
        assert_eq!(known.name_of(id), Some("leaked"), "bundles of the past can be read");

        fs::copy(revoked.join("leaked.pub"), revoked.join("again.pub")).unwrap();
        let error = refusal();
        assert!(error.contains("the same key") && error.contains("`again`"), "{error}");
        fs::remove_file(revoked.join("again.pub")).unwrap();
        fs::write(revoked.join("x.pub"), "nonsense").unwrap();
        let error = format!("{:#}", Trusted::of_repository(dir.path()).unwrap_err());
        assert!(error.contains("x.pub") && error.contains("comment line"), "{error}");
        for number in 0..REVOKED_MAX {
            assert!(number == 0 || Trusted::of_repository(dir.path()).is_ok(), "{number}");
            save(revoked.join(format!("{number}.pub")));
            let _ = fs::remove_file(revoked.join("x.pub"));
        }
        let error = refusal();
        assert!(error.contains("there are 13, but a unit stores only 12\nhint: "), "{error}");
    }
}
