use std::fs;

use super::*;

/// Text as it is in a repository that says nothing but NanoBSD's names.
const DEFINITION: &str = "[boot]\ncode = \"boot0sio\"\n[ram]\ntmpvar = 40960\n";

/// Converted files, and a repository that they are for.
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
        convert(&Request { file: &file, output: &output, root: &root })
    }

    /// A file of the new folder.
    fn made(&self, path: &str) -> String {
        fs::read_to_string(self.path("repository/gw").join(path)).unwrap()
    }

    /// What has to be looked at in `text`, but for what is not set in it.
    fn notes(&self, text: &str) -> String {
        self.write("site/gw.conf", text);
        let converted = self.convert().unwrap();
        let mut notes = String::new();
        for (heading, lines) in converted.notes {
            let lines: Vec<String> =
                lines.into_iter().filter(|line| !line.contains(" is not set: ")).collect();
            if !lines.is_empty() {
                notes += &format!("{heading}:\n  {}\n", lines.join("\n  "));
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
    /// Whatever is in a file: it is refused, or each of its lines is in one statement at most, in order.
    #[test]
    fn no_text_is_too_odd(text in pieces()) {
        if let Ok(statements) = statement::statements(&text) {
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

/// Of what odd files are made, beside blanks.
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
    reading the configuration DESK/site/gw.conf, line 1: a quotation mark `"` begins here and does not end; close it (`sh -n DESK/site/gw.conf` must say nothing)
    reading the configuration DESK/site/gw.conf, line 2: a quotation mark `'` begins here and does not end; close it (`sh -n DESK/site/gw.conf` must say nothing)
    reading the configuration DESK/site/gw.conf, line 1: a substitution `$(` begins here and does not end; close it (`sh -n DESK/site/gw.conf` must say nothing)
    reading the configuration DESK/site/gw.conf, line 1: a substitution that begins with a backquote begins here and does not end; close it (`sh -n DESK/site/gw.conf` must say nothing)
    reading the configuration DESK/site/gw.conf, line 1: a substitution `${` begins here and does not end; close it (`sh -n DESK/site/gw.conf` must say nothing)
    reading the configuration DESK/site/gw.conf, line 2: the here-document `EOF` begins here and does not end; close it (`sh -n DESK/site/gw.conf` must say nothing)
    reading the configuration DESK/site/gw.conf: it is no text; give a nanobsd.conf
    reading `. other.conf` on line 1: reading the configuration DESK/site/other.conf, line 1: a quotation mark `'` begins here and does not end; close it (`sh -n DESK/site/other.conf` must say nothing)
    reading `. ./gw.conf` on line 1: DESK/site/gw.conf is being read already, so it would never end; take the line out
    reading `. ../site/gw.conf` on line 1: DESK/site/gw.conf is being read already, so it would never end; take the line out
    reading the configuration DESK/site/gw.conf: Is a directory (os error 21)
    making the folder DESK/repository/gw: it has something in it, which would be lost; remove it, or name another with --output
    making the folder DESK/repository/gw: Not a directory (os error 20)
    "#);
    assert_eq!(default_output(Path::new("x/alix_dsk.conf")).unwrap(), Path::new("alix_dsk"));
    insta::assert_snapshot!(default_output(Path::new("/")).unwrap_err(), @"converting /: it is no file");
}

#[test]
fn what_only_running_it_would_tell_is_told_with_its_line() {
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
      line 1: `NANO_SRC`: it is what the command `pwd` prints, and nothing is run; see `image --src DIR`: or `--world DIR`, `--sets DIR`: docs/sets.md
      line 2: `NANO_OBJ`: it takes NANO_SRC, whose value is not known; objects are in cargo's target directory, one tree of them per source tree; `CARGO_TARGET_DIR` moves them
      line 3: `NANO_MEDIASIZE`: it is what the command `expr 1014644736 / 512` prints, and nothing is run; see `media.size`
      line 4: `NANO_NAME`: `${1:-gw}` is not understood: only `${NAME}` is; see `product.name`: it also names the images
      line 5: `NANO_HEADS`: it takes HEADS, which the file does not set; see `media.heads`
      line 6: `NANO_DRIVE`: it takes DRIVE, which the file does not set; see `media.drive`: `ad0` is now called `ada0`
      lines 7-10: `if [ -n "$DEBUG" ]; then ...`: what it does depends on the machine that runs it; it may set NANO_KERNEL, so say the right value in product.toml; it may register functions, whose hooks are then missing
      line 11: `for name in a b; do NANO_NAME=$name; done`: what it does depends on the machine that runs it; it may set NANO_NAME, so say the right value in product.toml
      line 12: `while read line; do echo; done < list`: what it does depends on the machine that runs it
      line 13: `case $1 in x) NANO_IMAGES=1 ;; esac`: what it does depends on the machine that runs it; it may set NANO_IMAGES, so say the right value in product.toml
      line 14: `[ -d /usr/src ] && NANO_SRC=/usr/src`: it is a command, which is not run; it may set NANO_SRC, so say the right value in product.toml
      line 15: `echo building`: it is a command, which is not run
      line 16: `NANO_LABEL=x echo y`: it is a command, which is not run; it may set NANO_LABEL, so say the right value in product.toml
      line 17: `: ${NANO_IMAGES:=1}`: it is a command, which is not run
      lines 18-20: `cat > x <<E ...`: it is a command, which is not run
      line 21: `. $(dirname $0)/common.conf`: it is what the command `dirname $0` prints, and nothing is run
      line 22: `. lacks.conf`: there is no lacks.conf beside the file; put it there and convert again
      line 23: `.`: it names no file
      line 24: `eval NANO_HEADS=3`: it is a command, which is not run; it may set NANO_HEADS, so say the right value in product.toml
      line 25: the function set_up: nothing that is registered calls it
      line 26: `set_up`: it calls the function set_up, and nothing is run; it may set NANO_IMAGES, so say the right value in product.toml; it may register functions, whose hooks are then missing
      line 27: `}`: it closes what is not open
    Besides:
      `cargo xtask image` will refuse product.toml until it is corrected: checking the product definition (appliance/appliance.toml + product.toml): laying the slices out ([media], [slices]): planning the disk: the slots and /data both ask for all that is left; give one of the two a size
    "#
    );
}

#[test]
fn what_has_no_place_or_another_value_is_told() {
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
      line 3: `NANO_ARCH`: `amd64`: the product is for i386 and nothing else
      line 6: `NANO_BOOTLOADER`: `boot/grub` is none of boot/boot0sio, boot/boot0 and boot/mbr; the boot manager is that of boot.code
      line 7: `NANO_BOOT0CFG`: `-s 9` is no slice from 1 to 4
      line 11: `NANO_MD_BACKING`: images are written as files; there is no md(4)
      line 12: `NANO_HOLIDAY`: nothing here uses it
      line 18: `FlashDevice SanDisk`: it takes two words, vendor and size
      line 19: `UsbDevice floppy 1000`: NanoBSD knows generic, generic-hdd and generic-fdd, with a number of megabytes
      line 20: `NANO_CFGDIR`: DESK/site/cfg is no folder here; copy it into the repository and name it in slices.cfg_folder
      line 21: `NANO_CUST_FILES_MTREE`: there are no files to install (DESK/site/files.mtree)
      line 22: `NANO_PACKAGE_DIR`: see `packages.repository`: a directory or a URL; images are built from the lock file and a cache: docs/packages.md
      line 24: `cust_nowhere`: the function is neither in the file nor NanoBSD's own
      line 25: `customize_cmd $(ls)`: it is what the command `ls` prints, and nothing is run
      line 26: the function last_orders: it takes the place of a step of NanoBSD's own build, which is another here
      line 27: the function cust_unused: nothing that is registered calls it
      line 28: the function cust_twice is defined again on line 29, which holds
    Carried over, but look:
      line 1: `NANO_NAME`: `My_Box` becomes `my-box`: a product's name is 1 to 15 of a-z, 0-9 and `-`
      line 2: `NANO_DRIVE`: `ad1` becomes `ada1`: so the card is called since FreeBSD 9
      line 8: `NANO_BOOT2CFG`: `-D` is left out: /boot.config is `-h -S` with the rate of console.speed
      line 8: `NANO_BOOT2CFG`: it names no rate (`-S`), so console.speed of appliance.toml holds
      line 9: `NANO_NEWFS`: `-L root` of newfs(8) is left out: file systems are made without it
      line 13: `NANO_MODULES`: it needs a kernel configuration without the NO_MODULES that kernel/ALIX has
      lines 14-17: `CONF_WORLD`: make(1) takes `WITHOUT_B=YES` as a part of WITHOUT_A's value: write one option a line
      lines 14-17: `CONF_WORLD`: its line `.include "x"` is left out: it is no `NAME=value`
      line 24: cust_pkgng: `-x` names no package
      line 24: cust_pkgng: add the lines of gw/pkglist to pkglist of the repository, then `cargo xtask pkg lock`
      line 30: cust_twice: NanoBSD's early stage comes before there is a tree; here it sees the tree
    Besides:
      `cargo xtask image` will refuse product.toml until it is corrected: checking the product definition (appliance/appliance.toml + product.toml): slices.slots: 3 slots; a card has 1 or 2
    "#
    );
}

#[test]
fn a_hook_that_cannot_do_what_the_function_did_is_told() {
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
    Carried over, but look:
      line 1: the hook of cust_first needs KEY: set it there (it is what the command `cat key` prints, and nothing is run)
      lines 3-8: cust_first takes USER, which nothing sets: hooks are not told it
      line 4: hooks have no `pw`: accounts come from the overlay or from packages
      line 9: `/dev/ad0`: since FreeBSD 9 the card is /dev/ada0
      line 9: `stat -f`: it is another option on hosts other than FreeBSD
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
fn a_function_without_an_end_gets_one_and_is_told_with_its_lines() {
    let desk = Desk::new();
    let text = include_str!("../../../xtask/tests/stories/convert/handbook.functions.conf");
    insta::assert_snapshot!(desk.notes(text), @r"
    Carried over, but look:
      lines 1-2: the function cust_foo does not end: `)` is missing; it is taken to end with line 2
      lines 1-2: the last command of cust_foo is cut off: complete it in the hook
      lines 5-7: the function cust_etc_size does not end: `)` is missing; it is taken to end with line 7
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
fn files_that_are_read_count_as_if_they_stood_there() {
    let desk = Desk::new();
    desk.write(
        "site/common.conf",
        "NANO_HEADS=$HEADS\ncust_x() { true; }\n. more/deep.conf\ncustomize_cmd cust_x\n",
    );
    desk.write("site/more/deep.conf", "NANO_SECTS=63\nNANO_HOLIDAY=x\n. beside.conf\n");
    desk.write("site/beside.conf", "NANO_IMAGES=1\n");
    insta::assert_snapshot!(desk.notes("HEADS=32\n. common.conf\nNANO_SECTS=$((NANO_SECTS - 31))\n"), @r"
    Not carried over:
      more/deep.conf, line 2: `NANO_HOLIDAY`: nothing here uses it
    ");
    insta::assert_snapshot!(desk.made("product.toml"), @r#"
    # gw.conf, converted: `cargo xtask image -c gw/product.toml`.
    # What is not here is as in appliance.toml; NOTES.md says what became of each line.

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
fn every_variable_of_the_table_becomes_its_keys_or_is_told() {
    let desk = Desk::new();
    for path in ["cfg/hosts", "data/index.html", "Files/etc/motd"] {
        desk.write(&format!("site/{path}"), "");
    }
    desk.write("site/my.mtree", "./etc/motd mode=0600\n");
    for lever in levers::all() {
        desk.write(
            "site/gw.conf",
            &format!(
                "cust_mine() {{ true; }}\ncustomize_cmd cust_install_files cust_pkgng\n{}='{}'\n",
                lever.name,
                sample(lever.name)
            ),
        );
        let converted = desk.convert().unwrap();
        let definition: toml::Table = toml::from_str(&desk.made("product.toml")).unwrap();
        let is_set = |key: &str| {
            let (section, key) = key.split_once('.').unwrap();
            definition.get(section).and_then(|section| section.get(key)).is_some()
        };
        let told = converted.notes.iter().flat_map(|(_, lines)| lines).any(|line| line.contains(lever.name));
        let carried = desk.made("NOTES.md").contains(&format!("line 3: `{}`: ", lever.name));
        let mut keys =
            lever.keys().filter(|key| *key != "customize.step" && *key != "overlay.rules").peekable();
        let says = format!("{}:\n{}", lever.name, desk.made("NOTES.md"));
        if lever.name == "NANO_PACKAGE_DIR" || keys.peek().is_none() {
            assert!(told || carried, "{says}");
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
        let read = read(&Request { file: &file, output: &output, root: &root }, "gw".to_owned()).unwrap();
        for (index, line) in text.lines().enumerate() {
            let is_nothing = line.trim().is_empty() || line.starts_with('#');
            assert!(
                is_nothing || read.ledger.knows(0, index + 1),
                "line {}: {line}\n{:#?}",
                index + 1,
                read.ledger
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
    Carried over, but look:
      line 1: `NANO_CFGDIR`: cfg/run has mode 0700; the image gives files 0644, or 0755 with the run bit
      line 2: cust_install_files: Files/root/updatep1 is left out: the product has its own
      line 2: cust_pkgng: add the lines of gw/pkglist to pkglist of the repository, then `cargo xtask pkg lock`
    ");
    assert_eq!(desk.made("files.mtree"), "./etc/key\\040file mode=0600\n");
    assert_eq!(desk.made("pkglist"), "# Packages of gw.conf.\nsudo\n");
    assert_eq!(
        (desk.made("Files/var/spool/.gitkeep"), desk.made("cfg/run")),
        (String::new(), "x\n".to_owned())
    );
    insta::assert_snapshot!(desk.made("product.toml"), @r#"
    # gw.conf, converted: `cargo xtask image -c gw/product.toml`.
    # What is not here is as in appliance.toml; NOTES.md says what became of each line.

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
    Carried over, but look:
      line 1: `NANO_CUST_FILES_MTREE`: `mtree -C` writes it as it is read here, a path a line: reading METALOG files.mtree, line 2: mode `rwx` of /etc is not octal
      line 2: `NANO_CFGDIR`: cfg/run has mode 0700; the image gives files 0644, or 0755 with the run bit
      line 3: cust_install_files: Files/root/updatep1 is left out: the product has its own
      line 3: cust_pkgng: add the lines of gw/pkglist to pkglist of the repository, then `cargo xtask pkg lock`
    ");
    fs::remove_dir_all(desk.path("repository/gw")).unwrap();
    fs::remove_dir_all(desk.path("site/Files")).unwrap();
    insta::assert_snapshot!(desk.notes("NANO_CUST_FILES_MTREE=tree.mtree\ncustomize_cmd cust_install_files\n"), @r#"
    Not carried over:
      line 1: `NANO_CUST_FILES_MTREE`: there are no files to install (DESK/site/tree.mtree)
    Carried over, but look:
      line 2: cust_install_files: there is no folder Files beside the file; put yours into gw/Files and say `install_files = "gw/Files"`. NanoBSD's own scripts for /root are in the product already
    "#);
}

#[test]
fn a_folder_outside_of_the_repository_is_told() {
    let desk = Desk::new();
    desk.write("site/gw.conf", "NANO_CFGDIR=cfg\n");
    desk.write("site/cfg/hosts", "");
    let converted = desk.convert_to("gw").unwrap();
    let (heading, lines) = converted.notes.last().unwrap();
    let lines: Vec<&str> =
        lines.iter().map(String::as_str).filter(|line| !line.contains(" is not set: ")).collect();
    let said = lines.join("\n").replace(&desk.0.path().display().to_string(), "DESK");
    insta::assert_snapshot!(format!("{heading}:\n{said}"), @r#"
    Besides:
    DESK/gw is outside of the repository: its path gets into product.toml and the manifest; move it into the repository, and correct the paths in product.toml, for others to build the same
    `cargo xtask image` will refuse product.toml until it is corrected: checking the product definition (appliance/appliance.toml + product.toml): slices.cfg_folder: `DESK/gw/cfg` is no folder of the repository; write its path from the root, as "overlay"
    "#);
}
