//! What would be built, from which inputs and with which options. Telling it changes nothing: nothing is installed,
//! unpacked or built, and no key is made.

use std::fmt::{Display, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use bsd_disk::slice::Slice;
use serde::Serialize;

use super::Order;
use crate::customize::hook_names;
use crate::packages;
use crate::product::{BootCode, FileSystem, Stage};
use crate::services::{self, Edition};
use crate::world::WorldSummary;

/// Characters that a line of options has at most, beside the name.
const WIDTH: usize = 86;

/// All that is told of an order.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The product's name.
    pub product: String,
    /// The board.
    pub board: String,
    /// The version that the build gets.
    pub version: String,
    /// `release` or `development`.
    pub edition: &'static str,
    /// The files of the product definition, the later lying over the earlier.
    pub definition: Vec<PathBuf>,
    /// FreeBSD.
    pub world: WorldSummary,
    /// How FreeBSD is built.
    pub options: Options,
    /// What lies over it.
    pub inputs: Inputs,
    /// The card.
    pub media: Media,
    /// What starts.
    pub boot: Boot,
    /// What is made.
    pub output: Output,
    /// What the engineer should look at.
    pub warnings: Vec<String>,
}

/// make(1) variables.
#[derive(Debug, Serialize)]
pub struct Options {
    /// `TARGET_CPUTYPE`.
    pub cputype: Option<String>,
    /// For building and installing the world.
    pub world: Vec<String>,
    /// For building the world.
    pub build: Vec<String>,
    /// For installing the world.
    pub install: Vec<String>,
    /// For the kernel.
    pub kernel: Vec<String>,
}

/// What lies over FreeBSD.
#[derive(Debug, Serialize)]
pub struct Inputs {
    /// The product's programs.
    pub services: Vec<String>,
    /// Folders of files.
    pub overlay: Vec<String>,
    /// The folder that lies over everything.
    pub install_files: Option<String>,
    /// FreeBSD packages that the lock pins.
    pub packages: usize,
    /// What changes the tree, in its order.
    pub customization: Vec<Customization>,
    /// What `/cfg` starts with.
    pub cfg: Option<String>,
    /// What `/data` starts with.
    pub data: Option<String>,
}

/// One step or hook.
#[derive(Debug, Serialize)]
pub struct Customization {
    /// `early`, `customize` or `late`.
    pub stage: &'static str,
    /// The key of the step, or the hook's file.
    pub what: String,
}

/// The card and its file systems; sizes are in sectors of 512 bytes.
#[derive(Debug, Serialize)]
pub struct Media {
    /// Its device on the unit, or `label/NAME` where its slices are found by labels.
    pub drive: String,
    /// Its size.
    pub sectors: u64,
    /// Sectors of a track.
    pub track: u32,
    /// Heads.
    pub heads: u32,
    /// Its slices.
    pub slices: Vec<SliceFacts>,
    /// newfs(8) parameters of a slot, in bytes.
    pub block: u32,
    /// Bytes of a fragment.
    pub fragment: u32,
    /// Bytes for each inode.
    pub bytes_per_inode: u32,
    /// Soft updates.
    pub soft_updates: bool,
    /// The memory disk of `/etc`.
    pub ram_etc: u32,
    /// That of `/var` and `/tmp`.
    pub ram_tmpvar: u32,
}

/// One slice.
#[derive(Debug, Serialize)]
pub struct SliceFacts {
    /// Its number in the MBR.
    pub number: u8,
    /// What it is for.
    pub what: &'static str,
    /// Its first sector.
    pub start: u64,
    /// Its size.
    pub sectors: u64,
}

/// What starts a slot.
#[derive(Debug, Serialize)]
pub struct Boot {
    /// The program in the MBR.
    pub code: &'static str,
    /// The slot that starts by itself.
    pub default: u8,
    /// How long it waits, in ticks of 1/18.2 s.
    pub ticks: u16,
    /// Bits per second of the console.
    pub console_speed: u32,
}

/// What is made.
#[derive(Debug, Serialize)]
pub struct Output {
    /// The folder of the version.
    pub folder: PathBuf,
    /// It is there already; it is made anew if anything that it is made from has changed.
    pub exists: bool,
    /// The images in it.
    pub images: Vec<String>,
}

impl Summary {
    /// Looks at all that is ordered, for the repository at `root`.
    ///
    /// # Errors
    /// The world is none, or a hook is no program.
    pub fn of(order: &Order, root: &Path) -> Result<Self> {
        let product = &order.product;
        let world = WorldSummary::of(&order.origin, order.skip, product)?;
        let mut warnings: Vec<String> = product.warnings.iter().chain(&world.warnings).cloned().collect();
        if order.version.dirty {
            warnings.push("there are changes that are not committed: the version ends in .dirty".to_owned());
        }
        let folder = order.output.join(&order.version.text);
        Ok(Self {
            product: product.name.clone(),
            board: product.board.name.to_owned(),
            version: order.version.text.clone(),
            edition: match order.edition {
                Edition::Release => "release",
                Edition::Development => "development",
            },
            definition: order.definition.clone(),
            world,
            options: Options {
                cputype: product.world.cputype.clone(),
                world: product.world.both.clone(),
                build: product.world.build.clone(),
                install: product.world.install.clone(),
                kernel: product.kernel.options.clone(),
            },
            inputs: Inputs::of(order, root)?,
            media: Media::of(order),
            boot: Boot {
                code: match product.boot.code {
                    BootCode::Sluice => "sluice",
                    BootCode::World(code) => code.file(),
                },
                default: product.boot.default_slot.number(),
                ticks: product.boot.ticks,
                console_speed: product.console_speed,
            },
            output: Output { exists: folder.is_dir(), folder, images: order.made() },
            warnings,
        })
    }

    /// As text: one fact a line.
    pub fn text(&self) -> String {
        let mut lines = Lines::default();
        lines.fact(
            "product",
            format_args!("{} {} for {}, {}", self.product, self.version, self.board, self.edition),
        );
        lines.list("definition", self.definition.iter().map(|path| path.display()));
        self.world_lines(&mut lines);
        self.input_lines(&mut lines);
        self.media_lines(&mut lines);
        let state = if self.output.exists { "there; made anew if anything of it has changed" } else { "new" };
        lines.fact("output", format_args!("{} ({state})", self.output.folder.display()));
        lines.list("", &self.output.images);
        lines.list("warning", &self.warnings);
        lines.0
    }

    fn world_lines(&self, lines: &mut Lines) {
        let WorldSummary { kind, path, version, kernel, steps, .. } = &self.world;
        let version = version.iter().map(|version| format!(" {version}"));
        let from = path.iter().map(|path| format!(" in {}", path.display()));
        lines.fact("world", version.chain(from).fold((*kind).to_owned(), |text, part| text + &part));
        for step in steps {
            let word = if step.runs { "runs" } else { "does not run" };
            lines.fact("", format_args!("{} {word}: {}", step.target, step.reason));
        }
        lines.fact("kernel", kernel.as_deref().unwrap_or("none"));
        let Options { cputype, world, build, install, kernel } = &self.options;
        lines.list("cputype", cputype);
        for (name, options) in
            [("options", world), ("to build", build), ("to install", install), ("of kernel", kernel)]
        {
            lines.list(name, filled(options));
        }
    }

    fn input_lines(&self, lines: &mut Lines) {
        let Inputs { services, overlay, install_files, packages, customization, cfg, data } = &self.inputs;
        lines.list("services", services);
        lines.list("overlay", overlay);
        lines.list("files", install_files);
        if *packages > 0 {
            lines.fact("packages", format_args!("{packages} of {}", packages::LOCK));
        }
        lines.list("customize", customization.iter().map(|one| format!("{}: {}", one.stage, one.what)));
        lines.list("/cfg", cfg);
        lines.list("/data", data);
    }

    fn media_lines(&self, lines: &mut Lines) {
        let media = &self.media;
        let bytes = |sectors: u64| report::size(sectors * bsd_disk::units::SECTOR_BYTES);
        lines.fact(
            "media",
            format_args!(
                "{}, {} sectors ({}), {} heads of {} sectors",
                media.drive,
                media.sectors,
                bytes(media.sectors),
                media.heads,
                media.track
            ),
        );
        let slice = |slice: &SliceFacts| {
            let SliceFacts { number, what, start, sectors } = slice;
            format!("slice {number}: {what}, from sector {start}, {sectors} sectors ({})", bytes(*sectors))
        };
        lines.list("", media.slices.iter().map(slice));
        lines.fact(
            "file system",
            format_args!(
                "UFS2, blocks of {}, fragments of {}, an inode for {} bytes, {}soft updates",
                media.block,
                media.fragment,
                media.bytes_per_inode,
                if media.soft_updates { "" } else { "no " }
            ),
        );
        lines.fact(
            "memory",
            format_args!("{} sectors for /etc, {} for /var and /tmp", media.ram_etc, media.ram_tmpvar),
        );
        let boot = &self.boot;
        lines.fact(
            "boot",
            format_args!(
                "{}, slot {}, {} ticks; {} bit/s",
                boot.code, boot.default, boot.ticks, boot.console_speed
            ),
        );
    }
}

impl Inputs {
    fn of(order: &Order, root: &Path) -> Result<Self> {
        let product = &order.product;
        let customize = &product.customize;
        let mut customization = Vec::new();
        for stage in Stage::ALL {
            let steps =
                customize.steps.iter().filter(|step| step.stage == stage).map(|step| step.name.clone());
            let hooks = hook_names(root, &customize.hooks, stage)?;
            let hooks = hooks.iter().map(|hook| hook.display().to_string());
            let stage = stage.name();
            customization.extend(steps.chain(hooks).map(|what| Customization { stage, what }));
        }
        Ok(Self {
            services: services::programs()?,
            overlay: product.overlay.folders.clone(),
            install_files: customize.install_files.as_ref().map(|files| files.folders.join(", ")),
            packages: order.packages.count(),
            customization,
            cfg: product.cfg_folder.clone(),
            data: product.data_folder.clone(),
        })
    }
}

impl Media {
    fn of(order: &Order) -> Self {
        let product = &order.product;
        let FileSystem { block, fragment, bytes_per_inode, soft_updates } = product.filesystem;
        let layout = &product.layout;
        let facts = |what| {
            move |slice: &Slice| SliceFacts {
                number: slice.number,
                what,
                start: slice.start.0,
                sectors: slice.size.0,
            }
        };
        let slots = layout.slots.iter().map(facts("slot"));
        let rest =
            std::iter::once(&layout.cfg).map(facts("/cfg")).chain(layout.data.iter().map(facts("/data")));
        Self {
            drive: product.device(),
            sectors: layout.media.0,
            track: layout.geometry.sectors,
            heads: layout.geometry.heads,
            slices: slots.chain(rest).collect(),
            block,
            fragment,
            bytes_per_inode,
            soft_updates,
            ram_etc: product.ram_etc,
            ram_tmpvar: product.ram_tmpvar,
        }
    }
}

/// The words, as many in a line as fit.
fn filled(words: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < WIDTH => *line += &format!(" {word}"),
            _ => lines.push(word.clone()),
        }
    }
    lines
}

/// Lines of a name and what it is.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn fact(&mut self, name: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name:<13} {value}"); // writing to a string cannot fail
    }

    /// One line each; the name stands in the first.
    fn list(&mut self, name: &str, values: impl IntoIterator<Item = impl Display>) {
        for (index, value) in values.into_iter().enumerate() {
            self.fact(if index == 0 { name } else { "" }, value);
        }
    }
}
