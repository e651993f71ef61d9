//! `cargo xtask setup`: finds the tools that the builder uses, and installs those that are missing.

use anyhow::{Context, Result};
use builder::toolchain::{self, Group, NEEDS, Need, Toolchain};
use report::Reporter;
use serde::Serialize;

/// Find and install the tools that the other commands need
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only report which tools are found or missing; exit with 1 if one is missing
    #[arg(long)]
    check: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Only look for the tools of these occasions, separated by commas
    #[arg(long = "for", value_name = "OCCASION", value_delimiter = ',')]
    groups: Vec<Group>,
}

/// One line of the report.
#[derive(Serialize)]
struct Line {
    name: &'static str,
    purpose: &'static str,
    groups: &'static [Group],
    path: Option<String>,
    version: Option<String>,
}

impl Args {
    /// Sets the machine up, then reports.
    pub fn run(self, reporter: &Reporter) -> Result<()> {
        let groups = if self.groups.is_empty() { Group::ALL.to_vec() } else { self.groups };
        let needs: Vec<_> = NEEDS.iter().filter(|need| need.in_any(&groups)).collect();
        let toolchain = if self.check {
            Toolchain::find(needs.iter().copied())?
        } else {
            toolchain::ensure(&groups, &mut |line| reporter.summary(line))?
        };
        let lines: Vec<_> = needs.iter().map(|need| line(need, &toolchain)).collect();
        let text = if self.json {
            serde_json::to_string_pretty(&lines).context("writing the report as JSON")? + "\n"
        } else {
            table(&lines)
        };
        report::result(&text)?;
        let lacking = lines.iter().filter(|line| line.path.is_none()).count();
        if lacking > 0 {
            anyhow::bail!("checking the tools: {lacking} lack; `cargo xtask setup` installs them");
        }
        Ok(())
    }
}

fn line(need: &Need, toolchain: &Toolchain) -> Line {
    Line {
        name: need.name,
        purpose: need.purpose,
        groups: need.groups,
        path: toolchain.path(need.name).ok().map(|path| path.display().to_string()),
        version: toolchain.version(need),
    }
}

fn table(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        let (mark, rest) = match (&line.path, &line.version) {
            (Some(path), Some(version)) => ("found  ", format!("{version}, {path}")),
            (Some(path), None) => ("found  ", path.clone()),
            (None, _) => ("missing", format!("for {}", line.purpose)),
        };
        out += &format!("{mark}  {:<17} {rest}\n", line.name);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_what_is_here_and_what_lacks() {
        let line = |path: Option<&str>, version: Option<&str>| Line {
            name: "clang",
            purpose: "linking the services of a real world",
            groups: &[Group::World],
            path: path.map(str::to_owned),
            version: version.map(str::to_owned),
        };
        let lines = [
            line(Some("/usr/bin/clang"), Some("14.0.6")),
            line(Some("/usr/bin/clang"), None),
            line(None, None),
        ];
        insta::assert_snapshot!(table(&lines), @r"
        found    clang             14.0.6, /usr/bin/clang
        found    clang             /usr/bin/clang
        missing  clang             for linking the services of a real world
        ");
    }
}
