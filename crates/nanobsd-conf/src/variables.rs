//! The variables of a configuration become keys of the product definition.

use std::path::Path;

use anyhow::Result;
use toml_edit::Value;

use super::configuration::{FLASH_DEVICE, Variable};
use super::conversion::Conversion;
use super::copy::below;
use super::location::Location;
use super::meaning::{Meaning, meaning};
use super::site::Site;
use super::stage::Stage;
use super::table::VariableRow;

/// Converts all variables, in the order of their lines.
///
/// # Errors
/// A directory that a variable names cannot be read.
pub fn convert(conversion: &mut Conversion, site: Site<'_>) -> Result<()> {
    let mut variables: Vec<(&String, &Variable)> = site.configuration.variables.iter().collect();
    variables.sort_by_key(|(_, variable)| &variable.location);
    for (name, variable) in variables {
        convert_one(conversion, name, variable, site)?;
    }
    note_boot0(conversion, site);
    Ok(())
}

fn convert_one(conversion: &mut Conversion, name: &str, variable: &Variable, site: Site<'_>) -> Result<()> {
    let location = &variable.location;
    if Stage::of_variable(name).is_some() && variable.value.is_ok() {
        return Ok(()); // reported when it was read
    }
    let in_hooks = conversion.customization.used.contains(name);
    let value = match &variable.value {
        Ok(value) => value.as_str(),
        Err(_) if in_hooks => return Ok(()), // reported with its hook
        Err(why) => {
            let advice = VariableRow::find(name).map(|row| format!("\nhint: {}", row.advice()));
            conversion.report.left(location, format!("`{name}`: {why}{}", advice.unwrap_or_default()));
            return Ok(());
        }
    };
    match name {
        "NANO_KERNEL" => note_kernel(conversion, value, location, site),
        "NANO_CFGDIR" => {
            return copy_directory(conversion, ("slices.cfg_folder", "cfg"), name, (value, location), site);
        }
        "NANO_DATADIR" => {
            return copy_directory(conversion, ("slices.data_folder", "data"), name, (value, location), site);
        }
        // Reported with the function that uses them.
        "NANO_CUST_FILES_MTREE" | "NANO_PACKAGE_DIR" | "NANO_PACKAGE_LIST" => return Ok(()),
        _ => {}
    }
    set_keys(conversion, name, value, location, site);
    if in_hooks {
        conversion.report.carried(location, format!("`{name}`: in the hooks that use it"));
    }
    Ok(())
}

/// Sets the keys that are the meaning of a variable, or reports why there are none.
fn set_keys(conversion: &mut Conversion, name: &str, value: &str, location: &Location, site: Site<'_>) {
    let in_hooks = conversion.customization.used.contains(name);
    let report = &mut conversion.report;
    match meaning(name, value) {
        Ok(Meaning::Keys(keys, notes)) => {
            let origin = if name == FLASH_DEVICE { "FlashDevice" } else { name };
            let names: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
            report.carried(location, format!("`{name}`: {}", names.join(", ")));
            for (key, value) in keys {
                conversion.draft.set(key, value, format!("{origin}, {location}"));
            }
            for note in notes {
                report.noted(location, format!("`{name}`: {note}"));
            }
        }
        Ok(Meaning::Same(why)) => report.carried(location, format!("`{name}`: {why}")),
        Ok(Meaning::None(_) | Meaning::Unknown) if in_hooks => {}
        Ok(Meaning::None(why)) => report.left(location, format!("`{name}`: {why}")),
        Ok(Meaning::Unknown) if site.configuration.used.contains(name) => {
            report.carried(location, format!("`{name}`: in the values that use it"));
        }
        Ok(Meaning::Unknown) => report.left(location, format!("`{name}`: nothing uses it here")),
        Err(why) => report.left(location, format!("`{name}`: {why}")),
    }
}

/// Reports a `NANO_KERNEL` that is a file outside of the repository.
fn note_kernel(conversion: &mut Conversion, value: &str, location: &Location, site: Site<'_>) {
    let config = value.rsplit('/').next().unwrap_or_default();
    let file = site.path(value);
    let is_here = site.request.root.join("kernel").join(config).is_file();
    if !config.is_empty() && !is_here && (file.is_file() || value.contains('/')) {
        let note = format!(
            "`NANO_KERNEL`: the repository has no such kernel configuration\nhint: copy {} to kernel/{config}",
            file.display()
        );
        conversion.report.noted(location, note);
    }
}

/// Reports options of boot0 that have no effect, because the product has another boot manager.
fn note_boot0(conversion: &mut Conversion, site: Site<'_>) {
    let Some(variable) = site.configuration.variables.get("NANO_BOOT0CFG") else { return };
    let code = conversion.draft.get("boot.code").and_then(Value::as_str).unwrap_or_default();
    if code.starts_with("boot0") {
        return;
    }
    let keys = ["boot.packet", "boot.update", "boot.menu"].into_iter();
    let without_effect: Vec<&str> = keys.filter(|key| conversion.draft.get(key).is_some()).collect();
    if !without_effect.is_empty() {
        let note = format!(
            "`NANO_BOOT0CFG`: {} have an effect only with boot0 (boot.code = \"boot0sio\"); the product's own boot manager \
             probes the BIOS and offers both slots",
            without_effect.join(", ")
        );
        conversion.report.noted(&variable.location, note);
    }
}

/// Copies the directory of `NANO_CFGDIR` or `NANO_DATADIR` to `to`, and sets `key`.
fn copy_directory(
    conversion: &mut Conversion,
    (key, to): (&str, &str),
    name: &str,
    (value, location): (&str, &Location),
    site: Site<'_>,
) -> Result<()> {
    let origin = format!("{name}, {location}");
    let from = site.path(value);
    if value.is_empty() {
        conversion.draft.set(key, "", origin);
        conversion.report.carried(location, format!("`{name}`: {key}"));
    } else if from.is_dir() {
        let copies = below(&from, Path::new(to))?;
        for (copy, mode) in copies.iter().filter_map(|copy| Some((copy, copy.mode?))) {
            let to = copy.to.display();
            let note = format!(
                "`{name}`: {to} has mode {mode:04o}; in the image it has 0755 if it is executable and 0644 otherwise"
            );
            conversion.report.noted(location, note);
        }
        conversion.copies.extend(copies);
        conversion.draft.set(key, format!("{}/{to}", conversion.base), origin);
        conversion.report.carried(location, format!("`{name}`: {key}, copied to {to}"));
    } else {
        let why = format!(
            "`{name}`: {} is not a directory here\nhint: copy it into the repository, and set {key} to its path",
            from.display()
        );
        conversion.report.left(location, why);
    }
    Ok(())
}
