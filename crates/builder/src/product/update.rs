//! What an update to this version says of itself, for units to judge whether they can take it.

use anyhow::{Context, Result, ensure};

use super::raw::RawUpdate;
use super::version::Version;

/// `[update]`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The version of the configuration on `/cfg` that the system writes.
    pub config_version: u32,
    /// The least version that a unit may have.
    pub minimum: Option<String>,
}

impl Update {
    pub(super) fn check(raw: RawUpdate, version: &str) -> Result<Self> {
        let config_version = raw.config_version.unwrap_or(1);
        ensure!(config_version > 0, "update.config_version: 0; the first version of the configuration is 1");
        let minimum = raw.minimum.filter(|minimum| !minimum.is_empty());
        if let Some(minimum) = &minimum {
            Version::check_release(minimum).context("update.minimum")?;
            let number = |text: &str| semver::Version::parse(text);
            ensure!(
                number(minimum)? <= number(version)?,
                "update.minimum: {minimum} is later than product.version = {version}, so no unit could ever update"
            );
        }
        Ok(Self { config_version, minimum })
    }
}
