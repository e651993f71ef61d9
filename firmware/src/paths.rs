//! Paths in a slot that the builder writes and the unit reads.
//!
//! All of them are absolute paths on the unit. In an image, paths are relative to its root: [`in_image`] converts them.
//! Paths that only the builder or only the unit knows do not belong here.

/// The product's own directory, which contains everything below except the mount points.
pub const SHARE: &str = "/usr/share/sluice";

/// The description of the system, a [`Release`](crate::release::Release) in JSON.
pub const RELEASE: &str = "/usr/share/sluice/release.json";

/// The mtree(5) specification of the slot: every path with its attributes and checksum.
pub const SPECIFICATION: &str = "/usr/share/sluice/slot.mtree";

/// The directory of the public keys whose signatures on updates the unit accepts. Each file has the suffix
/// [`KEY_SUFFIX`].
pub const KEYS: &str = "/usr/share/sluice/keys";

/// The suffix of a public key's file, after the key's name.
pub const KEY_SUFFIX: &str = ".pub";

/// The directory of the package scripts that run on every boot.
pub const PACKAGE_SCRIPTS: &str = "/usr/share/sluice/packages";

/// The file that boot2 looks for first to read its options (`PATH_CONFIG`, `stand/i386/boot2/boot2.c`). An image has its
/// options in `/boot.config`, which boot2 reads if this one does not exist.
pub const BOOT_CONFIG: &str = "/boot/config";

/// The file that boot2 looks for instead if `p` was chosen in the boot menu: its options tell the loader to stop at its
/// prompt. The boot manager changes the name in boot2's memory, so both have the same length.
pub const BOOT_PROMPT: &str = "/boot/prompt";

/// The mount point of the saved configuration.
pub const CFG: &str = "/cfg";

/// The mount point of the data slice.
pub const DATA: &str = "/data";

/// The same path relative to the root of an image: without its leading slash.
///
/// # Panics
/// The path is not absolute.
pub const fn in_image(path: &str) -> &str {
    let (slash, relative) = path.split_at(1);
    assert!(slash.as_bytes()[0] == b'/', "not an absolute path");
    relative
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_absolute_and_the_products_own_are_in_its_directory() {
        const RELATIVE: &str = in_image(KEYS);
        assert_eq!(RELATIVE, "usr/share/sluice/keys");
        for path in [RELEASE, SPECIFICATION, KEYS, PACKAGE_SCRIPTS] {
            assert!(path.strip_prefix(SHARE).is_some_and(|rest| rest.starts_with('/')), "{path}");
        }
        for path in [SHARE, CFG, DATA, BOOT_CONFIG, BOOT_PROMPT] {
            assert_eq!(format!("/{}", in_image(path)), path);
        }
    }

    #[test]
    fn the_boot_manager_exchanges_the_names_of_boot2s_files() {
        assert_eq!(BOOT_CONFIG.len(), BOOT_PROMPT.len());
        let (directory, name) = BOOT_PROMPT.split_at("/boot/".len());
        assert!(BOOT_CONFIG.starts_with(directory));
        for text in
            [format!("text_config:\t.ascii \"{BOOT_CONFIG}\""), format!("text_prompt:\t.ascii \"{name}\"")]
        {
            assert!(crate::boot_manager::MANAGER.contains(&text), "{text}");
        }
    }

    #[test]
    #[should_panic(expected = "not an absolute path")]
    fn a_relative_path_is_a_defect() {
        in_image("usr/share");
    }
}
