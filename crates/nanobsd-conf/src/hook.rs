//! Hooks: programs that contain a registered function, with the functions, variables and files that it uses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::body;
use super::command::commands;
use super::concern::concerns;
use super::configuration::{Call, Configuration, Function};
use super::defaults::{default, fixed};
use super::device::devices;
use super::location::Location;
use super::name::is_name;
use super::quote::unquoted;
use super::reads::{Reads, reads};
use super::report::Report;
use super::request::differs_in_hooks;
use super::site::Site;
use super::site_copies::SiteCopies;
use super::value::{Piece, Value};

/// A hook to write.
#[derive(Debug)]
pub struct Hook {
    /// The path in the directory of hooks, such as `customize.d/10-cust_foo`.
    pub path: String,
    /// The program.
    pub text: String,
}

/// Variables that the shell or the environment of hooks sets.
const OF_HOST: [&str; 12] =
    ["HOME", "IFS", "LC_ALL", "LINENO", "OLDPWD", "OPTARG", "OPTIND", "PATH", "PPID", "PS4", "PWD", "TZ"];

/// Functions of NanoBSD that customizations call, and their replacements in a hook.
const CONVENIENCES: [(&str, &str); 5] = [
    ("pprint", "pprint () { shift; echo \"$*\"; }"),
    ("tgt_touch", "tgt_touch () ( cd \"${NANO_WORLDDIR}\" && touch \"$@\" )"),
    (
        "tgt_dir2symlink",
        "tgt_dir2symlink () ( cd \"${NANO_WORLDDIR}\" && rm -rf \"$1\" && ln -s \"$2\" \"$1\" )",
    ),
    ("CR", "CR () { echo \"CR: no program of the image can be run here: $*\" >&2; return 1; }"),
    ("CR0", "CR0 () { echo \"CR0: no program of the image can be run here: $*\" >&2; return 1; }"),
];

/// Commands whose words are text.
const PRINTERS: [&str; 3] = ["echo", "printf", "pprint"];

/// FreeBSD's echo(1), which interprets backslashes only after `-e`. Other shells always do, or never.
const ECHO: &str = "echo () { case $1 in -n) shift; printf '%s' \"$*\" ;; -e) shift; printf '%b\\n' \"$*\" ;; \
                    *) printf '%s\\n' \"$*\" ;; esac; }";

/// Writes hooks, and remembers what they use.
pub struct HookWriter<'a> {
    site: Site<'a>,
    /// The name of the configuration.
    file: &'a str,
    /// What the functions read, by their names.
    reads: BTreeMap<&'a str, Reads>,
    /// The names in hooks of functions whose names only FreeBSD's shell accepts.
    names: BTreeMap<&'a str, String>,
    /// The files beside the configuration that hooks use.
    pub copies: SiteCopies,
    /// The variables of the configuration that hooks use.
    pub variables: BTreeSet<String>,
    /// The variables that hooks use and that can have another value there than in the file.
    pub differing: BTreeSet<String>,
    /// The functions that are in hooks.
    pub functions: BTreeSet<String>,
}

impl<'a> HookWriter<'a> {
    /// For the hooks of the functions that the configuration, a file named `file`, registers.
    pub fn new(site: Site<'a>, file: &'a str) -> Self {
        let Site { configuration, request } = site;
        let is_hooks = |name: &str| differs_in_hooks(request.product, name);
        let lookup = |name: &str| configuration.lookup(name, &is_hooks);
        let registered = configuration.calls.iter().map(|call| call.name.as_str());
        let registered = registered.filter(|name| configuration.functions.contains_key(*name));
        let needed: BTreeSet<&str> = registered.flat_map(|name| needed(configuration, name)).collect();
        let reads: BTreeMap<&str, Reads> = needed
            .into_iter()
            .map(|name| (name, reads(&configuration.functions[name].text, &lookup, site.directory())))
            .collect();
        let scripts = reads.values().flat_map(|reads| &reads.scripts).cloned().collect();
        let paths = reads.values().flat_map(|reads| reads.copies.keys());
        let copies = SiteCopies::new(site.directory(), paths, scripts);
        Self {
            site,
            file,
            reads,
            names: new_names(configuration),
            copies,
            variables: BTreeSet::new(),
            differing: BTreeSet::new(),
            functions: BTreeSet::new(),
        }
    }

    /// The program for the registered function `call`.
    pub fn write(&mut self, call: &'a Call, report: &mut Report) -> String {
        let known = &self.site.configuration.functions;
        let functions = needed(self.site.configuration, &call.name);
        let location = &known[&call.name].location;
        let mut text = format!("#!/bin/sh\n# `{}` of {}, {location}.\nset -e\n", call.name, self.file);
        self.write_directory(&mut text, &functions);
        write_conveniences(&mut text, functions.iter().map(|name| &known[*name]), known);
        self.write_variables(&mut text, call, &functions, report);
        for name in functions {
            let function = &known[name];
            let body = self.rename(&function.text);
            let _ = write!(text, "\n{body}\n"); // writing to a string cannot fail
            if self.functions.insert(name.to_owned()) {
                self.report(name, function, report);
            }
        }
        let _ = write!(text, "\n{}\n", self.names.get(call.name.as_str()).unwrap_or(&call.name));
        text
    }

    /// Makes `NANO_TOOLS` and the working directory those of nanobsd.sh, if `functions` read from there.
    fn write_directory(&self, text: &mut String, functions: &[&str]) {
        let mut reads =
            functions.iter().map(|name| &self.reads[name]).filter(|reads| !reads.copies.is_empty());
        let Some(first) = reads.next() else { return };
        let root = self.copies.root();
        let _ = writeln!(
            text,
            "# The copies of files beside {}.\nNANO_TOOLS=\"${{NANO_TOOLS}}\"/{root}",
            self.file
        );
        if first.uses_working_directory || reads.any(|reads| reads.uses_working_directory) {
            let _ = writeln!(text, "cd \"${{NANO_TOOLS}}\"");
        }
    }

    /// Sets the variables that `functions` use and the build does not set.
    fn write_variables(&mut self, text: &mut String, call: &Call, functions: &[&str], report: &mut Report) {
        let configuration = self.site.configuration;
        let product = self.site.request.product;
        let texts: Vec<&str> =
            functions.iter().map(|name| configuration.functions[*name].text.as_str()).collect();
        let mut used: BTreeSet<&str> = texts.iter().copied().flat_map(body::variables).collect();
        let sets: BTreeSet<&str> = texts.iter().copied().flat_map(body::set).collect();
        let values = used.iter().filter_map(|name| configuration.variables.get(*name)?.value.as_ref().ok());
        let in_values = values.flat_map(|value| &value.pieces).filter_map(|piece| match piece {
            Piece::Variable { name, .. } => Some(vec![name.as_str()]),
            Piece::Sum { variables, .. } => Some(variables.iter().map(|(name, _)| name.as_str()).collect()),
            Piece::Text(_) | Piece::Site { .. } => None,
        });
        let in_values: Vec<&str> = in_values.flatten().collect();
        used.extend(in_values);
        // Values can use those that differ, which therefore come first.
        let (differing, others): (Vec<&str>, Vec<&str>) =
            used.into_iter().partition(|name| differs_in_hooks(product, name));
        for name in differing {
            self.differing.insert(name.to_owned());
            if let Some(value) = fixed(name).filter(|_| !product.sets_for_hooks(name)) {
                let _ = writeln!(text, "{name}='{value}'");
            }
        }
        let is_relative_to_source =
            texts.iter().any(|text| text.replace(['{', '}'], "").contains("$NANO_SRC/$NANO_TOOLS"));
        for name in others {
            if name == "NANO_SRC" && is_relative_to_source {
                let _ = writeln!(text, "NANO_SRC=''"); // NANO_TOOLS is absolute
            } else if name != "NANO_NAME" || configuration.variables.contains_key(name) {
                self.write_variable(text, call, name, sets.contains(name), report);
            }
        }
    }

    fn write_variable(
        &mut self,
        text: &mut String,
        call: &Call,
        name: &str,
        is_set: bool,
        report: &mut Report,
    ) {
        let configuration = self.site.configuration;
        let Some(variable) = configuration.variables.get(name) else {
            if let Some(value) = default(name) {
                let _ = writeln!(text, "{name}='{value}'");
            } else if !is_set && !OF_HOST.contains(&name) {
                let location = &configuration.functions[&call.name].location;
                report.noted(location, format!("{} uses {name}, which nothing sets", call.name));
            }
            return;
        };
        if self.variables.insert(name.to_owned()) {
            let written = variable.value.as_ref().map(Value::written).unwrap_or_default();
            for (_, note) in devices(&written, configuration) {
                report.noted(&variable.location, note);
            }
        }
        match &variable.value {
            Ok(value) => {
                let value = value.in_hook(|name| configuration.plain(name));
                let _ = writeln!(text, "{name}={value}");
            }
            Err(why) => {
                let note = format!("the hook of {} needs {name}: {why}\nhint: set it in the hook", call.name);
                report.noted(&variable.location, note);
                let (set, file) = (&variable.location, self.file);
                let _ = writeln!(text, "{name}=${{{name}:?set it in this hook: see {set} of {file}}}");
            }
        }
    }

    /// `text` with names that every shell accepts.
    fn rename(&self, text: &str) -> String {
        let mut renamed = text.to_owned();
        let uses = body::calls(text).into_iter().filter_map(|word| {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            Some((start..start + word.len(), self.names.get(word)?))
        });
        let mut uses: Vec<_> = uses.collect();
        uses.sort_by_key(|(span, _)| span.start);
        for (span, name) in uses.into_iter().rev() {
            renamed.replace_range(span, name);
        }
        renamed
    }

    /// Reports words of the function `text` that are the old names of functions and may be calls.
    fn report_old_names(&self, text: &str, location: &Location, report: &mut Report) {
        let calls = body::calls(text);
        let is_call = |word: &str| calls.iter().any(|call| std::ptr::eq(*call, word));
        for command in commands(text) {
            if command.words.first().is_some_and(|name| PRINTERS.contains(name)) {
                continue;
            }
            let values = command.sets.iter().flat_map(|(_, value)| unquoted(value).split_whitespace());
            let words = command.words.iter().map(|word| unquoted(word)).filter(|word| !is_call(word));
            for (word, new) in values.chain(words).filter_map(|word| Some((word, self.names.get(word)?))) {
                let note = format!(
                    "`{word}`: the function of this name is named {new} in the hook\nhint: if this is a call, write {new}"
                );
                report.noted(&location.line(command.line), note);
            }
        }
    }

    /// Reports the function `name`, which is in a hook.
    fn report(&self, name: &str, function: &Function, report: &mut Report) {
        let Function { text, location } = function;
        match self.names.get(name) {
            None => report.carried(location, format!("the function {name}, unchanged")),
            Some(new) => {
                report.carried(location, format!("the function {name}, as {new}"));
                report.noted(
                    location,
                    format!(
                        "the function {name} is named {new} in its hook: on other systems than FreeBSD, the name of a \
                         function has only letters, digits and `_`"
                    ),
                );
            }
        }
        self.report_old_names(text, location, report);
        let reads = &self.reads[name];
        for (path, line) in &reads.copies {
            if let Some(to) = self.copies.to(path) {
                let carried = format!("`{}`: copied to {}", path.text(), to.display());
                report.carried(&location.line(*line), carried);
            }
        }
        let is_reported = !reads.copies.is_empty()
            || reads.concerns.iter().any(|(_, concern)| concern.contains("NANO_TOOLS"));
        let concerns = concerns(text).into_iter();
        for (line, concern) in
            concerns.filter(|(_, concern)| !(is_reported && concern.starts_with("`${NANO_TOOLS}`")))
        {
            report.noted(&location.line(line), concern);
        }
        for (line, concern) in reads.concerns.iter().cloned().chain(devices(text, self.site.configuration)) {
            report.noted(&location.line(line), concern);
        }
    }
}

/// Writes the replacements for NanoBSD's and FreeBSD's functions that `functions` use and `known` does not have.
fn write_conveniences<'f>(
    text: &mut String,
    functions: impl Iterator<Item = &'f Function> + Clone,
    known: &BTreeMap<String, Function>,
) {
    let backslash = |word: &str| {
        word == "-e"
            || word
                .split('\\')
                .skip(1)
                .any(|rest| rest.starts_with(['n', 't', '0', 'c', 'e', 'r', 'a', 'b', 'f', 'v']))
    };
    let is_affected = |function: &Function| {
        let commands = commands(&function.text).into_iter();
        let mut echo = commands.filter(|command| command.words.first() == Some(&"echo"));
        echo.any(|command| command.words.iter().any(|word| backslash(word)))
    };
    if functions.clone().any(is_affected) && !known.contains_key("echo") {
        let _ = writeln!(text, "{ECHO}");
    }
    for (name, replacement) in CONVENIENCES {
        let is_used = functions.clone().any(|function| body::names(&function.text).contains(name));
        if is_used && !known.contains_key(name) {
            let _ = writeln!(text, "{replacement}");
        }
    }
}

/// The functions that `name` needs, itself last.
fn needed<'c>(configuration: &'c Configuration, name: &'c str) -> Vec<&'c str> {
    let known = &configuration.functions;
    let mut found = vec![name];
    let mut next = 0;
    while let Some(name) = found.get(next) {
        let text = &known[*name].text;
        let mut names = body::names(text);
        names.extend(
            known.keys().map(String::as_str).filter(|name| !is_name(name) && body::mentions(text, name)),
        );
        for (name, _) in names.into_iter().filter_map(|name| known.get_key_value(name)) {
            if !found.contains(&name.as_str()) {
                found.push(name);
            }
        }
        next += 1;
    }
    found.reverse();
    found
}

/// New names for the functions whose names only FreeBSD's shell accepts.
fn new_names(configuration: &Configuration) -> BTreeMap<&str, String> {
    let mut names = BTreeMap::new();
    for name in configuration.functions.keys().filter(|name| !is_name(name)) {
        let mut new: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if !is_name(&new) {
            new.insert(0, '_');
        }
        while configuration.functions.contains_key(&new) || names.values().any(|other| *other == new) {
            new.push('_');
        }
        names.insert(name.as_str(), new);
    }
    names
}
