//! Encodes the superblock, its backups and the recovery information that locates them.
//!
//! The invariant: every field is as `newfs -O2 -U` writes it (sbin/newfs/mkfs.c), except that the
//! counts are those of the tree, not of an empty file system. A backup differs from the superblock
//! only in `fs_sblockactualloc` (and therefore in its check-hash).
//!
//! The constants below are byte offsets in `struct fs` of sys/ufs/ffs/fs.h. All other bytes are
//! zero.

use crate::checkhash::check_hash;
use crate::field::Fields;
use crate::geometry::{
    Geometry, INODE_SIZE, MAX_VOLUME_NAME, POINTER_SIZE, SECTOR, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE,
};
use crate::group::Summary;
use crate::params::{Optimization, Params};
use crate::survey::MAX_SYMLINK_LEN;

const SBLKNO: usize = 8;
const CBLKNO: usize = 12;
const IBLKNO: usize = 16;
const DBLKNO: usize = 20;
const NCG: usize = 44;
const BSIZE: usize = 48;
const FSIZE: usize = 52;
const FRAG: usize = 56;
const MINFREE: usize = 60;
const BMASK: usize = 72;
const FMASK: usize = 76;
const BSHIFT: usize = 80;
const FSHIFT: usize = 84;
const MAXCONTIG: usize = 88;
const MAXBPG: usize = 92;
const FRAGSHIFT: usize = 96;
const FSBTODB: usize = 100;
const SBSIZE: usize = 104;
const NINDIR: usize = 116;
const INOPB: usize = 120;
const OPTIM: usize = 128;
const ID: usize = 144;
const CSSIZE: usize = 156;
const CGSIZE: usize = 160;
const IPG: usize = 184;
const FPG: usize = 188;
const CLEAN: usize = 209;
const OLD_FLAGS: usize = 211;
const VOLNAME: usize = 680;
const MAXBSIZE: usize = 860;
const PROVIDERSIZE: usize = 872;
const METASPACE: usize = 880;
const SBLOCKACTUALLOC: usize = 992;
const SBLOCKLOC: usize = 1000;
const CSTOTAL: usize = 1008;
const TIME: usize = 1072;
const SIZE: usize = 1080;
const DSIZE: usize = 1088;
const CSADDR: usize = 1096;
const AVGFILESIZE: usize = 1196;
const AVGFPDIR: usize = 1200;
const CKHASH: usize = 1304;
const METACKHASH: usize = 1308;
const FLAGS: usize = 1312;
const CONTIGSUMSIZE: usize = 1316;
const MAXSYMLINKLEN: usize = 1320;
const MAXFILESIZE: usize = 1328;
const QBMASK: usize = 1336;
const QFMASK: usize = 1344;
const MAGIC_AT: usize = 1372;

/// FS_UFS2_MAGIC.
const MAGIC: u32 = 0x1954_0119;
/// AVFILESIZ: expected average file size (bytes).
const AVERAGE_FILE_SIZE: u32 = 16384;
/// AFPDIR: expected number of files per directory.
const AVERAGE_FILES_PER_DIRECTORY: u32 = 64;
/// FS_FLAGS_UPDATED: the flags are in `fs_flags`.
const FLAGS_UPDATED: u8 = 0x80;
/// FS_DOSOFTDEP.
const SOFT_UPDATES: u32 = 0x0002;
/// FS_METACKHASH: `fs_metackhash` is valid.
const CHECK_HASHES: u32 = 0x0200;
/// CK_SUPERBLOCK, CK_CYLGRP and CK_INODE: what has check-hashes.
const HASHED: u32 = 0x0007;

/// `sizeof(struct fsrecovery)`, at the end of the sector before the superblock (bytes).
pub(crate) const RECOVERY_SIZE: usize = 20;

/// Everything that goes into a superblock.
pub(crate) struct Superblock<'p> {
    pub geometry: &'p Geometry,
    pub params: &'p Params,
    pub fs_id: [u32; 2],
    pub summaries: &'p [Summary],
}

impl Superblock<'_> {
    /// Encodes the superblock for the byte offset `location`, in [`Geometry::superblock_size`] bytes.
    pub(crate) fn encode(&self, location: u64) -> Vec<u8> {
        let Self { geometry, params, fs_id, .. } = *self;
        let mut fs = vec![0; (geometry.superblock_size as usize).max(SUPERBLOCK_SIZE)];
        self.encode_geometry(&mut fs);
        fs.put_u32(MINFREE, geometry.min_free.into());
        fs.put_u32(MAXCONTIG, geometry.maxcontig);
        fs.put_u32(MAXBPG, geometry.block_size / POINTER_SIZE as u32);
        fs.put_u32(OPTIM, u32::from(geometry.optimization == Optimization::Space));
        fs.put_u32(ID, fs_id[0]);
        fs.put_u32(ID + 4, fs_id[1]);
        fs.put_u8(CLEAN, 1);
        fs.put_u8(OLD_FLAGS, FLAGS_UPDATED);
        if let Some(label) = &params.label {
            let length = label.len().min(MAX_VOLUME_NAME - 1);
            fs[VOLNAME..VOLNAME + length].copy_from_slice(&label.as_bytes()[..length]);
        }
        fs.put_u32(MAXBSIZE, geometry.block_size);
        fs.put_u64(PROVIDERSIZE, geometry.size);
        fs.put_u64(METASPACE, geometry.metaspace.into());
        fs.put_u64(SBLOCKACTUALLOC, location);
        fs.put_u64(SBLOCKLOC, SUPERBLOCK_OFFSET);
        let total = |field: fn(&Summary) -> u32| self.summaries.iter().map(|s| u64::from(field(s))).sum();
        fs.put_u64(CSTOTAL, total(|summary| summary.directories));
        fs.put_u64(CSTOTAL + 8, total(|summary| summary.blocks));
        fs.put_u64(CSTOTAL + 16, total(|summary| summary.inodes));
        fs.put_u64(CSTOTAL + 24, total(|summary| summary.fragments));
        fs.put_i64(TIME, params.time);
        fs.put_u32(AVGFILESIZE, AVERAGE_FILE_SIZE);
        fs.put_u32(AVGFPDIR, AVERAGE_FILES_PER_DIRECTORY);
        fs.put_u32(METACKHASH, HASHED);
        fs.put_u32(FLAGS, CHECK_HASHES | if params.soft_updates { SOFT_UPDATES } else { 0 });
        fs.put_u32(CONTIGSUMSIZE, geometry.contigsumsize);
        fs.put_u32(MAXSYMLINKLEN, MAX_SYMLINK_LEN as u32);
        fs.put_u64(MAXFILESIZE, geometry.max_file_size);
        fs.put_u32(MAGIC_AT, MAGIC);
        let hash = check_hash(&fs);
        fs.put_u32(CKHASH, hash);
        fs
    }

    fn encode_geometry(&self, fs: &mut [u8]) {
        let geometry = self.geometry;
        fs.put_u32(SBLKNO, geometry.sblkno);
        fs.put_u32(CBLKNO, geometry.cblkno);
        fs.put_u32(IBLKNO, geometry.iblkno);
        fs.put_u32(DBLKNO, geometry.dblkno);
        fs.put_u32(NCG, geometry.groups);
        fs.put_u32(BSIZE, geometry.block_size);
        fs.put_u32(FSIZE, geometry.fragment_size);
        fs.put_u32(FRAG, geometry.frag);
        fs.put_u32(BMASK, !(geometry.block_size - 1));
        fs.put_u32(FMASK, !(geometry.fragment_size - 1));
        fs.put_u64(QBMASK, u64::from(geometry.block_size - 1));
        fs.put_u64(QFMASK, u64::from(geometry.fragment_size - 1));
        fs.put_u32(BSHIFT, geometry.block_size.ilog2());
        fs.put_u32(FSHIFT, geometry.fragment_size.ilog2());
        fs.put_u32(FRAGSHIFT, geometry.frag.ilog2());
        fs.put_u32(FSBTODB, (geometry.fragment_size / SECTOR).ilog2());
        fs.put_u32(SBSIZE, geometry.superblock_size);
        fs.put_u32(NINDIR, geometry.pointers_per_block() as u32);
        fs.put_u32(INOPB, geometry.block_size / INODE_SIZE as u32);
        fs.put_u32(CSSIZE, geometry.summary_size);
        fs.put_u32(CGSIZE, geometry.cgsize);
        fs.put_u32(IPG, geometry.ipg);
        fs.put_u32(FPG, geometry.fpg);
        fs.put_u64(SIZE, geometry.size);
        fs.put_u64(DSIZE, geometry.data_fragments());
        fs.put_u64(CSADDR, geometry.dblkno.into());
    }
}

/// Encodes `struct fsrecovery`: magic, `fs_fsbtodb`, `fs_sblkno`, `fs_fpg` and `fs_ncg`, 4 bytes
/// each.
pub(crate) fn encode_recovery(geometry: &Geometry) -> [u8; RECOVERY_SIZE] {
    let mut bytes = [0; RECOVERY_SIZE];
    bytes.put_u32(0, MAGIC);
    bytes.put_u32(4, (geometry.fragment_size / SECTOR).ilog2());
    bytes.put_u32(8, geometry.sblkno);
    bytes.put_u32(12, geometry.fpg);
    bytes.put_u32(16, geometry.groups);
    bytes
}
