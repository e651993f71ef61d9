//! The release file ([`firmware::release`]), which identifies the running system. `sluice status` reads it. `/etc/motd` is
//! not changed.

use anyhow::Result;
use firmware::release::RELEASE_FILE;
use rootfs::tree::{LayerId, Tree};

use super::generated::{only_generated, path};
use super::settings::Settings;

pub(super) fn apply(tree: &mut Tree, layer: LayerId, settings: &Settings) -> Result<()> {
    let release = path(RELEASE_FILE)?;
    only_generated(
        tree,
        &release,
        "remove it; its content comes from appliance.toml, the repository and the world",
    )?;
    let mut text = serde_json::to_string_pretty(&settings.release)?;
    text.push('\n');
    tree.put_file(layer, &release, text.as_str(), 0o444)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, settings, text, world};
    use super::*;

    #[test]
    fn the_facts_are_json_in_a_fixed_order() {
        let mut tree = world();
        let layer = tree.layer("test");
        apply(&mut tree, layer, &settings()).unwrap();
        assert_eq!(
            text(&tree, RELEASE_FILE),
            "{\n  \"product\": \"sluice\",\n  \"version\": \"1.4.0\",\n  \"board\": \"alix\",\n  \"commit\": \
             \"0123abc\",\n  \"world\": \"FreeBSD 13.2-RELEASE\",\n  \"config_version\": 1,\n  \"trial_deadline\": 900,\n  \
             \"key_epoch\": 2,\n  \"revoked_keys\": [\n    \"E7620F1842B4E81F\"\n  ],\n  \"lowers_floors\": [\n    \
             \"99.0.0\"\n  ]\n}\n"
        );
        let again = apply(&mut tree, layer, &settings()).unwrap_err().to_string();
        assert!(again.contains(&at(RELEASE_FILE).to_string()), "{again}");
    }
}
