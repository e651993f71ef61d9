//! A conversion before anything is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::configuration::Configuration;
use super::copy::{Content, Copy};
use super::customization::Customization;
use super::device::devices;
use super::draft::Draft;
use super::location::Location;
use super::report::Report;
use super::request::Request;
use super::site_copies::DIRECTORY;

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
    /// The variables that the file sets.
    pub set: BTreeSet<String>,
    /// The files to copy.
    pub copies: Vec<Copy>,
    /// The variables that hooks use and that can have another value there: the values in the file, with their lines.
    pub differing: BTreeMap<String, (Location, String)>,
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
            set: BTreeSet::new(),
            copies: customization.copies.clone(),
            differing: BTreeMap::new(),
            customization,
            modes: Vec::new(),
            packages: Vec::new(),
        }
    }

    /// Reports what the copies need a look for.
    pub fn report_copies(&mut self, configuration: &Configuration) {
        for name in &self.customization.differing {
            let Some(variable) = configuration.variables.get(name) else { continue };
            if let Ok(value) = variable.plain() {
                self.differing.insert(name.clone(), (variable.location.clone(), value));
            }
        }
        let (mut kept, mut modes) = (Vec::new(), Vec::new());
        let mut left: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for copy in &self.copies {
            let to = copy.to.display().to_string();
            match &copy.content {
                Content::Script(_) => self.report.without_carriage_returns(&to),
                Content::File(_) if copy.has_carriage_returns => kept.push(to.clone()),
                Content::LeftOut(why) => left.entry(why).or_default().push(to.clone()),
                _ => {}
            }
            if let Some(mode) = copy.mode.filter(|_| copy.to.starts_with(DIRECTORY)) {
                modes.push(format!("{to} ({mode:04o})"));
            }
            if copy.leaves(Path::new("Files")) {
                self.report.general(format!("{to} is a link that leads out of Files, as it does in NanoBSD"));
            }
            for (line, note) in devices_in(&copy.content, configuration) {
                self.report.general(format!("{to}, line {}: {note}", line + 1));
            }
        }
        for (why, paths) in left {
            self.report.general(format!("left out because {why} are not copied: {}", paths.join(", ")));
        }
        if !kept.is_empty() {
            self.report.general(format!(
                "lines end with carriage returns in {}\nhint: remove them if the unit does not expect them",
                kept.join(", ")
            ));
        }
        if !modes.is_empty() {
            self.report.general(format!(
                "git does not keep the modes of {}\nhint: set them in the hooks",
                modes.join(", ")
            ));
        }
    }
}

/// The largest file that is searched for devices, in bytes.
const LARGEST_TEXT: u64 = 1 << 20;

/// Notes on the devices that a file names, each with its line, from 0.
fn devices_in(content: &Content, configuration: &Configuration) -> Vec<(usize, String)> {
    let bytes = match content {
        Content::Script(text) => text.clone(),
        Content::File(from) if fs::metadata(from).is_ok_and(|file| file.len() <= LARGEST_TEXT) => {
            fs::read(from).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    String::from_utf8(bytes).map(|text| devices(&text, configuration)).unwrap_or_default()
}

/// The name of the configuration in messages.
pub fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
