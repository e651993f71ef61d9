//! The ALIX boards of PC Engines.

use bsd_disk::geometry::Geometry;
use bsd_disk::units::Sectors;

use super::definition::{Board, Console, Kernels, Machine, Media, Processor, ServiceTarget};
use super::geode_lx::GEODE_LX;

/// ALIX.2 and ALIX.3: AMD Geode LX800, 256 MB, CompactFlash, a serial port and no screen.
pub const ALIX: Board = Board {
    name: "alix",
    description: "PC Engines ALIX.2 and ALIX.3",
    processor: Processor {
        instructions: &GEODE_LX,
        target: "i386",
        target_arch: "i386",
        // No SSE and no long NOPs, which the Geode LX does not have.
        cputype: "pentium-mmx",
        package_arch: "i386",
        // The last that have an i386 kernel.
        freebsd: &["13", "14"],
    },
    console: Console {
        // The only serial port that has a connector.
        device: "ttyu0",
        default_speed: 115_200,
        factory_speed: 38_400,
    },
    drive: "ada0",
    // NanoBSD's defaults.
    media: Media { size: Sectors(2_000_000), geometry: Geometry { sectors: 63, heads: 16 } },
    kernels: Kernels { board: "ALIX", qemu: "ALIX-QEMU" },
    services: ServiceTarget {
        triple: "i386-unknown-freebsd",
        file: ".cargo/i386-unknown-freebsd.json",
        clang: "i386-unknown-freebsd",
        zig: "x86-freebsd.14.0-none",
        zig_cpu: "geode",
    },
    machine: Machine {
        program: "qemu-system-i386",
        kind: "pc",
        // It raises #UD for every SSE instruction, as a Geode does.
        cpu: "pentium",
        // As an ALIX.2D13 has.
        memory: 256,
        disk: "ide-hd",
        network: "e1000",
        watchdog: "i6300esb",
    },
};
