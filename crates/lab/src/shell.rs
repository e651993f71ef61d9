//! A root shell on the console of a unit that runs FreeBSD.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::unit::Unit;

/// The prompt that the lab sets.
const PROMPT: &str = "sluice-lab> ";

/// The timeout of a command that reads or writes a whole slot, on a busy machine.
const LONG: Duration = Duration::from_secs(900);

impl Unit<'_> {
    /// Logs in as root, who has no password on the console, after `login: ` was seen.
    ///
    /// # Errors
    /// No shell appears.
    pub fn log_in(&mut self) -> Result<()> {
        self.type_line("root")?;
        self.expect("# ")?;
        // root's shell edits lines, and so would sh: both turn the echo on again.
        self.type_line(&format!("exec env -u ENV PS1='{PROMPT}' /bin/sh +E"))?;
        self.expect(&format!("\n{PROMPT}"))?;
        // Without echo, the console has only the output of commands.
        self.type_line("stty -echo")?;
        self.expect(&format!("\n{PROMPT}"))?;
        // Messages of daemons would appear in the middle of the output of commands.
        self.ask("service ntpd onestop; service syslogd onestop; true")?;
        Ok(())
    }

    /// Types a line.
    ///
    /// # Errors
    /// The machine has ended.
    pub fn type_line(&mut self, line: &str) -> Result<()> {
        self.console()?.send(&format!("{line}\n"))
    }

    /// Runs `command`, which must succeed, and returns its output.
    ///
    /// # Errors
    /// It failed, or does not end.
    pub fn ask(&mut self, command: &str) -> Result<String> {
        let (output, status) = self.run(command)?;
        ensure!(status == 0, "`{command}` ended with {status}: {output}");
        Ok(output)
    }

    /// Runs `command` and returns its output and exit status.
    ///
    /// # Errors
    /// It does not end.
    pub fn run(&mut self, command: &str) -> Result<(String, u8)> {
        self.type_line(&format!("{command}; echo status=$?"))?;
        let answer = self.console()?.expect(PROMPT, LONG)?;
        let parted = answer.rsplit_once("status=").and_then(|(output, status)| {
            let digits: String = status.chars().take_while(char::is_ascii_digit).collect();
            Some((output.replace('\r', ""), digits.parse().ok()?))
        });
        parted.with_context(|| format!("`{command}` printed no exit status: {answer}"))
    }
}
