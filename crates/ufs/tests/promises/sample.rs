//! A tree, together with what a reader must find in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use tempfile::NamedTempFile;
use ufs::read::{FileType, Stat};
use ufs::{Content, Kind, Meta, NodeId, Params, Plan, Reader, Tree};

use crate::{checker, tools};

/// What must be found at a path.
#[derive(Clone, Debug)]
pub struct Expected {
    pub meta: Meta,
    pub kind: Kind,
    /// The node; hard links share it.
    pub node: NodeId,
}

pub struct Sample {
    pub tree: Tree,
    pub paths: BTreeMap<Vec<u8>, Expected>,
    own: BTreeMap<NodeId, Vec<u8>>,
}

/// The block and fragment sizes to test.
pub const SIZES: [(u32, u32); 7] =
    [(4096, 512), (32768, 4096), (4096, 4096), (8192, 2048), (16384, 8192), (65536, 8192), (65536, 65536)];

/// The unused bytes of larger file systems are not overwritten (bytes).
const MAX_OVERWRITTEN: u64 = 32 << 20;

/// Returns the number of cases to try for a property, unless `PROPTEST_CASES` overrides it.
pub fn cases(default: u32) -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(default)
}

pub fn params(size: u64, (block_size, fragment_size): (u32, u32)) -> Params {
    Params { block_size, fragment_size, time: 1_700_000_000, ..Params::new(size) }
}

impl Sample {
    pub fn new() -> Self {
        let meta = Meta::new(0o755);
        let tree = Tree::new(meta.clone());
        let root = tree.root();
        let expected = Expected { meta, kind: Kind::Directory, node: root };
        let paths = BTreeMap::from([(b"/".to_vec(), expected)]);
        Self { tree, paths, own: BTreeMap::from([(root, Vec::new())]) }
    }

    pub fn root(&self) -> NodeId {
        self.tree.root()
    }

    pub fn add(&mut self, parent: NodeId, name: &[u8], meta: Meta, kind: Kind) -> NodeId {
        let node = self.tree.add(parent, name, meta.clone(), kind.clone()).unwrap();
        let path = [&self.own[&parent], &b"/"[..], name].concat();
        if kind == Kind::Directory {
            self.own.insert(node, path.clone());
        }
        self.paths.insert(path, Expected { meta, kind, node });
        node
    }

    pub fn directory(&mut self, parent: NodeId, name: &str) -> NodeId {
        self.add(parent, name.as_bytes(), Meta::new(0o755), Kind::Directory)
    }

    pub fn file(&mut self, parent: NodeId, name: &str, bytes: Vec<u8>) -> NodeId {
        let content = Content::Bytes(Arc::from(bytes));
        self.add(parent, name.as_bytes(), Meta::new(0o644), Kind::File(content))
    }

    pub fn link(&mut self, parent: NodeId, name: &[u8], target: NodeId) {
        self.tree.link(parent, name, target).unwrap();
        let path = [&self.own[&parent], &b"/"[..], name].concat();
        let expected = self.paths.values().find(|expected| expected.node == target).unwrap().clone();
        self.paths.insert(path, expected);
    }

    /// Writes the file system and checks it with all available readers and checkers.
    pub fn verify(&self, params: &Params) -> NamedTempFile {
        let image = self.write(params);
        self.read_back(image.as_file(), params);
        checker::check(image.as_file());
        tools::fsck(image.path());
        if params.size <= MAX_OVERWRITTEN {
            self.verify_with_old_content(image.path(), params);
        }
        image
    }

    /// Checks that the file system is valid whatever its unused bytes contain.
    fn verify_with_old_content(&self, image: &Path, params: &Params) {
        let copy = NamedTempFile::new().unwrap();
        std::fs::copy(image, copy.path()).unwrap();
        let reader = Reader::open(copy.as_file()).unwrap();
        let unused = reader.unused().unwrap();
        let bytes: u64 = unused.iter().map(|range| range.end - range.start).sum();
        let superblock = reader.superblock();
        assert!(
            bytes >= superblock.fragments_free * u64::from(superblock.fragment_size),
            "everything free is reported as unused"
        );
        for range in &unused {
            let old = vec![0xa5; (range.end - range.start) as usize];
            copy.as_file().write_all_at(&old, range.start).unwrap();
        }
        self.read_back(copy.as_file(), params);
        checker::check(copy.as_file());
        tools::fsck(copy.path());
    }

    pub fn write(&self, params: &Params) -> NamedTempFile {
        let plan = Plan::new(&self.tree, params).unwrap();
        let image = NamedTempFile::new().unwrap();
        image.as_file().set_len(params.size).unwrap();
        plan.write(image.as_file()).unwrap();
        let usage = plan.usage();
        let reader = Reader::open(image.as_file()).unwrap();
        let superblock = reader.superblock();
        assert_eq!(superblock.size, usage.size);
        assert_eq!(superblock.fragments, usage.fragments);
        assert_eq!(superblock.fragments_free, usage.fragments_free);
        assert_eq!(superblock.inodes_free, usage.inodes_free);
        assert_eq!(superblock.directories, usage.directories);
        assert_eq!(superblock.hash_good, Some(true));
        assert!(superblock.clean);
        assert_eq!(superblock.soft_updates, params.soft_updates);
        assert_eq!(superblock.time, params.time);
        image
    }

    fn read_back(&self, image: &File, params: &Params) {
        let reader = Reader::open(image).unwrap();
        let mut inodes = BTreeMap::new();
        let mut links: BTreeMap<NodeId, u32> = BTreeMap::new();
        for expected in self.paths.values() {
            *links.entry(expected.node).or_default() += 1;
        }
        let mut seen = 0;
        for visit in reader.walk() {
            let visit = visit.unwrap();
            let shown = String::from_utf8_lossy(&visit.path).into_owned();
            let expected = self.paths.get(&visit.path).unwrap_or_else(|| panic!("{shown} is unexpected"));
            self.compare(&reader, &visit.stat, expected, params, &shown);
            let ino = *inodes.entry(expected.node).or_insert(visit.stat.ino);
            assert_eq!(ino, visit.stat.ino, "{shown}: names of one node");
            if visit.stat.file_type != FileType::Directory {
                assert_eq!(visit.stat.nlink, links[&expected.node], "{shown}: links");
            }
            seen += 1;
        }
        assert_eq!(seen, self.paths.len(), "every path is found");
    }

    fn compare(&self, reader: &Reader<&File>, stat: &Stat, expected: &Expected, params: &Params, path: &str) {
        let Expected { meta, kind, .. } = expected;
        let found = (stat.mode, stat.uid, stat.gid, stat.flags);
        assert_eq!(found, (meta.mode, meta.uid, meta.gid, meta.flags), "{path}");
        let time = meta.mtime.unwrap_or(params.time);
        assert_eq!([stat.atime, stat.mtime, stat.ctime, stat.birthtime], [time; 4], "{path}");
        let (file_type, rdev) = match kind {
            Kind::Directory => (FileType::Directory, 0),
            Kind::File(_) => (FileType::File, 0),
            Kind::Symlink(_) => (FileType::Symlink, 0),
            Kind::CharDevice(number) => (FileType::CharDevice, *number),
            Kind::BlockDevice(number) => (FileType::BlockDevice, *number),
            Kind::Fifo => (FileType::Fifo, 0),
            Kind::Socket => (FileType::Socket, 0),
        };
        assert_eq!((stat.file_type, stat.rdev), (file_type, rdev), "{path}");
        match kind {
            Kind::File(content) => {
                assert_eq!(stat.size, content.size(), "{path}");
                let bytes = reader.read(stat.ino, stat.size).unwrap();
                assert!(bytes == content_of(content), "{path}: content");
            }
            Kind::Symlink(target) => {
                assert_eq!(&reader.read_link(stat.ino).unwrap(), target, "{path}");
            }
            _ => {}
        }
    }
}

pub fn content_of(content: &Content) -> Vec<u8> {
    match content {
        Content::Bytes(bytes) => bytes.to_vec(),
        Content::Host { path, .. } => std::fs::read(path).unwrap(),
        Content::Part { path, offset, size } => {
            std::fs::read(path).unwrap()[*offset as usize..][..*size as usize].to_vec()
        }
    }
}
