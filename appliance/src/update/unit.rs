//! The unit as an update sees it: what runs, where its slots and its boot state are, whose signature it trusts.
//!
//! [`Live`] is the one that this program runs on. Nothing here decides anything, and nothing is written by opening.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

use bsd_disk::units::{SECTOR_BYTES, Sectors};
use firmware::boot_manager::{COPIES, MAGIC_VALUE};
use firmware::bundle::PublicKeys;
use firmware::release::Release;
use firmware::slot::Slot;
use firmware::state::store::Medium;

use super::error::UpdateError;
use super::lock::Lock;
use super::storage::Storage;
use crate::device::{Facts, Slice};
use crate::release;
use crate::slot::Slots;

/// Held by every command that changes something.
const LOCK: &str = "/var/run/sluice-update.lock";

/// The public keys of those who may sign an update for this system: `*.pub`, as minisign(1) writes them.
const KEYS: &str = "/usr/share/sluice/keys";

/// What a slice is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and writing.
    Write,
}

/// What an update works on.
pub trait Unit {
    /// A slot.
    type Slice: Storage;
    /// What the boot state lies on.
    type State: Medium;
    /// Held while something changes.
    type Lock;

    /// Takes the lock.
    fn lock(&self) -> Result<Self::Lock, UpdateError>;
    /// The slot that is mounted on `/`.
    fn running(&self) -> Result<Slot, UpdateError>;
    /// The version of the disk's layout ([`firmware::layout::LAYOUT`]).
    fn layout(&self) -> Result<u32, UpdateError>;
    /// The release that runs.
    fn release(&self) -> Result<Release, UpdateError>;
    /// The keys that it trusts.
    fn keys(&self) -> Result<PublicKeys, UpdateError>;
    /// Opens a slot.
    fn slice(&self, slot: Slot, access: Access) -> Result<Self::Slice, UpdateError>;
    /// Opens what the boot state lies on.
    fn state(&self, access: Access) -> Result<Self::State, UpdateError>;
    /// The name of the disk, if it lacks the boot manager that goes by the boot state.
    fn without_boot_manager(&self) -> Option<String>;
}

/// The unit that this program runs on.
pub struct Live<'a> {
    facts: &'a dyn Facts,
}

impl<'a> Live<'a> {
    /// The one that these facts are of.
    pub fn new(facts: &'a dyn Facts) -> Self {
        Self { facts }
    }

    /// From the mounted root only: what the loader says is no good reason to write somewhere.
    fn slots(&self) -> Result<Slots, UpdateError> {
        let slots = self.facts.root_device().and_then(|device| Slots::from_root(&device));
        slots.map_err(|error| UpdateError::System(format!("finding the running slot: {error:#}")))
    }
}

impl Unit for Live<'_> {
    type Slice = Slice;
    type State = Slice;
    type Lock = Lock;

    fn lock(&self) -> Result<Lock, UpdateError> {
        match Lock::take(Path::new(LOCK)) {
            Ok(lock) => lock.ok_or(UpdateError::Locked),
            Err(error) => Err(UpdateError::System(format!("locking {LOCK}: {}", reason(&error)))),
        }
    }

    fn running(&self) -> Result<Slot, UpdateError> {
        Ok(self.slots()?.running)
    }

    fn layout(&self) -> Result<u32, UpdateError> {
        Ok(self.slots()?.layout())
    }

    fn release(&self) -> Result<Release, UpdateError> {
        release::of(self.facts).map_err(|error| UpdateError::System(format!("{error:#}")))
    }

    fn keys(&self) -> Result<PublicKeys, UpdateError> {
        read_keys(Path::new(KEYS)).map_err(UpdateError::System)
    }

    fn slice(&self, slot: Slot, access: Access) -> Result<Slice, UpdateError> {
        let path = self.slots()?.path(slot);
        // The kernel minds only file systems that are mounted for writing; the others would have their blocks changed under them.
        if access == Access::Write {
            let mounted = self.facts.mounted_on(&path);
            if let Some(at) = mounted.map_err(|error| UpdateError::System(format!("{error:#}")))? {
                return Err(UpdateError::SlotMounted { slot, at });
            }
        }
        Slice::open(&path, access == Access::Write)
            .map_err(|error| UpdateError::SlotDevice { slot, error: explained(error) })
    }

    fn state(&self, access: Access) -> Result<Slice, UpdateError> {
        let path = self.slots()?.cfg_path();
        Slice::open(&path, access == Access::Write).map_err(|error| match error.raw_os_error() {
            Some(libc::EPERM) if access == Access::Write => UpdateError::CfgMounted,
            _ => UpdateError::StateDevice { path: path.into(), error: explained(error) },
        })
    }

    fn without_boot_manager(&self) -> Option<String> {
        let name = self.facts.disk_of(&self.slots().ok()?.running_slice()).ok()?;
        let disk = File::open(format!("/dev/{name}")).ok()?;
        let lacks = |at: &Sectors| {
            let mut sector = [0; SECTOR_BYTES as usize];
            disk.read_exact_at(&mut sector, at.bytes()).is_ok() && !sector.starts_with(&MAGIC_VALUE)
        };
        COPIES.iter().all(lacks).then_some(name)
    }
}

/// All keys of a folder.
fn read_keys(folder: &Path) -> Result<PublicKeys, String> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| format!("reading {}: {error}", path.display());
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut paths: Vec<_> =
        entries.map_err(|error| failed(folder, &error))?.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "pub"));
    paths.sort();
    let mut keys = PublicKeys::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
        keys.add(&text).map_err(|error| failed(&path, &error))?;
    }
    Ok(keys)
}

/// What the system says, and what helps.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => format!("{error}; only root may"),
        _ => error.to_string(),
    }
}

fn explained(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::PermissionDenied => io::Error::new(error.kind(), reason(&error)),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pub_file_is_a_key_and_a_bad_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        assert!(read_keys(folder.path()).unwrap().is_empty());
        let pairs = [(); 2].map(|()| minisign::KeyPair::generate_unencrypted_keypair().unwrap());
        for (name, pair) in ["a.pub", "b.pub"].into_iter().zip(&pairs) {
            write(name, &pair.pk.to_box().unwrap().into_string());
        }
        write("README", "not a key");
        assert_eq!(read_keys(folder.path()).unwrap().ids().count(), 2);
        write("c.pub", "not a key");
        let error = read_keys(folder.path()).unwrap_err();
        assert!(error.contains("c.pub: reading a public key: this is not the text of a public key"), "{error}");
        assert!(read_keys(&folder.path().join("no")).unwrap_err().contains("/no: "));
    }
}
