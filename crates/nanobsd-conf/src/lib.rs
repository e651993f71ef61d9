//! Conversion of a nanobsd.conf into a product definition, hooks and notes. The file is a shell script; it is read, never
//! run.
//!
//! Invariant: nothing is lost silently. Every statement is entered in the report: as carried over, or
//! with the reason why not. Statements whose effect only a run would show are left to the engineer, with their lines.

mod body;
mod command;
mod concern;
mod conditional;
mod configuration;
mod conversion;
mod copy;
mod customization;
mod defaults;
mod device;
mod draft;
mod hook;
mod key;
mod location;
mod meaning;
mod name;
mod options;
mod output;
mod package;
mod quote;
mod reader;
mod reads;
mod report;
mod request;
mod site;
mod site_copies;
mod stage;
mod statement;
mod switches;
mod table;
#[cfg(test)]
mod tests;
mod token;
mod value;
mod variables;
mod word;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use configuration::{Configuration, FLASH_DEVICE};
use conversion::{Conversion, PRODUCT, file_name};
use output::OutputDirectory;
pub use quote::shell_word;
use report::Report;
pub use request::{Checked, Converted, Product, Request};
use site::Site;
use table::VariableRow;

/// Converts a configuration.
///
/// # Errors
/// A file cannot be read or is not a shell script, or the output directory is not empty.
pub fn convert(request: &Request<'_>) -> Result<Converted> {
    let output = OutputDirectory::check(request.output)?;
    let mut conversion = read(request, output.name_from(request.root))?;
    conversion.draft.report_differences(request, &conversion.set, &mut conversion.report)?;
    output.write(conversion, request)
}

/// Reads everything, and decides what is to be written.
fn read(request: &Request<'_>, base: String) -> Result<Conversion> {
    let mut report = Report::default();
    let configuration = reader::read(request.file, request.product, &mut report)?;
    let site = Site { request, configuration: &configuration };
    let customization = customization::customization(site, &file_name(request.file), &mut report)?;
    let mut conversion = Conversion::new(request, base, customization, report);
    conversion.set = configuration.variables.keys().cloned().collect();
    variables::convert(&mut conversion, site)?;
    switches::convert(&mut conversion, site)?;
    conversion.report_copies(&configuration);
    report_emptiness(&mut conversion, &configuration);
    Ok(conversion)
}

/// Reports a configuration that sets nothing of NanoBSD's.
fn report_emptiness(conversion: &mut Conversion, configuration: &Configuration) {
    let is_nanobsds = |name: &String| name == FLASH_DEVICE || VariableRow::find(name).is_some();
    let sets = configuration.variables.keys().any(is_nanobsds);
    if !sets && configuration.calls.is_empty() {
        let note = format!(
            "{} sets no variable of NanoBSD and registers no function, so {PRODUCT} is the product as it is\nhint: give the \
             file that `nanobsd.sh -c` takes",
            conversion.name
        );
        conversion.report.general(note);
    }
}

/// The output directory of a conversion of `file` if none is given: the name of the file without its extension.
///
/// # Errors
/// The file has no name.
pub fn default_output(file: &Path) -> Result<PathBuf> {
    let stem = file.file_stem().with_context(|| format!("converting {}: not a file", file.display()))?;
    Ok(PathBuf::from(stem))
}
