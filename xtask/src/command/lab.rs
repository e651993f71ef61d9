//! `cargo xtask lab`: simulates boots, updates and power cuts in QEMU, and prints the results.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use builder::board;
use builder::keys::CONFIG_DIR;
use builder::toolchain::{self, Group};
use builder::world::Origin;
use lab::directory::Directory;
use lab::keys::Keys;
use lab::{Needs, Outcome, Rig, Scenario, World, scenarios, server};
use report::Reporter;

/// The systems that scenarios install, besides the one on the card (`base`); each has a file of overrides for the product
/// definition.
const VARIANTS: [&str; 8] = ["next", "other", "panic", "no-init", "no-kernel", "deadline", "lowered", "jump"];

/// The same, with other keys.
const KEY_VARIANTS: [(&str, Keys); 3] =
    [("key-both", Keys::Both), ("key-new", Keys::New), ("key-leaked", Keys::Leaked)];

/// Simulate boots, updates and power cuts in QEMU
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run only these scenarios
    #[arg(value_name = "SCENARIO")]
    names: Vec<String>,
    /// Use the FreeBSD installed in DIR, with the kernel ALIX-QEMU
    #[arg(long, value_name = "DIR", conflicts_with = "src")]
    world: Option<PathBuf>,
    /// Build FreeBSD from the source tree DIR, with the kernel ALIX-QEMU
    #[arg(long, value_name = "DIR")]
    src: Option<PathBuf>,
    /// How many times each of the scenarios `update-cut-*` cuts the power, and `noise` boots with each noise
    #[arg(long, value_name = "N", default_value_t = 10)]
    rounds: u32,
    /// How many scenarios run at the same time
    #[arg(short, long, value_name = "N", default_value_t = 2)]
    jobs: usize,
    /// Override keys of appliance.toml with those of FILE; may be given several times
    #[arg(short, long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// List the scenarios, and run none
    #[arg(long)]
    list: bool,
}

impl Args {
    /// Plays the scenarios.
    ///
    /// # Errors
    /// The firmware cannot be built, or a scenario failed.
    pub fn run(self, reporter: &Reporter) -> Result<()> {
        let origin = match (&self.src, &self.world) {
            (Some(dir), _) => Origin::Source(dir.clone()),
            (_, Some(dir)) => Origin::Installed(dir.clone()),
            _ => Origin::Miniature,
        };
        let world = if origin == Origin::Miniature { World::Miniature } else { World::FreeBsd };
        let chosen = choose(scenarios::of(World::FreeBsd), &self.names)?;
        if self.list {
            return report::result(&chosen.iter().map(listed).collect::<String>());
        }
        let (playable, skipped): (Vec<_>, Vec<_>) =
            chosen.into_iter().partition(|scenario| world == World::FreeBsd || scenario.needs == Needs::Card);
        toolchain::ensure(&[Group::Run], &mut |line| reporter.summary(line))?;
        let labs = builder::workspace::target().join("lab");
        let directory = Directory::open(&labs, &origin, |path| {
            reporter.progress(format_args!("waiting for another lab that uses {}", path.display()));
        })?;
        let rig = self.rig(world, &directory, &playable)?;
        // A row that cannot be written is no reason to end a scenario; the last lines report it.
        let print = |outcome: &Outcome| report::result(&row(outcome)).unwrap_or_default();
        let outcomes = lab::play(&rig, &playable, self.jobs, &print);
        let failed = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
        report::result(&format!(
            "{}{} played, {failed} failed, {} skipped; serial logs in {}\n",
            skipped.iter().map(skipped_row).collect::<String>(),
            outcomes.len(),
            skipped.len(),
            rig.logs.display()
        ))?;
        ensure!(failed == 0, "{failed} of {} scenarios failed", outcomes.len());
        Ok(())
    }

    /// Builds the firmware in `directory`, and serves it.
    fn rig(&self, world: World, directory: &Directory, scenarios: &[Scenario]) -> Result<Rig> {
        let with_bundles = scenarios.iter().any(|scenario| scenario.needs == Needs::Bundles);
        let served = directory.child("served")?;
        let firmware = directory.child("firmware")?;
        // Compressing a bundle takes longer than everything else.
        let outputs: &[&str] = if with_bundles { &[] } else { &["-f"] };
        let base = self.image(&firmware, "base", outputs, None, None)?;
        if with_bundles {
            link(&base, ".fw", &served.join("base.fw"))?;
            link(&base, ".slot.img", &served.join("base.slot.img"))?;
            let variants = VARIANTS.map(|name| (name, None)).into_iter();
            for (name, keys) in variants.chain(KEY_VARIANTS.map(|(name, keys)| (name, Some(keys)))) {
                let config = builder::workspace::root().join(format!("crates/lab/releases/{name}.toml"));
                let dir = self.image(&firmware, name, outputs, Some(&config), keys)?;
                link(&dir, ".fw", &served.join(format!("{name}.fw")))?;
                link(&dir, ".slot.img", &served.join(format!("{name}.slot.img")))?;
            }
        }
        let boot0 = match scenarios.iter().any(|scenario| scenario.on_boot0) {
            true => {
                let config = builder::workspace::root().join("crates/lab/releases/boot0.toml");
                Some(find(&self.image(&firmware, "boot0", &["-f"], Some(&config), None)?, ".full.img")?)
            }
            false => None,
        };
        let logs = directory.child("logs")?;
        let url = server::serve(&served)?;
        Ok(Rig { world, full: find(&base, ".full.img")?, boot0, served, url, logs, rounds: self.rounds })
    }

    /// Builds an image with this program, the options `outputs` and these keys, and returns its directory.
    fn image(
        &self,
        firmware: &Path,
        name: &str,
        outputs: &[&str],
        config: Option<&Path>,
        keys: Option<Keys>,
    ) -> Result<PathBuf> {
        let output = firmware.join(name);
        let mut command = Command::new(std::env::current_exe().context("finding this program")?);
        command.args(["image", "-qq", "--output"]).arg(&output).args(outputs);
        match (&self.src, &self.world) {
            (Some(dir), _) => command.arg("--src").arg(dir).args(["--kernel", board::DEFAULT.kernels.qemu]),
            (_, Some(dir)) => command.arg("--world").arg(dir).args(["--kernel", board::DEFAULT.kernels.qemu]),
            _ => &mut command,
        };
        for config in self.config.iter().map(PathBuf::as_path).chain(config) {
            command.arg("--config").arg(config);
        }
        if let Some(keys) = keys {
            command.env(CONFIG_DIR, keys.config_directory()?);
        }
        let status = command.status().with_context(|| format!("building the image `{name}`"))?;
        ensure!(
            status.success(),
            "building the image `{name}` of the lab: it ended with {status}; see its messages above"
        );
        Ok(output.join("latest"))
    }
}

/// The scenarios with these names, or all.
fn choose(all: Vec<Scenario>, names: &[String]) -> Result<Vec<Scenario>> {
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|scenario| scenario.name != **name)) {
        bail!("there is no scenario `{unknown}`\nhint: list them with `cargo xtask lab --list`");
    }
    Ok(all
        .into_iter()
        .filter(|scenario| names.is_empty() || names.iter().any(|name| name == scenario.name))
        .collect())
}

/// A line of `--list`.
fn listed(Scenario { name, promise, needs, .. }: &Scenario) -> String {
    format!("{name:<22} {}{promise}\n", if *needs == Needs::Card { "" } else { "(FreeBSD) " })
}

fn skipped_row(scenario: &Scenario) -> String {
    format!("{:<22} skipped: it needs FreeBSD (--world or --src)\n", scenario.name)
}

/// A line of the table.
fn row(outcome: &Outcome) -> String {
    let Outcome { name, result, notes, took, logs } = outcome;
    let mut row = format!(
        "{name:<22} {:<6} {:>6.1} s",
        if result.is_ok() { "ok" } else { "FAILED" },
        took.as_secs_f64()
    );
    for note in notes {
        row += &format!("  {note};");
    }
    if let Err(error) = result {
        let why = report::explain(error).replace('\n', "\n    ");
        row += &format!("\n    {why}\n    serial logs: {}", logs.display());
    }
    row + "\n"
}

/// The file in `dir` whose name ends in `suffix`.
fn find(dir: &Path, suffix: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.to_string_lossy().ends_with(suffix))
        .with_context(|| format!("{} has no *{suffix}", dir.display()))
}

/// Links `to` to the file in `dir` whose name ends in `suffix`.
fn link(dir: &Path, suffix: &str, to: &Path) -> Result<()> {
    let from = find(dir, suffix)?.canonicalize()?;
    let _ = fs::remove_file(to);
    std::os::unix::fs::symlink(&from, to)
        .with_context(|| format!("linking {} to {}", to.display(), from.display()))
}
