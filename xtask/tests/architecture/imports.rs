//! Which files of a crate import which, read from their source; no file imports one that imports it, directly or through
//! others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{Item, UseTree};

/// The modules of a crate, by their paths from its root.
type Modules = BTreeMap<Vec<String>, Module>;

/// The files that a file imports.
type Imports = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// One module: where it is, and what its names stand for.
#[derive(Debug, Default)]
struct Module {
    file: PathBuf,
    /// Names that `use` brings in, with the paths that they stand for.
    bindings: BTreeMap<String, Vec<String>>,
    /// Every path that the module's code names.
    paths: Vec<Vec<String>>,
}

/// The files of the crate with the root file `root`, with what each imports. Tests are left out.
fn imports(root: &Path) -> Imports {
    let mut modules = Modules::new();
    let source = fs::read_to_string(root).unwrap();
    let items = syn::parse_file(&source).unwrap().items;
    collect(&mut modules, &[], &items, root, root.parent().unwrap());
    let mut imports = Imports::new();
    for (path, module) in &modules {
        let targets = module.paths.iter().filter_map(|named| resolve(&modules, path, named, 0));
        let others = targets.filter(|file| *file != module.file);
        imports.entry(module.file.clone()).or_default().extend(others);
    }
    imports
}

/// Adds the module `path` with `items`, which is in `file` and whose child modules are in `dir`.
fn collect(modules: &mut Modules, path: &[String], items: &[Item], file: &Path, dir: &Path) {
    let mut module = Module { file: file.to_owned(), ..Module::default() };
    for item in items.iter().filter(|item| !is_test(item)) {
        match item {
            Item::Mod(child) => {
                let name = child.ident.to_string();
                let below: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
                if let Some((_, items)) = &child.content {
                    collect(modules, &below, items, file, &dir.join(&name));
                    continue;
                }
                let (flat, nested) = (dir.join(format!("{name}.rs")), dir.join(&name).join("mod.rs"));
                let file = if flat.exists() { flat } else { nested };
                let source =
                    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
                let items = syn::parse_file(&source).unwrap().items;
                collect(modules, &below, &items, &file, &dir.join(&name));
            }
            Item::Use(import) => bind(&mut module, &mut Vec::new(), &import.tree),
            other => Paths(&mut module.paths).visit_item(other),
        }
    }
    modules.insert(path.to_vec(), module);
}

/// Adds what `tree` brings in, below `prefix`.
fn bind(module: &mut Module, prefix: &mut Vec<String>, tree: &UseTree) {
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            bind(module, prefix, &path.tree);
            prefix.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| bind(module, prefix, tree)),
        UseTree::Glob(_) => module.paths.push(prefix.clone()),
        UseTree::Name(_) | UseTree::Rename(_) => {
            let (name, alias) = match tree {
                UseTree::Rename(rename) => (rename.ident.to_string(), rename.rename.to_string()),
                UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
                _ => unreachable!("matched above"),
            };
            let mut path = prefix.clone();
            if name != "self" {
                path.push(name.clone());
            }
            let alias = if alias == "self" { prefix.last().cloned().unwrap_or_default() } else { alias };
            module.bindings.insert(alias, path.clone());
            module.paths.push(path);
        }
    }
}

/// Collects the paths of at least two segments in code, and what looks like one in the arguments of macros.
struct Paths<'a>(&'a mut Vec<Vec<String>>);

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.0.push(segments);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        syn::visit::visit_macro(self, call);
    }

    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(item) {
            syn::visit::visit_item(self, item);
        }
    }
}

impl Paths<'_> {
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.flush(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.flush(&mut path);
                    self.tokens(group.stream());
                    colons = 0;
                }
                _ => {
                    self.flush(&mut path);
                    colons = 0;
                }
            }
        }
        self.flush(&mut path);
    }

    fn flush(&mut self, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.0.push(std::mem::take(path));
        }
        path.clear();
    }
}

/// The file that defines what `named` stands for in the module `at`; `None` for what is of another crate.
fn resolve(modules: &Modules, at: &[String], named: &[String], depth: usize) -> Option<PathBuf> {
    let mut module = at.to_vec();
    let mut rest = named;
    match rest.first()?.as_str() {
        "crate" => module.clear(),
        "self" => {}
        "super" => {
            module.pop()?;
        }
        first => {
            // A name of this module, or else a crate.
            let mut child = module.clone();
            child.push(first.to_owned());
            if modules.contains_key(&child) {
                module = child;
            } else {
                let bound = modules[&module].bindings.get(first)?;
                return follow(modules, &module, bound, &rest[1..], depth);
            }
        }
    }
    rest = &rest[1..];
    while let [first, others @ ..] = rest {
        if first == "super" {
            module.pop()?;
            rest = others;
            continue;
        }
        let mut child = module.clone();
        child.push(first.clone());
        if modules.contains_key(&child) {
            module = child;
            rest = others;
            continue;
        }
        if let Some(bound) = modules[&module].bindings.get(first) {
            return follow(modules, &module, bound, others, depth)
                .or_else(|| Some(modules[&module].file.clone()));
        }
        break;
    }
    Some(modules[&module].file.clone())
}

/// [`resolve`] for a name that `use` brought in.
fn follow(
    modules: &Modules,
    at: &[String],
    bound: &[String],
    rest: &[String],
    depth: usize,
) -> Option<PathBuf> {
    // `use x::x` would go round for ever.
    let first = bound.first().filter(|_| depth < 16)?;
    let is_extern = !matches!(first.as_str(), "crate" | "self" | "super")
        && !modules.contains_key(&[at, std::slice::from_ref(first)].concat())
        && modules[at].bindings.get(first).is_none_or(|again| again == bound);
    if is_extern {
        return None;
    }
    resolve(modules, at, &[bound, rest].concat(), depth + 1)
}

/// Whether an item is there for tests only.
fn is_test(item: &Item) -> bool {
    let attributes = match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string() == "test",
        _ => false,
    })
}

/// The circles among `imports`, each as the files in it.
fn circles(imports: &Imports) -> Vec<Vec<PathBuf>> {
    let reach = |from: &PathBuf| {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&PathBuf> = imports.get(from).into_iter().flatten().collect();
        while let Some(file) = next.pop() {
            if seen.insert(file.clone()) {
                next.extend(imports.get(file).into_iter().flatten());
            }
        }
        seen
    };
    let reached: BTreeMap<&PathBuf, BTreeSet<PathBuf>> =
        imports.keys().map(|file| (file, reach(file))).collect();
    let mut circles: Vec<Vec<PathBuf>> = Vec::new();
    for (file, others) in &reached {
        if others.contains(*file) && !circles.iter().flatten().any(|known| known == *file) {
            let together = others.iter().filter(|other| reached[other].contains(*file));
            circles.push(together.cloned().collect());
        }
    }
    circles
}

/// Every circle in the crate at `root`, a line each, with the imports that tie it.
fn complaints(root: &Path) -> Vec<String> {
    let imports = imports(root);
    let source = root.parent().unwrap();
    let name = |file: &Path| file.strip_prefix(source).unwrap().display().to_string();
    let ties = |circle: &[PathBuf]| {
        let edges = circle.iter().flat_map(|from| imports[from].iter().map(move |to| (from, to)));
        let inside = edges.filter(|(_, to)| circle.contains(to));
        inside.map(|(from, to)| format!("{} -> {}", name(from), name(to))).collect::<Vec<_>>().join(", ")
    };
    circles(&imports).iter().map(|circle| format!("{}: {}", source.display(), ties(circle))).collect()
}

#[test]
fn no_file_imports_one_that_imports_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let crates = fs::read_dir(root.join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let all = crates.chain(["appliance", "firmware", "xtask"].map(|name| root.join(name)));
    let roots: Vec<PathBuf> = all
        .flat_map(|path| ["src/lib.rs", "src/main.rs"].map(|file| path.join(file)))
        .filter(|file| file.exists())
        .collect();
    assert!(roots.len() > 12, "{roots:?}");
    let found: Vec<String> = roots.iter().flat_map(|root| complaints(root)).collect();
    assert!(found.is_empty(), "files import each other in a circle:\n{}", found.join("\n"));
}

#[test]
fn a_planted_circle_is_found() {
    let crate_of = |files: &[(&str, &str)]| {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let found = complaints(&dir.path().join("lib.rs"));
        found.iter().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    let lib = ("lib.rs", "pub mod low;\npub mod high;\npub use high::High;\n");
    let high = ("high.rs", "use crate::low::Low;\npub struct High(Low);\n");
    assert!(crate_of(&[lib, high, ("low.rs", "pub struct Low;\n")]).is_empty());
    for low in [
        "use crate::high::High;\npub struct Low;\n",
        "use crate::High;\npub struct Low;\n",
        "pub struct Low;\nfn f() { let _ = super::high::High::new(); }\n",
        "pub struct Low;\nfn f() { println!(\"{}\", crate::high::NAME); }\n",
        "pub struct Low;\nmod inner { use super::super::*; use crate::high; }\n",
    ] {
        let found = crate_of(&[lib, high, ("low.rs", low)]);
        assert!(found.iter().any(|line| line.contains("low.rs -> high.rs")), "{low}: {found:?}");
    }
    // A module and its child import each other only through what the one defines.
    let room = ("lib.rs", "mod room;\n");
    let child = ("room/child.rs", "use super::Shared;\npub struct Child(Shared);\n");
    let sibling = ("room/shared.rs", "pub struct Shared;\n");
    let door = ("room/mod.rs", "mod child;\nmod shared;\npub use child::Child;\npub use shared::Shared;\n");
    assert!(crate_of(&[room, door, child, sibling]).is_empty());
    let owner = ("room/mod.rs", "mod child;\npub use child::Child;\npub struct Shared;\n");
    assert_eq!(
        crate_of(&[room, owner, child]),
        ["room/child.rs -> room/mod.rs, room/mod.rs -> room/child.rs"]
    );
    // What only tests import is no import.
    let tested = "pub struct Low;\n#[cfg(test)]\nmod tests { use crate::high::High; }\n";
    assert!(crate_of(&[lib, high, ("low.rs", tested)]).is_empty());
}
