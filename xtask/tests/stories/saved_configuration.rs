//! The scripts that save the configuration on `/cfg`, and the one that puts it back at boot, on a unit that is a directory
//! of this machine. What only FreeBSD can show is in the lab (`cfg-*`).

mod unit;

use std::fs;
use std::io::pipe;
use std::process::Stdio;

use unit::Unit;

/// Names that a script easily takes for something else, or for two.
const NAMES: [&str; 8] =
    ["a b", "two\nlines", "ends\n", "*", "-r", "back\\slash", "local/-x/~ $HOME `id`", ".hidden"];

/// Changes `/etc` in every way that there is.
fn change_everything(unit: &Unit) {
    unit.write("etc/rc.conf", "hostname=\"branch7\"\n");
    unit.write("etc/ssh/ssh_host_ed25519_key", "secret\n");
    unit.chmod("etc/ssh/ssh_host_ed25519_key", 0o600);
    unit.write("etc/secret/key", "the customer's\n");
    unit.chmod("etc/rc.d/last", 0o755);
    unit.remove("etc/localtime");
    unit.link("/usr/share/zoneinfo/Europe/Zurich", "etc/localtime");
    unit.remove("etc/group");
    unit.link("master.passwd", "etc/group");
    unit.remove("etc/ssh/sshd_config");
    fs::remove_dir_all(unit.path("etc/unused")).unwrap();
    unit.write("etc/motd", "generated at every start\n");
}

#[test]
fn all_changes_of_etc_are_there_after_the_next_boot() {
    let unit = Unit::booted();
    assert_eq!(unit.run("save_cfg", &["-l"]).text, "");
    change_everything(&unit);
    let listed = unit.run("save_cfg", &["-l"]);
    assert_eq!(listed.status, 0);
    insta::assert_snapshot!(listed.text, @r"
    changed  group
    changed  localtime
    changed  rc.conf
    mode     rc.d/last
    changed  secret/key
    added    ssh/ssh_host_ed25519_key
    removed  ssh/sshd_config
    removed  unused
    ");
    let saved = unit.run("save_cfg", &["-a"]);
    assert_eq!(saved.status, 0, "{}", saved.text);
    assert_eq!(unit.mode("card/secret"), 0o700, "a directory on /cfg hands its mode on to the one in /etc");
    let again = unit.run("save_cfg", &["-a"]);
    assert_eq!((again.status, again.text.as_str()), (0, ""), "everything is saved already");

    unit.write("etc/motd", "welcome\n");
    let before = unit.tree("etc");
    unit.boot();
    assert_eq!(unit.tree("etc"), before);
    assert_eq!(unit.run("save_cfg", &["-l"]).text, listed.text);
    assert_eq!(unit.run("save_cfg", &[]).text, "");
}

#[test]
fn a_name_may_hold_anything_and_is_one_file() {
    let unit = Unit::booted();
    for name in NAMES {
        unit.write(&format!("etc/{name}"), name);
    }
    let listed = unit.run("save_cfg", &["-l"]).text;
    insta::assert_snapshot!(listed, @r"
    added    *
    added    -r
    added    a b
    added    back\\slash
    added    ends\n
    added    local/
    added    local/-x/
    added    local/-x/~ $HOME `id`
    added    two\nlines
    added    .hidden
    ");
    // By their names, all at once, and by what is on /cfg already.
    let mut arguments = vec!["--"];
    arguments.extend(NAMES);
    let saved = unit.run("save_cfg", &arguments);
    assert_eq!(saved.status, 0, "{}", saved.text);
    assert_eq!(unit.run("save_cfg", &["-a"]).text, "");
    for name in NAMES {
        assert_eq!(unit.read(&format!("card/{name}")), name);
        unit.write(&format!("etc/{name}"), "changed");
    }
    assert_eq!(unit.run("save_cfg", &[]).text.lines().count(), NAMES.len());
    for name in NAMES {
        assert_eq!(unit.read(&format!("card/{name}")), "changed");
    }
    let before = unit.tree("etc");
    unit.boot();
    assert_eq!(unit.tree("etc"), before);
    let forgotten = unit.run("save_cfg", &[&["-r", "--"], &NAMES[..]].concat());
    assert_eq!(forgotten.status, 0, "{}", forgotten.text);
    assert_eq!(unit.tree("card"), Vec::<String>::new());
}

#[test]
fn a_removed_file_stays_removed_until_it_returns_or_is_forgotten() {
    let unit = Unit::booted();
    unit.write("etc/mine", "mine\n");
    unit.run("save_cfg", &["mine", "/etc/unused/"]);
    for name in ["mine", "rc.conf", "unused/a"] {
        unit.remove(&format!("etc/{name}"));
    }
    // What was on /cfg is only reported: it may have been removed by mistake.
    let plain = unit.run("save_cfg", &[]);
    insta::assert_snapshot!(plain.text, @r"
    save_cfg: /etc/mine was removed, but /cfg still has it
    hint: 'save_cfg mine' saves the removal, 'save_cfg -r mine' forgets the file
    save_cfg: /etc/unused/a was removed, but /cfg still has it
    hint: 'save_cfg unused/a' saves the removal, 'save_cfg -r unused/a' forgets the file
    ");
    assert!(unit.exists("card/mine") && unit.exists("card/unused/a"));
    let removed = unit.run("save_cfg", &["mine", "rc.conf", "unused/a"]);
    insta::assert_snapshot!(removed.text, @r"
    saved the removal of /etc/mine
    saved the removal of /etc/rc.conf
    saved the removal of /etc/unused/a
    ");
    unit.boot();
    assert!(!unit.exists("etc/mine") && !unit.exists("etc/rc.conf") && !unit.exists("etc/unused/a"));
    assert!(unit.exists("etc/unused/b") && !unit.exists("etc/.removed"));

    // It returns.
    unit.write("etc/rc.conf", "hostname=\"back\"\n");
    assert_eq!(unit.run("save_cfg", &[]).text, "saved /etc/rc.conf\n");
    unit.boot();
    assert_eq!(unit.read("etc/rc.conf"), "hostname=\"back\"\n");
    // A removed directory returns with other content.
    fs::remove_dir_all(unit.path("etc/unused")).unwrap();
    unit.run("save_cfg", &["unused"]);
    unit.write("etc/unused/c", "c\n");
    unit.run("save_cfg", &[]);
    unit.boot();
    assert!(unit.exists("etc/unused/c") && !unit.exists("etc/unused/b"));
    // It is forgotten.
    let forgotten = unit.run("save_cfg", &["-r", "unused", "rc.conf", "nothing"]);
    insta::assert_snapshot!(forgotten.text, @r"
    forgot /etc/unused: the next start has this image's
    forgot /etc/rc.conf: the next start has this image's
    save_cfg: /cfg has nothing of /etc/nothing
    ");
    assert_eq!(forgotten.status, 1);
    assert_eq!(unit.tree("card"), Vec::<String>::new());
    unit.boot();
    assert_eq!(unit.tree("etc"), unit.tree("conf/base/etc"));
}

#[test]
fn a_file_takes_the_place_of_a_link_or_a_directory_and_the_other_way_round() {
    let unit = Unit::booted();
    let kinds: [&dyn Fn(); 3] =
        [&|| unit.write("etc/thing", "a file\n"), &|| unit.link("rc.d", "etc/thing"), &|| {
            unit.write("etc/thing/below", "in a directory\n");
        }];
    for first in 0..kinds.len() {
        for second in 0..kinds.len() {
            for make in [kinds[first], kinds[second]] {
                let _ = fs::remove_file(unit.path("etc/thing"));
                let _ = fs::remove_dir_all(unit.path("etc/thing"));
                make();
                let saved = unit.run("save_cfg", &["thing"]);
                assert_eq!(saved.status, 0, "{first}, {second}: {}", saved.text);
            }
            let wanted = unit.tree("etc");
            assert_eq!(unit.tree("etc/rc.d"), unit.tree("conf/base/etc/rc.d"));
            unit.boot();
            assert_eq!(unit.tree("etc"), wanted, "{first}, {second}");
        }
    }
    // The image has a link where /cfg has a file: cp(1) would write through it.
    unit.remove("etc/localtime");
    unit.write("etc/localtime", "a zone\n");
    unit.run("save_cfg", &["localtime"]);
    unit.write("elsewhere", "untouched\n");
    unit.remove("conf/base/etc/localtime");
    unit.link(unit.path("elsewhere").to_str().unwrap(), "conf/base/etc/localtime");
    let wanted = unit.tree("etc");
    unit.boot();
    assert_eq!(unit.tree("etc"), wanted);
}

#[test]
fn what_cannot_be_saved_is_refused_and_the_card_stays_as_it_was() {
    let unit = Unit::booted();
    unit.write("etc/rc.conf", "hostname=\"saved\"\n");
    unit.run("save_cfg", &["rc.conf"]);
    unit.write("etc/rc.conf", "hostname=\"changed\"\n");
    let before = unit.tree("card");
    let mut said = String::new();
    let mut refused = |what: &str, arguments: &[&str]| {
        let ended = unit.run("save_cfg", arguments);
        assert_ne!(ended.status, 0, "{what}: {}", ended.text);
        assert_eq!(unit.tree("card"), before, "{what}");
        assert_eq!(unit.read("mounts"), "", "{what}");
        said += &format!("{what}: {}\n{}", ended.status, ended.text);
    };
    refused("no such file", &["rc.conf", "none"]);
    refused("a path elsewhere", &["../root/save_cfg"]);
    refused("a directory of /cfg's own", &[".removed/x"]);
    refused("a file below a file", &["rc.conf/x"]);
    refused("list and file", &["-l", "rc.conf"]);
    refused("forget nothing", &["-r"]);
    for fault in ["fsck", "mount"] {
        unit.break_down(fault, "");
        refused(fault, &[]);
        unit.mend(fault);
    }
    unit.break_down("cp", "rc.conf");
    refused("cp", &[]);
    unit.mend("cp");
    unit.write("uid", "1001\n");
    refused("not root", &[]);
    unit.write("uid", "0\n");
    unit.write("etc/fstab", "# nothing\n");
    refused("no line in fstab", &[]);
    insta::assert_snapshot!(said);
}

#[test]
fn a_cfg_that_is_mounted_already_is_left_alone() {
    let unit = Unit::booted();
    let mounts = format!("/dev/ada0s3a {} ufs rw 0 0\n", unit.path("cfg").display());
    unit.write("mounts", &mounts);
    for (script, arguments) in
        [("save_cfg", &["rc.conf"][..]), ("save_cfg", &["-r", "rc.conf"]), ("save_sshkeys", &[])]
    {
        unit.write("etc/ssh/ssh_host_rsa_key", "");
        let ended = unit.run(script, arguments);
        assert_eq!(ended.status, 1, "{}", ended.text);
        assert!(ended.text.contains("/cfg is mounted already; nothing was saved\nhint: "), "{}", ended.text);
        assert_eq!(unit.read("mounts"), mounts, "it was unmounted");
    }
}

#[test]
fn a_cfg_that_stays_mounted_is_an_error() {
    let unit = Unit::booted();
    unit.break_down("umount", "");
    let ended = unit.run("save_cfg", &["rc.conf"]);
    assert_eq!(ended.status, 1);
    insta::assert_snapshot!(ended.text, @r"
    saved /etc/rc.conf
    save_cfg: /cfg cannot be unmounted
    hint: leave it (see 'fstat -f /cfg') and run 'umount /cfg'
    ");
}

#[test]
fn no_signal_and_no_closed_pipe_leaves_cfg_mounted() {
    for (signal, status) in [("HUP", 129), ("INT", 130), ("PIPE", 141), ("TERM", 143)] {
        let unit = Unit::booted();
        unit.write("etc/rc.conf", "new\n");
        unit.break_down("signal", signal);
        let ended = unit.run("save_cfg", &["rc.conf"]);
        assert_eq!(ended.status, status, "{signal}: {}", ended.text);
        assert_eq!(unit.read("mounts"), "", "{signal}");
        assert!(!unit.exists("card/rc.conf"), "{signal}: it was saved after the signal");
        unit.mend("signal");
        assert_eq!(unit.run("save_cfg", &["rc.conf"]).status, 0);
        assert_eq!(unit.tree("card").len(), 1, "the partial file is removed: {:?}", unit.tree("card"));
    }
    let unit = Unit::booted();
    for name in ["a", "b"] {
        unit.write(&format!("etc/{name}"), "new\n");
    }
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = unit.script("save_cfg");
    let status =
        command.arg("-a").stdin(Stdio::null()).stderr(Stdio::null()).stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(141));
    assert_eq!(unit.read("mounts"), "");
}

#[test]
fn after_a_boot_without_cfg_nothing_of_the_factory_is_saved_over_it() {
    let unit = Unit::booted();
    unit.write("etc/rc.conf", "hostname=\"branch7\"\n");
    unit.write("etc/ssh/ssh_host_rsa_key", "the customer's\n");
    unit.write("etc/ssh/ssh_host_rsa_key.pub", "");
    unit.run("save_cfg", &["-a"]);
    let before = unit.tree("card");
    unit.break_down("boot", "");
    unit.boot();
    assert_eq!(unit.read("etc/rc.conf"), "hostname=\"sluice\"\n");
    unit.write("etc/ssh/ssh_host_rsa_key", "made at this start\n");
    for (script, arguments) in
        [("save_cfg", &[][..]), ("save_cfg", &["-a"]), ("save_cfg", &["rc.conf"]), ("save_sshkeys", &[])]
    {
        let ended = unit.run(script, arguments);
        assert_eq!(ended.status, 1, "{script} {arguments:?}: {}", ended.text);
        assert_eq!(unit.tree("card"), before, "{script} {arguments:?}");
    }
    insta::assert_snapshot!(unit.run("save_cfg", &[]).text, @r"
    save_cfg: /cfg (/dev/ada0s3a) could not be read at boot: this unit runs with its factory settings; nothing was saved, since it would replace what /cfg has
    hint: run 'fsck_ffs /dev/ada0s3a' and reboot; if /cfg is beyond repair, 'newfs -U /dev/ada0s3a' makes an empty one
    ");
    let typed = unit.run_on_terminal("change_password", "good\ngood\n");
    assert!(typed.status == 1 && typed.text.contains("could not be read at boot"), "{}", typed.text);
    assert!(!typed.text.contains("New password"), "{}", typed.text);
    assert!(unit.read("etc/master.passwd").starts_with("root::"), "the password was changed");

    unit.mend("boot");
    unit.boot();
    assert!(!unit.exists("var/db/cfg.incomplete"));
    assert_eq!(unit.read("etc/rc.conf"), "hostname=\"branch7\"\n");
    assert_eq!(unit.run("save_cfg", &[]).status, 0);
}

#[test]
fn a_copy_of_cfg_that_ends_early_is_reported_and_completed_as_far_as_possible() {
    let unit = Unit::booted();
    unit.write("etc/rc.conf", "hostname=\"branch7\"\n");
    unit.write("etc/zzz", "last\n");
    unit.run("save_cfg", &["rc.conf", "zzz"]);
    let before = unit.tree("card");
    unit.break_down("cp", "rc.conf");
    unit.boot();
    assert_eq!(unit.read("etc/rc.conf"), "hostname=\"sluice\"\n", "half a file is worse than this image's");
    assert_eq!(unit.read("etc/zzz"), "last\n");
    unit.mend("cp");
    let ended = unit.run("save_cfg", &[]);
    insta::assert_snapshot!(ended.text, @r"
    save_cfg: not everything on /cfg (/dev/ada0s3a) could be copied to /etc at boot: rc.conf; nothing was saved, since it would replace what /cfg has
    hint: reboot; if that does not help, run 'fsck_ffs /dev/ada0s3a' first, or forget a damaged file with 'save_cfg -r FILE'
    ");
    assert_eq!((ended.status, unit.tree("card")), (1, before));
    // What cannot be copied, because it is damaged or /etc is too small, can be forgotten.
    assert_eq!(unit.run("save_cfg", &["-r", "rc.conf"]).status, 0);
    unit.boot();
    assert!(!unit.exists("var/db/cfg.incomplete"));
    assert_eq!(unit.run("save_cfg", &["zzz"]).status, 0);
}

#[test]
fn a_password_is_never_changed_without_a_terminal() {
    let unit = Unit::booted();
    let (etc, card) = (unit.tree("etc"), unit.tree("card"));
    for ended in [
        unit.run("change_password", &[]),
        unit.run_with("change_password", ""),
        unit.run_with("change_password", "good\ngood\n"),
    ] {
        assert_eq!(ended.status, 1);
        insta::allow_duplicates! {
            insta::assert_snapshot!(ended.text, @r"
            change_password: the password is asked for on a terminal; nothing was changed
            hint: with ssh, use 'ssh -t root@unit /root/change_password'
            ");
        }
    }
    assert_eq!((unit.tree("etc"), unit.tree("card")), (etc, card));
    for arguments in [&["-x"][..], &["root", "x"], &["a b"]] {
        assert_eq!(unit.run("change_password", arguments).status, 64, "{arguments:?}");
    }
}

/// util-linux's script(1) makes the terminal.
#[cfg(target_os = "linux")]
#[test]
fn a_password_that_is_typed_twice_is_saved_and_no_other() {
    let unit = Unit::booted();
    let (etc, card) = (unit.tree("etc"), unit.tree("card"));
    for (typed, reason) in [
        ("\n\n", "the password is empty; nothing was changed"),
        ("good\nbad\n", "the two passwords differ; nothing was changed"),
        ("good\n\n", "the two passwords differ; nothing was changed"),
    ] {
        let ended = unit.run_on_terminal("change_password", typed);
        assert_eq!(ended.status, 1, "{typed:?}: {}", ended.text);
        assert!(ended.text.contains(reason), "{typed:?}: {}", ended.text);
        assert_eq!((unit.tree("etc"), unit.tree("card")), (etc.clone(), card.clone()), "{typed:?}");
    }
    let ended = unit.run_on_terminal("change_password", "a \\good one\na \\good one\n");
    assert_eq!(ended.status, 0, "{}", ended.text);
    assert!(unit.read("card/master.passwd").starts_with("root:hash of a \\good one:"));
    assert_eq!(unit.mode("card/master.passwd"), 0o600);
    assert!(unit.exists("card/group"));
    assert_eq!(unit.tree("card").len(), 2);
}

#[test]
fn host_keys_are_saved_with_their_public_halves() {
    let unit = Unit::booted();
    let ended = unit.run("save_sshkeys", &[]);
    insta::assert_snapshot!(ended.text, @r"
    save_sshkeys: there are no host keys
    hint: 'service sshd onekeygen' makes them
    ");
    assert_eq!(ended.status, 1);
    for kind in ["ecdsa", "ed25519"] {
        unit.write(&format!("etc/ssh/ssh_host_{kind}_key"), "secret\n");
        unit.chmod(&format!("etc/ssh/ssh_host_{kind}_key"), 0o600);
        unit.write(&format!("etc/ssh/ssh_host_{kind}_key.pub"), "public\n");
    }
    assert_eq!(unit.run("save_sshkeys", &[]).status, 0);
    assert_eq!(unit.tree("card/ssh").len(), 4);
    assert_eq!(unit.mode("card/ssh/ssh_host_ecdsa_key"), 0o600);
}
