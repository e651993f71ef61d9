//! Every dependency that a manifest names is used: one for the program by code that is not for tests, one for the tests by
//! tests or benchmarks, one for the build script by the build script.
//!
//! A crate counts as used where code names it as the first part of a path, or imports it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Package, TargetKind};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::workspace;

/// The names that code uses as those of crates. Some are names of modules.
#[derive(Debug, Default)]
struct Used {
    by_program: BTreeSet<String>,
    by_tests: BTreeSet<String>,
    by_build: BTreeSet<String>,
}

/// What the sources of `package` use.
fn used(package: &Package) -> Used {
    let mut used = Used::default();
    for target in &package.targets {
        let root = target.src_path.as_std_path();
        let dir = root.parent().unwrap();
        let is_build = target.kind.contains(&TargetKind::CustomBuild);
        let is_test = [TargetKind::Test, TargetKind::Bench, TargetKind::Example];
        let mut code = Code::default();
        code.file(root, dir, is_test.iter().any(|kind| target.kind.contains(kind)));
        if is_build {
            used.by_build.append(&mut code.program);
        }
        used.by_program.append(&mut code.program);
        used.by_tests.append(&mut code.tests);
    }
    used
}

/// The crates that a tree of files uses.
#[derive(Debug, Default)]
struct Code {
    program: BTreeSet<String>,
    tests: BTreeSet<String>,
}

impl Code {
    /// Adds what `file` uses, and what its modules use, whose files are in `dir`.
    fn file(&mut self, file: &Path, dir: &Path, is_test: bool) {
        let source = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let tokens: TokenStream = source.parse().unwrap();
        let mut local = BTreeSet::new();
        declared(tokens.clone(), &mut local);
        self.tokens(tokens, dir, is_test, &local);
    }

    /// Adds what `tokens` use. Of the names in `local`, only paths like `::name` mean a crate.
    fn tokens(&mut self, tokens: TokenStream, dir: &Path, is_test: bool, local: &BTreeSet<String>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        // Whether the item at hand is for tests only.
        let mut item_is_test = is_test;
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => {
                    if is_punct(&tokens, at.wrapping_sub(1), '#') && is_for_tests(group) {
                        item_is_test = true;
                    }
                    let name = module_name(&tokens, at);
                    let below = name.map_or(dir.to_owned(), |name| dir.join(name));
                    self.tokens(group.stream(), &below, item_is_test, local);
                    if group.delimiter() == Delimiter::Brace {
                        item_is_test = is_test;
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => {
                    if let Some(name) = module_name(&tokens, at) {
                        let (flat, nested) = (dir.join(format!("{name}.rs")), dir.join(&name).join("mod.rs"));
                        let file = if flat.exists() { flat } else { nested };
                        self.file(&file, &dir.join(&name), item_is_test);
                    }
                    item_is_test = is_test;
                }
                TokenTree::Ident(ident) => {
                    let name = ident.to_string();
                    if is_crate(&tokens, at, local.contains(&name)) {
                        let names = if item_is_test { &mut self.tests } else { &mut self.program };
                        names.insert(name);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Whether the identifier at `at` is the name of a crate, as far as its surroundings show.
fn is_crate(tokens: &[TokenTree], at: usize, is_local: bool) -> bool {
    let is_path = |at: usize| is_punct(tokens, at, ':') && is_punct(tokens, at.wrapping_add(1), ':');
    let after_colons = at >= 2 && is_path(at - 2);
    let is_global = after_colons
        && !matches!(at.checked_sub(3).map(|before| &tokens[before]), Some(TokenTree::Ident(ident)) if *ident != "use")
        && !is_punct(tokens, at.wrapping_sub(3), '>');
    if (is_local || after_colons) && !is_global {
        return false;
    }
    let is_imported = matches!(at.checked_sub(1).map(|before| &tokens[before]),
        Some(TokenTree::Ident(ident)) if *ident == "use" || *ident == "crate");
    is_imported || is_global || is_path(at + 1)
}

fn is_punct(tokens: &[TokenTree], at: usize, char: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == char)
}

/// `name`, if `mod name` is before `at`.
fn module_name(tokens: &[TokenTree], at: usize) -> Option<String> {
    let [.., TokenTree::Ident(keyword), TokenTree::Ident(name)] = &tokens[..at] else { return None };
    (*keyword == "mod").then(|| name.to_string())
}

/// Whether an attribute is `#[test]` or a `#[cfg(...)]` that is true in tests only.
fn is_for_tests(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    let is_cfg = text == "cfg(test)" || text.starts_with("cfg(all(test,");
    attribute.delimiter() == Delimiter::Bracket && (is_cfg || text == "test")
}

/// Adds the names that a file gives to modules, and those that it imports from a path, as `name` of `use crate::name`.
fn declared(tokens: TokenStream, names: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut in_use = false;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(ident) if *ident == "use" => in_use = true,
            TokenTree::Punct(punct) if punct.as_char() == ';' => in_use = false,
            TokenTree::Ident(ident) => {
                let before = at.checked_sub(1).map(|before| &tokens[before]);
                let is_module = matches!(before, Some(TokenTree::Ident(keyword)) if *keyword == "mod");
                let ends_path = is_punct(&tokens, at.wrapping_sub(1), ':') && !is_punct(&tokens, at + 1, ':');
                if is_module || in_use && ends_path {
                    names.insert(ident.to_string());
                }
            }
            TokenTree::Group(group) if in_use => imported(group.stream(), names),
            TokenTree::Group(group) => declared(group.stream(), names),
            _ => {}
        }
    }
}

/// Adds the names that a braced list of imports brings in.
fn imported(list: TokenStream, names: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = list.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(ident) if !is_punct(&tokens, at + 1, ':') => {
                names.insert(ident.to_string());
            }
            TokenTree::Group(group) => imported(group.stream(), names),
            _ => {}
        }
    }
}

/// The dependencies that `package` names and does not use, a line each.
fn unused(package: &Package) -> Vec<String> {
    let used = used(package);
    let mut found = Vec::new();
    for dependency in &package.dependencies {
        let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
        let ident = name.replace('-', "_");
        let (section, names) = match dependency.kind {
            DependencyKind::Development => ("dev-dependencies", &used.by_tests),
            DependencyKind::Build => ("build-dependencies", &used.by_build),
            _ => ("dependencies", &used.by_program),
        };
        if !names.contains(&ident) {
            let by_tests = section == "dependencies" && used.by_tests.contains(&ident);
            let note = if by_tests { " (only its tests use it)" } else { "" };
            found.push(format!("{}: {section}: {name}{note}", package.name));
        }
    }
    found
}

/// The names in `[workspace.dependencies]` of the root manifest `manifest` that no member inherits.
fn uninherited(manifest: &str, members: &[String]) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let names = manifest["workspace"]["dependencies"].as_table().unwrap().keys();
    let members: Vec<toml::Table> = members.iter().map(|text| text.parse().unwrap()).collect();
    let is_inherited = |name: &str| {
        let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
        members.iter().any(|member| {
            sections.iter().any(|section| member.get(*section).is_some_and(|table| table.get(name).is_some()))
        })
    };
    names.filter(|name| !is_inherited(name)).cloned().collect()
}

#[test]
fn every_dependency_is_used() {
    let packages = [workspace::packages("Cargo.toml"), workspace::packages("fuzz/Cargo.toml")].concat();
    assert!(packages.len() > 12, "{packages:?}");
    let found: Vec<String> = packages.iter().flat_map(unused).collect();
    assert!(found.is_empty(), "remove these dependencies:\n{}", found.join("\n"));
}

#[test]
fn every_dependency_of_the_workspace_is_inherited() {
    let manifest = fs::read_to_string(workspace::root().join("Cargo.toml")).unwrap();
    let packages = workspace::packages("Cargo.toml");
    let members = packages.iter().map(|package| fs::read_to_string(&package.manifest_path).unwrap());
    let found = uninherited(&manifest, &members.collect::<Vec<_>>());
    assert!(found.is_empty(), "remove these from [workspace.dependencies]: {found:?}");
}

/// A package with some dependencies, and its source files.
fn planted(dependencies: &str, files: &[(&str, &str)]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let manifest = format!("[package]\nname = \"planted\"\nedition = \"2024\"\n{dependencies}");
    for (name, text) in [("Cargo.toml", manifest.as_str())].iter().chain(files) {
        let path: PathBuf = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    workspace::packages(dir.path().join("Cargo.toml")).iter().flat_map(unused).collect()
}

#[test]
fn a_planted_unused_dependency_is_found() {
    let hex = "[dependencies]\nhex-x = \"1\"\n";
    for source in [
        "use hex_x::encode;\n",
        "fn f() { println!(\"{}\", hex_x::encode(1)); }\n",
        "mod hex_x;\nuse ::hex_x::encode;\n",
        "#[derive(hex_x::Encode)]\nstruct S;\n",
        "#[cfg(test)]\nmod tests { }\nuse hex_x as x;\n",
    ] {
        let found = planted(hex, &[("src/lib.rs", source), ("src/hex_x.rs", "")]);
        assert!(found.is_empty(), "{source}: {found:?}");
    }
    for source in [
        "",
        "//! hex_x::encode\nfn f() { let hex_x = \"hex_x::encode\"; g(hex_x); }\n",
        "use crate::room::hex_x;\nfn f() { hex_x::encode(1); }\n",
        "use crate::{room::hex_x};\nfn f() { crate::hex_x::encode(1); }\n",
        "mod hex_x;\nfn f() { hex_x::encode(1); }\n",
    ] {
        let found = planted(hex, &[("src/lib.rs", source), ("src/hex_x.rs", "")]);
        assert_eq!(found, ["planted: dependencies: hex-x"], "{source}");
    }
    for source in [
        "#[cfg(test)]\nmod tests;\n",
        "#[cfg(test)]\nmod tests { use hex_x::encode; }\n",
        "fn f() {}\n#[test]\nfn g() { hex_x::encode(1); }\n",
    ] {
        let files = [("src/lib.rs", source), ("src/tests.rs", "use hex_x::encode;\n")];
        assert_eq!(
            planted(hex, &files),
            ["planted: dependencies: hex-x (only its tests use it)"],
            "{source}"
        );
    }
}

#[test]
fn a_planted_unused_dependency_of_tests_or_the_build_is_found() {
    let lib = ("src/lib.rs", "use hex_x::encode;\n");
    let of_tests = "[dev-dependencies]\nhex-x = \"1\"\n";
    assert_eq!(planted(of_tests, &[lib]), ["planted: dev-dependencies: hex-x"]);
    assert!(planted(of_tests, &[("src/lib.rs", ""), ("tests/a.rs", lib.1)]).is_empty());
    let of_build = "[build-dependencies]\nhex-x = \"1\"\n";
    assert_eq!(planted(of_build, &[lib]), ["planted: build-dependencies: hex-x"]);
    assert!(
        planted(of_build, &[("src/lib.rs", ""), ("build.rs", "fn main() { hex_x::make(); }")]).is_empty()
    );

    let root = "[workspace.dependencies]\na = \"1\"\nb = \"1\"\n";
    assert_eq!(uninherited(root, &["[dev-dependencies]\na.workspace = true\n".to_owned()]), ["b"]);
}
