//! A real FreeBSD, from `--world` to `login:`. Without `SLUICE_TEST_WORLD`, each story reports that it is skipped.
//!
//! The kernel of that world must be ALIX-QEMU's: the emulator has no VIA Rhine.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bsd_disk::mbr::{MBR_BYTES, Mbr};
use bsd_disk::units::Sectors;
use builder::boot_state::{self, StateCopies};
use firmware::slot::Slot;
use firmware::state::{BootState, Trial, store};
use lab::card::Card;
use lab::qemu::{Disk, Forward, Guest, Machine, copy_sparse};
use lab::server;

use crate::repository::{Repository, Run};

/// The emulator takes about 20 s to `login:` when nothing else runs.
const BOOT: Duration = Duration::from_secs(300);
/// A command that works through the whole slot.
const LONG: Duration = Duration::from_secs(600);
/// root's prompt, which the tests set themselves.
const PROMPT: &str = "sluice-test> ";

/// A unit with a real FreeBSD on its card.
struct Unit {
    repository: Repository,
    disk: PathBuf,
}

impl Unit {
    /// Builds the images and puts the full one on a card; `None`, and a line, without a world.
    fn new() -> Option<Self> {
        Self::with("")
    }

    /// The same with the keys of `definition` laid over the product's.
    fn with(definition: &str) -> Option<Self> {
        Self::build(definition, None, &[])
    }

    /// The same with a file more in the repository, by its path and its content, and with options of `image`.
    fn build(definition: &str, file: Option<(&str, &str)>, options: &[&str]) -> Option<Self> {
        let Some(world) = std::env::var_os("SLUICE_TEST_WORLD") else {
            let _ = writeln!(std::io::stderr(), "skipped: SLUICE_TEST_WORLD does not name a world");
            return None;
        };
        let repository = Repository::new()?;
        if let Some((path, text)) = file {
            repository.write(path, text);
        }
        let config = repository.beside("over.toml");
        fs::write(&config, definition).unwrap();
        let arguments =
            ["--world", world.to_str().unwrap(), "--kernel", "ALIX-QEMU", "-c", config.to_str().unwrap()];
        repository.image(&[&arguments[..], options].concat()).success();
        let disk = repository.beside("card.img");
        copy_sparse(&repository.latest(".full.img"), &disk).unwrap();
        Some(Self { repository, disk })
    }

    /// Makes the slot of `number` the one that starts by itself.
    fn activate(&self, number: u8) {
        boot_state::prefer(&self.disk, Slot::from_number(number).unwrap()).unwrap();
    }

    /// The same where FreeBSD's boot0 chooses: the active slot, and the default of its options.
    fn activate_for_boot0(&self, number: u8) {
        let file = OpenOptions::new().read(true).write(true).open(&self.disk).unwrap();
        let mut sector = [0; MBR_BYTES];
        file.read_exact_at(&mut sector, 0).unwrap();
        let mut mbr = Mbr::parse(&sector).unwrap();
        mbr.set_active(number).unwrap();
        let mut options = bsd_disk::boot0::Boot0Options::read(&mbr).unwrap();
        options.default_slice = number;
        options.apply(&mut mbr).unwrap();
        file.write_all_at(&mbr.encode(), 0).unwrap();
    }

    /// Sector 0.
    fn mbr(&self) -> Vec<u8> {
        let mut sector = vec![0; MBR_BYTES];
        fs::File::open(&self.disk).unwrap().read_exact_at(&mut sector, 0).unwrap();
        sector
    }

    /// Writes the slot image over a slot as `dd` does: whole, and nothing else.
    fn write_slot(&self, number: u8) {
        let mut sector = [0; MBR_BYTES];
        let file = OpenOptions::new().read(true).write(true).open(&self.disk).unwrap();
        file.read_exact_at(&mut sector, 0).unwrap();
        let slice = Mbr::parse(&sector).unwrap().slice(number).unwrap();
        let image = fs::read(self.repository.latest(".slot.img")).unwrap();
        assert_eq!(image.len() as u64, slice.size.bytes());
        file.write_all_at(&image, slice.start.bytes()).unwrap();
    }

    /// Overwrites everything in a slot, so that it cannot boot.
    fn wipe_slot(&self, number: u8) {
        let mut sector = [0; MBR_BYTES];
        let file = OpenOptions::new().read(true).write(true).open(&self.disk).unwrap();
        file.read_exact_at(&mut sector, 0).unwrap();
        let slice = Mbr::parse(&sector).unwrap().slice(number).unwrap();
        file.write_all_at(&vec![0xa5; slice.size.bytes() as usize], slice.start.bytes()).unwrap();
    }

    /// Boots, logs in and sets the prompt; `port` of this machine leads to the unit's sshd.
    fn login(&self, log: &str, port: Option<u16>) -> Guest {
        let forwards = port.map(|host| Forward { host, guest: 22 });
        Self::login_to(&Machine::new().disk(Disk::kept(&self.disk)).network(forwards), log)
    }

    /// The same on a machine that the card is in.
    fn login_to(machine: &Machine, log: &str) -> Guest {
        let log = log_path(log);
        let mut guest = machine.start(&log).unwrap();
        guest.console.expect("login: ", BOOT).unwrap();
        guest.console.send("root\n").unwrap();
        guest.console.expect("# ", BOOT).unwrap();
        // root's own shell edits its line, and sh would too: both turn the echo on again.
        guest.console.send(&format!("exec env -u ENV PS1='{PROMPT}' /bin/sh +E\n")).unwrap();
        guest.console.expect(&format!("\n{PROMPT}"), BOOT).unwrap();
        // Without echo, what follows is what commands print and nothing else.
        guest.console.send("stty -echo\n").unwrap();
        guest.console.expect(&format!("\n{PROMPT}"), BOOT).unwrap();
        guest
    }
}

/// Where the serial log of a story is kept: it outlives the story.
fn log_path(name: &str) -> PathBuf {
    let dir = crate::repository::target_dir().join("stories");
    fs::create_dir_all(&dir).unwrap();
    dir.join(format!("{name}.serial.log"))
}

/// What `command` prints, once it has ended with success.
#[track_caller]
fn ask(guest: &mut Guest, command: &str) -> String {
    guest.console.send(&format!("{command}; echo status=$?\n")).unwrap();
    let answer = guest.console.expect(PROMPT, LONG).unwrap();
    let parted = answer.rsplit_once("status=");
    let (output, status) = parted.unwrap_or_else(|| panic!("{command}: {answer}"));
    assert!(status.starts_with('0'), "{command}: {answer}");
    output.replace('\r', "")
}

/// Checks that `slot` is running, and everything that must hold in any slot.
fn check_running_slot(guest: &mut Guest, slot: u8, version: &str) {
    let mounts = ask(guest, "mount -p");
    let mounted = |at: &str| mounts.lines().find(|line| line.split_whitespace().nth(1) == Some(at));
    let root = mounted("/").unwrap();
    assert!(root.starts_with(&format!("/dev/ada0s{slot}a")) && root.contains("ro"), "{mounts}");
    for at in ["/etc", "/var"] {
        let device = mounted(at).unwrap().split_whitespace().next().unwrap();
        assert!(device == "tmpfs" || device.starts_with("/dev/md"), "{mounts}");
    }
    assert!(mounted("/cfg").is_none(), "{mounts}");
    let status = ask(guest, "sluice status");
    assert!(status.contains(version) && status.contains(&format!("slot {slot}")), "{status}");
    let json: serde_json::Value = serde_json::from_str(&ask(guest, "sluice status --json")).unwrap();
    assert_eq!(json["release"]["version"], version);
    let log = ask(guest, "grep sluice /var/log/messages");
    assert!(log.contains(version), "the rc.d script logs the line at boot: {log}");
}

#[test]
fn the_full_image_boots_from_either_slot_and_from_one_that_dd_wrote() {
    let Some(unit) = Unit::new() else { return };
    let version = unit.repository.version();
    for slot in [1, 2] {
        unit.activate(slot);
        let mut guest = unit.login(&format!("slot-{slot}"), None);
        check_running_slot(&mut guest, slot, &version);
        guest.power_cut().unwrap();
    }
    unit.wipe_slot(1);
    unit.wipe_slot(2);
    unit.write_slot(2);
    let mut guest = unit.login("slot-2-dd", None);
    check_running_slot(&mut guest, 2, &version);
    guest.power_cut().unwrap();
}

#[test]
fn a_trial_of_a_real_slot_lasts_one_boot_and_the_mbr_stays_as_it_was() {
    let Some(unit) = Unit::new() else { return };
    let version = unit.repository.version();
    let mbr = unit.mbr();
    let mut cfg = StateCopies::open(&unit.disk).unwrap();
    let loaded = store::load(&mut cfg).unwrap();
    let on_trial = BootState { trial: Some(Trial { slot: Slot::Second, tries: 1 }), ..loaded.state.clone() };
    store::save(&mut cfg, loaded, &on_trial).unwrap();
    for slot in [2, 1] {
        let mut guest = unit.login(&format!("trial-{slot}"), None);
        check_running_slot(&mut guest, slot, &version);
        guest.power_cut().unwrap();
        let state = store::load(&mut cfg).unwrap().state;
        assert_eq!((state.default, state.pending()), (Slot::First, None));
    }
    assert!(unit.mbr() == mbr);
}

#[test]
fn the_boot_manager_of_the_world_starts_either_slot_where_the_product_asks_for_it() {
    let Some(unit) = Unit::with("[boot]\ncode = \"boot0sio\"\n") else { return };
    let version = unit.repository.version();
    assert!(!boot_state::is_used(&unit.disk).unwrap());
    for slot in [1, 2] {
        unit.activate_for_boot0(slot);
        let mut guest = unit.login(&format!("boot0sio-{slot}"), None);
        check_running_slot(&mut guest, slot, &version);
        assert!(guest.console.transcript().contains("Boot:"), "boot0 was not there");
        guest.power_cut().unwrap();
    }
}

#[test]
fn an_image_without_a_kernel_is_started_again_and_again() {
    let Some(unit) = Unit::with("") else { return };
    let world = std::env::var("SLUICE_TEST_WORLD").unwrap();
    let text = unit.repository.image(&["--world", &world, "--kernel", ""]).success();
    assert!(text.contains("the image has no kernel"), "{text}");
    let machine = Machine::new().disk(Disk::thrown_away(unit.repository.latest(".full.img")));
    let mut guest = machine.start(&log_path("no-kernel")).unwrap();
    for _ in 0..2 {
        guest.console.expect("slot 1: starting", BOOT).unwrap();
        guest.console.expect("no kernel could be loaded; restarting in 10 s", BOOT).unwrap();
    }
    guest.power_cut().unwrap();
}

/// What is mounted at `point`.
fn mounted(guest: &mut Guest, point: &str) -> String {
    let mounts = ask(guest, "mount -p");
    let line = mounts.lines().find(|line| line.split_whitespace().nth(1) == Some(point));
    line.and_then(|line| line.split_whitespace().next()).unwrap_or_else(|| panic!("{mounts}")).to_owned()
}

#[test]
fn by_its_labels_a_card_works_as_whatever_drive_it_is_found() {
    let Some(unit) = Unit::with("[media]\nlabel = \"gw\"\n[slices]\ncode = 200000\ndata = -1\n") else {
        return;
    };
    let blank = unit.repository.beside("blank.img");
    fs::File::create(&blank).unwrap().set_len(64 << 20).unwrap();
    let update = unit.repository.latest(".fw");
    let server = server::serve(update.parent().unwrap()).unwrap();
    let update = update.file_name().unwrap().to_str().unwrap().to_owned();
    for (disk, first) in [("ada0", None), ("ada1", Some(&blank))] {
        let card = Disk::kept(&unit.disk).booted();
        let machine =
            first.map_or_else(Machine::new, |first| Machine::new().disk(Disk::kept(first))).disk(card);
        let machine = machine.network([]);
        let other = if disk == "ada0" { Slot::Second } else { Slot::First };
        let running = other.other();
        // There is something to write.
        let card = Card::open(&unit.disk).unwrap();
        let place = card.slice(other.number()).unwrap().start + Sectors::from_mib(32);
        card.write(place, &vec![0xa5; 4 << 20]).unwrap();
        let mut guest = Unit::login_to(&machine, &format!("label-{disk}"));
        assert_eq!(mounted(&mut guest, "/"), format!("/dev/label/gws{running}a"));
        assert_eq!(mounted(&mut guest, "/data"), "/dev/label/gws4");
        let tree = ask(&mut guest, "sysctl -n kern.geom.conftxt");
        assert!(tree.contains(&format!("1 PART {disk}s3 ")) && tree.contains(" LABEL label/gws3 "), "{tree}");
        ask(&mut guest, "touch /etc/kept && sh -c '. /usr/share/sluice/cfg.subr; cfg_begin; cfg_save kept'");
        let status = ask(&mut guest, "sluice status");
        assert!(status.contains(&format!("slot {running}")) && !status.contains("not a slot"), "{status}");
        let said = ask(&mut guest, &format!("sluice update install --quiet {server}/{update}"));
        assert!(said.contains(" written, ") && !said.contains(" 0 blocks"), "{said}");
        guest.power_cut().unwrap();
        let mut guest = Unit::login_to(&machine, &format!("label-{disk}-updated"));
        assert_eq!(mounted(&mut guest, "/"), format!("/dev/label/gws{other}a"));
        ask(&mut guest, "ls /etc/kept && sluice update confirm && sluice update verify");
        guest.power_cut().unwrap();
    }
}

#[test]
fn file_systems_and_specification_hold_in_the_eyes_of_freebsd() {
    let Some(unit) = Unit::new() else { return };
    unit.activate(1);
    let mut guest = unit.login("judged", None);
    // ntpd finds no network and syslogd says so on the console, in the midst of what mtree prints.
    ask(&mut guest, "service ntpd onestop; service syslogd onestop; true");
    for device in ["ada0s1a", "ada0s2a", "ada0s3a"] {
        let report = ask(&mut guest, &format!("fsck_ffs -n -f /dev/{device}"));
        let phases = report.lines().filter(|line| line.starts_with("** ")).count();
        assert!(phases >= 6 && report.contains("% fragmentation"), "{report}");
        for finding in [
            "INCORRECT",
            "UNREF",
            "BAD",
            "MISSING",
            "UNKNOWN",
            "FREE BLK COUNT",
            "SALVAGE",
            "ERROR",
            "CHECK-HASH",
        ] {
            assert!(!report.contains(finding), "{device}: {report}");
        }
    }
    // The other slot as it lies on the card, and the running root as it is below the memory file systems.
    for mount in ["mount -r /dev/ada0s2a /mnt", "mount -t nullfs -o ro / /mnt"] {
        ask(&mut guest, mount);
        let report = ask(&mut guest, "mtree -p /mnt -f /usr/share/sluice/slot.mtree");
        assert_eq!(report.trim(), "", "{mount}: mtree reports deviations");
        // And it can: each of these edits makes mtree report a deviation.
        for (edit, keyword) in [
            ("/bin\\/cat /s/mode=0555/mode=0755/", "permissions"),
            ("/bin\\/cat /s/uid=0/uid=1/", "user"),
            ("/lib\\/libc.so.7 /s/flags=schg/flags=none/", "flags"),
            ("/bin\\/cat /s/sha256=./sha256=x/", "sha256"),
        ] {
            let edited = format!("sed '{edit}' /usr/share/sluice/slot.mtree > /tmp/edited");
            let report = ask(&mut guest, &format!("{edited} && ! mtree -p /mnt -f /tmp/edited"));
            assert!(report.to_lowercase().contains(keyword), "{mount}, {edit}: {report}");
        }
        ask(&mut guest, "umount /mnt");
    }
    guest.power_cut().unwrap();
}

#[test]
fn a_root_that_cannot_be_mounted_ends_in_a_reboot_and_not_at_a_prompt() {
    let Some(unit) = Unit::new() else { return };
    unit.activate(1);
    let machine = Machine::new().disk(Disk::kept(&unit.disk));
    let mut guest = machine.start(&log_path("no-root")).unwrap();
    guest.console.expect("any other key for command prompt", BOOT).unwrap();
    guest.console.send("x").unwrap();
    guest.console.expect("OK ", BOOT).unwrap();
    // What local.lua has set, with a slice that is not there.
    let root = ask_loader(&mut guest, "show vfs.root.mountfrom");
    assert!(root.contains("ufs:/dev/ada0s1a .onfail"), "{root}");
    ask_loader(&mut guest, "set vfs.root.mountfrom=\"ufs:/dev/ada0s4a .onfail\"");
    guest.console.send("boot\r").unwrap();
    let (which, _) = guest.console.expect_any(&["panic: ", "mountroot>"], BOOT).unwrap();
    assert_eq!(which, 0, "the unit waits at a prompt");
    guest.console.expect("login: ", BOOT).unwrap();
    guest.power_cut().unwrap();
}

/// What the loader answers, up to its next prompt.
fn ask_loader(guest: &mut Guest, command: &str) -> String {
    guest.console.send(&format!("{command}\r")).unwrap();
    guest.console.expect("OK ", BOOT).unwrap()
}

/// A key pair of an engineer, made by ssh-keygen; `None`, and a line, without it.
fn key_pair(dir: &Path) -> Option<(PathBuf, String)> {
    let secret = dir.join("id_ed25519");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&secret).status();
    if !made.is_ok_and(|status| status.success()) {
        let _ = writeln!(std::io::stderr(), "skipped: there is no ssh-keygen");
        return None;
    }
    let public = fs::read_to_string(secret.with_extension("pub")).unwrap();
    Some((secret, public))
}

/// The command that runs `command` on a unit as root, with this key.
fn ssh(secret: &Path, port: u16, options: &[&str], command: &str) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]);
    ssh.args(["-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-i"]).arg(secret);
    ssh.args(options).arg("-p").arg(port.to_string()).arg("root@127.0.0.1").arg(command);
    ssh.stdin(Stdio::null());
    ssh
}

/// As docs/access.md and docs/update.md have it.
#[test]
fn sshd_answers() {
    let keys = tempfile::tempdir().unwrap();
    let Some((secret, public)) = key_pair(keys.path()) else { return };
    let definition = "[access]\nauthorized_keys = [\"keys/alice.pub\"]\n";
    let Some(unit) = Unit::build(definition, Some(("keys/alice.pub", &public)), &[]) else { return };
    unit.activate(1);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut guest = unit.login("sshd", Some(port));
    // The keys are made at the first start, after the network is there.
    ask(&mut guest, "while ! sockstat -4l | grep -q ':22 '; do sleep 1; done");
    let banner = banner(port);
    assert!(banner.starts_with("SSH-2.0-OpenSSH"), "{banner:?}");
    ask(&mut guest, "service sshd status");
    assert_eq!(listening(&mut guest), ["sshd", "sshd"], "IPv4 and IPv6");

    let said = Run::of(&mut ssh(&secret, port, &[], "id -un; cat /root/.ssh/authorized_keys")).success();
    assert_eq!(said, format!("root\n{public}"));
    // Without a terminal, no password is set; root has none yet.
    let entry = ask(&mut guest, "grep ^root: /etc/master.passwd");
    Run::of(&mut ssh(&secret, port, &[], "/root/change_password")).refused(&["on a terminal"]);
    assert_eq!(ask(&mut guest, "grep ^root: /etc/master.passwd"), entry);
    // Even an empty password is refused, and no other way is offered.
    let passwords = ["-o", "PubkeyAuthentication=no"];
    Run::of(&mut ssh(&secret, port, &passwords, "true")).refused(&["Permission denied (publickey)"]);
    // The documented way to update.
    let update = fs::File::open(unit.repository.latest(".fw")).unwrap();
    let mut command = ssh(&secret, port, &[], "sh /root/update");
    let said = Run::of(command.stdin(update)).success();
    assert!(said.contains("4 KiB written"), "{said}");
    guest.power_cut().unwrap();
}

#[test]
fn nothing_listens_unless_it_is_asked_for() {
    let Some(unit) = Unit::build("", None, &["-f"]) else { return };
    unit.activate(1);
    let mut guest = unit.login("listening", None);
    ask(
        &mut guest,
        "service syslogd status && service sluice_clock status && ifconfig em0 | grep -q 'inet '",
    );
    assert_eq!(listening(&mut guest), [""; 0]);
    // And it is seen where there is something.
    ask(&mut guest, "service syslogd onestop && syslogd -s && sleep 1");
    assert!(listening(&mut guest).contains(&"syslogd".to_owned()));
    guest.power_cut().unwrap();
}

/// The programs that listen on the network, sorted, one for each socket. dhclient waits for answers of its own server only.
fn listening(guest: &mut Guest) -> Vec<String> {
    let sockets = ask(guest, "sockstat -46l");
    let programs = sockets.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1));
    let mut programs: Vec<String> =
        programs.filter(|program| *program != "dhclient").map(str::to_owned).collect();
    programs.sort();
    programs
}

/// The first bytes that the unit's sshd sends.
fn banner(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(BOOT)).unwrap();
    let mut buffer = [0; 64];
    let read = stream.read(&mut buffer).unwrap();
    let _ = stream.write_all(b"SSH-2.0-sluice-test\r\n");
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

#[test]
fn what_is_saved_to_cfg_is_there_after_the_next_boot() {
    let Some(unit) = Unit::new() else { return };
    unit.activate(1);
    let mut guest = unit.login("cfg-save", None);
    ask(&mut guest, "echo 'sluice_story=\"kept\"' > /etc/rc.conf.local");
    ask(&mut guest, "/root/save_cfg rc.conf.local");
    assert!(!ask(&mut guest, "mount -p").contains("/cfg"));
    guest.power_cut().unwrap();
    let mut guest = unit.login("cfg-kept", None);
    assert_eq!(ask(&mut guest, "cat /etc/rc.conf.local").trim(), "sluice_story=\"kept\"");
    guest.power_cut().unwrap();
}
