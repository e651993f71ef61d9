//! The product definition as a whole.

use bsd_disk::units::Sectors;
use firmware::slot::Slot;

use super::raw::RawProduct;
use super::*;

fn refusal(text: &str) -> String {
    format!("{:#}", Product::check(toml::from_str(text).unwrap()).unwrap_err())
}

#[test]
fn an_empty_definition_is_nanobsd() {
    let product = Product::check(RawProduct::default()).unwrap();
    assert_eq!(product.layout.media, Sectors(2_000_000));
    assert_eq!((product.filesystem.block, product.filesystem.fragment), (4096, 512));
    assert_eq!((product.ram_etc, product.ram_tmpvar), (10_240, 10_240));
    assert_eq!(product.boot.menu, 0b11);
    assert_eq!((product.boot.code, product.boot.default_slot), (BootCode::Sluice, Slot::First));
}

#[test]
fn a_bad_value_names_its_key_and_what_it_may_be() {
    let mut said = String::new();
    for (text, key, hint) in [
        ("[media]\ndrive = \"ad0\"", "media.drive", "`ada0`"),
        ("[media]\ndrive = \"0\"", "media.drive", "ada0"),
        ("[media]\nlabel = \"fourteen-bytes\"", "media.label", "at most 13"),
        ("[media]\nlabel = \"a/b\"", "media.label", "`gateways1`"),
        ("[media]\ndevice = \"SanDisk\"", "media.device", "SanDisk 1G"),
        ("[media]\ndevice = \"SanDisk 9G\"", "media.device", "1g"),
        ("[overlay.rules.\"x\"]", "\"x\"", "starts with `/`"),
        ("[overlay.rules.\"/x\"]\nflags = \"sticky\"", "/x", "sticky"),
        ("[boot]\nmenu = []", "boot.menu", "1 to 4"),
        ("[boot]\nmenu = [5]", "boot.menu", "1 to 4"),
        ("[boot]\nticks = 0", "boot.ticks", "1/18.2"),
        ("[boot]\nwatchdog = 5", "boot.watchdog", "20 to 32767"),
        ("[filesystem]\nfragment = 256", "filesystem.fragment", "512"),
        ("[kernel]\nconfig = \"MY KERNEL\"", "kernel.config", "\"ALIX\""),
        ("[kernel]\noptions = [\"A B=1\"]", "kernel.options", "NAME=value"),
        ("[media]\nsize = 20000\n[slices]\ncode = 40000", "[media], [slices]", "sectors"),
        ("[media]\nsectors = 64", "[media], [slices]", "63"),
        ("[product]\nboard = \"\"", "product.board", "a-z"),
        ("[console]\nspeed = 1234", "console.speed", "38400"),
        ("[filesystem]\nblock = 5000", "filesystem.block", "power of two"),
        ("[slices]\nslots = 3", "slices.slots", "1 or 2"),
        ("[slices]\ncfg = 0", "slices.cfg", "2048"),
        ("[boot]\ncode = \"grub\"", "boot.code", "`boot0sio`"),
        ("[boot]\ncode = \"Sluice\"", "boot.code", "`sluice`"),
        ("[slices]\nslots = 1\n[boot]\ndefault = 2", "boot.default", "has 1"),
        ("[boot]\ndefault = 3", "boot.default", "2"),
        ("[slices]\nfill_second = false\n[boot]\ndefault = 2", "boot.default", "slices.fill_second"),
        ("[world]\noptions = [\"WITHOUT CLANG\"]", "world.options", "NAME=value"),
        ("[overlay.rules.\"/x\"]\nmode = \"9\"", "/x", "octal"),
        ("[overlay]\nfolders = [\"../x\"]", "overlay.folders", "repository"),
        ("[slices]\ncfg_folder = \"/etc\"", "slices.cfg_folder", "from the root"),
        ("[slices]\ndata_folder = \"data\"", "slices.data_folder", "slices.data"),
        (
            "[access]\nauthorized_keys = [\"/home/alice/.ssh/id_ed25519.pub\"]",
            "access.authorized_keys",
            "alice.pub",
        ),
        ("[access]\nauthorized_keys = [\"\"]", "access.authorized_keys", "from the root"),
        ("[packages]\nabi = \"FreeBSD:13:amd64\"", "packages.abi", "FreeBSD:13:i386"),
        ("[packages]\nsignature = \"gpg\"", "packages.signature", "fingerprints"),
        ("[packages]\nsignature = \"pubkey\"", "packages.signature", "packages.key"),
        ("[packages]\nsignature = \"fingerprints\"", "packages.signature", "packages.fingerprints"),
        ("[packages]\nkey = \"k.pem\"", "packages.key", "pubkey"),
        ("[packages]\nfingerprints = \"k\"", "packages.fingerprints", "`fingerprints` there"),
        ("[[packages.isa]]\npath = \"/x\"\nsymbol = \"f\"\nreason = \"r\"", "packages.isa", "without `/`"),
        ("[[packages.isa]]\npath = \"x\"\nsymbol = \"f\"\nreason = \" \"", "packages.isa", "a reason"),
        ("[packages]\nrepository = \"http://x\"", "packages.signature", "anyone on the way"),
        ("[product]\nname = \"My Box\"", "product.name", "a-z"),
        ("[product]\nversion = \"one\"", "product.version", "MAJOR.MINOR.PATCH"),
        ("[product]\nversion = \"1.02.3\"", "product.version", "MAJOR.MINOR.PATCH"),
        ("[update]\nconfig_version = 0", "update.config_version", "1"),
        ("[update]\ntrial_deadline = 30", "update.trial_deadline", "180"),
        ("[update]\nkey_epoch = 10000", "update.key_epoch", "9999"),
        ("[update]\nlowers_floors = [\"99\"]", "update.lowers_floors", "`99` is not a version"),
        (
            "[product]\nversion = \"1.2.3\"\n[update]\nlowers_floors = [\"1.2.3+g1\"]",
            "update.lowers_floors",
            "not above product.version",
        ),
        (
            "[update]\nlowers_floors = [\"1.0.0\", \"2.0.0\", \"3.0.0\", \"4.0.0\", \"5.0.0\", \"6.0.0\", \"7.0.0\", \"8.0.0\", \"9.0.0\"]",
            "update.lowers_floors",
            "at most 8",
        ),
        ("[update]\nminimum = \"1\"", "update.minimum", "MAJOR.MINOR.PATCH"),
        ("[product]\nversion = \"1.2.3\"\n[update]\nminimum = \"1.2.4\"", "update.minimum", "1.2.3"),
    ] {
        let message = refusal(text);
        assert!(message.contains(key) && message.contains(hint), "{text}: {message}");
        said += &format!("{}\n    {message}\n", text.replace('\n', " "));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn boot_code_is_ours_or_one_of_the_worlds() {
    for (name, code) in [
        ("sluice", BootCode::Sluice),
        ("boot0sio", BootCode::World(WorldCode::Boot0Sio)),
        ("boot0", BootCode::World(WorldCode::Boot0)),
        ("mbr", BootCode::World(WorldCode::Mbr)),
    ] {
        let text = format!("[boot]\ncode = \"{name}\"");
        assert_eq!(Product::check(toml::from_str(&text).unwrap()).unwrap().boot.code, code);
    }
}

#[test]
fn a_media_that_is_too_small_says_by_how_much() {
    let message = refusal("[media]\nsize = 20000\n[slices]\ncode = 40000");
    assert!(message.contains("[media]") && message.contains("sectors"), "{message}");
}

/// Row by row: the boot code, whether it uses LBA, the heads, and whether slot 2 can be relied on to start.
#[test]
fn a_second_slot_behind_the_last_cylinder_is_warned_of_unless_it_is_read_by_lba() {
    let card = "[media]\nsize = 8027712\nsectors = 63\n";
    for (code, packet, heads, is_warned) in [
        ("boot0", false, 16, true),
        ("boot0sio", false, 16, true),
        ("boot0sio", true, 16, false),
        ("boot0sio", false, 255, false),
        ("sluice", false, 16, true),
        ("sluice", true, 255, false),
        ("mbr", false, 16, false),
    ] {
        let text = format!("{card}heads = {heads}\n[boot]\ncode = \"{code}\"\npacket = {packet}\n");
        let warnings = Product::check(toml::from_str(&text).unwrap()).unwrap().warnings;
        let found = warnings.iter().any(|warning| warning.contains("slot 2 begins in cylinder 4"));
        assert_eq!(found, is_warned, "{code}, {packet}, {heads}: {warnings:?}");
        assert!(!is_warned || warnings[0].contains("\nhint: "), "{warnings:?}");
    }
}

/// What newfs(8) and `image` refuse.
#[test]
fn a_file_system_that_cannot_be_made_is_refused_with_the_definition() {
    for (block, fragment, reason) in [
        (65536, 4096, "a power of two from 8192"),
        (4096, 8192, "a power of two from 512 to the block size of 4096"),
    ] {
        let message = refusal(&format!("[filesystem]\nblock = {block}\nfragment = {fragment}\n"));
        assert!(message.contains("[filesystem]") && message.contains(reason), "{message}");
    }
    let message = refusal("[filesystem]\nbytes_per_inode = 0\n");
    assert!(message.contains("bytes per inode"), "{message}");
}
