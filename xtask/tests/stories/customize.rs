//! Customization: what `[customize]` and the hooks ask for is in the slot image.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;

use bsd_disk::disklabel::BOOT_AREA;
use ufs::read::{Reader, Seeking};

use crate::repository::Repository;

/// The functions of NanoBSD's documentation and of a well-known recipe for the ALIX, as they are there.
const BODIES: [(&str, &str); 3] = [
    (
        "10-cust_nobeastie",
        r#"
cust_nobeastie() (
	touch ${NANO_WORLDDIR}/boot/loader.conf
	echo "beastie_disable=\"YES\"" >> ${NANO_WORLDDIR}/boot/loader.conf
)
cust_nobeastie
"#,
    ),
    (
        "20-cust_etc_size",
        r"
cust_etc_size () (
	cd ${NANO_WORLDDIR}/conf
	echo 30000 > default/etc/md_size
)
cust_etc_size
",
    ),
    (
        "30-cust_embedded_setup",
        r#"
cust_embedded_setup() {
  # turn off ascii beastie as boot menu
  echo 'autoboot_delay="4"' >> ${NANO_WORLDDIR}/boot/loader.conf
  echo 'beastie_disable="YES"' >> ${NANO_WORLDDIR}/boot/loader.conf
  # turn on noatime for /cfg for more performance
  sed -i "" -e "/cfg/s/rw/rw,noatime/" ${NANO_WORLDDIR}/etc/fstab
  # No message of the day for me
  rm ${NANO_WORLDDIR}/etc/motd
  touch ${NANO_WORLDDIR}/etc/motd
}
cust_embedded_setup
"#,
    ),
];

/// Writes a hook into the repository.
fn hook(repository: &Repository, path: &str, body: &str) {
    repository.write(path, &format!("#!/bin/sh\nset -e\n{body}"));
    fs::set_permissions(repository.path().join(path), Permissions::from_mode(0o755)).unwrap();
}

/// The slot of the latest build, and what its files hold.
struct Slot(Reader<Seeking<File>>);

impl Slot {
    fn open(repository: &Repository) -> Self {
        let image = File::open(repository.latest(".slot.img")).unwrap();
        Self(Reader::open_at(Seeking::new(image), BOOT_AREA.bytes()).unwrap())
    }

    fn text(&self, path: &str) -> String {
        let stat = self.0.lookup(path.as_bytes()).unwrap();
        String::from_utf8(self.0.read(stat.ino, 1 << 20).unwrap()).unwrap()
    }

    fn has(&self, path: &str) -> bool {
        self.0.lookup(path.as_bytes()).is_ok()
    }
}

#[test]
fn functions_of_a_nanobsd_conf_run_as_hooks_with_their_bodies_unchanged() {
    let Some(repository) = Repository::new() else { return };
    repository.write("overlay/etc/motd", "Welcome!\n");
    for (name, body) in BODIES {
        hook(&repository, &format!("appliance/hooks/customize.d/{name}"), body);
    }
    hook(
        &repository,
        "appliance/hooks/early.d/10-early",
        "test ! -e etc/diskless\nmkdir -p usr/local/etc\necho early > usr/local/etc/early.conf\n",
    );
    hook(
        &repository,
        "appliance/hooks/late.d/10-late",
        "test -e conf/base/etc/rc.conf\ntest -h usr/local/etc\necho late > late\n",
    );
    repository.commit("Customize");
    repository.image(&[]).success();

    let slot = Slot::open(&repository);
    let loader = slot.text("/boot/loader.conf");
    assert!(
        loader.ends_with("beastie_disable=\"YES\"\nautoboot_delay=\"4\"\nbeastie_disable=\"YES\"\n"),
        "{loader}"
    );
    assert_eq!(slot.text("/conf/default/etc/md_size"), "30000\n");
    assert_eq!(slot.text("/conf/base/etc/md_size"), "10240\n");
    for fstab in ["/etc/fstab", "/conf/base/etc/fstab"] {
        assert!(slot.text(fstab).contains("/cfg ufs rw,noatime,noauto"), "{}", slot.text(fstab));
        assert_eq!(slot.text(&fstab.replace("fstab", "motd")), "");
    }
    assert_eq!(slot.text("/etc/local/early.conf"), "early\n");
    assert_eq!(slot.text("/late"), "late\n");
    let spec = fs::read_to_string(repository.latest("slot.mtree")).unwrap();
    let late = spec.lines().find(|line| line.starts_with("./late ")).unwrap();
    assert!(late.contains("uid=0") && late.contains("gid=0"), "{late}");

    // The same again gives the same, and a changed hook is a changed image.
    let first = fs::read(repository.latest(".slot.img")).unwrap();
    fs::remove_dir_all(repository.firmware()).unwrap();
    repository.image(&[]).success();
    assert!(first == fs::read(repository.latest(".slot.img")).unwrap(), "the same hooks gave another image");
    hook(&repository, "appliance/hooks/late.d/10-late", "echo later > late\n");
    let version = repository.version();
    repository.image(&[]).success();
    assert_ne!(repository.version(), version);
    assert_eq!(Slot::open(&repository).text("/late"), "later\n");
}

#[test]
fn a_hook_that_fails_stops_the_build_and_latest_stays() {
    let Some(repository) = Repository::new() else { return };
    repository.image(&[]).success();
    let version = repository.version();
    hook(&repository, "appliance/hooks/late.d/10-fails", "echo what it said\nexit 3\n");
    repository.image(&[]).refused(&[
        "running the hook appliance/hooks/late.d/10-fails at the stage late",
        "exit status: 3",
        "late.10-fails.log ends with\n  what it said",
    ]);
    assert_eq!(repository.version(), version);
}

#[test]
fn steps_and_switches_are_seen_in_the_image() {
    let Some(repository) = Repository::new() else { return };
    repository.write("Files/root/tool", "a tool\n");
    repository.write("Files/etc/rc.conf", "hostname=\"mine\"\n");
    repository.write("files.mtree", "./root/tool type=file uname=daemon gname=wheel mode=0711\n");
    let definition = repository.beside("customize.toml");
    fs::write(
        &definition,
        r#"
[customize]
comconsole = true
allow_ssh_root = true
install_files = "Files"
files_mtree = "files.mtree"
pkgng = false

[[customize.step]]
sysrc = "sshd_enable=YES"

[[customize.step]]
put = "/boot/loader.conf"
text = "kern.ipc.nmbclusters=\"0\"\n"

[[customize.step]]
stage = "late"
remove = "/usr/share/sluice"

[[customize.step]]
stage = "early"
mkdir = "/usr/local/www"
mode = "0750"
owner = "daemon"

[[customize.step]]
put = "/usr/local/www/index.html"
text = "hello\n"
"#,
    )
    .unwrap();
    repository.image(&["-c", definition.to_str().unwrap()]).success();
    let slot = Slot::open(&repository);
    assert_eq!(slot.text("/etc/rc.conf"), "hostname=\"mine\"\nsshd_enable=\"YES\"\n");
    assert_eq!(slot.text("/conf/base/etc/rc.conf"), slot.text("/etc/rc.conf"));
    assert_eq!(slot.text("/etc/ssh/sshd_config"), "PermitRootLogin yes\n");
    assert_eq!(slot.text("/boot/loader.conf"), "kern.ipc.nmbclusters=\"0\"\n");
    assert_eq!(slot.text("/root/tool"), "a tool\n");
    assert_eq!(slot.text("/usr/local/www/index.html"), "hello\n");
    assert!(!slot.has("/usr/share/sluice/cfg.subr"));
    let spec = fs::read_to_string(repository.latest("slot.mtree")).unwrap();
    let line = |path: &str| spec.lines().find(|line| line.starts_with(path)).unwrap().to_owned();
    assert!(line("./root/tool ").contains("uid=1") && line("./root/tool ").contains("mode=0711"));
    assert!(line("./usr/local/www ").contains("uid=1") && line("./usr/local/www ").contains("mode=0750"));

    fs::write(&definition, "[[customize.step]]\nreplace = \"/etc/rc.conf\"\nline = \"a\"\nwith = \"b\"\n")
        .unwrap();
    repository.image(&["-c", definition.to_str().unwrap()]).refused(&[
        "customize.step 1: replacing a line of /etc/rc.conf: there is no line `a`\nhint: the most similar line is",
    ]);
    fs::write(&definition, "[[customize.step]]\nput = \"/x\"\n").unwrap();
    repository
        .image(&["-c", definition.to_str().unwrap()])
        .refused(&["customize.toml", "customize.step 1: `put`: it needs `text`, or `from`"]);
}
