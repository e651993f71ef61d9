//! Chooses the packages that `pkglist` resolves to: for each line, the newest package that satisfies it, and all of its
//! dependencies.
//!
//! pkg looks up dependencies by name and accepts any version, because all packages of a repository are built together; so
//! does this. If exactly one package provides a required capability (`requires`, `provides`), that package is added; if there
//! are several, the engineer chooses.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};

use crate::list::Request;
use crate::manifest::runs_on;
use crate::repository::{Catalogue, CatalogueEntry};
use crate::version;

/// The reason (`why`) for a package that pkglist itself lists.
pub const REQUESTED: &str = "pkglist";

/// A chosen package.
#[derive(Clone, Debug)]
pub struct Chosen<'a> {
    /// The package.
    pub entry: &'a CatalogueEntry,
    /// The packages that need it, and [`REQUESTED`].
    pub why: BTreeSet<String>,
    /// The packages that it needs.
    pub deps: BTreeSet<String>,
}

/// Chooses packages of `catalogue` for `requests`, by name.
///
/// # Errors
/// The repository does not have a package or dependency, or not in this version, or only for another system; two packages
/// conflict; or a capability has no provider, or more than one.
pub fn resolve<'a>(
    catalogue: &'a Catalogue,
    requests: &[Request],
    abi: &str,
) -> Result<BTreeMap<String, Chosen<'a>>> {
    let mut resolver =
        Resolver { index: Index::of(catalogue), abi, chosen: BTreeMap::new(), open: Vec::new() };
    for request in requests {
        let entry =
            resolver.requested(request).with_context(|| format!("line {} of pkglist", request.line))?;
        resolver.add(entry, REQUESTED)?;
    }
    resolver.close()?;
    conflicts(&resolver.chosen)?;
    Ok(resolver.chosen)
}

struct Index<'a> {
    names: BTreeMap<&'a str, Vec<&'a CatalogueEntry>>,
    origins: BTreeMap<&'a str, BTreeSet<&'a str>>,
    providers: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Index<'a> {
    fn of(catalogue: &'a Catalogue) -> Self {
        let mut index = Self { names: BTreeMap::new(), origins: BTreeMap::new(), providers: BTreeMap::new() };
        for entry in &catalogue.entries {
            index.names.entry(&entry.name).or_default().push(entry);
            index.origins.entry(&entry.origin).or_default().insert(&entry.name);
            for capability in &entry.provides {
                index.providers.entry(capability).or_default().insert(&entry.name);
            }
        }
        for entries in index.names.values_mut() {
            entries.sort_by(|a, b| version::compare(&b.version, &a.version)); // the newest first
        }
        index
    }

    fn versions(&self, name: &str) -> &[&'a CatalogueEntry] {
        self.names.get(name).map_or(&[], Vec::as_slice)
    }

    /// A hint that names the most similar package, if there is one.
    fn suggestion(&self, name: &str) -> String {
        let likeness = |known: &&&str| (strsim::jaro_winkler(name, known) * 1000.0) as u32;
        let best = self.names.keys().max_by_key(likeness).filter(|known| likeness(known) > 850);
        best.map_or_else(String::new, |known| format!("\nhint: did you mean `{known}`?"))
    }
}

struct Resolver<'a, 'b> {
    index: Index<'a>,
    abi: &'b str,
    chosen: BTreeMap<String, Chosen<'a>>,
    /// Chosen packages whose dependencies have not been followed yet.
    open: Vec<String>,
}

impl<'a> Resolver<'a, '_> {
    fn requested(&self, request: &Request) -> Result<&'a CatalogueEntry> {
        let subject = &request.subject;
        let name = if request.is_origin() { self.name_of_origin(subject)? } else { subject.as_str() };
        let versions = self.index.versions(name);
        ensure!(
            !versions.is_empty(),
            "the repository has no package `{name}`{}",
            self.index.suggestion(name)
        );
        let fits = |entry: &&&CatalogueEntry| {
            request.requirement.as_ref().is_none_or(|wanted| wanted.matches(&entry.version))
        };
        versions.iter().find(fits).copied().with_context(|| {
            let has: Vec<&str> = versions.iter().map(|entry| entry.version.as_str()).collect();
            format!("`{request}`: the repository has only {name} {}", has.join(", "))
        })
    }

    fn name_of_origin(&self, origin: &str) -> Result<&'a str> {
        let names = self.index.origins.get(origin);
        let names =
            names.with_context(|| format!("the repository has no package with the origin `{origin}`"))?;
        match names.iter().collect::<Vec<_>>()[..] {
            [name] => Ok(name),
            _ => {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                bail!("`{origin}` has several flavours: {}\nhint: list one of them by name", names.join(", "))
            }
        }
    }

    /// Chooses `entry`, because `why` needs it.
    fn add(&mut self, entry: &'a CatalogueEntry, why: &str) -> Result<()> {
        if let Some(chosen) = self.chosen.get_mut(&entry.name) {
            chosen.why.insert(why.to_owned());
            return Ok(());
        }
        ensure!(
            runs_on(entry.built_for(), self.abi),
            "{} {} is built for {}, but packages.abi is {}",
            entry.name,
            entry.version,
            entry.built_for(),
            self.abi
        );
        let chosen = Chosen { entry, why: BTreeSet::from([why.to_owned()]), deps: BTreeSet::new() };
        self.chosen.insert(entry.name.clone(), chosen);
        self.open.push(entry.name.clone());
        Ok(())
    }

    /// Follows dependencies, then capabilities, until nothing new is needed.
    fn close(&mut self) -> Result<()> {
        loop {
            while let Some(name) = self.open.pop() {
                let entry = self.chosen[&name].entry;
                for (dependency, stated) in &entry.deps {
                    let needed = self.dependency(dependency, &stated.origin).with_context(|| {
                        format!("{name} {} needs {dependency} ({})", entry.version, self.chain(&name))
                    })?;
                    self.depend(&name, needed)?;
                }
            }
            if !self.next_capability()? {
                return Ok(());
            }
        }
    }

    fn depend(&mut self, name: &str, needed: &'a CatalogueEntry) -> Result<()> {
        self.add(needed, name).with_context(|| format!("{name} needs {}", needed.name))?;
        if let Some(chosen) = self.chosen.get_mut(name) {
            chosen.deps.insert(needed.name.clone());
        }
        Ok(())
    }

    fn dependency(&self, name: &str, origin: &str) -> Result<&'a CatalogueEntry> {
        if let Some(chosen) = self.chosen.get(name) {
            return Ok(chosen.entry);
        }
        let renamed = || self.index.origins.get(origin).filter(|names| names.len() == 1)?.first().copied();
        let versions = self.index.versions(name);
        let versions =
            if versions.is_empty() { self.index.versions(renamed().unwrap_or(name)) } else { versions };
        versions.first().copied().with_context(|| {
            format!("the repository is incomplete: it has neither a package `{name}` nor one with the origin `{origin}`")
        })
    }

    /// Chooses a package for the first missing capability; returns whether there was one.
    fn next_capability(&mut self) -> Result<bool> {
        let provided: BTreeSet<&str> = self
            .chosen
            .values()
            .flat_map(|chosen| chosen.entry.provides.iter().map(String::as_str))
            .collect();
        let missing = self.chosen.values().find_map(|chosen| {
            let capability =
                chosen.entry.requires.iter().find(|wanted| !provided.contains(wanted.as_str()))?;
            Some((chosen.entry.name.clone(), capability.clone()))
        });
        let Some((name, capability)) = missing else { return Ok(false) };
        let providers = self.index.providers.get(capability.as_str()).cloned().unwrap_or_default();
        let provider = match providers.iter().collect::<Vec<_>>()[..] {
            [provider] => self.index.versions(provider)[0],
            [] => bail!("{name} requires `{capability}`, which no package of the repository provides"),
            _ => bail!(
                "{name} requires `{capability}`, which several packages provide: {}\nhint: add one of them to pkglist",
                providers.into_iter().collect::<Vec<_>>().join(", ")
            ),
        };
        self.depend(&name, provider)?;
        Ok(true)
    }

    /// A chain of dependencies from pkglist to `name`.
    fn chain(&self, name: &str) -> String {
        let mut chain = vec![name.to_owned()];
        while let Some(chosen) = chain.last().and_then(|last| self.chosen.get(last)) {
            let above = chosen.why.iter().find(|why| *why == REQUESTED).or_else(|| chosen.why.first());
            let Some(above) = above.filter(|above| !chain.contains(above)) else { break };
            chain.push(above.clone());
        }
        chain.reverse();
        chain.join(" -> ")
    }
}

fn conflicts(chosen: &BTreeMap<String, Chosen<'_>>) -> Result<()> {
    for one in chosen.values() {
        for pattern in &one.entry.conflicts {
            let hit = |other: &&Chosen<'_>| {
                let (one, other) = (one.entry, other.entry);
                one.name != other.name
                    && [other.name.clone(), format!("{}-{}", other.name, other.version)]
                        .iter()
                        .any(|text| matches(pattern.as_bytes(), text.as_bytes()))
            };
            if let Some(other) = chosen.values().find(hit) {
                let needed_by =
                    |chosen: &Chosen<'_>| chosen.why.iter().cloned().collect::<Vec<_>>().join(", ");
                bail!(
                    "{} (needed by {}) conflicts with {} (needed by {}): it declares a conflict with `{pattern}`",
                    one.entry.name,
                    needed_by(one),
                    other.entry.name,
                    needed_by(other)
                );
            }
        }
    }
    Ok(())
}

/// Whether all of `text` matches a shell pattern of `*`, `?` and `[...]`.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skip| matches(rest, &text[skip..])),
        Some((b'?', rest)) => !text.is_empty() && matches(rest, &text[1..]),
        Some((b'[', rest)) => match (rest.iter().position(|byte| *byte == b']'), text.split_first()) {
            (Some(end), Some((first, after))) => {
                one_of(&rest[..end], *first) && matches(&rest[end + 1..], after)
            }
            _ => false,
        },
        Some((byte, rest)) => text.first() == Some(byte) && matches(rest, &text[1..]),
    }
}

/// Whether `byte` is in a set such as `0-9a`, or not in one such as `!0-9`.
fn one_of(set: &[u8], byte: u8) -> bool {
    let (negated, set) = match set.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, set),
    };
    let mut rest = set;
    let mut found = false;
    while let Some((first, after)) = rest.split_first() {
        match after {
            [b'-', last, after @ ..] => {
                found |= (*first..=*last).contains(&byte);
                rest = after;
            }
            _ => {
                found |= *first == byte;
                rest = after;
            }
        }
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list;
    use crate::manifest::Dependency;

    fn entry(name: &str, version: &str, deps: &[&str]) -> CatalogueEntry {
        let dependency = |name: &&str| {
            ((*name).to_owned(), Dependency { origin: format!("misc/{name}"), ..Dependency::default() })
        };
        CatalogueEntry {
            name: name.into(),
            origin: format!("misc/{name}"),
            version: version.into(),
            abi: Some("FreeBSD:13:i386".into()),
            deps: deps.iter().map(dependency).collect(),
            ..CatalogueEntry::default()
        }
    }

    fn choose(entries: Vec<CatalogueEntry>, asked: &str) -> Result<Vec<String>> {
        let requests = list::parse("pkglist", asked)?;
        let catalogue = Catalogue { entries };
        let chosen = resolve(&catalogue, &requests, "FreeBSD:13:i386")?;
        let show = |chosen: &Chosen<'_>| {
            let why: Vec<_> = chosen.why.iter().map(String::as_str).collect();
            format!("{} {} <- {}", chosen.entry.name, chosen.entry.version, why.join(" "))
        };
        Ok(chosen.values().map(show).collect())
    }

    fn refusal(entries: Vec<CatalogueEntry>, asked: &str) -> String {
        format!("{:#}", choose(entries, asked).unwrap_err())
    }

    #[test]
    fn dependencies_are_followed_even_in_cycles() {
        let entries = || {
            vec![
                entry("a", "1", &["b", "c"]),
                entry("b", "1", &["c"]),
                entry("c", "1.9", &["a"]),
                entry("c", "1.10", &["a"]),
                entry("d", "1", &[]),
            ]
        };
        assert_eq!(choose(entries(), "a\n").unwrap(), ["a 1 <- c pkglist", "b 1 <- a", "c 1.10 <- a b"]);
        assert_eq!(choose(entries(), "misc/c<1.10\nd\n").unwrap()[2], "c 1.9 <- a b pkglist");
    }

    #[test]
    fn a_missing_package_is_reported_with_the_chain_to_it() {
        let entries = || vec![entry("nginx", "1.24", &["pcre2"]), entry("web", "1", &["nginx"])];
        insta::assert_snapshot!(refusal(entries(), "web\n"), @"nginx 1.24 needs pcre2 (pkglist -> web -> nginx): the repository is incomplete: it has neither a package `pcre2` nor one with the origin `misc/pcre2`");
        insta::assert_snapshot!(refusal(entries(), "nginz\n"), @"
line 1 of pkglist: the repository has no package `nginz`
hint: did you mean `nginx`?
");
        insta::assert_snapshot!(refusal(entries(), "#\nnginx>=1.25\n"), @"line 2 of pkglist: `nginx>=1.25`: the repository has only nginx 1.24");
        let mut other = entry("b", "1", &[]);
        other.abi = Some("FreeBSD:14:amd64".into());
        insta::assert_snapshot!(refusal(vec![entry("a", "1", &["b"]), other], "a\n"), @"a needs b: b 1 is built for FreeBSD:14:amd64, but packages.abi is FreeBSD:13:i386");
    }

    #[test]
    fn flavours_and_capabilities_with_several_candidates_need_a_choice() {
        let flavour = |name| CatalogueEntry { origin: "net/x".into(), ..entry(name, "1", &[]) };
        insta::assert_snapshot!(refusal(vec![flavour("x-a"), flavour("x-b")], "net/x\n"), @"
line 1 of pkglist: `net/x` has several flavours: `x-a`, `x-b`
hint: list one of them by name
");
        let provider = |name| CatalogueEntry { provides: vec!["mta".into()], ..entry(name, "1", &[]) };
        let user = || CatalogueEntry { requires: vec!["mta".into()], ..entry("u", "1", &[]) };
        assert_eq!(choose(vec![user(), provider("p")], "u\n").unwrap(), ["p 1 <- u", "u 1 <- pkglist"]);
        assert!(
            refusal(vec![user(), provider("p"), provider("q")], "u\n")
                .ends_with("provide: p, q\nhint: add one of them to pkglist")
        );
        assert_eq!(choose(vec![user(), provider("p"), provider("q")], "u\nq\n").unwrap().len(), 2);
        assert!(refusal(vec![user()], "u\n").contains("no package of the repository provides"));
    }

    #[test]
    fn conflicts_are_patterns_of_names_and_versions() {
        let lite = CatalogueEntry { conflicts: vec!["nginx-[0-9]*".into()], ..entry("nginx-lite", "1", &[]) };
        insta::assert_snapshot!(refusal(vec![lite.clone(), entry("nginx", "1.2", &[])], "nginx\nnginx-lite\n"), @"nginx-lite (needed by pkglist) conflicts with nginx (needed by pkglist): it declares a conflict with `nginx-[0-9]*`");
        assert!(choose(vec![lite, entry("nginx-full", "1", &[])], "nginx-full\nnginx-lite\n").is_ok());
        for (pattern, text, fits) in
            [("a?c", "abc", true), ("a[!b]c", "abc", false), ("[", "[", false), ("*", "", true)]
        {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), fits, "{pattern}");
        }
    }
}
