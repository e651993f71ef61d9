//! `cargo xtask convert`: turn a NanoBSD configuration into a product definition with hooks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use builder::customize::{hook_variables, is_told};
use builder::product::{self, DEFINITION};
use builder::workspace;
use nanobsd_conf::{Product, Request, shell_word};

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
    pub fn run(self) -> Result<()> {
        let output = match self.output {
            Some(output) => output,
            None => nanobsd_conf::default_output(&self.file)?,
        };
        let root = workspace::root();
        let product = Appliance { root: &root };
        let request = Request { file: &self.file, output: &output, root: &root, product: &product };
        let converted = nanobsd_conf::convert(&request)?;
        for (heading, lines) in &converted.notes {
            eprintln!("{heading}:");
            for line in lines {
                eprintln!("  {}", line.trim_end().replace('\n', "\n    "));
            }
        }
        println!("product   {}", converted.product.display());
        for hook in &converted.hooks {
            println!("hook      {hook}");
        }
        let product = converted.product.display().to_string();
        println!("to build  cargo xtask image -c {}", shell_word(&product));
        Ok(())
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
        is_told(name)
    }

    fn check(&self, file: &Path) -> Result<BTreeMap<String, String>> {
        let product = product::Product::load(self.root, &[file.to_owned()])?;
        Ok(hook_variables(&product).map(|(name, value)| (name.to_owned(), value)).collect())
    }
}
