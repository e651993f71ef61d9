//! `[filesystem]`: the file systems of the slots and of `/cfg`.

use anyhow::{Result, ensure};

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
    pub(super) fn check(raw: RawFileSystem) -> Result<Self> {
        Ok(Self {
            block: power_of_two("filesystem.block", raw.block.unwrap_or(4096), 4096, 65536)?,
            fragment: power_of_two("filesystem.fragment", raw.fragment.unwrap_or(512), 512, 65536)?,
            bytes_per_inode: raw.bytes_per_inode.unwrap_or(8192),
            soft_updates: raw.soft_updates.unwrap_or(true),
        })
    }
}

fn power_of_two(key: &str, value: u32, least: u32, most: u32) -> Result<u32> {
    ensure!(
        value.is_power_of_two() && (least..=most).contains(&value),
        "{key}: {value} bytes; it must be a power of two from {least} to {most}"
    );
    Ok(value)
}
