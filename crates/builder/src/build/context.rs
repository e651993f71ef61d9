//! What all stages of a build use.

use anyhow::{Context, Result};
use firmware::revocations::Revocations;
use report::Reporter;

use super::request::BuildRequest;
use crate::image::output::Output;
use crate::keys::Signing;
use crate::services::Sysroot;
use crate::toolchain::Toolchain;
use crate::world::World;

/// A build in progress.
pub(super) struct Build {
    pub(super) request: BuildRequest,
    pub(super) signing: Signing,
    pub(super) revocations: Revocations,
    pub(super) toolchain: Toolchain,
    pub(super) reporter: Reporter,
    pub(super) output: Output,
}

/// The sysroot that the services are linked against.
pub(super) fn sysroot(world: &World) -> Result<&Sysroot> {
    world.sysroot.as_ref().with_context(|| {
        format!(
            "linking the services: the {} world has no sysroot (usr/lib/crt1.o and libc)\n\
             hint: pass a directory that `image --src` wrote, which has a `sysroot`",
            world.kind
        )
    })
}
