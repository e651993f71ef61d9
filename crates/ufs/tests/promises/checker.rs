//! A consistency checker: it checks what the five passes of `fsck_ffs` check (sbin/fsck_ffs/pass*.c),
//! and also hashes, summaries and backups. It reads raw bytes and trusts nothing.

use std::collections::HashMap;

use ufs::read::Source;

use crate::bytes::{bit, hash, u16_at, u32_at, u64_at};

const SUPERBLOCK: u64 = 65536;
const ROOT: u32 = 2;

#[derive(Clone, Debug, Default)]
struct Node {
    mode: u16,
    nlink: u16,
    size: u64,
    /// The content of a directory.
    content: Vec<u8>,
}

pub struct Checker<'s> {
    source: &'s dyn Source,
    fs: Vec<u8>,
    block: u64,
    fragment: u64,
    frag: u64,
    size: u64,
    ipg: u32,
    fpg: u64,
    groups: u32,
    /// Whether a fragment is in use.
    used: Vec<bool>,
    nodes: HashMap<u32, Node>,
}

/// Panics at the first inconsistency.
pub fn check(source: &dyn Source) {
    let mut fs = vec![0; 8192];
    source.read_at(SUPERBLOCK, &mut fs).unwrap();
    let number = |at: usize| u64::from(u32_at(&fs, at));
    let mut checker = Checker {
        source,
        block: number(48),
        fragment: number(52),
        frag: number(56),
        size: u64_at(&fs, 1080),
        ipg: u32_at(&fs, 184),
        fpg: number(188),
        groups: u32_at(&fs, 44),
        used: vec![false; u64_at(&fs, 1080) as usize],
        nodes: HashMap::new(),
        fs,
    };
    checker.superblocks();
    checker.reserve();
    for group in 0..checker.groups {
        checker.inodes(group);
    }
    checker.names();
    checker.counts();
}

impl Checker<'_> {
    fn number(&self, at: usize) -> u64 {
        u32_at(&self.fs, at).into()
    }

    fn read(&self, fragment: u64, length: u64) -> Vec<u8> {
        let mut bytes = vec![0; length as usize];
        self.source.read_at(fragment * self.fragment, &mut bytes).unwrap();
        bytes
    }

    fn superblocks(&self) {
        let fs = &self.fs;
        assert_eq!(u32_at(fs, 1372), 0x1954_0119, "magic");
        assert_eq!((u64_at(fs, 992), u64_at(fs, 1000)), (SUPERBLOCK, SUPERBLOCK), "location");
        assert_eq!(self.block, self.fragment * self.frag);
        assert_eq!((fs[208], fs[209], fs[210]), (0, 1, 0), "modified, clean, read-only");
        assert_eq!(u32_at(fs, 1308), 7, "check-hashes");
        // What the kernel requires when it mounts: validate_sblock of sys/ufs/ffs/ffs_subr.c.
        let summary_end = u64_at(fs, 1096) + self.number(156) / self.fragment;
        assert!(summary_end < self.fpg, "the summary ends before its group does");
        assert!(self.size >= 8 * self.frag && self.fpg >= 3 * self.frag);
        assert!(self.size > (u64::from(self.groups) - 1) * self.fpg);
        assert!(self.size <= u64::from(self.groups) * self.fpg);
        assert!(u64_at(fs, 880) <= self.fpg / 2, "metaspace");
        assert!(self.number(160) >= self.fragment && self.number(160) <= self.block, "cgsize");
        let length = self.number(104) as usize;
        assert!((1376..=8192).contains(&length) && length.is_multiple_of(512), "sbsize");
        let mut hashed = fs[..length].to_vec();
        hashed[1304..1308].fill(0);
        assert_eq!(hash(&hashed), u32_at(fs, 1304), "hash of the superblock");
        for group in 0..u64::from(self.groups) {
            let address = group * self.fpg + self.number(8);
            let mut backup = self.read(address, length as u64);
            assert_eq!(u64_at(&backup, 992), address * self.fragment);
            let stored = u32_at(&backup, 1304);
            backup[1304..1308].fill(0);
            assert_eq!(hash(&backup), stored, "hash of the backup in group {group}");
            backup[992..1000].copy_from_slice(&fs[992..1000]);
            assert_eq!(backup, hashed, "backup in group {group}");
        }
        let mut sector = vec![0; 512];
        self.source.read_at(SUPERBLOCK - 512, &mut sector).unwrap();
        let hint: Vec<u64> = (0..5).map(|word| u32_at(&sector, 492 + 4 * word).into()).collect();
        assert_eq!(hint, [0x1954_0119, self.number(100), self.number(8), self.fpg, self.groups.into()]);
    }

    /// Marks the fragments that are not for data.
    fn reserve(&mut self) {
        let (sblkno, dblkno) = (self.number(8), self.number(20));
        for group in 0..u64::from(self.groups) {
            let base = group * self.fpg;
            let from = if group == 0 { 0 } else { base + sblkno };
            self.take(from, base + dblkno - from, "metadata");
        }
        let csaddr = u64_at(&self.fs, 1096);
        self.take(csaddr, self.number(156) / self.fragment, "summary");
        let used = self.used.iter().filter(|used| **used).count() as u64;
        assert_eq!(self.size - used, u64_at(&self.fs, 1088), "fs_dsize");
    }

    fn take(&mut self, from: u64, count: u64, what: &str) {
        assert!(from > 0 || what == "metadata", "{what} at fragment 0");
        for fragment in from..from + count {
            assert!(fragment < self.size, "{what}: fragment {fragment} is outside the file system");
            assert!(!self.used[fragment as usize], "{what}: fragment {fragment} is used twice");
            self.used[fragment as usize] = true;
        }
    }

    fn header(&self, group: u32) -> Vec<u8> {
        let address = u64::from(group) * self.fpg + self.number(12);
        let mut header = self.read(address, self.number(160));
        let stored = u32_at(&header, 132);
        header[132..136].fill(0);
        assert_eq!(hash(&header), stored, "hash of group {group}");
        assert_eq!(u32_at(&header, 4), 0x0009_0255, "magic of group {group}");
        assert_eq!(u32_at(&header, 12), group);
        assert_eq!(u32_at(&header, 116), self.ipg);
        header
    }

    fn inodes(&mut self, group: u32) {
        let header = self.header(group);
        let map = &header[u32_at(&header, 92) as usize..];
        let initialized = u32_at(&header, 120);
        assert!(initialized <= self.ipg && initialized.is_multiple_of(self.block as u32 / 256));
        let table = u64::from(group) * self.fpg + self.number(16);
        let table = self.read(table, u64::from(self.ipg) * 256);
        for index in 0..self.ipg {
            let ino = group * self.ipg + index;
            let inode = &table[index as usize * 256..][..256];
            let used = bit(map, index as usize);
            assert!(!used || index < initialized, "inode {ino} is not initialized");
            if ino < ROOT {
                assert!(used && inode.iter().all(|byte| *byte == 0));
            } else if used {
                self.inode(ino, inode);
            } else if index < initialized {
                assert!(inode.iter().all(|byte| *byte == 0), "inode {ino} is free and not zero");
            }
        }
    }

    fn inode(&mut self, ino: u32, inode: &[u8]) {
        let mut hashed = inode.to_vec();
        hashed[244..248].fill(0);
        assert_eq!(hash(&hashed), u32_at(inode, 244), "hash of inode {ino}");
        assert_ne!(u32_at(inode, 80), 0, "generation of inode {ino}");
        let (mode, size) = (u16_at(inode, 0), u64_at(inode, 16));
        let mut node = Node { mode, nlink: u16_at(inode, 2), size, content: Vec::new() };
        let pointer = |index: usize| u64_at(inode, 112 + 8 * index);
        let mut taken = 0;
        let in_inode = match mode >> 12 {
            4 | 8 => false,
            10 => size < 120,
            2 | 6 => {
                assert!((1..15).all(|index| pointer(index) == 0) && size == 0, "inode {ino}");
                true
            }
            1 | 12 => {
                assert!((0..15).all(|index| pointer(index) == 0) && size == 0, "inode {ino}");
                true
            }
            other => panic!("inode {ino} has type {other}"),
        };
        if in_inode {
            if mode >> 12 == 10 {
                assert!(inode[112 + size as usize..232].iter().all(|byte| *byte == 0));
            }
        } else {
            let blocks = size.div_ceil(self.block);
            let what = format!("inode {ino}");
            let directory = mode >> 12 == 4;
            for block in 0..12u64 {
                let address = pointer(block as usize);
                if address == 0 {
                    assert!(block + 1 != blocks && !(directory && block < blocks), "{what}: hole at {block}");
                    continue;
                }
                assert!(block < blocks, "{what}: block {block} is past the end");
                let length = (size - block * self.block).min(self.block);
                let fragments = length.div_ceil(self.fragment);
                assert_eq!(address / self.frag, (address + fragments - 1) / self.frag, "{what}: crosses");
                self.take(address, fragments, &what);
                taken += fragments;
                let bytes = self.read(address, fragments * self.fragment);
                assert!(bytes[length as usize..].iter().all(|byte| *byte == 0), "{what}: after the end");
                if directory {
                    node.content.extend_from_slice(&bytes[..length as usize]);
                }
            }
            let mut first = 12;
            for level in 1..=3 {
                let root = pointer(11 + level as usize);
                taken +=
                    self.indirect_block(root, level, first, blocks, &what, directory.then_some(&mut node));
                first += (self.block / 8).pow(level);
            }
        }
        assert_eq!(taken * self.fragment / 512, u64_at(inode, 24), "di_blocks of inode {ino}");
        if mode >> 12 == 4 {
            assert_eq!((node.content.len() as u64, size % 512), (size, 0), "directory {ino}");
        }
        self.nodes.insert(ino, node);
    }

    /// Takes everything that an indirect block leads to, and returns the number of fragments.
    fn indirect_block(
        &mut self,
        address: u64,
        level: u32,
        first: u64,
        blocks: u64,
        what: &str,
        mut directory: Option<&mut Node>,
    ) -> u64 {
        let fanout = self.block / 8;
        if address == 0 {
            assert!(
                !(first..first + fanout.pow(level)).contains(&(blocks.max(1) - 1)) || blocks < 13,
                "{what}: ends in a hole"
            );
            return 0;
        }
        assert!(first < blocks, "{what}: indirect block past the end");
        assert_eq!(address % self.frag, 0, "{what}: indirect block not at a block boundary");
        self.take(address, self.frag, what);
        let mut taken = self.frag;
        let mut points = 0;
        let bytes = self.read(address, self.block);
        for index in 0..fanout {
            let target = u64_at(&bytes, 8 * index as usize);
            let block = first + index * fanout.pow(level - 1);
            points += u64::from(target != 0);
            if level > 1 {
                taken +=
                    self.indirect_block(target, level - 1, block, blocks, what, directory.as_deref_mut());
            } else if target == 0 {
                assert!(block + 1 != blocks, "{what}: ends in a hole");
            } else {
                assert!(block < blocks, "{what}: block {block} is past the end");
                assert_eq!(target % self.frag, 0, "{what}: block {block} not at a block boundary");
                self.take(target, self.frag, what);
                taken += self.frag;
                if let Some(node) = directory.as_deref_mut() {
                    let length = (node.size - block * self.block).min(self.block);
                    let content = self.read(target, length);
                    node.content.extend_from_slice(&content);
                }
            }
        }
        assert!(points > 0, "{what}: an indirect block without pointers");
        taken
    }

    /// Passes 2 to 4: every name leads to an inode, and link counts match the names.
    fn names(&self) {
        let mut links: HashMap<u32, u16> = HashMap::new();
        let mut todo = vec![(ROOT, ROOT)];
        let mut entered = 0;
        while let Some((ino, parent)) = todo.pop() {
            entered += 1;
            let content = &self.nodes[&ino].content;
            let mut at = 0;
            let mut number = 0;
            while at < content.len() {
                let (target, reclen) = (u32_at(content, at), usize::from(u16_at(content, at + 4)));
                let (kind, length) = (content[at + 6], usize::from(content[at + 7]));
                let needed = (8 + length + 1).next_multiple_of(4);
                assert!(reclen >= needed && reclen % 4 == 0 && at % 512 + reclen <= 512, "directory {ino}");
                let name = &content[at + 8..at + 8 + length];
                assert!(content[at + 8 + length..at + reclen].iter().all(|byte| *byte == 0), "padding");
                match number {
                    0 => assert_eq!((name, target), (&b"."[..], ino)),
                    1 => assert_eq!((name, target), (&b".."[..], parent)),
                    _ => assert!(!name.is_empty() && !name.contains(&0) && !name.contains(&b'/')),
                }
                let node = self.nodes.get(&target).unwrap_or_else(|| panic!("{ino} names {target}"));
                assert_eq!(u16::from(kind), node.mode >> 12, "type in directory {ino}");
                *links.entry(target).or_default() += 1;
                if number >= 2 && kind == 4 {
                    todo.push((target, ino));
                }
                at += reclen;
                number += 1;
            }
        }
        for (ino, node) in &self.nodes {
            assert_eq!(links.get(ino), Some(&node.nlink), "links of inode {ino}");
        }
        let directories = self.nodes.values().filter(|node| node.mode >> 12 == 4).count();
        assert_eq!(entered, directories, "every directory has one name");
    }

    /// Pass 5: bitmaps, counts, clusters and summaries.
    fn counts(&self) {
        let summary = self.read(u64_at(&self.fs, 1096), self.number(156));
        let mut total = [0; 4];
        for group in 0..self.groups {
            let header = self.header(group);
            let base = u64::from(group) * self.fpg;
            let fragments = self.fpg.min(self.size - base);
            assert_eq!(u64::from(u32_at(&header, 20)), fragments, "cg_ndblk");
            let free = &header[u32_at(&header, 96) as usize..u32_at(&header, 100) as usize];
            let contig = self.number(1316) as usize;
            let cluster_map = &header[u32_at(&header, 108) as usize..];
            let mut runs = [0; 8];
            let (mut blocks, mut loose, mut run) = (0, 0, 0);
            let mut sums = vec![0; contig + 1];
            for block in 0..fragments.div_ceil(self.frag) {
                let from = block * self.frag;
                let is_free = |at: u64| at < fragments && !self.used[(base + at) as usize];
                let frees: Vec<bool> = (from..from + self.frag).map(is_free).collect();
                for (at, is_free) in (from..).zip(&frees).take_while(|(at, _)| *at < self.fpg) {
                    assert_eq!(bit(free, at as usize), *is_free, "free bit {at} of group {group}");
                }
                let whole = frees.iter().all(|free| *free);
                if contig > 0 && block < fragments / self.frag {
                    assert_eq!(bit(cluster_map, block as usize), whole, "cluster bit of group {group}");
                }
                if whole {
                    blocks += 1;
                    run += 1;
                    continue;
                }
                sums[run.min(contig)] += 1;
                run = 0;
                loose += frees.iter().filter(|free| **free).count() as u32;
                for part in frees.split(|free| !free).filter(|part| !part.is_empty()) {
                    runs[part.len()] += 1;
                }
            }
            sums[run.min(contig)] += 1;
            for (length, count) in sums.iter().enumerate().skip(1) {
                let at = u32_at(&header, 104) as usize + 4 * length;
                assert_eq!(u32_at(&header, at), *count, "clusters of {length} in group {group}");
            }
            for (length, count) in runs.iter().enumerate() {
                assert_eq!(u32_at(&header, 52 + 4 * length), *count, "frsum {length} of group {group}");
            }
            let range = group * self.ipg..(group + 1) * self.ipg;
            let here = || self.nodes.iter().filter(|(ino, _)| range.contains(ino));
            let directories = here().filter(|(_, node)| node.mode >> 12 == 4).count() as u32;
            let reserved = if group == 0 { ROOT } else { 0 };
            let inodes = self.ipg - reserved - here().count() as u32;
            let found = [directories, blocks, inodes, loose];
            let words = |bytes: &[u8], at: usize| [0, 4, 8, 12].map(|word| u32_at(bytes, at + word));
            assert_eq!(words(&header, 24), found, "counts of group {group}");
            assert_eq!(words(&summary, 16 * group as usize), found, "summary of group {group}");
            for (sum, count) in total.iter_mut().zip(found) {
                *sum += u64::from(count);
            }
        }
        let stored = [0, 8, 16, 24].map(|at| u64_at(&self.fs, 1008 + at));
        assert_eq!(stored, total, "counts of the superblock");
        assert!(self.fs[1040..1072].iter().all(|byte| *byte == 0), "spare counts");
    }
}
