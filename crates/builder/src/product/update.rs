//! What an update to this version says of itself, for units to judge whether they can take it.

use anyhow::{Context, Result, ensure};
use firmware::bundle::LOWERED_FLOORS_MAX;
use firmware::revocations::KEY_EPOCH_MAX;

use super::raw::RawUpdate;
use super::version::Version;

/// `[update]`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The version of the configuration on `/cfg` that the system writes.
    pub config_version: u32,
    /// The least version that a unit may have.
    pub minimum: Option<String>,
    /// Seconds of uptime after which a system on trial that was not confirmed restarts; 0 if it never does.
    pub trial_deadline: u32,
    /// The key epoch: units refuse updates with a lower one once this version is confirmed.
    pub key_epoch: u32,
    /// Version floors above this version that it replaces, each as units show it.
    pub lowers_floors: Vec<String>,
}

/// The trial deadline if none is given: a quarter of an hour.
const TRIAL_DEADLINE: u32 = 900;

/// The smallest trial deadline: an ALIX takes about a minute to start, and somebody has to confirm after that.
const TRIAL_DEADLINE_MIN: u32 = 180;

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
        let trial_deadline = raw.trial_deadline.unwrap_or(TRIAL_DEADLINE);
        ensure!(
            trial_deadline == 0 || trial_deadline >= TRIAL_DEADLINE_MIN,
            "update.trial_deadline: {trial_deadline} seconds\nhint: give at least {TRIAL_DEADLINE_MIN}, or 0 for no limit"
        );
        let key_epoch = raw.key_epoch.unwrap_or(0);
        ensure!(
            key_epoch <= KEY_EPOCH_MAX,
            "update.key_epoch: {key_epoch}; units accept at most {KEY_EPOCH_MAX}\nhint: raise it by one whenever a key is revoked"
        );
        let lowers_floors = raw.lowers_floors.unwrap_or_default();
        check_floors(&lowers_floors, version).context("update.lowers_floors")?;
        Ok(Self { config_version, minimum, trial_deadline, key_epoch, lowers_floors })
    }
}

fn check_floors(floors: &[String], version: &str) -> Result<()> {
    ensure!(
        floors.len() <= LOWERED_FLOORS_MAX,
        "{} floors, but a release can lower at most {LOWERED_FLOORS_MAX}",
        floors.len()
    );
    let own = semver::Version::parse(version)?;
    for floor in floors {
        let parsed = semver::Version::parse(floor).with_context(|| format!("`{floor}` is not a version"))?;
        ensure!(
            parsed.cmp_precedence(&own).is_gt(),
            "{floor} is not above product.version = {version}, so there is nothing to lower\n\
             hint: name the floor that `sluice update status` shows on the units to be repaired"
        );
    }
    Ok(())
}
