//! The card: its slices, which of them are slots, what a slot contains, and which slot starts next.
//!
//! Reading changes nothing: slices are opened read-only, since a write to a live disk has unmounted roots before. A
//! [`Slice`] is written only when it was opened for writing, and it is never the whole disk.

mod boot_plan;
#[cfg(test)]
pub mod boot_sectors;
mod boot_state;
mod history;
mod lock;
mod lookup;
mod slice;
mod slot_content;
mod slot_devices;
mod stock_boot;
mod storage;

pub use boot_plan::{BootPlan, Stage, Trial};
pub use boot_state::{StateCopies, read_boot_state};
pub use history::HistoryCopies;
pub use lock::Lock;
pub use lookup::{loader_device, mount_point, root_device};
pub use slice::{Access, Slice};
pub use slot_content::{SlotContent, read_header};
pub use slot_devices::SlotDevices;
pub use stock_boot::{Program, StockBoot, read_stock_boot};
pub use storage::Storage;
