use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rootfs::tree::{Attributes, EntryKind, Kind, Layer, Principal, TreePath};

use super::*;

fn at(text: &str) -> TreePath {
    TreePath::parse(text).unwrap()
}

fn world() -> Tree {
    let mut layer = Layer::new("world");
    for (path, text, mode) in [
        ("etc/rc.conf", "hostname=\"a\" # the name\nntpd_flags='-x -g'\nhostname=\"b\"\n", 0o644),
        ("etc/defaults/rc.conf", "syslogd_flags=\"-s\"\n", 0o644),
        ("etc/fstab", "/dev/ada0s3 /cfg ufs rw,noauto 2 2\n", 0o644),
        ("etc/ssh/sshd_config", "Port 22\n#PermitRootLogin no\n", 0o640),
        ("bin/su", "elf", 0o4555),
        ("bin/cat", "elf of cat", 0o555),
    ] {
        layer.push(at(path), EntryKind::File(text.into()), mode);
    }
    layer.push(at("bin/dog"), EntryKind::HardLink(at("bin/cat")), 0o555);
    layer.push(at("etc/secret"), EntryKind::Directory, 0o500);
    layer.push(at("etc/secret/key"), EntryKind::File("k".into()), 0o400);
    layer.push(at("dev/null"), EntryKind::CharDevice(0x103), 0o666);
    layer.push(at("home"), EntryKind::Symlink("/usr/home".into()), 0o755);
    Tree::merge(vec![layer]).unwrap()
}

fn product(definition: &str) -> Product {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("appliance")).unwrap();
    fs::write(root.path().join(crate::product::DEFINITION), definition).unwrap();
    Product::load(root.path(), &[]).unwrap()
}

fn run(root: &Path, definition: &str, tree: &mut Tree) -> Result<()> {
    let product = product(definition);
    Customizer::new(root, &root.join("target"), &product, Reporter::new(-2)).run(Stage::Customize, tree)
}

fn stepped(steps: &str) -> Tree {
    let mut tree = world();
    run(Path::new("/nowhere"), &format!("[customize]\nstep = [{steps}]"), &mut tree).unwrap();
    tree
}

fn refusal(steps: &str) -> String {
    let mut tree = world();
    let error = run(Path::new("/nowhere"), &format!("[customize]\nstep = [{steps}]"), &mut tree).unwrap_err();
    format!("{error:#}")
}

fn text(tree: &Tree, path: &str) -> String {
    tree.read_text(&at(path)).unwrap()
}

fn attributes<'t>(tree: &'t Tree, path: &str) -> &'t Attributes {
    &tree.get(&at(path)).unwrap().attributes
}

#[test]
fn every_verb_does_what_it_says() {
    let tree = stepped(
        r#"{ put = "/etc/motd", text = "hello\n", mode = "0600", owner = "daemon:operator" },
           { put = "/etc/ssh/sshd_config", text = "Port 2222\n" },
           { append = "/etc/fstab", text = "proc /proc procfs rw 0 0\n" },
           { replace = "/etc/rc.conf", line = "hostname=\"b\"", with = "hostname=\"c\"" },
           { remove = "/bin/su" },
           { chmod = "/bin/cat", mode = "0500" },
           { chown = "/etc/rc.conf", owner = ":operator" },
           { symlink = "/home", to = "cfg/home" },
           { mkdir = "/srv/tftp", mode = "0711", owner = "nobody" }"#,
    );
    assert_eq!(text(&tree, "etc/motd"), "hello\n");
    let motd = attributes(&tree, "etc/motd");
    assert_eq!((motd.mode, &motd.user), (0o600, &Principal::Name("daemon".into())));
    assert_eq!(
        (text(&tree, "etc/ssh/sshd_config").as_str(), attributes(&tree, "etc/ssh/sshd_config").mode),
        ("Port 2222\n", 0o640)
    );
    assert!(text(&tree, "etc/fstab").ends_with("noauto 2 2\nproc /proc procfs rw 0 0\n"));
    assert!(text(&tree, "etc/rc.conf").ends_with("hostname=\"c\"\n"));
    assert_eq!(attributes(&tree, "etc/rc.conf").group, Principal::Name("operator".into()));
    assert!(tree.get(&at("bin/su")).is_none());
    assert_eq!(attributes(&tree, "bin/dog").mode, 0o500, "another name of the same file");
    assert!(matches!(&tree.get(&at("home")).unwrap().kind, Kind::Symlink(target) if target == "cfg/home"));
    assert_eq!(attributes(&tree, "srv/tftp").mode, 0o711);
    assert_eq!(attributes(&tree, "srv").mode, 0o755);
}

#[test]
fn a_step_that_would_do_nothing_is_refused() {
    insta::assert_snapshot!([
        refusal(r#"{ replace = "/etc/rc.conf", line = "hostname=\"z\"", with = "" }"#),
        refusal(r#"{ replace = "/etc/none", line = "a", with = "b" }"#),
        refusal(r#"{ remove = "/etc/none" }"#),
        refusal(r#"{ append = "/etc/none", text = "" }"#),
        refusal(r#"{ chmod = "/etc/none", mode = "0600" }"#),
        refusal(r#"{ chown = "/etc/none", owner = "root" }"#),
        refusal(r#"{ put = "/etc", text = "" }"#),
        refusal(r#"{ put = "/etc/x", from = "none" }"#),
        refusal(r#"{ symlink = "/etc/rc.conf", to = "x" }"#),
        refusal(r#"{ mkdir = "/etc/rc.conf" }"#),
        refusal(r#"{ sysrc = "-x sshd_enable" }"#),
        refusal(r#"{ sysrc = "ntpd_flags-=-y" }"#),
    ]
    .join("\n"), @r#"
    customize.step 1: replacing a line of /etc/rc.conf: no line is `hostname="z"`; the one most like it is `hostname="b"`
    customize.step 1: replacing a line of /etc/none: reading /etc/none of the image: there is no such file
    customize.step 1: removing /etc/none: it is not in the image; drop the step, or correct the path
    customize.step 1: appending to /etc/none: reading /etc/none of the image: there is no such file
    customize.step 1: changing the mode of /etc/none: it is not in the image; correct the path
    customize.step 1: changing the owner of /etc/none: it is not in the image; correct the path
    customize.step 1: putting a file at /etc: layer `world` has a dir there; remove it first if that is meant
    customize.step 1: reading /nowhere/none: No such file or directory (os error 2)
    customize.step 1: making the symbolic link /etc/rc.conf: layer `world` has a file there; remove it first if that is meant
    customize.step 1: making the directory /etc/rc.conf: layer `world` has a file there
    customize.step 1: removing sshd_enable from /etc/rc.conf: it is not there; drop the step
    customize.step 1: taking `-y` from ntpd_flags in /etc/rc.conf: it is `-x -g`
    "#);
}

#[test]
fn variables_are_set_as_sysrc_sets_them() {
    let set = |what: &str| text(&stepped(&format!("{{ sysrc = '{what}' }}")), "etc/rc.conf");
    let before = "hostname=\"a\" # the name\nntpd_flags='-x -g'\nhostname=\"b\"\n";
    assert_eq!(set("hostname=c"), before.replace("\"b\"", "\"c\""), "the last one counts");
    assert_eq!(set("sshd_enable=YES"), format!("{before}sshd_enable=\"YES\"\n"));
    assert_eq!(set("ntpd_flags+=-n"), before.replace("'-x -g'", "\"-x -g -n\""));
    assert_eq!(set("ntpd_flags+=-g"), before.replace("'-x -g'", "\"-x -g\""), "what is there is not added");
    assert_eq!(set("ntpd_flags-=-x"), before.replace("'-x -g'", "\"-g\""));
    assert_eq!(set("syslogd_flags+=-v"), format!("{before}syslogd_flags=\"-s -v\"\n"), "the default counts");
    assert_eq!(set("-x hostname"), "ntpd_flags='-x -g'\n");
    let tree = stepped(r#"{ sysrc = "a=b", file = "/etc/rc.conf.d/new" }"#);
    assert_eq!(text(&tree, "etc/rc.conf.d/new"), "a=\"b\"\n");
}

#[test]
fn root_may_come_in_by_ssh_if_that_is_asked_for() {
    let allowed = |tree: &mut Tree| {
        run(Path::new("/nowhere"), "[customize]\nallow_ssh_root = true", tree).unwrap();
        text(tree, "etc/ssh/sshd_config")
    };
    assert_eq!(allowed(&mut world()), "Port 22\nPermitRootLogin yes\n");
    assert_eq!(allowed(&mut Tree::merge(vec![]).unwrap()), "PermitRootLogin yes\n");
}

/// A repository with hooks for the stage `customize`.
fn hooks(hooks: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("appliance/hooks/customize.d");
    fs::create_dir_all(&dir).unwrap();
    for (name, body) in hooks {
        let path = dir.join(name);
        fs::write(&path, format!("#!/bin/sh\nset -e\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    root
}

fn hooked(scripts: &[(&str, &str)]) -> Tree {
    let mut tree = world();
    run(hooks(scripts).path(), "", &mut tree).unwrap();
    tree
}

fn hook_refusal(scripts: &[(&str, &str)]) -> String {
    let root = hooks(scripts);
    let error = format!("{:#}", run(root.path(), "", &mut world()).unwrap_err());
    error.replace(&root.path().display().to_string(), "ROOT")
}

#[test]
fn a_hook_that_changes_nothing_leaves_every_path_as_it_was() {
    let (before, after) = (world(), hooked(&[("10-nothing", "true")]));
    let list = |tree: &Tree| {
        let line = |(path, id): (&TreePath, _)| {
            let inode = tree.inode(id);
            let layer = tree.layer_name(inode.layer).to_owned();
            format!("{path} {id:?} {:?} {:?} {layer}", inode.kind, inode.attributes)
        };
        tree.names().map(line).collect::<Vec<_>>()
    };
    assert_eq!(list(&before), list(&after));
}

#[test]
fn what_a_hook_does_to_the_folder_comes_back() {
    let tree = hooked(&[
        ("20-second", "echo second >> etc/order"),
        (
            "10-first",
            r#"
            echo first > etc/order
            sed -i "" -e "/cfg/s/rw/rw,noatime/" ${NANO_WORLDDIR}/etc/fstab
            echo 'elf 2' > bin/su
            rm -r etc/secret
            chmod 700 bin/cat
            ln -s ../bin/cat etc/cat
            ln bin/cat bin/lion
            mkdir -p srv/a\ b
            mv etc/defaults etc/default
            ln -sfn elsewhere home
            "#,
        ),
    ]);
    assert_eq!(text(&tree, "etc/order"), "first\nsecond\n");
    assert_eq!(text(&tree, "etc/fstab"), "/dev/ada0s3 /cfg ufs rw,noatime,noauto 2 2\n");
    assert_eq!((text(&tree, "bin/su").as_str(), attributes(&tree, "bin/su").mode), ("elf 2\n", 0o4555));
    assert!(tree.get(&at("etc/secret")).is_none() && tree.get(&at("etc/defaults")).is_none());
    assert_eq!(attributes(&tree, "bin/dog").mode, 0o700);
    assert_eq!(tree.id(&at("bin/lion")), tree.id(&at("bin/dog")));
    assert!(matches!(&tree.get(&at("home")).unwrap().kind, Kind::Symlink(target) if target == "elsewhere"));
    assert!(matches!(tree.get(&at("dev/null")).unwrap().kind, Kind::CharDevice(0x103)));
    assert!(tree.is_dir(&at("srv/a b")));
    assert_eq!(text(&tree, "etc/default/rc.conf"), "syslogd_flags=\"-s\"\n");
    assert_eq!(tree.layer_name(tree.get(&at("etc/fstab")).unwrap().layer), "hook 10-first");
}

#[test]
fn owners_and_flags_need_no_root() {
    let tree = hooked(&[(
        "10-owners",
        r#"
        mkdir -p var/db/x; echo 1 > "var/db/x/a b"; echo 2 > var/db/x/c
        chown -R 53:operator ${NANO_WORLDDIR}/var/db
        chgrp wheel var/db/x/c
        chflags schg var/db/x/c
        chflags noschg var/db/x
        install -o daemon -g mail -m 4555 -f uchg bin/cat bin/tiger
        install -d -o www -m 750 var/www
        install -o www -m 0640 etc/rc.conf etc/fstab var/www
        echo "./etc/fstab uname=operator mode=0400" >> ${NANO_METALOG}
        "#,
    )]);
    let owner = |path: &str| {
        let found = attributes(&tree, path);
        (found.user.clone(), found.group.clone(), found.mode, found.flags)
    };
    let name = |name: &str| Principal::Name(name.into());
    assert_eq!(owner("var/db"), (Principal::Id(53), name("operator"), 0o755, 0));
    assert_eq!(owner("var/db/x/a b"), (Principal::Id(53), name("operator"), 0o644, 0));
    assert_eq!(owner("var/db/x/c"), (Principal::Id(53), name("wheel"), 0o644, 0x2_0000));
    assert_eq!(owner("bin/tiger"), (name("daemon"), name("mail"), 0o4555, 2));
    assert_eq!(owner("var/www"), (name("www"), Principal::Id(0), 0o750, 0));
    assert_eq!(owner("var/www/fstab"), (name("www"), Principal::Id(0), 0o640, 0));
    assert_eq!(owner("etc/fstab"), (name("operator"), Principal::Id(0), 0o400, 0));
}

#[test]
fn files_are_copied_by_cpio_on_any_host() {
    let tree = hooked(&[(
        "10-cpio",
        r#"
        mkdir -p "$NANO_TOOLS/Files/etc/a b" "$NANO_TOOLS/Files/empty"; cd "$NANO_TOOLS/Files"
        echo new > etc/rc.conf; echo 1 > "etc/a b/x"; chmod 600 "etc/a b/x"; ln -s x "etc/a b/link"
        find . -print | grep -Ev '/(CVS|\.git)' | cpio -dumpv ${NANO_WORLDDIR}
        cd ${NANO_WORLDDIR}; echo 'etc/a b/link' | cpio -Ldump copies
        echo etc/fstab | cpio -dumpl links
        ! echo etc | cpio -o > archive 2> refusal; rm archive
        "#,
    )]);
    assert_eq!(text(&tree, "etc/rc.conf"), "new\n");
    assert_eq!(attributes(&tree, "etc/a b/x").mode, 0o600);
    assert!(matches!(&tree.get(&at("etc/a b/link")).unwrap().kind, Kind::Symlink(target) if target == "x"));
    assert!(tree.is_dir(&at("empty")));
    assert_eq!(text(&tree, "copies/etc/a b/link"), "1\n");
    assert_eq!(tree.id(&at("links/etc/fstab")), tree.id(&at("etc/fstab")));
    assert_eq!(text(&tree, "refusal"), "cpio: hooks have `cpio -p FOLDER` and no archives; use tar\n");
}

#[test]
fn a_hook_knows_nanobsds_variables_and_nothing_of_the_host() {
    let tree = hooked(&[(
        "10-env",
        "env | grep -v -e '^PWD=' -e '^_=' -e '^SHLVL=' -e '^OLDPWD=' | sed -e 's/=.*//' | sort > env; pwd -P > dir; cd ${NANO_WORLDDIR}; pwd -P | diff - dir; echo ${NANO_DRIVE} ${NANO_RAM_ETCSIZE} > drive; umask > umask; ls ${NANO_TOOLS}/hooks/customize.d > tools",
    )]);
    insta::assert_snapshot!(text(&tree, "env"), @r"
    HOME
    LC_ALL
    NANO_ARCH
    NANO_BOOT2CFG
    NANO_CONFSIZE
    NANO_DRIVE
    NANO_HEADS
    NANO_HOST_PATH
    NANO_IMAGES
    NANO_KERNEL
    NANO_LABEL
    NANO_LOG
    NANO_MEDIASIZE
    NANO_METALOG
    NANO_NAME
    NANO_OBJ
    NANO_RAM_ETCSIZE
    NANO_RAM_TMPVARSIZE
    NANO_ROOT
    NANO_SECTS
    NANO_SLICE_CFG
    NANO_SLICE_ROOT
    NANO_TOOLS
    NANO_WORLDDIR
    PATH
    TZ
    ");
    for name in text(&tree, "env").lines().filter(|name| name.starts_with("NANO_")) {
        assert!(is_told(name), "{name}");
    }
    assert_eq!(text(&tree, "drive"), "ada0 10240\n");
    assert_eq!(text(&tree, "umask"), "0022\n");
    assert_eq!(text(&tree, "tools"), "10-env\n");
}

#[test]
fn a_hook_that_fails_names_itself_its_log_and_its_last_lines() {
    let failed = hook_refusal(&[("10-good", "true"), ("20-bad", "echo said this\nsed -e s/a/b/ etc/none\n")]);
    insta::assert_snapshot!(failed, @r"
    running the hook appliance/hooks/customize.d/20-bad at the stage customize: it ended with exit status: 2; its log ROOT/target/customize/customize.20-bad.log ends
      said this
      sed: can't read etc/none: No such file or directory
    ");
    assert_eq!(
        hook_refusal(&[("10-fifo", "mkfifo run")]),
        "taking over what the hook appliance/hooks/customize.d/10-fifo changed: /run is neither file, directory nor \
         symbolic link: devices and pipes cannot come from a hook"
    );
    assert_eq!(
        hook_refusal(&[("10-log", "echo './none uname=root' >> ${NANO_METALOG}")]),
        "taking over what the hook appliance/hooks/customize.d/10-log changed: NANO_METALOG, line 1: /none is not in the \
         image; correct the path"
    );
    let away = hook_refusal(&[("10-away", "chown root /etc/passwd")]);
    assert!(away.contains("chown: /etc/passwd is not below "), "{away}");
    let root = hooks(&[("10-x", "")]);
    fs::set_permissions(
        root.path().join("appliance/hooks/customize.d/10-x"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let error = run(root.path(), "", &mut world()).unwrap_err().to_string();
    assert!(error.contains("10-x is no program that can be run; make it one (`chmod +x`)"), "{error}");
    let error = run(root.path(), "[customize]\nhooks = [\"none\"]", &mut world()).unwrap_err().to_string();
    assert!(
        error.starts_with("customize.hooks: looking for") && error.ends_with("there is no such folder"),
        "{error}"
    );
}
