//! Hooks: programs in `early.d`, `customize.d` and `late.d` that change the tree as a folder, as the `cust_*` functions of
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

use super::folder::Folder;
use super::{Stage, shims};
use crate::first_error::first_error;
use crate::product::{Customize, Product};

/// How much of a failed hook's log is shown.
const LAST_LINES: usize = 10;
/// Where programs are, behind the shims.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One hook.
#[derive(Debug)]
pub struct Hook {
    /// Its file name.
    name: String,
    /// The program.
    program: PathBuf,
    /// What `NANO_TOOLS` is: the folder that its folder of hooks lies in.
    tools: PathBuf,
}

/// What hooks are told.
pub struct Surroundings<'a> {
    /// The repository.
    pub root: &'a Path,
    /// The product.
    pub product: &'a Product,
    /// Where logs go.
    pub logs: &'a Path,
    /// The stage.
    pub stage: Stage,
}

/// The hooks of `stage` in `folders`: folder after folder, each in the order of the names.
///
/// # Errors
/// A folder that is not there, or a file in it that cannot be run.
pub fn find(root: &Path, folders: &[String], stage: Stage) -> Result<Vec<Hook>> {
    let mut hooks = Vec::new();
    for folder in folders {
        let top = root.join(folder);
        if !top.is_dir() {
            ensure!(
                Customize::may_lack(folder),
                "customize.hooks: looking for {}: there is no such folder",
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
                "the hook {} is no program that can be run; make it one (`chmod +x`), or take it out of the folder",
                program.display()
            );
            let tools = top.parent().unwrap_or(&top).to_owned();
            hooks.push(Hook { name: name.into_owned(), program, tools });
        }
    }
    Ok(hooks)
}

/// The hooks of `stage` in `folders` by their paths, from the root of the repository where they are in it.
///
/// # Errors
/// As [`find`].
pub fn names(root: &Path, folders: &[String], stage: Stage) -> Result<Vec<PathBuf>> {
    let hooks = find(root, folders, stage)?.into_iter();
    Ok(hooks.map(|hook| hook.program.strip_prefix(root).unwrap_or(&hook.program).to_owned()).collect())
}

/// Runs `hooks` one after the other on `tree`.
///
/// # Errors
/// One that fails, or leaves what no image can hold; the message names it, and its log.
pub fn run_all(
    hooks: &[Hook],
    around: &Surroundings<'_>,
    tree: &mut Tree,
    reporter: &Reporter,
) -> Result<()> {
    fs::create_dir_all(around.logs).with_context(|| format!("making {}", around.logs.display()))?;
    let scratch = tempfile::Builder::new().prefix("tree.").tempdir_in(around.logs);
    let scratch = scratch.with_context(|| format!("making a folder in {}", around.logs.display()))?;
    let world = scratch.path().join("_.w");
    let programs = scratch.path().join("bin");
    fs::create_dir(&world).with_context(|| format!("making {}", world.display()))?;
    shims::write(&programs)?;
    let mut folder = Folder::write(tree, &world)?;
    for hook in hooks {
        let stage = around.stage.name();
        let display = hook.program.strip_prefix(around.root).unwrap_or(&hook.program).display().to_string();
        let log = around.logs.join(format!("{stage}.{}.log", hook.name));
        let metalog = scratch.path().join(format!("METALOG.{}", hook.name));
        File::create(&metalog).with_context(|| format!("writing {}", metalog.display()))?;
        reporter.note(format_args!("hook {display} (log: {})", log.display()));
        run(hook, around, &world, &programs, &metalog, &log)
            .with_context(|| format!("running the hook {display} at the stage {stage}"))?;
        let layer = tree.layer(&format!("hook {}", hook.name));
        let attempt = || format!("taking over what the hook {display} changed");
        folder.read_back(tree, layer).with_context(attempt)?;
        let text = fs::read_to_string(&metalog).with_context(attempt)?;
        let changes = metalog::parse_changes("of NANO_METALOG", &text).with_context(attempt)?;
        apply_changes(tree, &changes, "NANO_METALOG").with_context(attempt)?;
    }
    Ok(())
}

/// Gives paths the owners, modes and flags that `changes` state.
///
/// # Errors
/// A path that is not in the image; `name` says where it is stated.
pub fn apply_changes(tree: &mut Tree, changes: &[Change], name: &str) -> Result<()> {
    for change in changes {
        let inode = tree.get_mut(&change.path).with_context(|| {
            format!("{name}, line {}: {} is not in the image; correct the path", change.number, change.path)
        })?;
        change.apply(&mut inode.attributes);
    }
    Ok(())
}

fn run(
    hook: &Hook,
    around: &Surroundings<'_>,
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
    // The shell sets what Command cannot; the hook takes its place.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask 022; exec \"$0\""]).arg(&hook.program);
    command.current_dir(world).env_clear().stdin(Stdio::null()).stdout(output).stderr(errors);
    command.env("PATH", path).env("NANO_HOST_PATH", PATH).env("LC_ALL", "C").env("TZ", "UTC");
    command.env("HOME", world).env("NANO_WORLDDIR", world).env("NANO_METALOG", metalog);
    command.env("NANO_TOOLS", &hook.tools).env("NANO_LOG", around.logs).env("NANO_OBJ", around.logs);
    for (name, value) in OF_PRODUCT {
        command.env(name, value(around.product));
    }
    let status = command.status().with_context(|| format!("starting {}", hook.program.display()))?;
    if !status.success() {
        let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
        let last = first_error(&text, |_| false, LAST_LINES);
        bail!("it ended with {status}; its log {} ends\n{last}", log.display());
    }
    Ok(())
}

/// What is set beside the product's variables.
const OWN: [&str; 6] =
    ["NANO_WORLDDIR", "NANO_METALOG", "NANO_TOOLS", "NANO_LOG", "NANO_OBJ", "NANO_HOST_PATH"];

/// A variable, and how the product definition tells its value.
type Told = (&'static str, fn(&Product) -> String);

/// NanoBSD's variables that the product definition tells.
const OF_PRODUCT: [Told; 16] = [
    ("NANO_NAME", |product| product.name.clone()),
    ("NANO_ARCH", |_| "i386".to_owned()),
    ("NANO_DRIVE", Product::device),
    ("NANO_LABEL", |product| product.label.clone().unwrap_or_default()),
    ("NANO_KERNEL", |product| product.kernel.to_string()),
    ("NANO_IMAGES", |product| product.layout.slots.len().to_string()),
    ("NANO_MEDIASIZE", |product| product.layout.media.0.to_string()),
    ("NANO_SECTS", |product| product.layout.geometry.sectors.to_string()),
    ("NANO_HEADS", |product| product.layout.geometry.heads.to_string()),
    ("NANO_CONFSIZE", |product| product.layout.cfg.size.0.to_string()),
    ("NANO_RAM_ETCSIZE", |product| product.ram_etc.to_string()),
    ("NANO_RAM_TMPVARSIZE", |product| product.ram_tmpvar.to_string()),
    ("NANO_BOOT2CFG", |product| format!("-h -S{}", product.console_speed)),
    ("NANO_ROOT", |_| "s1a".to_owned()),
    ("NANO_SLICE_CFG", |product| format!("s{}", product.layout.cfg.number)),
    ("NANO_SLICE_ROOT", |_| "s1".to_owned()),
];

/// The variables whose values for hooks follow from the definition of `product`.
pub fn variables(product: &Product) -> impl Iterator<Item = (&'static str, String)> {
    OF_PRODUCT.iter().map(|(name, value)| (*name, value(product)))
}

/// Whether hooks are told NanoBSD's variable `name`.
pub fn is_told(name: &str) -> bool {
    OWN.contains(&name) || OF_PRODUCT.iter().any(|(known, _)| *known == name)
}
