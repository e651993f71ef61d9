//! The parameters of a file system, as a caller chooses them.
//!
//! The invariant: [`Params`] is unchecked. `geometry` checks it first. What `newfs` derives from
//! its options (cylinder groups, number of inodes) does not belong here.

/// Block size of NanoBSD's `newfs -b 4096` (bytes).
const NANOBSD_BLOCK_SIZE: u32 = 4096;
/// Fragment size of NanoBSD's `newfs -f 512` (bytes).
const NANOBSD_FRAGMENT_SIZE: u32 = 512;
/// Inode density of NanoBSD's `newfs -i 8192` (bytes per inode).
const NANOBSD_DENSITY: u32 = 8192;
/// MINFREE of sys/ufs/ffs/fs.h, the default of `newfs -m` (percent).
const MIN_FREE: u8 = 8;
/// Default of [`Params::sparse_from`] (bytes).
const SPARSE_FROM: u64 = 1 << 20;

/// What the kernel optimizes when it allocates blocks (`newfs -o`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optimization {
    /// FS_OPTTIME: minimize the time spent allocating blocks.
    Time,
    /// FS_OPTSPACE: minimize fragmentation.
    Space,
}

// The `Debug` output of this type is hashed into the id of the file system: renaming a field
// changes the bytes of every image.
/// The parameters of a file system.
///
/// All fields are public and unchecked; [`crate::Plan::new`] checks them. Start from
/// [`Params::new`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Size of the file system in bytes: a multiple of the fragment size.
    pub size: u64,
    /// Block size in bytes: a power of two, 4096 to 65536.
    pub block_size: u32,
    /// Fragment size in bytes: a power of two, `block_size / 8` to `block_size`, at least 512.
    pub fragment_size: u32,
    /// Inode density: one inode for this many bytes (`newfs -i`). As in `newfs`, it is rounded down
    /// to fragments and lowered when a cylinder group could not hold its bitmaps otherwise.
    pub bytes_per_inode: u32,
    /// Percentage of the space that only root may fill, 0 to 99. It limits the kernel, not this
    /// writer: a tree may fill the file system to the last fragment.
    pub min_free: u8,
    /// Whether the kernel uses soft updates when it mounts the file system read-write.
    pub soft_updates: bool,
    /// Volume name (`/dev/ufs/<label>`): up to 31 letters, digits, `-` and `_`.
    pub label: Option<String>,
    /// Time of the file system, and of each node without an `mtime`, in seconds since 1970.
    pub time: i64,
    /// What the kernel optimizes; `None` chooses as `newfs` does: time, or space if `min_free` is
    /// below 8.
    pub optimization: Option<Optimization>,
    /// Files of at least this many bytes get holes in place of zeros; with `None`, no file does.
    ///
    /// Only the content counts, so the image is the same on every machine: an aligned unit of
    /// 64 KiB (or one block, if that is larger) that is all zeros becomes a hole, except for the
    /// last block of the file, which UFS requires to be allocated.
    ///
    /// The default is 1 MiB. It should not be smaller than the files that first-stage boot programs
    /// read: FreeBSD's boot2 and gptboot (stand/libsa/ufsread.c) take a hole for block 0 and would
    /// load the boot blocks instead. `/boot/loader` is always smaller than 640 KiB.
    pub sparse_from: Option<u64>,
}

impl Params {
    /// Returns the parameters that NanoBSD passes to `newfs` (`-b 4096 -f 512 -i 8192 -U`), with
    /// the defaults of `newfs` for the rest (such as a reserve of 8 percent) and a time of 0.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Self {
            size,
            block_size: NANOBSD_BLOCK_SIZE,
            fragment_size: NANOBSD_FRAGMENT_SIZE,
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
