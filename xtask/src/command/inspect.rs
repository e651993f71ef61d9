//! `cargo xtask inspect`: what an image, a card or an update bundle is, and the files in it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use builder::keys::Trusted;
use builder::workspace;
use inspect::{Disk, Place, bundle, describe, extract, list};
use report::Reporter;

/// Show an image, a card or an update bundle, and read files out of it
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = false)]
pub struct Args {
    /// A full image, a slot image, the device of a card, or a .fw file; it is only read
    file: PathBuf,
    /// Of a bundle: check the signature and every chunk; exit with 1 at the first fault
    #[arg(long)]
    verify: bool,
    /// Of a bundle: write manifest.json and manifest.json.minisig into DIR, for `minisign -V -p KEY.pub -m manifest.json`
    #[arg(long, value_name = "DIR")]
    extract: Option<PathBuf>,
    /// Of a bundle: know the public key in FILE too, besides those of firmware/keys and the development key
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    #[command(subcommand)]
    look: Option<Look>,
}

/// What to read out of an image, without mounting it.
#[derive(clap::Subcommand, Debug)]
enum Look {
    /// List a path
    Ls {
        /// The path in the file system
        #[arg(default_value = "/")]
        path: String,
        /// With type, mode, names, owner, group, size and flags
        #[arg(short)]
        long: bool,
        /// With all below
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
    /// Copy a path, with all below, into a folder
    Extract {
        /// The path in the file system
        path: String,
        /// The folder, which is made, or is empty
        dir: PathBuf,
        #[command(flatten)]
        from: From,
    },
}

/// Which file system of the disk.
#[derive(clap::Args, Debug)]
#[group(multiple = false)]
struct From {
    /// That of slot N, 1 (the default) or 2
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=2))]
    slot: Option<u8>,
    /// That of /cfg
    #[arg(long)]
    cfg: bool,
    /// That of /data
    #[arg(long)]
    data: bool,
}

impl From {
    fn place(&self) -> Place {
        match (self.cfg, self.data) {
            (true, _) => Place::Cfg,
            (_, true) => Place::Data,
            _ => Place::Slot(self.slot.unwrap_or(1)),
        }
    }
}

impl Args {
    /// Shows what the file is, or what is asked for of it.
    ///
    /// # Errors
    /// It is nothing that is known, or is damaged where it is looked at.
    pub fn run(self, reporter: &Reporter) -> Result<()> {
        if bundle::is_one(&self.file)? {
            ensure!(
                self.look.is_none(),
                "looking into {}: an update has no file system to read; take the slot image that it was made of",
                self.file.display()
            );
            let keys = Trusted::known(&workspace::root(), &self.keys)?;
            return bundle::inspect(&self.file, &keys, self.verify, self.extract.as_deref());
        }
        if self.verify || self.extract.is_some() || !self.keys.is_empty() {
            bail!(
                "inspecting {}: --verify, --extract and --key are for an update (.fw), and this is none",
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
                let place = from.place();
                let files = disk.files(place)?;
                let attempt = || format!("listing {path} in {place} of {}", file.display());
                report::stream(|mut out| list::write(&files, &path, long, recursive, &mut out))
                    .with_context(attempt)
            }
            Self::Cat { path, from } => {
                let place = from.place();
                let files = disk.files(place)?;
                let attempt = || format!("reading {path} in {place} of {}", file.display());
                report::stream(|mut out| extract::cat(&files, &path, &mut out)).with_context(attempt)
            }
            Self::Extract { path, dir, from } => {
                let place = from.place();
                let files = disk.files(place)?;
                let attempt = || format!("extracting {path} in {place} of {}", file.display());
                let left = extract::into(&files, &path, &dir).with_context(attempt)?;
                left.iter().for_each(|note| reporter.summary(format_args!("note: {note}")));
                Ok(())
            }
        }
    }
}
