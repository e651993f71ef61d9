//! What a build from source has to do: which steps run, and why, and which do not.
//!
//! Making a plan changes nothing on disk.

use std::fmt;

use anyhow::{Result, bail};

use super::build::Build;
use super::step::Step;
use crate::inputs;

/// Ends a stamp whose objects were partly made from other inputs: what a build without `-n` does not take.
const KEPT: &str = " -n";

/// Whether a step runs, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It runs.
    Runs(Reason),
    /// It was done with the same inputs.
    Done,
    /// It is skipped by an option of nanobsd.sh, or because the product has no kernel.
    LeftOut(&'static str),
}

/// Why a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It never ran to its end.
    New,
    /// What it depends on is not what it was.
    Changed,
    /// Objects of other inputs were kept then (`-n`), and are not to be now.
    Unclean,
    /// What it installs is built anew.
    Follows,
}

/// The plan of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What becomes of each step, in order.
    pub steps: Vec<(Step, Verdict)>,
    /// What the engineer should know of what is left out.
    pub warnings: Vec<String>,
    /// The digests that the steps are stamped with.
    pub(super) compiled: Digests,
    pub(super) installed: String,
}

/// What world and kernel are compiled from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    pub world: String,
    pub kernel: String,
}

impl Plan {
    /// The steps that run.
    pub fn running(&self) -> impl Iterator<Item = Step> {
        self.steps.iter().filter(|(_, verdict)| verdict.runs()).map(|(step, _)| *step)
    }
}

impl Verdict {
    /// Whether the step runs.
    pub const fn runs(self) -> bool {
        matches!(self, Self::Runs(_))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Runs(Reason::New) => "it was not done yet",
            Self::Runs(Reason::Changed) => "what it depends on has changed",
            Self::Runs(Reason::Unclean) => "its objects were kept from other inputs (-n)",
            Self::Runs(Reason::Follows) => "what it installs is built anew",
            Self::Done => "done before, from the same",
            Self::LeftOut(by) => return write!(f, "left out: {by}"),
        })
    }
}

impl Build<'_> {
    /// What is to be done for world and kernel.
    pub(super) fn plan(&self) -> Result<Plan> {
        let mut warnings = Vec::new();
        if self.skip.only_images {
            let Some(installed) = self.stamps.get(self.installed) else {
                bail!(
                    "taking what is installed (-I): nothing was installed in {} yet; build without -I once",
                    self.dir.join(self.installed).display()
                );
            };
            let steps =
                [Step::World, Step::Kernel, Step::InstallWorld, Step::Distribution, Step::InstallKernel];
            let steps = steps.map(|step| (step, Verdict::LeftOut("-I"))).to_vec();
            return Ok(Plan { steps, warnings, compiled: Digests::default(), installed });
        }
        let left_out = self.skip.no_world.then_some("-w");
        let wanted = self.world_digest()?;
        let (world, world_digest) = self.verdict(Step::World, left_out, &wanted, &mut warnings)?;
        let (kernel, kernel_digest) = self.kernel_verdict(&wanted, &mut warnings)?;
        let install_kernel = match &self.product.kernel.config {
            None => Some(Verdict::LeftOut("no kernel")),
            Some(_) => self.skip.no_install_kernel.then_some(Verdict::LeftOut("-K")),
        };
        let kernel_part = if install_kernel.is_some() { "" } else { kernel_digest.as_str() };
        let options = self.product.world.install.join("\n");
        // What was compiled with -n is installed once, as anything is.
        let [world_part, kernel_part] = [&*world_digest, kernel_part].map(|part| part.trim_end_matches(KEPT));
        let installed = inputs::of_texts([world_part, kernel_part, &options]);
        let follows = world.runs() || kernel.runs();
        let install = match self.stamps.get(self.installed) {
            _ if follows => Verdict::Runs(Reason::Follows),
            None => Verdict::Runs(Reason::New),
            Some(done) if done == installed => Verdict::Done,
            Some(_) => Verdict::Runs(Reason::Changed),
        };
        let steps = vec![
            (Step::World, world),
            (Step::Kernel, kernel),
            (Step::InstallWorld, install),
            (Step::Distribution, install),
            (Step::InstallKernel, install_kernel.unwrap_or(install)),
        ];
        let compiled = Digests { world: world_digest, kernel: kernel_digest };
        Ok(Plan { steps, warnings, compiled, installed })
    }

    /// What is to be done for a kernel alone.
    pub(super) fn plan_kernel(&self) -> Result<Plan> {
        let mut warnings = Vec::new();
        let wanted = self.world_digest()?;
        let (tools, world) = self.verdict(Step::KernelToolchain, None, &wanted, &mut warnings)?;
        let (kernel, digest) = self.kernel_verdict(&wanted, &mut warnings)?;
        let install = match self.stamps.get(self.installed) {
            Some(done) if done == digest && kernel == Verdict::Done => Verdict::Done,
            None => Verdict::Runs(Reason::New),
            Some(_) => Verdict::Runs(Reason::Changed),
        };
        // Nothing is compiled for a kernel that is installed already.
        let tools = if install == Verdict::Done { Verdict::Done } else { tools };
        let steps =
            vec![(Step::KernelToolchain, tools), (Step::Kernel, kernel), (Step::InstallKernel, install)];
        let compiled = Digests { world, kernel: digest.clone() };
        Ok(Plan { steps, warnings, compiled, installed: digest })
    }

    /// The kernel is compiled from what the tree holds now, even where the world is left out.
    fn kernel_verdict(&self, world: &str, warnings: &mut Vec<String>) -> Result<(Verdict, String)> {
        if self.product.kernel.config.is_none() {
            return Ok((Verdict::LeftOut("no kernel"), String::new()));
        }
        let left_out = self.skip.no_kernel.then_some("-k");
        self.verdict(Step::Kernel, left_out, &self.kernel_digest(world)?, warnings)
    }

    /// What becomes of a step that compiles, and the digest of what is there when it is done: `wanted`, or that which was
    /// built before.
    fn verdict(
        &self,
        step: Step,
        left_out: Option<&'static str>,
        wanted: &str,
        warnings: &mut Vec<String>,
    ) -> Result<(Verdict, String)> {
        let name = self.stamp(step);
        let done = self.stamps.get(&name);
        let (target, dir) = (step.target(), self.dir.display());
        if let Some(letter) = left_out {
            let Some(done) = done else {
                bail!(
                    "leaving out {target} ({letter}): nothing of it was built in {dir} yet; build without {letter} once"
                );
            };
            if done.trim_end_matches(KEPT) != wanted {
                warnings.push(format!(
                    "{letter} leaves {target} out, and what was built before is of another tree or of other options"
                ));
            }
            return Ok((Verdict::LeftOut(letter), done));
        }
        let kept = wanted.to_owned() + KEPT;
        Ok(match done {
            Some(done) if done == wanted => (Verdict::Done, done),
            Some(done) if done == kept && self.skip.keep_objects => (Verdict::Done, done),
            Some(done) if done == kept => (Verdict::Runs(Reason::Unclean), wanted.to_owned()),
            Some(_) => (Verdict::Runs(Reason::Changed), wanted.to_owned()),
            None => (Verdict::Runs(Reason::New), wanted.to_owned()),
        })
    }

    /// The stamp of a step, which records whether objects of other inputs were kept.
    pub(super) fn digest_of(digest: &str, is_clean: bool) -> String {
        if is_clean { digest.to_owned() } else { format!("{}{KEPT}", digest.trim_end_matches(KEPT)) }
    }
}
