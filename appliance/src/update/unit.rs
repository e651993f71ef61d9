//! The unit as an update sees it: what is running, where the slots and the boot state are, which keys it trusts.
//!
//! [`ThisUnit`] is the one that this program runs on. Nothing here makes decisions, and opening writes nothing.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use firmware::bundle::PublicKeys;
use firmware::history;
use firmware::paths;
use firmware::release::Release;
use firmware::slot::Slot;
use firmware::state::store::Medium;

use super::error::UpdateError;
use crate::disk::{self, Access, HistoryCopies, Lock, Slice, SlotDevices, StateCopies, StockBoot, Storage};
use crate::{release, sys};

/// How often, and how long apart, a lock is waited for: most changes take less than a second.
const LOCK_PAUSES: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_secs(1);

/// `G_F_FOOTSHOOTING` of sys/geom/geom_int.h.
const FOOTSHOOTING: u64 = 0x10;

/// What an update works on.
pub trait Unit {
    /// An open slot.
    type Slice: Storage;
    /// The medium of the boot state.
    type State: Medium;
    /// The medium of the history.
    type History: history::Medium;
    /// The lock, held while something changes.
    type Lock;

    /// Takes the lock, unless another process holds it.
    fn try_lock(&self) -> Result<Option<Self::Lock>, UpdateError>;
    /// The slot that is mounted on `/`.
    fn running(&self) -> Result<Slot, UpdateError>;
    /// The version of the disk layout ([`firmware::layout::LAYOUT`]).
    fn layout(&self) -> Result<u32, UpdateError>;
    /// The running release.
    fn release(&self) -> Result<Release, UpdateError>;
    /// The trusted keys.
    fn keys(&self) -> Result<PublicKeys, UpdateError>;
    /// Opens a slot.
    fn slice(&self, slot: Slot, access: Access) -> Result<Self::Slice, UpdateError>;
    /// The medium of the boot state.
    fn state(&self) -> Result<Self::State, UpdateError>;
    /// The medium of the history.
    fn history(&self) -> Result<Self::History, UpdateError>;
    /// Seconds since 1970 by the clock, which may be wrong, and since the boot.
    fn now(&self) -> (u64, u32);
    /// Waits.
    fn sleep(&self, time: Duration);
    /// The name of the signal that asked the command to stop, if there was one.
    fn stop_signal(&self) -> Option<&'static str>;
    /// Restarts the unit.
    fn reboot(&self) -> Result<(), UpdateError>;
    /// What sector 0 says, if it has another program than Sluice's, which reads the boot state.
    fn stock_boot(&self) -> Result<Option<StockBoot>, UpdateError>;
    /// Runs a program of the system. Returns what it said if it fails.
    fn run_program(&self, command: &[String]) -> Result<(), String>;

    /// Takes the lock, and waits a few seconds for a process that holds it.
    fn lock(&self) -> Result<Self::Lock, UpdateError> {
        for _ in 0..LOCK_PAUSES {
            if let Some(lock) = self.try_lock()? {
                return Ok(lock);
            }
            if let Some(signal) = self.stop_signal() {
                return Err(UpdateError::Stopped { signal });
            }
            self.sleep(LOCK_PAUSE);
        }
        self.try_lock()?.ok_or(UpdateError::Locked)
    }
}

/// The unit that this program runs on.
pub struct ThisUnit;

/// The slots, derived from the mounted root only: the loader's device is not reliable enough to write anywhere.
fn slot_devices() -> Result<SlotDevices, UpdateError> {
    let devices = disk::root_device().and_then(|device| SlotDevices::from_root(&device));
    devices.map_err(|error| UpdateError::System(format!("finding the running slot: {error:#}")))
}

impl Unit for ThisUnit {
    type Slice = Slice;
    type State = StateCopies;
    type History = HistoryCopies;
    type Lock = Lock;

    fn try_lock(&self) -> Result<Option<Lock>, UpdateError> {
        let path = slot_devices()?.locked();
        Lock::take(Path::new(&path))
            .map_err(|error| UpdateError::System(format!("locking {path}: {}", with_hint(error))))
    }

    fn running(&self) -> Result<Slot, UpdateError> {
        Ok(slot_devices()?.running)
    }

    fn layout(&self) -> Result<u32, UpdateError> {
        Ok(slot_devices()?.layout())
    }

    fn release(&self) -> Result<Release, UpdateError> {
        release::running().map_err(|error| UpdateError::System(format!("{error:#}")))
    }

    fn keys(&self) -> Result<PublicKeys, UpdateError> {
        read_keys(Path::new(paths::KEYS)).map_err(UpdateError::System)
    }

    fn slice(&self, slot: Slot, access: Access) -> Result<Slice, UpdateError> {
        let path = slot_devices()?.path(slot);
        // The kernel refuses only if a file system is mounted for writing; others would have their blocks changed under them.
        if access == Access::Write {
            let mounted = disk::mount_point(&path);
            if let Some(at) = mounted.map_err(|error| UpdateError::System(format!("{error:#}")))? {
                return Err(UpdateError::SlotMounted { slot, at });
            }
        }
        Slice::open(&path, access).map_err(|error| UpdateError::SlotDevice { slot, error: with_hint(error) })
    }

    fn state(&self) -> Result<StateCopies, UpdateError> {
        Ok(StateCopies::of(&slot_devices()?))
    }

    fn history(&self) -> Result<HistoryCopies, UpdateError> {
        Ok(HistoryCopies::of(&slot_devices()?))
    }

    fn now(&self) -> (u64, u32) {
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let uptime = sys::uptime().unwrap_or_default();
        (time.as_secs(), uptime.as_secs().try_into().unwrap_or(u32::MAX))
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn stop_signal(&self) -> Option<&'static str> {
        sys::stop_signal()
    }

    fn reboot(&self) -> Result<(), UpdateError> {
        let why = "the release on trial was not confirmed in time";
        let attempts: [&[&str]; 2] = [&["/sbin/shutdown", "-r", "now", why], &["/sbin/reboot"]];
        let mut failures = Vec::new();
        for command in attempts {
            match Command::new(command[0]).args(&command[1..]).status() {
                Ok(status) if status.success() => return Ok(()),
                Ok(status) => failures.push(format!("{} ended with {status}", command[0])),
                Err(error) => failures.push(format!("{}: {error}", command[0])),
            }
        }
        Err(UpdateError::System(format!("restarting the unit: {}", failures.join("; "))))
    }

    fn stock_boot(&self) -> Result<Option<StockBoot>, UpdateError> {
        let found = disk::read_stock_boot(&slot_devices()?);
        found.map_err(|error| UpdateError::System(format!("looking for the boot program: {error:#}")))
    }

    fn run_program(&self, command: &[String]) -> Result<(), String> {
        // With this flag, the kernel lets programs write a disk that is in use, and boot0cfg would.
        let flags = sys::sysctl(c"kern.geom.debugflags").map_err(|error| error.to_string())?;
        if flags & FOOTSHOOTING != 0 {
            return Err(format!(
                "the sysctl kern.geom.debugflags is {flags}, with which {} is not safe",
                command[0]
            ));
        }
        let output = Command::new(&command[0]).args(&command[1..]).output();
        let output = output.map_err(|error| format!("{}: {error}", command[0]))?;
        let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        match output.status.success() {
            true => Ok(()),
            false => Err(format!("{} ended with {}: {said}", command[0], output.status)),
        }
    }
}

/// Reads all keys of a directory.
fn read_keys(directory: &Path) -> Result<PublicKeys, String> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| format!("reading {}: {error}", path.display());
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut files: Vec<_> =
        entries.map_err(|error| failed(directory, &error))?.into_iter().map(|entry| entry.path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(paths::KEY_SUFFIX));
    files.sort();
    let mut keys = PublicKeys::new();
    for path in files {
        let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
        keys.add(&text).map_err(|error| failed(&path, &error))?;
    }
    Ok(keys)
}

/// Adds a hint to an error that root would not get.
fn with_hint(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::PermissionDenied => io::Error::new(error.kind(), format!("{error}\nhint: run it as root")),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pub_file_is_a_key_and_a_bad_one_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        assert!(read_keys(directory.path()).unwrap().is_empty());
        let pairs = [(); 2].map(|()| minisign::KeyPair::generate_unencrypted_keypair().unwrap());
        for (name, pair) in ["a.pub", "b.pub"].into_iter().zip(&pairs) {
            write(name, &pair.pk.to_box().unwrap().into_string());
        }
        write("README", "not a key");
        assert_eq!(read_keys(directory.path()).unwrap().ids().count(), 2);
        write("c.pub", "not a key");
        let error = read_keys(directory.path()).unwrap_err();
        assert!(
            error.contains("c.pub: reading a public key: this is not the text of a public key"),
            "{error}"
        );
        assert!(read_keys(&directory.path().join("no")).unwrap_err().contains("/no: "));
    }
}
