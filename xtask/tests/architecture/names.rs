//! What a crate of the lower floors may not know: the product and its board.

use std::fs;
use std::path::Path;

use walkdir::WalkDir;

/// Crates that another product could use as they are.
const GENERAL: [&str; 6] = ["bsd-disk", "freebsd-pkg", "isa", "nanobsd-conf", "rootfs", "ufs"];

/// The lines of the crate in `dir` that have one of `words` in them, whatever its case.
fn lines_with(dir: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in WalkDir::new(dir).sort_by_file_name() {
        let entry = entry.unwrap();
        let Ok(text) = fs::read_to_string(entry.path()) else { continue };
        for (number, line) in (1..).zip(text.lines()) {
            if words.iter().any(|word| line.to_lowercase().contains(word)) {
                found.push(format!("{}:{number}: {}", entry.path().display(), line.trim()));
            }
        }
    }
    found
}

#[test]
fn general_crates_do_not_know_the_product() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates");
    let definition = fs::read_to_string(crates.parent().unwrap().join("appliance/appliance.toml")).unwrap();
    let definition: toml::Table = definition.parse().unwrap();
    let product = definition["product"]["name"].as_str().unwrap().to_lowercase();
    for name in GENERAL {
        let dir = crates.join(name);
        assert!(dir.join("src/lib.rs").is_file(), "{}", dir.display());
        let found = lines_with(&dir, &[&product]);
        assert!(found.is_empty(), "{name} knows the product's name:\n{}", found.join("\n"));
    }
}

#[test]
fn a_planted_name_is_found() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("lib.rs"), "// general\nconst HOST: &str = \"Sluice\";\n").unwrap();
    let found = lines_with(dir.path(), &["sluice"]);
    assert!(found.len() == 1 && found[0].ends_with("lib.rs:2: const HOST: &str = \"Sluice\";"), "{found:?}");
}
