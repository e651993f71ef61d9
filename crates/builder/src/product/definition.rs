//! The checked product definition: what `appliance.toml` states, with NanoBSD's defaults filled in. One default is ours:
//! NanoBSD has nothing like our boot manager.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use firmware::layout::Layout;

use super::access::Access;
use super::boot::Boot;
use super::customize::Customize;
use super::filesystem::FileSystem;
use super::flash_device::FlashDevice;
use super::kernel::Kernel;
use super::options::WorldOptions;
use super::overlay::{self, Overlay};
use super::packages::Packages;
use super::raw::RawProduct;
use super::update::Update;
use super::version::Version;
use super::{load, media};
use crate::board::{self, Board};

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
    pub board: &'static Board,
    /// Console speed in bits per second.
    pub console_speed: u32,
    /// The card's device name on the unit.
    pub drive: String,
    /// The prefix of its slices' labels, if they have labels.
    pub label: Option<String>,
    /// What may not work on every card or board, though it is no error.
    pub warnings: Vec<String>,
    /// The slices of the card.
    pub layout: Layout,
    /// The initial content of `/cfg` in the full image: a directory, from the root of the repository.
    pub cfg_folder: Option<String>,
    /// The initial content of `/data`.
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
    /// Changes to the tree beyond layers and NanoBSD's rules.
    pub customize: Customize,
    /// Who can log in over the network.
    pub access: Access,
    /// FreeBSD packages.
    pub packages: Packages,
    /// The most bytes of a slot's content.
    pub slot_budget: Option<u64>,
    /// The most bytes of a service.
    pub service_budget: Option<u64>,
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

    /// The prefix of `sN` in the names of the card's slices on the running unit, without `/dev/`.
    pub fn device(&self) -> String {
        self.label.as_ref().map_or_else(|| self.drive.clone(), |label| format!("label/{label}"))
    }

    pub(super) fn check(raw: RawProduct) -> Result<Self> {
        let board = find_board(raw.product.board.as_deref().unwrap_or(board::DEFAULT.name))?;
        let device =
            raw.media.device.as_deref().map(FlashDevice::find).transpose().context("media.device")?;
        let slices = media::layout_request(&raw, device.as_ref(), board)?;
        // An exact size is nobody's guess.
        let too_small = device.filter(|_| raw.media.size.is_none()).and_then(|device| device.warning);
        let label = media::label(raw.media.label)?;
        let mut layout = Layout::plan(&slices).context("laying the slices out ([media], [slices])")?;
        layout.labelled = label.is_some();
        let slots = layout.slots.len();
        let cfg_folder = overlay::directory("slices.cfg_folder", raw.slices.cfg_folder)?;
        let data_folder = overlay::directory("slices.data_folder", raw.slices.data_folder)?;
        ensure!(
            data_folder.is_none() || layout.data.is_some(),
            "slices.data_folder: there is no /data\nhint: give slices.data a size"
        );
        let fill_second = raw.slices.fill_second.unwrap_or(true);
        let filesystem = FileSystem::check(raw.filesystem, &layout)?;
        let boot = Boot::check(raw.boot, slots, fill_second)?;
        let warnings = too_small.into_iter().chain(boot.unreachable_slot(&layout)).collect();
        let access = Access::check(raw.access)?;
        let version = Version::check_release(&raw.product.version.unwrap_or_else(|| "0.0.0".to_owned()))
            .context("product.version")?;
        Ok(Self {
            name: word("product.name", raw.product.name.unwrap_or_else(|| "sluice".to_owned()))?,
            update: Update::check(raw.update, &version)?,
            version,
            board,
            console_speed: console_speed(raw.console.speed.unwrap_or(board.console.default_speed))?,
            drive: media::drive(raw.media.drive.unwrap_or_else(|| board.drive.to_owned()), board)?,
            label,
            warnings,
            layout,
            cfg_folder,
            data_folder,
            fill_second,
            filesystem,
            ram_etc: raw.ram.etc.unwrap_or(10_240),
            ram_tmpvar: raw.ram.tmpvar.unwrap_or(10_240),
            boot,
            kernel: Kernel::check(raw.kernel)?,
            world: WorldOptions::check(raw.world)?,
            overlay: Overlay::check(raw.overlay)?,
            customize: Customize::check(raw.customize, &access).context("[customize]")?,
            access,
            packages: Packages::check(raw.packages, board)?,
            slot_budget: raw.budget.slot_bytes,
            service_budget: raw.budget.service_bytes,
        })
    }
}

fn find_board(name: &str) -> Result<&'static Board> {
    word("product.board", name.to_owned())?;
    board::find(name).with_context(|| {
        let known: Vec<&str> = board::ALL.iter().map(|board| board.name).collect();
        format!("product.board: there is no board `{name}`\nhint: the boards are: {}", known.join(", "))
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
        "console.speed: {speed} bit/s\nhint: boot2, loader and getty support 9600, 19200, 38400, 57600 and 115200"
    );
    Ok(speed)
}
