//! A unit without FreeBSD: the scripts of the overlay, in a directory that has its `/etc`, image and card, between programs
//! that stand for those of FreeBSD which this machine does not have or which would change it.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use walkdir::WalkDir;

/// The programs. `UNIT` is the directory of the unit; a file below `fault` makes a program fail.
///
/// The card is the directory `card` while nothing is mounted. mount(8) moves it to the mount point, so whatever is written
/// to an unmounted `/cfg` is not on the card.
const PROGRAMS: &[(&str, &str)] = &[
    ("id", "case \"$*\" in -u | '-u root') cat \"$UNIT/uid\" ;; *) exit 1 ;; esac"),
    ("fsck_ffs", "[ ! -e \"$UNIT/fault/fsck\" ]"),
    (
        "mount",
        "case $1 in
        -p) cat \"$UNIT/mounts\" ;;
        *) [ ! -e \"$UNIT/fault/mount\" ] && rmdir \"$1\" && mv \"$UNIT/card\" \"$1\" &&
            echo \"/dev/ada0s3a $1 ufs rw 0 0\" > \"$UNIT/mounts\" ;;
        esac",
    ),
    (
        "umount",
        "[ ! -e \"$UNIT/fault/umount\" ] && mv \"$1\" \"$UNIT/card\" && mkdir \"$1\" && : > \"$UNIT/mounts\"",
    ),
    // Kills the script that has called it, if `fault/signal` names a signal.
    ("fsync", "[ ! -e \"$UNIT/fault/signal\" ] || kill -s \"$(cat \"$UNIT/fault/signal\")\" $PPID"),
    // Copies half of a file whose name `fault/cp` has, except from the image.
    (
        "cp",
        "case $2 in */conf/base/*) exec /bin/cp \"$@\" ;; esac
        if [ -e \"$UNIT/fault/cp\" ] && [ \"${2##*/}\" = \"$(cat \"$UNIT/fault/cp\")\" ]; then
            printf half > \"$3\"
            exit 1
        fi
        exec /bin/cp \"$@\"",
    ),
    (
        "stat",
        "if [ \"$(uname)\" != Linux ]; then exec /usr/bin/stat \"$@\"; fi
        case $2 in
        '%p %u %g') format='%f %u %g' ;;
        '%u:%g') format='%u:%g' ;;
        '%Mp%Lp') format='%a' ;;
        esac
        shift 2
        exec /usr/bin/stat -c \"$format\" \"$@\"",
    ),
    (
        "pw",
        "[ \"$*\" = 'usermod -n root -h 0' ] && IFS= read -r password &&
        printf 'root:hash of %s:0:0::0:0::/root:/bin/sh\\n' \"$password\" > \"$UNIT/etc/master.passwd\"",
    ),
];

/// The files of the image's `/etc`.
const IMAGE: &[(&str, &str)] = &[
    ("fstab", "# the root is not listed\n/dev/ada0s3a /cfg ufs rw,noauto,noatime 0 0\n"),
    ("group", "wheel:*:0:root\n"),
    ("master.passwd", "root::0:0::0:0::/root:/bin/sh\n"),
    ("motd", "welcome\n"),
    ("rc.conf", "hostname=\"sluice\"\n"),
    ("rc.d/last", "#!/bin/sh\n"),
    ("secret/key", "factory\n"),
    ("ssh/sshd_config", "Port 22\n"),
    ("unused/a", "a\n"),
    ("unused/b", "b\n"),
];

/// A unit.
pub struct Unit {
    dir: TempDir,
}

/// How a script ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status, or 128 and the number of the signal that killed it.
    pub status: i32,
    /// What it printed, standard output first.
    pub text: String,
}

impl Unit {
    /// A unit from the factory, before its first boot.
    pub fn new() -> Self {
        let unit = Self { dir: tempfile::tempdir().unwrap() };
        for dir in ["bin", "card", "cfg", "conf/default/etc", "conf/default/var", "etc", "fault", "var"] {
            fs::create_dir_all(unit.path(dir)).unwrap();
        }
        for (name, text) in PROGRAMS {
            let program = unit.path("bin").join(name);
            fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(unit.path("mounts"), "").unwrap();
        fs::write(unit.path("uid"), "0\n").unwrap();
        for (name, text) in IMAGE {
            unit.write(&format!("conf/base/etc/{name}"), text);
        }
        std::os::unix::fs::symlink("/usr/share/zoneinfo/UTC", unit.path("conf/base/etc/localtime")).unwrap();
        unit.chmod("conf/base/etc/secret", 0o700);
        unit.chmod("conf/base/etc/master.passwd", 0o600);
        unit.install_scripts();
        unit
    }

    /// The same after its first boot.
    pub fn booted() -> Self {
        let unit = Self::new();
        unit.boot();
        unit
    }

    /// A path of the unit; `card` is what is on its card.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    pub fn link(&self, target: &str, name: &str) {
        std::os::unix::fs::symlink(target, self.path(name)).unwrap();
    }

    pub fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    pub fn mode(&self, name: &str) -> u32 {
        self.path(name).symlink_metadata().unwrap().mode() & 0o7777
    }

    /// Lets a program fail from now on; `text` is for those that ask what about.
    pub fn break_down(&self, fault: &str, text: &str) {
        self.write(&format!("fault/{fault}"), text);
    }

    /// Lets a program work again.
    pub fn mend(&self, fault: &str) {
        self.remove(&format!("fault/{fault}"));
    }

    /// Everything below `name`, with kinds, modes and content. Two trees are the same if these are.
    pub fn tree(&self, name: &str) -> Vec<String> {
        let root = self.path(name);
        let entries = WalkDir::new(&root).min_depth(1).sort_by_file_name().into_iter().map(Result::unwrap);
        entries.map(|entry| described(&root, entry.path())).collect()
    }

    /// Runs a script of `/root` without a terminal.
    pub fn run(&self, script: &str, arguments: &[&str]) -> Ended {
        let mut command = self.script(script);
        command.args(arguments).stdin(Stdio::null());
        self.ended(&command.output().unwrap())
    }

    /// The same with `input` from a pipe.
    pub fn run_with(&self, script: &str, input: &str) -> Ended {
        self.run_command(self.script(script), input)
    }

    /// The same with `input` typed on a terminal.
    pub fn run_on_terminal(&self, script: &str, input: &str) -> Ended {
        let mut command = self.command("script");
        let shell = format!("sh '{}'", self.path("root").join(script).display());
        command.args(["-qec", &shell, "/dev/null"]);
        self.run_command(command, input)
    }

    /// A command of the unit that runs a script of `/root`.
    pub fn script(&self, script: &str) -> Command {
        let path = self.path("root").join(script);
        if !cfg!(target_os = "linux") {
            let mut command = self.command("sh");
            command.arg(path);
            return command;
        }
        // A shell cannot trap what is ignored when it starts, as HUP is below nohup(1).
        let mut command = self.command("env");
        command.args(["--default-signal=HUP,INT,TERM", "sh"]).arg(path);
        command
    }

    fn run_command(&self, mut command: Command, input: &str) -> Ended {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A script that refuses does not read it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        self.ended(&child.wait_with_output().unwrap())
    }

    fn command(&self, program: &str) -> Command {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(program);
        command.env("UNIT", self.dir.path()).env("PATH", path).env("LC_ALL", "C");
        command
    }

    fn ended(&self, output: &Output) -> Ended {
        use std::os::unix::process::ExitStatusExt as _;
        let status = output.status.code().or(output.status.signal().map(|signal| 128 + signal)).unwrap();
        let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat();
        Ended { status, text: text.replace(self.dir.path().to_str().unwrap(), "").replace('\r', "") }
    }

    /// What rc.initdiskless does. With `fault/boot` the card cannot be mounted.
    pub fn boot(&self) {
        let (etc, saved, card) = (self.path("etc"), self.path("conf/default/etc"), self.path("card"));
        fs::remove_dir_all(&etc).unwrap();
        fs::create_dir(&etc).unwrap();
        let is_mounted = !self.exists("fault/boot");
        if is_mounted {
            fs::remove_dir(&saved).unwrap();
            fs::rename(&card, &saved).unwrap();
            fs::write(self.path("mounts"), format!("/dev/ada0s3a {} ufs ro 0 0\n", saved.display())).unwrap();
        }
        for from in [&self.path("conf/base/etc"), &saved] {
            // rc.initdiskless ignores the exit status, too. The wrapper of cp sees only files that are copied one by one.
            Command::new("cp").arg("-Rp").arg(from.join(".")).arg(&etc).output().unwrap();
        }
        if let Ok(half) = fs::read_to_string(self.path("fault/cp")) {
            fs::write(etc.join(half), "half").unwrap();
        }
        fs::copy(self.path("conf/default/var/extract"), self.path("var/extract")).unwrap();
        let mut finish = self.command("sh");
        finish.arg(self.path("conf/default/var/extract")).arg(self.path("var"));
        let ended = self.ended(&finish.output().unwrap());
        assert_eq!(ended.status, 0, "{}", ended.text);
        assert!(!self.exists("var/extract"), "rc.initdiskless has copied it, and it is still there");
        if is_mounted {
            fs::rename(&saved, &card).unwrap();
            fs::create_dir(&saved).unwrap();
            fs::write(self.path("mounts"), "").unwrap();
        }
    }

    /// Copies the scripts, with the unit's directory in front of the paths that they use.
    fn install_scripts(&self) {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let root = self.dir.path().display();
        let placed = |file: &str, lines: &[&str]| {
            let mut text = fs::read_to_string(repository.join(file)).unwrap();
            for line in lines {
                let (name, path) = line.split_once(['=', ' ']).unwrap();
                let separator = &line[name.len()..=name.len()];
                assert!(text.contains(&format!("\n{line}\n")), "{file}: {line}");
                text = text.replace(&format!("\n{line}\n"), &format!("\n{name}{separator}{root}{path}\n"));
            }
            text
        };
        for script in ["change_password", "save_cfg", "save_sshkeys"] {
            let text = placed(&format!("overlay/root/{script}"), &[". /usr/share/sluice/cfg.subr"]);
            self.write(&format!("root/{script}"), &text);
        }
        let lines =
            ["CFG=/cfg", "CFG_ETC=/etc", "CFG_IMAGE=/conf/base/etc", "CFG_INCOMPLETE=/var/db/cfg.incomplete"];
        self.write("usr/share/sluice/cfg.subr", &placed("overlay/usr/share/sluice/cfg.subr", &lines));
        let lines = ["saved=/conf/default/etc", "image=/conf/base/etc", "etc=/etc"];
        let finish = placed("crates/builder/src/nanobsd/files/finish_cfg", &lines);
        self.write("conf/default/var/extract", &finish);
    }
}

/// A line about what is at `path`.
fn described(root: &Path, path: &Path) -> String {
    let metadata = path.symlink_metadata().unwrap();
    let name = path.strip_prefix(root).unwrap();
    if metadata.is_symlink() {
        return format!("{name:?} -> {:?}", fs::read_link(path).unwrap());
    }
    let content = if metadata.is_file() { fs::read_to_string(path).unwrap() } else { "/".to_owned() };
    format!("{name:?} {:o} {content:?}", metadata.mode() & 0o7777)
}
