//! UFS2 writer.
