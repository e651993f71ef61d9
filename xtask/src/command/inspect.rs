//! `cargo xtask inspect`: shows images, cards and update bundles, and the files in them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use builder::keys::Trusted;
use builder::workspace;
use inspect::{Disk, Volume, bundle, describe, extract, list};
use report::Reporter;

/// Show an image, a card or an update bundle, and read files from it
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = false)]
pub struct Args {
    /// A full image, a slot image, the device of a card or an update (.fw); it is only read
    file: PathBuf,
    /// For updates: check the signature and every chunk; exit with 1 at the first fault
    #[arg(long)]
    verify: bool,
    /// For updates: write manifest.json and manifest.json.minisig to DIR, for `minisign -V -p KEY.pub -m manifest.json`
    #[arg(long, value_name = "DIR")]
    extract: Option<PathBuf>,
    /// For updates: also accept the public key in FILE, besides firmware/keys and the development key
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    #[command(subcommand)]
    look: Option<Look>,
}

/// What to read from an image, without mounting it.
#[derive(clap::Subcommand, Debug)]
enum Look {
    /// List a file or directory
    Ls {
        /// The path in the file system
        #[arg(default_value = "/")]
        path: String,
        /// Show type, mode, links, owner, group, size in bytes and flags
        #[arg(short)]
        long: bool,
        /// List directories recursively
        #[arg(short = 'R')]
        recursive: bool,
        #[command(flatten)]
        from: From,
    },
    /// Write a file to standard output
    Cat {
        /// The path in the file system
        path: String,
        #[command(flatten)]
        from: From,
    },
    /// Copy a file or directory, with everything below it, to a directory of this machine
    Extract {
        /// The path in the file system
        path: String,
        /// The directory to copy to; it is created, or must be empty
        dir: PathBuf,
        #[command(flatten)]
        from: From,
    },
}

/// The file system to read.
#[derive(clap::Args, Debug)]
#[group(multiple = false)]
struct From {
    /// Read slot N (1 or 2) [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=2))]
    slot: Option<u8>,
    /// Read /cfg
    #[arg(long)]
    cfg: bool,
    /// Read /data
    #[arg(long)]
    data: bool,
}

impl From {
    fn volume(&self) -> Volume {
        match (self.cfg, self.data) {
            (true, _) => Volume::Cfg,
            (_, true) => Volume::Data,
            _ => Volume::Slot(self.slot.unwrap_or(1)),
        }
    }
}

impl Args {
    /// Shows the file, or files in it.
    ///
    /// # Errors
    /// It is of an unknown kind, or is damaged where it is read.
    pub fn run(self, reporter: &Reporter) -> Result<()> {
        if bundle::is_one(&self.file)? {
            ensure!(
                self.look.is_none(),
                "reading files from {}: an update has no file system to read\nhint: pass the slot image that it was made from",
                self.file.display()
            );
            let keys = Trusted::known(&workspace::root(), &self.keys)?;
            return bundle::inspect(&self.file, &keys, self.verify, self.extract.as_deref());
        }
        if self.verify || self.extract.is_some() || !self.keys.is_empty() {
            bail!(
                "inspecting {}: --verify, --extract and --key are for an update (.fw), which this is not",
                self.file.display()
            );
        }
        let disk = Disk::open(&self.file)?;
        match self.look {
            None => report::result(&describe::text(&disk)),
            Some(look) => look.run(&disk, &self.file, reporter),
        }
    }
}

impl Look {
    fn run(self, disk: &Disk, file: &Path, reporter: &Reporter) -> Result<()> {
        match self {
            Self::Ls { path, long, recursive, from } => {
                let volume = from.volume();
                let files = disk.files(volume)?;
                let attempt = || format!("listing {path} in {volume} of {}", file.display());
                report::stream(|mut out| list::write(&files, &path, long, recursive, &mut out))
                    .with_context(attempt)
            }
            Self::Cat { path, from } => {
                let volume = from.volume();
                let files = disk.files(volume)?;
                let attempt = || format!("reading {path} in {volume} of {}", file.display());
                report::stream(|mut out| extract::cat(&files, &path, &mut out)).with_context(attempt)
            }
            Self::Extract { path, dir, from } => {
                let volume = from.volume();
                let files = disk.files(volume)?;
                let attempt = || format!("extracting {path} in {volume} of {}", file.display());
                let left = extract::into(&files, &path, &dir).with_context(attempt)?;
                left.iter().for_each(|note| reporter.summary(format_args!("note: {note}")));
                Ok(())
            }
        }
    }
}
