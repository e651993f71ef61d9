//! The layers of the product itself. Those of a world come from [`crate::world`], those of FreeBSD packages from
//! [`crate::packages`].

pub mod keys;
pub mod overlay;
pub mod private_keys;
pub mod services;
pub mod version_control;
