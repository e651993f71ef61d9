//! Reading product definitions: strict, with the file, line and column of a fault and the key that was meant.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use toml::{Table, Value};

use super::raw::RawProduct;

/// How like a known key an unknown one must be to be taken for a slip of it (1.0 is equal).
const LIKENESS: f64 = 0.7;

/// Reads `base` and lays each of `over` over it, key by key, as NanoBSD's `-c` lays a file over the defaults.
///
/// # Errors
/// A file that cannot be read, is not TOML, or has a key that is unknown or of another type.
pub fn read(base: &Path, over: &[PathBuf]) -> Result<RawProduct> {
    let mut merged = Table::new();
    for path in std::iter::once(base).chain(over.iter().map(PathBuf::as_path)) {
        let text = fs::read_to_string(path)
            .with_context(|| format!("reading the product definition {}", path.display()))?;
        parse(&text).map_err(|fault| anyhow!("in the product definition {}: {fault}", path.display()))?;
        let over = toml::from_str(&text)?;
        forget_card(&mut merged, &over);
        lay_over(&mut merged, over);
    }
    Ok(Value::Table(merged).try_into()?)
}

/// Parses one file, for its faults.
fn parse(text: &str) -> Result<RawProduct, String> {
    toml::from_str(text).map_err(|error| {
        let fault = error.to_string();
        match meant(error.message()) {
            Some(known) => format!("{}\ndid you mean `{known}`?", fault.trim_end()),
            None => fault.trim_end().to_owned(),
        }
    })
}

/// From serde's "unknown field `x`, expected one of `a`, `b`": the expected key that is most like the unknown one.
fn meant(message: &str) -> Option<String> {
    let mut quoted = message.strip_prefix("unknown field `")?.split('`').step_by(2);
    let unknown = quoted.next()?;
    quoted
        .filter(|known| !known.is_empty())
        .map(|known| (strsim::jaro_winkler(unknown, known), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.to_owned())
}

/// A file that names another card means all of it: what the files below say of theirs does not count.
fn forget_card(below: &mut Table, over: &Table) {
    let names_a_card = over.get("media").and_then(|media| media.get("device")).is_some();
    if let (true, Some(Value::Table(media))) = (names_a_card, below.get_mut("media")) {
        media.retain(|key, _| !["size", "sectors", "heads"].contains(&key));
    }
}

fn lay_over(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_told_with_its_place_and_the_key_that_was_meant() {
        let fault = parse("[media]\nsize = 1\nhead = 16\n").unwrap_err();
        assert!(fault.contains("line 3, column 1"), "{fault}");
        assert!(fault.ends_with("did you mean `heads`?"), "{fault}");
        let fault = parse("[zebra]\n").unwrap_err();
        assert!(fault.contains("unknown field `zebra`") && !fault.contains("did you mean"), "{fault}");
    }

    #[test]
    fn a_fault_in_a_file_is_shown_where_it_is() {
        let mut said = String::new();
        for text in [
            "[media]\nsize = 1\nhead = 16\n",
            "[zebra]\n",
            "[media]\nsize = \"1g\"\n",
            "[media]\nsize = -1\n",
            "[media\nsize = 1\n",
            "[media]\nsize = 1\nsize = 2\n",
            "[slices]\nslots = 300\n",
            "[overlay.rules]\n\"/x\" = { mode = 644 }\n",
            "[[customize.step]]\nreplaced = \"/x\"\n",
        ] {
            said += &format!("{}\n\n", parse(text).unwrap_err());
        }
        insta::assert_snapshot!(said);
    }

    #[test]
    fn a_later_file_overrides_key_by_key() {
        let dir = tempfile::tempdir().unwrap();
        let (base, over) = (dir.path().join("a.toml"), dir.path().join("b.toml"));
        fs::write(&base, "[media]\nsize = 1000\nheads = 16\n").unwrap();
        fs::write(&over, "[media]\nsize = 2000\n").unwrap();
        let raw = read(&base, &[over]).unwrap();
        assert_eq!((raw.media.size, raw.media.heads), (Some(2000), Some(16)));

        fs::write(dir.path().join("c.toml"), "[media]\ndevice = \"SanDisk 1G\"\nheads = 32\n").unwrap();
        let raw = read(&base, &[dir.path().join("c.toml")]).unwrap();
        assert_eq!((raw.media.size, raw.media.heads), (None, Some(32)), "another card");
    }
}
