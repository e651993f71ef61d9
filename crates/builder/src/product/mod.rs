//! The product definition: what `appliance.toml` states, checked.
//!
//! Nothing past this module sees a raw value: whoever holds a [`Product`] need not check it again. What the definition
//! asks for is only described here ([`Step`], [`Boot`], [`Packages`]); other modules carry it out.

mod access;
mod assignment;
mod boot;
mod customize;
mod definition;
mod filesystem;
mod flash_device;
mod kernel;
mod load;
mod media;
mod options;
mod overlay;
mod packages;
mod raw;
mod step;
#[cfg(test)]
mod tests;
mod update;
mod version;

pub use access::Access;
pub use assignment::{Assignment, Change};
pub use boot::{Boot, BootCode, WorldCode};
pub use customize::Customize;
pub use definition::{DEFINITION, Product};
pub use filesystem::FileSystem;
pub use flash_device::FlashDevice;
pub use kernel::{Kernel, KernelConfig};
pub use options::WorldOptions;
pub use overlay::{Overlay, Rule};
pub use packages::Packages;
pub use step::{Action, Owner, Stage, Step, Text};
pub use update::Update;
pub use version::Version;
