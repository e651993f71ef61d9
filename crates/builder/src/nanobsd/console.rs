//! The serial console from boot2 to the kernel, at one speed: `/boot.config` and `/boot/loader.conf` (`cust_comconsole`).
//! The getty is set up by the rule `ttys`.

use anyhow::Result;
use rootfs::tree::{LayerId, Tree};

use super::generated::{only_generated, path};
use super::settings::Settings;

pub(super) fn apply(tree: &mut Tree, layer: LayerId, settings: &Settings) -> Result<()> {
    let speed = settings.console_speed;

    // boot2 reads /boot/config first, and /boot.config only if that does not exist (stand/i386/boot2/boot2.c).
    only_generated(tree, &path("boot/config")?, "remove it; boot2 would read it instead of /boot.config")?;
    let config = path("boot.config")?;
    only_generated(
        tree,
        &config,
        "set console.speed in the product definition; all stages of the boot use it",
    )?;
    tree.put_file(layer, &config, format!("-h -S{speed}\n").as_str(), 0o644)?;

    // The product's own settings follow and override these; files in /boot/loader.conf.d are read later still.
    let loader = path("boot/loader.conf")?;
    let own = tree.get(&loader).map(|_| tree.read_text(&loader)).transpose()?.unwrap_or_default();
    let text = loader_conf(speed) + &own;
    tree.put_file(layer, &loader, text.as_str(), 0o644)
}

/// `loader.conf` for an unattended unit: no menu, no screen, and a short delay in which a key stops the boot.
fn loader_conf(speed: u32) -> String {
    format!(
        "\
# The console is the serial port, at one rate from the boot manager to getty.
boot_serial=\"YES\"
console=\"comconsole\"
comconsole_speed=\"{speed}\"
# No menu: it redraws the screen of whoever logs the console. Any key stops the countdown.
autoboot_delay=\"3\"
beastie_disable=\"YES\"
# One kernel a slot; the slot before is the other slot.
kernels_autodetect=\"NO\"
# Neither can exist on a read-only root.
entropy_cache_load=\"NO\"
hostuuid_load=\"NO\"
"
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, settings, text, world};
    use super::*;

    #[test]
    fn all_stages_use_one_speed() {
        let mut tree = world();
        let layer = tree.layer("test");
        apply(&mut tree, layer, &Settings { console_speed: 9600, ..settings() }).unwrap();
        assert_eq!(text(&tree, "boot.config"), "-h -S9600\n");
        let loader = text(&tree, "boot/loader.conf");
        assert!(
            loader.contains("comconsole_speed=\"9600\"\n") && loader.contains("console=\"comconsole\"\n")
        );
    }

    #[test]
    fn the_products_loader_settings_take_precedence() {
        let mut tree = world();
        let layer = tree.layer("test");
        tree.put_file(layer, &at("boot/loader.conf"), "autoboot_delay=\"-1\"\n", 0o644).unwrap();
        apply(&mut tree, layer, &settings()).unwrap();
        let loader = text(&tree, "boot/loader.conf");
        assert!(loader.contains("autoboot_delay=\"3\"\n") && loader.ends_with("autoboot_delay=\"-1\"\n"));
    }

    #[test]
    fn a_file_that_boot2_prefers_is_refused() {
        let mut tree = world();
        let layer = tree.layer("test");
        tree.put_file(layer, &at("boot/config"), "-D\n", 0o644).unwrap();
        let error = apply(&mut tree, layer, &settings()).unwrap_err().to_string();
        assert!(error.contains("/boot/config") && error.contains("boot2"), "{error}");
    }
}
