//! The package that the services are in: which programs it has, and what they are compiled from.
//!
//! `[package.metadata.services]` of its manifest lists them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use sources::Closure;

use crate::workspace;

/// Its name, which is also its directory.
pub(super) const NAME: &str = "appliance";
/// The cargo profile of the services.
pub(super) const PROFILE: &str = "device";

/// The package.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its services.
    pub programs: Vec<Program>,
    closure: Closure,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The program's name.
    pub name: String,
    /// The most bytes that it may have.
    pub budget: Option<u64>,
}

/// What the manifest says of a service.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    budget: Option<u64>,
}

impl Package {
    /// The package of the workspace at `root`.
    ///
    /// # Errors
    /// Its manifest cannot be read, or lists a service that is not one of its programs.
    pub fn read(root: &Path) -> Result<Self> {
        let cache = workspace::target().join("services").join(format!("{NAME}.json"));
        let closure = Closure::cached(root, NAME, PROFILE, &cache)?;
        let package = closure.package(NAME).context("a closure holds its own package")?;
        let declared = package.metadata.get("services").cloned().unwrap_or_default();
        let attempt = || format!("reading [package.metadata.services] of {NAME}/Cargo.toml");
        let declared: BTreeMap<String, Declared> = serde_json::from_value(declared).with_context(attempt)?;
        for name in declared.keys() {
            let is_there = package.binaries.contains(name);
            ensure!(is_there, "{}: the package has no program `{name}`", attempt());
        }
        let program = |(name, declared): (String, Declared)| Program { name, budget: declared.budget };
        Ok(Self { programs: declared.into_iter().map(program).collect(), closure })
    }

    /// Changes whenever the sources of the services do, or the crates that they are compiled from.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn digest(&self, root: &Path) -> Result<String> {
        self.closure.digest(root)
    }
}
