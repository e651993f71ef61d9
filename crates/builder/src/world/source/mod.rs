//! A world built from FreeBSD's source: its own build system is driven for i386, without root, and what comes of it
//! is kept.
//!
//! Everything lies in one folder for a source tree: `obj/`, a log for each step under NanoBSD's names, a stamp for
//! each step that is done, and `installed/` with `root/`, `METALOG` and `sysroot/`, which `--world` takes too. A step
//! runs again when what it depends on has changed: the tree, the options, or the kernel's configuration; it then begins
//! without the objects of before, unless they are to be kept ([`Letters::keep_objects`]). The stamp of a step is removed
//! before the step and written after it, so a build that was cut off goes on where it was.

mod letters;
mod log;
mod make;
mod plan;
mod stamps;
mod step;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use report::{Reporter, Stage};

use crate::inputs;
use crate::product::{KernelConfig, Product};
use crate::toolchain::Toolchain;
pub use letters::Letters;
use make::Make;
pub use plan::{Plan, Reason, Verdict};
use stamps::Stamps;
pub use step::Step;
use tree::SourceTree;

/// The folder of the product's kernel configurations.
const KERNELS: &str = "kernel";

/// The build of one source tree.
struct Build<'a> {
    product: &'a Product,
    letters: Letters,
    make: Make,
    dir: PathBuf,
    stamps: Stamps,
    /// Where to install, below `dir`.
    installed: &'static str,
    kernel_dir: Option<PathBuf>,
}

/// What is built and installed with its kernel, below the folder of a source tree.
const INSTALLED: &str = "installed";
/// The kernel alone.
const KERNEL: &str = "kernel";
/// The folder of objects of i386, below that of a source tree.
const OBJECTS: &str = "i386.i386";

/// Builds and installs the world and kernel of `product` from the tree in `src`, as far as that is not done yet, and
/// gives the folder for [`super::installed::open`].
///
/// # Errors
/// No source tree, no such kernel configuration, something to be left out that was never built, or a step that fails: with
/// the first error and the log's path.
pub fn build(
    src: &Path,
    product: &Product,
    letters: Letters,
    toolchain: &Toolchain,
    reporter: &Reporter,
) -> Result<PathBuf> {
    let build = prepare(src, product, letters, INSTALLED)?;
    let plan = build.plan()?;
    build.run(&plan, toolchain, reporter)
}

/// What [`build`] would do.
///
/// # Errors
/// As [`build`], but for steps that fail.
pub fn plan(src: &Path, product: &Product, letters: Letters) -> Result<Plan> {
    prepare(src, product, letters, INSTALLED)?.plan()
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
    let build = prepare(src, product, Letters::default(), KERNEL)?;
    let plan = build.plan_kernel()?;
    build.run(&plan, toolchain, reporter)
}

fn prepare<'a>(
    src: &Path,
    product: &'a Product,
    letters: Letters,
    installed: &'static str,
) -> Result<Build<'a>> {
    let tree = SourceTree::open(src)?;
    let name = format!("{}-{}", tree.version, &inputs::of_texts([&*tree.path.to_string_lossy()])[..8]);
    let target = crate::workspace::target();
    // make(1) writes objects where the folder really is.
    let dir = fs::canonicalize(&target).unwrap_or(target).join("world").join(name);
    let kernel_dir = match &product.kernel.config {
        Some(config) => kernel_dir(&tree, config)?,
        None => None,
    };
    let make = Make { objects: dir.join("obj"), make_conf: dir.join("make.conf"), home: dir.clone(), tree };
    let stamps = Stamps { dir: dir.clone() };
    Ok(Build { product, letters, make, dir, stamps, installed, kernel_dir })
}

/// The folder of the configuration `config`: the one that it names, the product's, or `None` for one that FreeBSD brings.
fn kernel_dir(tree: &SourceTree, config: &KernelConfig) -> Result<Option<PathBuf>> {
    let (root, name) = (crate::workspace::root(), &config.name);
    if let Some(folder) = config.folder(&root) {
        let file = folder.join(name);
        ensure!(file.is_file(), "kernel.config: there is no file {}", file.display());
        return Ok(Some(folder));
    }
    let own = root.join(KERNELS);
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
    /// Runs the steps of `plan`; returns the folder with what is installed.
    fn run(&self, plan: &Plan, toolchain: &Toolchain, reporter: &Reporter) -> Result<PathBuf> {
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
        let compilers = clang.parent().context("finding the folder of clang")?;
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

    /// Where a step that compiles keeps its objects, and the stamp that tells what they were begun with.
    fn objects(&self, step: Step) -> (PathBuf, String) {
        if !step.is_kernel() {
            return (self.make.objects.clone(), "objects".to_owned());
        }
        let kernel = self.product.kernel.name();
        (self.kernels().join(kernel), format!("objects-{kernel}"))
    }

    /// The objects of the source tree, below those of all that `make` builds.
    fn objects_of_tree(&self) -> PathBuf {
        let tree = self.make.tree.path.strip_prefix("/").unwrap_or(&self.make.tree.path);
        self.make.objects.join(tree).join(OBJECTS)
    }

    /// The objects of all kernels.
    fn kernels(&self) -> PathBuf {
        self.objects_of_tree().join("sys")
    }

    /// Removes the objects that a step made from other inputs than those of `digest`, unless they are to be kept; tells
    /// whether those that are there now are all of `digest`. A step that was cut off goes on with its own.
    fn begin(&self, step: Step, digest: &str) -> Result<bool> {
        let (objects, stamp) = self.objects(step);
        let is_same = self.stamps.get(&stamp).is_some_and(|begun| begun == digest);
        let is_clean = is_same || !self.letters.keep_objects || !objects.exists();
        if !is_same && !self.letters.keep_objects {
            // Kernels have stamps of their own, and one that is not built now may be installed all the same.
            remove_but(&objects, &self.kernels())?;
        }
        self.stamps.mark(&stamp, if is_clean { digest } else { "several" })?;
        fs::create_dir_all(&self.make.objects)
            .with_context(|| format!("making {}", self.make.objects.display()))?;
        Ok(is_clean)
    }

    /// Makes the folder of an installation anew.
    fn empty(&self, installed: &Path) -> Result<()> {
        self.stamps.unmark(self.installed)?;
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
            Some(dir) if kernel.config.as_ref().is_some_and(|config| config.folder.is_none()) => {
                inputs::of_files(dir, &["."])?
            }
            // A file elsewhere stands among files that are none of its business.
            Some(dir) => inputs::of_files(dir, &[kernel.name()])?,
            None => String::new(),
        };
        Ok(inputs::of_texts([world, kernel.name(), &kernel.options.join("\n"), &config]))
    }

    /// The name of a step's stamp.
    fn stamp(&self, step: Step) -> String {
        match step {
            Step::Kernel => format!("{}-{}", step.target(), self.product.kernel.name()),
            _ => step.target().to_owned(),
        }
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
        self.dir.join(if step.compiles() { "src.conf.build" } else { "src.conf.install" })
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

    fn variables(&self, step: Step) -> Vec<String> {
        let installed = self.dir.join(self.installed);
        let mut variables: Vec<String> =
            self.product.world.cputype.iter().map(|cpu| format!("TARGET_CPUTYPE={cpu}")).collect();
        if step.is_kernel() {
            variables.push(format!("KERNCONF={}", self.product.kernel.name()));
            variables.extend(self.kernel_dir.iter().map(|dir| format!("KERNCONFDIR={}", dir.display())));
            variables.extend(self.product.kernel.options.iter().cloned());
        }
        if !step.compiles() {
            variables.extend(["-DNO_ROOT".to_owned(), "-DDB_FROM_SRC".to_owned()]);
            variables.push(format!("DESTDIR={}", installed.join("root").display()));
            variables.push(format!("METALOG={}", installed.join("METALOG").display()));
        }
        variables
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

/// Removes what is in `dir`, and `dir`, but for the folder `kept` if that lies below it.
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
