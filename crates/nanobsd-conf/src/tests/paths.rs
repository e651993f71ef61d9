//! Paths of directories beside the configuration, and of the output.

use std::fs;

use super::desk::Desk;

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
fn paths_with_blanks_are_quoted_in_commands() {
    let desk = Desk::new();
    desk.write("site/gw.conf", "NANO_NAME=gw\n");
    desk.convert_to("repository/my gw").unwrap();
    let product = fs::read_to_string(desk.path("repository/my gw/product.toml")).unwrap();
    assert!(product.contains("`cargo xtask image -c 'my gw/product.toml'`"), "{product}");
}

#[test]
fn names_for_the_directory_of_the_configuration_are_carried_over() {
    for (head, path) in [
        ("HERE=$(pwd)\n", "$HERE/cfg"),
        ("HERE=$(cd `dirname $0`; pwd)\nTHERE=${HERE}/site\n", "${HERE}/cfg"),
        ("NANO_TOOLS=$(pwd)\n", "${NANO_TOOLS}/cfg"),
        ("NANO_TOOLS=$(dirname \"$(readlink -f \"$0\")\")\n", "${NANO_TOOLS}/cfg"),
        ("", "$(realpath cfg)"),
        ("", "$(readlink -f $(dirname $0)/cfg)"),
        ("", "$(cd \"$(dirname \"$0\")\" && pwd -P)/cfg"),
        ("", "`cd cfg && pwd`"),
        ("", "$(pwd)/../site/cfg/"),
    ] {
        let desk = Desk::new();
        desk.write("site/cfg/hosts", "");
        let notes = desk.notes(&format!("{head}NANO_CFGDIR={path}\n"));
        assert!(desk.path("repository/gw/cfg/hosts").is_file(), "{head}{path}: {notes}");
        assert!(!notes.contains("line 1: "), "{head}{path}: {notes}");
    }
    let notes = Desk::new().notes("NANO_CFGDIR=~/cfg\n");
    assert!(notes.contains("`NANO_CFGDIR`: `~/cfg` is known only when the file is run"), "{notes}");
}
