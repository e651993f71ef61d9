//! The builder: from a product definition and a FreeBSD world to images and signed updates. It runs on the engineer's machine
//! (Linux or FreeBSD), never on the device.
//!
//! In the order of the pipeline: a [`world`] and the product's own [`layer`]s and [`packages`] merge into a tree,
//! [`nanobsd`]'s rules transform it, [`customize`] makes the product's changes between them, [`image`] lays it out and writes
//! it, and [`bundle`] makes the update of it, signed with [`keys`]. [`build`] is one run of all this.

pub mod access;
pub mod assembler;
pub mod board;
pub mod boot_manager;
pub mod boot_state;
pub mod build;
pub mod bundle;
pub mod compiled_from;
pub mod customize;
pub mod first_error;
pub mod git;
pub mod image;
pub mod inputs;
pub mod keys;
pub mod layer;
pub mod nanobsd;
pub mod packages;
pub mod product;
pub mod services;
pub mod sparse;
pub mod toolchain;
pub mod workspace;
pub mod world;
