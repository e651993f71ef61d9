//! The product definition as it is written in `appliance.toml`: every key, each optional, nothing checked but its
//! type. An unknown key is an error. [`crate::product::Product`] is what the rest of the builder sees.
//!
//! Sizes are in 512-byte sectors as in NanoBSD, whose variable each key names. A key that is not given has
//! NanoBSD's default, but for `boot.code`.

use std::collections::BTreeMap;

use isa::Exceptions;
use serde::Deserialize;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawProduct {
    /// What it is called.
    #[serde(default)]
    pub product: RawIdentity,
    /// The serial console.
    #[serde(default)]
    pub console: RawConsole,
    /// The card.
    #[serde(default)]
    pub media: RawMedia,
    /// The slices of the card.
    #[serde(default)]
    pub slices: RawSlices,
    /// The file systems made with `newfs`' parameters.
    #[serde(default)]
    pub filesystem: RawFileSystem,
    /// The memory file systems.
    #[serde(default)]
    pub ram: RawRam,
    /// What chooses a slot.
    #[serde(default)]
    pub boot: RawBoot,
    /// The kernel.
    #[serde(default)]
    pub kernel: RawKernel,
    /// How FreeBSD is built and installed.
    #[serde(default)]
    pub world: RawWorld,
    /// The files of the product that lie over the world.
    #[serde(default)]
    pub overlay: RawOverlay,
    /// How updates to this version are made.
    #[serde(default)]
    pub update: RawUpdate,
    /// What changes the tree beyond layers and NanoBSD's rules.
    #[serde(default)]
    pub customize: RawCustomize,
    /// Who can log in over the network.
    #[serde(default)]
    pub access: RawAccess,
    /// FreeBSD packages.
    #[serde(default)]
    pub packages: RawPackages,
    /// What a build may grow to.
    #[serde(default)]
    pub budget: RawBudget,
}

/// `[product]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawIdentity {
    /// The product's name, lower case: it names the images (`NANO_NAME`).
    pub name: Option<String>,
    /// The version that is being worked on, `MAJOR.MINOR.PATCH`; a release is tagged `vMAJOR.MINOR.PATCH`.
    pub version: Option<String>,
    /// The board, lower case.
    pub board: Option<String>,
}

/// `[console]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawConsole {
    /// Bits per second for boot blocks, loader, kernel and getty alike (`NANO_BOOT2CFG="-h -S38400"`).
    pub speed: Option<u32>,
}

/// `[media]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawMedia {
    /// The card's device name on the running unit (`NANO_DRIVE`).
    pub drive: Option<String>,
    /// The name by which the system finds its slices on whatever drive the card is: root on `/dev/label/NAMEs1a` or
    /// `NAMEs2a`, `/cfg` on `NAMEs3` (`NANO_LABEL`).
    pub label: Option<String>,
    /// Maker and capacity of the card, as `SanDisk 1G` (`FlashDevice`): size and geometry, where they are not given.
    pub device: Option<String>,
    /// The card's size in sectors, as `diskinfo` gives it (`NANO_MEDIASIZE`).
    pub size: Option<u64>,
    /// Sectors per track of the BIOS's logical geometry (`NANO_SECTS`).
    pub sectors: Option<u32>,
    /// Heads of the BIOS's logical geometry (`NANO_HEADS`).
    pub heads: Option<u32>,
}

/// `[slices]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSlices {
    /// How many slots (code slices) the card has, 1 or 2 (`NANO_IMAGES`).
    pub slots: Option<u8>,
    /// Sectors of each slot; 0 shares out what the others leave (`NANO_CODESIZE`).
    pub code: Option<u64>,
    /// Whether the full image has the system in the second slot, too; without, that slot is empty (`NANO_INIT_IMG2`).
    pub fill_second: Option<bool>,
    /// Sectors of the configuration slice `/cfg` (`NANO_CONFSIZE`).
    pub cfg: Option<u64>,
    /// Sectors of the data slice: 0 for no slice, negative for all remaining space (`NANO_DATASIZE`).
    pub data: Option<i64>,
    /// A directory from the root of the repository that `/cfg` of the full image starts with; empty for no content (`NANO_CFGDIR`).
    pub cfg_folder: Option<String>,
    /// The same for `/data` (`NANO_DATADIR`).
    pub data_folder: Option<String>,
}

/// `[filesystem]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawFileSystem {
    /// Bytes of a block (`NANO_NEWFS`, `-b`).
    pub block: Option<u32>,
    /// Bytes of a fragment (`-f`).
    pub fragment: Option<u32>,
    /// Bytes of file system for each inode (`-i`).
    pub bytes_per_inode: Option<u32>,
    /// Soft updates (`-U`).
    pub soft_updates: Option<bool>,
}

/// `[ram]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRam {
    /// Sectors of the memory disk for `/etc` (`NANO_RAM_ETCSIZE`).
    pub etc: Option<u32>,
    /// Sectors of the memory disk for `/var` and `/tmp` (`NANO_RAM_TMPVARSIZE`).
    pub tmpvar: Option<u32>,
}

/// `[boot]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawBoot {
    /// `sluice` for our boot manager, or the world's code for the MBR: `boot0sio`, `boot0` or `mbr` (`NANO_BOOTLOADER`).
    /// When not given, `sluice`.
    pub code: Option<String>,
    /// Use the BIOS's LBA calls, without a probe (`boot0cfg -o packet`). boot0's only: ours probes.
    pub packet: Option<bool>,
    /// Write the chosen slice back to the MBR at each boot (`boot0cfg -o update`). boot0's only: with ours a key is a choice
    /// for one boot.
    pub update: Option<bool>,
    /// The slices that the menu offers (`boot0cfg -m`, there a mask). boot0's only: ours offers the slots.
    pub menu: Option<Vec<u8>>,
    /// The slot that starts when no key is pressed (`boot0cfg -s`); with ours, in the boot state that the image comes with.
    pub default: Option<u8>,
    /// How long the menu waits, in clock ticks of 1/18.2 s (`boot0cfg -t`). Of ours, too.
    pub ticks: Option<u16>,
    /// Seconds that our boot manager gives the hardware's watchdog when it starts a slot; 0 leaves it alone.
    pub watchdog: Option<u16>,
}

/// `[kernel]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawKernel {
    /// The name of a file in `kernel/` or of one of FreeBSD's own configurations, the path of a file from the root of the
    /// repository, or "" for an image without a kernel (`NANO_KERNEL`).
    pub config: Option<String>,
    /// make(1) variables for `buildkernel` and `installkernel`.
    pub options: Option<Vec<String>>,
}

/// `[world]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawWorld {
    /// The processor for the compiler (`NANO_CPUTYPE`).
    pub cputype: Option<String>,
    /// src.conf(5) variables for `buildworld` and `installworld` (`CONF_WORLD`).
    pub options: Option<Vec<String>>,
    /// For `buildworld` only (`CONF_BUILD`).
    pub build: Option<Vec<String>>,
    /// For `installworld` and `distribution` only (`CONF_INSTALL`).
    pub install: Option<Vec<String>>,
}

/// `[overlay]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawOverlay {
    /// Directories from the root of the repository, the later over the earlier; `overlay` when not given.
    pub folders: Option<Vec<String>>,
    /// Rules by path, as `"/etc/ttys"` or, for all below a directory, `"/root/**"`.
    pub rules: Option<BTreeMap<String, RawRule>>,
}

/// One rule of `[overlay.rules]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRule {
    /// The owning user, a name or a number; `root` when not given.
    pub user: Option<String>,
    /// The owning group, a name or a number; `wheel` when not given.
    pub group: Option<String>,
    /// Octal permission bits; when not given, 0755 for directories and what has its run bit set, else 0644.
    pub mode: Option<String>,
    /// File flags as chflags(1) names them, with commas.
    pub flags: Option<String>,
    /// The file takes the place of the world's.
    pub replace: Option<bool>,
}

/// `[update]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawUpdate {
    /// The version of the configuration on `/cfg` that this system writes, from 1.
    pub config_version: Option<u32>,
    /// The least version that a unit may have to update to this one; empty for any.
    pub minimum: Option<String>,
    /// Seconds of uptime within which a system on trial must be confirmed; 0 for no limit.
    pub trial_deadline: Option<u32>,
    /// The key epoch: raised by one whenever a key is revoked.
    pub key_epoch: Option<u32>,
    /// Version floors above this version that it replaces.
    pub lowers_floors: Option<Vec<String>>,
}

/// `[customize]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawCustomize {
    /// The serial console (`cust_comconsole`): always.
    pub comconsole: Option<bool>,
    /// sshd lets root in (`cust_allow_ssh_root`).
    pub allow_ssh_root: Option<bool>,
    /// A directory that lies over everything (`cust_install_files`).
    pub install_files: Option<String>,
    /// The packages of pkglist (`cust_pkgng`); true when not given.
    pub pkgng: Option<bool>,
    /// An mtree(5) file with the owners of what `install_files` brings (`NANO_CUST_FILES_MTREE`).
    pub files_mtree: Option<String>,
    /// Directories with `early.d`, `customize.d` and `late.d`; `appliance/hooks` when not given.
    pub hooks: Option<Vec<String>>,
    /// The steps, in order.
    pub step: Option<Vec<RawStep>>,
}

/// One `[[customize.step]]`: a verb and what it needs.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawStep {
    /// `early`, `customize` (when not given) or `late`.
    pub stage: Option<String>,
    /// A file is made, or gets this content: `text` or `from`; `mode`, `owner`.
    pub put: Option<String>,
    /// `text` is added at a file's end.
    pub append: Option<String>,
    /// Each line that is `line` becomes `with`.
    pub replace: Option<String>,
    /// A path goes, with all below.
    pub remove: Option<String>,
    /// A path gets `mode`.
    pub chmod: Option<String>,
    /// A path gets `owner`.
    pub chown: Option<String>,
    /// A symbolic link `to`.
    pub symlink: Option<String>,
    /// A directory; `mode`, `owner`.
    pub mkdir: Option<String>,
    /// A variable of rc.conf(5) as sysrc(8) takes it: `name=value`, `name+=value`, `name-=value` or `-x name`; in `file`.
    pub sysrc: Option<String>,
    /// Content.
    pub text: Option<String>,
    /// A file of the repository with the content.
    pub from: Option<String>,
    /// Octal permission bits.
    pub mode: Option<String>,
    /// `user`, `user:group` or `:group`.
    pub owner: Option<String>,
    /// A whole line.
    pub line: Option<String>,
    /// What stands in its place.
    pub with: Option<String>,
    /// A link's target.
    pub to: Option<String>,
    /// The file of variables, `/etc/rc.conf` when not given.
    pub file: Option<String>,
}

/// `[access]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawAccess {
    /// Files from the root of the repository with the SSH public keys that may log in as root.
    pub authorized_keys: Option<Vec<String>>,
}

/// `[packages]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPackages {
    /// A directory or an `http://` address with a pkg(8) repository; `${ABI}` in it is filled (`url` of pkg.conf(5)).
    pub repository: Option<String>,
    /// The system that packages must be for, `FreeBSD:13:i386`.
    pub abi: Option<String>,
    /// What proves that the repository is genuine: `none`, `pubkey` or `fingerprints` (`signature_type` of pkg.conf(5)).
    pub signature: Option<String>,
    /// With `pubkey`: the file with the public key, as `pkg key --public` writes it.
    pub key: Option<String>,
    /// With `fingerprints`: the directory with `trusted` and `revoked`.
    pub fingerprints: Option<String>,
    /// Packages whose scripts run on the unit at every start.
    pub run_scripts: Option<Vec<String>>,
    /// Code of packages that may contain instructions that the processor does not have, by file and symbol.
    #[serde(default)]
    pub isa: Exceptions,
}

/// `[budget]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawBudget {
    /// The most bytes that the content of a slot may take up in its file system.
    pub slot_bytes: Option<u64>,
    /// The most bytes that any one service may have.
    pub service_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the defaults of FreeBSD 13.2's nanobsd.sh set or use, and a configuration may set.
    const VARIABLES: &str = "\
        NANO_NAME NANO_SRC NANO_TOOLS NANO_PACKAGE_DIR NANO_PACKAGE_LIST NANO_PKG_META_BASE \
        NANO_CUST_FILES_MTREE NANO_OBJ NANO_DISKIMGDIR NANO_MAKE NANO_NCPU NANO_PMAKE NANO_IMGNAME \
        NANO_IMG1NAME CONF_BUILD CONF_INSTALL CONF_WORLD NANO_KERNEL NANO_MODULES NANO_EARLY_CUSTOMIZE \
        NANO_CUSTOMIZE NANO_LATE_CUSTOMIZE NANO_NEWFS NANO_DRIVE NANO_MEDIASIZE NANO_IMAGES NANO_INIT_IMG2 \
        NANO_CODESIZE NANO_CONFSIZE NANO_DATASIZE NANO_RAM_ETCSIZE NANO_RAM_TMPVARSIZE NANO_BOOT0CFG \
        NANO_BOOTLOADER NANO_BOOT2CFG NANO_MD_BACKING NANO_IMAGE_MBRONLY PPLEVEL NANO_LABEL NANO_SLICE_ROOT \
        NANO_SLICE_ALTROOT NANO_SLICE_CFG NANO_SLICE_DATA NANO_PARTITION_ROOT NANO_PARTITION_ALTROOT \
        NANO_ROOT NANO_ALTROOT NANO_DEF_UNAME NANO_DEF_GNAME NANO_ARCH NANO_CPUTYPE NANO_CFGDIR NANO_DATADIR \
        SRCCONF SRC_ENV_CONF NANO_WORLDDIR NANO_LOG NANO_METALOG NANO_NOPRIV_BUILD NANO_HEADS NANO_SECTS \
        NANO_MAKE_CONF_BUILD NANO_MAKE_CONF_INSTALL NANO_STARTTIME NANO_CONFIG NANO_BOOTFLAGS \
        CPIO_SYMLINK MAKEOBJDIRPREFIX TARGET TARGET_ARCH TARGET_CPUTYPE";

    #[test]
    fn the_documentation_has_every_variable_of_nanobsd_and_no_key_that_there_is_not() {
        let rows: Vec<Vec<&str>> = include_str!("../../../../docs/nanobsd.md")
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.split('|').map(str::trim).collect())
            .collect();
        for variable in VARIABLES.split_whitespace() {
            let of_it = rows.iter().filter(|row| row[1] == format!("`{variable}`")).count();
            assert_eq!(of_it, 1, "rows of {variable}");
        }
        let mut keys = 0;
        for row in rows.iter().filter(|row| row.len() == 5) {
            assert!(row[2] != "none" || !row[3].is_empty(), "{}: why has it no key?", row[1]);
            for word in row[2].split('`').skip(1).step_by(2) {
                let Some((section, key)) = word.split_once('.').filter(|_| !word.contains(' ')) else {
                    continue;
                };
                let text = format!("[{section}]\n{key} = {{}}\n");
                let unknown = toml::from_str::<RawProduct>(&text).err();
                let unknown = unknown.filter(|error| error.to_string().contains("unknown field"));
                assert!(unknown.is_none(), "{}: {word}: {unknown:?}", row[1]);
                keys += 1;
            }
        }
        assert!(keys > 30, "{keys} keys were looked at");
    }
}
