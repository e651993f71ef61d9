//! `cargo xtask convert`: the configurations of NanoBSD's two well-known descriptions, as they are printed there, become
//! images that have all they ask for.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::mirror::{Mirror, Pack};
use crate::repository::{Repository, Run};

/// The complete configuration of the article on an ALIX; the closing brace of its function is missing.
const ALIX: &str = include_str!("convert/alix.conf");
/// The example of FreeBSD's documentation; the closing parenthesis of its function is missing.
const HANDBOOK: &str = include_str!("convert/handbook.conf");

/// Adds files that FreeBSD has and the miniature world does not, and that the two configurations change.
fn complete_the_world(repository: &Repository) {
    repository.write("overlay/etc/motd", "Welcome to FreeBSD!\n");
    repository.write("overlay/etc/ssh/sshd_config", "Port 22\n#PermitRootLogin no\n");
}

/// A configuration with its directory `Files`.
fn site(repository: &Repository, text: &str) -> PathBuf {
    repository.write("site/nano.conf", text);
    repository.write("site/Files/etc/ntp.conf", "server ntp.example.org\n");
    repository.write("site/Files/root/.ssh/authorized_keys", "ssh-ed25519 AAAA\n");
    repository.write("site/Files/root/updatep1", "NanoBSD's own\n");
    let site = repository.path().join("site");
    let keys = site.join("Files/root/.ssh/authorized_keys");
    fs::set_permissions(keys, Permissions::from_mode(0o600)).unwrap();
    site
}

fn convert(repository: &Repository, conf: &Path) -> Run {
    Run::of(&mut repository.xtask("convert", &[conf.to_str().unwrap(), "--output", "gw"]))
}

fn inspect(repository: &Repository, arguments: &[&str]) -> String {
    let image = repository.latest(".full.img");
    Run::of(&mut repository.xtask("inspect", &[&[image.to_str().unwrap()], arguments].concat())).success()
}

/// Checks what both have in common: serial console, root by ssh, files.
fn check_switches(repository: &Repository) {
    let cat = |path: &str| inspect(repository, &["cat", path]);
    assert_eq!(cat("/boot.config"), "-h -S38400 -n\n");
    assert!(cat("/boot/loader.conf").contains("console=\"comconsole\"\n"));
    let ttys = cat("/etc/ttys");
    assert!(ttys.lines().any(|line| line.starts_with("ttyu0") && line.contains("on secure")), "{ttys}");
    assert!(!ttys.lines().any(|line| line.starts_with("ttyv") && line.contains("on secure")), "{ttys}");
    assert_eq!(cat("/etc/ssh/sshd_config"), "Port 22\nPermitRootLogin yes\n");
    assert_eq!(cat("/etc/ntp.conf"), "server ntp.example.org\n");
    assert_ne!(cat("/root/updatep1"), "NanoBSD's own\n");
    let listed = inspect(repository, &["ls", "-l", "/root/.ssh"]);
    assert!(listed.starts_with("-rw-------    1     0     0 "), "{listed}");
}

#[test]
fn the_articles_configuration_of_an_alix_becomes_an_image_with_all_it_asks_for() {
    let Some(repository) = Repository::new() else { return };
    complete_the_world(&repository);
    let site = site(&repository, ALIX);
    let sudo = Pack::new("sudo", "1.9.13p3");
    let mut mirror = Mirror::new(repository.beside("mirror"));
    mirror.add(&sudo);
    mirror.publish(&[]);
    fs::create_dir(site.join("Pkg")).unwrap();
    fs::copy(mirror.archive(&sudo), site.join("Pkg/sudo-1.9.13p3.pkg")).unwrap();

    let said = convert(&repository, &site.join("nano.conf")).success();
    for part in [
        "line 2: `NANO_DRIVE`: `ad0` becomes `ada0`, the name of the card since FreeBSD 9\n",
        "lines 9-17: the function cust_embedded_setup is not closed: `}` is missing; it is read as ending with line 17\n",
        "line 16: `etc/motd`: FreeBSD 13 has /etc/motd.template and no /etc/motd\n",
        "line 24: cust_install_files: Files/root/updatep1 is left out: the product has its own\n",
        "line 26: cust_pkgng: the packages are in gw/pkglist\n    hint: add its lines to pkglist of the repository, then run `cargo xtask pkg lock`\n",
        "\nhook      hooks/customize.d/10-cust_embedded_setup\n",
    ] {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
    convert(&repository, &site.join("nano.conf")).refused(&["creating the directory gw: it is not empty"]);
    // The function is there as it was printed, but for its end.
    let hook =
        fs::read_to_string(repository.path().join("gw/hooks/customize.d/10-cust_embedded_setup")).unwrap();
    let body = ALIX.split("embedded systems\n").nth(1).unwrap().split("customize_cmd").next().unwrap();
    assert!(hook.contains(&body.replace('\u{a0}', " ")), "{hook}");

    // What the notes ask for.
    let packages = fs::read_to_string(repository.path().join("gw/pkglist")).unwrap();
    repository.write("pkglist", &packages);
    let config = repository.beside("packages.toml");
    fs::write(&config, format!("[packages]\nrepository = \"{}\"\n", mirror.path().display())).unwrap();
    let (config, cache) = (config.display().to_string(), repository.beside("cache").display().to_string());
    for what in ["lock", "fetch"] {
        Run::of(&mut repository.xtask("pkg", &[what, "-c", &config, "--cache", &cache])).success();
    }
    let image = |more: &[&str]| {
        let arguments = ["-c", "gw/product.toml", "-c", &config, "--package-cache", &cache];
        repository.image(&[&arguments, more].concat()).success()
    };
    image(&[]);

    let full = repository.latest(".full.img");
    assert!(full.file_name().unwrap().to_string_lossy().starts_with("alix-alix-"), "{}", full.display());
    let shown = inspect(&repository, &[]);
    assert!(shown.contains("image         full, 1981728 sectors (967.6 MiB)\n"), "{shown}");
    assert!(shown.contains("boots next    slot 1, else slot 2\n"), "{shown}");
    assert!(
        shown.contains("from sector 58464, ") && shown.contains(", C/H/S 29/0/1 to 503/31/63\n"),
        "{shown}"
    );
    check_switches(&repository);
    let cat = |path: &str| inspect(&repository, &["cat", path]);
    let loader = cat("/boot/loader.conf");
    assert!(loader.ends_with("\nautoboot_delay=\"4\"\nbeastie_disable=\"YES\"\n"), "{loader}");
    for etc in ["/etc", "/conf/base/etc"] {
        let fstab = cat(&format!("{etc}/fstab"));
        assert!(fstab.contains("/dev/ada0s3a /cfg ufs rw,noatime,noauto,"), "{fstab}");
        assert_eq!(cat(&format!("{etc}/motd")), "");
    }
    assert_eq!(cat("/usr/local/share/sudo/README"), "This is sudo.\n");
}

#[test]
fn the_example_of_freebsds_documentation_becomes_an_image_with_all_it_asks_for() {
    let Some(repository) = Repository::new() else { return };
    complete_the_world(&repository);
    let site = site(&repository, HANDBOOK);
    let said = convert(&repository, &site.join("nano.conf")).success();
    let part = "lines 3-5: the function cust_nobeastie is not closed: `)` is missing; it is read as ending with line 5\n";
    assert!(said.contains(part), "{said}");
    repository.image(&["-c", "gw/product.toml"]).success();
    let shown = inspect(&repository, &[]);
    assert!(shown.contains("image         full, 2001888 sectors (977.5 MiB)\n"), "{shown}");
    assert!(
        shown.contains("from sector 57456, ") && shown.contains(", C/H/S 57/0/1 to 1017/15/63\n"),
        "{shown}"
    );
    check_switches(&repository);
    let loader = inspect(&repository, &["cat", "/boot/loader.conf"]);
    assert!(loader.ends_with("\nbeastie_disable=\"YES\"\n"), "{loader}");
    assert_eq!(
        loader.matches("beastie_disable").count(),
        2,
        "the product's own and the function's: {loader}"
    );
}

#[test]
fn stages_folders_and_files_that_are_read_come_along() {
    let Some(repository) = Repository::new() else { return };
    repository.write(
        "site/nano.conf",
        "\
NANO_NAME=Branch_7
NANO_CFGDIR=cfg
NANO_RAM_ETCSIZE=20480
. common.conf
cust_early() { test ! -e etc/diskless; mkdir -p usr/local/etc; echo $NANO_NAME > usr/local/etc/name; }
early_customize_cmd cust_early
cust_late() ( test -h usr/local/etc; find etc/local | cpio -dump late; )
late_customize_cmd cust_late
",
    );
    repository.write(
        "site/common.conf",
        "\
GREETING='it'\\''s \"here\"'
cust_etc_size () (
	cd ${NANO_WORLDDIR}/conf
	echo 30000 > default/etc/md_size
	echo \"${GREETING}\" > base/greeting
)
customize_cmd cust_etc_size
",
    );
    repository.write("site/cfg/hosts", "::1 localhost\n");
    convert(&repository, &repository.path().join("site/nano.conf")).success();
    repository.image(&["-c", "gw/product.toml"]).success();
    let cat = |arguments: &[&str]| inspect(&repository, &[&["cat"], arguments].concat());
    assert_eq!(cat(&["/etc/local/name"]), "Branch_7\n");
    assert_eq!(cat(&["/late/etc/local/name"]), "Branch_7\n");
    assert_eq!(cat(&["/conf/default/etc/md_size"]), "30000\n");
    assert_eq!(cat(&["/conf/base/etc/md_size"]), "20480\n");
    assert_eq!(cat(&["/conf/base/greeting"]), "it's \"here\"\n");
    assert_eq!(cat(&["/hosts", "--cfg"]), "::1 localhost\n");
}

#[test]
fn a_real_world_gets_boot0_with_the_options_of_the_article() {
    let Some(world) = std::env::var_os("SLUICE_TEST_WORLD") else {
        let _ = writeln!(std::io::stderr(), "skipped: SLUICE_TEST_WORLD does not name a world");
        return;
    };
    let Some(repository) = Repository::new() else { return };
    let site = site(&repository, &ALIX.replace("NANO_ARCH", "NANO_BOOTLOADER=boot/boot0sio\nNANO_ARCH"));
    convert(&repository, &site.join("nano.conf")).success();
    let image = || {
        let arguments =
            ["--world", world.to_str().unwrap(), "--kernel", "ALIX-QEMU", "-c", "gw/product.toml"];
        repository.image(&arguments)
    };
    // As the notes say: FreeBSD 13 has no /etc/motd that could be removed.
    image().refused(&["running the hook gw/hooks/customize.d/10-cust_embedded_setup", "etc/motd"]);
    repository.write("overlay/etc/motd", "Welcome to FreeBSD!\n");
    image().success();
    let shown = inspect(&repository, &[]);
    let wanted =
        "boot code     FreeBSD's boot0: default slice 1, waits 2.0 s, menu of 1 and 2, nopacket, update\n";
    assert!(shown.contains(wanted), "{shown}");
    let sshd = inspect(&repository, &["cat", "/etc/ssh/sshd_config"]);
    assert!(sshd.lines().any(|line| line == "PermitRootLogin yes"), "{sshd}");
    assert!(!sshd.contains("#PermitRootLogin"), "{sshd}");
    let ttys = inspect(&repository, &["cat", "/etc/ttys"]);
    assert!(ttys.contains("\nttyu0\t\"/usr/libexec/getty 3wire.38400\""), "{ttys}");
    assert_eq!(inspect(&repository, &["cat", "/etc/motd"]), "");
}

#[test]
fn a_definition_that_a_build_refuses_is_reported_at_once() {
    let Some(repository) = Repository::new() else { return };
    repository.write("site/nano.conf", "NANO_IMAGES=3\n");
    let said = convert(&repository, &repository.path().join("site/nano.conf")).success();
    let part = "`cargo xtask image` will refuse product.toml until it is corrected: checking the product definition \
                (appliance/appliance.toml + product.toml): slices.slots: 3 slots\n    hint: a card has 1 or 2\n";
    assert!(said.contains(part), "{said}");
    repository.image(&["-c", "gw/product.toml"]).refused(&["slices.slots: 3 slots"]);
}

#[test]
fn hooks_get_the_slices_of_the_image_and_the_files_beside_the_configuration() {
    let Some(repository) = Repository::new() else { return };
    repository.write(
        "site/nano.conf",
        "\
NANO_NAME=gw
NANO_DRIVE=ad0
NANO_IMAGES=1
NANO_SLICE_CFG=s2
NANO_SLICE_DATA=s3
NANO_CODESIZE=262144
NANO_DATASIZE=-1
NANO_CFGDIR=${NANO_TOOLS}/cfg
add-app () (
	echo \"/dev/${NANO_DRIVE}${NANO_SLICE_DATA} /app ufs rw 2 2\" >> ${NANO_WORLDDIR}/etc/fstab
	cd $NANO_NAME/overlay
	find . -print | cpio -dump ${NANO_WORLDDIR}
)
customize_cmd add-app
customize_cmd cust_install_files
"
        .replace('\n', "\r\n")
        .as_str(),
    );
    repository.write("site/gw/overlay/usr/local/app/start", "#!/bin/sh\n");
    repository.write("site/cfg/hosts", "::1 localhost\n");
    repository.write("site/Files/var/priv/key", "secret\n");
    repository.write("site/cfg/ssh/ssh_host_ed25519_key", "-----BEGIN OPENSSH PRIVATE KEY-----\n");
    repository.write("site/cfg/.svn/entries", "12\n");
    let site = repository.path().join("site");
    std::os::unix::fs::symlink("../var/run/resolv.conf", site.join("cfg/resolv.conf")).unwrap();
    fs::set_permissions(site.join("Files/var/priv"), Permissions::from_mode(0o700)).unwrap();
    let key = site.join("cfg/ssh/ssh_host_ed25519_key");
    fs::set_permissions(key, Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(site.join("cfg/ssh"), Permissions::from_mode(0o700)).unwrap();
    let said = convert(&repository, &site.join("nano.conf")).success();
    for part in [
        "left out because files of version control are not copied: cfg/.svn\n",
        "line 5: `NANO_SLICE_DATA`: hooks get `s4` instead of `s3`\n",
        "line 4: `NANO_SLICE_CFG`: slice 3 is `/cfg`\n",
        "carriage returns at line ends are removed from nano.conf\n",
    ] {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
    let said = repository.image(&["-c", "gw/product.toml"]).success();
    assert!(!said.contains("is a private key"), "{said}");
    let cat = |arguments: &[&str]| inspect(&repository, &[&["cat"], arguments].concat());
    let fstab = cat(&["/etc/fstab"]);
    assert!(fstab.ends_with("\n/dev/ada0s4 /app ufs rw 2 2\n"), "{fstab}");
    assert_eq!(cat(&["/usr/local/app/start"]), "#!/bin/sh\n");
    assert_eq!(cat(&["/hosts", "--cfg"]), "::1 localhost\n");
    let listed = inspect(&repository, &["ls", "-l", "/", "--cfg"]);
    assert!(listed.contains("resolv.conf -> ../var/run/resolv.conf"), "{listed}");
    assert!(listed.lines().any(|line| line.starts_with("drwx------") && line.ends_with("ssh")), "{listed}");
    let listed = inspect(&repository, &["ls", "-l", "/ssh", "--cfg"]);
    assert!(listed.starts_with("-rw-------    1     0     0 "), "{listed}");
    let listed = inspect(&repository, &["ls", "-l", "/var"]);
    assert!(listed.lines().any(|line| line.starts_with("drwx------") && line.ends_with("priv")), "{listed}");
}
