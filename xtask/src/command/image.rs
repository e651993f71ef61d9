//! `cargo xtask image`: the product's images and its update bundle from a world, the services and the overlay.

use std::path::PathBuf;

use anyhow::Result;
use builder::build;
use report::Reporter;

use super::order::OrderArgs;

/// Arguments of `cargo xtask image`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    order: OrderArgs,
    /// Sign the release with the secret key in FILE (or in what SLUICE_SIGN_KEY names); its password is asked for, or
    /// taken from SLUICE_SIGN_PASSWORD
    #[arg(long, value_name = "FILE", requires = "release")]
    sign_key: Option<PathBuf>,
}

impl Args {
    /// Builds the images, or finds that they are up to date.
    ///
    /// # Errors
    /// As [`build::build`].
    pub fn run(self, reporter: &Reporter) -> Result<()> {
        build::build(self.order.order()?, self.sign_key, *reporter)
    }
}
