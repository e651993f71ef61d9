//! From what `pkglist` asks for to every package that has to be in the image: the newest that will do, what it needs, and
//! what that needs.
//!
//! pkg looks for dependencies by name and takes any version of them, for all packages of a repository are built together;
//! so does this. A capability (`requires`) that one package alone brings (`provides`) brings that package in; where several
//! do, the engineer chooses.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};

use super::list::Request;
use super::manifest::runs_on;
use super::repository::{Catalogue, Offer};
use super::version;

/// What `why` says of a package that the list itself asks for.
pub const ASKED_FOR: &str = "pkglist";

/// A package that will be in the image.
#[derive(Clone, Debug)]
pub struct Chosen<'a> {
    /// The package.
    pub offer: &'a Offer,
    /// The packages that need it, and [`ASKED_FOR`].
    pub why: BTreeSet<String>,
    /// The packages that it needs.
    pub deps: BTreeSet<String>,
}

/// Chooses packages of `catalogue` for `requests`, by name.
///
/// # Errors
/// A package or a dependency that the repository does not have, or not in such a version, or only for another system;
/// two packages that cannot live beside each other; or a capability that nobody or more than one brings.
pub fn resolve<'a>(
    catalogue: &'a Catalogue,
    requests: &[Request],
    abi: &str,
) -> Result<BTreeMap<String, Chosen<'a>>> {
    let mut resolver =
        Resolver { index: Index::of(catalogue), abi, chosen: BTreeMap::new(), open: Vec::new() };
    for request in requests {
        let offer =
            resolver.requested(request).with_context(|| format!("line {} of pkglist", request.line))?;
        resolver.add(offer, ASKED_FOR)?;
    }
    resolver.close()?;
    conflicts(&resolver.chosen)?;
    Ok(resolver.chosen)
}

struct Index<'a> {
    names: BTreeMap<&'a str, Vec<&'a Offer>>,
    origins: BTreeMap<&'a str, BTreeSet<&'a str>>,
    providers: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Index<'a> {
    fn of(catalogue: &'a Catalogue) -> Self {
        let mut index = Self { names: BTreeMap::new(), origins: BTreeMap::new(), providers: BTreeMap::new() };
        for offer in &catalogue.offers {
            index.names.entry(&offer.name).or_default().push(offer);
            index.origins.entry(&offer.origin).or_default().insert(&offer.name);
            for capability in &offer.provides {
                index.providers.entry(capability).or_default().insert(&offer.name);
            }
        }
        for offers in index.names.values_mut() {
            offers.sort_by(|a, b| version::compare(&b.version, &a.version)); // the newest first
        }
        index
    }

    fn versions(&self, name: &str) -> &[&'a Offer] {
        self.names.get(name).map_or(&[], Vec::as_slice)
    }

    /// The known name that is most like `name`.
    fn meant(&self, name: &str) -> String {
        let likeness = |known: &&&str| (strsim::jaro_winkler(name, known) * 1000.0) as u32;
        let best = self.names.keys().max_by_key(likeness).filter(|known| likeness(known) > 850);
        best.map_or_else(String::new, |known| format!("; did you mean `{known}`?"))
    }
}

struct Resolver<'a, 'b> {
    index: Index<'a>,
    abi: &'b str,
    chosen: BTreeMap<String, Chosen<'a>>,
    /// Names whose dependencies have not been looked at.
    open: Vec<String>,
}

impl<'a> Resolver<'a, '_> {
    fn requested(&self, request: &Request) -> Result<&'a Offer> {
        let subject = &request.subject;
        let name = if request.is_origin() { self.name_of_origin(subject)? } else { subject.as_str() };
        let versions = self.index.versions(name);
        ensure!(!versions.is_empty(), "the repository has no package `{name}`{}", self.index.meant(name));
        let fits =
            |offer: &&&Offer| request.requirement.as_ref().is_none_or(|wanted| wanted.holds(&offer.version));
        versions.iter().find(fits).copied().with_context(|| {
            let has: Vec<&str> = versions.iter().map(|offer| offer.version.as_str()).collect();
            format!("`{request}`: the repository has {name} {} only", has.join(", "))
        })
    }

    fn name_of_origin(&self, origin: &str) -> Result<&'a str> {
        let names = self.index.origins.get(origin);
        let names =
            names.with_context(|| format!("the repository has no package of the origin `{origin}`"))?;
        match names.iter().collect::<Vec<_>>()[..] {
            [name] => Ok(name),
            _ => {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                bail!("`{origin}` has several flavours; name the one that is meant: {}", names.join(", "))
            }
        }
    }

    /// Chooses `offer` on behalf of `why`.
    fn add(&mut self, offer: &'a Offer, why: &str) -> Result<()> {
        if let Some(chosen) = self.chosen.get_mut(&offer.name) {
            chosen.why.insert(why.to_owned());
            return Ok(());
        }
        ensure!(
            runs_on(offer.built_for(), self.abi),
            "{} {} is built for {}, and the product is {} (packages.abi)",
            offer.name,
            offer.version,
            offer.built_for(),
            self.abi
        );
        let chosen = Chosen { offer, why: BTreeSet::from([why.to_owned()]), deps: BTreeSet::new() };
        self.chosen.insert(offer.name.clone(), chosen);
        self.open.push(offer.name.clone());
        Ok(())
    }

    /// Follows dependencies until there is nothing new, then capabilities, and so on.
    fn close(&mut self) -> Result<()> {
        loop {
            while let Some(name) = self.open.pop() {
                let offer = self.chosen[&name].offer;
                for (dependency, stated) in &offer.deps {
                    let needed = self.dependency(dependency, &stated.origin).with_context(|| {
                        format!("{name} {} needs {dependency} ({})", offer.version, self.chain(&name))
                    })?;
                    self.depend(&name, needed)?;
                }
            }
            if !self.next_capability()? {
                return Ok(());
            }
        }
    }

    fn depend(&mut self, name: &str, needed: &'a Offer) -> Result<()> {
        self.add(needed, name).with_context(|| format!("{name} needs {}", needed.name))?;
        if let Some(chosen) = self.chosen.get_mut(name) {
            chosen.deps.insert(needed.name.clone());
        }
        Ok(())
    }

    fn dependency(&self, name: &str, origin: &str) -> Result<&'a Offer> {
        if let Some(chosen) = self.chosen.get(name) {
            return Ok(chosen.offer);
        }
        let renamed = || self.index.origins.get(origin).filter(|names| names.len() == 1)?.first().copied();
        let versions = self.index.versions(name);
        let versions =
            if versions.is_empty() { self.index.versions(renamed().unwrap_or(name)) } else { versions };
        versions.first().copied().with_context(|| {
            format!("the repository has neither a package `{name}` nor one of the origin `{origin}`; it is not complete")
        })
    }

    /// Brings in a package for the first capability that lacks; says whether there was one.
    fn next_capability(&mut self) -> Result<bool> {
        let provided: BTreeSet<&str> = self
            .chosen
            .values()
            .flat_map(|chosen| chosen.offer.provides.iter().map(String::as_str))
            .collect();
        let lacks = self.chosen.values().find_map(|chosen| {
            let capability =
                chosen.offer.requires.iter().find(|wanted| !provided.contains(wanted.as_str()))?;
            Some((chosen.offer.name.clone(), capability.clone()))
        });
        let Some((name, capability)) = lacks else { return Ok(false) };
        let providers = self.index.providers.get(capability.as_str()).cloned().unwrap_or_default();
        let provider = match providers.iter().collect::<Vec<_>>()[..] {
            [provider] => self.index.versions(provider)[0],
            [] => bail!("{name} requires `{capability}`, which no package of the repository provides"),
            _ => bail!(
                "{name} requires `{capability}`, which several packages provide; put one of them into pkglist: {}",
                providers.into_iter().collect::<Vec<_>>().join(", ")
            ),
        };
        self.depend(&name, provider)?;
        Ok(true)
    }

    /// One way from the list to `name`.
    fn chain(&self, name: &str) -> String {
        let mut chain = vec![name.to_owned()];
        while let Some(chosen) = chain.last().and_then(|last| self.chosen.get(last)) {
            let above = chosen.why.iter().find(|why| *why == ASKED_FOR).or_else(|| chosen.why.first());
            let Some(above) = above.filter(|above| !chain.contains(above)) else { break };
            chain.push(above.clone());
        }
        chain.reverse();
        chain.join(" -> ")
    }
}

fn conflicts(chosen: &BTreeMap<String, Chosen<'_>>) -> Result<()> {
    for one in chosen.values() {
        for pattern in &one.offer.conflicts {
            let hit = |other: &&Chosen<'_>| {
                let (one, other) = (one.offer, other.offer);
                one.name != other.name
                    && [other.name.clone(), format!("{}-{}", other.name, other.version)]
                        .iter()
                        .any(|text| matches(pattern.as_bytes(), text.as_bytes()))
            };
            if let Some(other) = chosen.values().find(hit) {
                let because = |chosen: &Chosen<'_>| chosen.why.iter().cloned().collect::<Vec<_>>().join(", ");
                bail!(
                    "{} (for {}) conflicts with {} (for {}): it says so itself (`{pattern}`); only one of them can be in an \
                     image",
                    one.offer.name,
                    because(one),
                    other.offer.name,
                    because(other)
                );
            }
        }
    }
    Ok(())
}

/// Whether the whole of `text` fits a shell pattern of `*`, `?` and `[...]`.
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

    fn offer(name: &str, version: &str, deps: &[&str]) -> Offer {
        let dependency = |name: &&str| {
            ((*name).to_owned(), Dependency { origin: format!("misc/{name}"), ..Dependency::default() })
        };
        Offer {
            name: name.into(),
            origin: format!("misc/{name}"),
            version: version.into(),
            abi: Some("FreeBSD:13:i386".into()),
            deps: deps.iter().map(dependency).collect(),
            ..Offer::default()
        }
    }

    fn choose(offers: Vec<Offer>, asked: &str) -> Result<Vec<String>> {
        let requests = list::parse("pkglist", asked)?;
        let catalogue = Catalogue { offers };
        let chosen = resolve(&catalogue, &requests, "FreeBSD:13:i386")?;
        let show = |chosen: &Chosen<'_>| {
            let why: Vec<_> = chosen.why.iter().map(String::as_str).collect();
            format!("{} {} <- {}", chosen.offer.name, chosen.offer.version, why.join(" "))
        };
        Ok(chosen.values().map(show).collect())
    }

    fn refusal(offers: Vec<Offer>, asked: &str) -> String {
        format!("{:#}", choose(offers, asked).unwrap_err())
    }

    #[test]
    fn dependencies_are_followed_also_in_circles() {
        let offers = || {
            vec![
                offer("a", "1", &["b", "c"]),
                offer("b", "1", &["c"]),
                offer("c", "1.9", &["a"]),
                offer("c", "1.10", &["a"]),
                offer("d", "1", &[]),
            ]
        };
        assert_eq!(choose(offers(), "a\n").unwrap(), ["a 1 <- c pkglist", "b 1 <- a", "c 1.10 <- a b"]);
        assert_eq!(choose(offers(), "misc/c<1.10\nd\n").unwrap()[2], "c 1.9 <- a b pkglist");
    }

    #[test]
    fn what_cannot_be_had_is_told_with_the_way_to_it() {
        let offers = || vec![offer("nginx", "1.24", &["pcre2"]), offer("web", "1", &["nginx"])];
        insta::assert_snapshot!(refusal(offers(), "web\n"), @"nginx 1.24 needs pcre2 (pkglist -> web -> nginx): the repository has neither a package `pcre2` nor one of the origin `misc/pcre2`; it is not complete");
        insta::assert_snapshot!(refusal(offers(), "nginz\n"), @"line 1 of pkglist: the repository has no package `nginz`; did you mean `nginx`?");
        insta::assert_snapshot!(refusal(offers(), "#\nnginx>=1.25\n"), @"line 2 of pkglist: `nginx>=1.25`: the repository has nginx 1.24 only");
        let mut other = offer("b", "1", &[]);
        other.abi = Some("FreeBSD:14:amd64".into());
        insta::assert_snapshot!(refusal(vec![offer("a", "1", &["b"]), other], "a\n"), @"a needs b: b 1 is built for FreeBSD:14:amd64, and the product is FreeBSD:13:i386 (packages.abi)");
    }

    #[test]
    fn flavours_and_capabilities_with_a_choice_are_left_to_the_engineer() {
        let flavour = |name| Offer { origin: "net/x".into(), ..offer(name, "1", &[]) };
        insta::assert_snapshot!(refusal(vec![flavour("x-a"), flavour("x-b")], "net/x\n"), @"line 1 of pkglist: `net/x` has several flavours; name the one that is meant: `x-a`, `x-b`");
        let provider = |name| Offer { provides: vec!["mta".into()], ..offer(name, "1", &[]) };
        let user = || Offer { requires: vec!["mta".into()], ..offer("u", "1", &[]) };
        assert_eq!(choose(vec![user(), provider("p")], "u\n").unwrap(), ["p 1 <- u", "u 1 <- pkglist"]);
        assert!(refusal(vec![user(), provider("p"), provider("q")], "u\n").ends_with("into pkglist: p, q"));
        assert_eq!(choose(vec![user(), provider("p"), provider("q")], "u\nq\n").unwrap().len(), 2);
        assert!(refusal(vec![user()], "u\n").contains("no package of the repository provides"));
    }

    #[test]
    fn conflicts_are_patterns_of_names_and_versions() {
        let lite = Offer { conflicts: vec!["nginx-[0-9]*".into()], ..offer("nginx-lite", "1", &[]) };
        insta::assert_snapshot!(refusal(vec![lite.clone(), offer("nginx", "1.2", &[])], "nginx\nnginx-lite\n"), @"nginx-lite (for pkglist) conflicts with nginx (for pkglist): it says so itself (`nginx-[0-9]*`); only one of them can be in an image");
        assert!(choose(vec![lite, offer("nginx-full", "1", &[])], "nginx-full\nnginx-lite\n").is_ok());
        for (pattern, text, fits) in
            [("a?c", "abc", true), ("a[!b]c", "abc", false), ("[", "[", false), ("*", "", true)]
        {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), fits, "{pattern}");
        }
    }
}
