//! `cargo xtask pkg`: FreeBSD packages, from `pkglist` to the cache that images are built from.

use std::path::PathBuf;

use anyhow::Result;
use builder::packages::{self, LIST, LOCK};
use builder::product::Product;
use builder::workspace;
use clap::Subcommand;
use freebsd_pkg::cache::Cache;
use freebsd_pkg::list;
use freebsd_pkg::lock::{Lock, Locked};
use report::Reporter;

/// As many chains of dependencies tell enough.
const MOST_CHAINS: usize = 10;

/// Arguments of `cargo xtask pkg`.
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

/// What is wanted.
#[derive(Debug, Subcommand)]
enum Action {
    /// Resolve pkglist, and write the packages that are chosen to pkglist.lock
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
    /// Does what is wanted.
    ///
    /// # Errors
    /// List, lock or repository are bad, or do not fit each other.
    pub fn run(self, reporter: &Reporter) -> Result<()> {
        let root = workspace::root();
        let product = Product::load(&root, &self.config)?.packages;
        let cache = Cache::new(self.cache.unwrap_or_else(packages::default_cache));
        let locked = || -> Result<Lock> {
            let lock = Lock::read(&root.join(LOCK))?;
            lock.require_current(&list::read(&root.join(LIST))?, &product.abi)?;
            Ok(lock)
        };
        match self.action {
            Action::Lock { check } => {
                let requests = list::read(&root.join(LIST))?;
                let mut stage = reporter.stage("lock");
                stage.takes_long("reading the repository");
                let lock = if requests.is_empty() {
                    Lock::new("", "none", &product.abi, &requests, Vec::new())
                } else {
                    packages::lock(&root, &product, &requests, &cache)?
                };
                let before = Lock::read(&root.join(LOCK)).ok();
                if check {
                    anyhow::ensure!(
                        before.as_ref() == Some(&lock),
                        "{LOCK} is not what pkglist and the repository come to now"
                    );
                    stage.finish(format_args!("{LOCK} is up to date"));
                    return Ok(());
                }
                let changed = lock.write(&root.join(LOCK))?;
                let state = if changed { "written" } else { "up to date" };
                stage.finish(format_args!("{} packages, {LOCK} is {state}", lock.packages.len()));
                changes(before.as_ref().map_or(&[], |lock| &lock.packages), &lock.packages)
                    .iter()
                    .for_each(|line| reporter.summary(line));
                Ok(())
            }
            Action::Fetch => {
                let lock = locked()?;
                let mut stage = reporter.stage("fetch");
                let (count, bytes) = if cache.lacks(&lock).is_empty() {
                    (0, 0)
                } else {
                    let (source, _) = packages::source(&root, &product)?;
                    stage.takes_long(format_args!("from {source}"));
                    cache.fetch(&lock, &source, |package| {
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
            Action::List { json } => {
                let lock = locked()?;
                let text =
                    if json { serde_json::to_string_pretty(&lock)? + "\n" } else { table(&lock.packages) };
                report::result(&text)
            }
            Action::Why { name } => {
                let lock = locked()?;
                let package = lock.get(&name)?;
                let chains = lock.chains(&package.name, MOST_CHAINS);
                let lines: String = chains.iter().map(|chain| chain.join(" -> ") + "\n").collect();
                report::result(&lines)
            }
        }
    }
}

/// What became of the lock, one line for each package that is new, gone or another version.
fn changes(before: &[Locked], now: &[Locked]) -> Vec<String> {
    let find =
        |packages: &[Locked], name: &str| packages.iter().find(|package| package.name == name).cloned();
    let mut lines: Vec<(String, String)> = Vec::new();
    for package in now {
        let name = package.name.clone();
        match find(before, &name) {
            None => lines.push((name.clone(), format!("  + {name} {}", package.version))),
            Some(old) if old.version != package.version => {
                lines.push((name.clone(), format!("  ~ {name} {} -> {}", old.version, package.version)));
            }
            Some(old) if old.sha256 != package.sha256 => {
                lines.push((name.clone(), format!("  ~ {name} {} was built anew", package.version)));
            }
            Some(_) => {}
        }
    }
    for package in before.iter().filter(|package| find(now, &package.name).is_none()) {
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
    let sum = |of: fn(&Locked) -> u64| packages.iter().map(of).sum();
    let count = format!("{} packages", packages.len());
    text.push_str(&format!(
        "{count}: {} to fetch, {} on the card\n",
        report::size(sum(|package| package.size)),
        report::size(sum(|package| package.flatsize))
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
    fn people_read_one_package_a_line() {
        insta::assert_snapshot!(table(&[locked("a", "1.10_2,1", ""), locked("longer", "2", "")]));
    }

    #[test]
    fn what_a_new_lock_changes_is_told() {
        let before =
            [locked("a", "1", "x"), locked("b", "1", "x"), locked("c", "1", "x"), locked("e", "1", "x")];
        let now =
            [locked("a", "2", "y"), locked("b", "1", "y"), locked("d", "1", "x"), locked("e", "1", "x")];
        assert_eq!(changes(&before, &now), ["  ~ a 1 -> 2", "  ~ b 1 was built anew", "  - c 1", "  + d 1"]);
    }
}
