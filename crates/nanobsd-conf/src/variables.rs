//! The variables of a configuration become keys of the product definition.

use std::path::Path;

use anyhow::Result;

use super::configuration::{FLASH_DEVICE, Variable};
use super::conversion::Conversion;
use super::copy::below;
use super::location::Location;
use super::meaning::{Meaning, meaning};
use super::site::Site;
use super::stage::Stage;
use super::table::VariableRow;
use super::value::Value;

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
    match (name, &variable.value) {
        ("NANO_CFGDIR", Ok(value)) => {
            return copy_directory(conversion, ("slices.cfg_folder", "cfg"), name, (value, location), site);
        }
        ("NANO_DATADIR", Ok(value)) => {
            return copy_directory(conversion, ("slices.data_folder", "data"), name, (value, location), site);
        }
        // Reported with the function that uses them.
        ("NANO_CUST_FILES_MTREE" | "NANO_PACKAGE_DIR", Ok(_)) => return Ok(()),
        ("NANO_KERNEL", Ok(value)) => note_kernel(conversion, value, location, site),
        _ => {}
    }
    match (variable.plain(), &variable.value) {
        (Ok(_), _) if name == "NANO_PACKAGE_LIST" => return Ok(()), // the same
        (Ok(value), _) => set_keys(conversion, name, &value, location, site),
        (Err(_), Err(_)) if in_hooks => return Ok(()), // reported with its hook
        // Hooks know the part that is not known in the file.
        (Err(_), Ok(_)) if in_hooks => {}
        (Err(_), Ok(value)) if stands_for_site(name, value, site) => {
            let carried = format!("`{name}`: the directory of {}", conversion.name);
            conversion.report.carried(location, carried);
            return Ok(());
        }
        (Err(why), _) => {
            let row = VariableRow::find(name);
            let advice = row.map(|row| format!("\nhint: {}", row.advice())).unwrap_or_default();
            let note = format!("`{name}`: {why}{}{advice}", instead(name, site));
            conversion.report.left(location, note);
            return Ok(());
        }
    }
    if in_hooks {
        conversion.report.carried(location, format!("`{name}`: in the hooks that use it"));
    }
    Ok(())
}

/// Whether the value of the variable `name` is a path in the directory of the configuration that other values use.
fn stands_for_site(name: &str, value: &Value, site: Site<'_>) -> bool {
    let is_used = VariableRow::find(name).is_none() && site.configuration.used.contains(name);
    (is_used || name == "NANO_TOOLS") && value.below_site().is_some()
}

/// What is used instead of the value of the variable `name`.
fn instead(name: &str, site: Site<'_>) -> String {
    let Some(row) = VariableRow::find(name) else { return String::new() };
    let keys: Vec<&str> = row.keys().filter(|key| is_of_product(key)).collect();
    let definition = site.request.product.definition();
    match keys[..] {
        [] => String::new(),
        [key] => format!("; {key} of {definition} is used"),
        _ => format!("; {} of {definition} are used", keys.join(", ")),
    }
}

/// Whether `key` is set for the value of a variable.
fn is_of_product(key: &str) -> bool {
    !["customize.", "overlay.", "packages."].iter().any(|section| key.starts_with(section))
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
        Err(why) => {
            // Advice comes last.
            let (why, hint) =
                why.split_once('\n').map_or((why.as_str(), None), |(why, hint)| (why, Some(hint)));
            let hint = hint.map(|hint| format!("\n{hint}")).unwrap_or_default();
            report.left(location, format!("`{name}`: {why}{}{hint}", instead(name, site)));
        }
    }
}

/// Reports a `NANO_KERNEL` that is a file outside of the repository.
fn note_kernel(conversion: &mut Conversion, value: &Value, location: &Location, site: Site<'_>) {
    let Some(file) = site.find(value) else { return };
    let config = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_here = site.request.root.join("kernel").join(&config).is_file();
    let is_path = value.plain().is_ok_and(|value| value.contains('/'));
    if value != &Value::default() && !is_here && (file.is_file() || is_path) {
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
    let code = conversion.draft.get("boot.code").and_then(toml_edit::Value::as_str).unwrap_or_default();
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
    (value, location): (&Value, &Location),
    site: Site<'_>,
) -> Result<()> {
    let origin = format!("{name}, {location}");
    let plain = value.plain();
    let Some(from) = site.find(value).filter(|_| plain.as_deref() != Ok("")) else {
        conversion.draft.set(key, "", origin);
        match plain {
            Ok(_) => conversion.report.carried(location, format!("`{name}`: {key}")),
            Err(why) => conversion.report.left(location, format!("`{name}`: {why}\nhint: see {key}")),
        }
        return Ok(());
    };
    if !from.is_dir() {
        let why = format!(
            "`{name}`: {} is not a directory here\nhint: copy it into the repository, and set {key} to its path",
            from.display()
        );
        conversion.report.left(location, why);
        return Ok(());
    }
    let copies = below(&from, Path::new(to))?;
    for (copy, mode) in copies.iter().filter_map(|copy| Some((copy, copy.mode?))) {
        let path = format!("/{}", copy.to.display());
        let mode = format!("{mode:04o}");
        conversion.report.carried(location, format!("`{name}`: mode {mode} of {path}: overlay.rules"));
        conversion.draft.set_mode(path, mode);
    }
    conversion.copies.extend(copies);
    conversion.draft.set(key, format!("{}/{to}", conversion.base), origin);
    conversion.report.carried(location, format!("`{name}`: {key}, copied to {to}"));
    if conversion.customization.used.contains(name) {
        conversion.report.carried(location, format!("`{name}`: in the hooks that use it"));
    }
    Ok(())
}
