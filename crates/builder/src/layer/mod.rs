//! The layers that the product itself brings; a world's own come from [`crate::world`], those of
//! FreeBSD packages from [`crate::packages`].

pub mod keys;
pub mod overlay;
pub mod services;
