//! The machine, before it is started.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Error, Result, anyhow};
use builder::board;

use super::disk::Disk;
use super::guest::Guest;
use super::network::{self, Forward};
use super::option::escaped;
use super::qmp::Monitor;

/// A machine that can be started.
#[derive(Clone, Debug)]
pub struct Machine {
    board: &'static board::Machine,
    program: PathBuf,
    memory: u32,
    disks: Vec<Disk>,
    floppy: Option<PathBuf>,
    network: Option<Vec<Forward>>,
    watchdog: bool,
    clock: Option<&'static str>,
}

/// Where the serial port leads.
#[derive(Clone, Copy, Debug)]
enum Serial<'a> {
    /// This terminal, shared with QEMU's monitor.
    Terminal,
    /// Standard input and output, which are pipes; the monitor connects to a socket.
    Pipes { monitor: &'a Path },
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    /// The default board's machine, with no disk and no network.
    pub fn new() -> Self {
        let board = &board::DEFAULT.machine;
        Self {
            board,
            program: PathBuf::from(board.program),
            memory: board.memory,
            disks: Vec::new(),
            floppy: None,
            network: None,
            watchdog: false,
            clock: None,
        }
    }

    /// Uses this QEMU instead of the one in `PATH`.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = program.into();
        self
    }

    /// Sets the memory to `mib` MiB.
    #[must_use]
    pub fn memory(mut self, mib: u32) -> Self {
        self.memory = mib;
        self
    }

    /// Attaches another disk: the first is `ada0` and BIOS drive 0x80, and is booted.
    #[must_use]
    pub fn disk(mut self, disk: Disk) -> Self {
        self.disks.push(disk);
        self
    }

    /// Attaches a network interface (`em0`) to a network with DHCP; `forwards` are ports of this machine's loopback interface.
    #[must_use]
    pub fn network(mut self, forwards: impl IntoIterator<Item = Forward>) -> Self {
        self.network = Some(forwards.into_iter().collect());
        self
    }

    /// Starts its clock at this time, such as `2038-01-19T03:13:00`.
    #[must_use]
    pub fn clock(mut self, time: &'static str) -> Self {
        self.clock = Some(time);
        self
    }

    /// Adds a watchdog, which resets the machine when it fires. FreeBSD has no driver for it.
    #[must_use]
    pub fn watchdog(mut self) -> Self {
        self.watchdog = true;
        self
    }

    /// Boots from a floppy image. With that of [`super::lba_off_floppy`], the BIOS has no LBA, as that of an early ALIX.
    #[must_use]
    pub fn boot_floppy(mut self, image: impl Into<PathBuf>) -> Self {
        self.floppy = Some(image.into());
        self
    }

    /// Runs it with its serial port on this terminal until QEMU ends: Ctrl-A x ends it, Ctrl-A c opens the monitor.
    ///
    /// # Errors
    /// QEMU does not start.
    pub fn run_on_terminal(&self) -> Result<ExitStatus> {
        self.command(Serial::Terminal).status().map_err(|error| self.not_started(error))
    }

    /// Starts it for a script. Everything that it sends on its serial port is also written to the file `log`.
    ///
    /// # Errors
    /// QEMU does not start, or the log cannot be created.
    pub fn start(&self, log: &Path) -> Result<Guest> {
        let dir = tempfile::tempdir().context("making a directory for QEMU's socket")?;
        let socket = dir.path().join("monitor");
        let monitor = Monitor::listen(&socket)?;
        let mut command = self.command(Serial::Pipes { monitor: &socket });
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = command.spawn().map_err(|error| self.not_started(error))?;
        Guest::new(child, monitor, dir, log)
    }

    fn command(&self, serial: Serial<'_>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-nodefaults", "-no-user-config", "-display", "none", "-vga", "none"]);
        command.args(["-machine", self.board.kind, "-accel", "tcg", "-cpu", self.board.cpu]);
        command.arg("-m").arg(self.memory.to_string());
        for (index, disk) in self.disks.iter().enumerate() {
            disk.arguments(index, self.board.disk, &mut command);
        }
        if let Some(image) = &self.floppy {
            let mut drive = OsString::from("if=floppy,format=raw,readonly=on,file=");
            drive.push(escaped(image));
            command.arg("-drive").arg(drive).args(["-boot", "a"]);
        }
        if let Some(forwards) = &self.network {
            network::arguments(forwards, self.board.network, &mut command);
        }
        if let Some(time) = self.clock {
            command.args(["-rtc", &format!("base={time}")]);
        }
        if self.watchdog {
            command.args(["-device", self.board.watchdog, "-action", "watchdog=reset"]);
        }
        match serial {
            Serial::Terminal => {
                command.args(["-chardev", "stdio,id=com1,mux=on,signal=off"]);
                command.args(["-mon", "chardev=com1,mode=readline"]);
            }
            Serial::Pipes { monitor } => {
                command.args(["-chardev", "stdio,id=com1,signal=off"]);
                let mut socket = OsString::from("socket,id=monitor,path=");
                socket.push(escaped(monitor));
                command.arg("-chardev").arg(socket).args(["-mon", "chardev=monitor,mode=control"]);
            }
        }
        command.args(["-serial", "chardev:com1"]);
        command
    }

    fn not_started(&self, error: io::Error) -> Error {
        let program = self.program.display();
        if error.kind() == io::ErrorKind::NotFound {
            anyhow!(
                "starting {program}: there is no such program\nhint: install QEMU with `cargo xtask setup`"
            )
        } else {
            anyhow!(error).context(format!("starting {program}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(machine: &Machine) -> String {
        let command = machine.command(Serial::Terminal);
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        words.join(" ")
    }

    #[test]
    fn a_machine_has_nothing_that_was_not_requested() {
        let line = line(&Machine::new());
        assert!(line.contains("-nodefaults") && line.contains("-cpu pentium -m 256"), "{line}");
        for absent in ["-drive", "-netdev", "-boot", "-device", "-rtc"] {
            assert!(!line.contains(absent), "{line}");
        }
    }

    #[test]
    fn a_comma_in_a_path_is_part_of_the_path() {
        let line = line(&Machine::new().disk(Disk::kept("/tmp/a,b.img")).network([]));
        assert!(line.contains("file=/tmp/a,,b.img"), "{line}");
        assert!(line.contains("-netdev user,id=net0 -device e1000,netdev=net0"), "{line}");
    }

    #[test]
    fn a_missing_qemu_is_reported_with_a_hint() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let machine = Machine::new().program("/nonexistent/qemu");
        let error = machine.start(log.path()).err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(error.contains("/nonexistent/qemu") && error.contains("cargo xtask setup"), "{error}");
    }
}
