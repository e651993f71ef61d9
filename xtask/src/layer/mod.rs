//! The layers that the product itself brings; a world's own come from [`crate::world`].

pub mod keys;
pub mod overlay;
pub mod packages;
pub mod services;
