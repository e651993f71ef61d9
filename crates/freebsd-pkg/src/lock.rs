//! `pkglist.lock`: the exact packages of an image, each pinned by its SHA-256. `cargo xtask pkg lock` writes it, it is
//! committed, and images are built from it alone, so that the same commit gives the same packages years later.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::checksum::require_sha256;
use crate::list::Request;
use crate::repository::require_inside;
use crate::resolve::REQUESTED;

/// The version of the format.
const FORMAT: u32 = 1;
/// The comment at the start of the file.
const HEAD: &str =
    "# The packages that pkglist resolves to, written by `cargo xtask pkg lock`. Do not edit; commit it.\n\n";

/// The contents of the lock file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The version of the format.
    format: u32,
    /// The repository that the packages come from, as it is configured.
    pub repository: String,
    /// How it was signed: `none`, `pubkey` or `fingerprints`.
    pub signature: String,
    /// The system that the packages are for.
    pub abi: String,
    /// The lines of pkglist, sorted.
    pub list: Vec<String>,
    /// The packages, sorted by name.
    #[serde(default, rename = "package")]
    pub packages: Vec<Locked>,
}

/// A pinned package.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// The path in the ports tree.
    pub origin: String,
    /// The system that it was built for.
    pub arch: String,
    /// The SHA-256 of its archive.
    pub sha256: String,
    /// The size of its archive in bytes.
    pub size: u64,
    /// The size of its files in bytes.
    pub flatsize: u64,
    /// The path of its archive in the repository.
    pub path: String,
    /// The packages that it needs.
    pub deps: Vec<String>,
    /// The packages that need it, and `pkglist` if it is listed there.
    pub why: Vec<String>,
}

impl Locked {
    /// Whether pkglist itself lists it.
    pub fn is_requested(&self) -> bool {
        self.why.iter().any(|why| why == REQUESTED)
    }
}

/// The lines of a list as the lock file keeps them.
fn lines(requests: &[Request]) -> Vec<String> {
    let lines: BTreeSet<String> = requests.iter().map(ToString::to_string).collect();
    lines.into_iter().collect()
}

impl Lock {
    /// Locks `packages`, in any order, for `requests`.
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

    /// Reads the lock file `path`.
    ///
    /// # Errors
    /// The file is missing, or is not what `cargo xtask pkg lock` writes.
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |cause: String, verb: &str| {
            let cause = cause.trim_end();
            anyhow!(
                "reading the lock file {}: {cause}\nhint: `cargo xtask pkg lock` {verb} it from pkglist",
                path.display()
            )
        };
        let text = fs::read_to_string(path).map_err(|error| failed(error.to_string(), "creates"))?;
        Self::parse(&text).map_err(|error| failed(format!("{error:#}"), "recreates"))
    }

    fn parse(text: &str) -> Result<Self> {
        let lock: Self = toml::from_str(text)?;
        ensure!(lock.format == FORMAT, "its format is {}; only {FORMAT} is supported", lock.format);
        let names: BTreeSet<&str> = lock.packages.iter().map(|package| package.name.as_str()).collect();
        let mut previous = "";
        for package in &lock.packages {
            let name = package.name.as_str();
            let check = || {
                ensure!(previous < name, "it follows `{previous}`, but packages must be sorted by name");
                require_sha256(&package.sha256)?;
                require_inside(&package.path)?;
                let unknown = |name: &&String| !names.contains(name.as_str()) && *name != REQUESTED;
                match package.deps.iter().chain(&package.why).find(unknown) {
                    Some(other) => bail!("`{other}` is not in the lock file"),
                    None if package.why.is_empty() => bail!("nothing needs it"),
                    None => Ok(()),
                }
            };
            check().with_context(|| format!("package `{name}`"))?;
            previous = name;
        }
        Ok(lock)
    }

    /// Writes the lock file `path`; returns whether that changed anything.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<bool> {
        let text = self.text()?;
        if fs::read_to_string(path).is_ok_and(|current| current == text) {
            return Ok(false);
        }
        let temporary = path.with_extension("lock.new");
        fs::write(&temporary, text)
            .and_then(|()| fs::rename(&temporary, path))
            .with_context(|| format!("writing the lock file {}", path.display()))?;
        Ok(true)
    }

    /// The text of the lock file.
    ///
    /// # Errors
    /// TOML cannot express a value.
    pub fn text(&self) -> Result<String> {
        Ok(HEAD.to_owned() + &toml::to_string(self).context("writing the lock file as TOML")?)
    }

    /// Checks that the lock file is for `requests` and `abi`.
    ///
    /// # Errors
    /// pkglist or the ABI has changed; the message shows what.
    pub fn require_current(&self, requests: &[Request], abi: &str) -> Result<()> {
        const HINT: &str = "hint: run `cargo xtask pkg lock`, and commit pkglist.lock with pkglist";
        let now = lines(requests);
        let only_in = |one: &[String], other: &[String]| {
            let names: Vec<String> =
                one.iter().filter(|line| !other.contains(line)).map(|line| format!("`{line}`")).collect();
            names.join(", ")
        };
        let (added, removed) = (only_in(&now, &self.list), only_in(&self.list, &now));
        let mut changes = Vec::new();
        if !added.is_empty() {
            changes.push(format!("added {added}"));
        }
        if !removed.is_empty() {
            changes.push(format!("removed {removed}"));
        }
        ensure!(
            changes.is_empty(),
            "pkglist has changed since pkglist.lock was written ({})\n{HINT}",
            changes.join("; ")
        );
        ensure!(
            self.abi.eq_ignore_ascii_case(abi),
            "pkglist.lock is for {}, but packages.abi is now {abi}\n{HINT}",
            self.abi
        );
        Ok(())
    }

    /// The package with the name or origin `name`.
    ///
    /// # Errors
    /// It is not locked.
    pub fn get(&self, name: &str) -> Result<&Locked> {
        self.packages.iter().find(|package| package.name == name || package.origin == name).with_context(
            || {
                format!(
                    "no package `{name}` is locked\nhint: `cargo xtask pkg list` shows the locked packages"
                )
            },
        )
    }

    /// Chains of dependencies from pkglist to `name`, the shortest first, at most `most`.
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
                if why == REQUESTED {
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
    fn a_lock_file_with_mistakes_is_refused() {
        let text = sample().text().unwrap();
        let error = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            format!("{:#}", Lock::parse(&text.replacen(from, to, 1)).unwrap_err())
        };
        insta::assert_snapshot!(error("format = 1", "format = 9"), @"its format is 9; only 1 is supported");
        insta::assert_snapshot!(error("0123456789abcdef", "0123456789ABCDEF"), @"package `a`: `0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef` is not a SHA-256 checksum of 64 hexadecimal digits");
        insta::assert_snapshot!(error("All/a", "../a"), @"package `a`: the path `../a-1.2_3,1.pkg` is outside the repository");
        insta::assert_snapshot!(error("deps = [\"b\"]", "deps = [\"x\"]"), @"package `a`: `x` is not in the lock file");
        insta::assert_snapshot!(error("name = \"a\"", "name = \"z\""), @"package `b`: it follows `z`, but packages must be sorted by name");
        insta::assert_snapshot!(error("size = 1234", "sice = 1234"));
        insta::assert_snapshot!(error("why = [\"pkglist\", \"web\"]", "why = []"), @"package `a`: nothing needs it");
    }

    #[test]
    fn a_changed_list_is_reported_with_its_changes() {
        let error = |text: &str, abi: &str| {
            let requests = list::parse("pkglist", text).unwrap();
            sample().require_current(&requests, abi).unwrap_err().to_string()
        };
        insta::assert_snapshot!(error("web>=2\nmisc/a\n", "FreeBSD:13:i386"), @"
pkglist has changed since pkglist.lock was written (added `web>=2`; removed `web>=1`)
hint: run `cargo xtask pkg lock`, and commit pkglist.lock with pkglist
");
        insta::assert_snapshot!(error("misc/a\nweb >= 1\n", "FreeBSD:14:i386"), @"
pkglist.lock is for FreeBSD:13:i386, but packages.abi is now FreeBSD:14:i386
hint: run `cargo xtask pkg lock`, and commit pkglist.lock with pkglist
");
    }

    #[test]
    fn every_chain_is_listed_the_shortest_first() {
        let chains: Vec<String> = sample().chains("b", 10).iter().map(|chain| chain.join(" ")).collect();
        assert_eq!(chains, ["pkglist a b", "pkglist web b", "pkglist web a b"]);
        assert_eq!(sample().chains("b", 1).len(), 1);
    }
}
