//! The source files of a package, without its tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

/// Begins a module of tests, with or without a body.
const TEST: &str = "#[cfg(test)]\n";
/// Begins a module of tests at the end of a file.
const TEST_MODULE: &str = "\n#[cfg(test)]\nmod tests {\n";
/// Ends an item at the outer level.
const END: &str = "\n}\n";

/// The sources of the package in `directory` of the workspace at `root`: Rust files that are not only for tests, and the files
/// that they include. Paths are from the root, sorted.
///
/// # Errors
/// A file cannot be read.
pub fn sources(root: &Path, directory: &str) -> Result<BTreeSet<String>> {
    let package = root.join(directory);
    let mut rust = Vec::new();
    collect(&package.join("src"), &mut rust)?;
    let script = package.join("build.rs");
    if script.is_file() {
        rust.push(script);
    }
    let mut texts = Vec::new();
    let mut tests = Vec::new();
    for path in rust {
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        tests.extend(test_modules(&path, &text));
        texts.push((path, text));
    }
    texts.retain(|(path, _)| {
        !tests.iter().any(|test| path.starts_with(test) || path.with_extension("") == *test)
    });
    let mut files = BTreeSet::new();
    for (path, text) in &texts {
        let included = included(without_tests(text)).map(|name| normal(&path.with_file_name(name)));
        for file in included.filter(|file| file.is_file()).chain([path.clone()]) {
            let relative = file.strip_prefix(root).unwrap_or(&file);
            files.insert(relative.to_string_lossy().into_owned());
        }
    }
    Ok(files)
}

/// The text of a source file without the module of tests at its end.
pub fn without_tests(text: &str) -> &str {
    let Some(start) = text.find(TEST_MODULE) else { return text };
    // What lies behind the module would be compiled: then the whole text counts.
    let ends_the_file = text[start..].find(END).is_some_and(|end| start + end + END.len() == text.len());
    if ends_the_file { &text[..start] } else { text }
}

/// The Rust files below `dir`, which may be missing.
fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !dir.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        let entry = entry.with_context(|| format!("reading {}", dir.display()))?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The modules of `text`, the file `path`, that are for tests only: each as the path of its file without `.rs`, which is
/// also its directory.
fn test_modules(path: &Path, text: &str) -> Vec<PathBuf> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let dir = match &*stem {
        "mod" | "lib" | "main" => path.with_file_name(""),
        _ => path.with_extension(""),
    };
    let declared = text.split(TEST).skip(1).filter_map(|rest| rest.lines().next());
    let name = |line: &str| {
        let line = line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) ")).unwrap_or(line);
        Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
    };
    declared.filter_map(name).map(|name| dir.join(name)).collect()
}

/// The names that `include_str!` and its kin have in `text`.
fn included(text: &str) -> impl Iterator<Item = &str> {
    ["include_str!(\"", "include_bytes!(\"", "include!(\""]
        .into_iter()
        .flat_map(move |start| text.split(start).skip(1))
        .filter_map(|rest| rest.split('"').next())
}

/// The path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_at_the_end_of_a_file_do_not_count_and_what_follows_them_does() {
        assert_eq!(
            without_tests("fn a() {}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n"),
            "fn a() {}\n"
        );
        for text in ["fn a() {}\n", "fn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n\nfn b() {\n}\n"] {
            assert_eq!(without_tests(text), text);
        }
    }

    #[test]
    fn sources_are_rust_without_modules_of_tests_and_what_it_includes() {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [
            (
                "x/src/lib.rs",
                "mod a;\n#[cfg(test)]\nmod fake;\nconst A: &str = include_str!(\"../boot/a.S\");\n",
            ),
            ("x/src/fake.rs", ""),
            ("x/src/a.rs", "#[cfg(test)]\nmod tests;\n"),
            ("x/src/a/tests.rs", "mod more;\n"),
            ("x/src/a/tests/more.rs", ""),
            ("x/src/a/tests_of_others.rs", ""),
            ("x/src/a/notes.txt", ""),
            ("x/src/.a.rs", ""),
            ("x/boot/a.S", ""),
            ("x/boot/b.S", ""),
            ("x/build.rs", ""),
            ("x/tests/all.rs", ""),
            ("x/README.md", ""),
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let found: Vec<String> = sources(dir.path(), "x").unwrap().into_iter().collect();
        let wanted = ["x/boot/a.S", "x/build.rs", "x/src/a.rs", "x/src/a/tests_of_others.rs", "x/src/lib.rs"];
        assert_eq!(found, wanted);
    }
}
