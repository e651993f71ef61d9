//! `[access]`: who can log in to a unit over the network.

use std::path::{Component, Path};

use anyhow::{Result, ensure};

use super::raw::RawAccess;

/// `[access]`, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Files with the SSH public keys that may log in as root, as paths from the root of the repository. Without any, no
    /// sshd runs.
    pub authorized_keys: Vec<String>,
}

impl Access {
    pub(super) fn check(raw: RawAccess) -> Result<Self> {
        let authorized_keys = raw.authorized_keys.unwrap_or_default();
        for file in &authorized_keys {
            let inside = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
            ensure!(
                inside && !file.is_empty(),
                "access.authorized_keys: `{file}` is not a file of the repository\nhint: write its path from the root of \
                 the repository, such as \"appliance/access/alice.pub\""
            );
        }
        Ok(Self { authorized_keys })
    }
}
