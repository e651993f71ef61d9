//! `cargo xtask burn`: writes the full image to a card and verifies it.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail, ensure};
use burn::device::Target;
use burn::progress::Progress;
use burn::{Image, plan};
use report::Reporter;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Write the full image to a card and verify it
///
/// Everything on the card is lost. Before it writes, the command shows the card's model and size and asks for `yes`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The device of the card, or a file of its size
    device: PathBuf,
    /// The full image [default: that of the latest build]
    image: Option<PathBuf>,
    /// Write the whole image, not only the parts that its file systems use
    #[arg(long)]
    all: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
    /// Write to a disk that is not removable, and so may belong to this machine
    #[arg(long)]
    dangerously_write_fixed_disk: bool,
}

impl Args {
    /// Burns the card.
    ///
    /// # Errors
    /// There is no image, the disk must not be written, or writing or verifying failed.
    pub fn run(self, reporter: &Reporter) -> Result<()> {
        let image = match self.image {
            Some(image) => image.canonicalize().unwrap_or(image),
            None => latest(&builder::workspace::target().join("firmware").join("latest"))?,
        };
        let image = Image::open(&image)?;
        let mut target = Target::open(&self.device, &image, self.dangerously_write_fixed_disk)?;
        let parts = plan::parts(&image, target.bytes, self.all)?;
        if !self.yes {
            let text = format!(
                "{}\nEverything on it will be lost. Type `yes` to write {} to it: ",
                target.describe(),
                image.path().display()
            );
            ensure!(
                io::stdin().is_terminal(),
                "burning to {}: standard input is not a terminal, so nobody can confirm\nhint: pass --yes",
                self.device.display()
            );
            confirm(&text, &mut io::stdin().lock(), &mut io::stderr())?;
        }

        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // A second signal ends the process at once.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
                .context("installing signal handlers")?;
        }
        let stage = reporter.stage("card");
        let mut progress = Progress::new(*reporter);
        let mut watch = |phase, done, total| progress.show(phase, done, total);
        let burnt = burn::burn(target.card(), &image, &parts, &stop, &mut watch);
        progress.clear();
        let device = self.device.display();
        burnt.with_context(|| format!("burning {} to {device}", image.path().display()))?;
        target.close();
        stage.finish(format_args!(
            "{device} has {}, {} written and verified",
            image.path().file_name().unwrap_or_default().display(),
            report::size(plan::bytes(&parts))
        ));
        Ok(())
    }
}

/// The full image of the latest build, by its own name.
fn latest(directory: &Path) -> Result<PathBuf> {
    let link = directory.join("_.disk.full");
    link.canonicalize().with_context(|| {
        format!(
            "looking for an image: {}\nhint: build one with `cargo xtask image`, or name one after the device",
            link.display()
        )
    })
}

/// Asks, and fails unless the answer is `yes`.
fn confirm(text: &str, answer: &mut impl BufRead, question: &mut impl Write) -> Result<()> {
    write!(question, "{text}").and_then(|()| question.flush()).context("asking")?;
    let mut line = String::new();
    answer.read_line(&mut line).context("reading the answer")?;
    if line.trim() != "yes" {
        bail!("the answer was not `yes`: nothing was written");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_accepted() {
        for (answer, goes_on) in
            [("yes\n", true), ("y\n", false), ("\n", false), ("", false), ("YES\n", false)]
        {
            let mut asked = Vec::new();
            let answered = confirm("sure? ", &mut answer.as_bytes(), &mut asked);
            assert_eq!(asked, b"sure? ");
            assert_eq!(answered.is_ok(), goes_on, "{answer:?}");
            if let Err(error) = answered {
                assert_eq!(error.to_string(), "the answer was not `yes`: nothing was written");
            }
        }
    }
}
