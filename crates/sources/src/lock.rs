//! `Cargo.lock`: which version of every crate is used.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;

/// The whole file.
#[derive(Deserialize)]
pub struct Lock {
    #[serde(rename = "package", default)]
    packages: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Lock {
    /// Parses it.
    ///
    /// # Errors
    /// It is no lock file.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context("reading Cargo.lock")
    }

    /// The crates that the packages `roots` of the workspace are compiled from, each as `name version checksum`. A root
    /// comes with those of its dependencies that it needs, for the file does not tell which are for development.
    ///
    /// # Errors
    /// A root is missing.
    pub fn external(&self, roots: &BTreeMap<&str, &[String]>) -> Result<BTreeSet<String>> {
        let mut wanted: Vec<&Locked> = Vec::new();
        for (name, needed) in roots {
            let root =
                self.packages.iter().find(|package| package.name == *name && package.checksum.is_none());
            let root =
                root.with_context(|| format!("reading Cargo.lock: it does not list the package {name}"))?;
            let is_needed = |one: &&String| {
                let name = one.split(' ').next().unwrap_or_default();
                needed.iter().any(|needed| needed == name)
            };
            wanted.extend(root.dependencies.iter().filter(is_needed).filter_map(|one| self.find(one)));
        }
        let mut found = BTreeSet::new();
        while let Some(package) = wanted.pop() {
            // Packages of the workspace have no checksum: they are roots of their own.
            let Some(checksum) = &package.checksum else { continue };
            if found.insert(format!("{} {} {checksum}", package.name, package.version)) {
                wanted.extend(package.dependencies.iter().filter_map(|one| self.find(one)));
            }
        }
        Ok(found)
    }

    /// The package of a dependency: `name`, or `name version` where there are several.
    fn find(&self, dependency: &str) -> Option<&Locked> {
        let mut words = dependency.split(' ');
        let (name, version) = (words.next()?, words.next());
        self.packages
            .iter()
            .find(|package| package.name == name && version.is_none_or(|version| package.version == version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4
[[package]]
name = "ours"
version = "0.1.0"
dependencies = ["a", "b 2.0.0", "dev", "other"]
[[package]]
name = "other"
version = "0.1.0"
dependencies = ["d"]
[[package]]
name = "a"
version = "1.0.0"
checksum = "aa"
dependencies = ["b 1.0.0"]
[[package]]
name = "b"
version = "1.0.0"
checksum = "b1"
[[package]]
name = "b"
version = "2.0.0"
checksum = "b2"
[[package]]
name = "d"
version = "1.0.0"
checksum = "dd"
[[package]]
name = "dev"
version = "1.0.0"
checksum = "de"
"#;

    #[test]
    fn the_crates_of_a_package_are_those_that_it_needs_and_what_they_need() {
        let needed = ["a", "b", "other"].map(str::to_owned);
        let found = Lock::parse(LOCK).unwrap().external(&BTreeMap::from([("ours", &needed[..])])).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a 1.0.0 aa", "b 1.0.0 b1", "b 2.0.0 b2"]);
    }
}
