//! Questions to git(1). Its own words are part of the error when it fails.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Error, Result, anyhow};

/// The commands of git that help, as git's message about a repository of another user names one.
const ADVICE: &str = "git config ";

/// Runs `git` with `arguments` in `dir`, and returns its output without the last line end. `what` says what the output is.
///
/// # Errors
/// git cannot be run, or fails. The message has the first line of what git says.
pub fn read(dir: &Path, what: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .current_dir(dir)
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
        .with_context(|| format!("running git to read {what} in {}", dir.display()))?;
    if !output.status.success() {
        return Err(failure(dir, what, &String::from_utf8_lossy(&output.stderr)));
    }
    let text = String::from_utf8(output.stdout);
    let text =
        text.with_context(|| format!("reading {what} in {}: git's output is not UTF-8", dir.display()))?;
    Ok(text.trim_end_matches('\n').to_owned())
}

/// The error for what git printed on its standard error.
fn failure(dir: &Path, what: &str, said: &str) -> Error {
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("git failed without a message");
    let hint = match lines.find(|line| line.starts_with(ADVICE)) {
        Some(command) => format!("\nhint: run `{command}`"),
        None if first.contains("does not have any commits") => "\nhint: commit something first".to_owned(),
        None => String::new(),
    };
    anyhow!("reading {what} in {}: {first}{hint}", dir.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error of `git log` in `dir`, with the name of the directory replaced.
    fn refusal(dir: &Path) -> String {
        let error = read(dir, "the last commit", &["log", "-1"]).unwrap_err().to_string();
        error.replace(&dir.display().to_string(), "DIR")
    }

    #[test]
    fn gits_own_line_is_in_the_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(
            refusal(dir.path()).starts_with("reading the last commit in DIR: fatal: not a git repository")
        );
        read(dir.path(), "nothing", &["init", "--quiet", "--initial-branch=main"]).unwrap();
        assert_eq!(
            refusal(dir.path()),
            "reading the last commit in DIR: fatal: your current branch 'main' does not have any commits yet\n\
             hint: commit something first"
        );
        let mut other = Command::new("git");
        other.current_dir(dir.path()).args(["log", "-1"]).env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
        let output = other.env("GIT_CONFIG_GLOBAL", "/dev/null").env("LC_ALL", "C").output().unwrap();
        let error =
            failure(dir.path(), "the last commit", &String::from_utf8_lossy(&output.stderr)).to_string();
        let (line, hint) = error.split_once('\n').unwrap();
        assert!(line.contains(": fatal: detected dubious ownership in repository at "), "{error}");
        assert!(hint.starts_with("hint: run `git config --global --add safe.directory "), "{error}");
    }
}
