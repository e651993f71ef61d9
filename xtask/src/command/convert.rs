//! `cargo xtask convert`: turn a NanoBSD configuration into a product definition with hooks.

use std::path::{Path, PathBuf};

use anyhow::Result;
use builder::customize::{hook_variables, is_hook_variable};
use builder::product::{self, DEFINITION};
use builder::workspace;
use nanobsd_conf::{Checked, Product, Request, shell_word};
use report::Reporter;

/// Convert a NanoBSD configuration into a product definition and hooks
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The configuration, as for `nanobsd.sh -c`; it is read, never run
    file: PathBuf,
    /// The directory to create [default: the name of the configuration without its extension]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Args {
    /// Converts; the notes go to standard error.
    ///
    /// # Errors
    /// A file cannot be read or is not a shell script, or the output directory is not empty.
    pub fn run(self, reporter: &Reporter) -> Result<()> {
        let output = match self.output {
            Some(output) => output,
            None => nanobsd_conf::default_output(&self.file)?,
        };
        let root = workspace::find()?;
        let product = Appliance { root: &root };
        let request = Request { file: &self.file, output: &output, root: &root, product: &product };
        let converted = nanobsd_conf::convert(&request)?;
        for (heading, lines) in &converted.notes {
            reporter.summary(format_args!("{heading}:"));
            for line in lines {
                reporter.summary(format_args!("  {}", line.trim_end().replace('\n', "\n    ")));
            }
        }
        let product = converted.product.display().to_string();
        let hooks: String = converted.hooks.iter().map(|hook| format!("hook      {hook}\n")).collect();
        let quoted = shell_word(&product);
        report::result(&format!("product   {product}\n{hooks}to build  cargo xtask image -c {quoted}\n"))
    }
}

/// The product of the repository at `root`.
struct Appliance<'a> {
    root: &'a Path,
}

impl Product for Appliance<'_> {
    fn definition(&self) -> &str {
        DEFINITION
    }

    fn sets_for_hooks(&self, name: &str) -> bool {
        is_hook_variable(name)
    }

    fn check(&self, file: &Path) -> Result<Checked> {
        let product = product::Product::load(self.root, &[file.to_owned()])?;
        let variables = hook_variables(self.root, &product);
        let hook_variables = variables.map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Checked { warnings: product.warnings, hook_variables })
    }
}
