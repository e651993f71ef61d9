//! The firmware contract: what the builder and the device both know.
