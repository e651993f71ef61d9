//! The reference of the command line in Markdown: one section per subcommand, with usage, arguments and options.

use std::fmt::Write;

use clap::{Arg, ArgAction, Command};

const HEAD: &str = include_str!("markdown.md");

/// The whole reference of `command`, which ends with a newline.
pub fn reference(mut command: Command) -> String {
    command.build();
    let mut text = HEAD.to_owned();
    text += "\n## Options of all subcommands\n\n";
    table(&mut text, "option", &command, Arg::is_global_set);
    for subcommand in subcommands(&command) {
        section(&mut text, subcommand, &command, 2);
    }
    text
}

fn subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
}

/// The section of a subcommand, and those of its own subcommands one level below.
fn section(text: &mut String, command: &Command, parent: &Command, level: usize) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let _ = writeln!(text, "\n{} `{name}`\n", "#".repeat(level));
    if let Some(about) = command.get_long_about().or_else(|| command.get_about()) {
        let _ = writeln!(text, "{}\n", about.to_string().trim_end());
    }
    let usage = command.clone().render_usage().to_string();
    let _ = writeln!(text, "```text\n{}\n```", usage.trim_start_matches("Usage: ").trim_end());
    let inherited = |arg: &Arg| {
        arg.is_global_set() && parent.get_arguments().any(|parents| parents.get_id() == arg.get_id())
    };
    for (heading, positional) in [("argument", true), ("option", false)] {
        table(text, heading, command, |arg| arg.is_positional() == positional && !inherited(arg));
    }
    for subcommand in subcommands(command) {
        section(text, subcommand, command, level + 1);
    }
}

/// A table of those arguments of `command` that `of` picks; nothing if there are none.
fn table(text: &mut String, heading: &str, command: &Command, of: impl Fn(&Arg) -> bool) {
    let shown = |arg: &&Arg| !arg.is_hide_set() && !is_help(arg) && of(arg);
    let mut arguments = command.get_arguments().filter(shown).peekable();
    if arguments.peek().is_none() {
        return;
    }
    if !text.ends_with("\n\n") {
        text.push('\n');
    }
    let _ = writeln!(text, "| {heading} | description |\n|---|---|");
    for argument in arguments {
        let _ = writeln!(text, "| `{}` | {} |", syntax(argument), description(argument));
    }
}

fn is_help(arg: &Arg) -> bool {
    matches!(
        arg.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    )
}

/// How an argument is written, such as `-c, --config <FILE>`.
fn syntax(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<_> = short.into_iter().chain(long).collect();
    let values: Vec<_> =
        arg.get_value_names().unwrap_or_default().iter().map(|name| format!("<{name}>")).collect();
    let optional = arg.is_positional() && !arg.is_required_set();
    let value = match values.join(" ") {
        value if optional => value.replace('<', "[").replace('>', "]"),
        value => value,
    };
    let many = if matches!(arg.get_action(), ArgAction::Append) { "..." } else { "" };
    match (names.is_empty(), arg.get_action().takes_values()) {
        (true, _) => value + many,
        (false, true) => format!("{} {value}{many}", names.join(", ")),
        (false, false) => names.join(", "),
    }
}

/// What an argument does, with its values and its default.
fn description(arg: &Arg) -> String {
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut text = help.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    if !arg.get_action().takes_values() {
        return text;
    }
    let values: Vec<_> =
        arg.get_possible_values().iter().filter(|value| !value.is_hide_set()).map(value).collect();
    if !values.is_empty() {
        let _ = write!(text, "; one of {}", values.join(", "));
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() {
        let _ = write!(text, "; default `{}`", defaults.join(","));
    }
    text
}

/// A value that an argument may have, with its help if there is one.
fn value(value: &clap::builder::PossibleValue) -> String {
    let name = value.get_name();
    value.get_help().map_or_else(|| format!("`{name}`"), |help| format!("`{name}` ({help})"))
}
