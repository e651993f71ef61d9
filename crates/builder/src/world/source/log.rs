//! The log of one build step: written line by line while the step runs, and searched for the first error when it
//! fails.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use report::Stage;

use super::failure::Failure;

/// Runs `command` with its output in `log`; the stages that FreeBSD's makefiles announce become `stage`'s progress.
///
/// # Errors
/// It cannot be run or fails: then with the first error of the log and the log's path.
pub fn run(command: &mut Command, step: &str, log: &Path, stage: &Stage) -> Result<()> {
    let mut out = File::create(log).with_context(|| format!("creating the log {}", log.display()))?;
    let (reader, writer) = std::io::pipe().context("making a pipe")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().context("making a pipe")?)
        .stderr(writer)
        .spawn()
        .with_context(|| format!("running {}", command.get_program().display()))?;
    // The command holds the writing ends of the pipe; they must be closed here for the reading end to see its end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.with_context(|| format!("reading the output of {step}"))?;
        out.write_all(&line)
            .and_then(|()| out.write_all(b"\n"))
            .with_context(|| format!("writing {}", log.display()))?;
        if let Some(text) = line.strip_prefix(b">>> ") {
            stage.progress(format_args!("{step}: {}", String::from_utf8_lossy(text)));
        }
    }
    let status = child.wait().with_context(|| format!("waiting for {step}"))?;
    if status.success() {
        return Ok(());
    }
    let text = fs::read(log).with_context(|| format!("reading {}", log.display()))?;
    let Failure { lines, hint } = Failure::find(&String::from_utf8_lossy(&text));
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    let hint = hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    bail!("{step} failed ({status}):\n{lines}the whole log is {}{hint}", log.display())
}

#[cfg(test)]
mod tests {
    use report::Reporter;

    use super::*;

    fn shell(script: &str, log: &Path) -> Result<()> {
        run(Command::new("sh").args(["-c", script]), "buildkernel", log, &Reporter::new(-2).stage("world"))
    }

    #[test]
    fn a_failing_step_shows_the_first_error_and_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("_.bk");
        let script = "echo 'cc -Werror -c x.c'; echo 'config: Error: device \"vrr\" is unknown' >&2; echo '*** [x]'; exit 1";
        let error = shell(script, &log).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "buildkernel failed (exit status: 1):\n  config: Error: device \"vrr\" is unknown"
            ),
            "{error}"
        );
        assert!(error.ends_with(&format!("the whole log is {}", log.display())), "{error}");
    }

    #[test]
    fn output_and_errors_are_kept_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("_.bw");
        shell("echo one; echo two >&2; echo three", &log).unwrap();
        assert_eq!(fs::read_to_string(log).unwrap(), "one\ntwo\nthree\n");
    }
}
