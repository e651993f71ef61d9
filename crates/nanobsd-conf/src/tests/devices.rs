//! Variables and devices that differ here.

use std::fs;

use super::desk::{Desk, notes, run};

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
fn sums_of_variables_that_differ_are_made_in_hooks() {
    let desk = Desk::new();
    let text = "\
NANO_MEDIASIZE=2000000
SPARE=1000
HALF=$(( ($NANO_MEDIASIZE - ${SPARE}) / 2 ))
NUMBER=$((0x10 * SPARE))
BEFORE=$((NANO_CONFSIZE + 1))
NANO_CONFSIZE=4096
cust_x() { echo $HALF $NUMBER $BEFORE; }
customize_cmd cust_x
";
    desk.notes(text);
    let hook = desk.made("hooks/customize.d/10-cust_x");
    for line in ["BEFORE='2049'\n", "HALF=\"$(( (NANO_MEDIASIZE - 1000) / 2 ))\"\n", "NUMBER='16000'\n"] {
        assert!(hook.contains(line), "{line}{hook}");
    }
}

#[test]
fn what_flashdevice_sets_is_not_computed_with() {
    for name in ["NANO_MEDIASIZE", "NANO_HEADS", "NANO_SECTS"] {
        let notes = notes(&format!("FlashDevice SanDisk 1G\nNANO_CODESIZE=$(({name} * 2))\n"));
        assert!(
            notes.contains(&format!(
                "line 2: `NANO_CODESIZE`: it depends on {name}, which FlashDevice sets; slices.code of"
            )),
            "{notes}"
        );
    }
}

#[test]
fn variables_of_the_run_have_other_values_in_hooks() {
    let notes = notes(
        "NANO_OBJ=/usr/obj/gw\nNANO_WORLDDIR=/usr/obj/gw/_.w\nNANO_LABEL=\nNANO_TOOLS=/usr/src/tools/tools/nanobsd\n\
         cust_x() {\n\techo ${NANO_OBJ} ${NANO_WORLDDIR}\n}\ncustomize_cmd cust_x\n",
    );
    for line in [
        "line 1: `NANO_OBJ`: hooks get a path of the build instead of `/usr/obj/gw`\n",
        "line 2: `NANO_WORLDDIR`: hooks get a path of the build instead of `/usr/obj/gw/_.w`\n",
    ] {
        assert!(notes.contains(line), "{line}{notes}");
    }
}

#[test]
fn devices_are_found_however_they_are_written() {
    let head = "NANO_DRIVE=ad0\nNANO_LABEL=gw\nNANO_SLICE_DATA=s3\n";
    for (written, hint) in [
        ("echo \"/dev/ufs/\"${NANO_LABEL}s4", "use /dev/label/gws4"),
        ("echo \"/dev/ufs/${NANO_LABEL}\"\"$NANO_SLICE_DATA\"", "use /dev/label/gws4"),
        ("sed -e 's/\\/dev\\/ufs\\/gws3/x/' etc/fstab", "use /dev/label/gws4"),
        ("echo /dev/${NANO_DRIVE}s3", "use /dev/${NANO_DRIVE}s4"),
        ("echo \"/dev/$NANO_DRIVE\"s3 /data", "use /dev/${NANO_DRIVE}s4"),
        ("mount /dev/ad0s3 /mnt", "use /dev/ada0s4"),
    ] {
        let notes = notes(&format!("{head}cust_x() {{\n\t{written}\n}}\ncustomize_cmd cust_x\n"));
        assert!(notes.contains(&format!("hint: {hint}\n")), "{written}: {notes}");
    }
    let notes = notes(&format!(
        "{head}cust_x() {{\n\techo /dev/${{NANO_DRIVE}}${{NANO_SLICE_DATA}}\n}}\ncustomize_cmd cust_x\n"
    ));
    assert!(!notes.contains("hint: use"), "{notes}");
}
