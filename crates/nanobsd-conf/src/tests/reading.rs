//! What is read, refused or reported as not carried out.

use std::fs;
use std::path::Path;

use super::desk::{Appliance, Desk, notes};
use crate::statement::statements;
use crate::{Request, default_output, read};

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

#[test]
fn no_line_is_lost() {
    for text in [
        include_str!("../../../../xtask/tests/stories/convert/alix.conf"),
        include_str!("../../../../xtask/tests/stories/convert/handbook.conf"),
        include_str!("../../../../xtask/tests/stories/convert/handbook.functions.conf"),
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
fn a_byte_order_mark_is_removed() {
    let notes = notes("\u{feff}NANO_NAME=gw\r\nNANO_HEADS=16\r\n");
    assert!(!notes.contains("Not carried over"), "{notes}");
    assert!(notes.contains("gw.conf: the byte order mark at its beginning is removed\n"), "{notes}");
}

#[test]
fn readonly_variables_are_read() {
    let desk = Desk::new();
    let notes = desk.notes("readonly NANO_HEADS=16\nNANO_SECTS=63\nreadonly NANO_SECTS\n");
    assert!(!notes.contains("Not carried over"), "{notes}");
    assert!(desk.made("product.toml").contains("heads = 16"));
    assert!(desk.made("NOTES.md").contains("`readonly NANO_SECTS`: as NANO_SECTS"));
}
