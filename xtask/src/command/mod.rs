//! The subcommands of `cargo xtask`, one file each: its arguments and what it does with the rest of the crate.

mod burn;
mod completions;
mod convert;
mod diff;
mod image;
mod inspect;
mod keygen;
mod lab;
pub mod man;
pub mod markdown;
mod outcome;
mod pkg;
mod request;
mod run;
mod setup;
mod sizes;
mod summary;
mod test;

use std::process::ExitCode;

use report::Reporter;

use self::outcome::Outcome;

/// Declares the subcommands: for each the name, its arguments, whose documentation is the help text, and how it is run.
macro_rules! subcommands {
    (|$args:ident, $reporter:ident, $cli:ident| $($name:ident($type:ty) => $run:expr,)*) => {
        #[derive(Debug, clap::Subcommand)]
        pub enum Command {
            $($name($type),)*
        }

        impl Command {
            /// Runs the subcommand and reports its error. `cli` is the definition of the whole command line.
            pub fn run(self, $reporter: &Reporter, $cli: clap::Command) -> ExitCode {
                match self {
                    $(Self::$name($args) => $run.exit_code($reporter),)*
                }
            }
        }
    };
}

subcommands! { |args, reporter, cli|
    Burn(burn::Args) => args.run(reporter),
    Completions(completions::Args) => args.run(cli),
    Convert(convert::Args) => args.run(reporter),
    Diff(diff::Args) => args.run(reporter),
    Image(image::Args) => args.run(reporter),
    Inspect(inspect::Args) => args.run(reporter),
    Keygen(keygen::Args) => args.run(reporter),
    Lab(lab::Args) => args.run(reporter),
    Man(man::Args) => args.run(reporter, cli),
    Pkg(pkg::Args) => args.run(reporter),
    Run(run::Args) => args.run(reporter),
    Setup(setup::Args) => args.run(reporter),
    Sizes(sizes::Args) => args.run(reporter),
    Summary(summary::Args) => args.run(reporter),
    Test(test::Args) => args.run(reporter),
}
