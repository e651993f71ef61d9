//! NanoBSD's variables, and what each is here: keys of the product definition, nothing because the builder finds it by
//! itself, or nothing because it does not exist.
//!
//! Names and defaults are those of `defaults.sh` and `legacy.sh` in FreeBSD 13.2's `tools/tools/nanobsd`.

use toml_edit::{Array, Value};

use super::boot;
use super::levers::Lever;

/// A key of the product definition, as `media.drive`, and its value.
pub type Key = (&'static str, Value);

/// What a variable with a known value is here.
#[derive(Debug)]
pub enum Meaning {
    /// These keys; and what is to be known of them.
    Keys(Vec<Key>, Vec<String>),
    /// Nothing has to be said: it is so anyway.
    Same(&'static str),
    /// It has no counterpart.
    None(String),
    /// It is none of NanoBSD's that speak of the product.
    Unknown,
}

/// Why the architecture is nothing to say.
const ARCHITECTURE: &str = "the product is for i386 and nothing else";

/// Values that NanoBSD has before it reads a configuration, as far as configurations build on them.
const DEFAULTS: [(&str, &str); 28] = [
    ("CONF_BUILD", " "),
    ("CONF_INSTALL", " "),
    ("CONF_WORLD", " "),
    ("NANO_BOOT0CFG", "-o packet -s 1 -m 3"),
    ("NANO_BOOT2CFG", "-h -S115200"),
    ("NANO_BOOTLOADER", "boot/boot0sio"),
    ("NANO_CODESIZE", "0"),
    ("NANO_CONFSIZE", "2048"),
    ("NANO_CUSTOMIZE", ""),
    ("NANO_DATASIZE", "0"),
    ("NANO_DRIVE", "ada0"),
    ("NANO_EARLY_CUSTOMIZE", ""),
    ("NANO_HEADS", "16"),
    ("NANO_IMAGES", "2"),
    ("NANO_INIT_IMG2", "1"),
    ("NANO_KERNEL", "GENERIC"),
    ("NANO_LABEL", ""),
    ("NANO_LATE_CUSTOMIZE", ""),
    ("NANO_MEDIASIZE", "2000000"),
    ("NANO_MODULES", ""),
    ("NANO_NAME", "full"),
    ("NANO_NEWFS", "-b 4096 -f 512 -i 8192 -U"),
    ("NANO_RAM_ETCSIZE", "10240"),
    ("NANO_RAM_TMPVARSIZE", "10240"),
    ("NANO_SECTS", "63"),
    ("NANO_SRC", "/usr/src"),
    ("NANO_TOOLS", "tools/tools/nanobsd"),
    ("NANO_PACKAGE_LIST", "*"),
];

/// NanoBSD's own value of a variable.
pub fn default(name: &str) -> Option<&'static str> {
    DEFAULTS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// Whether a name is one of those that NanoBSD keeps for itself.
pub fn is_nanobsds(name: &str) -> bool {
    name.starts_with("NANO_") || name.starts_with("CONF_") || name == "MAKEOBJDIRPREFIX"
}

/// The variables that are keys of the product definition whatever their value, and NanoBSD's own value of each. Modules are
/// none: a kernel configuration says what is built, and `kernel/ALIX` has none.
pub fn of_product() -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_key = |name: &str, value: &str| matches!(meaning(name, value), Ok(Meaning::Keys(..)));
    DEFAULTS.into_iter().filter(move |(name, value)| *name != "NANO_MODULES" && is_key(name, value))
}

/// What the variable `name` with `value` is here.
///
/// # Errors
/// Why that value cannot be carried over.
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
        "NANO_MEDIASIZE" => key("media.size", count(value)?.into()),
        "NANO_SECTS" => key("media.sectors", count(value)?.into()),
        "NANO_HEADS" => key("media.heads", count(value)?.into()),
        "NANO_IMAGES" => key("slices.slots", count(value)?.into()),
        "NANO_CODESIZE" => key("slices.code", count(value)?.into()),
        "NANO_CONFSIZE" => key("slices.cfg", count(value)?.into()),
        "NANO_DATASIZE" => key("slices.data", number(value)?.into()),
        // NanoBSD fills the second slot for everything that is not 0 or empty.
        "NANO_INIT_IMG2" => key("slices.fill_second", (count(value)? > 0).into()),
        "NANO_RAM_ETCSIZE" => key("ram.etc", count(value)?.into()),
        "NANO_RAM_TMPVARSIZE" => key("ram.tmpvar", count(value)?.into()),
        "NANO_NEWFS" => boot::newfs(value).map(|(keys, notes)| Meaning::Keys(keys, notes)),
        "NANO_BOOT0CFG" => boot::boot0cfg(value).map(|(keys, notes)| Meaning::Keys(keys, notes)),
        "NANO_BOOT2CFG" => boot::boot2cfg(value).map(|(keys, notes)| Meaning::Keys(keys, notes)),
        "NANO_BOOTLOADER" => key("boot.code", boot::code(value)?.into()),
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
        "NANO_ARCH" | "TARGET_ARCH" | "TARGET" => Err(format!("`{value}`: {ARCHITECTURE}")),
        _ => Ok(Lever::find(name).map_or(Meaning::Unknown, |lever| Meaning::None(lever.tell()))),
    }
}

/// A list, one value a line when there are several.
pub fn array<'a>(values: impl IntoIterator<Item = &'a str>) -> Value {
    let mut array: Array = values.into_iter().collect();
    if array.len() > 1 {
        array.iter_mut().for_each(|value| value.decor_mut().set_prefix("\n    "));
        array.set_trailing("\n");
        array.set_trailing_comma(true);
    }
    array.into()
}

fn number(value: &str) -> Result<i64, String> {
    value.trim().parse().map_err(|_| format!("`{value}` is no number of sectors"))
}

fn count(value: &str) -> Result<i64, String> {
    let number = value.trim().parse().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| format!("`{value}` is no number from 0 on"))
}

/// A name as `product.name` may be: it is part of file names and of the slot header.
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
            "`{value}` has nothing that a product's name may have, which is a-z, 0-9 and `-`"
        ));
    }
    let note = format!("`{value}` becomes `{name}`: a product's name is 1 to 15 of a-z, 0-9 and `-`");
    Ok((name.clone(), (name != value).then_some(note)))
}

/// The card's name. `ad0` of FreeBSD 8 is `ada0` since FreeBSD 9.
fn drive(value: &str) -> Result<(String, Option<String>), String> {
    let number = value.strip_prefix("ad").filter(|rest| rest.parse::<u8>().is_ok());
    if let Some(number) = number {
        let name = format!("ada{number}");
        let note = format!("`{value}` becomes `{name}`: so the card is called since FreeBSD 9");
        return Ok((name, Some(note)));
    }
    let letters = value.trim_end_matches(|c: char| c.is_ascii_digit());
    let good = !letters.is_empty() && letters != value && letters.chars().all(|c| c.is_ascii_lowercase());
    match good {
        true => Ok((value.to_owned(), None)),
        false => Err(format!("`{value}` is no disk's name, as `ada0` or `da0`")),
    }
}

/// As nanobsd.sh gives them to make(1): `default` for all, else these and no others.
fn modules(value: &str) -> Meaning {
    let words: Vec<&str> = value.split_whitespace().collect();
    let list = format!("MODULES_OVERRIDE={}", words.join(" "));
    let options = if words == ["default"] { array([]) } else { array([list.as_str()]) };
    let note = "it needs a kernel configuration without the NO_MODULES that kernel/ALIX has";
    let notes = if words.is_empty() { Vec::new() } else { vec![note.to_owned()] };
    Meaning::Keys(vec![("kernel.options", options)], notes)
}

/// One line each, as they stand in a make.conf.
fn make_variables(value: &str) -> Result<(Value, Vec<String>), String> {
    let mut variables = Vec::new();
    let mut notes = Vec::new();
    for line in value.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if line.is_empty() {
            continue;
        }
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let name = name.trim_end_matches(['?', '+', ':', '!']).trim_end();
        if !line.contains('=') || !super::statement::is_name(name) {
            notes.push(format!("its line `{line}` is left out: it is no `NAME=value`"));
            continue;
        }
        if let Some(second) = value.split_whitespace().find(|word| is_option(word)) {
            notes.push(format!(
                "make(1) takes `{second}` as a part of {name}'s value: write one option a line"
            ));
        }
        variables.push(line);
    }
    Ok((array(variables), notes))
}

/// A word that was meant as an option of its own.
fn is_option(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        ["WITH_", "WITHOUT_", "NO_", "TARGET"].iter().any(|start| name.starts_with(start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, value: &str) -> String {
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
            ("NANO_SECTS", "63"),
            ("NANO_HEADS", "32"),
            ("NANO_IMAGES", "2"),
            ("NANO_INIT_IMG2", "0"),
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
            table.iter().map(|(name, value)| format!("{name}: {}", shown(name, value))).collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        NANO_NAME: product.name = "alix"; (`ALIX` becomes `alix`: a product's name is 1 to 15 of a-z, 0-9 and `-`)
        NANO_NAME: product.name = "alix-dsk-for-th"; (`alix_dsk-for-the-cellar` becomes `alix-dsk-for-th`: a product's name is 1 to 15 of a-z, 0-9 and `-`)
        NANO_NAME: refused: `__` has nothing that a product's name may have, which is a-z, 0-9 and `-`
        NANO_DRIVE: media.drive = "ada0"; (`ad0` becomes `ada0`: so the card is called since FreeBSD 9)
        NANO_DRIVE: media.drive = "ada1"; (`ad1` becomes `ada1`: so the card is called since FreeBSD 9)
        NANO_DRIVE: media.drive = "da0"
        NANO_DRIVE: refused: `ufs/x` is no disk's name, as `ada0` or `da0`
        FlashDevice: media.device = "SanDisk 1G"
        NANO_MEDIASIZE: media.size = 1981728
        NANO_MEDIASIZE: refused: `1g` is no number from 0 on
        NANO_SECTS: media.sectors = 63
        NANO_HEADS: media.heads = 32
        NANO_IMAGES: slices.slots = 2
        NANO_INIT_IMG2: slices.fill_second = false
        NANO_CODESIZE: refused: `-1` is no number from 0 on
        NANO_CONFSIZE: slices.cfg = 2048
        NANO_DATASIZE: slices.data = -1
        NANO_LABEL: media.label = "gw"
        NANO_KERNEL: kernel.config = "ALIX"
        NANO_KERNEL: kernel.config = "ALIX_DSK"
        NANO_BOOT2CFG: console.speed = 9600
        NANO_RAM_ETCSIZE: ram.etc = 10240
        NANO_RAM_TMPVARSIZE: ram.tmpvar = 40960
        NANO_MODULES: kernel.options = ["MODULES_OVERRIDE="]
        NANO_MODULES: kernel.options = []; (it needs a kernel configuration without the NO_MODULES that kernel/ALIX has)
        NANO_MODULES: kernel.options = ["MODULES_OVERRIDE=netgraph rc4"]; (it needs a kernel configuration without the NO_MODULES that kernel/ALIX has)
        NANO_CPUTYPE: world.cputype = "geode"
        NANO_ARCH: the same: the product is for i386 and nothing else
        NANO_ARCH: refused: `amd64`: the product is for i386 and nothing else
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
        ]; (make(1) takes `WITHOUT_C=YES` as a part of A's value: write one option a line); (its line `.if 1` is left out: it is no `NAME=value`)
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
