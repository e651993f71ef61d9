//! Running the steps of a plan, and keeping what they install.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use report::{Reporter, Stage};

use super::build::{Build, INSTALLED};
use super::log;
use super::plan::Plan;
use super::step::Step;
use crate::toolchain::Toolchain;

impl Build<'_> {
    /// Runs the steps of `plan`; returns the directory with what is installed.
    pub(super) fn run(&self, plan: &Plan, toolchain: &Toolchain, reporter: &Reporter) -> Result<PathBuf> {
        for warning in &plan.warnings {
            reporter.warn(warning);
        }
        for (step, verdict) in &plan.steps {
            let word = if verdict.runs() { "runs" } else { "does not run" };
            reporter.note(format_args!("{} {word}: {verdict}", step.target()));
        }
        let installed = self.dir.join(self.installed);
        let steps: Vec<Step> = plan.running().collect();
        if steps.is_empty() {
            return Ok(installed);
        }
        let mut stage = reporter.stage("build");
        fs::create_dir_all(&self.dir).with_context(|| format!("making {}", self.dir.display()))?;
        self.write_confs()?;
        // Beside clang itself lie clang++, ld.lld and llvm-ar of its version; /usr/bin has links to them.
        let clang = fs::canonicalize(toolchain.path("clang")?).context("finding clang")?;
        let compilers = clang.parent().context("finding the directory of clang")?;
        let mut done = plan.compiled.clone();
        let (compile, install): (Vec<Step>, Vec<Step>) = steps.into_iter().partition(|step| step.compiles());
        for step in compile {
            let digest = if step.is_kernel() { &mut done.kernel } else { &mut done.world };
            *digest = Self::digest_of(digest, self.begin(step, digest)?);
            self.step(step, digest, compilers, &mut stage)?;
        }
        // Installing a kernel for sets begins anew, as installing a world does.
        self.empty(&installed)?;
        for step in install {
            self.step(step, &plan.installed, compilers, &mut stage)?;
        }
        if self.installed == INSTALLED {
            self.copy_sysroot(&installed.join("sysroot"))?;
        }
        self.stamps.mark(self.installed, &plan.installed)?;
        let kernel = self.product.kernel.config.as_ref().map(|config| format!(", kernel {config}"));
        stage.finish(format_args!("FreeBSD {}{}", self.make.tree.version, kernel.unwrap_or_default()));
        Ok(installed)
    }

    /// Removes the objects that a step made from other inputs than those of `digest`, unless they are to be kept. Returns
    /// whether all objects that are there now are those of `digest`. An interrupted step resumes with its own.
    fn begin(&self, step: Step, digest: &str) -> Result<bool> {
        let (objects, stamp) = self.objects(step);
        let is_same = self.stamps.get(&stamp).is_some_and(|begun| begun == digest);
        let is_clean = is_same || !self.skip.keep_objects || !objects.exists();
        if !is_same && !self.skip.keep_objects {
            // Kernels have stamps of their own, and one that is not built now may be installed all the same.
            remove_but(&objects, &self.kernels())?;
        }
        self.stamps.mark(&stamp, if is_clean { digest } else { "several" })?;
        fs::create_dir_all(&self.make.objects)
            .with_context(|| format!("making {}", self.make.objects.display()))?;
        Ok(is_clean)
    }

    /// Empties the directory of an installation.
    fn empty(&self, installed: &Path) -> Result<()> {
        self.stamps.unmark(self.installed)?;
        remove(installed)?;
        fs::create_dir_all(installed.join("root")).with_context(|| format!("making {}", installed.display()))
    }

    /// src.conf(5) for building and for installing, and make.conf(5).
    fn write_confs(&self) -> Result<()> {
        let world = &self.product.world;
        let lines = |parts: &[&[String]]| parts.concat().join("\n") + "\n";
        for (path, text) in [
            // Empty: it stands for the host's /etc/make.conf, which would otherwise be read.
            (self.make.make_conf.clone(), String::new()),
            (self.src_conf(Step::World), lines(&[&world.both, &world.build])),
            (self.src_conf(Step::InstallWorld), lines(&[&world.both, &world.install])),
        ] {
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }

    fn step(&self, step: Step, digest: &str, compilers: &Path, stage: &mut Stage) -> Result<()> {
        let stamp = self.stamp(step);
        self.stamps.unmark(&stamp)?;
        let log = self.dir.join(step.log());
        stage.takes_long(format_args!("{} (log: {})", step.target(), log.display()));
        let variables = self.variables(step);
        let mut command = self.make.command(step.target(), compilers, &self.src_conf(step), &variables);
        log::run(&mut command, step.target(), &log, stage)?;
        self.stamps.mark(&stamp, digest)
    }

    /// Keeps of the build's own `tmp` what programs are linked against: with it, the installed world can be used
    /// without the objects, here or elsewhere.
    fn copy_sysroot(&self, to: &Path) -> Result<()> {
        let from = self.objects_of_tree().join("tmp");
        for part in ["lib", "usr/lib"] {
            let target = to.join(part);
            fs::create_dir_all(&target).with_context(|| format!("making {}", target.display()))?;
            for entry in
                fs::read_dir(from.join(part)).with_context(|| format!("reading {}", from.display()))?
            {
                let entry = entry.with_context(|| format!("reading {}", from.display()))?;
                // Follows links: a sysroot is copied and moved about.
                if entry.path().is_file() {
                    fs::copy(entry.path(), target.join(entry.file_name()))
                        .with_context(|| format!("keeping {} for linking", entry.path().display()))?;
                }
            }
        }
        Ok(())
    }
}

/// Removes what is in `dir`, and `dir`, but for the directory `kept` if that lies below it.
fn remove_but(dir: &Path, kept: &Path) -> Result<()> {
    if !kept.starts_with(dir) || !kept.exists() {
        return remove(dir);
    }
    if dir == kept {
        return Ok(());
    }
    for entry in fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        let path = entry.with_context(|| format!("reading {}", dir.display()))?.path();
        if kept.starts_with(&path) {
            remove_but(&path, kept)?;
        } else if path.is_dir() && !path.is_symlink() {
            remove(&path)?;
        } else {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    Ok(())
}

fn remove(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs_extra::dir::remove(dir).with_context(|| format!("removing {}", dir.display()))?;
    }
    Ok(())
}
