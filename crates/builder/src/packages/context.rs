//! What packages are installed into: the other layers of the image, and the world's version.

use anyhow::{Context, Result};
use rootfs::tree::{Attributes, Content, EntryKind, Layer, TreePath};

/// The layers below and above the packages, and facts about the world.
#[derive(Clone, Copy, Debug)]
pub struct InstallContext<'a> {
    /// World, kernel and services.
    pub below: &'a [Layer],
    /// The overlay.
    pub above: &'a [Layer],
    /// The version of the world: `13.2-RELEASE`.
    pub world: &'a str,
    /// The time of the commit, in seconds since 1970.
    pub time: i64,
}

impl<'a> InstallContext<'a> {
    /// Content and attributes of the file at `path`, from the last layer that has one.
    pub(super) fn file(&self, path: &TreePath) -> Option<(&'a Content, &'a Attributes)> {
        let layers = self.below.iter().chain(self.above);
        let mut entries = layers.flat_map(|layer| &layer.entries).filter(|entry| entry.path == *path);
        entries.next_back().and_then(|entry| match &entry.kind {
            EntryKind::File(content) => Some((content, &entry.attributes)),
            _ => None,
        })
    }

    /// Text and attributes of the file at `path`.
    pub(super) fn text(&self, path: &TreePath) -> Result<(String, Attributes)> {
        let (content, attributes) = self
            .file(path)
            .with_context(|| format!("the packages need accounts, but no layer has {path}"))?;
        let text = String::from_utf8(content.read()?).with_context(|| format!("reading {path}"))?;
        Ok((text, attributes.clone()))
    }
}
