//! The serial console from boot2 to the kernel, at one speed: `/boot.config` and `/boot/loader.conf` (`cust_comconsole`).
//! The getty is set up by the rule `ttys`.
//!
//! No key stops a boot, because nobody is at the console and a serial line can be noisy. An engineer chooses `p` in the boot
//! manager's menu: boot2 then reads [`BOOT_PROMPT`] instead, and its `-p` makes `local.lua` stop at the loader's prompt. No
//! key stops `/etc/rc` either: the program that becomes init(8) turns the signals of the console off until there is a getty.

use anyhow::Result;
use firmware::paths::{BOOT_CONFIG, BOOT_PROMPT, in_image};
use rootfs::tree::{LayerId, Tree};

use super::generated::{only_generated, path};
use super::settings::Settings;

const INIT: &str = include_str!("files/init");
const INIT_PATH: &str = "usr/libexec/sluice/init";

pub(super) fn apply(tree: &mut Tree, layer: LayerId, settings: &Settings) -> Result<()> {
    let speed = settings.console_speed;

    // boot2 reads /boot/config first, and /boot.config only if that does not exist (stand/i386/boot2/boot2.c).
    let preferred = path(in_image(BOOT_CONFIG))?;
    only_generated(tree, &preferred, "remove it; boot2 would read it instead of /boot.config")?;
    for (file, options) in [("boot.config", "-n"), (in_image(BOOT_PROMPT), "-p")] {
        let file = path(file)?;
        only_generated(
            tree,
            &file,
            "set console.speed in the product definition; all stages of the boot use it",
        )?;
        tree.put_file(layer, &file, format!("-h -S{speed} {options}\n").as_str(), 0o644)?;
    }

    let init = path(INIT_PATH)?;
    only_generated(tree, &init, "set init_path in /boot/loader.conf to start another program first")?;
    tree.put_file(layer, &init, INIT.replace("@CONSOLE@", settings.console).as_str(), 0o555)?;

    // The product's own settings follow and override these; files in /boot/loader.conf.d are read later still.
    let loader = path("boot/loader.conf")?;
    let own = tree.get(&loader).map(|_| tree.read_text(&loader)).transpose()?.unwrap_or_default();
    let text = loader_conf(speed) + &own;
    tree.put_file(layer, &loader, text.as_str(), 0o644)
}

/// `loader.conf` for an unattended unit: no menu, no screen, and no waiting for a key.
fn loader_conf(speed: u32) -> String {
    format!(
        "\
# The console is the serial port, at one rate from the boot manager to getty.
boot_serial=\"YES\"
console=\"comconsole\"
comconsole_speed=\"{speed}\"
# No menu: it redraws the screen of whoever logs the console. No countdown: line noise would stop it.
autoboot_delay=\"-1\"
beastie_disable=\"YES\"
# One kernel a slot; the slot before is the other slot.
kernels_autodetect=\"NO\"
# A panic restarts at once: a key pressed while it waits would stop it.
kern.panic_reboot_wait_time=\"0\"
# No character on the console interrupts the boot. What cannot be started is passed over.
init_path=\"/{INIT_PATH}:/sbin/init:/rescue/init\"
# Neither can exist on a read-only root.
entropy_cache_load=\"NO\"
hostuuid_load=\"NO\"
"
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, mode, settings, text, world};
    use super::*;

    #[test]
    fn all_stages_use_one_speed() {
        let mut tree = world();
        let layer = tree.layer("test");
        apply(&mut tree, layer, &Settings { console_speed: 9600, ..settings() }).unwrap();
        assert_eq!(text(&tree, "boot.config"), "-h -S9600 -n\n");
        assert_eq!(text(&tree, "boot/prompt"), "-h -S9600 -p\n");
        assert!(text(&tree, INIT_PATH).contains("/dev/ttyu0.init") && mode(&tree, INIT_PATH) == 0o555);
        let loader = text(&tree, "boot/loader.conf");
        assert!(
            loader.contains("comconsole_speed=\"9600\"\n") && loader.contains("console=\"comconsole\"\n")
        );
    }

    #[test]
    fn the_products_loader_settings_take_precedence() {
        let mut tree = world();
        let layer = tree.layer("test");
        tree.put_file(layer, &at("boot/loader.conf"), "autoboot_delay=\"3\"\n", 0o644).unwrap();
        apply(&mut tree, layer, &settings()).unwrap();
        let loader = text(&tree, "boot/loader.conf");
        assert!(loader.contains("autoboot_delay=\"-1\"\n") && loader.ends_with("autoboot_delay=\"3\"\n"));
    }

    #[test]
    fn a_file_that_boot2_prefers_is_refused() {
        for (file, reason) in
            [("boot/config", "boot2"), ("boot/prompt", "console.speed"), (INIT_PATH, "init_path")]
        {
            let mut tree = world();
            let layer = tree.layer("test");
            tree.put_file(layer, &at(file), "-D\n", 0o644).unwrap();
            let error = apply(&mut tree, layer, &settings()).unwrap_err().to_string();
            assert!(error.contains(file) && error.contains(reason), "{error}");
        }
    }
}
