//! From a nanobsd.conf to a product definition, hooks and notes. The file is a shell script; it is read, never run.
//!
//! Invariant: nothing is lost silently. Every statement is entered in the [`Ledger`](ledger::Ledger): as carried over, or
//! with the reason why not. What only running the file would tell is for the engineer, who is told the line.

mod body;
mod boot;
mod configuration;
mod files;
mod functions;
mod ledger;
mod levers;
mod output;
mod product;
mod statement;
#[cfg(test)]
mod tests;
mod token;
mod variables;
mod word;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rootfs::{metalog, vis};
use toml_edit::Value;

use configuration::{Configuration, FLASH_DEVICE, Variable};
use files::{Beside, Copy};
use functions::Customization;
use ledger::{Ledger, Place};
use levers::Lever;
use product::Draft;
use variables::Meaning;

/// What is asked for.
#[derive(Debug)]
pub struct Request<'a> {
    /// The configuration.
    pub file: &'a Path,
    /// The folder to make.
    pub output: &'a Path,
    /// The repository, whose `appliance.toml` the result is laid over.
    pub root: &'a Path,
}

/// What came of it.
#[derive(Debug)]
pub struct Converted {
    /// What has to be looked at: headings with their lines.
    pub notes: Vec<(&'static str, Vec<String>)>,
    /// The product definition.
    pub product: PathBuf,
    /// The hooks, from the new folder.
    pub hooks: Vec<String>,
}

/// A conversion before anything is written.
#[derive(Debug)]
struct Conversion {
    /// The name of the configuration.
    name: String,
    /// How paths into the new folder are written in product.toml.
    base: String,
    ledger: Ledger,
    draft: Draft,
    customization: Customization,
    copies: Vec<Copy>,
    /// The lines of an mtree(5) file with modes of the copies.
    modes: Vec<String>,
    /// The lines of a `pkglist`.
    packages: Vec<String>,
}

/// Converts.
///
/// # Errors
/// A file that cannot be read or is no shell script, or an output folder that has something in it.
pub fn convert(request: &Request<'_>) -> Result<Converted> {
    let output = output::Folder::check(request.output)?;
    let mut conversion = read(request, output.name_from(request.root))?;
    conversion.draft.tell_differences(request.root, &mut conversion.ledger)?;
    output.write(conversion, request.root)
}

/// Reads everything, and makes up what is to be written.
fn read(request: &Request<'_>, base: String) -> Result<Conversion> {
    let mut ledger = Ledger::default();
    let configuration = configuration::read(request.file, &mut ledger)?;
    let name = request.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let customization = functions::customization(&configuration, &name, &mut ledger);
    let mut conversion = Conversion {
        name,
        base,
        ledger,
        draft: Draft::default(),
        customization,
        copies: Vec::new(),
        modes: Vec::new(),
        packages: Vec::new(),
    };
    let folder = request.file.parent().unwrap_or(Path::new("."));
    let beside = Beside::new(folder, &configuration);
    // In the order of the lines, as whoever compares the two wants it.
    let mut variables: Vec<(&String, &Variable)> = configuration.variables.iter().collect();
    variables.sort_by_key(|(_, variable)| &variable.place);
    for (name, variable) in variables {
        conversion.variable(name, variable, &configuration, &beside, request.root)?;
    }
    conversion.tell_boot0(&configuration);
    conversion.customize(&configuration, &beside, request.root)?;
    Ok(conversion)
}

impl Conversion {
    fn variable(
        &mut self,
        name: &str,
        variable: &Variable,
        configuration: &Configuration,
        beside: &Beside<'_>,
        root: &Path,
    ) -> Result<()> {
        let place = &variable.place;
        if name.ends_with("_CUSTOMIZE") && variables::default(name).is_some() && variable.value.is_ok() {
            return Ok(()); // entered while it was read
        }
        let in_hooks = self.customization.used.contains(name);
        let value = match &variable.value {
            Ok(value) => value.as_str(),
            Err(_) if in_hooks => return Ok(()), // the note about its hook says what to do
            Err(why) => {
                let instead =
                    Lever::find(name).map(|lever| format!("; {}", lever.tell())).unwrap_or_default();
                self.ledger.left(place, format!("`{name}`: {why}{instead}"));
                return Ok(());
            }
        };
        match name {
            "NANO_KERNEL" => self.tell_kernel(value, place, beside, root),
            "NANO_CFGDIR" => return self.folder("slices.cfg_folder", "cfg", name, value, variable, beside),
            "NANO_DATADIR" => {
                return self.folder("slices.data_folder", "data", name, value, variable, beside);
            }
            "NANO_CUST_FILES_MTREE" | "NANO_PACKAGE_DIR" | "NANO_PACKAGE_LIST" => return Ok(()), // with what they are for
            _ => {}
        }
        match variables::meaning(name, value) {
            Ok(Meaning::Keys(keys, notes)) => {
                let told = if name == FLASH_DEVICE {
                    format!("FlashDevice, {place}")
                } else {
                    format!("{name}, {place}")
                };
                let names: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
                self.ledger.carried(place, format!("`{name}`: {}", names.join(", ")));
                for (key, value) in keys {
                    self.draft.set(key, value, told.clone());
                }
                for note in notes {
                    self.ledger.noted(place, format!("`{name}`: {note}"));
                }
            }
            Ok(Meaning::Same(why)) => self.ledger.carried(place, format!("`{name}`: {why}")),
            Ok(Meaning::None(_) | Meaning::Unknown) if in_hooks => {}
            Ok(Meaning::None(why)) => self.ledger.left(place, format!("`{name}`: {why}")),
            Ok(Meaning::Unknown) if configuration.used.contains(name) => {
                self.ledger.carried(place, format!("`{name}`: in the values that are made with it"));
            }
            Ok(Meaning::Unknown) => self.ledger.left(place, format!("`{name}`: nothing here uses it")),
            Err(why) => self.ledger.left(place, format!("`{name}`: {why}")),
        }
        if in_hooks {
            self.ledger.carried(place, format!("`{name}`: in the hooks that use it"));
        }
        Ok(())
    }

    /// `NANO_KERNEL` is a name, or a file, which then has to be in the repository.
    fn tell_kernel(&mut self, value: &str, place: &Place, beside: &Beside<'_>, root: &Path) {
        let config = value.rsplit('/').next().unwrap_or_default();
        let file = beside.path(value);
        let has = root.join("kernel").join(config).is_file();
        if !config.is_empty() && !has && (file.is_file() || value.contains('/')) {
            let note = format!("`NANO_KERNEL`: copy {} to kernel/{config} of the repository", file.display());
            self.ledger.noted(place, note);
        }
    }

    /// Options of boot0 are none of our boot manager's.
    fn tell_boot0(&mut self, configuration: &Configuration) {
        let Some(variable) = configuration.variables.get("NANO_BOOT0CFG") else { return };
        let code = self.draft.get("boot.code").and_then(Value::as_str).unwrap_or_default();
        let idle: Vec<&str> = ["boot.packet", "boot.update", "boot.menu"]
            .into_iter()
            .filter(|key| self.draft.get(key).is_some() && !code.starts_with("boot0"))
            .collect();
        if !idle.is_empty() {
            let keys = idle.join(", ");
            let note = format!(
                "`NANO_BOOT0CFG`: {keys}: for boot0 only (boot.code = \"boot0sio\"); Sluice's boot manager probes the BIOS and \
                 offers both slots"
            );
            self.ledger.noted(&variable.place, note);
        }
    }

    /// `NANO_CFGDIR`, `NANO_DATADIR`: a folder whose content the image brings.
    fn folder(
        &mut self,
        key: &str,
        to: &str,
        name: &str,
        value: &str,
        variable: &Variable,
        beside: &Beside<'_>,
    ) -> Result<()> {
        let place = &variable.place;
        let from = beside.path(value);
        if value.is_empty() {
            self.draft.set(key, "", format!("{name}, {place}"));
            self.ledger.carried(place, format!("`{name}`: {key}"));
        } else if from.is_dir() {
            let copies = files::below(&from, Path::new(to))?;
            for (copy, mode) in copies.iter().filter_map(|copy| Some((copy, copy.mode?))) {
                let to = copy.to.display();
                let note = format!(
                    "`{name}`: {to} has mode {mode:04o}; the image gives files 0644, or 0755 with the run bit"
                );
                self.ledger.noted(place, note);
            }
            self.copies.extend(copies);
            self.draft.set(key, format!("{}/{to}", self.base), format!("{name}, {place}"));
            self.ledger.carried(place, format!("`{name}`: {key}, copied to {to}"));
        } else {
            let why = format!(
                "`{name}`: {} is no folder here; copy it into the repository and name it in {key}",
                from.display()
            );
            self.ledger.left(place, why);
        }
        Ok(())
    }

    /// `[customize]`: what a configuration does not register is not done, so every key is stated.
    fn customize(&mut self, configuration: &Configuration, beside: &Beside<'_>, root: &Path) -> Result<()> {
        let called = |names: &[&str]| {
            let call = configuration.calls.iter().find(|call| names.contains(&call.name.as_str()));
            call.map(|call| call.place.clone())
        };
        self.draft.set("customize.comconsole", true, "");
        self.draft.set("customize.allow_ssh_root", self.customization.allow_ssh_root, "");
        let files = match self.customization.install_files {
            true => self.install_files(called(&["cust_install_files"]).as_ref(), beside, root)?,
            false => false,
        };
        self.draft.set(
            "customize.install_files",
            if files { format!("{}/Files", self.base) } else { String::new() },
            "",
        );
        self.files_mtree(configuration.variables.get("NANO_CUST_FILES_MTREE"), files, beside);
        self.draft.set("customize.pkgng", self.customization.pkgng, "");
        let known = |name: &str| configuration.variables.get(name).filter(|variable| variable.value.is_ok());
        if let Some((variable, lever)) = known("NANO_PACKAGE_DIR").zip(Lever::find("NANO_PACKAGE_DIR")) {
            self.ledger.left(&variable.place, format!("`NANO_PACKAGE_DIR`: {}", lever.tell()));
        }
        if let Some(variable) = known("NANO_PACKAGE_LIST") {
            let place = &variable.place;
            if self.customization.pkgng {
                self.ledger.carried(place, "`NANO_PACKAGE_LIST`: pkglist");
            } else {
                self.ledger.left(place, "`NANO_PACKAGE_LIST`: cust_pkgng is not registered");
            }
        }
        if self.customization.pkgng {
            self.packages(configuration, called(&["cust_pkgng", "cust_pkg"]).as_ref(), beside)?;
        }
        let hooks = (!self.customization.hooks.is_empty()).then(|| format!("{}/hooks", self.base));
        self.draft.set("customize.hooks", variables::array(hooks.as_deref()), "");
        Ok(())
    }

    /// `cust_install_files`; tells whether there is anything to install.
    fn install_files(&mut self, place: Option<&Place>, beside: &Beside<'_>, root: &Path) -> Result<bool> {
        let Some(place) = place else { return Ok(false) };
        let key = format!("{}/Files", self.base);
        let Some(folder) = beside.files() else {
            self.ledger.noted(
                place,
                format!(
                    "cust_install_files: there is no folder Files beside the file; put yours into {key} and say \
                     `install_files = \"{key}\"`. NanoBSD's own scripts for /root are in the product already"
                ),
            );
            return Ok(false);
        };
        let mut copies = files::below(&folder, Path::new("Files"))?;
        // NanoBSD's own updatep1 would write the disk that runs.
        let ours = |copy: &Copy| {
            copy.to
                .strip_prefix("Files/root")
                .is_ok_and(|path| root.join("overlay/root").join(path).is_file())
        };
        for copy in copies.extract_if(.., |copy| ours(copy)) {
            self.ledger.noted(
                place,
                format!("cust_install_files: {} is left out: the product has its own", copy.to.display()),
            );
        }
        let any = !copies.is_empty();
        if any {
            self.ledger.carried(
                place,
                format!("`cust_install_files`: {} files of {}", copies.len(), folder.display()),
            );
        }
        self.copies.extend(copies);
        Ok(any)
    }

    /// `NANO_CUST_FILES_MTREE`, or else what git does not keep of the modes of `Files`.
    fn files_mtree(&mut self, variable: Option<&Variable>, files: bool, beside: &Beside<'_>) {
        let key = format!("{}/{}", self.base, output::MODES);
        let Some((Ok(value), place)) = variable.map(|variable| (&variable.value, &variable.place)) else {
            let below = |copy: &Copy| Some((copy.to.strip_prefix("Files").ok()?.to_owned(), copy.mode?));
            let line = |(path, mode): (PathBuf, u32)| {
                format!("./{} mode={mode:04o}\n", vis::encode(&path.display().to_string()))
            };
            self.modes = self.copies.iter().filter_map(below).map(line).collect();
            if !self.modes.is_empty() {
                self.draft.set("customize.files_mtree", key, "modes that git does not keep");
            }
            return;
        };
        let from = beside.path(value);
        let Some(text) = fs::read_to_string(&from).ok().filter(|_| files) else {
            let why = if files { "there is no such file here" } else { "there are no files to install" };
            return self.ledger.left(place, format!("`NANO_CUST_FILES_MTREE`: {why} ({})", from.display()));
        };
        self.draft.set("customize.files_mtree", key, format!("NANO_CUST_FILES_MTREE, {place}"));
        self.ledger.carried(
            place,
            format!("`NANO_CUST_FILES_MTREE`: customize.files_mtree, copied to {}", output::MODES),
        );
        if let Err(error) = metalog::parse_changes(output::MODES, &text) {
            let note = format!(
                "`NANO_CUST_FILES_MTREE`: `mtree -C` writes it as it is read here, a path a line: {error:#}"
            );
            self.ledger.noted(place, note);
        }
        self.copies.push(Copy { from: Some(from), to: PathBuf::from(output::MODES), mode: None });
    }

    /// `cust_pkgng`
    fn packages(
        &mut self,
        configuration: &Configuration,
        place: Option<&Place>,
        beside: &Beside<'_>,
    ) -> Result<()> {
        let Some(place) = place else { return Ok(()) };
        let list = configuration.variables.get("NANO_PACKAGE_LIST").and_then(|list| list.value.clone().ok());
        let files = match list.filter(|list| list.trim() != "*") {
            Some(list) => list.split_whitespace().map(str::to_owned).collect(),
            None => beside.packages()?,
        };
        for file in files {
            match files::package_name(&file) {
                // pkg(8) itself, which NanoBSD needs to install the others.
                Some("pkg") => {}
                Some(name) => self.packages.push(name.to_owned()),
                None => self.ledger.noted(place, format!("cust_pkgng: `{file}` names no package")),
            }
        }
        self.packages.sort();
        self.packages.dedup();
        let note = match self.packages.is_empty() {
            true => "cust_pkgng: the packages are those of pkglist".to_owned(),
            false => format!(
                "cust_pkgng: add the lines of {}/pkglist to pkglist of the repository, then `cargo xtask pkg lock`",
                self.base
            ),
        };
        self.ledger.noted(place, note);
        Ok(())
    }
}

/// The folder that a conversion of `file` makes when none is named: called as the file, without its ending.
///
/// # Errors
/// The file has no name.
pub fn default_output(file: &Path) -> Result<PathBuf> {
    let stem = file.file_stem().with_context(|| format!("converting {}: it is no file", file.display()))?;
    Ok(PathBuf::from(stem))
}
