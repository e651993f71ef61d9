//! The table of what is needed, and by which commands.
//!
//! A line here is all it takes to need one more program. Nothing here changes the machine.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use super::device_rust::{self, DeviceRust};
use super::{host, zig};
use crate::board;

/// The occasions on which tools are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// `image`, with the miniature world.
    Image,
    /// `image`, with a real world: its services are linked against the world itself.
    World,
    /// `image --src`: building a world from source.
    Source,
    /// `run`: an image in a virtual machine.
    Run,
    /// `test`: readers that are independent of us.
    Test,
}

impl Group {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Image, Self::World, Self::Source, Self::Run, Self::Test];
}

/// Where a tool comes from.
#[derive(Clone, Copy, Debug)]
pub enum ToolSource {
    /// By a program of the need's name, in `PATH`.
    Program,
    /// By a header under `/usr/include` (also in the compiler's directory for this machine).
    Header(&'static str),
    /// By a Rust compiler with the source of its standard library.
    DeviceRust,
    /// By the pinned zig, kept in the build directory.
    Zig,
}

/// One line of the table.
#[derive(Debug)]
pub struct Need {
    /// What it is called: for programs, the name to run.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// When it is needed.
    pub groups: &'static [Group],
    /// Where it comes from.
    pub source: ToolSource,
    /// The Debian packages that bring it.
    pub debian: &'static [&'static str],
    /// The FreeBSD packages that bring it; empty if it is part of the base system.
    pub freebsd: &'static [&'static str],
}

const SERVICES: &[Group] = &[Group::Image, Group::World, Group::Source, Group::Test];
/// Tests link against what stands for a real world, and drive its build.
const REAL: &[Group] = &[Group::World, Group::Source, Group::Test];
const SOURCE: &[Group] = &[Group::Source, Group::Test];

/// Everything that the builder needs and does not bring.
pub const NEEDS: &[Need] = &[
    Need {
        name: "device-rust",
        purpose: "compiling the services and std for the device",
        groups: SERVICES,
        source: ToolSource::DeviceRust,
        debian: &["rustc-web", "cargo-web", "rust-web-src"],
        freebsd: &["rust"],
    },
    Need {
        name: "zig",
        purpose: "assembling the boot manager, and linking the services of the miniature world",
        groups: &[Group::Image, Group::World, Group::Test],
        source: ToolSource::Zig,
        debian: &[],
        freebsd: &["zig"],
    },
    program("clang", "linking the services of a real world", REAL, &["clang"], &[]),
    program("ld.lld", "linking the services of a real world", REAL, &["lld"], &[]),
    program("llvm-ar", "building a world from source", SOURCE, &["llvm"], &[]),
    program("python3", "building a world from source", SOURCE, &["python3"], &["python3"]),
    header("libarchive", "archive.h", &["libarchive-dev"]),
    header("bzip2", "bzlib.h", &["libbz2-dev"]),
    header("zlib", "zlib.h", &["zlib1g-dev"]),
    program(
        board::DEFAULT.machine.program,
        "starting an image in a virtual machine",
        &[Group::Run, Group::Test],
        &["qemu-system-x86"],
        &["qemu"],
    ),
    program(
        "qemu-img",
        "laying a scratch disk over an image",
        &[Group::Run, Group::Test],
        &["qemu-utils"],
        &["qemu"],
    ),
    program("fls", "reading our file systems back", &[Group::Test], &["sleuthkit"], &["sleuthkit"]),
    program("grub-fstest", "reading our file systems back", &[Group::Test], &["grub-common"], &[]),
    program("minisign", "judging our signatures", &[Group::Test], &["minisign"], &["minisign"]),
];

const fn program(
    name: &'static str,
    purpose: &'static str,
    groups: &'static [Group],
    debian: &'static [&'static str],
    freebsd: &'static [&'static str],
) -> Need {
    Need { name, purpose, groups, source: ToolSource::Program, debian, freebsd }
}

/// Headers are part of FreeBSD's base system.
const fn header(name: &'static str, file: &'static str, debian: &'static [&'static str]) -> Need {
    Need {
        name,
        purpose: "building a world from source",
        groups: SOURCE,
        source: ToolSource::Header(file),
        debian,
        freebsd: &[],
    }
}

/// What was found for a need.
pub enum Found {
    /// It is missing.
    Nothing,
    /// A program or header.
    Path(PathBuf),
    /// A Rust compiler.
    Rust(DeviceRust),
}

impl Need {
    /// Whether one of the groups needs it.
    pub fn in_any(&self, groups: &[Group]) -> bool {
        self.groups.iter().any(|group| groups.contains(group))
    }

    /// Looks for it.
    pub fn find(&self) -> Result<Found> {
        let path = match self.source {
            ToolSource::Program => host::program(self.name),
            ToolSource::Header(file) => host::header(file),
            ToolSource::Zig => zig::find(),
            ToolSource::DeviceRust => return Ok(device_rust::find()?.map_or(Found::Nothing, Found::Rust)),
        };
        Ok(path.map_or(Found::Nothing, Found::Path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_is_named_once_and_serves_a_group() {
        for (index, need) in NEEDS.iter().enumerate() {
            assert!(
                NEEDS[..index].iter().all(|other| other.name != need.name),
                "{} is there twice",
                need.name
            );
            assert!(!need.groups.is_empty() && !need.purpose.is_empty(), "{}", need.name);
        }
    }

    #[test]
    fn a_first_image_asks_for_no_more_than_rust_and_a_linker() {
        let names: Vec<_> =
            NEEDS.iter().filter(|need| need.in_any(&[Group::Image])).map(|need| need.name).collect();
        assert_eq!(names, ["device-rust", "zig"]);
    }
}
