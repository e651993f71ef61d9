//! Files that functions read.

use std::fs;

use super::desk::{Desk, run};

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
fn programs_beside_the_configuration_come_along() {
    let desk = Desk::new();
    for path in ["tool", "bin/tool", "deep/tool", "rsc/a", "rsc/b", "p.awk"] {
        desk.write(&format!("site/{path}"), "#!/bin/sh\r\necho \"$0\" | sed -e 's,.*/,,'\r\n");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(desk.path("site").join(path), mode).unwrap();
    }
    desk.write("site/p.awk", "{ print $1 }\r\n");
    let text = "\
cust_x() {
	./tool x
	${NANO_TOOLS}/bin/tool
	\"$(pwd)\"/deep/tool
	cd ${NANO_WORLDDIR}
	cmp ${OLDPWD}/rsc/a ${OLDPWD}/rsc/a
	cd - > /dev/null
	cd ${NANO_WORLDDIR} && cd \"$OLDPWD\"
	echo one two | awk -f p.awk
	dd if=rsc/b of=${NANO_WORLDDIR}/b 2> /dev/null
}
customize_cmd cust_x
";
    let notes = desk.notes(text);
    assert!(!notes.contains("Carried over, needs a look"), "{notes}");
    assert_eq!(run(&desk, "customize.d/10-cust_x"), "tool\ntool\ntool\none\n");
    assert!(desk.path("tree/b").is_file());
}

#[test]
fn files_of_the_users_home_directory_are_reported() {
    for word in ["~/key", "$HOME/key", "\"${HOME}/key\"", "~"] {
        let notes = Desk::new().notes(&format!(
            "cust_x() {{\n\tcp {word} ${{NANO_WORLDDIR}}/etc\n\techo {word}\n}}\ncustomize_cmd cust_x\n"
        ));
        let note = format!("line 2: `{word}`: HOME of hooks is the tree");
        assert_eq!(notes.matches("HOME of hooks").count(), 1, "{notes}");
        assert!(notes.contains(&note), "{notes}");
    }
}
