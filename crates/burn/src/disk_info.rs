//! What the host knows about a disk.

/// What the host knows about a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskInfo {
    /// Its name in /dev.
    pub name: String,
    /// Its model, as its maker calls it.
    pub model: Option<String>,
    /// Whether it can be taken out of the machine, or is a file behind a device.
    pub removable: bool,
    /// Bytes of a sector.
    pub sector: u64,
    /// What uses it or a part of it, as `/dev/sdb1 is mounted on /mnt`.
    pub users: Vec<String>,
}
