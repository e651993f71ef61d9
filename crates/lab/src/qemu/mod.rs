//! The board in QEMU: the machine ([`Machine`]), its disks ([`Disk`]), and a running one to talk to ([`Guest`],
//! [`Console`]).
//!
//! The invariants: a [`Machine`] has only what is requested (no screen, no default devices), so that it is as bare as an
//! ALIX; a [`Guest`] never outlives its value; nothing here synchronizes by sleeping. QEMU emulates the processor (TCG): a
//! Pentium raises #UD for SSE instructions that a Geode does not have, and virtual 8086 mode works on every host.

mod console;
mod disk;
mod guest;
mod lba_off;
mod machine;
mod network;
mod option;
mod qmp;

pub use console::Console;
pub use disk::{Disk, copy_sparse};
pub use guest::Guest;
pub use lba_off::lba_off_floppy;
pub use machine::Machine;
pub use network::Forward;
