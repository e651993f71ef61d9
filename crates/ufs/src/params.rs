//! What a caller decides about a file system, before anything is derived from it.
//!
//! The invariant: [`Params`] is raw. Nothing but `geometry` reads it, and `geometry` checks it
//! first. What `newfs` derives (cylinder groups, inodes) does not belong here.

/// Block size of NanoBSD's `newfs -b 4096` (bytes).
const NANOBSD_BLOCK: u32 = 4096;
/// Fragment size of NanoBSD's `newfs -f 512` (bytes).
const NANOBSD_FRAGMENT: u32 = 512;
/// Density of NanoBSD's `newfs -i 8192` (bytes per inode).
const NANOBSD_DENSITY: u32 = 8192;
/// MINFREE of sys/ufs/ffs/fs.h, the default of `newfs -m` (percent).
const MIN_FREE: u8 = 8;
/// From this size on a file may get holes; see [`Params::sparse_from`] (bytes).
const SPARSE_FROM: u64 = 1 << 20;

/// What the kernel favours when it allocates, `newfs -o`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optimization {
    /// FS_OPTTIME: the least time spent in allocating.
    Time,
    /// FS_OPTSPACE: the least fragmentation.
    Space,
}

/// The parameters of a file system.
///
/// All fields are public and unchecked; [`crate::Plan::new`] checks them. Start from
/// [`Params::new`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Bytes of the file system: a multiple of the fragment size.
    pub size: u64,
    /// Bytes of a block: a power of two, 4096 to 65536.
    pub block_size: u32,
    /// Bytes of a fragment: a power of two, `block_size / 8` to `block_size`, at least 512.
    pub fragment_size: u32,
    /// Bytes of data for which there shall be one inode, `newfs -i`. Rounded up to fragments, and
    /// lowered where a cylinder group could not hold its bitmaps otherwise, as `newfs` does.
    pub bytes_per_inode: u32,
    /// Percent of the space which only root may fill, 0 to 99. It binds the kernel, not this
    /// writer: a tree may fill the file system to the last fragment.
    pub min_free: u8,
    /// Whether the kernel shall use soft updates when it mounts the file system read-write.
    pub soft_updates: bool,
    /// Volume name (`/dev/ufs/<label>`): up to 31 bytes of letters, digits, `-` and `_`.
    pub label: Option<String>,
    /// Seconds since 1970: the time of the file system, and of each node without an `mtime`.
    pub time: i64,
    /// What the kernel favours; `None` does as `newfs`: time, or space where `min_free` is below 8.
    pub optimization: Option<Optimization>,
    /// Files of at least this many bytes get holes for their zeros; `None`: no file does.
    ///
    /// The rule looks at content only, so that the image is the same on every machine: an aligned
    /// unit of 64 KiB (or one block where that is larger) that is nothing but zeros becomes a
    /// hole, all but the last block of the file, which UFS wants allocated.
    ///
    /// The default is 1 MiB, and it should not be less than what a first-stage boot program reads:
    /// FreeBSD's boot2 and gptboot (stand/libsa/ufsread.c) take a hole for block 0 and would load
    /// the boot blocks in its place. `/boot/loader` is always smaller than 640 KiB.
    pub sparse_from: Option<u64>,
}

impl Params {
    /// The parameters that NanoBSD gives to `newfs` (`-b 4096 -f 512 -i 8192 -U`), `newfs`'s own
    /// defaults for the rest (among them a reserve of 8 percent), and a time of 0.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Self {
            size,
            block_size: NANOBSD_BLOCK,
            fragment_size: NANOBSD_FRAGMENT,
            bytes_per_inode: NANOBSD_DENSITY,
            min_free: MIN_FREE,
            soft_updates: true,
            label: None,
            time: 0,
            optimization: None,
            sparse_from: Some(SPARSE_FROM),
        }
    }
}
