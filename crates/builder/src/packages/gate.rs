//! The instruction-set gate for the programs and libraries of packages.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use freebsd_pkg::package::{MemberKind, Package};
use isa::{Exceptions, Report, Violation};
use rayon::prelude::*;

use crate::board::Processor;

/// The most violations that are shown; more would add nothing.
const SHOWN: usize = 10;

/// Checks that `packages` contain only instructions that `processor` has, apart from `exceptions`; returns notes.
///
/// # Errors
/// A package contains other instructions, or a file that cannot be read.
pub fn check(packages: &[Package], exceptions: &Exceptions, processor: &Processor) -> Result<Vec<String>> {
    let files: Vec<(&Package, &str, usize)> = packages
        .iter()
        .flat_map(|package| package.members.iter().map(move |member| (package, member)))
        .filter_map(|(package, member)| match member.kind {
            MemberKind::File { number, .. } => Some((package, member.path.as_str(), number)),
            _ => None,
        })
        .collect();
    let reports: Vec<_> = files
        .par_iter()
        .map(|(package, path, number)| inspect(package, path, *number, processor.instructions))
        .collect::<Result<_>>()?;

    let mut notes = Vec::new();
    let mut used = BTreeSet::new();
    for ((package, path, _), report) in files.iter().zip(reports) {
        let Some(report) = report else { continue };
        let name = &package.manifest.name;
        if let Some(first) = report.undecoded.first() {
            let bytes = counted(report.undecoded.len(), "byte");
            notes.push(format!(
                "package `{name}`: {path} has {bytes} of code that cannot be decoded, the first at {first:#010x}: probably data"
            ));
        }
        let path = path.trim_start_matches('/');
        let count = report.violations.len();
        let violations = exceptions.unexcused(path, report.violations);
        if violations.len() < count {
            used.insert(path);
        }
        if !violations.is_empty() {
            bail!(refusal(name, path, &violations, processor));
        }
    }
    let unused = exceptions.0.iter().filter(|exception| !used.contains(exception.path.as_str()));
    notes.extend(unused.map(|exception| {
        format!("packages.isa excuses {} in {}, where it is not needed", exception.symbol, exception.path)
    }));
    Ok(notes)
}

/// The report on a file of a package; `None` if it is not a program or library.
fn inspect(
    package: &Package,
    path: &str,
    number: usize,
    processor: &isa::Processor,
) -> Result<Option<Report>> {
    let host = package.file(number);
    let bytes = std::fs::read(&host).with_context(|| format!("reading {}", host.display()))?;
    if !isa::is_elf(&bytes) {
        return Ok(None);
    }
    isa::inspect(path, &bytes, processor)
        .map(Some)
        .with_context(|| format!("package `{}`", package.manifest.name))
}

fn refusal(name: &str, path: &str, violations: &[Violation], processor: &Processor) -> String {
    let count = violations.len();
    let mut list: Vec<String> =
        violations.iter().take(SHOWN).map(|violation| format!("  {violation}")).collect();
    if count > SHOWN {
        list.push(format!("  and {} more", count - SHOWN));
    }
    let has_nameless_code = violations.iter().any(|violation| violation.symbol.is_none());
    let asterisk = if has_nameless_code { "; code without a symbol is matched only by `*`" } else { "" };
    format!(
        "package `{name}`: /{path} contains {} that the {} does not have\n{}\nhint: use a package that was built for it \
         (CPUTYPE?={}); if the code never runs there, add its file and symbol to [[packages.isa]]{asterisk}",
        counted(count, "instruction"),
        processor.instructions.name,
        list.join("\n"),
        processor.cputype
    )
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
