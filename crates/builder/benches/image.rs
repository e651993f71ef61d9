//! How long both images take from a ready world, beside FreeBSD's own tools doing the same work and beside merely
//! writing as many bytes.
//!
//! ```text
//! cargo bench -p builder --bench image -- --world DIR [--tools DIR] [--rounds N]
//! ```
//!
//! `--world` is what `cargo xtask image --src` left behind; `--tools` holds FreeBSD's `makefs` and `mkimg`, built for
//! this machine. The same world, the same 200 MB slots, the same 1 GB card for all; everything is in the page cache
//! after a first round that does not count. The rounds of all contestants alternate, so that a noisy machine is noisy
//! for all of them; the best round of each is reported, and ratios of those.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use builder::customize::Customizer;
use builder::image;
use builder::layer::overlay;
use builder::product::{Product, Version};
use builder::world::{World, installed};
use clap::Parser;
use firmware::revocations::Revocations;
use report::Reporter;
use rootfs::tree::Layer;

/// What is laid over the product definition: slots of 200 MB.
const SLOTS: &str = "[boot]\ncode = \"mbr\"\n[slices]\ncode = 409_600\n[budget]\nslot_bytes = 209_715_200\n";
/// Bytes of a slot's file system for `makefs`.
const MAKEFS_SIZE: &str = "200m";

#[derive(Parser)]
struct Args {
    /// The world; without it there is nothing to measure.
    #[arg(long)]
    world: Option<PathBuf>,
    /// The directory with FreeBSD's makefs and mkimg.
    #[arg(long)]
    tools: Option<PathBuf>,
    /// How often each is run.
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Makes both images in a directory.
type Make<'a> = dyn Fn(&Path) -> Result<()> + 'a;

/// One way to make the images.
struct Contestant<'a> {
    name: &'static str,
    run: Box<Make<'a>>,
    best: Duration,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let Some(dir) = args.world.clone().or_else(|| std::env::var_os("SLUICE_TEST_WORLD").map(PathBuf::from))
    else {
        println!("skipped: no world was given (--world DIR)");
        return Ok(());
    };
    let scratch = tempfile::Builder::new().prefix("bench-").tempdir_in(builder::workspace::target())?;
    let config = scratch.path().join("bench.toml");
    fs::write(&config, SLOTS)?;
    let root = builder::workspace::root();
    let product = Product::load(&root, &[config])?;
    let version = Version::of_repository(&root, &product.version)?;
    let world = installed::open(&dir)?;
    let overlay = overlay::layers(&root, &product, &mut Vec::new())?;
    let written = stored_bytes(&product, &version, &world, &overlay, scratch.path())?;

    let mut contestants = vec![
        Contestant {
            name: "sluice",
            run: Box::new(|out| ours(&product, &version, &world, &overlay, out)),
            best: Duration::MAX,
        },
        Contestant { name: "plain write", run: Box::new(|out| plain(written, out)), best: Duration::MAX },
    ];
    if let Some(tools) = &args.tools {
        let run = Box::new(|out: &Path| theirs(tools, &dir, &product, out));
        contestants.push(Contestant { name: "makefs + mkimg", run, best: Duration::MAX });
    }
    for round in 0..=args.rounds {
        for contestant in &mut contestants {
            let out = scratch.path().join("out");
            fs::create_dir(&out)?;
            let start = Instant::now();
            (contestant.run)(&out).with_context(|| contestant.name.to_owned())?;
            let took = start.elapsed();
            fs::remove_dir_all(&out)?;
            if round > 0 {
                contestant.best = contestant.best.min(took);
            }
        }
    }
    let ours = contestants[0].best;
    println!("{} bytes stored in both images, best of {} rounds", written, args.rounds);
    for contestant in &contestants {
        let ratio = ours.as_secs_f64() / contestant.best.as_secs_f64();
        println!(
            "{:<16} {:>8.3} s   sluice/{} = {ratio:.2}",
            contestant.name,
            contestant.best.as_secs_f64(),
            contestant.name
        );
    }
    Ok(())
}

/// What `cargo xtask image` does from an opened world to finished images: merge, transform, hash for the mtree
/// specification, lay out, write.
fn ours(product: &Product, version: &Version, world: &World, overlay: &[Layer], out: &Path) -> Result<()> {
    let mut layers = world.layers.clone();
    layers.extend(overlay.iter().cloned());
    let root = builder::workspace::root();
    let customizer = Customizer::new(&root, out, product, Reporter::new(-2));
    let slot =
        image::compose(layers, product, version, &world.version, &Revocations::default(), &customizer)?;
    let writable = image::Writable::read(&root, product)?;
    let plan = image::plan(&slot, &writable, product, version, None, &world.boot, &world.version)?;
    image::write(&plan, product, Some(&out.join("slot.img")), Some(&out.join("full.img")))
}

/// How many bytes of the disk our images take up.
fn stored_bytes(
    product: &Product,
    version: &Version,
    world: &World,
    overlay: &[Layer],
    scratch: &Path,
) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let out = scratch.join("measure");
    fs::create_dir(&out)?;
    ours(product, version, world, overlay, &out)?;
    let blocks = |name: &str| fs::metadata(out.join(name)).map(|metadata| metadata.blocks() * 512);
    let bytes = blocks("slot.img")? + blocks("full.img")?;
    fs::remove_dir_all(&out)?;
    Ok(bytes)
}

/// Writes `bytes` bytes with one thread, as fast as the page cache takes them.
fn plain(bytes: u64, out: &Path) -> Result<()> {
    let chunk = vec![0x5a; 1 << 20];
    let mut file = File::create(out.join("plain"))?;
    let mut left = bytes;
    while left > 0 {
        let now = left.min(chunk.len() as u64);
        file.write_all(&chunk[..now as usize])?;
        left -= now;
    }
    Ok(())
}

/// FreeBSD's makefs for the file system, mkimg for the slot with its label and for the card.
fn theirs(tools: &Path, world: &Path, product: &Product, out: &Path) -> Result<()> {
    let root = world.join("root");
    let metalog = out.join("manifest");
    fs::write(&metalog, without_sizes(&fs::read_to_string(world.join("METALOG"))?))?;
    let options = "version=2,bsize=4096,fsize=512,density=8192,softupdates=1";
    let path = |name: &str| out.join(name).into_os_string();
    let mut makefs = Command::new(tools.join("makefs"));
    makefs.current_dir(&root).args(["-D", "-t", "ffs", "-B", "little", "-s", MAKEFS_SIZE, "-N"]);
    makefs.arg(root.join("etc")).args(["-o", options]).arg(path("fs.img")).arg(metalog);
    run(&mut makefs)?;
    let mut slot = Command::new(tools.join("mkimg"));
    slot.args(["-s", "bsd", "-b"]).arg(root.join("boot/boot"));
    slot.arg("-p")
        .arg(format!("freebsd-ufs:={}", out.join("fs.img").display()))
        .arg("-o")
        .arg(path("slot.img"));
    run(&mut slot)?;
    let mut full = Command::new(tools.join("mkimg"));
    full.args(["-s", "mbr", "-b"]).arg(root.join("boot/mbr"));
    for _ in &product.layout.slots {
        full.arg("-p").arg(format!("freebsd:={}", out.join("slot.img").display()));
    }
    full.arg("--capacity").arg(product.layout.media.bytes().to_string()).arg("-o").arg(path("full.img"));
    run(&mut full)
}

/// METALOG's sizes are stale wherever a later step of the installation changed a file; makefs believes them.
fn without_sizes(metalog: &str) -> String {
    let words = |line: &str| {
        let kept: Vec<&str> = line.split(' ').filter(|word| !word.starts_with("size=")).collect();
        kept.join(" ") + "\n"
    };
    metalog.lines().map(words).collect()
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("running {}", command.get_program().display()))?;
    ensure!(
        output.status.success(),
        "{} failed: {}",
        command.get_program().display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
