//! A summary of a world before it is built or opened.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use super::origin::Origin;
use super::source::{self, Plan, SkipOptions};
use super::{installed, miniature, sets};
use crate::product::Product;

/// What is known of a world that is not yet built or opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WorldSummary {
    /// Which provider makes it.
    pub kind: &'static str,
    /// Where it comes from.
    pub path: Option<PathBuf>,
    /// FreeBSD's version, if it is known.
    pub version: Option<String>,
    /// Where the kernel comes from; `None` for an image without a kernel.
    pub kernel: Option<String>,
    /// The steps of FreeBSD's build, in order.
    pub steps: Vec<Step>,
    /// Warnings about what is skipped.
    pub warnings: Vec<String>,
}

/// A step of FreeBSD's build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The make(1) target.
    pub target: &'static str,
    /// It will be run.
    pub runs: bool,
    /// Why, or why not.
    pub reason: String,
}

impl WorldSummary {
    /// Looks at `origin`; changes nothing.
    ///
    /// # Errors
    /// There is no such world, no such kernel configuration, or something is left out that was never built.
    pub fn of(origin: &Origin, skip: SkipOptions, product: &Product) -> Result<Self> {
        let config = product.kernel.config.as_ref().filter(|_| !skip.no_install_kernel);
        let summary = |kind, path: Option<&Path>| Self {
            kind,
            path: path.map(Path::to_owned),
            version: None,
            kernel: None,
            steps: Vec::new(),
            warnings: Vec::new(),
        };
        Ok(match origin {
            Origin::Miniature => summary(miniature::KIND, None),
            Origin::Installed(dir) => {
                let (version, kernel) = installed::summary(dir)?;
                let kernel = config.and_then(|_| kernel.map(|name| format!("{name}, as it is installed")));
                Self { version: Some(version), kernel, ..summary("installed", Some(dir)) }
            }
            Origin::Sets(dir) => {
                let kernel = config.map(|config| sets::kernel_source(dir, config)).transpose()?;
                Self { kernel, ..summary("sets", Some(dir)) }
            }
            Origin::Source(dir) => {
                let Plan { steps, warnings, .. } = source::plan(dir, product, skip)?;
                let steps = steps.iter().map(|(step, verdict)| Step {
                    target: step.target(),
                    runs: verdict.runs(),
                    reason: verdict.to_string(),
                });
                Self {
                    version: Some(source::version(dir, &product.board.processor)?),
                    kernel: config.map(|config| format!("{config}, built from the source")),
                    steps: steps.collect(),
                    warnings,
                    ..summary("source", Some(dir))
                }
            }
        })
    }
}
