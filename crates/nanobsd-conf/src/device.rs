//! Names of devices that are others here.

use super::configuration::Configuration;
use super::defaults;

/// The slices in the order of their numbers here.
const SLICES: [&str; 4] = ["NANO_SLICE_ROOT", "NANO_SLICE_ALTROOT", "NANO_SLICE_CFG", "NANO_SLICE_DATA"];

/// Notes on the devices in `text`, each with its line, from 0.
pub fn devices(text: &str, configuration: &Configuration) -> Vec<(usize, String)> {
    let mut notes = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#')) {
        let mut line = line.to_owned();
        // In `s/\/dev\/ufs\/gws4/x/`, other slashes are no part of a path.
        if line.contains("\\/dev\\/") {
            line = line.split("\\/").map(|part| part.replace('/', " ")).collect::<Vec<_>>().join("/");
        }
        for (at, _) in line.match_indices("/dev/") {
            let written = without_quotes(path(&line[at..]));
            let expanded = expand(&written, configuration);
            if let Some(note) = note(&written, &expanded, configuration) {
                notes.push((index, note));
            }
        }
    }
    notes.dedup();
    notes
}

/// The path at the beginning of `text`, with its variables and quotation marks.
fn path(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "/_-.${}\"".contains(c);
    let path = &text[..text.find(|c| !is_part(c)).unwrap_or(text.len())];
    path.trim_end_matches(['.', '$', '/', '-', '"'])
}

/// `path` without quotation marks, which may end the name of a variable.
fn without_quotes(path: &str) -> String {
    if !path.contains('"') {
        return path.to_owned();
    }
    let mut parts = path.replace('"', "\0").split('$').map(str::to_owned).collect::<Vec<_>>();
    for part in parts.iter_mut().skip(1).filter(|part| !part.starts_with('{')) {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
        *part = format!("{{{}}}{}", &part[..end], &part[end..]);
    }
    parts.join("$").replace('\0', "")
}

/// `text` with the values that its variables have in the file.
fn expand(text: &str, configuration: &Configuration) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        expanded += before;
        let inner = behind.strip_prefix('{').unwrap_or(behind);
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
        let name = &inner[..end];
        let value = configuration.plain(name).or_else(|| value(name).map(str::to_owned));
        expanded += &value.unwrap_or_else(|| format!("${{{name}}}"));
        rest = &inner[end..];
        rest = if behind.starts_with('{') { rest.strip_prefix('}').unwrap_or(rest) } else { rest };
    }
    expanded + rest
}

/// NanoBSD's own value of a variable.
fn value(name: &str) -> Option<&'static str> {
    defaults::default(name).or_else(|| defaults::fixed(name))
}

/// The note on the device `written`, whose variables have their values in `expanded`.
fn note(written: &str, expanded: &str, configuration: &Configuration) -> Option<String> {
    let name = expanded.strip_prefix("/dev/")?;
    let label = configuration.plain("NANO_LABEL").filter(|label| !label.is_empty());
    // With variables, hooks get the right name of the disk.
    if let Some(volume) = name.strip_prefix("ufs/").filter(|_| !written.contains("NANO_DRIVE")) {
        let hint = match label.filter(|label| is_slice(volume.strip_prefix(label.as_str()))) {
            Some(label) => format!("use /dev/label/{label}{}", here(&volume[label.len()..], configuration)),
            None => "set media.label of product.toml, and use /dev/label/NAMEs3 for /cfg and /dev/label/NAMEs4 for /data"
                .to_owned(),
        };
        return Some(format!(
            "`{written}`: file systems of the image have no volume names; their slices have GEOM labels\nhint: {hint}"
        ));
    }
    let drive = configuration.plain("NANO_DRIVE");
    let drives = drive.as_deref().into_iter().chain(["ada0", "ad0", "da0"]);
    let (old, slice) = drives.filter_map(|drive| Some((drive, name.strip_prefix(drive)?))).next()?;
    let changed = here(slice, configuration);
    // With a variable for the slice, hooks get the right one.
    let before = written.strip_suffix(slice)?;
    (is_slice(Some(slice)) && changed != slice).then(|| {
        let drive = old.strip_prefix("ad").filter(|number| number.parse::<u8>().is_ok());
        let drive = drive.map_or_else(|| old.to_owned(), |number| format!("ada{number}"));
        let before = if written == expanded { format!("/dev/{drive}") } else { before.to_owned() };
        format!("`{written}` is another slice here\nhint: use {before}{changed}")
    })
}

/// Whether `text` is the end of a slice's or partition's name, such as `s1a`.
fn is_slice(text: Option<&str>) -> bool {
    let Some(text) = text.and_then(|text| text.strip_prefix('s')) else { return false };
    let mut chars = text.chars();
    matches!(chars.next(), Some('1'..='4'))
        && matches!((chars.next(), chars.next()), (None | Some('a'..='h'), None))
}

/// The name here of the slice that is called `slice` in the file.
fn here(slice: &str, configuration: &Configuration) -> String {
    let number = &slice[..usize::min(2, slice.len())];
    let by_file = SLICES.iter().position(|name| configuration.plain(name).as_deref() == Some(number));
    match by_file {
        Some(index) => format!("s{}{}", index + 1, &slice[number.len()..]),
        None => slice.to_owned(),
    }
}
