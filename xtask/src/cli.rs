//! The command line: a subcommand, and the options that all subcommands share.

use clap::{ArgAction, ColorChoice, Parser, ValueEnum};
use report::Reporter;

use crate::command::Command;

/// Build and test the appliance's firmware
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(subcommand)]
    pub command: Command,
}

/// How much is printed, and how.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output options")]
pub struct OutputArgs {
    /// Print less; twice: only results and errors
    #[arg(short, long, action = ArgAction::Count, global = true)]
    quiet: u8,
    /// Print more
    #[arg(short, long, action = ArgAction::Count, global = true)]
    verbose: u8,
    /// When to use colours; `auto` means on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto, global = true)]
    color: ColorChoice,
}

impl Cli {
    /// Parses the arguments of this process. Help and errors end it here, in the colours that were asked for.
    pub fn from_process() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            set_color(asked_color(std::env::args()));
            error.exit()
        })
    }
}

impl OutputArgs {
    /// The reporter for these options; also decides on colours.
    pub fn reporter(&self) -> Reporter {
        set_color(self.color);
        let count = |times: u8| i8::try_from(times).unwrap_or(i8::MAX);
        Reporter::new(count(self.verbose).saturating_sub(count(self.quiet)))
    }
}

/// The choice in arguments that could not be parsed as a whole.
fn asked_color(arguments: impl Iterator<Item = String>) -> ColorChoice {
    let mut arguments = arguments.take_while(|argument| argument != "--");
    let mut value = None;
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--color") {
            Some("") => value = arguments.next(),
            Some(rest) => value = rest.strip_prefix('=').map(str::to_owned).or(value),
            None => {}
        }
    }
    value.and_then(|value| ColorChoice::from_str(&value, false).ok()).unwrap_or_default()
}

fn set_color(choice: ColorChoice) {
    report::set_color(match choice {
        ColorChoice::Auto => report::ColorChoice::Auto,
        ColorChoice::Always => report::ColorChoice::Always,
        ColorChoice::Never => report::ColorChoice::Never,
    });
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::command::{man, markdown};

    #[test]
    fn the_reference_in_docs_is_current() {
        let current = markdown::reference(Cli::command());
        let reference = std::fs::read_to_string(builder::workspace::root().join(man::REFERENCE)).unwrap();
        assert!(
            reference == current,
            "{} is out of date\nhint: run `cargo xtask man --markdown`",
            man::REFERENCE
        );
    }

    #[test]
    fn every_help_text_is_there_and_in_one_style() {
        let mut root = Cli::command();
        root.build();
        let mut rest = vec![&root];
        while let Some(command) = rest.pop() {
            let name = command.get_bin_name().unwrap();
            check_help(name, &command.get_about().unwrap_or_else(|| panic!("{name}")).to_string());
            for arg in command.get_arguments() {
                let what = format!("{name} {}", arg.get_id());
                check_help(&what, &arg.get_help().unwrap_or_else(|| panic!("{what}")).to_string());
            }
            rest.extend(command.get_subcommands().filter(|sub| sub.get_name() != "help"));
        }
    }

    /// One line or sentence that begins with a capital letter and ends without a full stop.
    fn check_help(what: &str, help: &str) {
        assert!(help.starts_with(|c: char| c.is_uppercase()) && !help.ends_with('.'), "{what}: {help}");
    }

    #[test]
    fn every_subcommand_has_the_shared_options() {
        Cli::command().debug_assert();
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).unwrap().output;
        for line in ["xtask -qq --color never sizes", "xtask sizes -q --color=never -q"] {
            let output = parse(line);
            assert_eq!((output.quiet, output.color), (2, ColorChoice::Never), "{line}");
        }
        assert_eq!(parse("xtask pkg list -v").verbose, 1);
    }

    #[test]
    fn a_bad_command_line_is_answered_in_the_colours_that_it_asks_for() {
        let asked = |line: &str| asked_color(line.split(' ').map(str::to_owned));
        assert_eq!(asked("xtask imagine --color never"), ColorChoice::Never);
        assert_eq!(asked("xtask --color=always imagine"), ColorChoice::Always);
        assert_eq!(asked("xtask --colour never -- --color=always"), ColorChoice::Auto);
        assert_eq!(asked("xtask image --color"), ColorChoice::Auto);
    }
}
