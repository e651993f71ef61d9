//! What `image` would build, from which inputs and with which options. Making a summary has no side effects: it installs,
//! unpacks and builds nothing, and creates no key.

use std::fmt::{Display, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use bsd_disk::slice::Slice;
use serde::Serialize;

use super::request::BuildRequest;
use crate::customize::hook_paths;
use crate::packages;
use crate::product::{BootCode, FileSystem, Stage};
use crate::services::{self, Edition};
use crate::world::WorldSummary;

/// The maximum length of a line of options, without its name.
const WIDTH: usize = 86;

/// The summary of a request.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The product's name.
    pub product: String,
    /// The board.
    pub board: String,
    /// The version of the build.
    pub version: String,
    /// `release` or `development`.
    pub edition: &'static str,
    /// The files of the product definition. Later files override earlier ones.
    pub definition: Vec<PathBuf>,
    /// FreeBSD.
    pub world: WorldSummary,
    /// The options of FreeBSD's build.
    pub options: Options,
    /// What is added to FreeBSD.
    pub inputs: Inputs,
    /// The card.
    pub media: Media,
    /// How a slot is started.
    pub boot: Boot,
    /// The files that are built.
    pub output: Output,
    /// What the engineer should check.
    pub warnings: Vec<String>,
}

/// make(1) variables of FreeBSD's build.
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

/// What is added to FreeBSD.
#[derive(Debug, Serialize)]
pub struct Inputs {
    /// The product's programs.
    pub services: Vec<String>,
    /// The directories of the overlay.
    pub overlay: Vec<String>,
    /// The directories of `customize.install_files`.
    pub install_files: Option<String>,
    /// The number of FreeBSD packages in the lock file.
    pub packages: usize,
    /// The steps and hooks, in order.
    pub customization: Vec<Customization>,
    /// The directory with the initial content of `/cfg`.
    pub cfg: Option<String>,
    /// The directory with the initial content of `/data`.
    pub data: Option<String>,
}

/// A step or hook.
#[derive(Debug, Serialize)]
pub struct Customization {
    /// `early`, `customize` or `late`.
    pub stage: &'static str,
    /// The key of the step, or the path of the hook.
    pub what: String,
}

/// The card and its file systems; sizes are in sectors of 512 bytes.
#[derive(Debug, Serialize)]
pub struct Media {
    /// Its device on the unit, or `label/NAME` if its slices are found by their labels.
    pub drive: String,
    /// Its size.
    pub sectors: u64,
    /// Sectors per track.
    pub track: u32,
    /// Heads.
    pub heads: u32,
    /// Its slices.
    pub slices: Vec<SliceFacts>,
    /// The block size of its file systems, in bytes.
    pub block: u32,
    /// The fragment size, in bytes.
    pub fragment: u32,
    /// The number of bytes per inode.
    pub bytes_per_inode: u32,
    /// Whether soft updates are enabled.
    pub soft_updates: bool,
    /// The size of the memory disk of `/etc`.
    pub ram_etc: u32,
    /// The size of the memory disk of `/var` and `/tmp`.
    pub ram_tmpvar: u32,
}

/// A slice; sizes are in sectors.
#[derive(Debug, Serialize)]
pub struct SliceFacts {
    /// Its number in the MBR.
    pub number: u8,
    /// Its use.
    pub what: &'static str,
    /// Its first sector.
    pub start: u64,
    /// Its size.
    pub sectors: u64,
}

/// How a slot is started.
#[derive(Debug, Serialize)]
pub struct Boot {
    /// The program in the MBR.
    pub code: &'static str,
    /// The slot that starts by default.
    pub default: u8,
    /// How long it waits for a key, in ticks of 1/18.2 s.
    pub ticks: u16,
    /// The speed of the serial console, in bits per second.
    pub console_speed: u32,
}

/// The files that are built.
#[derive(Debug, Serialize)]
pub struct Output {
    /// The directory of the version.
    #[serde(rename = "folder")]
    pub directory: PathBuf,
    /// Whether the directory exists. It is replaced if any input has changed.
    pub exists: bool,
    /// The names of the images in it.
    pub images: Vec<String>,
}

impl Summary {
    /// The summary of `request` for the repository at `root`.
    ///
    /// # Errors
    /// The world cannot be used, or a hook is not executable.
    pub fn of(request: &BuildRequest, root: &Path) -> Result<Self> {
        let product = &request.product;
        let world = WorldSummary::of(&request.origin, request.skip, product)?;
        let mut warnings: Vec<String> = product.warnings.iter().chain(&world.warnings).cloned().collect();
        if request.version.dirty {
            warnings.push("some changes are not committed: the version ends in .dirty".to_owned());
        }
        let directory = request.output_dir.join(&request.version.text);
        Ok(Self {
            product: product.name.clone(),
            board: product.board.name.to_owned(),
            version: request.version.text.clone(),
            edition: match request.edition {
                Edition::Release => "release",
                Edition::Development => "development",
            },
            definition: request.definition.clone(),
            world,
            options: Options {
                cputype: product.world.cputype.clone(),
                world: product.world.both.clone(),
                build: product.world.build.clone(),
                install: product.world.install.clone(),
                kernel: product.kernel.options.clone(),
            },
            inputs: Inputs::of(request, root)?,
            media: Media::of(request),
            boot: Boot {
                code: match product.boot.code {
                    BootCode::Sluice => "sluice",
                    BootCode::World(code) => code.file(),
                },
                default: product.boot.default_slot.number(),
                ticks: product.boot.ticks,
                console_speed: product.console_speed,
            },
            output: Output { exists: directory.is_dir(), directory, images: request.built_images() },
            warnings,
        })
    }

    /// Formats the summary as text, one fact per line.
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
        let state = if self.output.exists { "exists; rebuilt if any input has changed" } else { "new" };
        lines.fact("output", format_args!("{} ({state})", self.output.directory.display()));
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
            lines.list(name, fill(options));
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
                "{}, {} sectors ({}), {} heads, {} sectors per track",
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
                "UFS2, {}-byte blocks, {}-byte fragments, one inode per {} bytes, {}soft updates",
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
    fn of(request: &BuildRequest, root: &Path) -> Result<Self> {
        let product = &request.product;
        let customize = &product.customize;
        let mut customization = Vec::new();
        for stage in Stage::ALL {
            let steps =
                customize.steps.iter().filter(|step| step.stage == stage).map(|step| step.name.clone());
            let hooks = hook_paths(root, &customize.hooks, stage)?;
            let hooks = hooks.iter().map(|hook| hook.display().to_string());
            let stage = stage.name();
            customization.extend(steps.chain(hooks).map(|what| Customization { stage, what }));
        }
        Ok(Self {
            services: services::programs()?,
            overlay: product.overlay.folders.clone(),
            install_files: customize.install_files.as_ref().map(|files| files.folders.join(", ")),
            packages: request.packages.count(),
            customization,
            cfg: product.cfg_folder.clone(),
            data: product.data_folder.clone(),
        })
    }
}

impl Media {
    fn of(request: &BuildRequest) -> Self {
        let product = &request.product;
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

/// Fills lines with the words.
fn fill(words: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < WIDTH => *line += &format!(" {word}"),
            _ => lines.push(word.clone()),
        }
    }
    lines
}

/// Lines that consist of a name and a value.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn fact(&mut self, name: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name:<13} {value}"); // writing to a string cannot fail
    }

    /// Adds a line for each value; only the first one has the name.
    fn list(&mut self, name: &str, values: impl IntoIterator<Item = impl Display>) {
        for (index, value) in values.into_iter().enumerate() {
            self.fact(if index == 0 { name } else { "" }, value);
        }
    }
}
