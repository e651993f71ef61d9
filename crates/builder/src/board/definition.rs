//! What is known of a board.

use bsd_disk::geometry::Geometry;
use bsd_disk::units::Sectors;

/// A board that products are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// Its name in the product definition, in file names and in slot headers: 1 to 15 of `a-z`, `0-9` and `-`.
    pub name: &'static str,
    /// What people call it.
    pub description: &'static str,
    /// The processor.
    pub processor: Processor,
    /// The serial console.
    pub console: Console,
    /// The card's device name on the unit, when the product definition gives none.
    pub drive: &'static str,
    /// The card, when the product definition does not describe one.
    pub media: Media,
    /// The product's kernel configurations for the board, files of `kernel/`.
    pub kernels: Kernels,
    /// The compilers of the services.
    pub services: ServiceTarget,
    /// The machine that QEMU emulates for the board.
    pub machine: Machine,
}

/// A processor, by the names that FreeBSD and its tools have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processor {
    /// Its name and its instructions, for the instruction-set gate.
    pub instructions: &'static isa::Processor,
    /// `TARGET` of FreeBSD's build: the kernel's architecture, and the directory of `sys/` with its configurations.
    pub target: &'static str,
    /// `TARGET_ARCH` of FreeBSD's build: the architecture of programs.
    pub target_arch: &'static str,
    /// `CPUTYPE` for ports, whose programs then have no instruction that the processor lacks.
    pub cputype: &'static str,
    /// The architecture in a package's ABI, `FreeBSD:13:i386`.
    pub package_arch: &'static str,
    /// The major versions of FreeBSD that have a kernel for it and that the product is built from.
    pub freebsd: &'static [&'static str],
}

/// A serial console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Console {
    /// The terminal's device name, as uart(4) has it.
    pub device: &'static str,
    /// Bits per second, when the product definition does not say.
    pub default_speed: u32,
    /// Bits per second of the BIOS of a new board.
    pub factory_speed: u32,
}

/// A card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// Its size.
    pub size: Sectors,
    /// The geometry that the BIOS shows it with.
    pub geometry: Geometry,
}

/// Kernel configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernels {
    /// The board's.
    pub board: &'static str,
    /// The same with the drivers of QEMU's machine.
    pub qemu: &'static str,
}

/// How the services are compiled and linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceTarget {
    /// The Rust target's name, which is also the name of cargo's output directory.
    pub triple: &'static str,
    /// The Rust target's file, from the root of the repository. Its stem is the target's name.
    pub file: &'static str,
    /// clang's target, before FreeBSD's version.
    pub clang: &'static str,
    /// zig's target.
    pub zig: &'static str,
    /// zig's name of the processor.
    pub zig_cpu: &'static str,
}

/// A machine of QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The program.
    pub program: &'static str,
    /// `-machine`
    pub kind: &'static str,
    /// `-cpu`: one that has no instruction beyond those of the board's processor.
    pub cpu: &'static str,
    /// Memory in MiB.
    pub memory: u32,
    /// The device of a disk.
    pub disk: &'static str,
    /// The device of a network card.
    pub network: &'static str,
    /// The device of a watchdog that the boot manager knows.
    pub watchdog: &'static str,
}
