use std::fs;

use anyhow::{bail, ensure};

use super::*;
use crate::statement::statements;
use crate::table;

/// A product definition.
const DEFINITION: &str = "[boot]\ncode = \"boot0sio\"\n[ram]\ntmpvar = 40960\n";

/// A product whose definition is [`DEFINITION`]. Its check refuses a part of what a build refuses.
struct Appliance;

impl Product for Appliance {
    fn definition(&self) -> &str {
        "appliance/appliance.toml"
    }

    fn sets_for_hooks(&self, name: &str) -> bool {
        let names = ["WORLDDIR", "TOOLS", "OBJ", "NAME", "DRIVE", "LABEL", "SLICE_CFG", "MEDIASIZE"];
        name.strip_prefix("NANO_").is_some_and(|name| names.contains(&name))
    }

    fn check(&self, file: &Path) -> Result<Checked> {
        let definition: toml::Table = toml::from_str(&fs::read_to_string(file)?)?;
        let slices = |key: &str| definition.get("slices").and_then(|slices| slices.get(key)).cloned();
        if let Some(slots) = slices("slots").and_then(|slots| slots.as_integer()) {
            ensure!((1..=2).contains(&slots), "slices.slots: {slots} slots; a card has 1 or 2");
        }
        if slices("data").is_some_and(|data| data.as_integer() == Some(-1)) {
            bail!("laying the slices out: the slots and /data both ask for all that is left");
        }
        if let Some(path) =
            slices("cfg_folder").filter(|path| path.as_str().is_some_and(|path| path.starts_with('/')))
        {
            bail!("slices.cfg_folder: {path} is not in the repository");
        }
        let drive =
            definition.get("media").and_then(|media| media.get("drive")).and_then(|drive| drive.as_str());
        let values = [
            ("NANO_SLICE_CFG", "s3"),
            ("NANO_DRIVE", drive.unwrap_or("ada0")),
            ("NANO_MEDIASIZE", "1981728"),
        ];
        let hook_variables = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Ok(Checked { hook_variables, ..Checked::default() })
    }
}

/// The directory of a configuration, and a repository.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.write("repository/appliance/appliance.toml", DEFINITION);
        desk
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn convert(&self) -> Result<Converted> {
        self.convert_to("repository/gw")
    }

    fn convert_to(&self, output: &str) -> Result<Converted> {
        let (file, output, root) = (self.path("site/gw.conf"), self.path(output), self.path("repository"));
        convert(&Request { file: &file, output: &output, root: &root, product: &Appliance })
    }

    /// A file of the output directory.
    fn made(&self, path: &str) -> String {
        fs::read_to_string(self.path("repository/gw").join(path)).unwrap()
    }

    /// The notes on `text` without those on variables that are not set.
    fn notes(&self, text: &str) -> String {
        self.write("site/gw.conf", text);
        let converted = self.convert().unwrap();
        let mut notes = String::new();
        for (heading, lines) in converted.notes {
            let lines: Vec<String> =
                lines.into_iter().filter(|line| !line.contains(" is not set: ")).collect();
            if !lines.is_empty() {
                notes += &format!("{heading}:\n  {}\n", lines.join("\n").replace('\n', "\n  "));
            }
        }
        notes.replace(&self.0.path().display().to_string(), "DESK")
    }

    fn refusal(&self) -> String {
        let error = format!("{:#}", self.convert().unwrap_err());
        error.replace(&self.0.path().display().to_string(), "DESK")
    }
}

fn notes(text: &str) -> String {
    Desk::new().notes(text)
}

proptest::proptest! {
    /// Whatever a file contains, it is refused, or each of its lines is in at most one statement.
    #[test]
    fn every_text_is_read_or_refused(text in pieces()) {
        if let Ok(statements) = statements(&text) {
            for pair in statements.windows(2) {
                assert!(pair[0].last <= pair[1].first, "{pair:?}");
            }
        }
        let desk = Desk::new();
        desk.write("site/gw.conf", &text);
        match desk.convert() {
            Ok(_) => {
                let notes = desk.made("NOTES.md");
                assert!(!notes.lines().any(|line| line.trim().is_empty() != line.is_empty() || line.trim() == "-"), "{notes}");
            }
            Err(error) => {
                let message = format!("{error:#}");
                assert!(message.contains("gw.conf, line "), "{message}");
            }
        }
    }
}

/// The parts of odd files, besides blanks.
const PIECES: &str = "a ü A= NANO_X= CONF_WORLD= ' \" ` $ ${ $( $(( A } ) )) ( () { \\ # ; ;; | && <<E > if then fi case in esac for \
                      do done customize_cmd FlashDevice . export unset 1 - / * NANO_BOOT0CFG='-o";

fn pieces() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::strategy::Strategy;
    let pieces: Vec<&str> =
        PIECES.split(' ').chain([" ", " ", " ", " ", "\t", "\n", "\n", "\nE\n", "() {\n"]).collect();
    proptest::collection::vec(proptest::sample::select(pieces), 0..60).prop_map(|pieces| pieces.concat())
}

#[test]
fn what_cannot_be_read_is_refused_with_its_line() {
    let desk = Desk::new();
    let mut said = vec![desk.refusal()];
    for text in [
        "NANO_DRIVE=\"ada0\nNANO_HEADS=16\n",
        "NANO_NAME=gw\nCONF_WORLD='\nWITHOUT_X=YES\n",
        "NANO_NAME=$(hostname\n",
        "NANO_NAME=`hostname\n",
        "NANO_NAME=${HOST\n",
        "cust_x() (\n\tcat > x << EOF\n\tEOF\n)\n",
        "\0\u{1}",
        ". other.conf\n",
        ". ./gw.conf\n",
        ". ../site/gw.conf\n",
    ] {
        desk.write("site/gw.conf", text);
        desk.write("site/other.conf", "A='\n");
        said.push(desk.refusal());
    }
    fs::remove_file(desk.path("site/gw.conf")).unwrap();
    fs::create_dir(desk.path("site/gw.conf")).unwrap();
    said.push(desk.refusal());
    fs::remove_dir(desk.path("site/gw.conf")).unwrap();
    desk.write("site/gw.conf", "");
    desk.write("repository/gw/mine", "");
    said.push(desk.refusal());
    fs::remove_dir_all(desk.path("repository/gw")).unwrap();
    desk.write("repository/gw", "");
    said.push(desk.refusal());
    insta::assert_snapshot!(said.join("\n"), @r#"
    reading the configuration DESK/site/gw.conf: No such file or directory (os error 2)
    reading the configuration DESK/site/gw.conf, line 1: unterminated quotation mark `"`
    hint: close it; `sh -n DESK/site/gw.conf` shows errors of this kind
    reading the configuration DESK/site/gw.conf, line 2: unterminated quotation mark `'`
    hint: close it; `sh -n DESK/site/gw.conf` shows errors of this kind
    reading the configuration DESK/site/gw.conf, line 1: unterminated substitution `$(`
    hint: close it; `sh -n DESK/site/gw.conf` shows errors of this kind
    reading the configuration DESK/site/gw.conf, line 1: unterminated backquote substitution
    hint: close it; `sh -n DESK/site/gw.conf` shows errors of this kind
    reading the configuration DESK/site/gw.conf, line 1: unterminated substitution `${`
    hint: close it; `sh -n DESK/site/gw.conf` shows errors of this kind
    reading the configuration DESK/site/gw.conf, line 2: unterminated here-document `EOF`
    hint: close it; `sh -n DESK/site/gw.conf` shows errors of this kind
    reading the configuration DESK/site/gw.conf: not a text file
    hint: give the path of a nanobsd.conf
    reading `. other.conf` on line 1: reading the configuration DESK/site/other.conf, line 1: unterminated quotation mark `'`
    hint: close it; `sh -n DESK/site/other.conf` shows errors of this kind
    reading `. ./gw.conf` on line 1: DESK/site/gw.conf is being read already, so reading would never end
    hint: remove the line
    reading `. ../site/gw.conf` on line 1: DESK/site/gw.conf is being read already, so reading would never end
    hint: remove the line
    reading the configuration DESK/site/gw.conf: Is a directory (os error 21)
    creating the directory DESK/repository/gw: it is not empty
    hint: remove it, or give another with --output
    creating the directory DESK/repository/gw: Not a directory (os error 20)
    "#);
    assert_eq!(default_output(Path::new("x/alix_dsk.conf")).unwrap(), Path::new("alix_dsk"));
    insta::assert_snapshot!(default_output(Path::new("/")).unwrap_err(), @"converting /: not a file");
}

#[test]
fn what_only_a_run_would_show_is_reported_with_its_line() {
    insta::assert_snapshot!(
        notes(
            "\
NANO_SRC=$(pwd)
NANO_OBJ=${NANO_SRC}/obj
NANO_MEDIASIZE=`expr 1014644736 / 512`
NANO_NAME=${1:-gw}
NANO_HEADS=$((HEADS * 2))
NANO_DRIVE=$DRIVE
if [ -n \"$DEBUG\" ]; then
	NANO_KERNEL=DEBUG
	customize_cmd cust_debug
fi
for name in a b; do NANO_NAME=$name; done
while read line; do echo; done < list
case $1 in x) NANO_IMAGES=1 ;; esac
[ -d /usr/src ] && NANO_SRC=/usr/src
echo building
NANO_LABEL=x echo y
: ${NANO_IMAGES:=1}
cat > x <<E
text
E
. $(dirname $0)/common.conf
. lacks.conf
.
eval NANO_HEADS=3
set_up() { NANO_IMAGES=1; customize_cmd cust_x; }
set_up
}
NANO_SECTS=63 & NANO_DATASIZE=-1
"
        ),
        @r#"
    Not carried over:
      line 1: `NANO_SRC`: the value is the output of `pwd`, and commands are not run
      hint: see `image --src DIR`: or `--world DIR`, `--sets DIR`: docs/sets.md
      line 2: `NANO_OBJ`: it depends on NANO_SRC, whose value is not known
      hint: objects are in cargo's target directory, one tree of them per source tree; `CARGO_TARGET_DIR` moves them
      line 3: `NANO_MEDIASIZE`: the value is the output of `expr 1014644736 / 512`, and commands are not run; media.size of appliance/appliance.toml is used
      hint: see `media.size`
      line 4: `NANO_NAME`: `${1:-gw}` is not supported; only `${NAME}` is; product.name of appliance/appliance.toml is used
      hint: see `product.name`: it also names the images
      line 5: `NANO_HEADS`: it depends on HEADS, which the file does not set; media.heads of appliance/appliance.toml is used
      hint: see `media.heads`
      line 6: `NANO_DRIVE`: it depends on DRIVE, which the file does not set; media.drive of appliance/appliance.toml is used
      hint: see `media.drive`: `ad0` is now called `ada0`
      lines 7-10: `if [ -n "$DEBUG" ]; then ...`: its effect depends on the machine that runs it; it may set NANO_KERNEL; it may register functions
      hint: set the right values in product.toml
      line 9: `customize_cmd cust_debug` is run only if `[ -n "$DEBUG" ]`
      hint: if it applies, move it out of there and convert again
      line 11: `for name in a b; do NANO_NAME=$name; done`: its effect depends on the machine that runs it; it may set NANO_NAME
      hint: set the right values in product.toml
      line 12: `while read line; do echo; done < list`: its effect depends on the machine that runs it
      line 13: `case $1 in x) NANO_IMAGES=1 ;; esac`: its effect depends on the machine that runs it; it may set NANO_IMAGES
      hint: set the right values in product.toml
      line 14: `[ -d /usr/src ] && NANO_SRC=/usr/src`: commands are not run; it may set NANO_SRC
      hint: set the right values in product.toml
      line 15: `echo building`: commands are not run
      line 16: `NANO_LABEL=x echo y`: commands are not run; it may set NANO_LABEL
      hint: set the right values in product.toml
      line 17: `: ${NANO_IMAGES:=1}`: commands are not run
      lines 18-20: `cat > x <<E ...`: commands are not run
      line 21: `. $(dirname $0)/common.conf`: common.conf is not in the directory of the file
      hint: put it there and convert again
      line 22: `. lacks.conf`: lacks.conf is not in the directory of the file
      hint: put it there and convert again
      line 23: `.`: the name of the file is missing
      line 24: `eval NANO_HEADS=3`: commands are not run; it may set NANO_HEADS
      hint: set the right values in product.toml
      line 25: the function set_up: no registered function calls it
      line 26: `set_up`: it calls the function set_up, and commands are not run; it may set NANO_IMAGES; it may register functions
      hint: set the right values in product.toml
      line 26: `customize_cmd cust_x` is run only in `set_up`
      hint: if it applies, move it out of there and convert again
      line 27: `}`: it closes a bracket or construct that is not open
    General:
      `cargo xtask image` will refuse product.toml until it is corrected: laying the slices out: the slots and /data both ask for all that is left
    "#
    );
}

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

#[test]
fn a_hook_that_cannot_do_what_the_function_did_is_reported() {
    let desk = Desk::new();
    let text = "\
KEY=`cat key`
SERVER='it''s'
cust_first () (
	pw -R ${NANO_WORLDDIR} useradd $USER
	tgt_touch etc/x
	pprint 2 \"$SERVER ${KEY} $NANO_OBJ $NANO_PMAKE $NANO_LABEL\"
	helper
)
helper() { stat -f %z /dev/ad0; }
NANO_PMAKE='make -j 3'
customize_cmd cust_first
late_customize_cmd helper
";
    insta::assert_snapshot!(desk.notes(text), @r"
    Carried over, needs a look:
      line 1: the hook of cust_first needs KEY: the value is the output of `cat key`, and commands are not run
      hint: set it in the hook
      lines 3-8: cust_first uses USER, which nothing sets
      line 4: hooks have no `pw`
      hint: accounts come from the overlay or from packages
      line 9: `/dev/ad0`: since FreeBSD 9 the card is /dev/ada0
      line 9: `stat -f`: the option has another meaning on other systems than FreeBSD
    ");
    insta::assert_snapshot!(desk.made("hooks/customize.d/10-cust_first"), @r#"
    #!/bin/sh
    # `cust_first` of gw.conf, lines 3-8.
    set -e
    pprint () { shift; echo "$*"; }
    tgt_touch () ( cd "${NANO_WORLDDIR}" && touch "$@" )
    KEY=${KEY:?set it in this hook: see line 1 of gw.conf}
    NANO_PMAKE='make -j 3'
    SERVER='its'

    helper() { stat -f %z /dev/ad0; }

    cust_first () (
    	pw -R ${NANO_WORLDDIR} useradd $USER
    	tgt_touch etc/x
    	pprint 2 "$SERVER ${KEY} $NANO_OBJ $NANO_PMAKE $NANO_LABEL"
    	helper
    )

    cust_first
    "#);
    assert!(desk.made("hooks/late.d/10-helper").ends_with("helper() { stat -f %z /dev/ad0; }\n\nhelper\n"));
}

#[test]
fn an_unterminated_function_is_closed_and_reported_with_its_lines() {
    let desk = Desk::new();
    let text = include_str!("../../../xtask/tests/stories/convert/handbook.functions.conf");
    insta::assert_snapshot!(desk.notes(text), @r"
    Carried over, needs a look:
      lines 1-2: the function cust_foo is not closed: `)` is missing; it is read as ending with line 2
      lines 1-2: the last command of cust_foo is incomplete
      hint: complete it in the hook
      lines 5-7: the function cust_etc_size is not closed: `)` is missing; it is read as ending with line 7
    ");
    insta::assert_snapshot!(desk.made("hooks/customize.d/20-cust_etc_size"), @r"
    #!/bin/sh
    # `cust_etc_size` of gw.conf, lines 5-7.
    set -e

    cust_etc_size () (
    	cd ${NANO_WORLDDIR}/conf
    	echo 30000 > default/etc/md_size
    )

    cust_etc_size
    ");
}

#[test]
fn files_that_are_read_count_as_if_they_were_in_the_file() {
    let desk = Desk::new();
    desk.write(
        "site/common.conf",
        "NANO_HEADS=$HEADS\ncust_x() { true; }\n. more/deep.conf\ncustomize_cmd cust_x\n",
    );
    desk.write("site/more/deep.conf", "NANO_SECTS=63\nNANO_HOLIDAY=x\n. beside.conf\n");
    desk.write("site/beside.conf", "NANO_IMAGES=1\n");
    insta::assert_snapshot!(desk.notes("HEADS=32\n. common.conf\nNANO_SECTS=$((NANO_SECTS - 31))\n"), @r"
    Not carried over:
      more/deep.conf, line 2: `NANO_HOLIDAY`: nothing uses it here
    ");
    insta::assert_snapshot!(desk.made("product.toml"), @r#"
    # Converted from gw.conf. Build it with `cargo xtask image -c gw/product.toml`.
    # Keys that are not here are as in appliance.toml. NOTES.md lists what became of each line.

    [media]
    sectors = 32 # NANO_SECTS, line 3
    heads = 32 # NANO_HEADS, common.conf, line 1

    [slices]
    slots = 1 # NANO_IMAGES, beside.conf, line 1

    [customize]
    comconsole = true
    allow_ssh_root = false
    install_files = ""
    pkgng = false
    hooks = ["gw/hooks"]
    "#);
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
fn no_line_is_lost() {
    for text in [
        include_str!("../../../xtask/tests/stories/convert/alix.conf"),
        include_str!("../../../xtask/tests/stories/convert/handbook.conf"),
        include_str!("../../../xtask/tests/stories/convert/handbook.functions.conf"),
        "set -e\nA=1; B=$A\nexport A C=2\nunset B\nNANO_NAME=x\nNANO_NAME=y\nUsbDevice generic 1000\nFlashDevice x 1\n\
         NANO_CUSTOMIZE='a b'\nNANO_CUSTOMIZE=\"$NANO_CUSTOMIZE c\"\nif x\nthen y; fi\nD=`x`\n",
    ] {
        let desk = Desk::new();
        desk.write("site/gw.conf", text);
        let (file, output, root) = (desk.path("site/gw.conf"), desk.path("gw"), desk.path("repository"));
        let read = read(
            &Request { file: &file, output: &output, root: &root, product: &Appliance },
            "gw".to_owned(),
        )
        .unwrap();
        for (index, line) in text.lines().enumerate() {
            let is_nothing = line.trim().is_empty() || line.starts_with('#');
            assert!(
                is_nothing || read.report.knows(0, index + 1),
                "line {}: {line}\n{:#?}",
                index + 1,
                read.report
            );
        }
    }
}

#[test]
fn files_beside_the_configuration_come_along() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    for path in [
        "Files/root/updatep1",
        "Files/root/.git/config",
        "Files/etc/key file",
        "Pkg/sudo-1.9.13p3.pkg",
        "cfg/run",
    ] {
        desk.write(&format!("site/{path}"), "x\n");
    }
    desk.write("repository/overlay/root/updatep1", "ours\n");
    fs::create_dir_all(desk.path("site/Files/var/spool")).unwrap();
    for (path, mode) in [("Files/etc/key file", 0o600), ("cfg/run", 0o700)] {
        fs::set_permissions(desk.path("site").join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let text = "NANO_CFGDIR=cfg\ncustomize_cmd cust_install_files cust_pkgng\n";
    insta::assert_snapshot!(desk.notes(text), @r"
    Carried over, needs a look:
      line 1: `NANO_CFGDIR`: cfg/run has mode 0700; in the image it has 0755 if it is executable and 0644 otherwise
      line 2: cust_install_files: Files/root/updatep1 is left out: the product has its own
      line 2: cust_pkgng: the packages are in gw/pkglist
      hint: add its lines to pkglist of the repository, then run `cargo xtask pkg lock`
    ");
    assert_eq!(desk.made("files.mtree"), "./etc/key\\040file mode=0600\n");
    assert_eq!(desk.made("pkglist"), "# Packages of gw.conf.\nsudo\n");
    assert_eq!(
        (desk.made("Files/var/spool/.gitkeep"), desk.made("cfg/run")),
        (String::new(), "x\n".to_owned())
    );
    insta::assert_snapshot!(desk.made("product.toml"), @r#"
    # Converted from gw.conf. Build it with `cargo xtask image -c gw/product.toml`.
    # Keys that are not here are as in appliance.toml. NOTES.md lists what became of each line.

    [slices]
    cfg_folder = "gw/cfg" # NANO_CFGDIR, line 1

    [customize]
    comconsole = true
    allow_ssh_root = false
    install_files = "gw/Files"
    files_mtree = "gw/files.mtree" # modes that git does not keep
    pkgng = true
    hooks = []
    "#);

    fs::remove_dir_all(desk.path("repository/gw")).unwrap();
    desk.write("site/tree.mtree", "/set type=file\n./etc mode=rwx\n");
    insta::assert_snapshot!(desk.notes(&format!("NANO_CUST_FILES_MTREE=tree.mtree\n{text}")), @r"
    Carried over, needs a look:
      line 1: `NANO_CUST_FILES_MTREE`: reading METALOG files.mtree, line 2: mode `rwx` of /etc is not octal
      hint: write one path per line, as `mtree -C` does
      line 2: `NANO_CFGDIR`: cfg/run has mode 0700; in the image it has 0755 if it is executable and 0644 otherwise
      line 3: cust_install_files: Files/root/updatep1 is left out: the product has its own
      line 3: cust_pkgng: the packages are in gw/pkglist
      hint: add its lines to pkglist of the repository, then run `cargo xtask pkg lock`
    ");
    fs::remove_dir_all(desk.path("repository/gw")).unwrap();
    fs::remove_dir_all(desk.path("site/Files")).unwrap();
    insta::assert_snapshot!(desk.notes("NANO_CUST_FILES_MTREE=tree.mtree\ncustomize_cmd cust_install_files\n"), @r#"
    Not carried over:
      line 1: `NANO_CUST_FILES_MTREE`: there are no files to install (DESK/site/tree.mtree)
    Carried over, needs a look:
      line 2: cust_install_files: there is no directory Files beside the file. NanoBSD's own scripts for /root are part of the product
      hint: to install other files, copy them to gw/Files and set `install_files = "gw/Files"`
    "#);
}

#[test]
fn a_directory_outside_of_the_repository_is_reported() {
    let desk = Desk::new();
    desk.write("site/gw.conf", "NANO_CFGDIR=cfg\n");
    desk.write("site/cfg/hosts", "");
    let converted = desk.convert_to("gw").unwrap();
    let (heading, lines) = converted.notes.last().unwrap();
    let lines: Vec<&str> =
        lines.iter().map(String::as_str).filter(|line| !line.contains(" is not set: ")).collect();
    let said = lines.join("\n").replace(&desk.0.path().display().to_string(), "DESK");
    insta::assert_snapshot!(format!("{heading}:\n{said}"), @r#"
    General:
    DESK/gw is outside of the repository, so product.toml and the manifest contain its absolute path
    hint: to let others build the same, move it into the repository and correct the paths in product.toml
    `cargo xtask image` will refuse product.toml until it is corrected: slices.cfg_folder: "DESK/gw/cfg" is not in the repository
    "#);
}

/// Runs the hook `path` with a tree and NANO_TOOLS as a build does; returns what it printed.
fn run(desk: &Desk, path: &str) -> String {
    let gw = desk.path("repository/gw");
    fs::create_dir_all(desk.path("tree")).unwrap();
    let output = std::process::Command::new("/bin/sh")
        .arg(gw.join("hooks").join(path))
        .current_dir(desk.path("tree"))
        .env("NANO_WORLDDIR", desk.path("tree"))
        .env("NANO_TOOLS", &gw)
        .env("NANO_DRIVE", "ada0")
        .env("NANO_SLICE_CFG", "s3")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn hooks_get_the_values_that_hold_here_and_notes_say_so() {
    let desk = Desk::new();
    let text = "\
NANO_DRIVE=ad0
NANO_MEDIASIZE=8G
NANO_SLICE_CFG=s2
NANO_SLICE_DATA=s3
NANO_DATASIZE=40960
APP=/dev/${NANO_DRIVE}${NANO_SLICE_DATA}
EARLY=/dev/$NANO_DRIVE
cust_fstab() {
	echo \"/dev/${NANO_DRIVE}${NANO_SLICE_DATA} /app ufs rw 2 2\"
	echo \"$APP $EARLY $NANO_SLICE_CFG $NANO_ALTROOT ${NANO_PARTITION_ROOT} $NANO_SLICE_ROOT\"
	echo \"/dev/ad0s3 ${NANO_MEDIASIZE}\"
}
customize_cmd cust_fstab
";
    insta::assert_snapshot!(desk.notes(text), @r"
    Not carried over:
      line 2: `NANO_MEDIASIZE`: `8G` is not a number of 512-byte sectors; media.size of appliance/appliance.toml is used
      line 3: `NANO_SLICE_CFG`: slice 3 is `/cfg`
      line 4: `NANO_SLICE_DATA`: slice 4 is `/data`
    Carried over, needs a look:
      line 1: `NANO_DRIVE`: `ad0` becomes `ada0`, the name of the card since FreeBSD 9
      line 1: `NANO_DRIVE`: hooks get `ada0` instead of `ad0`
      line 2: `NANO_MEDIASIZE`: hooks get `1981728` instead of `8G`
      line 3: `NANO_SLICE_CFG`: hooks get `s3` instead of `s2`
      line 4: `NANO_SLICE_DATA`: hooks get `s4` instead of `s3`
      line 11: `/dev/ad0`: since FreeBSD 9 the card is /dev/ada0
      line 11: `/dev/ad0s3` is another slice here
      hint: use /dev/ada0s4
    ");
    assert_eq!(
        run(&desk, "customize.d/10-cust_fstab"),
        "/dev/ada0s4 /app ufs rw 2 2\n/dev/ada0s4 /dev/ada0 s3 s2a a s1\n/dev/ad0s3 \n"
    );
    // A value that is taken before the variable is set again.
    fs::remove_dir_all(desk.path("repository/gw")).unwrap();
    desk.notes(
        "NANO_DRIVE=da7\nA=$NANO_DRIVE\nNANO_DRIVE=da0\ncust_x() { echo $A; }\ncustomize_cmd cust_x\n",
    );
    assert_eq!(run(&desk, "customize.d/10-cust_x"), "da7\n");
}

#[test]
fn volume_names_become_labels_in_notes() {
    let desk = Desk::new();
    desk.write("site/Files/root/save", "#!/bin/sh\nmount /dev/ufs/gws3 /cfg\n# /dev/ufs/gws3\n");
    desk.write("site/Files/etc/fstab", "/dev/ufs/data /data ufs rw 2 2\n/dev/label/gws3 /cfg ufs rw 2 2\n");
    let text = "\
NANO_LABEL=gw
NANO_DATASIZE=20480
cust_x() {
	echo \"/dev/ufs/${NANO_LABEL}s4 /data ufs rw 2 2\" >> ${NANO_WORLDDIR}/etc/fstab
	echo /dev/ufs/${NANO_LABEL}${NANO_SLICE_ROOT}a $DATA
}
DATA=/dev/ufs/gws4
customize_cmd cust_x cust_install_files
NANO_DRIVE=ufs/gw
";
    insta::assert_snapshot!(desk.notes(text), @r"
    Not carried over:
      line 9: `NANO_DRIVE`: `ufs/gw` is a label, not a disk; media.drive of appliance/appliance.toml is used
      hint: with media.label, the slices are found by their labels
    Carried over, needs a look:
      line 4: `/dev/ufs/${NANO_LABEL}s4`: file systems of the image have no volume names; their slices have GEOM labels
      hint: use /dev/label/gws4
      line 5: `/dev/ufs/${NANO_LABEL}${NANO_SLICE_ROOT}a`: file systems of the image have no volume names; their slices have GEOM labels
      hint: use /dev/label/gws1a
      line 7: `/dev/ufs/gws4`: file systems of the image have no volume names; their slices have GEOM labels
      hint: use /dev/label/gws4
    General:
      registered after a function but applied before all hooks: cust_install_files (line 8)
      Files/etc/fstab, line 1: `/dev/ufs/data`: file systems of the image have no volume names; their slices have GEOM labels
      hint: set media.label of product.toml, and use /dev/label/NAMEs3 for /cfg and /dev/label/NAMEs4 for /data
      Files/root/save, line 2: `/dev/ufs/gws3`: file systems of the image have no volume names; their slices have GEOM labels
      hint: use /dev/label/gws3
    ");
}

#[test]
fn carriage_returns_are_removed_with_one_note() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    desk.write("site/common.conf", "NANO_HEADS=32\r\n");
    desk.write("site/Files/root/save", "#!/bin/sh\r\necho saved\r\n");
    desk.write("site/Files/etc/rc.conf", "a=b\r\n");
    desk.write("site/Files/etc/logo", "a\0b\r\n");
    desk.write("site/lib/greet", "greet() {\r\n\techo hello\r\n}\r\n");
    desk.write("site/lib/data", "a\r\n");
    fs::set_permissions(desk.path("site/Files/root/save"), fs::Permissions::from_mode(0o755)).unwrap();
    let text = "NANO_NAME=gw\n. common.conf\ncust_x() (\n\techo a\\\n b\n\tcat << E\nit is\nE\n\t. ${NANO_TOOLS}/lib/greet\n\tgreet\n\tcat lib/data\n)\ncustomize_cmd cust_x \
                cust_install_files\nCONF_WORLD='\nWITHOUT_A=\n'\n";
    insta::assert_snapshot!(desk.notes(&text.replace('\n', "\r\n")), @r"
    General:
      carriage returns at line ends are removed from gw.conf, common.conf, hooks/site/lib/greet, Files/root/save
      registered after a function but applied before all hooks: cust_install_files (line 13)
      lines end with carriage returns in hooks/site/lib/data, Files/etc/rc.conf
      hint: remove them if the unit does not expect them
    ");
    assert_eq!(run(&desk, "customize.d/10-cust_x"), "a b\nit is\nhello\na\r\n");
    for (path, text, mode) in [
        ("Files/root/save", "#!/bin/sh\necho saved\n", 0o755),
        ("Files/etc/rc.conf", "a=b\r\n", 0o644),
        ("Files/etc/logo", "a\0b\r\n", 0o644),
    ] {
        assert_eq!(desk.made(path), text, "{path}");
        let made = fs::metadata(desk.path("repository/gw").join(path)).unwrap();
        assert_eq!(made.permissions().mode() & 0o777, mode, "{path}");
    }
    assert!(!desk.made("product.toml").contains('\r') && !desk.made("NOTES.md").contains('\r'));
}

#[test]
fn modes_of_directories_and_links_are_kept() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let desk = Desk::new();
    for path in ["Files/etc/priv/key", "Files/spool/x", "Files/usual/x", "cfg/ssh/key"] {
        desk.write(&format!("site/{path}"), "");
    }
    for (path, mode) in
        [("Files/etc/priv", 0o700), ("Files/spool", 0o1777), ("Files/usual", 0o775), ("cfg/ssh", 0o700)]
    {
        fs::set_permissions(desk.path("site").join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    for (target, path) in [
        ("/usr/share/zoneinfo/Europe/Berlin", "cfg/localtime"),
        ("../var/run/resolv.conf", "cfg/resolv.conf"),
        ("ssh", "cfg/directory"),
        ("../../outside", "Files/etc/leaves"),
        ("/nowhere", "Files/etc/absolute"),
    ] {
        symlink(target, desk.path("site").join(path)).unwrap();
    }
    let text = "NANO_CFGDIR=cfg\ncustomize_cmd cust_install_files\n";
    insta::assert_snapshot!(desk.notes(text), @r"
    Carried over, needs a look:
      line 1: `NANO_CFGDIR`: cfg/ssh has mode 0700; in the image it has 0755
    General:
      Files/etc/leaves is a link that leads out of Files, as it does in NanoBSD
    ");
    assert_eq!(desk.made("files.mtree"), "./etc/priv mode=0700\n./spool mode=1777\n");
    for (target, path) in [
        ("/usr/share/zoneinfo/Europe/Berlin", "cfg/localtime"),
        ("../var/run/resolv.conf", "cfg/resolv.conf"),
        ("ssh", "cfg/directory"),
        ("/nowhere", "Files/etc/absolute"),
    ] {
        let made = fs::read_link(desk.path("repository/gw").join(path)).unwrap();
        assert_eq!(made, Path::new(target), "{path}");
    }
}

#[test]
fn a_function_has_a_name_that_every_shell_accepts() {
    let desk = Desk::new();
    let text = "\
add_foo-bar () { helper.1; x=$(2nd); echo \"$x add_foo-bar\"; }
helper.1 () { echo helped; }
2nd() { echo second; }
add_foo_bar() { true; }
customize_cmd add_foo-bar
";
    insta::assert_snapshot!(desk.notes(text), @r"
    Not carried over:
      line 4: the function add_foo_bar: no registered function calls it
    Carried over, needs a look:
      line 1: the function add_foo-bar is named add_foo_bar_ in its hook: on other systems than FreeBSD, the name of a function has only letters, digits and `_`
      line 2: the function helper.1 is named helper_1 in its hook: on other systems than FreeBSD, the name of a function has only letters, digits and `_`
      line 3: the function 2nd is named _2nd in its hook: on other systems than FreeBSD, the name of a function has only letters, digits and `_`
    ");
    assert_eq!(run(&desk, "customize.d/10-add_foo-bar"), "helped\nsecond add_foo-bar\n");
}

#[test]
fn echo_is_freebsds() {
    let desk = Desk::new();
    desk.notes("cust_x() { echo 'a\\tb'; echo -e 'a\\tb'; echo -n x; }\ncustomize_cmd cust_x\n");
    assert_eq!(run(&desk, "customize.d/10-cust_x"), "a\\tb\na\tb\nx");
}

#[test]
fn files_that_functions_read_come_along() {
    let desk = Desk::new();
    for path in [
        "site/My_Box/overlay/etc/x",
        "rsc/y",
        "rsc/z",
        "site/tools/w",
        "site/list",
        "site/set/a.conf",
        "site/deep/v",
    ] {
        desk.write(path, &format!("{path}\n"));
    }
    fs::create_dir_all(desk.path("site/My_Box/overlay/empty")).unwrap();
    let text = "\
NANO_NAME=My_Box
RSC=../rsc
TOOLS=$(pwd)/tools
cust_overlay() (
	cd $NANO_NAME/overlay
	find . -name x -exec cat {} +
	cat ../../list
)
cust_files() {
	local deep=${NANO_TOOLS}/deep
	cat ../rsc/y
	cp $RSC/z ${NANO_WORLDDIR}/z && cat ${NANO_WORLDDIR}/z
	cat ${TOOLS}/w < list
	for f in a; do cat ${NANO_SRC}/${NANO_TOOLS}/set/$f.conf; done
	cat \"$deep/v\"
	cd ${NANO_WORLDDIR} && mkdir -p etc && touch etc/list && cat z
}
customize_cmd cust_overlay cust_files
";
    insta::assert_snapshot!(desk.notes(text), @r"
    Carried over, needs a look:
      line 1: `NANO_NAME`: `My_Box` becomes `my-box`: a product name has 1 to 15 of a-z, 0-9 and `-`
    ");
    assert_eq!(run(&desk, "customize.d/10-cust_overlay"), "site/My_Box/overlay/etc/x\nsite/list\n");
    assert_eq!(
        run(&desk, "customize.d/20-cust_files"),
        "rsc/y\nrsc/z\nsite/tools/w\nsite/set/a.conf\nsite/deep/v\nrsc/z\n"
    );
    assert!(desk.path("repository/gw/hooks/site/site/My_Box/overlay/empty").is_dir());
}

#[test]
fn files_that_functions_do_not_find_are_reported() {
    let desk = Desk::new();
    let text = "\
cust_x() {
	cp /usr/share/misc/termcap ${NANO_WORLDDIR}/etc
	cp rsc/x ${NANO_WORLDDIR}
	(cd ../overlay; cat y)
	cat ${NANO_TOOLS}/Files/z
	sed -e 's/a/b/' /etc/rc.conf > /etc/x
	tar cf - . | true
	echo /etc/motd > /tmp/x 2> /dev/null
	cd ${NANO_WORLDDIR}
	cat etc/passwd
	ln -s /cfg/x etc/y
	. $(dirname $0)/Files/z
	sed -i '' -e '/x/d' etc/z
}
customize_cmd cust_x
";
    insta::assert_snapshot!(desk.notes(text), @r"
    Carried over, needs a look:
      line 2: `/usr/share/misc/termcap` is a path of the build host
      hint: for a file of the image, write `${NANO_WORLDDIR}/usr/share/misc/termcap`; put other files beside the configuration
      line 3: `rsc/x`: rsc/x does not exist beside the configuration, where nanobsd.sh is started
      hint: put it there and convert again
      line 4: `../overlay`: ../overlay does not exist beside the configuration, where nanobsd.sh is started
      hint: put it there and convert again
      line 5: `${NANO_TOOLS}/Files/z`: Files/z does not exist beside the configuration, where nanobsd.sh is started
      hint: put it there and convert again
      line 6: `/etc/rc.conf` is a path of the build host
      hint: for a file of the image, write `${NANO_WORLDDIR}/etc/rc.conf`; put other files beside the configuration
      line 6: `/etc/x` is a path of the build host
      hint: for a file of the image, write `${NANO_WORLDDIR}/etc/x`; put other files beside the configuration
      line 7: `.` is the directory of the configuration, which is not copied as a whole
      hint: copy the files that the hook needs
      line 8: `etc/motd`: FreeBSD 13 has /etc/motd.template and no /etc/motd
      line 12: `$(dirname $0)/Files/z`: Files/z does not exist beside the configuration, where nanobsd.sh is started
      hint: put it there and convert again
      line 12: `$0` is the hook, not nanobsd.sh
      hint: write `${NANO_TOOLS}` for the directory
    ");
}

#[test]
fn functions_under_a_condition_are_reported_with_it() {
    insta::assert_snapshot!(
        notes(
            "\
if [ -n \"$DEBUG\" ]; then
	cust_debug() { true; }
	customize_cmd cust_debug
else
	late_customize_cmd cust_release
fi
[ -d x ] && customize_cmd cust_x
cust_release() { true; }
cust_x() { true; }
customize_cmd cust_debug
set_up() { customize_cmd cust_x; }
set_up now
"
        ),
        @r#"
    Not carried over:
      lines 1-6: `if [ -n "$DEBUG" ]; then ...`: its effect depends on the machine that runs it; it may register functions
      line 2: the function cust_debug is defined only if `[ -n "$DEBUG" ]`
      line 3: `customize_cmd cust_debug` is run only if `[ -n "$DEBUG" ]`
      hint: if it applies, move it out of there and convert again
      line 5: `late_customize_cmd cust_release` is run only if not `[ -n "$DEBUG" ]`
      hint: if it applies, move it out of there and convert again
      line 7: `[ -d x ] && customize_cmd cust_x`: commands are not run; it may register functions
      line 7: `customize_cmd cust_x` is run only if `[ -d x ]`
      hint: if it applies, move it out of there and convert again
      line 8: the function cust_release: no registered function calls it
      line 9: the function cust_x: no registered function calls it
      line 10: `cust_debug`: the function is defined only if `[ -n "$DEBUG" ]` (line 2)
      hint: if it applies, move it out of there and convert again
      line 11: the function set_up: no registered function calls it
      line 12: `set_up now`: it calls the function set_up, and commands are not run; it may register functions
      line 12: `customize_cmd cust_x` is run only in `set_up now`
      hint: if it applies, move it out of there and convert again
    "#
    );
}

#[test]
fn a_configuration_that_sets_nothing_is_reported() {
    for text in ["", "# NANO_NAME=gw\n", "FOO=bar\nf() { true; }\n", "echo x\n"] {
        let notes = notes(text);
        assert!(
            notes.contains("gw.conf sets no variable of NanoBSD and registers no function"),
            "{text}: {notes}"
        );
    }
    for text in
        ["NANO_HEADS=16\n", "customize_cmd cust_comconsole\n", "FlashDevice SanDisk 1G\n", "CONF_WORLD=\n"]
    {
        assert!(!notes(text).contains("sets no variable"), "{text}");
    }
}

#[test]
fn paths_from_nanobsds_directory_are_found_beside_the_configuration() {
    for tools in [
        "",
        "NANO_TOOLS=$(pwd)\n",
        "NANO_TOOLS=`pwd`\n",
        "NANO_TOOLS=/usr/src/tools/tools/nanobsd\n",
        "NANO_TOOLS=.\n",
    ] {
        let desk = Desk::new();
        for path in ["cfg/hosts", "data/index.html", "Files/etc/motd", "Pkg/sudo-1.9.pkg", "common.conf"] {
            desk.write(&format!("site/{path}"), "");
        }
        desk.write("site/common.conf", "NANO_HEADS=32\n");
        desk.write("site/my.mtree", "./etc/motd mode=0600\n");
        let text = format!(
            "{tools}NANO_CFGDIR=${{NANO_TOOLS}}/cfg\nNANO_DATADIR=/usr/src/tools/tools/nanobsd/data\n. \"${{NANO_TOOLS}}/common.conf\"\n\
             NANO_CUST_FILES_MTREE=${{NANO_TOOLS}}/my.mtree\nNANO_PACKAGE_DIR=${{NANO_SRC}}/${{NANO_TOOLS}}/Pkg\n\
             customize_cmd cust_install_files cust_pkgng\n"
        );
        let notes = desk.notes(&text);
        for path in ["cfg/hosts", "data/index.html", "files.mtree", "pkglist", "Files/etc/motd"] {
            assert!(desk.path("repository/gw").join(path).is_file(), "{path}: {text}{notes}");
        }
        assert!(desk.made("product.toml").contains("heads = 32"), "{text}{notes}");
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

#[test]
fn paths_with_blanks_are_quoted_in_commands() {
    let desk = Desk::new();
    desk.write("site/gw.conf", "NANO_NAME=gw\n");
    desk.convert_to("repository/my gw").unwrap();
    let product = fs::read_to_string(desk.path("repository/my gw/product.toml")).unwrap();
    assert!(product.contains("`cargo xtask image -c 'my gw/product.toml'`"), "{product}");
}
