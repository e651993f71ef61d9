//! The release facts, `/usr/share/sluice/release.json`: what the device says that it runs. The service reads them for
//! `sluice status`; `/etc/motd` stays the world's.

use anyhow::{Result, ensure};
use serde::Serialize;

use super::{LayerId, Settings, Tree, only_generated, path};

/// Where the facts are. Outside `/etc` on purpose: what is saved on `/cfg` must not outlive the slot that it describes.
const RELEASE: &str = "usr/share/sluice/release.json";

/// What an image is. No time is in it: the same inputs are the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Release {
    /// The product's name.
    pub product: String,
    /// The product's version.
    pub version: String,
    /// The board that it is built for.
    pub board: String,
    /// The commit of this repository.
    pub commit: String,
    /// The version of the world, as the world's provider calls it.
    pub world: String,
}

impl Release {
    /// Refuses an empty fact: a device that cannot say what it runs cannot be supported.
    pub(super) fn check(&self) -> Result<()> {
        for (name, value) in [
            ("product", &self.product),
            ("version", &self.version),
            ("board", &self.board),
            ("commit", &self.commit),
            ("world", &self.world),
        ] {
            ensure!(!value.trim().is_empty(), "the release's {name} is empty");
            ensure!(
                !value.contains(char::is_control),
                "the release's {name} holds a control character: `{}`",
                value.escape_debug()
            );
        }
        Ok(())
    }
}

pub(super) fn apply(tree: &mut Tree, layer: LayerId, settings: &Settings) -> Result<()> {
    let release = path(RELEASE)?;
    only_generated(tree, &release, "its facts come from appliance.toml, the repository and the world")?;
    let mut text = serde_json::to_string_pretty(&settings.release)?;
    text.push('\n');
    tree.put_file(layer, &release, text.as_str(), 0o444)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, settings, text, world};
    use super::*;

    #[test]
    fn the_facts_are_json_in_a_fixed_order() {
        let mut tree = world();
        let layer = tree.layer("test");
        apply(&mut tree, layer, &settings()).unwrap();
        assert_eq!(
            text(&tree, RELEASE),
            "{\n  \"product\": \"sluice\",\n  \"version\": \"1.4.0\",\n  \"board\": \"alix\",\n  \"commit\": \
             \"0123abc\",\n  \"world\": \"FreeBSD 13.2-RELEASE\"\n}\n"
        );
        let again = apply(&mut tree, layer, &settings()).unwrap_err().to_string();
        assert!(again.contains(&at(RELEASE).to_string()), "{again}");
    }
}
