//! `[filesystem]`: the file systems of the slots and of `/cfg`.

use anyhow::{Context, Result, ensure};
use bsd_disk::disklabel::BOOT_AREA;
use bsd_disk::units::Sectors;
use firmware::layout::Layout;

use super::raw::RawFileSystem;

/// newfs(8) parameters.
#[derive(Clone, Copy, Debug)]
pub struct FileSystem {
    /// Bytes of a block.
    pub block: u32,
    /// Bytes of a fragment.
    pub fragment: u32,
    /// Bytes for each inode.
    pub bytes_per_inode: u32,
    /// Soft updates.
    pub soft_updates: bool,
}

impl FileSystem {
    pub(super) fn check(raw: RawFileSystem, layout: &Layout) -> Result<Self> {
        let filesystem = Self {
            block: power_of_two("filesystem.block", raw.block.unwrap_or(4096), 4096, 65536)?,
            fragment: power_of_two("filesystem.fragment", raw.fragment.unwrap_or(512), 512, 65536)?,
            bytes_per_inode: raw.bytes_per_inode.unwrap_or(8192),
            soft_updates: raw.soft_updates.unwrap_or(true),
        };
        // What has no room when it is empty has none for files either.
        let slots = layout.slots.first().map(|slot| ("slots", layout.room(slot) - BOOT_AREA));
        let cfg = ("/cfg", layout.partitions().cfg.size);
        let data = layout.data.as_ref().map(|data| ("/data", layout.room(data)));
        for (name, size) in slots.into_iter().chain([cfg]).chain(data) {
            let empty = ufs::Tree::new(ufs::Meta::new(0o755));
            ufs::Plan::new(&empty, &filesystem.params(size, 0)).with_context(|| {
                format!("[filesystem]: laying out the file system of {name}, {} bytes", size.bytes())
            })?;
        }
        Ok(filesystem)
    }

    /// newfs(8) parameters for a file system of `size`, all times being `time`, in seconds since 1970.
    pub fn params(&self, size: Sectors, time: i64) -> ufs::Params {
        let fragment = u64::from(self.fragment);
        ufs::Params {
            block_size: self.block,
            fragment_size: self.fragment,
            bytes_per_inode: self.bytes_per_inode,
            soft_updates: self.soft_updates,
            time,
            ..ufs::Params::new(size.bytes() / fragment * fragment)
        }
    }
}

fn power_of_two(key: &str, value: u32, least: u32, most: u32) -> Result<u32> {
    ensure!(
        value.is_power_of_two() && (least..=most).contains(&value),
        "{key}: {value} bytes\nhint: it must be a power of two from {least} to {most}"
    );
    Ok(value)
}
