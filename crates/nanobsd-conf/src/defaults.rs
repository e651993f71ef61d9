//! NanoBSD's own values of its variables: those of `defaults.sh` and `legacy.sh` in FreeBSD 13.2's `tools/tools/nanobsd`.

/// The values before a configuration is read, as far as configurations build on them.
pub const DEFAULTS: [(&str, &str); 28] = [
    ("CONF_BUILD", " "),
    ("CONF_INSTALL", " "),
    ("CONF_WORLD", " "),
    ("NANO_BOOT0CFG", "-o packet -s 1 -m 3"),
    ("NANO_BOOT2CFG", "-h -S115200"),
    ("NANO_BOOTLOADER", "boot/boot0sio"),
    ("NANO_CODESIZE", "0"),
    ("NANO_CONFSIZE", "2048"),
    ("NANO_CUSTOMIZE", ""),
    ("NANO_DATASIZE", "0"),
    ("NANO_DRIVE", "ada0"),
    ("NANO_EARLY_CUSTOMIZE", ""),
    ("NANO_HEADS", "16"),
    ("NANO_IMAGES", "2"),
    ("NANO_INIT_IMG2", "1"),
    ("NANO_KERNEL", "GENERIC"),
    ("NANO_LABEL", ""),
    ("NANO_LATE_CUSTOMIZE", ""),
    ("NANO_MEDIASIZE", "2000000"),
    ("NANO_MODULES", ""),
    ("NANO_NAME", "full"),
    ("NANO_NEWFS", "-b 4096 -f 512 -i 8192 -U"),
    ("NANO_RAM_ETCSIZE", "10240"),
    ("NANO_RAM_TMPVARSIZE", "10240"),
    ("NANO_SECTS", "63"),
    ("NANO_SRC", "/usr/src"),
    ("NANO_TOOLS", "tools/tools/nanobsd"),
    ("NANO_PACKAGE_LIST", "*"),
];

/// NanoBSD's own value of the variable `name`.
pub fn default(name: &str) -> Option<&'static str> {
    DEFAULTS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// Whether `name` is in the name space of NanoBSD's variables.
pub fn is_nanobsds(name: &str) -> bool {
    name.starts_with("NANO_") || name.starts_with("CONF_") || name == "MAKEOBJDIRPREFIX"
}

/// Variables whose values are always the same here.
const FIXED: [(&str, &str); 8] = [
    ("NANO_SLICE_ROOT", "s1"),
    ("NANO_SLICE_ALTROOT", "s2"),
    ("NANO_SLICE_CFG", "s3"),
    ("NANO_SLICE_DATA", "s4"),
    ("NANO_PARTITION_ROOT", "a"),
    ("NANO_PARTITION_ALTROOT", "a"),
    ("NANO_ROOT", "s1a"),
    ("NANO_ALTROOT", "s2a"),
];

/// The value that the variable `name` always has here, if it has one.
pub fn fixed(name: &str) -> Option<&'static str> {
    FIXED.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}
