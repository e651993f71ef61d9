//! `pkglist.lock`: exactly which packages an image gets, each pinned by its SHA-256. `cargo xtask pkg lock` writes it, it is
//! committed, and images are built from it alone, so that the same commit gives the same packages years later.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::list::Request;
use super::repository::require_inside;
use super::resolve::ASKED_FOR;
use super::sum::require_sha256;

/// The version of the format.
const FORMAT: u32 = 1;
/// What stands above it.
const HEAD: &str = "# What pkglist comes to: written by `cargo xtask pkg lock`, not by hand. Commit it.\n\n";

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The version of the format.
    format: u32,
    /// Where the packages come from, as the product definition names it.
    pub repository: String,
    /// Who vouched for it: `none`, `pubkey` or `fingerprints`.
    pub signature: String,
    /// The system that they are for.
    pub abi: String,
    /// The lines of pkglist, sorted.
    pub list: Vec<String>,
    /// The packages by name.
    #[serde(default, rename = "package")]
    pub packages: Vec<Locked>,
}

/// A pinned package.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it is in the ports tree.
    pub origin: String,
    /// The system that it was built for.
    pub arch: String,
    /// Of its archive.
    pub sha256: String,
    /// Bytes of its archive.
    pub size: u64,
    /// Bytes of its files.
    pub flatsize: u64,
    /// Where its archive is in the repository.
    pub path: String,
    /// The packages that it needs.
    pub deps: Vec<String>,
    /// The packages that need it, and `pkglist` when that asks for it.
    pub why: Vec<String>,
}

impl Locked {
    /// Whether the list itself asks for it.
    pub fn asked_for(&self) -> bool {
        self.why.iter().any(|why| why == ASKED_FOR)
    }
}

/// The lines of a list as a lock keeps them.
pub fn lines(requests: &[Request]) -> Vec<String> {
    let lines: BTreeSet<String> = requests.iter().map(ToString::to_string).collect();
    lines.into_iter().collect()
}

impl Lock {
    /// A lock for `requests`; `packages` in any order.
    pub fn new(
        repository: &str,
        signature: &str,
        abi: &str,
        requests: &[Request],
        mut packages: Vec<Locked>,
    ) -> Self {
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            format: FORMAT,
            repository: repository.to_owned(),
            signature: signature.to_owned(),
            abi: abi.to_owned(),
            list: lines(requests),
            packages,
        }
    }

    /// Reads the lock in `path`.
    ///
    /// # Errors
    /// It is not there, or holds what `cargo xtask pkg lock` does not write.
    pub fn read(path: &Path) -> Result<Self> {
        let attempt = || format!("reading the package lock {}", path.display());
        let text = fs::read_to_string(path)
            .with_context(|| format!("{}; `cargo xtask pkg lock` writes it from pkglist", attempt()))?;
        Self::parse(&text).with_context(|| format!("{}; `cargo xtask pkg lock` writes it anew", attempt()))
    }

    fn parse(text: &str) -> Result<Self> {
        let lock: Self = toml::from_str(text)?;
        ensure!(lock.format == FORMAT, "format {}, and this builder knows {FORMAT}", lock.format);
        let names: BTreeSet<&str> = lock.packages.iter().map(|package| package.name.as_str()).collect();
        let mut before = "";
        for package in &lock.packages {
            let name = package.name.as_str();
            let check = || {
                ensure!(
                    before < name,
                    "it stands behind `{before}`; packages are in the order of their names"
                );
                require_sha256(&package.sha256)?;
                require_inside(&package.path)?;
                let known = |name: &&String| !names.contains(name.as_str()) && *name != ASKED_FOR;
                match package.deps.iter().chain(&package.why).find(known) {
                    Some(other) => bail!("`{other}` is not in the lock"),
                    None if package.why.is_empty() => bail!("nothing needs it"),
                    None => Ok(()),
                }
            };
            check().with_context(|| format!("package `{name}`"))?;
            before = name;
        }
        Ok(lock)
    }

    /// Writes the lock to `path`; says whether that changed anything.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> Result<bool> {
        let text = self.text()?;
        if fs::read_to_string(path).is_ok_and(|there| there == text) {
            return Ok(false);
        }
        let aside = path.with_extension("lock.new");
        fs::write(&aside, text)
            .and_then(|()| fs::rename(&aside, path))
            .with_context(|| format!("writing the package lock {}", path.display()))?;
        Ok(true)
    }

    /// Its text.
    ///
    /// # Errors
    /// None, as far as is known.
    pub fn text(&self) -> Result<String> {
        Ok(HEAD.to_owned() + &toml::to_string(self).context("writing the package lock as TOML")?)
    }

    /// Checks that it was made for `requests` and `abi`.
    ///
    /// # Errors
    /// pkglist or the product definition say something else now; the message tells what.
    pub fn require_current(&self, requests: &[Request], abi: &str) -> Result<()> {
        const AGAIN: &str = "run `cargo xtask pkg lock`, and commit pkglist.lock with pkglist";
        let now = lines(requests);
        let only_in = |one: &[String], other: &[String]| {
            let names: Vec<String> =
                one.iter().filter(|line| !other.contains(line)).map(|line| format!("`{line}`")).collect();
            names.join(", ")
        };
        let (new, gone) = (only_in(&now, &self.list), only_in(&self.list, &now));
        let mut changes = Vec::new();
        if !new.is_empty() {
            changes.push(format!("{new} is new"));
        }
        if !gone.is_empty() {
            changes.push(format!("{gone} is gone"));
        }
        ensure!(
            changes.is_empty(),
            "pkglist has changed since pkglist.lock was written ({}); {AGAIN}",
            changes.join("; ")
        );
        ensure!(
            self.abi.eq_ignore_ascii_case(abi),
            "pkglist.lock is for {} and packages.abi is {abi} now; {AGAIN}",
            self.abi
        );
        Ok(())
    }

    /// The package `name`.
    ///
    /// # Errors
    /// The lock does not have it.
    pub fn get(&self, name: &str) -> Result<&Locked> {
        self.packages.iter().find(|package| package.name == name || package.origin == name).with_context(
            || format!("no package `{name}` is locked; `cargo xtask pkg list` shows those that are"),
        )
    }

    /// Every chain of dependencies from the list to `name`, the shortest first, at most `most`.
    pub fn chains(&self, name: &str, most: usize) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        let mut open = std::collections::VecDeque::from([vec![name.to_owned()]]);
        while let Some(chain) = open.pop_front() {
            let above =
                chain.last().and_then(|last| self.packages.iter().find(|package| package.name == *last));
            for why in above.map_or(&[][..], |package| package.why.as_slice()) {
                if chain.contains(why) {
                    continue;
                }
                let longer: Vec<String> = chain.iter().cloned().chain([why.clone()]).collect();
                if why == ASKED_FOR {
                    found.push(longer.into_iter().rev().collect());
                } else {
                    open.push_back(longer);
                }
            }
            if found.len() >= most {
                break;
            }
        }
        found.truncate(most);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list;

    fn locked(name: &str, deps: &[&str], why: &[&str]) -> Locked {
        let texts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Locked {
            name: name.into(),
            version: "1.2_3,1".into(),
            origin: format!("misc/{name}"),
            arch: "FreeBSD:13:i386".into(),
            sha256: "0123456789abcdef".repeat(4),
            size: 1234,
            flatsize: 5678,
            path: format!("All/{name}-1.2_3,1.pkg"),
            deps: texts(deps),
            why: texts(why),
        }
    }

    fn sample() -> Lock {
        let requests = list::parse("pkglist", "web>=1\nmisc/a\n").unwrap();
        let packages = vec![
            locked("web", &["a", "b"], &["pkglist"]),
            locked("a", &["b"], &["pkglist", "web"]),
            locked("b", &[], &["a", "web"]),
        ];
        Lock::new("mirror/${ABI}", "pubkey", "FreeBSD:13:i386", &requests, packages)
    }

    #[test]
    fn its_text_is_stable_and_read_back() {
        let text = sample().text().unwrap();
        assert_eq!(Lock::parse(&text).unwrap(), sample());
        insta::assert_snapshot!(text.split("\n[[package]]\nname = \"b\"").next().unwrap());
    }

    #[test]
    fn a_lock_that_was_edited_badly_is_told() {
        let text = sample().text().unwrap();
        let error = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            format!("{:#}", Lock::parse(&text.replacen(from, to, 1)).unwrap_err())
        };
        insta::assert_snapshot!(error("format = 1", "format = 9"), @"format 9, and this builder knows 1");
        insta::assert_snapshot!(error("0123456789abcdef", "0123456789ABCDEF"), @"package `a`: `0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef` is no SHA-256 checksum of 64 hexadecimal digits");
        insta::assert_snapshot!(error("All/a", "../a"), @"package `a`: the path `../a-1.2_3,1.pkg` leads out of the repository");
        insta::assert_snapshot!(error("deps = [\"b\"]", "deps = [\"x\"]"), @"package `a`: `x` is not in the lock");
        insta::assert_snapshot!(error("name = \"a\"", "name = \"z\""), @"package `b`: it stands behind `z`; packages are in the order of their names");
        insta::assert_snapshot!(error("size = 1234", "sice = 1234"));
        insta::assert_snapshot!(error("why = [\"pkglist\", \"web\"]", "why = []"), @"package `a`: nothing needs it");
    }

    #[test]
    fn a_list_that_has_changed_is_told_with_what_has() {
        let error = |text: &str, abi: &str| {
            let requests = list::parse("pkglist", text).unwrap();
            sample().require_current(&requests, abi).unwrap_err().to_string()
        };
        insta::assert_snapshot!(error("web>=2\nmisc/a\n", "FreeBSD:13:i386"), @"pkglist has changed since pkglist.lock was written (`web>=2` is new; `web>=1` is gone); run `cargo xtask pkg lock`, and commit pkglist.lock with pkglist");
        insta::assert_snapshot!(error("misc/a\nweb >= 1\n", "FreeBSD:14:i386"), @"pkglist.lock is for FreeBSD:13:i386 and packages.abi is FreeBSD:14:i386 now; run `cargo xtask pkg lock`, and commit pkglist.lock with pkglist");
    }

    #[test]
    fn why_tells_every_chain_the_shortest_first() {
        let chains: Vec<String> = sample().chains("b", 10).iter().map(|chain| chain.join(" ")).collect();
        assert_eq!(chains, ["pkglist a b", "pkglist web b", "pkglist web a b"]);
        assert_eq!(sample().chains("b", 1).len(), 1);
    }
}
