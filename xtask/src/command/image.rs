//! `cargo xtask image`: builds the product's images and its update bundle.

use std::path::PathBuf;

use anyhow::Result;
use builder::build;
use report::Reporter;

use super::request::RequestArgs;

/// Build the full image, the slot image and the update bundle
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    request: RequestArgs,
    /// Sign the release with the secret key in FILE [default: the file named by SLUICE_SIGN_KEY]; its password is read from
    /// SLUICE_SIGN_PASSWORD or from the terminal
    #[arg(long, value_name = "FILE", requires = "release")]
    sign_key: Option<PathBuf>,
}

impl Args {
    /// Builds the images, unless they are up to date.
    ///
    /// # Errors
    /// As [`build::build`].
    pub fn run(self, reporter: &Reporter) -> Result<()> {
        build::build(self.request.request()?, self.sign_key, *reporter)
    }
}
