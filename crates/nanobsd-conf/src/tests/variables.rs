//! Variables and their keys.

use std::fs;

use super::desk::{Desk, notes};
use crate::table;

#[test]
fn what_has_no_counterpart_or_another_value_is_reported() {
    insta::assert_snapshot!(
        notes(
            "\
NANO_NAME=My_Box
NANO_DRIVE=ad1
NANO_ARCH=amd64
NANO_MEDIASIZE=1g
NANO_IMAGES=3
NANO_BOOTLOADER=boot/grub
NANO_BOOT0CFG=\"-o packet,siosel -s 9\"
NANO_BOOT2CFG=-D
NANO_NEWFS='-b 4096 -f 512 -i 8192 -U -L root'
NANO_LABEL=gw
NANO_MD_BACKING=swap
NANO_HOLIDAY=easter
NANO_MODULES='if_vr netgraph'
CONF_WORLD='
WITHOUT_A=YES WITHOUT_B=YES
.include \"x\"
'
FlashDevice SanDisk
UsbDevice floppy 1000
NANO_CFGDIR=cfg
NANO_CUST_FILES_MTREE=files.mtree
NANO_PACKAGE_DIR=/nowhere/Pkg
NANO_PACKAGE_LIST='sudo-* -x'
customize_cmd cust_pkgng cust_nowhere
customize_cmd $(ls)
last_orders() { cp _.disk.full /home/ftp; }
cust_unused() { true; }
cust_twice() { true; }
cust_twice() { false; }
early_customize_cmd cust_twice
"
        ),
        @r#"
    Not carried over:
      line 3: `NANO_ARCH`: `amd64`: the product is for i386 only
      line 6: `NANO_BOOTLOADER`: `boot/grub` is not boot/boot0sio, boot/boot0 or boot/mbr; boot.code of appliance/appliance.toml is used
      hint: boot.code of product.toml chooses the boot manager
      line 7: `NANO_BOOT0CFG`: `-s 9` is not a slice from 1 to 4; boot.packet, boot.update, boot.default, boot.menu, boot.ticks of appliance/appliance.toml are used
      line 11: `NANO_MD_BACKING`: images are written as files; there is no md(4)
      line 12: `NANO_HOLIDAY`: nothing uses it here
      line 18: `FlashDevice SanDisk`: it needs two words, vendor and size
      line 19: `UsbDevice floppy 1000`: NanoBSD has generic, generic-hdd and generic-fdd, with a number of megabytes
      line 20: `NANO_CFGDIR`: DESK/site/cfg is not a directory here
      hint: copy it into the repository, and set slices.cfg_folder to its path
      line 21: `NANO_CUST_FILES_MTREE`: there are no files to install (DESK/site/files.mtree)
      line 22: `NANO_PACKAGE_DIR`: see `packages.repository`: a directory or a URL; images are built from the lock file and a cache: docs/packages.md
      line 24: `cust_nowhere`: neither the file nor NanoBSD has this function
      line 25: `customize_cmd $(ls)`: the value is the output of `ls`, and commands are not run
      line 26: the function last_orders: it replaces a step of NanoBSD's own build, which is not used here
      line 27: the function cust_unused: no registered function calls it
      line 28: the function cust_twice is defined again on line 29, which is used
    Carried over, needs a look:
      line 1: `NANO_NAME`: `My_Box` becomes `my-box`: a product name has 1 to 15 of a-z, 0-9 and `-`
      line 2: `NANO_DRIVE`: `ad1` becomes `ada1`, the name of the card since FreeBSD 9
      line 8: `NANO_BOOT2CFG`: `-D` is left out: /boot.config is `-h -S` and the rate of console.speed
      line 8: `NANO_BOOT2CFG`: it has no rate (`-S`), so console.speed of appliance.toml is used
      line 9: `NANO_NEWFS`: `-L root` of newfs(8) is left out: file systems are created without it
      line 13: `NANO_MODULES`: requires a kernel configuration without NO_MODULES, which kernel/ALIX has
      lines 14-17: `CONF_WORLD`: make(1) reads `WITHOUT_B=YES` as part of WITHOUT_A's value
      hint: write one option per line
      lines 14-17: `CONF_WORLD`: its line `.include "x"` is left out: it is not `NAME=value`
      line 24: cust_pkgng: `-x` is not the name of a package
      line 24: cust_pkgng: the packages are in gw/pkglist
      hint: add its lines to pkglist of the repository, then run `cargo xtask pkg lock`
      line 30: cust_twice: NanoBSD's early stage runs before the tree exists; here it runs on the tree
    General:
      `cargo xtask image` will refuse product.toml until it is corrected: slices.slots: 3 slots; a card has 1 or 2
    "#
    );
}

/// A value of each variable of docs/nanobsd.md.
fn sample(name: &str) -> &'static str {
    match name {
        "NANO_NAME" => "gw",
        "NANO_KERNEL" => "ALIX",
        "CONF_BUILD" | "CONF_INSTALL" | "CONF_WORLD" => "WITHOUT_X=YES",
        "NANO_CPUTYPE" | "TARGET_CPUTYPE" => "geode",
        "NANO_ARCH" | "TARGET" | "TARGET_ARCH" => "i386",
        "NANO_DRIVE" => "da0",
        "NANO_CFGDIR" => "cfg",
        "NANO_DATADIR" => "data",
        "NANO_NEWFS" => "-b 4096 -f 512 -i 8192 -U",
        "NANO_BOOTLOADER" => "boot/boot0",
        "NANO_BOOT0CFG" => "-o packet,update -s 1 -m 3 -t 36",
        "NANO_BOOT2CFG" => "-h -S9600",
        "NANO_CUST_FILES_MTREE" => "my.mtree",
        "NANO_PACKAGE_LIST" => "sudo-1.9.pkg",
        "NANO_TOOLS" => ".",
        "NANO_EARLY_CUSTOMIZE" | "NANO_CUSTOMIZE" | "NANO_LATE_CUSTOMIZE" => {
            "cust_mine cust_install_files cust_pkgng"
        }
        _ => "1",
    }
}

#[test]
fn every_variable_of_the_table_becomes_its_keys_or_is_reported() {
    let desk = Desk::new();
    for path in ["cfg/hosts", "data/index.html", "Files/etc/motd"] {
        desk.write(&format!("site/{path}"), "");
    }
    desk.write("site/my.mtree", "./etc/motd mode=0600\n");
    for row in table::all() {
        desk.write(
            "site/gw.conf",
            &format!(
                "cust_mine() {{ true; }}\ncustomize_cmd cust_install_files cust_pkgng\n{}='{}'\n",
                row.name,
                sample(row.name)
            ),
        );
        let converted = desk.convert().unwrap();
        let definition: toml::Table = toml::from_str(&desk.made("product.toml")).unwrap();
        let is_set = |key: &str| {
            let (section, key) = key.split_once('.').unwrap();
            definition.get(section).and_then(|section| section.get(key)).is_some()
        };
        let reported =
            converted.notes.iter().flat_map(|(_, lines)| lines).any(|line| line.contains(row.name));
        let carried = desk.made("NOTES.md").contains(&format!("line 3: `{}`: ", row.name));
        let mut keys =
            row.keys().filter(|key| *key != "customize.step" && *key != "overlay.rules").peekable();
        let says = format!("{}:\n{}", row.name, desk.made("NOTES.md"));
        if row.name == "NANO_PACKAGE_DIR" || keys.peek().is_none() {
            assert!(reported || carried, "{says}");
        } else {
            keys.for_each(|key| assert!(is_set(key), "{key} is not set: {says}"));
            assert!(carried, "{says}");
        }
        fs::remove_dir_all(desk.path("repository/gw")).unwrap();
    }
}

#[test]
fn a_value_that_is_not_a_number_is_reported_in_one_sentence() {
    for value in ["8G", "0x100000", "'\n8G'", "$(x)"] {
        let desk = Desk::new();
        desk.write("site/gw.conf", &format!("NANO_MEDIASIZE={value}\n"));
        let notes = desk.convert().unwrap().notes;
        let lines: Vec<String> = notes.into_iter().flat_map(|(_, lines)| lines).collect();
        let about: Vec<&String> = lines.iter().filter(|line| line.contains("NANO_MEDIASIZE")).collect();
        assert_eq!(about.len(), 1, "{about:?}");
        assert!(about[0].contains("; media.size of appliance/appliance.toml is used"), "{about:?}");
    }
}
