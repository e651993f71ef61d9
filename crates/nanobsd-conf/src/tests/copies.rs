//! Copies of files, directories and links.

use std::fs;
use std::path::Path;

use super::desk::{Desk, run};

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
      line 2: cust_install_files: Files/root/updatep1 is left out: the product has its own
      line 2: cust_pkgng: the packages are in gw/pkglist
      hint: add its lines to pkglist of the repository, then run `cargo xtask pkg lock`
    General:
      left out because files of version control are not copied: Files/root/.git
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

    [overlay.rules."/cfg/run"]
    mode = "0700"
    "#);

    fs::remove_dir_all(desk.path("repository/gw")).unwrap();
    desk.write("site/tree.mtree", "/set type=file\n./etc mode=rwx\n");
    insta::assert_snapshot!(desk.notes(&format!("NANO_CUST_FILES_MTREE=tree.mtree\n{text}")), @r"
    Carried over, needs a look:
      line 1: `NANO_CUST_FILES_MTREE`: reading METALOG files.mtree, line 2: mode `rwx` of /etc is not octal
      hint: write one path per line, as `mtree -C` does
      line 3: cust_install_files: Files/root/updatep1 is left out: the product has its own
      line 3: cust_pkgng: the packages are in gw/pkglist
      hint: add its lines to pkglist of the repository, then run `cargo xtask pkg lock`
    General:
      left out because files of version control are not copied: Files/root/.git
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
    General:
      Files/etc/leaves is a link that leads out of Files, as it does in NanoBSD
    ");
    assert_eq!(desk.made("files.mtree"), "./etc/priv mode=0700\n./spool mode=1777\n");
    let product = desk.made("product.toml");
    assert!(product.ends_with("\n[overlay.rules.\"/cfg/ssh\"]\nmode = \"0700\"\n"), "{product}");
    assert!(
        desk.made("NOTES.md").contains("- line 1: `NANO_CFGDIR`: mode 0700 of /cfg/ssh: overlay.rules\n")
    );
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
fn modes_of_the_slices_become_rules() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    for (path, mode) in [
        ("cfg/ssh/ssh_host_rsa_key", 0o600),
        ("cfg/a b", 0o640),
        ("cfg/start", 0o4755),
        ("cfg/usual", 0o664),
        ("data/spool/x", 0o644),
        ("data/key", 0o400),
    ] {
        desk.write(&format!("site/{path}"), "");
        fs::set_permissions(desk.path("site").join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(desk.path("site/data/spool"), fs::Permissions::from_mode(0o1777)).unwrap();
    desk.notes("NANO_CFGDIR=cfg\nNANO_DATADIR=data\n");
    let definition: toml::Table = toml::from_str(&desk.made("product.toml")).unwrap();
    let rules: Vec<String> = definition["overlay"]["rules"]
        .as_table()
        .unwrap()
        .iter()
        .map(|(path, rule)| format!("{path} {}", rule["mode"].as_str().unwrap()))
        .collect();
    assert_eq!(
        rules,
        [
            "/cfg/a b 0640",
            "/cfg/ssh/ssh_host_rsa_key 0600",
            "/cfg/start 4755",
            "/data/key 0400",
            "/data/spool 1777"
        ]
    );
}

#[test]
fn what_no_image_holds_is_left_out_and_reported() {
    let desk = Desk::new();
    for path in [
        "Files/etc/x",
        "Files/.svn/x",
        "Files/etc/.git",
        "Files/.hg/x",
        "Files/.bzr/x",
        "Files/a/_darcs/x",
        "Files/a/CVS/Root",
        "Files/.gitignore",
        "Files/.gitmodules",
        "Files/.DS_Store",
        "cfg/.git/HEAD",
        "cfg/hosts",
        "set/.git/HEAD",
        "set/x",
    ] {
        desk.write(&format!("site/{path}"), "");
    }
    for path in ["Files/socket", "cfg/socket", "set/socket"] {
        let _ = std::os::unix::net::UnixListener::bind(desk.path("site").join(path)).unwrap();
    }
    let text = "NANO_CFGDIR=cfg\ncust_x() {\n\tcp -R set ${NANO_WORLDDIR}/\n}\ncustomize_cmd cust_x cust_install_files\n";
    insta::assert_snapshot!(desk.notes(text), @r"
    General:
      registered after a function but applied before all hooks: cust_install_files (line 5)
      left out because files of version control are not copied: hooks/site/set/.git, cfg/.git, Files/.bzr, Files/.hg, Files/.svn, Files/a/CVS, Files/a/_darcs, Files/etc/.git
      left out because pipes, sockets and devices are not copied: hooks/site/set/socket, cfg/socket, Files/socket
    ");
    for path in [
        "Files/.gitignore",
        "Files/.gitmodules",
        "Files/.DS_Store",
        "Files/etc/x",
        "cfg/hosts",
        "hooks/site/set/x",
    ] {
        assert!(desk.path("repository/gw").join(path).is_file(), "{path}");
    }
    for path in [
        "Files/.svn",
        "Files/etc/.git",
        "Files/.hg",
        "Files/.bzr",
        "Files/a/_darcs",
        "Files/a/CVS",
        "Files/socket",
        "cfg/.git",
        "cfg/socket",
        "hooks/site/set/.git",
        "hooks/site/set/socket",
    ] {
        assert!(!desk.path("repository/gw").join(path).exists(), "{path}");
    }
}

#[test]
fn links_stay_links_wherever_they_lead() {
    use std::os::unix::fs::symlink;
    let desk = Desk::new();
    desk.write("site/set/x", "");
    for directory in ["Files", "cfg", "set"] {
        fs::create_dir_all(desk.path("site").join(directory)).unwrap();
        for (target, name) in [
            ("b", "a"),
            ("a", "b"),
            (".", "self"),
            ("nowhere", "dangling"),
            ("/etc", "absolute"),
            ("../set", "up"),
        ] {
            symlink(target, desk.path("site").join(directory).join(name)).unwrap();
        }
    }
    // The directory itself may be a link.
    symlink("Files", desk.path("site/real")).unwrap();
    desk.notes(
        "NANO_CFGDIR=cfg\nNANO_DATADIR=real\ncust_x() {\n\tcp -R set ${NANO_WORLDDIR}/\n}\ncustomize_cmd cust_x \
         cust_install_files\n",
    );
    for directory in ["Files", "cfg", "data", "hooks/site/set"] {
        for (target, name) in [
            ("b", "a"),
            ("a", "b"),
            (".", "self"),
            ("nowhere", "dangling"),
            ("/etc", "absolute"),
            ("../set", "up"),
        ] {
            let made = fs::read_link(desk.path("repository/gw").join(directory).join(name)).unwrap();
            assert_eq!(made, Path::new(target), "{directory}/{name}");
        }
    }
}

#[test]
fn scripts_without_a_first_line_lose_their_carriage_returns() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    for path in ["Files/root/profile.sh", "Files/etc/rc.d/svc", "cfg/start.sh"] {
        desk.write(&format!("site/{path}"), "a\r\n");
    }
    fs::set_permissions(desk.path("site/Files/etc/rc.d/svc"), fs::Permissions::from_mode(0o755)).unwrap();
    let notes = desk.notes("NANO_CFGDIR=cfg\ncustomize_cmd cust_install_files\n");
    for path in ["Files/root/profile.sh", "Files/etc/rc.d/svc", "cfg/start.sh"] {
        assert_eq!(desk.made(path), "a\n");
        assert!(notes.contains(path), "{notes}");
    }
}
