//! A conversion before anything is written.

use std::path::Path;

use super::copy::Copy;
use super::customization::Customization;
use super::draft::Draft;
use super::report::Report;
use super::request::Request;

/// The name of the product definition in the output directory.
pub const PRODUCT: &str = "product.toml";
/// The name of the file with the modes of the copies.
pub const MODES: &str = "files.mtree";
/// The name of the notes.
pub const NOTES: &str = "NOTES.md";

/// What is to be written.
#[derive(Debug)]
pub struct Conversion {
    /// The name of the configuration.
    pub name: String,
    /// The output directory as `product.toml` names it.
    pub base: String,
    /// What became of each line.
    pub report: Report,
    /// The product definition.
    pub draft: Draft,
    /// The registered functions.
    pub customization: Customization,
    /// The files to copy.
    pub copies: Vec<Copy>,
    /// The lines of an mtree(5) file with modes of the copies.
    pub modes: Vec<String>,
    /// The lines of a `pkglist`.
    pub packages: Vec<String>,
}

impl Conversion {
    /// A conversion that has only registered functions so far; `base` is the output directory as `product.toml` names it.
    pub fn new(request: &Request<'_>, base: String, customization: Customization, report: Report) -> Self {
        Self {
            name: file_name(request.file),
            base,
            report,
            draft: Draft::default(),
            customization,
            copies: Vec::new(),
            modes: Vec::new(),
            packages: Vec::new(),
        }
    }
}

/// The name of the configuration in messages.
pub fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
