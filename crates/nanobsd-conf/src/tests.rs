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
        ["NANO_WORLDDIR", "NANO_TOOLS", "NANO_OBJ", "NANO_NAME", "NANO_DRIVE", "NANO_LABEL"].contains(&name)
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
        Ok(Checked::default())
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
        if let Err(error) = desk.convert() {
            let message = format!("{error:#}");
            assert!(message.contains("gw.conf, line "), "{message}");
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
      line 3: `NANO_MEDIASIZE`: the value is the output of `expr 1014644736 / 512`, and commands are not run
      hint: see `media.size`
      line 4: `NANO_NAME`: `${1:-gw}` is not supported; only `${NAME}` is
      hint: see `product.name`: it also names the images
      line 5: `NANO_HEADS`: it depends on HEADS, which the file does not set
      hint: see `media.heads`
      line 6: `NANO_DRIVE`: it depends on DRIVE, which the file does not set
      hint: see `media.drive`: `ad0` is now called `ada0`
      lines 7-10: `if [ -n "$DEBUG" ]; then ...`: its effect depends on the machine that runs it; it may set NANO_KERNEL; it may register functions
      hint: set the right values in product.toml, and write the hooks of these functions by hand
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
      line 21: `. $(dirname $0)/common.conf`: the value is the output of `dirname $0`, and commands are not run
      line 22: `. lacks.conf`: lacks.conf is not in the directory of the file
      hint: put it there and convert again
      line 23: `.`: the name of the file is missing
      line 24: `eval NANO_HEADS=3`: commands are not run; it may set NANO_HEADS
      hint: set the right values in product.toml
      line 25: the function set_up: no registered function calls it
      line 26: `set_up`: it calls the function set_up, and commands are not run; it may set NANO_IMAGES; it may register functions
      hint: set the right values in product.toml, and write the hooks of these functions by hand
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
      line 6: `NANO_BOOTLOADER`: `boot/grub` is not boot/boot0sio, boot/boot0 or boot/mbr
      hint: boot.code of product.toml chooses the boot manager
      line 7: `NANO_BOOT0CFG`: `-s 9` is not a slice from 1 to 4
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
