//! The facts that the services know of the machine they run on: [`Facts`] is the list, [`Device`] reads the real ones.
//!
//! Reading never changes anything: for that, slices are opened read-only (a write to a live disk has unmounted roots
//! before). A [`Slice`] is written only when it is opened for it, and never is it the whole disk.
//! What the facts mean is decided elsewhere, by code that is tested on any machine.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::{Context, Result};
use bsd_disk::units::Sectors;
use firmware::release::RELEASE_FILE;
use firmware::slot::{HEADER_BYTES, Slot};
use firmware::state::store::{self, Medium};
use firmware::state::{BootState, STATE_BYTES};
use serde::Serialize;

use crate::slot::{HEADER_OFFSET, Slots};
use crate::update::{Storage, is_absent};
use crate::{geom, sys};

/// Memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// What the kernel has (`hw.physmem`).
    pub total_bytes: u64,
    /// What nothing uses (`vm.stats.vm.v_free_count`).
    pub free_bytes: u64,
}

/// What can be asked of the machine.
pub trait Facts {
    /// The text of [`RELEASE_FILE`].
    fn release(&self) -> Result<String>;
    /// What is mounted on `/`: `/dev/ada0s1a`.
    fn root_device(&self) -> Result<String>;
    /// Where something of a slice is mounted, if it is.
    fn mounted_on(&self, slice: &str) -> Result<Option<String>>;
    /// The disk that a slice is a part of, both without `/dev/`.
    fn disk_of(&self, slice: &str) -> Result<String>;
    /// What the loader was loaded from, kenv(1)'s `loaddev`: `disk0s1a:`.
    fn loader_device(&self) -> Result<String>;
    /// The record that describes what a slot holds.
    fn slot_header(&self, slots: &Slots, slot: Slot) -> Result<[u8; HEADER_BYTES]>;
    /// What starts next; `None` on a disk that has no boot state, which is one without Sluice's boot manager.
    fn boot_state(&self, slots: &Slots) -> Result<Option<BootState>>;
    /// The time since the system was started.
    fn uptime(&self) -> Result<Duration>;
    /// How much memory there is.
    fn memory(&self) -> Result<Memory>;
}

/// The machine that this program runs on.
pub struct Device;

/// What [`geom`] understands.
fn geom_tree() -> Result<String> {
    sys::sysctl_text(c"kern.geom.conftxt").context("asking sysctl for kern.geom.conftxt")
}

impl Facts for Device {
    fn release(&self) -> Result<String> {
        std::fs::read_to_string(RELEASE_FILE).with_context(|| format!("reading {RELEASE_FILE}"))
    }

    fn root_device(&self) -> Result<String> {
        sys::root_device().context("asking what is mounted on /")
    }

    fn mounted_on(&self, slice: &str) -> Result<Option<String>> {
        let mounts = sys::mounts().context("asking what is mounted")?;
        let tree = geom_tree()?;
        // A label is one more name for a slice, and what is mounted has one name.
        let names = geom::names_of_slice(&tree, slice.trim_start_matches("/dev/"));
        let is_of_slice = |from: &str| {
            from.starts_with(slice) || from.strip_prefix("/dev/").is_some_and(|name| names.contains(&name))
        };
        Ok(mounts.into_iter().find(|(from, _)| is_of_slice(from)).map(|(_, at)| at))
    }

    fn disk_of(&self, slice: &str) -> Result<String> {
        let tree = geom_tree()?;
        let disk = geom::disk_of(&tree, slice).map(str::to_owned);
        disk.with_context(|| format!("kern.geom.conftxt tells no disk of {slice}"))
    }

    fn loader_device(&self) -> Result<String> {
        sys::kenv(c"loaddev").context("asking the kernel's environment for `loaddev`")
    }

    fn slot_header(&self, slots: &Slots, slot: Slot) -> Result<[u8; HEADER_BYTES]> {
        let path = slots.path(slot);
        let mut header = [0; HEADER_BYTES];
        File::open(&path)
            .and_then(|slice| slice.read_exact_at(&mut header, HEADER_OFFSET))
            .with_context(|| format!("reading the header of slot {slot} from {path}"))?;
        Ok(header)
    }

    fn boot_state(&self, slots: &Slots) -> Result<Option<BootState>> {
        let path = slots.cfg_path();
        let mut slice = Slice::open(&path, false).with_context(|| format!("opening {path}"))?;
        match store::load(&mut slice) {
            Ok(loaded) => Ok(Some(loaded.state)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn uptime(&self) -> Result<Duration> {
        sys::uptime().context("asking for the uptime")
    }

    fn memory(&self) -> Result<Memory> {
        let ask =
            |name| sys::sysctl(name).with_context(|| format!("asking sysctl for {}", name.to_string_lossy()));
        let page = ask(c"hw.pagesize")?;
        Ok(Memory { total_bytes: ask(c"hw.physmem")?, free_bytes: ask(c"vm.stats.vm.v_free_count")? * page })
    }
}

/// A slice of the card: a slot, or that of `/cfg` with the boot state at its head.
pub struct Slice {
    file: File,
    size: Sectors,
}

impl Slice {
    /// Opens it. For writing the kernel refuses it (`EPERM`) while a file system on it is mounted for writing.
    ///
    /// # Errors
    /// It cannot be opened, or is no disk.
    pub fn open(path: &str, write: bool) -> io::Result<Self> {
        let file = File::options().read(true).write(write).open(path)?;
        let size = Sectors(sys::media_size(&file)? / Sectors(1).bytes());
        Ok(Self { file, size })
    }
}

impl Storage for Slice {
    fn size(&self) -> Sectors {
        self.size
    }

    fn read_at(&mut self, at: Sectors, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(bytes, at.bytes())
    }

    fn write_at(&mut self, at: Sectors, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, at.bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        sys::flush(&self.file)
    }
}

impl Medium for Slice {
    fn read(&mut self, at: Sectors, sector: &mut [u8; STATE_BYTES]) -> io::Result<()> {
        self.read_at(at, sector)
    }

    fn write(&mut self, at: Sectors, sector: &[u8; STATE_BYTES]) -> io::Result<()> {
        self.write_at(at, sector)
    }

    fn flush(&mut self) -> io::Result<()> {
        Storage::flush(self)
    }
}

#[cfg(test)]
pub mod fake {
    //! A machine for tests: each fact is there or lacking.

    use anyhow::anyhow;
    use bsd_disk::units::Sectors;
    use firmware::slot::SlotHeader;

    use super::*;

    /// The header of a slot with this release.
    pub fn header(version: &str, commit: &str) -> [u8; HEADER_BYTES] {
        SlotHeader {
            product: "sluice".into(),
            board: "alix2d13".into(),
            version: version.into(),
            commit: commit.into(),
            built_from: "FreeBSD 13.2-RELEASE".into(),
            built: 0,
            size: Sectors::from_mib(200),
        }
        .encode()
        .unwrap()
    }

    /// A machine with these facts.
    pub struct Fake {
        pub release: Option<String>,
        pub root_device: Option<&'static str>,
        pub loader_device: Option<&'static str>,
        pub headers: [Option<[u8; HEADER_BYTES]>; 2],
        pub boot_state: Option<Option<BootState>>,
        pub uptime: Option<u64>,
        pub memory: Option<Memory>,
    }

    impl Fake {
        /// Nothing lacks; it runs from slot 2, and slot 1 holds the release before.
        pub fn healthy() -> Self {
            Self {
                release: Some(
                    r#"{"product":"sluice","version":"1.4.0","board":"alix2d13","commit":"3ed14b5","world":"FreeBSD 13.2-RELEASE"}"#
                        .into(),
                ),
                root_device: Some("/dev/ada0s2a"),
                loader_device: Some("disk0s2a:"),
                headers: [Some(header("1.3.9", "2c41d70")), Some(header("1.4.0", "3ed14b5"))],
                boot_state: Some(Some(BootState::factory(Slot::Second, [true; 2], None))),
                uptime: Some(273_906),
                memory: Some(Memory { total_bytes: 250 << 20, free_bytes: 190 << 20 }),
            }
        }
    }

    fn there<T>(fact: Option<T>, what: &str) -> Result<T> {
        fact.ok_or_else(|| anyhow!("{what} lacks in this test"))
    }

    impl Facts for Fake {
        fn release(&self) -> Result<String> {
            there(self.release.clone(), "the release")
        }
        fn root_device(&self) -> Result<String> {
            there(self.root_device.map(str::to_owned), "the root device")
        }
        fn mounted_on(&self, _: &str) -> Result<Option<String>> {
            Ok(None)
        }
        fn disk_of(&self, _: &str) -> Result<String> {
            there(None, "the disk")
        }
        fn loader_device(&self) -> Result<String> {
            there(self.loader_device.map(str::to_owned), "the loader device")
        }
        fn slot_header(&self, _: &Slots, slot: Slot) -> Result<[u8; HEADER_BYTES]> {
            there(self.headers[usize::from(slot.number() - 1)], "the header")
        }
        fn boot_state(&self, _: &Slots) -> Result<Option<BootState>> {
            there(self.boot_state.clone(), "the boot state")
        }
        fn uptime(&self) -> Result<Duration> {
            there(self.uptime.map(Duration::from_secs), "the uptime")
        }
        fn memory(&self) -> Result<Memory> {
            there(self.memory, "the memory")
        }
    }
}
