//! root's shell on the console of a unit that runs FreeBSD.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::unit::Unit;

/// root's prompt, which the lab sets itself.
const PROMPT: &str = "sluice-lab> ";

/// A command that works through a whole slot, on a machine that is busy.
const LONG: Duration = Duration::from_secs(900);

impl Unit<'_> {
    /// Logs in as root, who has no password on the console, after `login: ` was seen.
    ///
    /// # Errors
    /// No shell comes.
    pub fn log_in(&mut self) -> Result<()> {
        self.type_line("root")?;
        self.expect("# ")?;
        // root's own shell edits its line, and sh would too: both turn the echo on again.
        self.type_line(&format!("exec env -u ENV PS1='{PROMPT}' /bin/sh +E"))?;
        self.expect(&format!("\n{PROMPT}"))?;
        // Without echo, what follows is what commands print and nothing else.
        self.type_line("stty -echo")?;
        self.expect(&format!("\n{PROMPT}"))?;
        // What daemons have to say on the console would stand in the midst of what commands print.
        self.ask("service ntpd onestop; service syslogd onestop; true")?;
        Ok(())
    }

    /// Types a line, which has to end some time.
    ///
    /// # Errors
    /// The machine has ended.
    pub fn type_line(&mut self, line: &str) -> Result<()> {
        self.console()?.send(&format!("{line}\n"))
    }

    /// What `command` prints, once it has ended with success.
    ///
    /// # Errors
    /// It failed, or does not end.
    pub fn ask(&mut self, command: &str) -> Result<String> {
        let (output, status) = self.run(command)?;
        ensure!(status == 0, "`{command}` ended with {status}: {output}");
        Ok(output)
    }

    /// What `command` prints, and its exit status.
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
        parted.with_context(|| format!("`{command}` told no exit status: {answer}"))
    }
}
