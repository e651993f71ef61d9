//! What stands for FreeBSD's source: a tree whose makefile leaves on disk what each target would, of the miniature world,
//! and writes down that it ran.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use builder::services::{self, Edition, Sysroot};
use builder::toolchain::Group;
use builder::world::miniature::hierarchy;
use rootfs::tree::{Entry, EntryKind};

use crate::repository::{Repository, Run, target_dir};
use crate::tools;

/// Files of a world that the miniature one has not.
const FURTHER: [(&str, &str); 3] = [
    ("bin/freebsd-version", "USERLAND_VERSION=\"13.2-RELEASE\"\n"),
    ("boot/boot", "boot1 and boot2"),
    ("boot/lua/loader.lua", "-- the loader's language\n"),
];

/// The source tree, and a target folder that builds of it have for themselves.
pub struct SourceTree<'a> {
    repository: &'a Repository,
    dir: PathBuf,
}

impl<'a> SourceTree<'a> {
    /// Makes the tree beside `repository`, unless a tool for building it lacks.
    pub fn new(repository: &'a Repository) -> Option<Self> {
        let toolchain = tools::find(&[Group::Image, Group::World, Group::Source])?;
        let dir = repository.beside("freebsd");
        let tree = Self { repository, dir };
        for (path, text) in [
            ("src/sys/conf/newvers.sh", "REVISION=\"13.2\"\nBRANCH=\"RELEASE\"\n"),
            ("src/sys/i386/conf/GENERIC", "ident GENERIC\n"),
            ("src/tools/build/make.py", include_str!("source_tree/make.py")),
            ("sysroot/usr/lib/crti.o", ""),
            ("sysroot/usr/lib/libc.so", ""),
            ("sysroot/lib/libc.so.7", ""),
            ("sysroot/lib/libthr.so.3", ""),
            (
                "kernel/METALOG",
                "./boot/kernel type=dir mode=0755\n./boot/kernel/kernel type=file mode=0555\n",
            ),
            ("kernel/root/boot/kernel/kernel", "a kernel"),
        ] {
            tree.write(path, text);
        }
        // What start files say of FreeBSD's version.
        tree.write("sysroot/usr/lib/crt1.o", "\x08\0\0\0\x04\0\0\0\x01\0\0\0FreeBSD\0\x21\u{5e}\x13\0");
        tree.write_world();
        // The services were compiled before: this is about FreeBSD.
        let kept = |sysroot: &Sysroot| {
            services::digest(builder::board::DEFAULT, &toolchain, sysroot, Edition::Development).unwrap()
        };
        let from = target_dir().join("services").join(kept(&Sysroot::Miniature));
        let to = tree.target().join("services").join(kept(&Sysroot::World(tree.dir.join("sysroot"))));
        if !from.exists() {
            repository.image(&[]).success();
        }
        fs::create_dir_all(&to).unwrap();
        fs::copy(from.join("sluice"), to.join("sluice")).unwrap();
        Some(tree)
    }

    /// The tree.
    pub fn path(&self) -> PathBuf {
        self.dir.join("src")
    }

    /// Writes a file, below the folder that the tree is in.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs `xtask SUBCOMMAND --src` on it.
    pub fn run(&self, subcommand: &str, arguments: &[&str]) -> Run {
        let mut command = self.repository.xtask(subcommand, arguments);
        command.arg("--src").arg(self.path()).env("CARGO_TARGET_DIR", self.target());
        command.arg("--output").arg(self.repository.firmware());
        Run::of(&mut command)
    }

    /// The targets that were made since the last time, with the kernel that each is about.
    pub fn steps(&self) -> String {
        let log = self.dir.join("steps");
        let text = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_file(log);
        text.lines().map(str::trim_end).collect::<Vec<_>>().join(", ")
    }

    /// How often something was compiled into the objects that are there: of the world, or of the kernel `sys/NAME`.
    pub fn objects(&self, part: &str) -> usize {
        let objects = self.build().join("obj").join(self.path().strip_prefix("/").unwrap());
        fs::read_dir(objects.join("i386.i386").join(part)).map_or(0, Iterator::count)
    }

    /// Whether the kernel is among what is installed.
    pub fn has_kernel(&self) -> bool {
        self.build().join("installed/root/boot/kernel/kernel").exists()
    }

    /// The folder that its objects and what is installed are in.
    fn build(&self) -> PathBuf {
        let mut folders = fs::read_dir(self.target().join("world")).unwrap();
        folders.next().unwrap().unwrap().path()
    }

    fn target(&self) -> PathBuf {
        self.dir.join("target")
    }

    /// The world that is installed: the miniature one with what makes it FreeBSD's.
    fn write_world(&self) {
        let root = self.dir.join("world/root");
        let mut metalog = String::new();
        for entry in hierarchy::layer().unwrap().entries {
            let _ = writeln!(metalog, "{}", line(&entry));
            install(&root, &entry);
        }
        for (path, text) in FURTHER {
            self.write(&format!("world/root/{path}"), text);
            let _ = writeln!(metalog, "./{path} type=file mode=0555");
        }
        self.write("world/METALOG", &metalog);
    }
}

/// A line of METALOG.
fn line(entry: &Entry) -> String {
    let Entry { path, kind, attributes, .. } = entry;
    let kind = match kind {
        EntryKind::Directory => "dir".to_owned(),
        EntryKind::File(_) => "file".to_owned(),
        EntryKind::Symlink(target) => format!("link link={target}"),
        other => panic!("{path} is {other:?}"),
    };
    let path = if path.is_root() { ".".to_owned() } else { format!("./{}", path.as_str()) };
    format!(
        "{path} type={kind} uname={} gname={} mode={:04o}",
        attributes.user, attributes.group, attributes.mode
    )
}

fn install(root: &Path, entry: &Entry) {
    let path = root.join(entry.path.as_str());
    match &entry.kind {
        EntryKind::File(content) => {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content.read().unwrap()).unwrap();
        }
        EntryKind::Symlink(target) => symlink(target, path).unwrap(),
        _ => fs::create_dir_all(path).unwrap(),
    }
}
