//! Why a step of FreeBSD's build failed, from its log.
//!
//! make(1) runs several jobs at once and names the target of what follows (`--- lex.c ---`) whenever it is another's output.
//! When a job fails it says so (`*** [lex.c] Error code 127`), while other jobs go on. So the reason is in the failed target's
//! own output, and not in what looks like an error elsewhere: warnings, names of options, commands that are echoed.

use crate::first_error::shorten;
use crate::toolchain::{NEEDS, ToolSource};

/// Lines of a compiler's or program's message that are shown.
const SHOWN: usize = 6;
/// How far before the failure the target's output is searched, in sections.
const SECTIONS: usize = 20;

/// Programs that a package of another name has, on Debian. FreeBSD has them in its base system.
const PACKAGES: [(&str, &str); 8] = [
    ("awk", "gawk"),
    ("c++", "g++"),
    ("cc", "gcc"),
    ("lex", "flex"),
    ("nm", "binutils"),
    ("xz", "xz-utils"),
    ("yacc", "byacc"),
    ("zic", "libc-bin"),
];

/// What the engineer should see of a failed step.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// Lines of the log: the reason, then what make(1) says of the target.
    pub lines: Vec<String>,
    /// What to do, where that is known.
    pub hint: Option<String>,
}

impl Failure {
    /// The first failure in `log`.
    pub fn find(log: &str) -> Self {
        let lines: Vec<&str> = log.lines().collect();
        let Some(failed) = lines.iter().position(|line| is_failed_target(line)) else {
            let first = lines.iter().position(|line| is_error(line));
            let start = first.unwrap_or_else(|| lines.len().saturating_sub(SHOWN));
            return Self::of(lines[start..].iter().copied().take(SHOWN), &[]);
        };
        let stopped = lines[failed..].iter().take(4).filter(|line| line.contains(": stopped in "));
        let made: Vec<&str> = std::iter::once(lines[failed]).chain(stopped.copied()).collect();
        Self::of(reason(&lines[..failed], target(lines[failed])).into_iter(), &made)
    }

    fn of<'l>(reason: impl Iterator<Item = &'l str>, made: &[&str]) -> Self {
        let reason: Vec<&str> = reason.collect();
        let hint = reason.iter().find_map(|line| hint(line));
        Self { lines: reason.iter().chain(made).map(|line| shorten(line)).collect(), hint }
    }
}

/// The lines that say why `target` failed, from its output in `lines`, which end where it failed.
fn reason<'l>(lines: &[&'l str], target: Option<&str>) -> Vec<&'l str> {
    let mut end = lines.len();
    let mut last = Vec::new();
    for _ in 0..SECTIONS {
        let header = lines[..end].iter().rposition(|line| is_header(line));
        let is_other = header.zip(target).is_some_and(|(at, target)| section(lines[at]) != Some(target));
        let section = &lines[header.map_or(0, |at| at + 1)..end];
        if !is_other {
            if let Some(first) = section.iter().position(|line| is_error(line)) {
                return section[first..]
                    .iter()
                    .copied()
                    .filter(|line| !line.is_empty())
                    .take(SHOWN)
                    .collect();
            }
            if last.is_empty() {
                let said: Vec<&str> = section.iter().copied().filter(|line| !line.is_empty()).collect();
                last = said[said.len().saturating_sub(SHOWN)..].to_vec();
            }
        }
        let Some(header) = header else { break };
        end = header;
    }
    last
}

/// Whether make(1) says in a line that a target failed.
fn is_failed_target(line: &str) -> bool {
    (line.starts_with("*** [") || line.starts_with("*** Error code"))
        && !line.ends_with("(ignored)")
        && !line.ends_with("(continuing)")
}

/// The target of a line for which [`is_failed_target`] holds, if it names one.
fn target(line: &str) -> Option<&str> {
    line.strip_prefix("*** [")?.split(']').next()
}

/// Whether other output begins with a line: another target's, or another directory's.
fn is_header(line: &str) -> bool {
    section(line).is_some() || line.starts_with("===> ")
}

/// The target of a line `--- target ---`.
fn section(line: &str) -> Option<&str> {
    line.strip_prefix("--- ")?.strip_suffix(" ---")
}

/// Whether a line says what is wrong, as make(1), shells, compilers, linkers and config(8) do.
fn is_error(line: &str) -> bool {
    const FIRST: [&str; 6] = ["error: ", "fatal error: ", "config: ", "ERROR: ", "make: ", "*** "];
    const INSIDE: [&str; 6] = [
        ": error: ",
        ": fatal error: ",
        "undefined symbol: ",
        "undefined reference to ",
        "don't know how to make ",
        "No space left on device",
    ];
    const LAST: [&str; 3] = [": not found", ": Permission denied", ": No such file or directory"];
    !line.contains(": warning: ")
        && !is_failed_target(line)
        && (FIRST.iter().any(|sign| line.starts_with(sign))
            || INSIDE.iter().any(|sign| line.contains(sign))
            || LAST.iter().any(|sign| line.ends_with(sign)))
}

/// What to do about a line that says what is wrong.
fn hint(line: &str) -> Option<String> {
    if let Some(program) = missing_program(line) {
        let package = PACKAGES.iter().find(|(known, _)| *known == program);
        let package = package.map(|(_, package)| format!(" (Debian's package `{package}`)"));
        return Some(format!("install `{program}`{}", package.unwrap_or_default()));
    }
    if let Some(rest) = line.split("error: invalid value '").nth(1)
        && let Some((_, option)) = rest.split_once(" in ")
    {
        return Some(format!("install a newer clang and lld: this clang does not know {option}"));
    }
    if let Some(rest) = line.split("fatal error: ").nth(1) {
        let header = rest.trim_start_matches('\'').split(['\'', ':']).next().unwrap_or_default();
        let need =
            NEEDS.iter().find(|need| matches!(need.source, ToolSource::Header(file) if file == header))?;
        return Some(format!("install {} (Debian's package `{}`)", need.name, need.debian.join("`, `")));
    }
    line.contains("No space left on device").then(|| "make room on the disk that target/ is on".to_owned())
}

/// The program that a shell did not find: `sh: 1: lex: not found`, `/bin/sh: lex: command not found`.
fn missing_program(line: &str) -> Option<&str> {
    let said = line.strip_suffix(": not found").or_else(|| line.strip_suffix(": command not found"))?;
    let (shell, program) = said.rsplit_once(": ")?;
    let is_word = !program.is_empty() && !program.contains(char::is_whitespace);
    (is_word && shell.split(':').next()?.ends_with("sh")).then_some(program)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn shown(log: &str) -> String {
        let Failure { lines, hint } = Failure::find(log);
        let hint = hint.map(|hint| format!("hint: {hint}"));
        lines.into_iter().chain(hint).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_missing_program_is_named_with_its_target_among_the_output_of_other_jobs() {
        assert_snapshot!(shown(include_str!("failure/lex.log")), @r"
        sh: 1: lex: not found
        *** [lex.c] Error code 127
        bmake[1]: stopped in /usr/src/usr.bin/mkesdb
        hint: install `lex` (Debian's package `flex`)
        ");
    }

    #[test]
    fn an_old_compiler_is_told_by_its_own_error_and_not_by_options_named_error() {
        assert_snapshot!(shown(include_str!("failure/clang.log")), @r"
        error: invalid value 'c++23' in '-std=c++23'
        note: use 'c++98' or 'c++03' for 'ISO C++ 1998 with amendments' standard
        note: use 'gnu++98' or 'gnu++03' for 'ISO C++ 1998 with amendments and GNU extensions' standard
        note: use 'c++11' for 'ISO C++ 2011 with amendments' standard
        note: use 'gnu++11' for 'ISO C++ 2011 with amendments and GNU extensions' standard
        note: use 'c++14' for 'ISO C++ 2014 with amendments' standard
        *** [algorithm.o] Error code 1
        bmake[1]: stopped in /usr/src/lib/libc++
        hint: install a newer clang and lld: this clang does not know '-std=c++23'
        ");
    }

    #[test]
    fn without_jobs_the_lines_before_the_failure_count() {
        let log = "sh: 1: uname: not found\n===> lib/libx (all)\ncc -c x.c\nx.c:1:1: fatal error: 'archive.h' file not found\n\
                   1 error generated.\n*** Error code 1\n\nStop.\nmake[1]: stopped in /usr/src/lib/libx\n";
        assert_snapshot!(shown(log), @r"
        x.c:1:1: fatal error: 'archive.h' file not found
        1 error generated.
        *** Error code 1
        make[1]: stopped in /usr/src/lib/libx
        hint: install libarchive (Debian's package `libarchive-dev`)
        ");
    }

    #[test]
    fn a_failure_that_is_ignored_and_a_target_that_says_nothing_are_no_reasons() {
        let log = "--- a ---\nx: error: a\n*** [a] Error code 1 (ignored)\n--- b ---\nfalse\n*** [b] Error code 1\n";
        assert_snapshot!(shown(log), @r"
        false
        *** [b] Error code 1
        ");
        assert_snapshot!(shown("*** don't know how to make x\n"), @"*** don't know how to make x");
        assert_eq!(shown(""), "");
    }
}
