//! Writes a full image to a card and reads it back.
//!
//! [`plan`] finds the bytes that a card needs, [`device`] decides whether a disk may be written, [`burner`] writes and
//! verifies, and [`progress`] shows how far it is.

pub mod burner;
pub mod card;
pub mod device;
mod disk_info;
pub mod failure;
mod freebsd;
mod image;
mod linux;
pub mod plan;
pub mod progress;

pub use burner::burn;
pub use card::Card;
pub use disk_info::DiskInfo;
pub use failure::{Failure, Phase};
pub use image::Image;
