//! What was built, as a list of what it holds: read back from an image or a card, from a specification, a manifest, or
//! the folder of a version.
//!
//! Of an image the files are what is really in them, and their content is hashed only when somebody asks for it; its
//! own specification only tells which layer brought a path. The folder of a version is taken by its record, and what that
//! does not tell by its image. Times, and where bytes lie in a file system, are not part of what is listed.

mod builds;
mod image;
mod manifest;
mod node;
mod release;
mod spec;

use anyhow::Result;

pub use builds::Builds;
pub use node::{LayerTotal, Layers, Node, Paths, UNKNOWN_LAYER, totals};
pub use release::Releases;

/// Facts by their names, in the order in which they are shown.
pub type Facts = Vec<(String, String)>;

/// What a build is known to be. What its source cannot tell is `None`.
#[derive(Debug)]
pub struct Built {
    /// What it is called in messages: a version, or the file.
    pub name: String,
    /// Where it was read, with the slot if there are two.
    pub source: String,
    /// The content of the slot.
    pub paths: Option<Paths>,
    /// What each layer has in it.
    pub layers: Option<Layers>,
    /// The facts of the manifest.
    pub manifest: Option<Facts>,
    /// What `/cfg` and `/data` of a card hold, as paths below these.
    pub writable: Option<Paths>,
    /// The slot of a card that `paths` are not of, where it has files.
    pub other_slot: Option<image::OtherSlot>,
    /// Which slot of a card `paths` and `slot` are of.
    pub number: u8,
    /// The facts of the card: what starts, and the slices.
    pub card: Option<Facts>,
    /// The facts of the slot that are no files: header, boot blocks, file system.
    pub slot: Option<Facts>,
    /// The facts of the update, for units to judge it by.
    pub update: Option<Facts>,
    /// The file system of the slot, in bytes.
    pub room: Option<Room>,
    contents: Option<image::Contents>,
}

/// How full a file system is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Room {
    /// In use, by files and by what describes them.
    pub used: u64,
    /// In all.
    pub size: u64,
}

impl Built {
    fn new(name: String, source: String) -> Self {
        Self {
            name,
            source,
            paths: None,
            layers: None,
            manifest: None,
            writable: None,
            other_slot: None,
            number: 1,
            card: None,
            slot: None,
            update: None,
            room: None,
            contents: None,
        }
    }

    /// A build by its specification `text`; `name` is for messages.
    ///
    /// # Errors
    /// It is no specification of a slot.
    pub fn specified(name: &str, text: &str) -> Result<Self> {
        let mut built = Self::new(name.to_owned(), name.to_owned());
        built.set_paths(spec::parse(name, text)?);
        Ok(built)
    }

    /// Takes `paths` as its content, and what the layers have from there if they are known.
    fn set_paths(&mut self, paths: Paths) {
        if paths.values().any(|node| node.layer.is_some()) || self.layers.is_none() {
            self.layers = Some(totals(&paths));
        }
        self.paths = Some(paths);
    }

    /// Counts `/cfg` and `/data` among the paths, each a layer.
    pub fn join_writable(&mut self) {
        let (Some(paths), Some(writable)) = (&mut self.paths, self.writable.take()) else { return };
        if let Some(layers) = &mut self.layers {
            layers.extend(totals(&writable));
        }
        paths.extend(writable);
    }

    /// Tells the digest of the other slot of a card among its facts.
    pub fn digest_other_slot(&mut self) {
        if let (Some(other), Some(card)) = (self.other_slot.take(), &mut self.card) {
            let digest = other.digest().unwrap_or_else(|error| format!("NONE: {error:#}"));
            card.push((format!("slice {} content", 3 - self.number), digest));
        }
    }

    /// Reads and hashes the content of those of `wanted` that are files and have no digest yet, in parallel.
    ///
    /// # Errors
    /// A file cannot be read: the path and the image are named.
    pub fn hash(&mut self, wanted: &[&str]) -> Result<()> {
        let (Some(paths), Some(contents)) = (&mut self.paths, &self.contents) else { return Ok(()) };
        let is_unknown = |path: &&str| paths.get(*path).is_some_and(|node| node.sha256.is_none());
        let wanted: Vec<&str> = wanted.iter().copied().filter(is_unknown).collect();
        for (path, digest) in contents.hash(&wanted)? {
            if let Some(node) = paths.get_mut(&path) {
                node.sha256 = Some(digest);
            }
        }
        Ok(())
    }
}
