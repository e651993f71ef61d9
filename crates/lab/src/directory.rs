//! Where the lab of one world keeps its images, the directory that it serves, and its logs: `target/lab/WORLD`.
//!
//! Each world has a directory of its own, so that labs of several worlds run side by side; one lab at a time uses it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use builder::inputs;
use builder::world::Origin;

/// Digits of the digest that tells worlds of one name apart.
const DIGITS: usize = 12;

/// The directory of a lab, locked until this is dropped.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Makes and locks the directory for `origin` in `labs`. If another lab uses it, calls `waiting` with its path and
    /// waits.
    ///
    /// # Errors
    /// There is no such world, or the directory cannot be made or locked.
    pub fn open(labs: &Path, origin: &Origin, waiting: impl FnOnce(&Path)) -> Result<Self> {
        let path = labs.join(name(origin)?);
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        let file = path.join("lock");
        let lock = || -> Result<File> {
            let lock = File::create(&file)?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    waiting(&path);
                    lock.lock()?;
                }
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            Ok(lock)
        };
        let lock = lock().with_context(|| format!("locking {}", file.display()))?;
        Ok(Self { path, _lock: lock })
    }

    /// The directory `name` in it, which is made.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn child(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(path)
    }
}

/// The name of a world's directory: the same however its path is written.
fn name(origin: &Origin) -> Result<String> {
    let (kind, dir) = match origin {
        Origin::Miniature => return Ok("miniature".to_owned()),
        Origin::Source(dir) => ("src", dir),
        Origin::Installed(dir) => ("world", dir),
        Origin::Sets(dir) => ("sets", dir),
    };
    let dir = dir.canonicalize().with_context(|| format!("opening the world {}", dir.display()))?;
    let digest = inputs::of_texts([&*dir.to_string_lossy()]);
    let last = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(format!("{kind}-{last}-{}", &digest[..DIGITS]))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn each_world_has_a_directory_of_its_own_that_one_lab_at_a_time_uses() {
        let dir = tempfile::tempdir().unwrap();
        let (labs, worlds) = (dir.path().join("lab"), dir.path().join("worlds"));
        fs::create_dir_all(worlds.join("13.2/root")).unwrap();
        fs::create_dir_all(worlds.join("old/13.2")).unwrap();
        let origins = [
            Origin::Miniature,
            Origin::Source(worlds.join("13.2")),
            Origin::Installed(worlds.join("13.2")),
            Origin::Installed(worlds.join("old/13.2")),
        ];
        let open =
            |origin: &Origin| Directory::open(&labs, origin, |path| panic!("{}", path.display())).unwrap();
        let mut directories: Vec<Directory> = origins.iter().map(open).collect();
        let paths: std::collections::HashSet<PathBuf> =
            directories.iter().map(|directory| directory.path.clone()).collect();
        assert_eq!(paths.len(), origins.len());

        let again = Origin::Installed(worlds.join("13.2/root/.."));
        let waits = AtomicBool::new(false);
        thread::scope(|scope| {
            let second = scope.spawn(|| {
                Directory::open(&labs, &again, |_| waits.store(true, Ordering::Release)).unwrap().path
            });
            while !waits.load(Ordering::Acquire) {
                assert!(!second.is_finished(), "two labs use one directory");
                thread::yield_now();
            }
            let first = directories.remove(2);
            let path = first.path.clone();
            drop(first);
            assert_eq!(second.join().unwrap(), path);
        });
        assert!(Directory::open(&labs, &Origin::Installed(worlds.join("none")), |_| {}).is_err());
    }
}
