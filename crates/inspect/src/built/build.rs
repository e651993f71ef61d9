//! What is known about a build.

use anyhow::Result;
use serde::Serialize;

use super::contents::{Contents, OtherSlot};
use super::node::{Layers, Paths, totals};
use super::spec;

/// Properties by their names, in the order in which they are shown.
pub type Properties = Vec<(String, String)>;

/// What is known about a build. What its source does not have is `None`.
#[derive(Debug)]
pub struct Built {
    /// Its name: a version, or the file.
    pub name: String,
    /// Where it was read, with the slot if the source has two.
    pub source: String,
    /// The paths in the slot.
    pub paths: Option<Paths>,
    /// The size of each layer.
    pub layers: Option<Layers>,
    /// The fields of the manifest.
    pub manifest: Option<Properties>,
    /// The paths in `/cfg` and `/data` of a card, below these.
    pub writable: Option<Paths>,
    /// The slot of a card that `paths` do not describe, if it has files.
    pub other_slot: Option<OtherSlot>,
    /// The slot of a card that `paths` and `slot` describe.
    pub number: u8,
    /// The properties of the card: what boots, and the slices.
    pub card: Option<Properties>,
    /// The properties of the slot: header, boot blocks, file system.
    pub slot: Option<Properties>,
    /// The properties of the update, by which units accept or refuse it.
    pub update: Option<Properties>,
    /// How full the file system of the slot is.
    pub usage: Option<Usage>,
    pub(super) contents: Option<Contents>,
}

/// How full a file system is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Used by files and by the file system itself.
    pub used: u64,
    /// The whole file system.
    pub size: u64,
}

impl Built {
    pub(super) fn new(name: String, source: String) -> Self {
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
            usage: None,
            contents: None,
        }
    }

    /// Reads a build from its specification `text`; `name` is for messages.
    ///
    /// # Errors
    /// It is not the specification of a slot.
    pub fn specified(name: &str, text: &str) -> Result<Self> {
        let mut built = Self::new(name.to_owned(), name.to_owned());
        built.set_paths(spec::parse(name, text)?);
        Ok(built)
    }

    /// Sets its paths, and computes the layers from them if they are known there or nowhere else.
    pub(super) fn set_paths(&mut self, paths: Paths) {
        if paths.values().any(|node| node.layer.is_some()) || self.layers.is_none() {
            self.layers = Some(totals(&paths));
        }
        self.paths = Some(paths);
    }

    /// Adds `/cfg` and `/data` to the paths, each as a layer.
    pub fn join_writable(&mut self) {
        let (Some(paths), Some(writable)) = (&mut self.paths, self.writable.take()) else { return };
        if let Some(layers) = &mut self.layers {
            layers.extend(totals(&writable));
        }
        paths.extend(writable);
    }

    /// Adds the digest of the other slot to the properties of a card.
    pub fn digest_other_slot(&mut self) {
        if let (Some(other), Some(card)) = (self.other_slot.take(), &mut self.card) {
            let digest = other.digest().unwrap_or_else(|error| format!("UNREADABLE: {error:#}"));
            card.push((format!("slice {} content", 3 - self.number), digest));
        }
    }

    /// Hashes the files among `wanted` that have no digest yet, in parallel.
    ///
    /// # Errors
    /// A file cannot be read.
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
