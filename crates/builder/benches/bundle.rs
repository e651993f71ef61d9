//! How long the update bundle of a slot image takes: to write, to write again after a small change, and to read as a unit
//! reads it, beside merely hashing as many bytes.
//!
//! ```text
//! cargo bench -p builder --bench bundle -- --world DIR [--rounds N]
//! ```
//!
//! `--world` is what `cargo xtask image --src` left behind. Everything is in the page cache; the best round counts.
//! The reader uses one processor, as on a unit; the writer uses all.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fs::{self, File};
use std::io::BufReader;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use builder::bundle::{self, ChunkCache, Summary};
use builder::customize::Customizer;
use builder::image;
use builder::keys::{Pair, Signer};
use builder::layer::overlay;
use builder::product::{Product, Version};
use builder::world::installed;
use clap::Parser;
use firmware::bundle::{PublicKeys, Reader, sha256};
use firmware::revocations::Revocations;
use report::{Reporter, size};

/// Where a small change is made: somewhere in the files of the slot.
const CHANGED: u64 = 20 << 20;

#[derive(Parser)]
struct Args {
    /// The world; without it there is nothing to measure.
    #[arg(long)]
    world: Option<PathBuf>,
    /// How often each is run.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What all measurements are of.
struct Bench<'a> {
    product: &'a Product,
    version: &'a Version,
    world: &'a str,
    signer: Signer,
    keys: PublicKeys,
    scratch: &'a Path,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let Some(dir) = args.world.or_else(|| std::env::var_os("SLUICE_TEST_WORLD").map(PathBuf::from)) else {
        println!("skipped: no world was given (--world DIR)");
        return Ok(());
    };
    let scratch = tempfile::Builder::new().prefix("bench-").tempdir_in(builder::workspace::target())?;
    let root = builder::workspace::root();
    let product = Product::load(&root, &[])?;
    let version = Version::of_repository(&root, &product.version)?;
    let world = installed::open(&dir)?;
    let mut layers = world.layers.clone();
    layers.extend(overlay::layers(&root, &product, &mut Vec::new())?);
    let customizer = Customizer::new(&root, scratch.path(), &product, Reporter::new(-2));
    let content =
        image::compose(layers, &product, &version, &world.version, &Revocations::default(), &customizer)?;
    let writable = image::Writable::read(&builder::workspace::root(), &product)?;
    let plan = image::plan(&content, &writable, &product, &version, None, &world.boot, &world.version)?;
    let slot = scratch.path().join("slot.img");
    image::write(&plan, &product, Some(&slot), None)?;

    let key = scratch.path().join("bench.key");
    Pair::generate(None)?.save_secret(&key)?;
    let signer = Signer::open(&key)?;
    let keys = PublicKeys::parse([signer.public_text()])?;
    let bench = Bench {
        product: &product,
        version: &version,
        world: &world.version,
        signer,
        keys,
        scratch: scratch.path(),
    };
    bench.run(&slot, args.rounds)
}

impl Bench<'_> {
    fn run(&self, slot: &Path, rounds: u32) -> Result<()> {
        let bytes = fs::metadata(slot)?.len();
        let (write, summary) = best(rounds, || self.write(slot, None))?;
        println!(
            "slot of {}, {} of {} chunks stored, {} in them; bundle of {}; best of {rounds}",
            size(bytes),
            summary.stored,
            summary.chunks,
            size(summary.raw_bytes),
            size(summary.bytes)
        );
        show("write", write, summary.raw_bytes);

        let cache = self.cache()?;
        let file = File::options().read(true).write(true).open(slot)?;
        file.write_all_at(b"changed", CHANGED)?;
        let (again, changed) = best(rounds, || self.write(slot, Some(&cache)))?;
        show(&format!("write, {} chunk new", changed.stored - changed.reused), again, summary.raw_bytes);

        let (read, raw_bytes) = best(rounds, || self.read())?;
        ensure!(raw_bytes == bytes, "the bundle is {raw_bytes} bytes of slot and should be {bytes}");
        show("read as a unit", read, summary.raw_bytes);
        let raw = vec![0x5a; 1 << 20];
        let megabytes = (summary.raw_bytes + summary.bytes) >> 20;
        let (hash, _) = best(rounds, || Ok((0..megabytes).map(|_| sha256(&raw)[0]).max()))?;
        show("only hash as much", hash, summary.raw_bytes);
        Ok(())
    }

    fn out(&self) -> PathBuf {
        self.scratch.join("bundle.fw")
    }

    fn write(&self, slot: &Path, cache: Option<&ChunkCache>) -> Result<Summary> {
        let _ = fs::remove_file(self.out());
        let size = self.product.layout.slots[0].size;
        let manifest =
            bundle::manifest(self.product, self.version, self.world, size, &Revocations::default())?;
        bundle::write(slot, &self.out(), manifest, &self.signer, cache)
    }

    /// The bundle that was just written, in the directory of a build.
    fn cache(&self) -> Result<ChunkCache> {
        let dir = self.scratch.join("previous");
        fs::create_dir(&dir)?;
        fs::rename(self.out(), dir.join("bundle.fw"))?;
        let made = serde_json::json!({ "compression": bundle::ENCODER });
        fs::write(dir.join("manifest.json"), made.to_string())?;
        Ok(ChunkCache::open(&dir, "manifest.json", bundle::SUFFIX, &self.keys)
            .expect("the bundle was just written"))
    }

    fn read(&self) -> Result<u64> {
        let mut reader = Reader::open(BufReader::new(File::open(self.out())?), &self.keys)?;
        let (mut raw, mut bytes) = (Vec::new(), 0);
        while reader.next_chunk(&mut raw)?.is_some() {
            bytes += raw.len() as u64;
        }
        Ok(bytes)
    }
}

/// The shortest time of `rounds`, and what came of it.
fn best<T>(rounds: u32, run: impl Fn() -> Result<T>) -> Result<(Duration, T)> {
    let mut best = None;
    for _ in 0..rounds.max(1) {
        let start = Instant::now();
        let value = run()?;
        let took = start.elapsed();
        if best.as_ref().is_none_or(|(least, _)| took < *least) {
            best = Some((took, value));
        }
    }
    best.ok_or_else(|| anyhow::anyhow!("nothing was measured"))
}

fn show(what: &str, took: Duration, bytes: u64) {
    let rate = bytes as f64 / took.as_secs_f64() / f64::from(1 << 20);
    println!("{what:<22} {:>8.3} s {rate:>8.1} MiB/s of stored slot", took.as_secs_f64());
}
