//! A running machine: its console, its power, its reset button.

use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::console::Console;
use super::qmp::Monitor;
use super::{Machine, Serial};

/// How long QEMU may take to end once it was told to.
const ENDING: Duration = Duration::from_secs(10);

/// A machine that runs until it is switched off; dropping it is a power cut.
pub struct Guest {
    /// Its serial console.
    pub console: Console,
    child: Child,
    monitor: Monitor,
    /// Holds the socket of the monitor.
    _dir: TempDir,
}

impl Guest {
    pub(super) fn start(machine: &Machine, log: &Path) -> Result<Self> {
        let dir = tempfile::tempdir().context("making a folder for QEMU's socket")?;
        let socket = dir.path().join("monitor");
        let monitor = Monitor::listen(&socket)?;
        let mut command = machine.command(Serial::Pipes { monitor: &socket });
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| machine.not_started(error))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("starting QEMU: it has no pipes");
        };
        match Console::new(input, output, log) {
            Ok(console) => Ok(Self { console, child, monitor, _dir: dir }),
            Err(error) => {
                end(&mut child);
                Err(error)
            }
        }
    }

    /// Cuts the power: QEMU is killed in the middle of whatever it does. What the guest was told to be written is in the
    /// image of a kept disk.
    ///
    /// # Errors
    /// QEMU cannot be killed.
    pub fn power_cut(mut self) -> Result<()> {
        self.child.kill().context("killing QEMU")?;
        self.child.wait().context("waiting for QEMU that was killed")?;
        self.console.finish();
        Ok(())
    }

    /// Ends QEMU in good order. The guest is not asked.
    ///
    /// # Errors
    /// QEMU does not end.
    pub fn quit(mut self) -> Result<()> {
        self.monitor.execute("quit")?;
        self.wait(ENDING).map(|_| ())
    }

    /// Presses the reset button, or lets a watchdog bite.
    ///
    /// # Errors
    /// QEMU has ended.
    pub fn reset(&mut self) -> Result<()> {
        self.monitor.execute("system_reset")
    }

    /// Presses and releases a key of the keyboard, by QEMU's name for it: `f1`, `1`, `ret`.
    ///
    /// # Errors
    /// QEMU has ended or knows no such key.
    pub fn press_key(&mut self, name: &str) -> Result<()> {
        let key = serde_json::json!({ "type": "qcode", "data": name });
        self.monitor.execute_with("send-key", &serde_json::json!({ "keys": [key] }))
    }

    /// Presses the power button: the guest, if it heeds ACPI, shuts down. [`Guest::wait`] for the end.
    ///
    /// # Errors
    /// QEMU has ended.
    pub fn press_power_button(&mut self) -> Result<()> {
        self.monitor.execute("system_powerdown")
    }

    /// Waits until the machine has switched itself off.
    ///
    /// # Errors
    /// It has not within `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        // QEMU closes its output by ending, and by nothing else.
        if !self.console.wait_closed(timeout) {
            bail!("waiting for the machine to end: it still runs after {:.1} s", timeout.as_secs_f64());
        }
        self.child.wait().context("waiting for QEMU")
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        end(&mut self.child);
        self.console.finish();
    }
}

/// Kills QEMU if it still runs; that it may have ended by itself is no error.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
