//! A running machine: its console, its power, its reset button.

use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::console::Console;
use super::qmp::Monitor;

/// The timeout of QEMU's end after `quit`.
const ENDING: Duration = Duration::from_secs(10);

/// A running machine. Dropping it is a power cut.
pub struct Guest {
    /// Its serial console.
    pub console: Console,
    child: Child,
    monitor: Monitor,
    /// The directory of the monitor's socket.
    _dir: TempDir,
}

impl Guest {
    /// The guest of the QEMU process `child`, whose monitor's socket is in `dir`.
    pub fn new(mut child: Child, monitor: Monitor, dir: TempDir, log: &Path) -> Result<Self> {
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

    /// Cuts the power: kills QEMU, whatever it is doing. Completed writes are in the image of a kept disk.
    ///
    /// # Errors
    /// QEMU cannot be killed.
    pub fn power_cut(mut self) -> Result<()> {
        self.child.kill().context("killing QEMU")?;
        self.child.wait().context("waiting for the killed QEMU")?;
        self.console.finish();
        Ok(())
    }

    /// Ends QEMU orderly, without asking the guest.
    ///
    /// # Errors
    /// QEMU does not end.
    pub fn quit(mut self) -> Result<()> {
        self.monitor.execute("quit")?;
        self.wait(ENDING).map(|_| ())
    }

    /// Resets the machine, as its reset button or a watchdog does.
    ///
    /// # Errors
    /// QEMU has ended.
    pub fn reset(&mut self) -> Result<()> {
        self.monitor.execute("system_reset")
    }

    /// Presses and releases a key of the keyboard, by QEMU's name: `f1`, `1`, `ret`.
    ///
    /// # Errors
    /// QEMU has ended, or has no such key.
    pub fn press_key(&mut self, name: &str) -> Result<()> {
        let key = serde_json::json!({ "type": "qcode", "data": name });
        self.monitor.execute_with("send-key", &serde_json::json!({ "keys": [key] }))
    }

    /// Presses the power button: a guest with ACPI shuts down; use [`Guest::wait`] to wait for that.
    ///
    /// # Errors
    /// QEMU has ended.
    pub fn press_power_button(&mut self) -> Result<()> {
        self.monitor.execute("system_powerdown")
    }

    /// Waits until the machine has switched itself off.
    ///
    /// # Errors
    /// It does not within `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        // QEMU closes its output only when it ends.
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

/// Kills QEMU if it is still running.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
