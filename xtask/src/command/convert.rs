//! `cargo xtask convert`: a NanoBSD configuration becomes a product definition with hooks.

use std::path::PathBuf;

use anyhow::Result;
use builder::workspace;
use nanobsd_conf::Request;
use report::Reporter;

/// Convert a NanoBSD configuration into a product definition and hooks
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The configuration, as `nanobsd.sh -c` takes it; it is read, and never run
    file: PathBuf,
    /// The folder to make; one in this folder, called as the configuration, unless it is given
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Args {
    /// Converts; the notes go to standard error.
    ///
    /// # Errors
    /// A file that cannot be read or is no shell script, or an output folder that has something in it.
    pub fn run(self, reporter: &Reporter) -> Result<()> {
        let output = match self.output {
            Some(output) => output,
            None => nanobsd_conf::default_output(&self.file)?,
        };
        let root = workspace::root();
        let request = Request { file: &self.file, output: &output, root: &root };
        let converted = nanobsd_conf::convert(&request)?;
        for (heading, lines) in &converted.notes {
            reporter.summary(format_args!("{heading}:"));
            for line in lines {
                reporter.summary(format_args!("  {}", line.trim_end().replace('\n', "\n  ")));
            }
        }
        let product = converted.product.display();
        let hooks: String = converted.hooks.iter().map(|hook| format!("hook      {hook}\n")).collect();
        report::result(&format!("product   {product}\n{hooks}to build  cargo xtask image -c {product}\n"))
    }
}
