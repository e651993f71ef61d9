//! `cargo xtask pkg`: FreeBSD packages, from `pkglist` to the cache that images are built from.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use builder::packages::{self, LIST, LOCK};
use builder::product::{Packages, Product};
use builder::workspace;
use clap::Subcommand;
use freebsd_pkg::cache::Cache;
use freebsd_pkg::list;
use freebsd_pkg::lock::{Lock, Locked};
use report::Reporter;

/// The most chains of dependencies that `why` shows.
const MOST_CHAINS: usize = 10;

/// Choose, lock and fetch FreeBSD packages
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
    /// Override keys of appliance.toml with those of FILE; may be given several times
    #[arg(short, long, value_name = "FILE", global = true)]
    config: Vec<PathBuf>,
    /// Keep packages in DIR [default: target/packages]
    #[arg(long, value_name = "DIR", global = true)]
    cache: Option<PathBuf>,
}

/// What to do with packages.
#[derive(Debug, Subcommand)]
enum Action {
    /// Choose packages for pkglist and write pkglist.lock
    Lock {
        /// Only check: fail if pkglist.lock would change
        #[arg(long)]
        check: bool,
    },
    /// Download the packages of pkglist.lock
    Fetch,
    /// Show the packages of pkglist.lock
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show which packages need the package NAME
    Why {
        /// The name or origin of a package, such as pkg or ports-mgmt/pkg
        name: String,
    },
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// List, lock file or repository are malformed, or do not match each other.
    pub fn run(self, reporter: &Reporter) -> Result<()> {
        let root = workspace::find()?;
        let product = Product::load(&root, &self.config)?.packages;
        let cache = Cache::new(self.cache.unwrap_or_else(packages::default_cache));
        let command = Command { root, product, cache, reporter };
        match self.action {
            Action::Lock { check } => command.lock(check),
            Action::Fetch => command.fetch(),
            Action::List { json } => command.list(json),
            Action::Why { name } => command.why(&name),
        }
    }
}

/// What all actions work on.
struct Command<'a> {
    reporter: &'a Reporter,
    root: PathBuf,
    product: Packages,
    cache: Cache,
}

impl Command<'_> {
    fn lock(&self, check: bool) -> Result<()> {
        let path = self.root.join(LOCK);
        let requests = list::read(&self.root.join(LIST))?;
        let mut stage = self.reporter.stage("lock");
        stage.takes_long("reading the repository");
        let lock = if requests.is_empty() {
            Lock::new("", "none", &self.product.abi, &requests, Vec::new())
        } else {
            packages::lock(&self.root, &self.product, &requests, &self.cache)?
        };
        let previous = Lock::read(&path).ok();
        if check {
            ensure!(
                previous.as_ref() == Some(&lock),
                "{LOCK} is out of date: pkglist or the repository has changed\nhint: run `cargo xtask pkg lock`"
            );
            stage.finish(format_args!("{LOCK} is up to date"));
            return Ok(());
        }
        let changed = lock.write(&path)?;
        let state = if changed { "written" } else { "up to date" };
        stage.finish(format_args!("{} packages, {LOCK} is {state}", lock.packages.len()));
        changes(previous.as_ref().map_or(&[], |lock| &lock.packages), &lock.packages)
            .iter()
            .for_each(|line| self.reporter.summary(line));
        Ok(())
    }

    fn fetch(&self) -> Result<()> {
        let lock = self.current_lock()?;
        let mut stage = self.reporter.stage("fetch");
        let (count, bytes) = if self.cache.missing(&lock).is_empty() {
            (0, 0)
        } else {
            let (source, _) = packages::source(&self.root, &self.product)?;
            stage.takes_long(format_args!("from {source}"));
            self.cache.fetch(&lock, &source, |package| {
                stage.progress(format_args!("{} {}", package.name, report::size(package.size)));
            })?
        };
        stage.finish(format_args!(
            "{count} of {} packages fetched, {}",
            lock.packages.len(),
            report::size(bytes)
        ));
        Ok(())
    }

    fn list(&self, json: bool) -> Result<()> {
        let lock = self.current_lock()?;
        let text = if json { serde_json::to_string_pretty(&lock)? + "\n" } else { table(&lock.packages) };
        report::result(&text)
    }

    fn why(&self, name: &str) -> Result<()> {
        let lock = self.current_lock()?;
        let package = lock.get(name)?;
        let chains = lock.chains(&package.name, MOST_CHAINS);
        let lines: String = chains.iter().map(|chain| chain.join(" -> ") + "\n").collect();
        report::result(&lines)
    }

    /// The lock file, which must be for pkglist.
    fn current_lock(&self) -> Result<Lock> {
        let lock = Lock::read(&self.root.join(LOCK))?;
        lock.require_current(&list::read(&self.root.join(LIST))?, &self.product.abi)?;
        Ok(lock)
    }
}

/// The changes of a lock file: one line for each package that was added, removed or replaced by another version.
fn changes(previous: &[Locked], current: &[Locked]) -> Vec<String> {
    let find =
        |packages: &[Locked], name: &str| packages.iter().find(|package| package.name == name).cloned();
    let mut lines: Vec<(String, String)> = Vec::new();
    for package in current {
        let name = package.name.clone();
        match find(previous, &name) {
            None => lines.push((name.clone(), format!("  + {name} {}", package.version))),
            Some(old) if old.version != package.version => {
                lines.push((name.clone(), format!("  ~ {name} {} -> {}", old.version, package.version)));
            }
            Some(old) if old.sha256 != package.sha256 => {
                lines.push((name.clone(), format!("  ~ {name} {} was rebuilt", package.version)));
            }
            Some(_) => {}
        }
    }
    for package in previous.iter().filter(|package| find(current, &package.name).is_none()) {
        lines.push((package.name.clone(), format!("  - {} {}", package.name, package.version)));
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

fn table(packages: &[Locked]) -> String {
    let width = packages.iter().map(|package| package.name.len()).max().unwrap_or_default();
    let versions = packages.iter().map(|package| package.version.len()).max().unwrap_or_default();
    let line = |name: &str, version: &str, size: u64, flat: u64, why: &str| {
        let (size, flat) = (report::size(size), report::size(flat));
        format!("{name:<width$}  {version:<versions$}  {size:>10}  {flat:>10}  {why}\n")
    };
    let mut text: String = packages
        .iter()
        .map(|package| {
            line(&package.name, &package.version, package.size, package.flatsize, &package.why.join(", "))
        })
        .collect();
    let total = |of: fn(&Locked) -> u64| packages.iter().map(of).sum();
    let count = format!("{} packages", packages.len());
    text.push_str(&format!(
        "{count}: {} to fetch, {} on the card\n",
        report::size(total(|package| package.size)),
        report::size(total(|package| package.flatsize))
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(name: &str, version: &str, sha256: &str) -> Locked {
        Locked {
            name: name.into(),
            version: version.into(),
            origin: format!("misc/{name}"),
            arch: "FreeBSD:13:i386".into(),
            sha256: sha256.into(),
            size: 1500,
            flatsize: 3 << 20,
            path: String::new(),
            deps: Vec::new(),
            why: vec!["pkglist".into(), "x".into()],
        }
    }

    #[test]
    fn the_table_has_one_line_per_package() {
        insta::assert_snapshot!(table(&[locked("a", "1.10_2,1", ""), locked("longer", "2", "")]));
    }

    #[test]
    fn changes_of_a_lock_file_are_shown() {
        let before =
            [locked("a", "1", "x"), locked("b", "1", "x"), locked("c", "1", "x"), locked("e", "1", "x")];
        let now =
            [locked("a", "2", "y"), locked("b", "1", "y"), locked("d", "1", "x"), locked("e", "1", "x")];
        assert_eq!(changes(&before, &now), ["  ~ a 1 -> 2", "  ~ b 1 was rebuilt", "  - c 1", "  + d 1"]);
    }
}
