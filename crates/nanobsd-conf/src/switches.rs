//! `[customize]`: the functions of NanoBSD that a configuration registers, with the files and packages that they install.
//! What is not registered is not done, so every key is set.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use rootfs::{metalog, vis};

use super::configuration::Variable;
use super::conversion::{Conversion, MODES};
use super::copy::{Content, Copy, below, without_carriage_returns};
use super::key::array;
use super::location::Location;
use super::package::package_name;
use super::site::Site;
use super::table::VariableRow;
use super::value::Value;

/// Sets the keys of `[customize]`.
///
/// # Errors
/// The files or packages cannot be read.
pub fn convert(conversion: &mut Conversion, site: Site<'_>) -> Result<()> {
    let base = conversion.base.clone();
    conversion.draft.set("customize.comconsole", true, "");
    conversion.draft.set("customize.allow_ssh_root", conversion.customization.allow_ssh_root, "");
    let files = match registered(site, &["cust_install_files"]) {
        Some(location) if conversion.customization.install_files => {
            install_files(conversion, location, site)?
        }
        _ => false,
    };
    let directory = if files { format!("{base}/Files") } else { String::new() };
    conversion.draft.set("customize.install_files", directory, "");
    match known(site, "NANO_CUST_FILES_MTREE") {
        Some((value, location)) => files_mtree(conversion, value, location, files, site),
        None => modes_of_copies(conversion),
    }
    let pkgng = conversion.customization.pkgng;
    conversion.draft.set("customize.pkgng", pkgng, "");
    report_package_variables(conversion, site);
    if let Some(location) = registered(site, &["cust_pkgng", "cust_pkg"]).filter(|_| pkgng) {
        packages(conversion, location, site)?;
    }
    let hooks = (!conversion.customization.hooks.is_empty()).then(|| format!("{base}/hooks"));
    conversion.draft.set("customize.hooks", array(hooks.as_deref()), "");
    Ok(())
}

/// The statement that registers one of `names`.
fn registered<'a>(site: Site<'a>, names: &[&str]) -> Option<&'a Location> {
    let call = site.configuration.calls.iter().find(|call| names.contains(&call.name.as_str()));
    call.map(|call| &call.location)
}

/// The value of a variable, if it is known.
fn known<'a>(site: Site<'a>, name: &str) -> Option<(&'a Value, &'a Location)> {
    let Variable { value, location } = site.configuration.variables.get(name)?;
    Some((value.as_ref().ok()?, location))
}

/// `cust_install_files`; returns whether there is anything to install.
fn install_files(conversion: &mut Conversion, location: &Location, site: Site<'_>) -> Result<bool> {
    let Some(directory) = site.files() else {
        let key = format!("{}/Files", conversion.base);
        conversion.report.noted(
            location,
            format!(
                "cust_install_files: there is no directory Files beside the file. NanoBSD's own scripts for /root are part \
                 of the product\nhint: to install other files, copy them to {key} and set `install_files = \"{key}\"`"
            ),
        );
        return Ok(false);
    };
    let mut copies = below(&directory, "Files".as_ref())?;
    // NanoBSD's own updatep1 would write to the running disk.
    let is_products = |copy: &Copy| {
        copy.to
            .strip_prefix("Files/root")
            .is_ok_and(|path| site.request.root.join("overlay/root").join(path).is_file())
    };
    for copy in copies.extract_if(.., |copy| is_products(copy)) {
        conversion.report.noted(
            location,
            format!("cust_install_files: {} is left out: the product has its own", copy.to.display()),
        );
    }
    let count = copies.iter().filter(|copy| copy.is_created() && copy.content != Content::Directory).count();
    if count == 0 {
        return Ok(false);
    }
    let carried = format!("`cust_install_files`: {count} files of {}", directory.display());
    conversion.report.carried(location, carried);
    conversion.copies.extend(copies);
    Ok(true)
}

/// Lists the modes of `Files` that git does not keep.
fn modes_of_copies(conversion: &mut Conversion) {
    let below_files = |copy: &Copy| Some((copy.to.strip_prefix("Files").ok()?.to_owned(), copy.mode?));
    let line = |(path, mode): (PathBuf, u32)| {
        format!("./{} mode={mode:04o}\n", vis::encode(&path.display().to_string()))
    };
    conversion.modes = conversion.copies.iter().filter_map(below_files).map(line).collect();
    if !conversion.modes.is_empty() {
        let key = format!("{}/{MODES}", conversion.base);
        conversion.draft.set("customize.files_mtree", key, "modes that git does not keep");
    }
}

/// `NANO_CUST_FILES_MTREE`
fn files_mtree(conversion: &mut Conversion, value: &Value, location: &Location, files: bool, site: Site<'_>) {
    let from = site.find(value).unwrap_or_default();
    let Some(text) = fs::read_to_string(&from).ok().filter(|_| files) else {
        let why = if files { "there is no such file here" } else { "there are no files to install" };
        let note = format!("`NANO_CUST_FILES_MTREE`: {why} ({})", from.display());
        return conversion.report.left(location, note);
    };
    let key = format!("{}/{MODES}", conversion.base);
    let origin = format!("NANO_CUST_FILES_MTREE, {location}");
    conversion.draft.set("customize.files_mtree", key, origin);
    let carried = format!("`NANO_CUST_FILES_MTREE`: customize.files_mtree, copied to {MODES}");
    conversion.report.carried(location, carried);
    if let Err(error) = metalog::parse_changes(MODES, &text.replace("\r\n", "\n")) {
        let note =
            format!("`NANO_CUST_FILES_MTREE`: {error:#}\nhint: write one path per line, as `mtree -C` does");
        conversion.report.noted(location, note);
    }
    let has_carriage_returns = text.contains("\r\n");
    let content = match has_carriage_returns {
        true => Content::Script(without_carriage_returns(text.as_bytes())),
        false => Content::File(from),
    };
    let to = PathBuf::from(MODES);
    conversion.copies.push(Copy::new(content, to));
}

/// `NANO_PACKAGE_DIR` and `NANO_PACKAGE_LIST`
fn report_package_variables(conversion: &mut Conversion, site: Site<'_>) {
    let row = VariableRow::find("NANO_PACKAGE_DIR");
    if let Some(((_, location), row)) = known(site, "NANO_PACKAGE_DIR").zip(row) {
        conversion.report.left(location, format!("`NANO_PACKAGE_DIR`: {}", row.advice()));
    }
    let list = known(site, "NANO_PACKAGE_LIST").filter(|(list, _)| list.plain().is_ok());
    if let Some((_, location)) = list {
        if conversion.customization.pkgng {
            conversion.report.carried(location, "`NANO_PACKAGE_LIST`: pkglist");
        } else {
            conversion.report.left(location, "`NANO_PACKAGE_LIST`: cust_pkgng is not registered");
        }
    }
}

/// `cust_pkgng`
fn packages(conversion: &mut Conversion, location: &Location, site: Site<'_>) -> Result<()> {
    let list = site.configuration.plain("NANO_PACKAGE_LIST").filter(|list| list.trim() != "*");
    let files = match list {
        Some(list) => list.split_whitespace().map(str::to_owned).collect(),
        None => site.packages()?,
    };
    for file in files {
        match package_name(&file) {
            // pkg(8) itself, which NanoBSD needs to install the others.
            Some("pkg") => {}
            Some(name) => conversion.packages.push(name.to_owned()),
            None => conversion
                .report
                .noted(location, format!("cust_pkgng: `{file}` is not the name of a package")),
        }
    }
    conversion.packages.sort();
    conversion.packages.dedup();
    let note = match conversion.packages.is_empty() {
        true => "cust_pkgng: the packages are those of pkglist".to_owned(),
        false => format!(
            "cust_pkgng: the packages are in {}/pkglist\nhint: add its lines to pkglist of the repository, then run `cargo \
             xtask pkg lock`",
            conversion.base
        ),
    };
    conversion.report.noted(location, note);
    Ok(())
}
