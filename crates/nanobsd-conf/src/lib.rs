//! Conversion of a nanobsd.conf into a product definition, hooks and notes. The file is a shell script; it is read, never
//! run.
//!
//! Invariant: nothing is lost silently. Every statement is entered in the [report](report::Report): as carried over, or
//! with the reason why not. Statements whose effect only a run would show are left to the engineer, with their lines.

mod body;
mod concern;
mod configuration;
mod conversion;
mod copy;
mod customization;
mod defaults;
mod draft;
mod hook;
mod key;
mod location;
mod meaning;
mod name;
mod options;
mod output;
mod package;
mod reader;
mod report;
mod request;
mod site;
mod stage;
mod statement;
mod switches;
mod table;
#[cfg(test)]
mod tests;
mod token;
mod variables;
mod word;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use conversion::{Conversion, file_name};
use output::OutputDirectory;
use report::Report;
pub use request::{Checked, Converted, Product, Request};
use site::Site;

/// Converts a configuration.
///
/// # Errors
/// A file cannot be read or is not a shell script, or the output directory is not empty.
pub fn convert(request: &Request<'_>) -> Result<Converted> {
    let output = OutputDirectory::check(request.output)?;
    let mut conversion = read(request, output.name_from(request.root))?;
    conversion.draft.report_differences(request, &mut conversion.report)?;
    output.write(conversion, request)
}

/// Reads everything, and decides what is to be written.
fn read(request: &Request<'_>, base: String) -> Result<Conversion> {
    let mut report = Report::default();
    let configuration = reader::read(request.file, &mut report)?;
    let name = file_name(request.file);
    let customization = customization::customization(&configuration, &name, request.product, &mut report);
    let mut conversion = Conversion::new(request, base, customization, report);
    let site = Site { request, configuration: &configuration };
    variables::convert(&mut conversion, site)?;
    switches::convert(&mut conversion, site)?;
    Ok(conversion)
}

/// The output directory of a conversion of `file` if none is given: the name of the file without its extension.
///
/// # Errors
/// The file has no name.
pub fn default_output(file: &Path) -> Result<PathBuf> {
    let stem = file.file_stem().with_context(|| format!("converting {}: not a file", file.display()))?;
    Ok(PathBuf::from(stem))
}
