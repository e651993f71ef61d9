//! Hooks: programs in `early.d`, `customize.d` and `late.d` that change the tree as a directory, as the `cust_*` functions of
//! a nanobsd.conf do.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use report::Reporter;
use rootfs::metalog::{self, Change};
use rootfs::tree::Tree;

use super::directory::TreeDirectory;
use super::{shims, variables};
use crate::first_error::first_error;
use crate::product::{Customize, Product, Stage};

/// The number of lines of a failed hook's log that are shown.
const LAST_LINES: usize = 10;
/// The search path for programs, after the shims.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A hook.
#[derive(Debug)]
pub struct Hook {
    /// The file name.
    name: String,
    /// The path of the program.
    program: PathBuf,
    /// The value of `NANO_TOOLS`: the parent of the hooks directory.
    tools: PathBuf,
}

/// What the environment of hooks is made from.
pub struct HookEnvironment<'a> {
    /// The root of the repository.
    pub root: &'a Path,
    /// The product.
    pub product: &'a Product,
    /// The directory for logs.
    pub logs: &'a Path,
    /// The stage.
    pub stage: Stage,
}

/// The hooks of `stage` in the hooks directories `directories`: one directory after another, each sorted by name.
///
/// # Errors
/// A directory does not exist, or a file in it is not executable.
pub fn find(root: &Path, directories: &[String], stage: Stage) -> Result<Vec<Hook>> {
    let mut hooks = Vec::new();
    for directory in directories {
        let top = root.join(directory);
        if !top.is_dir() {
            ensure!(
                Customize::may_be_missing(directory),
                "customize.hooks: there is no directory {}",
                top.display()
            );
            continue;
        }
        let dir = top.join(format!("{}.d", stage.name()));
        if !dir.is_dir() {
            continue;
        }
        let attempt = || format!("reading the hooks in {}", dir.display());
        let mut names: Vec<OsString> = fs::read_dir(&dir)
            .with_context(attempt)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<Result<_, _>>()
            .with_context(attempt)?;
        names.sort();
        for name in names.iter().map(|name| name.to_string_lossy()).filter(|name| !name.starts_with('.')) {
            let program = dir.join(&*name);
            let metadata =
                fs::metadata(&program).with_context(|| format!("reading {}", program.display()))?;
            ensure!(
                metadata.is_file() && metadata.permissions().mode() & 0o111 != 0,
                "the hook {} is not executable\nhint: make it executable with `chmod +x`, or remove it",
                program.display()
            );
            let tools = top.parent().unwrap_or(&top).to_owned();
            hooks.push(Hook { name: name.into_owned(), program, tools });
        }
    }
    Ok(hooks)
}

/// The paths of the hooks of `stage` in `directories`, relative to the root of the repository if they are in it.
///
/// # Errors
/// A directory cannot be read, or a hook is not an executable file.
pub fn paths(root: &Path, directories: &[String], stage: Stage) -> Result<Vec<PathBuf>> {
    let hooks = find(root, directories, stage)?.into_iter();
    Ok(hooks.map(|hook| hook.program.strip_prefix(root).unwrap_or(&hook.program).to_owned()).collect())
}

/// Runs `hooks` on `tree`, one after another.
///
/// # Errors
/// A hook fails, or leaves something that an image cannot hold. The message names the hook and its log.
pub fn run_all(
    hooks: &[Hook],
    environment: &HookEnvironment<'_>,
    tree: &mut Tree,
    reporter: &Reporter,
) -> Result<()> {
    fs::create_dir_all(environment.logs)
        .with_context(|| format!("creating {}", environment.logs.display()))?;
    let scratch = tempfile::Builder::new().prefix("tree.").tempdir_in(environment.logs);
    let scratch =
        scratch.with_context(|| format!("creating a directory in {}", environment.logs.display()))?;
    let world = scratch.path().join("_.w");
    let programs = scratch.path().join("bin");
    fs::create_dir(&world).with_context(|| format!("creating {}", world.display()))?;
    shims::write(&programs)?;
    let mut directory = TreeDirectory::write(tree, &world)?;
    for hook in hooks {
        let stage = environment.stage.name();
        let display =
            hook.program.strip_prefix(environment.root).unwrap_or(&hook.program).display().to_string();
        let log = environment.logs.join(format!("{stage}.{}.log", hook.name));
        let metalog = scratch.path().join(format!("METALOG.{}", hook.name));
        File::create(&metalog).with_context(|| format!("writing {}", metalog.display()))?;
        reporter.note(format_args!("hook {display} (log: {})", log.display()));
        run(hook, environment, &world, &programs, &metalog, &log)
            .with_context(|| format!("running the hook {display} at the stage {stage}"))?;
        let layer = tree.layer(&format!("hook {}", hook.name));
        let attempt = || format!("reading the changes of the hook {display}");
        directory.read_back(tree, layer).with_context(attempt)?;
        let text = fs::read_to_string(&metalog).with_context(attempt)?;
        let changes = metalog::parse_changes("of NANO_METALOG", &text).with_context(attempt)?;
        apply_changes(tree, &changes, "NANO_METALOG").with_context(attempt)?;
    }
    Ok(())
}

/// Sets owners, modes and flags as `changes` say. `name` is the name of their file, for messages.
///
/// # Errors
/// A path is not in the image.
pub fn apply_changes(tree: &mut Tree, changes: &[Change], name: &str) -> Result<()> {
    for change in changes {
        let inode = tree.get_mut(&change.path).with_context(|| {
            format!(
                "{name}, line {}: {} is not in the image\nhint: correct the path",
                change.number, change.path
            )
        })?;
        change.apply(&mut inode.attributes);
    }
    Ok(())
}

fn run(
    hook: &Hook,
    environment: &HookEnvironment<'_>,
    world: &Path,
    programs: &Path,
    metalog: &Path,
    log: &Path,
) -> Result<()> {
    let output = File::create(log).with_context(|| format!("writing the log {}", log.display()))?;
    let errors = output.try_clone().with_context(|| format!("writing the log {}", log.display()))?;
    let mut path = OsString::from(programs);
    path.push(":");
    path.push(PATH);
    // Command cannot set the umask. The shell does, then runs the hook in its place.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask 022; exec \"$0\""]).arg(&hook.program);
    command.current_dir(world).env_clear().stdin(Stdio::null()).stdout(output).stderr(errors);
    command.env("PATH", path).env("NANO_HOST_PATH", PATH).env("LC_ALL", "C").env("TZ", "UTC");
    command.env("HOME", world).env("NANO_WORLDDIR", world).env("NANO_METALOG", metalog);
    command
        .env("NANO_TOOLS", &hook.tools)
        .env("NANO_LOG", environment.logs)
        .env("NANO_OBJ", environment.logs);
    command.envs(variables::of_product(environment.root, environment.product));
    let status = command.status().with_context(|| format!("starting {}", hook.program.display()))?;
    if !status.success() {
        let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
        let last = first_error(&text, |_| false, LAST_LINES);
        bail!("it ended with {status}; its log {} ends with\n{last}", log.display());
    }
    Ok(())
}
