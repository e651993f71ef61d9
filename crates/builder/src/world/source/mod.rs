//! A world built from FreeBSD's source: its own build system runs for the board's processor, without root, and what comes of it
//! is kept.
//!
//! Everything lies in one directory for a source tree: `obj/`, a log for each step under NanoBSD's names, a stamp for
//! each step that is done, and `installed/` with `root/`, `METALOG` and `sysroot/`, which `--world` takes too. A step
//! runs again when what it depends on has changed: the tree, the options, or the kernel's configuration; it then begins
//! without the objects of before, unless they are to be kept ([`SkipOptions::keep_objects`]). The stamp of a step is removed
//! before the step and written after it, so a build that was cut off goes on where it was.

mod build;
mod failure;
mod log;
mod make;
mod plan;
mod run;
mod skip;
mod stamps;
mod step;
mod tree;

use std::path::{Path, PathBuf};

use anyhow::Result;
use report::Reporter;

use crate::board::Processor;
use crate::product::Product;
use crate::toolchain::Toolchain;
use build::{Build, INSTALLED, KERNEL};
pub use plan::{Plan, Reason, Verdict};
pub use skip::SkipOptions;
pub use step::Step;
use tree::SourceTree;

/// Builds and installs the world and kernel of `product` from the tree in `src`, as far as that is not done yet, and
/// gives the directory for [`super::installed::open`].
///
/// # Errors
/// No source tree, no such kernel configuration, something to be left out that was never built, or a step that fails: with
/// the first error and the log's path.
pub fn build(
    src: &Path,
    product: &Product,
    skip: SkipOptions,
    toolchain: &Toolchain,
    reporter: &Reporter,
) -> Result<PathBuf> {
    let build = Build::new(src, product, skip, INSTALLED)?;
    let plan = build.plan()?;
    build.run(&plan, toolchain, reporter)
}

/// What [`build()`] would do.
///
/// # Errors
/// As [`build()`], but for steps that fail.
pub fn plan(src: &Path, product: &Product, skip: SkipOptions) -> Result<Plan> {
    Build::new(src, product, skip, INSTALLED)?.plan()
}

/// The version of the tree in `src`.
///
/// # Errors
/// It is no source tree.
pub fn version(src: &Path, processor: &Processor) -> Result<String> {
    Ok(SourceTree::open(src, processor)?.version)
}

/// Builds and installs the kernel of `product` alone, for a world that comes from elsewhere, and gives the directory with
/// `root` and `METALOG`.
///
/// # Errors
/// As [`build()`].
pub fn build_kernel(
    src: &Path,
    product: &Product,
    toolchain: &Toolchain,
    reporter: &Reporter,
) -> Result<PathBuf> {
    let build = Build::new(src, product, SkipOptions::default(), KERNEL)?;
    let plan = build.plan_kernel()?;
    build.run(&plan, toolchain, reporter)
}
