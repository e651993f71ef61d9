//! What NanoBSD's variables mean: keys of the product definition, something that holds anyway, or nothing.

use toml_edit::Value;

use super::defaults::DEFAULTS;
use super::key::{Key, array};
use super::name::is_name;
use super::options;
use super::quote::first_line;
use super::table::VariableRow;

/// The meaning of a variable with a known value.
#[derive(Debug)]
pub enum Meaning {
    /// These keys, with notes on them.
    Keys(Vec<Key>, Vec<String>),
    /// The product is so anyway.
    Same(&'static str),
    /// The variable has no counterpart.
    None(String),
    /// The variable is not one of NanoBSD's.
    Unknown,
}

/// The reason why the architecture has no key.
const ARCHITECTURE: &str = "the product is for i386 only";

/// The variables that are keys of the product definition whatever their value, with NanoBSD's own value of each. Modules
/// are not among them: a kernel configuration says which are built, and `kernel/ALIX` builds none.
pub fn of_product() -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_key = |name: &str, value: &str| matches!(meaning(name, value), Ok(Meaning::Keys(..)));
    DEFAULTS.into_iter().filter(move |(name, value)| *name != "NANO_MODULES" && is_key(name, value))
}

/// The meaning of the variable `name` with the value `value`.
///
/// # Errors
/// The reason why the value cannot be carried over.
pub fn meaning(name: &str, value: &str) -> Result<Meaning, String> {
    let key = |name: &'static str, value: Value| Ok(Meaning::Keys(vec![(name, value)], Vec::new()));
    match name {
        "NANO_NAME" => {
            let (name, note) = product_name(value)?;
            Ok(Meaning::Keys(vec![("product.name", name.into())], note.into_iter().collect()))
        }
        "NANO_DRIVE" => {
            let (drive, note) = drive(value)?;
            Ok(Meaning::Keys(vec![("media.drive", drive.into())], note.into_iter().collect()))
        }
        "NANO_LABEL" => key("media.label", value.into()),
        "FlashDevice" => key("media.device", value.into()),
        "NANO_MEDIASIZE" => key("media.size", sectors(value)?.into()),
        "NANO_SECTS" => key("media.sectors", count(value)?.into()),
        "NANO_HEADS" => key("media.heads", count(value)?.into()),
        "NANO_IMAGES" => key("slices.slots", count(value)?.into()),
        "NANO_CODESIZE" => key("slices.code", sectors(value)?.into()),
        "NANO_CONFSIZE" => key("slices.cfg", sectors(value)?.into()),
        "NANO_DATASIZE" => key("slices.data", number(value)?.into()),
        // NanoBSD's test fails if the value is empty.
        "NANO_INIT_IMG2" if value.trim().is_empty() => key("slices.fill_second", false.into()),
        "NANO_INIT_IMG2" => key("slices.fill_second", (count(value)? > 0).into()),
        "NANO_RAM_ETCSIZE" => key("ram.etc", sectors(value)?.into()),
        "NANO_RAM_TMPVARSIZE" => key("ram.tmpvar", sectors(value)?.into()),
        "NANO_NEWFS" => options::newfs(value).map(|(keys, notes)| Meaning::Keys(keys, notes)),
        "NANO_BOOT0CFG" => options::boot0cfg(value).map(|(keys, notes)| Meaning::Keys(keys, notes)),
        "NANO_BOOT2CFG" => options::boot2cfg(value).map(|(keys, notes)| Meaning::Keys(keys, notes)),
        "NANO_BOOTLOADER" => key("boot.code", options::code(value)?.into()),
        "NANO_KERNEL" => key("kernel.config", value.rsplit('/').next().unwrap_or_default().into()),
        "NANO_MODULES" => Ok(modules(value)),
        "NANO_CPUTYPE" | "TARGET_CPUTYPE" => key("world.cputype", value.into()),
        "CONF_BUILD" => {
            make_variables(value).map(|(list, notes)| Meaning::Keys(vec![("world.build", list)], notes))
        }
        "CONF_INSTALL" => {
            make_variables(value).map(|(list, notes)| Meaning::Keys(vec![("world.install", list)], notes))
        }
        "CONF_WORLD" => {
            make_variables(value).map(|(list, notes)| Meaning::Keys(vec![("world.options", list)], notes))
        }
        "NANO_ARCH" | "TARGET_ARCH" | "TARGET" if value == "i386" => Ok(Meaning::Same(ARCHITECTURE)),
        "NANO_ARCH" | "TARGET_ARCH" | "TARGET" => Err(format!("`{}`: {ARCHITECTURE}", first_line(value))),
        _ => Ok(VariableRow::find(name).map_or(Meaning::Unknown, |row| Meaning::None(row.advice()))),
    }
}

fn number(value: &str) -> Result<i64, String> {
    value.trim().parse().map_err(|_| format!("{} is not a number of 512-byte sectors", shown(value)))
}

fn sectors(value: &str) -> Result<i64, String> {
    number(value).and_then(|sectors| match sectors {
        0.. => Ok(sectors),
        _ => Err(format!("`{sectors}` is not a number of 512-byte sectors")),
    })
}

fn count(value: &str) -> Result<i64, String> {
    let number = value.trim().parse().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| format!("{} is not a number from 0 on", shown(value)))
}

/// `value` for a message.
fn shown(value: &str) -> String {
    if value.trim().is_empty() { "an empty value".to_owned() } else { format!("`{}`", first_line(value)) }
}

/// Makes a product name of `value`. A product name is part of file names and of the slot header.
fn product_name(value: &str) -> Result<(String, Option<String>), String> {
    let name: String = value
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .take(15)
        .collect();
    let name = name.trim_matches('-').to_owned();
    if name.is_empty() {
        return Err(format!(
            "`{}` has no character that a product name may have (a-z, 0-9 and `-`)",
            first_line(value)
        ));
    }
    let note =
        format!("`{}` becomes `{name}`: a product name has 1 to 15 of a-z, 0-9 and `-`", first_line(value));
    Ok((name.clone(), (name != value).then_some(note)))
}

/// The device name of the card. `ad0` of FreeBSD 8 is `ada0` since FreeBSD 9.
fn drive(value: &str) -> Result<(String, Option<String>), String> {
    if value.starts_with("ufs/") || value.starts_with("label/") {
        return Err(format!(
            "`{value}` is a label, not a disk\nhint: with media.label, the slices are found by their labels"
        ));
    }
    let number = value.strip_prefix("ad").filter(|rest| rest.parse::<u8>().is_ok());
    if let Some(number) = number {
        let name = format!("ada{number}");
        let note = format!("`{value}` becomes `{name}`, the name of the card since FreeBSD 9");
        return Ok((name, Some(note)));
    }
    let driver = value.trim_end_matches(|c: char| c.is_ascii_digit());
    let good = !driver.is_empty() && driver != value && driver.chars().all(|c| c.is_ascii_lowercase());
    match good {
        true => Ok((value.to_owned(), None)),
        false => Err(format!("`{}` is not a disk name such as `ada0` or `da0`", first_line(value))),
    }
}

/// Modules as nanobsd.sh passes them to make(1): all for `default`, else only those named.
fn modules(value: &str) -> Meaning {
    let words: Vec<&str> = value.split_whitespace().collect();
    let list = format!("MODULES_OVERRIDE={}", words.join(" "));
    let options = if words == ["default"] { array([]) } else { array([list.as_str()]) };
    let note = "requires a kernel configuration without NO_MODULES, which kernel/ALIX has";
    let notes = if words.is_empty() { Vec::new() } else { vec![note.to_owned()] };
    Meaning::Keys(vec![("kernel.options", options)], notes)
}

/// The lines of a make.conf.
fn make_variables(value: &str) -> Result<(Value, Vec<String>), String> {
    let mut variables = Vec::new();
    let mut notes = Vec::new();
    for line in value.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if line.is_empty() {
            continue;
        }
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let name = name.trim_end_matches(['?', '+', ':', '!']).trim_end();
        if !line.contains('=') || !is_name(name) {
            notes.push(format!("its line `{line}` is left out: it is not `NAME=value`"));
            continue;
        }
        if let Some(second) = value.split_whitespace().find(|word| is_option(word)) {
            notes.push(format!(
                "make(1) reads `{second}` as part of {name}'s value\nhint: write one option per line"
            ));
        }
        variables.push(line);
    }
    Ok((array(variables), notes))
}

/// Whether `word` was meant as an option of its own.
fn is_option(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        ["WITH_", "WITHOUT_", "NO_", "TARGET"].iter().any(|start| name.starts_with(start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(name: &str, value: &str) -> String {
        match meaning(name, value) {
            Ok(Meaning::Keys(keys, notes)) => {
                let keys = keys.iter().map(|(key, value)| format!("{key} = {}", value.to_string().trim()));
                keys.chain(notes.into_iter().map(|note| format!("({note})"))).collect::<Vec<_>>().join("; ")
            }
            Ok(Meaning::Same(why)) => format!("the same: {why}"),
            Ok(Meaning::None(why)) => format!("nothing: {why}"),
            Ok(Meaning::Unknown) => "unknown".to_owned(),
            Err(why) => format!("refused: {why}"),
        }
    }

    #[test]
    fn each_variable_becomes_its_keys() {
        let table = [
            ("NANO_NAME", "ALIX"),
            ("NANO_NAME", "alix_dsk-for-the-cellar"),
            ("NANO_NAME", "__"),
            ("NANO_DRIVE", "ad0"),
            ("NANO_DRIVE", "ad1"),
            ("NANO_DRIVE", "da0"),
            ("NANO_DRIVE", "ufs/x"),
            ("FlashDevice", "SanDisk 1G"),
            ("NANO_MEDIASIZE", "1981728"),
            ("NANO_MEDIASIZE", "1g"),
            ("NANO_MEDIASIZE", "0x100000"),
            ("NANO_MEDIASIZE", "\n8G\n"),
            ("NANO_SECTS", "63"),
            ("NANO_HEADS", "32"),
            ("NANO_IMAGES", "2"),
            ("NANO_MEDIASIZE", ""),
            ("NANO_INIT_IMG2", "0"),
            ("NANO_INIT_IMG2", ""),
            ("NANO_INIT_IMG2", "yes"),
            ("NANO_CODESIZE", "-1"),
            ("NANO_CONFSIZE", "2048"),
            ("NANO_DATASIZE", "-1"),
            ("NANO_LABEL", "gw"),
            ("NANO_KERNEL", "ALIX"),
            ("NANO_KERNEL", "/usr/home/me/ALIX_DSK"),
            ("NANO_BOOT2CFG", "-h -S9600"),
            ("NANO_RAM_ETCSIZE", "10240"),
            ("NANO_RAM_TMPVARSIZE", "40960"),
            ("NANO_MODULES", ""),
            ("NANO_MODULES", "default"),
            ("NANO_MODULES", "netgraph rc4"),
            ("NANO_CPUTYPE", "geode"),
            ("NANO_ARCH", "i386"),
            ("NANO_ARCH", "amd64"),
            ("NANO_PMAKE", "make -j 3"),
            ("NANO_HOLIDAY", "x"),
            ("CONF_WORLD", "\n# none\nCFLAGS=-O -pipe  # why\nWITHOUT_X=YES\nWITHOUT_ACPI=\n"),
            ("CONF_BUILD", "A=b WITHOUT_C=YES\n.if 1\nX+=2"),
            ("CONF_INSTALL", " "),
        ];
        let shown: Vec<String> =
            table.iter().map(|(name, value)| format!("{name}: {}", converted(name, value))).collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        NANO_NAME: product.name = "alix"; (`ALIX` becomes `alix`: a product name has 1 to 15 of a-z, 0-9 and `-`)
        NANO_NAME: product.name = "alix-dsk-for-th"; (`alix_dsk-for-the-cellar` becomes `alix-dsk-for-th`: a product name has 1 to 15 of a-z, 0-9 and `-`)
        NANO_NAME: refused: `__` has no character that a product name may have (a-z, 0-9 and `-`)
        NANO_DRIVE: media.drive = "ada0"; (`ad0` becomes `ada0`, the name of the card since FreeBSD 9)
        NANO_DRIVE: media.drive = "ada1"; (`ad1` becomes `ada1`, the name of the card since FreeBSD 9)
        NANO_DRIVE: media.drive = "da0"
        NANO_DRIVE: refused: `ufs/x` is a label, not a disk
        hint: with media.label, the slices are found by their labels
        FlashDevice: media.device = "SanDisk 1G"
        NANO_MEDIASIZE: media.size = 1981728
        NANO_MEDIASIZE: refused: `1g` is not a number of 512-byte sectors
        NANO_MEDIASIZE: refused: `0x100000` is not a number of 512-byte sectors
        NANO_MEDIASIZE: refused: `8G` is not a number of 512-byte sectors
        NANO_SECTS: media.sectors = 63
        NANO_HEADS: media.heads = 32
        NANO_IMAGES: slices.slots = 2
        NANO_MEDIASIZE: refused: an empty value is not a number of 512-byte sectors
        NANO_INIT_IMG2: slices.fill_second = false
        NANO_INIT_IMG2: slices.fill_second = false
        NANO_INIT_IMG2: refused: `yes` is not a number from 0 on
        NANO_CODESIZE: refused: `-1` is not a number of 512-byte sectors
        NANO_CONFSIZE: slices.cfg = 2048
        NANO_DATASIZE: slices.data = -1
        NANO_LABEL: media.label = "gw"
        NANO_KERNEL: kernel.config = "ALIX"
        NANO_KERNEL: kernel.config = "ALIX_DSK"
        NANO_BOOT2CFG: console.speed = 9600
        NANO_RAM_ETCSIZE: ram.etc = 10240
        NANO_RAM_TMPVARSIZE: ram.tmpvar = 40960
        NANO_MODULES: kernel.options = ["MODULES_OVERRIDE="]
        NANO_MODULES: kernel.options = []; (requires a kernel configuration without NO_MODULES, which kernel/ALIX has)
        NANO_MODULES: kernel.options = ["MODULES_OVERRIDE=netgraph rc4"]; (requires a kernel configuration without NO_MODULES, which kernel/ALIX has)
        NANO_CPUTYPE: world.cputype = "geode"
        NANO_ARCH: the same: the product is for i386 only
        NANO_ARCH: refused: `amd64`: the product is for i386 only
        NANO_PMAKE: nothing: all processors of the machine are used
        NANO_HOLIDAY: unknown
        CONF_WORLD: world.options = [
            "CFLAGS=-O -pipe",
            "WITHOUT_X=YES",
            "WITHOUT_ACPI=",
        ]
        CONF_BUILD: world.build = [
            "A=b WITHOUT_C=YES",
            "X+=2",
        ]; (make(1) reads `WITHOUT_C=YES` as part of A's value
        hint: write one option per line); (its line `.if 1` is left out: it is not `NAME=value`)
        CONF_INSTALL: world.install = []
        "#);
    }

    #[test]
    fn what_is_a_key_is_a_key_by_default() {
        let names: Vec<&str> = of_product().map(|(name, _)| name).collect();
        for name in ["NANO_NAME", "NANO_HEADS", "NANO_KERNEL", "NANO_NEWFS", "CONF_WORLD"] {
            assert!(names.contains(&name), "{names:?}");
        }
        assert!(!names.contains(&"NANO_SRC") && !names.contains(&"NANO_MODULES"), "{names:?}");
    }
}
