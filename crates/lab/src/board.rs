//! The board as QEMU has it: what the lab and `run` know about the machine.

/// A board in QEMU.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    /// QEMU's program.
    pub program: &'static str,
    /// QEMU's machine type.
    pub machine: &'static str,
    /// QEMU's processor model.
    pub processor: &'static str,
    /// Memory in MiB.
    pub memory: u32,
    /// QEMU's network interface, which the kernel configuration has a driver for.
    pub network: &'static str,
    /// The kernel configuration for QEMU.
    pub kernel: &'static str,
    /// FreeBSD's name of the first disk.
    pub disk: &'static str,
}

/// An ALIX.2D13. The emulator has no VIA Rhine, so the kernel is another one.
pub const ALIX: Board = Board {
    program: "qemu-system-i386",
    machine: "pc",
    processor: "pentium",
    memory: 256,
    network: "e1000",
    kernel: "ALIX-QEMU",
    disk: "ada0",
};
