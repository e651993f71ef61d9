//! The product definition after the check: what `appliance.toml` states, with NanoBSD's defaults filled in. One default is
//! ours: NanoBSD has nothing like our boot manager.
//!
//! Nothing past this module sees a raw value: whoever holds a [`Product`] need not check it again.

mod customize;
mod flash_device;
mod kernel;
mod load;
mod packages;
mod raw;
mod update;
mod version;

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use bsd_disk::geom_label::NAME_MAX;
use bsd_disk::geometry::Geometry;
use bsd_disk::units::Sectors;
use firmware::layout::{DataSize, Layout, Request, SlotCount};
use firmware::slot::Slot;
use rootfs::tree::Principal;

pub use customize::Customize;
pub use flash_device::FlashDevice;
pub use kernel::{Kernel, KernelConfig};
pub use packages::Packages;
use raw::{RawBoot, RawOverlay, RawProduct, RawRule, RawSlices};
pub use update::Update;
pub use version::Version;

/// The file of the product definition, in the repository.
pub const DEFINITION: &str = "appliance/appliance.toml";

/// The checked product definition.
#[derive(Clone, Debug)]
pub struct Product {
    /// The product's name: it names images and the host.
    pub name: String,
    /// The version being worked on, without what git adds.
    pub version: String,
    /// The board.
    pub board: String,
    /// Console speed in bits per second.
    pub console_speed: u32,
    /// The card's device name on the unit.
    pub drive: String,
    /// What the names of its slices' labels begin with, if they have any.
    pub label: Option<String>,
    /// Why cards of the name that the definition gives may be too small.
    pub media_warning: Option<String>,
    /// The slices of the card.
    pub layout: Layout,
    /// What `/cfg` of the full image starts with, a folder from the root of the repository.
    pub cfg_folder: Option<String>,
    /// What `/data` starts with.
    pub data_folder: Option<String>,
    /// The second slot of the full image holds the system, as the first does.
    pub fill_second: bool,
    /// The file system of a slot and of `/cfg`.
    pub filesystem: FileSystem,
    /// Memory disk of `/etc`, in sectors.
    pub ram_etc: u32,
    /// Memory disk of `/var` and `/tmp`, in sectors.
    pub ram_tmpvar: u32,
    /// What chooses a slot, and its options.
    pub boot: Boot,
    /// The kernel.
    pub kernel: Kernel,
    /// How the world is built.
    pub world: WorldOptions,
    /// The files that lie over the world.
    pub overlay: Overlay,
    /// What an update to this version says of itself.
    pub update: Update,
    /// What changes the tree beyond layers and NanoBSD's rules.
    pub customize: Customize,
    /// FreeBSD packages.
    pub packages: Packages,
    /// The most bytes of a slot's content.
    pub slot_budget: Option<u64>,
    /// The most bytes of a service.
    pub service_budget: Option<u64>,
}

/// newfs(8) parameters.
#[derive(Clone, Copy, Debug)]
pub struct FileSystem {
    /// Bytes of a block.
    pub block: u32,
    /// Bytes of a fragment.
    pub fragment: u32,
    /// Bytes for each inode.
    pub bytes_per_inode: u32,
    /// Soft updates.
    pub soft_updates: bool,
}

/// What chooses a slot.
#[derive(Clone, Debug)]
pub struct Boot {
    /// Which program.
    pub code: BootCode,
    /// boot0's: read with the BIOS's LBA calls.
    pub packet: bool,
    /// boot0's: write the choice back to the MBR.
    pub update: bool,
    /// boot0's: the slices that the menu offers, slice 1 in bit 0.
    pub menu: u8,
    /// The slot that starts by itself.
    pub default_slot: Slot,
    /// How long the menu waits, in ticks of 1/18.2 s.
    pub ticks: u16,
}

/// What stands in the MBR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootCode {
    /// Our own boot manager, with its boot state in `/cfg`.
    Sluice,
    /// One of the world's.
    World(WorldCode),
}

/// The world's boot codes for an MBR. They know no boot state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorldCode {
    /// `/boot/boot0sio`: a menu on the serial console.
    Boot0Sio,
    /// `/boot/boot0`: a menu on a screen.
    Boot0,
    /// `/boot/mbr`: starts the active slice.
    Mbr,
}

impl WorldCode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Boot0Sio, Self::Boot0, Self::Mbr];

    /// Its file in the world's `/boot`.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Boot0Sio => "boot0sio",
            Self::Boot0 => "boot0",
            Self::Mbr => "mbr",
        }
    }

    /// Whether it has boot0's table of options.
    pub const fn has_options(self) -> bool {
        !matches!(self, Self::Mbr)
    }
}

/// make(1) variables for the world.
#[derive(Clone, Debug)]
pub struct WorldOptions {
    /// `CPUTYPE`.
    pub cputype: Option<String>,
    /// For building and installing.
    pub both: Vec<String>,
    /// For building only.
    pub build: Vec<String>,
    /// For installing only.
    pub install: Vec<String>,
}

/// Files of the repository that lie over the world.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// Folders, from the root of the repository; the later lies over the earlier.
    pub folders: Vec<String>,
    /// Attributes of their files.
    pub rules: Vec<Rule>,
}

/// Attributes of overlay files.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The pattern: a path of the image, or one with `/**` behind it for all below.
    pub pattern: String,
    /// The owning user.
    pub user: Option<Principal>,
    /// The owning group.
    pub group: Option<Principal>,
    /// Permission bits.
    pub mode: Option<u16>,
    /// File flags.
    pub flags: Option<u32>,
    /// It may take the place of the world's file.
    pub replace: bool,
}

impl Rule {
    /// A rule that states nothing yet.
    fn of(pattern: &str) -> Self {
        Self { pattern: pattern.to_owned(), user: None, group: None, mode: None, flags: None, replace: false }
    }
}

impl Product {
    /// Reads and checks the definition of the repository at `root`, with the files of `-c` laid over it in order.
    ///
    /// # Errors
    /// Names the file with line and column, or the key, and what it may be.
    pub fn load(root: &Path, over: &[PathBuf]) -> Result<Self> {
        let raw = load::read(&root.join(DEFINITION), over)?;
        let files =
            std::iter::once(DEFINITION.to_owned()).chain(over.iter().map(|path| path.display().to_string()));
        let files: Vec<String> = files.collect();
        Self::check(raw).with_context(|| format!("checking the product definition ({})", files.join(" + ")))
    }

    /// What stands before `sN` in the names of the card's slices on the running unit, without `/dev/`.
    pub fn device(&self) -> String {
        self.label.as_ref().map_or_else(|| self.drive.clone(), |label| format!("label/{label}"))
    }

    fn check(raw: RawProduct) -> Result<Self> {
        let device =
            raw.media.device.as_deref().map(FlashDevice::find).transpose().context("media.device")?;
        let slices = layout_request(&raw, device.as_ref())?;
        // An exact size is nobody's guess.
        let media_warning = device.filter(|_| raw.media.size.is_none()).and_then(|device| device.warning);
        let label = label(raw.media.label)?;
        let mut layout = Layout::plan(&slices).context("laying the slices out ([media], [slices])")?;
        layout.labelled = label.is_some();
        let slots = layout.slots.len();
        let cfg_folder = folder("slices.cfg_folder", raw.slices.cfg_folder)?;
        let data_folder = folder("slices.data_folder", raw.slices.data_folder)?;
        ensure!(
            data_folder.is_none() || layout.data.is_some(),
            "slices.data_folder: there is no /data to put it on; give slices.data a size"
        );
        let fill_second = raw.slices.fill_second.unwrap_or(true);
        let version = Version::check_release(&raw.product.version.unwrap_or_else(|| "0.0.0".to_owned()))
            .context("product.version")?;
        Ok(Self {
            name: word("product.name", raw.product.name.unwrap_or_else(|| "sluice".to_owned()))?,
            update: Update::check(raw.update, &version)?,
            version,
            board: word("product.board", raw.product.board.unwrap_or_else(|| "alix".to_owned()))?,
            console_speed: console_speed(raw.console.speed.unwrap_or(115_200))?,
            drive: drive(raw.media.drive.unwrap_or_else(|| "ada0".to_owned()))?,
            label,
            media_warning,
            layout,
            cfg_folder,
            data_folder,
            fill_second,
            filesystem: FileSystem {
                block: power_of_two("filesystem.block", raw.filesystem.block.unwrap_or(4096), 4096, 65536)?,
                fragment: power_of_two(
                    "filesystem.fragment",
                    raw.filesystem.fragment.unwrap_or(512),
                    512,
                    65536,
                )?,
                bytes_per_inode: raw.filesystem.bytes_per_inode.unwrap_or(8192),
                soft_updates: raw.filesystem.soft_updates.unwrap_or(true),
            },
            ram_etc: raw.ram.etc.unwrap_or(10_240),
            ram_tmpvar: raw.ram.tmpvar.unwrap_or(10_240),
            boot: boot(raw.boot, slots, fill_second)?,
            kernel: Kernel::check(raw.kernel)?,
            world: WorldOptions {
                cputype: raw.world.cputype,
                both: make_variables("world.options", raw.world.options)?,
                build: make_variables("world.build", raw.world.build)?,
                install: make_variables("world.install", raw.world.install)?,
            },
            overlay: overlay(raw.overlay)?,
            customize: Customize::check(raw.customize).context("[customize]")?,
            packages: Packages::check(raw.packages)?,
            slot_budget: raw.budget.slot_bytes,
            service_budget: raw.budget.service_bytes,
        })
    }
}

fn layout_request(raw: &RawProduct, device: Option<&FlashDevice>) -> Result<Request> {
    let RawSlices { slots, code, cfg, data, .. } = &raw.slices;
    let (slots, code, cfg, data) = (*slots, *code, *cfg, *data);
    let (size, geometry) = device
        .map_or((2_000_000, Geometry { sectors: 63, heads: 16 }), |device| (device.size.0, device.geometry));
    Ok(Request {
        media: Sectors(raw.media.size.unwrap_or(size)),
        geometry: Geometry {
            sectors: raw.media.sectors.unwrap_or(geometry.sectors),
            heads: raw.media.heads.unwrap_or(geometry.heads),
        },
        slots: match slots.unwrap_or(2) {
            1 => SlotCount::One,
            2 => SlotCount::Two,
            other => bail!("slices.slots: {other} slots; a card has 1 or 2"),
        },
        code: code.filter(|sectors| *sectors > 0).map(Sectors),
        cfg: match cfg.unwrap_or(2048) {
            0 => {
                bail!("slices.cfg: 0 sectors; the configuration slice cannot be left out (NanoBSD has 2048)")
            }
            sectors => Sectors(sectors),
        },
        data: match data.unwrap_or(0) {
            0 => DataSize::None,
            sectors => {
                u64::try_from(sectors).map_or(DataSize::Rest, |sectors| DataSize::Sectors(Sectors(sectors)))
            }
        },
    })
}

/// A name that becomes part of file names and is shown on the console.
fn word(key: &str, text: String) -> Result<String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(
        !text.is_empty() && text.len() <= 15 && text.chars().all(good),
        "{key}: `{text}` must be 1 to 15 of a-z, 0-9 and `-`: it is part of file names and of the slot header"
    );
    Ok(text)
}

fn console_speed(speed: u32) -> Result<u32> {
    const SPEEDS: [u32; 5] = [9600, 19_200, 38_400, 57_600, 115_200];
    ensure!(
        SPEEDS.contains(&speed),
        "console.speed: {speed} bit/s; boot2, loader and getty have 9600, 19200, 38400, 57600 and 115200"
    );
    Ok(speed)
}

/// What the names of labels begin with: `s1` to `s4` come behind it.
fn label(label: Option<String>) -> Result<Option<String>> {
    const LONGEST: usize = NAME_MAX - 2;
    let Some(label) = label.filter(|label| !label.is_empty()) else { return Ok(None) };
    ensure!(
        label.len() <= LONGEST
            && label.starts_with(|c: char| c.is_ascii_alphanumeric())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')),
        "media.label: `{label}`; write at most {LONGEST} letters, digits, `_` and `-`, as \"gateway\": the slices are then \
         `gateways1` to `gateways4`"
    );
    Ok(Some(label))
}

fn drive(name: String) -> Result<String> {
    let digits = name.trim_start_matches(|c: char| c.is_ascii_lowercase());
    ensure!(
        !digits.is_empty() && digits.len() < name.len() && digits.bytes().all(|b| b.is_ascii_digit()),
        "media.drive: `{name}` is no disk's name; the first card is `ada0`, a USB stick `da0`"
    );
    ensure!(
        !name.starts_with("ad") || name.starts_with("ada"),
        "media.drive: `{name}` is the name of old; since FreeBSD 9 the card is `ada{digits}`"
    );
    Ok(name)
}

fn power_of_two(key: &str, value: u32, least: u32, most: u32) -> Result<u32> {
    ensure!(
        value.is_power_of_two() && (least..=most).contains(&value),
        "{key}: {value} bytes; it must be a power of two from {least} to {most}"
    );
    Ok(value)
}

fn boot(raw: RawBoot, slots: usize, fill_second: bool) -> Result<Boot> {
    let code = match raw.code.as_deref().unwrap_or("sluice") {
        "sluice" => BootCode::Sluice,
        other => {
            let code = WorldCode::ALL.into_iter().find(|code| code.file() == other).with_context(|| {
                format!(
                    "boot.code: `{other}`; it is `sluice`, or one of the world's: `boot0sio`, `boot0`, `mbr`"
                )
            })?;
            BootCode::World(code)
        }
    };
    let menu = raw.menu.unwrap_or_else(|| vec![1, 2]);
    ensure!(
        !menu.is_empty() && menu.iter().all(|slice| (1..=4).contains(slice)),
        "boot.menu: {menu:?}; a menu has at least one of the slices 1 to 4"
    );
    let default = raw.default.unwrap_or(1);
    let default_slot = Slot::from_number(default).filter(|_| usize::from(default) <= slots);
    let default_slot = default_slot
        .with_context(|| format!("boot.default: slice {default} is no slot; this product has {slots}"))?;
    ensure!(
        default_slot == Slot::First || fill_second,
        "boot.default: slot 2 cannot start by itself: slices.fill_second = false leaves it empty"
    );
    let ticks = raw.ticks.unwrap_or(182);
    ensure!(ticks > 0, "boot.ticks: 0; the menu waits at least 1 tick of 1/18.2 s");
    Ok(Boot {
        code,
        packet: raw.packet.unwrap_or(true),
        update: raw.update.unwrap_or(true),
        menu: menu.iter().fold(0, |mask, slice| mask | 1 << (slice - 1)),
        default_slot,
        ticks,
    })
}

/// `NAME` (for yes) or `NAME=value`, as in src.conf(5).
fn make_variables(key: &str, lines: Option<Vec<String>>) -> Result<Vec<String>> {
    let mut variables = Vec::new();
    for line in lines.unwrap_or_default() {
        let (name, value) = line.split_once('=').unwrap_or((&line, "yes"));
        let name = name.trim_end_matches(['?', '+']).trim();
        ensure!(
            !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !value.contains('\n'),
            "{key}: `{line}` is no make variable; write `NAME` or `NAME=value`"
        );
        variables.push(if line.contains('=') { line } else { format!("{name}=yes") });
    }
    Ok(variables)
}

/// A folder of the repository, of which an empty name is none.
fn folder(key: &str, folder: Option<String>) -> Result<Option<String>> {
    let folder = folder.filter(|folder| !folder.is_empty());
    folder.iter().try_for_each(|folder| check_folder(key, folder))?;
    Ok(folder)
}

fn check_folder(key: &str, folder: &str) -> Result<()> {
    let inside = Path::new(folder).components().all(|part| matches!(part, Component::Normal(_)));
    ensure!(
        inside && !folder.is_empty(),
        "{key}: `{folder}` is no folder of the repository; write its path from the root, as \"overlay\""
    );
    Ok(())
}

fn overlay(raw: RawOverlay) -> Result<Overlay> {
    let check = |(pattern, rule): (String, RawRule)| {
        check_rule(&pattern, rule).with_context(|| format!("overlay.rules.\"{pattern}\""))
    };
    let folders = raw.folders.unwrap_or_else(|| vec!["overlay".to_owned()]);
    for folder in &folders {
        check_folder("overlay.folders", folder)?;
    }
    Ok(Overlay {
        folders,
        rules: raw.rules.unwrap_or_default().into_iter().map(check).collect::<Result<_>>()?,
    })
}

fn check_rule(pattern: &str, raw: RawRule) -> Result<Rule> {
    ensure!(pattern.starts_with('/'), "a rule's path starts with `/`, the root of the image");
    let mode = raw.mode.map(|mode| octal(&mode)).transpose()?;
    let flags = raw.flags.map(|flags| rootfs::flags::parse(&flags)).transpose()?;
    Ok(Rule {
        pattern: pattern.to_owned(),
        user: raw.user.as_deref().map(Principal::from),
        group: raw.group.as_deref().map(Principal::from),
        mode,
        flags,
        replace: raw.replace.unwrap_or(false),
    })
}

/// Permission bits as chmod(1) takes them in digits.
fn octal(mode: &str) -> Result<u16> {
    u16::from_str_radix(mode, 8)
        .ok()
        .filter(|bits| *bits <= 0o7777)
        .with_context(|| format!("mode: `{mode}` is not octal; write for instance \"0600\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        format!("{:#}", Product::check(toml::from_str(text).unwrap()).unwrap_err())
    }

    #[test]
    fn an_empty_definition_is_nanobsd() {
        let product = Product::check(RawProduct::default()).unwrap();
        assert_eq!(product.layout.media, Sectors(2_000_000));
        assert_eq!((product.filesystem.block, product.filesystem.fragment), (4096, 512));
        assert_eq!((product.ram_etc, product.ram_tmpvar), (10_240, 10_240));
        assert_eq!(product.boot.menu, 0b11);
        assert_eq!((product.boot.code, product.boot.default_slot), (BootCode::Sluice, Slot::First));
    }

    #[test]
    fn a_bad_value_names_its_key_and_what_it_may_be() {
        let mut said = String::new();
        for (text, key, hint) in [
            ("[media]\ndrive = \"ad0\"", "media.drive", "`ada0`"),
            ("[media]\ndrive = \"0\"", "media.drive", "ada0"),
            ("[media]\nlabel = \"fourteen-bytes\"", "media.label", "at most 13"),
            ("[media]\nlabel = \"a/b\"", "media.label", "`gateways1`"),
            ("[media]\ndevice = \"SanDisk\"", "media.device", "SanDisk 1G"),
            ("[media]\ndevice = \"SanDisk 9G\"", "media.device", "1g"),
            ("[overlay.rules.\"x\"]", "\"x\"", "starts with `/`"),
            ("[overlay.rules.\"/x\"]\nflags = \"sticky\"", "/x", "sticky"),
            ("[boot]\nmenu = []", "boot.menu", "1 to 4"),
            ("[boot]\nmenu = [5]", "boot.menu", "1 to 4"),
            ("[boot]\nticks = 0", "boot.ticks", "1/18.2"),
            ("[filesystem]\nfragment = 256", "filesystem.fragment", "512"),
            ("[kernel]\nconfig = \"MY KERNEL\"", "kernel.config", "\"ALIX\""),
            ("[kernel]\noptions = [\"A B=1\"]", "kernel.options", "NAME=value"),
            ("[media]\nsize = 20000\n[slices]\ncode = 40000", "[media], [slices]", "sectors"),
            ("[media]\nsectors = 64", "[media], [slices]", "63"),
            ("[product]\nboard = \"\"", "product.board", "a-z"),
            ("[console]\nspeed = 1234", "console.speed", "38400"),
            ("[filesystem]\nblock = 5000", "filesystem.block", "power of two"),
            ("[slices]\nslots = 3", "slices.slots", "1 or 2"),
            ("[slices]\ncfg = 0", "slices.cfg", "2048"),
            ("[boot]\ncode = \"grub\"", "boot.code", "`boot0sio`"),
            ("[boot]\ncode = \"Sluice\"", "boot.code", "`sluice`"),
            ("[slices]\nslots = 1\n[boot]\ndefault = 2", "boot.default", "has 1"),
            ("[boot]\ndefault = 3", "boot.default", "2"),
            ("[slices]\nfill_second = false\n[boot]\ndefault = 2", "boot.default", "slices.fill_second"),
            ("[world]\noptions = [\"WITHOUT CLANG\"]", "world.options", "NAME=value"),
            ("[overlay.rules.\"/x\"]\nmode = \"9\"", "/x", "octal"),
            ("[overlay]\nfolders = [\"../x\"]", "overlay.folders", "repository"),
            ("[slices]\ncfg_folder = \"/etc\"", "slices.cfg_folder", "from the root"),
            ("[slices]\ndata_folder = \"data\"", "slices.data_folder", "slices.data"),
            ("[packages]\nabi = \"FreeBSD:13:amd64\"", "packages.abi", "FreeBSD:13:i386"),
            ("[packages]\nsignature = \"gpg\"", "packages.signature", "fingerprints"),
            ("[packages]\nsignature = \"pubkey\"", "packages.signature", "packages.key"),
            ("[packages]\nsignature = \"fingerprints\"", "packages.signature", "packages.fingerprints"),
            ("[packages]\nkey = \"k.pem\"", "packages.key", "pubkey"),
            ("[packages]\nfingerprints = \"k\"", "packages.fingerprints", "`fingerprints` there"),
            (
                "[[packages.isa]]\npath = \"/x\"\nsymbol = \"f\"\nreason = \"r\"",
                "packages.isa",
                "without `/`",
            ),
            ("[[packages.isa]]\npath = \"x\"\nsymbol = \"f\"\nreason = \" \"", "packages.isa", "a reason"),
            ("[packages]\nrepository = \"http://x\"", "packages.signature", "anyone on the way"),
            ("[product]\nname = \"My Box\"", "product.name", "a-z"),
            ("[product]\nversion = \"one\"", "product.version", "MAJOR.MINOR.PATCH"),
            ("[product]\nversion = \"1.02.3\"", "product.version", "MAJOR.MINOR.PATCH"),
            ("[update]\nconfig_version = 0", "update.config_version", "1"),
            ("[update]\nminimum = \"1\"", "update.minimum", "MAJOR.MINOR.PATCH"),
            ("[product]\nversion = \"1.2.3\"\n[update]\nminimum = \"1.2.4\"", "update.minimum", "1.2.3"),
        ] {
            let message = refusal(text);
            assert!(message.contains(key) && message.contains(hint), "{text}: {message}");
            said += &format!("{}\n    {message}\n", text.replace('\n', " "));
        }
        insta::assert_snapshot!(said);
    }

    #[test]
    fn boot_code_is_ours_or_one_of_the_worlds() {
        for (name, code) in [
            ("sluice", BootCode::Sluice),
            ("boot0sio", BootCode::World(WorldCode::Boot0Sio)),
            ("boot0", BootCode::World(WorldCode::Boot0)),
            ("mbr", BootCode::World(WorldCode::Mbr)),
        ] {
            let text = format!("[boot]\ncode = \"{name}\"");
            assert_eq!(Product::check(toml::from_str(&text).unwrap()).unwrap().boot.code, code);
        }
    }

    #[test]
    fn a_media_that_is_too_small_says_by_how_much() {
        let message = refusal("[media]\nsize = 20000\n[slices]\ncode = 40000");
        assert!(message.contains("[media]") && message.contains("sectors"), "{message}");
    }
}
