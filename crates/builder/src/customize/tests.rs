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
fn keys_let_sshd_run_and_accept_nothing_else() {
    let mut tree = world();
    let config = "# the file\n#PermitRootLogin no\n# PasswordAuthentication.\n#PasswordAuthentication no\nUsePAM yes\n";
    let layer = tree.layer("test");
    tree.put_file(layer, &at("etc/ssh/sshd_config"), config, 0o644).unwrap();
    run(Path::new("/nowhere"), "[access]\nauthorized_keys = [\"a.pub\"]", &mut tree).unwrap();
    assert_eq!(
        text(&tree, "etc/ssh/sshd_config"),
        "KbdInteractiveAuthentication no\n# the file\nPermitRootLogin prohibit-password\n# PasswordAuthentication.\n\
         PasswordAuthentication no\nUsePAM yes\n"
    );
    assert!(text(&tree, "etc/defaults/rc.conf").ends_with("sshd_enable=\"YES\"\n"));
    // Whoever asks for it gets root's password, too.
    let both = "[access]\nauthorized_keys = [\"a.pub\"]\n[customize]\nallow_ssh_root = true";
    run(Path::new("/nowhere"), both, &mut tree).unwrap();
    assert!(text(&tree, "etc/ssh/sshd_config").contains("\nPermitRootLogin yes\n"));
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
    customize.step 1: replacing a line of /etc/rc.conf: there is no line `hostname="z"`
    hint: the most similar line is `hostname="b"`
    customize.step 1: replacing a line of /etc/none: reading /etc/none of the image: there is no such file
    customize.step 1: removing /etc/none: it is not in the image
    hint: drop the step, or correct the path
    customize.step 1: appending to /etc/none: reading /etc/none of the image: there is no such file
    customize.step 1: changing the mode of /etc/none: it is not in the image
    hint: correct the path
    customize.step 1: changing the owner of /etc/none: it is not in the image
    hint: correct the path
    customize.step 1: putting a file at /etc: layer `world` has a dir there
    hint: to replace it, remove it in a step before
    customize.step 1: reading /nowhere/none: No such file or directory (os error 2)
    customize.step 1: creating the symbolic link /etc/rc.conf: layer `world` has a file there
    hint: to replace it, remove it in a step before
    customize.step 1: creating the directory /etc/rc.conf: layer `world` has a file there
    customize.step 1: removing sshd_enable from /etc/rc.conf: the file does not set it
    hint: drop the step
    customize.step 1: removing `-y` from ntpd_flags in /etc/rc.conf: its value is `-x -g`
    "#);
}

#[test]
fn variables_are_set_as_sysrc_sets_them() {
    let set = |what: &str| text(&stepped(&format!("{{ sysrc = '{what}' }}")), "etc/rc.conf");
    let before = "hostname=\"a\" # the name\nntpd_flags='-x -g'\nhostname=\"b\"\n";
    assert_eq!(set("hostname=c"), before.replace("\"b\"", "\"c\""), "the last one takes effect");
    assert_eq!(set("sshd_enable=YES"), format!("{before}sshd_enable=\"YES\"\n"));
    assert_eq!(set("ntpd_flags+=-n"), before.replace("'-x -g'", "\"-x -g -n\""));
    assert_eq!(
        set("ntpd_flags+=-g"),
        before.replace("'-x -g'", "\"-x -g\""),
        "an existing word is not added"
    );
    assert_eq!(set("ntpd_flags-=-x"), before.replace("'-x -g'", "\"-g\""));
    assert_eq!(
        set("syslogd_flags+=-v"),
        format!("{before}syslogd_flags=\"-s -v\"\n"),
        "the default is the start"
    );
    assert_eq!(set("-x hostname"), "ntpd_flags='-x -g'\n");
    let tree = stepped(r#"{ sysrc = "a=b", file = "/etc/rc.conf.d/new" }"#);
    assert_eq!(text(&tree, "etc/rc.conf.d/new"), "a=\"b\"\n");
}

#[test]
fn root_may_log_in_by_ssh_if_the_product_allows_it() {
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
fn what_a_hook_does_to_the_directory_is_read_back() {
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
    assert_eq!(
        text(&tree, "refusal"),
        "cpio: only `cpio -p DIRECTORY` is available to hooks; use tar for archives\n"
    );
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
    NANO_ALTROOT
    NANO_ARCH
    NANO_BOOT2CFG
    NANO_CFGDIR
    NANO_CODESIZE
    NANO_CONFSIZE
    NANO_CPUTYPE
    NANO_DATADIR
    NANO_DATASIZE
    NANO_DRIVE
    NANO_HEADS
    NANO_HOST_PATH
    NANO_IMAGES
    NANO_IMG1NAME
    NANO_IMGNAME
    NANO_INIT_IMG2
    NANO_KERNEL
    NANO_LABEL
    NANO_LOG
    NANO_MEDIASIZE
    NANO_METALOG
    NANO_NAME
    NANO_NEWFS
    NANO_OBJ
    NANO_PARTITION_ALTROOT
    NANO_PARTITION_ROOT
    NANO_RAM_ETCSIZE
    NANO_RAM_TMPVARSIZE
    NANO_ROOT
    NANO_SECTS
    NANO_SLICE_ALTROOT
    NANO_SLICE_CFG
    NANO_SLICE_DATA
    NANO_SLICE_ROOT
    NANO_TOOLS
    NANO_WORLDDIR
    PATH
    TZ
    ");
    for name in text(&tree, "env").lines().filter(|name| name.starts_with("NANO_")) {
        assert!(is_hook_variable(name), "{name}");
    }
    assert_eq!(text(&tree, "drive"), "ada0 10240\n");
    assert_eq!(text(&tree, "umask"), "0022\n");
    assert_eq!(text(&tree, "tools"), "10-env\n");
}

#[test]
fn hooks_get_the_slices_of_this_image_and_not_those_of_a_nanobsd_conf() {
    let values = |definition: &str| {
        let mut tree = world();
        let script = r#"echo "$NANO_IMAGES $NANO_SLICE_CFG $NANO_SLICE_DATA $NANO_DATASIZE $NANO_NEWFS|$NANO_CFGDIR" > values"#;
        let root = hooks(&[("10-values", script)]);
        run(root.path(), definition, &mut tree).unwrap();
        text(&tree, "values").replace(&root.path().display().to_string(), "ROOT")
    };
    let newfs = "-b 4096 -f 512 -i 8192 -U";
    assert_eq!(
        values("[slices]\nslots = 1\ndata = 20160\ncfg_folder = \"site/cfg\"\n"),
        format!("1 s3 s4 20160 {newfs}|ROOT/site/cfg\n")
    );
    assert_eq!(values(""), format!("2 s3 s4 0 {newfs}|\n"));
}

/// What `script` prints as a hook.
fn printed(script: &str) -> String {
    let script = format!("{{ {script}\n}} > printed 2>&1");
    text(&hooked(&[("10-print", &script)]), "printed")
}

#[test]
fn digests_are_printed_as_bsd_prints_them() {
    let printed =
        printed("printf abc > f; md5 f; sha256 -q f; md5 -r f; md5 -s abc; printf abc | md5; md5 -q f f");
    let md5 = "900150983cd24fb0d6963f7d28e17f72";
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(
        printed,
        format!("MD5 (f) = {md5}\n{sha256}\n{md5} f\nMD5 (\"abc\") = {md5}\n{md5}\n{md5}\n{md5}\n")
    );
}

#[test]
fn base64_is_decoded_as_bsd_decodes_it() {
    let text = "begin-base64 644 out\naGVs\nbG8K\n====\n";
    let printed = printed(&format!(
        "printf '{text}' > in; b64decode in; cat out; b64decode -p in; b64decode -o other in; cat other; echo aGVsbG8K | \
         b64decode -r; echo x | b64decode || echo refused"
    ));
    assert_eq!(printed, "hello\n".repeat(4) + "b64decode: missing or bad \"begin\" line\nrefused\n");
}

#[test]
fn date_find_and_ln_take_bsds_options() {
    let printed = printed(
        r#"date -r 86400 +%Y-%m-%d; date -u -r 0 +%H; date -r5 +%s; date -j -r 6 +%s; date -ujr 7 +%s; date -jn -r 8 +%s
        touch -d @86400 f; date -r f +%d
        mkdir -p d/sub e; touch d/ab d/b "d/sub/a b"
        find -E d e -regex '.*/(ab|b)' | sort; find d -name 'a b'; find -dE d -regex '.*/sub.*'; find -x e; find -f e -f d -- -name 'a*' | sort
        mkdir one two; ln -s one link; ln -shf two link; readlink link; ls one; ln -fs -h one link; readlink link"#,
    );
    assert_eq!(
        printed,
        "1970-01-02\n00\n5\n6\n7\n8\n02\nd/ab\nd/b\nd/sub/a b\nd/sub/a b\nd/sub\ne\nd/ab\nd/sub/a b\ntwo\none\n"
    );
}

#[test]
fn sed_takes_the_suffix_of_i_as_bsds_does() {
    let printed = printed(
        "echo abc > f; sed -i '' s/a/1/ f; sed -Ei '' 's/(b)/2/' f; sed -nEi .o 's/c/3/p' f; cat f f.o; sed -I .p s/1/4/ f; \
         sed -i s/4/5/ f; sed -i.q s/5/6/ f; cat f; ls f f.*",
    );
    assert_eq!(printed, "123\n12c\n623\nf\nf.o\nf.p\nf.q\n");
}

#[test]
fn a_program_that_no_linux_has_says_so() {
    for name in ["makemap", "newaliases", "makefs"] {
        let host = std::env::split_paths("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .any(|dir| dir.join(name).exists());
        if host {
            continue;
        }
        let error = hook_refusal(&[("10-x", &format!("{name} -C etc/x"))]);
        assert!(error.contains(&format!("{name}: not available to hooks on this host\n  hint: ")), "{error}");
    }
}

#[test]
fn a_hook_that_fails_names_itself_its_log_and_its_last_lines() {
    let failed = hook_refusal(&[("10-good", "true"), ("20-bad", "echo said this\nsed -e s/a/b/ etc/none\n")]);
    insta::assert_snapshot!(failed, @r"
    running the hook appliance/hooks/customize.d/20-bad at the stage customize: it ended with exit status: 2; its log ROOT/target/customize/customize.20-bad.log ends with
      said this
      sed: can't read etc/none: No such file or directory
    ");
    assert_eq!(
        hook_refusal(&[("10-fifo", "mkfifo run")]),
        "reading the changes of the hook appliance/hooks/customize.d/10-fifo: /run is not a file, directory or symbolic \
         link: hooks cannot create devices or pipes"
    );
    assert_eq!(
        hook_refusal(&[("10-log", "echo './none uname=root' >> ${NANO_METALOG}")]),
        "reading the changes of the hook appliance/hooks/customize.d/10-log: NANO_METALOG, line 1: /none is not in the \
         image\nhint: correct the path"
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
    assert!(error.contains("10-x is not executable\nhint: make it executable with `chmod +x`"), "{error}");
    let error = run(root.path(), "[customize]\nhooks = [\"none\"]", &mut world()).unwrap_err().to_string();
    assert!(
        error.starts_with("customize.hooks: there is no directory ") && error.ends_with("/none"),
        "{error}"
    );
}
