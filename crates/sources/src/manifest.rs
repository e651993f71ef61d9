//! The manifests of the workspace.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{Dependency, DependencyKind, MetadataCommand};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A package of the workspace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its directory, from the root of the workspace.
    pub directory: String,
    /// `[package.metadata]`.
    pub metadata: Value,
    /// The programs that it has.
    pub binaries: Vec<String>,
    /// What its manifest says that can change the result.
    pub(crate) description: Value,
    /// The packages that it depends on, except for development.
    pub(crate) dependencies: Vec<String>,
}

/// The packages of the workspace at `root`, by name.
///
/// # Errors
/// cargo cannot be run, or a manifest is wrong.
pub(crate) fn packages(root: &Path) -> Result<BTreeMap<String, Package>> {
    let mut command = MetadataCommand::new();
    command.manifest_path(root.join("Cargo.toml")).current_dir(root).no_deps();
    command.other_options(["--offline".to_owned()]);
    if std::env::var_os("CARGO").is_none()
        && let Some(cargo) = option_env!("CARGO")
        && Path::new(cargo).is_file()
    {
        command.cargo_path(cargo);
    }
    let metadata = command
        .exec()
        .with_context(|| format!("reading the manifests of the workspace {}", root.display()))?;
    let base = metadata.workspace_root.clone();
    let packages = metadata.packages.into_iter().map(|package| {
        let relative = |path: &cargo_metadata::camino::Utf8Path| {
            path.strip_prefix(&base).map_or_else(|_| path.to_string(), ToString::to_string)
        };
        let dependencies: Vec<&Dependency> =
            package.dependencies.iter().filter(|one| one.kind != DependencyKind::Development).collect();
        // Only what is compiled for those who depend on the package, or run.
        let targets = package
            .targets
            .iter()
            .filter(|target| !(target.is_test() || target.is_bench() || target.is_example()));
        let binaries = package.targets.iter().filter(|target| target.is_bin());
        let binaries = binaries.map(|target| target.name.clone()).collect();
        let targets: Vec<Value> = targets
            .map(|target| {
                json!([
                    target.name,
                    target.kind,
                    relative(&target.src_path),
                    target.edition,
                    target.required_features
                ])
            })
            .collect();
        let described: Vec<Value> = dependencies
            .iter()
            .map(|one| {
                json!([
                    one.name,
                    one.rename,
                    one.req.to_string(),
                    one.kind,
                    one.target.as_ref().map(ToString::to_string),
                    one.optional,
                    one.uses_default_features,
                    one.features,
                ])
            })
            .collect();
        let package = Package {
            name: package.name.to_string(),
            directory: package.manifest_path.parent().map(relative).unwrap_or_default(),
            description: json!({
                "name": package.name.to_string(),
                "version": package.version.to_string(),
                "features": package.features,
                "targets": targets,
                "dependencies": described,
            }),
            metadata: package.metadata,
            binaries,
            dependencies: dependencies.iter().map(|one| one.name.clone()).collect(),
        };
        (package.name.clone(), package)
    });
    Ok(packages.collect())
}

/// The profile `name` of the manifest in `text`, with those that it inherits from; empty for one of cargo's own that the
/// manifest does not change.
///
/// # Errors
/// The manifest is no TOML.
pub(crate) fn profile(text: &str, name: &str) -> Result<String> {
    let manifest: toml::Table = toml::from_str(text).context("reading the manifest of the workspace")?;
    let profiles = manifest.get("profile").and_then(toml::Value::as_table);
    let mut described = String::new();
    let mut next = Some(name.to_owned());
    while let Some(name) = next.take() {
        let Some(profile) = profiles.and_then(|profiles| profiles.get(&name)) else { break };
        described += &format!("{name} = {profile}\n");
        let inherits = profile.get("inherits").and_then(toml::Value::as_str);
        next = inherits.filter(|inherited| *inherited != name).map(str::to_owned);
    }
    Ok(described)
}
