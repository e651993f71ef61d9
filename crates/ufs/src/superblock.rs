//! The superblock, its backups, and the hint where to find them.
//!
//! The invariant: every field is what `newfs -O2 -U` writes (sbin/newfs/mkfs.c) with the counts of
//! the tree in place of those of an empty file system. A backup differs from the superblock in
//! `fs_sblockactualloc` alone (and so in its check-hash).
//!
//! `struct fs` of sys/ufs/ffs/fs.h, in bytes; what is not listed is zero. The constants below are
//! the table.

use crate::checkhash::check_hash;
use crate::field::Fields;
use crate::geometry::{
    Geometry, INODE_SIZE, MAX_LABEL, POINTER_SIZE, SECTOR, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE,
};
use crate::group::Summary;
use crate::params::{Optimization, Params};
use crate::survey::MAX_INLINE_SYMLINK;

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
/// AVFILESIZ: expected size of a file (bytes).
const AVERAGE_FILE: u32 = 16384;
/// AFPDIR: expected files of a directory.
const AVERAGE_DIRECTORY: u32 = 64;
/// FS_FLAGS_UPDATED: the flags are in `fs_flags`.
const FLAGS_UPDATED: u8 = 0x80;
/// FS_DOSOFTDEP.
const SOFT_UPDATES: u32 = 0x0002;
/// FS_METACKHASH: there are check-hashes.
const CHECK_HASHES: u32 = 0x0200;
/// CK_SUPERBLOCK, CK_CYLGRP and CK_INODE.
const HASHED: u32 = 0x0007;

/// `struct fsrecovery`: the last bytes of the sector before the superblock.
pub(crate) const RECOVERY_SIZE: usize = 20;

/// What a superblock says besides the geometry.
pub(crate) struct Facts<'p> {
    pub shape: &'p Geometry,
    pub params: &'p Params,
    pub identity: [u32; 2],
    pub summaries: &'p [Summary],
}

impl Facts<'_> {
    /// The superblock to be written at `location` (byte offset): [`Geometry::superblock_size`]
    /// bytes.
    pub(crate) fn encode(&self, location: u64) -> Vec<u8> {
        let Self { shape, params, identity, .. } = *self;
        let mut fs = vec![0; (shape.superblock_size as usize).max(SUPERBLOCK_SIZE)];
        self.layout(&mut fs);
        fs.put_u32(MINFREE, shape.min_free.into());
        fs.put_u32(MAXCONTIG, shape.max_contig);
        fs.put_u32(MAXBPG, shape.block / POINTER_SIZE as u32);
        fs.put_u32(OPTIM, u32::from(shape.optimization == Optimization::Space));
        fs.put_u32(ID, identity[0]);
        fs.put_u32(ID + 4, identity[1]);
        fs.put_u8(CLEAN, 1);
        fs.put_u8(OLD_FLAGS, FLAGS_UPDATED);
        if let Some(label) = &params.label {
            let length = label.len().min(MAX_LABEL - 1);
            fs[VOLNAME..VOLNAME + length].copy_from_slice(&label.as_bytes()[..length]);
        }
        fs.put_u32(MAXBSIZE, shape.block);
        fs.put_u64(PROVIDERSIZE, shape.size);
        fs.put_u64(METASPACE, shape.metaspace.into());
        fs.put_u64(SBLOCKACTUALLOC, location);
        fs.put_u64(SBLOCKLOC, SUPERBLOCK_OFFSET);
        let total = |field: fn(&Summary) -> u32| self.summaries.iter().map(|s| u64::from(field(s))).sum();
        fs.put_u64(CSTOTAL, total(|summary| summary.directories));
        fs.put_u64(CSTOTAL + 8, total(|summary| summary.blocks));
        fs.put_u64(CSTOTAL + 16, total(|summary| summary.inodes));
        fs.put_u64(CSTOTAL + 24, total(|summary| summary.fragments));
        fs.put_i64(TIME, params.time);
        fs.put_u32(AVGFILESIZE, AVERAGE_FILE);
        fs.put_u32(AVGFPDIR, AVERAGE_DIRECTORY);
        fs.put_u32(METACKHASH, HASHED);
        fs.put_u32(FLAGS, CHECK_HASHES | if params.soft_updates { SOFT_UPDATES } else { 0 });
        fs.put_u32(CONTIGSUMSIZE, shape.clusters);
        fs.put_u32(MAXSYMLINKLEN, MAX_INLINE_SYMLINK as u32);
        fs.put_u64(MAXFILESIZE, shape.max_file);
        fs.put_u32(MAGIC_AT, MAGIC);
        let hash = check_hash(&fs);
        fs.put_u32(CKHASH, hash);
        fs
    }

    fn layout(&self, fs: &mut [u8]) {
        let shape = self.shape;
        fs.put_u32(SBLKNO, shape.sblkno);
        fs.put_u32(CBLKNO, shape.cblkno);
        fs.put_u32(IBLKNO, shape.iblkno);
        fs.put_u32(DBLKNO, shape.dblkno);
        fs.put_u32(NCG, shape.groups);
        fs.put_u32(BSIZE, shape.block);
        fs.put_u32(FSIZE, shape.fragment);
        fs.put_u32(FRAG, shape.frag);
        fs.put_u32(BMASK, !(shape.block - 1));
        fs.put_u32(FMASK, !(shape.fragment - 1));
        fs.put_u64(QBMASK, u64::from(shape.block - 1));
        fs.put_u64(QFMASK, u64::from(shape.fragment - 1));
        fs.put_u32(BSHIFT, shape.block.ilog2());
        fs.put_u32(FSHIFT, shape.fragment.ilog2());
        fs.put_u32(FRAGSHIFT, shape.frag.ilog2());
        fs.put_u32(FSBTODB, (shape.fragment / SECTOR).ilog2());
        fs.put_u32(SBSIZE, shape.superblock_size);
        fs.put_u32(NINDIR, shape.pointers_per_block() as u32);
        fs.put_u32(INOPB, shape.block / INODE_SIZE as u32);
        fs.put_u32(CSSIZE, shape.summary_size);
        fs.put_u32(CGSIZE, shape.group_size);
        fs.put_u32(IPG, shape.ipg);
        fs.put_u32(FPG, shape.fpg);
        fs.put_u64(SIZE, shape.size);
        fs.put_u64(DSIZE, shape.data_fragments());
        fs.put_u64(CSADDR, shape.dblkno.into());
    }
}

/// `struct fsrecovery`: magic, `fs_fsbtodb`, `fs_sblkno`, `fs_fpg` and `fs_ncg`, 4 bytes each.
pub(crate) fn recovery(shape: &Geometry) -> [u8; RECOVERY_SIZE] {
    let mut bytes = [0; RECOVERY_SIZE];
    bytes.put_u32(0, MAGIC);
    bytes.put_u32(4, (shape.fragment / SECTOR).ilog2());
    bytes.put_u32(8, shape.sblkno);
    bytes.put_u32(12, shape.fpg);
    bytes.put_u32(16, shape.groups);
    bytes
}
