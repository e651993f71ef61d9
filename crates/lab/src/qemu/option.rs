//! Values in QEMU's options.

use std::ffi::OsString;
use std::path::Path;

/// `path` as a value, in which commas are doubled because they separate keys.
pub fn escaped(path: &Path) -> OsString {
    match path.to_str() {
        Some(text) => text.replace(',', ",,").into(),
        None => path.into(),
    }
}
