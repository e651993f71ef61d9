//! Hooks: programs that contain a registered function, with the functions and variables that it uses.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::body;
use super::concern::concerns;
use super::configuration::{Call, Configuration};
use super::defaults;
use super::report::Report;
use super::request::Product;

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

/// Writes hooks, and remembers what they use.
pub struct HookWriter<'a> {
    configuration: &'a Configuration,
    /// The name of the configuration.
    file: &'a str,
    product: &'a dyn Product,
    /// The variables of the configuration that hooks use.
    pub variables: BTreeSet<String>,
    /// The functions that are in hooks.
    pub functions: BTreeSet<String>,
}

impl<'a> HookWriter<'a> {
    /// For the configuration named `file`.
    pub fn new(configuration: &'a Configuration, file: &'a str, product: &'a dyn Product) -> Self {
        Self { configuration, file, product, variables: BTreeSet::new(), functions: BTreeSet::new() }
    }

    /// The program for the registered function `call`.
    pub fn write(&mut self, call: &Call, report: &mut Report) -> String {
        let known = &self.configuration.functions;
        let functions = self.needed(&call.name);
        let location = &known[&call.name].location;
        let mut text = format!("#!/bin/sh\n# `{}` of {}, {location}.\nset -e\n", call.name, self.file);
        for (name, replacement) in CONVENIENCES {
            let is_used = functions.iter().any(|function| body::names(&known[*function].text).contains(name));
            if is_used && !known.contains_key(name) {
                let _ = writeln!(text, "{replacement}"); // writing to a string cannot fail
            }
        }
        self.write_variables(&mut text, call, &functions, report);
        for name in functions {
            let function = &known[name];
            let _ = write!(text, "\n{}\n", function.text);
            if self.functions.insert(name.to_owned()) {
                report.carried(&function.location, format!("the function {name}, unchanged"));
                for (line, concern) in concerns(&function.text) {
                    report.noted(&function.location.line(line), concern);
                }
            }
        }
        let _ = write!(text, "\n{}\n", call.name);
        text
    }

    /// Sets the variables that `functions` use and the build does not set.
    fn write_variables(&mut self, text: &mut String, call: &Call, functions: &[&str], report: &mut Report) {
        let texts: Vec<&str> =
            functions.iter().map(|name| self.configuration.functions[*name].text.as_str()).collect();
        let used: BTreeSet<&str> = texts.iter().copied().flat_map(body::variables).collect();
        let sets: BTreeSet<&str> = texts.iter().copied().flat_map(body::set).collect();
        for name in used {
            let variable = self.configuration.variables.get(name);
            // The product's name may differ from the one that the functions expect.
            let own_name = name == "NANO_NAME" && variable.is_some();
            if self.product.sets_for_hooks(name) && !own_name {
                continue;
            }
            let Some(variable) = variable else {
                if let Some(value) = defaults::default(name) {
                    let _ = writeln!(text, "{name}='{value}'");
                } else if !sets.contains(name) && !OF_HOST.contains(&name) {
                    let location = &self.configuration.functions[&call.name].location;
                    report.noted(location, format!("{} uses {name}, which nothing sets", call.name));
                }
                continue;
            };
            self.variables.insert(name.to_owned());
            match &variable.value {
                Ok(value) => {
                    let _ = writeln!(text, "{name}='{}'", value.replace('\'', "'\\''"));
                }
                Err(why) => {
                    let note =
                        format!("the hook of {} needs {name}: {why}\nhint: set it in the hook", call.name);
                    report.noted(&variable.location, note);
                    let (set, file) = (&variable.location, self.file);
                    let _ = writeln!(text, "{name}=${{{name}:?set it in this hook: see {set} of {file}}}");
                }
            }
        }
    }

    /// The functions that `name` needs, itself last.
    fn needed(&self, name: &'a str) -> Vec<&'a str> {
        let known = &self.configuration.functions;
        let mut found = vec![name];
        let mut next = 0;
        while let Some(name) = found.get(next) {
            let names = body::names(&known[*name].text).into_iter();
            for (name, _) in names.filter_map(|name| known.get_key_value(name)) {
                if !found.contains(&name.as_str()) {
                    found.push(name);
                }
            }
            next += 1;
        }
        found.reverse();
        found
    }
}
