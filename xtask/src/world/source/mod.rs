//! A world built from FreeBSD's source: its own build system is driven for i386, without root, and what comes of it
//! is kept.
//!
//! Everything lies in one folder for a source tree: `obj/`, a log for each step under NanoBSD's names, a stamp for
//! each step that is done, and `installed/` with `root/`, `METALOG` and `sysroot/`, which `--world` takes too. A step
//! runs again when what it depends on has changed: the tree, the options, or the kernel's configuration. The stamp of
//! a step is removed before the step and written after it, so a build that was cut off goes on where it was.

mod log;
mod make;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::inputs;
use crate::product::Product;
use crate::report::{Reporter, Stage};
use crate::toolchain::Toolchain;
use make::Make;
use tree::SourceTree;

/// The folder of the product's kernel configurations.
const KERNELS: &str = "kernel";

/// The steps of a build, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    World,
    KernelToolchain,
    Kernel,
    InstallWorld,
    Distribution,
    InstallKernel,
}

impl Step {
    /// The make(1) target.
    const fn target(self) -> &'static str {
        match self {
            Self::World => "buildworld",
            Self::KernelToolchain => "kernel-toolchain",
            Self::Kernel => "buildkernel",
            Self::InstallWorld => "installworld",
            Self::Distribution => "distribution",
            Self::InstallKernel => "installkernel",
        }
    }

    /// The log's name, NanoBSD's.
    const fn log(self) -> &'static str {
        match self {
            Self::World => "_.bw",
            Self::KernelToolchain => "_.kt",
            Self::Kernel => "_.bk",
            Self::InstallWorld => "_.iw",
            Self::Distribution => "_.etc",
            Self::InstallKernel => "_.ik",
        }
    }
}

/// The build of one source tree.
struct Build<'a> {
    product: &'a Product,
    make: Make,
    dir: PathBuf,
    /// Where to install, below `dir`.
    installed: &'static str,
    kernel_dir: Option<PathBuf>,
    stage: Stage,
}

/// Builds and installs the world and kernel of `product` from the tree in `src`, as far as that is not done yet, and
/// gives the folder for [`super::installed::open`].
///
/// # Errors
/// No source tree, no such kernel configuration, or a step that fails: with the first error and the log's path.
pub fn build(src: &Path, product: &Product, toolchain: &Toolchain, reporter: &Reporter) -> Result<PathBuf> {
    prepare(src, product, toolchain, reporter, "installed")?.run()
}

/// The version of the tree in `src`.
///
/// # Errors
/// It is no source tree.
pub fn version(src: &Path) -> Result<String> {
    Ok(SourceTree::open(src)?.version)
}

/// Builds and installs the kernel of `product` alone, for a world that comes from elsewhere, and gives the folder with
/// `root` and `METALOG`.
///
/// # Errors
/// As [`build`].
pub fn build_kernel(
    src: &Path,
    product: &Product,
    toolchain: &Toolchain,
    reporter: &Reporter,
) -> Result<PathBuf> {
    prepare(src, product, toolchain, reporter, "kernel")?.run_kernel()
}

fn prepare<'a>(
    src: &Path,
    product: &'a Product,
    toolchain: &Toolchain,
    reporter: &Reporter,
    installed: &'static str,
) -> Result<Build<'a>> {
    let tree = SourceTree::open(src)?;
    let name = format!("{}-{}", tree.version, &inputs::of_texts([&*tree.path.to_string_lossy()])[..8]);
    let dir = crate::workspace::target().join("world").join(name);
    fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    let dir = fs::canonicalize(&dir).with_context(|| format!("opening {}", dir.display()))?;
    let kernel_dir = kernel_dir(&tree, &product.kernel.config)?;
    // Beside clang itself lie clang++, ld.lld and llvm-ar of its version; /usr/bin has links to them.
    let clang = fs::canonicalize(toolchain.path("clang")?).context("finding clang")?;
    let make = Make {
        objects: dir.join("obj"),
        make_conf: dir.join("make.conf"),
        cross_bindir: clang.parent().context("finding the folder of clang")?.to_owned(),
        home: dir.clone(),
        tree,
    };
    Ok(Build { product, make, dir, installed, kernel_dir, stage: reporter.stage("build") })
}

/// Where the configuration `name` is: the product's folder, or `None` for one that FreeBSD brings.
fn kernel_dir(tree: &SourceTree, name: &str) -> Result<Option<PathBuf>> {
    let own = crate::workspace::root().join(KERNELS);
    if own.join(name).is_file() {
        return Ok(Some(own));
    }
    let theirs = tree.path.join("sys/i386/conf");
    ensure!(
        theirs.join(name).is_file(),
        "kernel.config: there is no configuration `{name}`, neither in {} nor in {}",
        own.display(),
        theirs.display()
    );
    Ok(None)
}

impl Build<'_> {
    fn run(mut self) -> Result<PathBuf> {
        let installed = self.dir.join(self.installed);
        let world = self.world_digest()?;
        let kernel = self.kernel_digest(&world)?;
        let all = inputs::of_texts([world.as_str(), &kernel, &self.product.world.install.join("\n")]);
        if self.is_done(self.installed, &all) {
            return Ok(installed);
        }
        self.compile(Step::World, &world, &kernel)?;
        self.empty(&installed)?;
        // installworld begins METALOG anew, so it comes first.
        for step in [Step::InstallWorld, Step::Distribution, Step::InstallKernel] {
            self.step(step, &all)?;
        }
        self.copy_sysroot(&installed.join("sysroot"))?;
        self.mark(self.installed, &all)?;
        let version = self.make.tree.version.clone();
        self.stage.finish(format_args!("FreeBSD {version}, kernel {}", self.product.kernel.config));
        Ok(installed)
    }

    fn run_kernel(mut self) -> Result<PathBuf> {
        let installed = self.dir.join(self.installed);
        let world = self.world_digest()?;
        let kernel = self.kernel_digest(&world)?;
        if self.is_done(self.installed, &kernel) {
            return Ok(installed);
        }
        self.compile(Step::KernelToolchain, &world, &kernel)?;
        self.empty(&installed)?;
        self.step(Step::InstallKernel, &kernel)?;
        self.mark(self.installed, &kernel)?;
        let version = self.make.tree.version.clone();
        self.stage.finish(format_args!("kernel {} of FreeBSD {version}", self.product.kernel.config));
        Ok(installed)
    }

    /// Compiles `first`, the world or what a kernel is built with, and then the kernel, as far as that is not done.
    fn compile(&mut self, first: Step, world: &str, kernel: &str) -> Result<()> {
        self.write_confs()?;
        if !self.is_done(first.target(), world) {
            // Objects of other options are not told from those of these: a change of options starts afresh.
            let options = self.options_digest();
            if !self.is_done("options", &options) {
                remove(&self.make.objects)?;
                self.mark("options", &options)?;
            }
            fs::create_dir_all(&self.make.objects)
                .with_context(|| format!("making {}", self.make.objects.display()))?;
            self.step(first, world)?;
        }
        if !self.is_done(&self.kernel_stamp(), kernel) {
            self.step(Step::Kernel, kernel)?;
        }
        Ok(())
    }

    /// Makes the folder of an installation anew.
    fn empty(&self, installed: &Path) -> Result<()> {
        self.unmark(self.installed)?;
        remove(installed)?;
        fs::create_dir_all(installed.join("root")).with_context(|| format!("making {}", installed.display()))
    }

    fn options_digest(&self) -> String {
        let world = &self.product.world;
        inputs::of_texts([
            world.cputype.as_deref().unwrap_or_default(),
            &world.both.join("\n"),
            &world.build.join("\n"),
        ])
    }

    fn world_digest(&self) -> Result<String> {
        let fingerprint = self.make.tree.fingerprint()?;
        Ok(inputs::of_texts([fingerprint.as_str(), &self.options_digest()]))
    }

    fn kernel_digest(&self, world: &str) -> Result<String> {
        let kernel = &self.product.kernel;
        let config = match &self.kernel_dir {
            Some(dir) => inputs::of_files(dir, &["."])?,
            None => String::new(),
        };
        Ok(inputs::of_texts([world, &kernel.config, &kernel.options.join("\n"), &config]))
    }

    fn kernel_stamp(&self) -> String {
        format!("{}-{}", Step::Kernel.target(), self.product.kernel.config)
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

    fn src_conf(&self, step: Step) -> PathBuf {
        let name = match step {
            Step::World | Step::KernelToolchain | Step::Kernel => "src.conf.build",
            Step::InstallWorld | Step::Distribution | Step::InstallKernel => "src.conf.install",
        };
        self.dir.join(name)
    }

    fn step(&mut self, step: Step, digest: &str) -> Result<()> {
        let stamp = if step == Step::Kernel { self.kernel_stamp() } else { step.target().to_owned() };
        self.unmark(&stamp)?;
        let log = self.dir.join(step.log());
        self.stage.takes_long(format_args!("{} (log: {})", step.target(), log.display()));
        let mut command = self.make.command(step.target(), &self.src_conf(step), &self.variables(step));
        log::run(&mut command, step.target(), &log, &self.stage)?;
        self.mark(&stamp, digest)
    }

    fn variables(&self, step: Step) -> Vec<String> {
        let installed = self.dir.join(self.installed);
        let mut variables: Vec<String> =
            self.product.world.cputype.iter().map(|cpu| format!("TARGET_CPUTYPE={cpu}")).collect();
        if matches!(step, Step::Kernel | Step::InstallKernel) {
            variables.push(format!("KERNCONF={}", self.product.kernel.config));
            variables.extend(self.kernel_dir.iter().map(|dir| format!("KERNCONFDIR={}", dir.display())));
            variables.extend(self.product.kernel.options.iter().cloned());
        }
        if !matches!(step, Step::World | Step::KernelToolchain | Step::Kernel) {
            variables.extend(["-DNO_ROOT".to_owned(), "-DDB_FROM_SRC".to_owned()]);
            variables.push(format!("DESTDIR={}", installed.join("root").display()));
            variables.push(format!("METALOG={}", installed.join("METALOG").display()));
        }
        variables
    }

    /// Keeps of the build's own `tmp` what programs are linked against: with it, the installed world can be used
    /// without the objects, here or elsewhere.
    fn copy_sysroot(&self, to: &Path) -> Result<()> {
        let tree = self.make.tree.path.strip_prefix("/").unwrap_or(&self.make.tree.path);
        let from = self.make.objects.join(tree).join("i386.i386/tmp");
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

    fn stamp_path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("_.done.{name}"))
    }

    fn is_done(&self, name: &str, digest: &str) -> bool {
        fs::read_to_string(self.stamp_path(name)).is_ok_and(|text| text == digest)
    }

    fn mark(&self, name: &str, digest: &str) -> Result<()> {
        let path = self.stamp_path(name);
        fs::write(&path, digest).with_context(|| format!("writing {}", path.display()))
    }

    fn unmark(&self, name: &str) -> Result<()> {
        let path = self.stamp_path(name);
        if path.exists() {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
        Ok(())
    }
}

fn remove(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs_extra::dir::remove(dir).with_context(|| format!("removing {}", dir.display()))?;
    }
    Ok(())
}
