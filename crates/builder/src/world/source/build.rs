//! The build of one source tree: its directory, its stamps, and the digests and variables of its steps.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::make::Make;
use super::skip::SkipOptions;
use super::stamps::Stamps;
use super::step::Step;
use super::tree::SourceTree;
use crate::board::{self, Board};
use crate::product::{KernelConfig, Product};
use crate::{inputs, workspace};

/// The directory of the product's kernel configurations.
const KERNELS: &str = "kernel";

/// The build of one source tree.
pub(super) struct Build<'a> {
    pub(super) product: &'a Product,
    pub(super) skip: SkipOptions,
    pub(super) make: Make,
    pub(super) dir: PathBuf,
    pub(super) stamps: Stamps,
    /// Where to install, below `dir`.
    pub(super) installed: &'static str,
    pub(super) kernel_dir: Option<PathBuf>,
}

/// What is built and installed with its kernel, below the directory of a source tree.
pub(super) const INSTALLED: &str = "installed";
/// The kernel alone.
pub(super) const KERNEL: &str = "kernel";

impl<'a> Build<'a> {
    /// The build of the tree in `src`, which is installed in `installed`.
    pub(super) fn new(
        src: &Path,
        product: &'a Product,
        skip: SkipOptions,
        installed: &'static str,
    ) -> Result<Self> {
        let tree = SourceTree::open(src, &product.board.processor)?;
        let mut name =
            format!("{}-{}", tree.version, &inputs::of_texts([&*tree.path.to_string_lossy()])[..8]);
        let arch = product.board.processor.target_arch;
        // Stamps and installed files of two architectures must not mix; one of them can do without its name.
        if arch != board::DEFAULT.processor.target_arch {
            name += &format!("-{arch}");
        }
        let target = workspace::target();
        // make(1) writes objects where the directory really is.
        let dir = fs::canonicalize(&target).unwrap_or(target).join("world").join(name);
        let kernel_dir = match &product.kernel.config {
            Some(config) => kernel_dir(&tree, product.board, config)?,
            None => None,
        };
        let make = Make {
            processor: &product.board.processor,
            objects: dir.join("obj"),
            make_conf: dir.join("make.conf"),
            home: dir.clone(),
            tree,
        };
        let stamps = Stamps { dir: dir.clone() };
        Ok(Self { product, skip, make, dir, stamps, installed, kernel_dir })
    }
}

impl Build<'_> {
    /// The name of a step's stamp.
    pub(super) fn stamp(&self, step: Step) -> String {
        match step {
            Step::Kernel => format!("{}-{}", step.target(), self.product.kernel.name()),
            _ => step.target().to_owned(),
        }
    }

    pub(super) fn options_digest(&self) -> String {
        let world = &self.product.world;
        inputs::of_texts([
            world.cputype.as_deref().unwrap_or_default(),
            &world.both.join("\n"),
            &world.build.join("\n"),
        ])
    }

    pub(super) fn world_digest(&self) -> Result<String> {
        let fingerprint = self.make.tree.fingerprint()?;
        Ok(inputs::of_texts([fingerprint.as_str(), &self.options_digest()]))
    }

    pub(super) fn kernel_digest(&self, world: &str) -> Result<String> {
        let kernel = &self.product.kernel;
        let config = match &self.kernel_dir {
            Some(dir) if kernel.config.as_ref().is_some_and(|config| config.directory.is_none()) => {
                inputs::of_files(dir, &["."])?
            }
            // Next to a file elsewhere lie files that do not belong to it.
            Some(dir) => inputs::of_files(dir, &[kernel.name()])?,
            None => String::new(),
        };
        Ok(inputs::of_texts([world, kernel.name(), &kernel.options.join("\n"), &config]))
    }

    pub(super) fn src_conf(&self, step: Step) -> PathBuf {
        self.dir.join(if step.compiles() { "src.conf.build" } else { "src.conf.install" })
    }

    /// Where a step that compiles keeps its objects, and the stamp with the digest of what they were made from.
    pub(super) fn objects(&self, step: Step) -> (PathBuf, String) {
        if !step.is_kernel() {
            return (self.make.objects.clone(), "objects".to_owned());
        }
        let kernel = self.product.kernel.name();
        (self.kernels().join(kernel), format!("objects-{kernel}"))
    }

    /// The objects of the source tree, below those of all that `make` builds.
    pub(super) fn objects_of_tree(&self) -> PathBuf {
        let processor = &self.product.board.processor;
        let objects = format!("{}.{}", processor.target, processor.target_arch);
        let tree = self.make.tree.path.strip_prefix("/").unwrap_or(&self.make.tree.path);
        self.make.objects.join(tree).join(objects)
    }

    /// The objects of all kernels.
    pub(super) fn kernels(&self) -> PathBuf {
        self.objects_of_tree().join("sys")
    }

    pub(super) fn variables(&self, step: Step) -> Vec<String> {
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
}

/// The directory of the configuration `config`: the one that it names, or the product's; `None` for one of FreeBSD's.
fn kernel_dir(tree: &SourceTree, board: &Board, config: &KernelConfig) -> Result<Option<PathBuf>> {
    let (root, name) = (workspace::root(), &config.name);
    if let Some(directory) = config.directory(&root) {
        let file = directory.join(name);
        ensure!(file.is_file(), "kernel.config: there is no file {}", file.display());
        return Ok(Some(directory));
    }
    let own = root.join(KERNELS);
    if own.join(name).is_file() {
        return Ok(Some(own));
    }
    let theirs = tree.path.join("sys").join(board.processor.target).join("conf");
    ensure!(
        theirs.join(name).is_file(),
        "kernel.config: there is no configuration `{name}`, neither in {} nor in {}",
        own.display(),
        theirs.display()
    );
    Ok(None)
}
