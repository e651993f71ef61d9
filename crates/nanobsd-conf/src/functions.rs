//! Registered functions: those that NanoBSD brings become switches of `[customize]`, those of the configuration become hooks,
//! programs with the function's text as it is.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use builder::customize::is_hook_variable;
use builder::product::Stage;

use super::configuration::{Call, Configuration};
use super::ledger::Ledger;
use super::{body, variables};

/// Variables that the shell or the hooks' surroundings have.
const OF_HOST: [&str; 12] =
    ["HOME", "IFS", "LC_ALL", "LINENO", "OLDPWD", "OPTARG", "OPTIND", "PATH", "PPID", "PS4", "PWD", "TZ"];

/// A hook to be written.
#[derive(Debug)]
pub struct Hook {
    /// Its path in the folder of hooks: `customize.d/10-cust_foo`.
    pub path: String,
    /// The program.
    pub text: String,
}

/// What is registered.
#[derive(Debug, Default)]
pub struct Customization {
    /// `cust_allow_ssh_root`.
    pub allow_ssh_root: bool,
    /// `cust_install_files`.
    pub install_files: bool,
    /// `cust_pkgng`.
    pub pkgng: bool,
    /// The functions of the configuration.
    pub hooks: Vec<Hook>,
    /// The variables that go with them.
    pub used: BTreeSet<String>,
}

/// Functions of NanoBSD's own that customizations call, and what stands for them in a hook.
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

/// Functions of NanoBSD's that a configuration may have in place of NanoBSD's own.
const STEPS: [&str; 29] = [
    "build_kernel",
    "build_world",
    "calculate_partitioning",
    "clean_build",
    "clean_world",
    "create_code_slice",
    "create_diskimage",
    "fixup_before_diskimage",
    "install_etc",
    "install_kernel",
    "install_world",
    "last_orders",
    "make_conf_build",
    "make_conf_install",
    "nano_global_make_env",
    "nano_make_build_env",
    "nano_make_install_env",
    "nano_make_kernel_env",
    "nano_umount",
    "native_xtools",
    "newfs_part",
    "populate_cfg_slice",
    "populate_data_slice",
    "populate_slice",
    "prune_usr",
    "run_customize",
    "setup_nanobsd",
    "setup_nanobsd_etc",
    "set_defaults_and_export",
];

/// Makes hooks and switches of what `configuration`, which is called `name`, registers.
pub fn customization(configuration: &Configuration, name: &str, ledger: &mut Ledger) -> Customization {
    let mut made = Customization::default();
    let mut called = BTreeSet::new();
    for stage in [Stage::Early, Stage::Customize, Stage::Late] {
        let calls: Vec<&Call> = configuration.calls.iter().filter(|call| call.stage == stage).collect();
        let digits = (10 * calls.len()).to_string().len();
        let (mut before, mut overtaking) = (Vec::new(), Vec::new());
        for call in calls {
            if configuration.functions.contains_key(&call.name) {
                let number = 10 * (before.len() + 1);
                let path = format!("{}.d/{number:0digits$}-{}", stage.name(), call.name);
                let text = hook(configuration, call, name, ledger, &mut made.used, &mut called);
                ledger.carried(&call.place, format!("`{}`: hooks/{path}", call.name));
                if stage == Stage::Early {
                    ledger.noted(
                        &call.place,
                        format!(
                            "{}: NanoBSD's early stage comes before there is a tree; here it sees the tree",
                            call.name
                        ),
                    );
                }
                made.hooks.push(Hook { path, text });
                before.push(call);
                continue;
            }
            let (switch, key) = match call.name.as_str() {
                "cust_comconsole" => (None, "customize.comconsole"),
                "cust_allow_ssh_root" => (Some(&mut made.allow_ssh_root), "customize.allow_ssh_root"),
                "cust_install_files" => (Some(&mut made.install_files), "customize.install_files"),
                "cust_pkgng" | "cust_pkg" => (Some(&mut made.pkgng), "customize.pkgng"),
                _ => {
                    ledger.left(
                        &call.place,
                        format!("`{}`: the function is neither in the file nor NanoBSD's own", call.name),
                    );
                    continue;
                }
            };
            if let Some(switch) = switch {
                *switch = true;
            }
            ledger.carried(&call.place, format!("`{}`: {key}", call.name));
            if !before.is_empty() {
                overtaking.push(format!("{} ({})", call.name, call.place));
            }
        }
        if !overtaking.is_empty() {
            ledger.advise(format!(
                "NanoBSD runs these after a function that is registered before them, and here they go before all hooks: {}",
                overtaking.join(", ")
            ));
        }
    }
    for (name, function) in configuration.functions.iter().filter(|(name, _)| !called.contains(*name)) {
        let why = match STEPS.contains(&name.as_str()) {
            true => "it takes the place of a step of NanoBSD's own build, which is another here",
            false => "nothing that is registered calls it",
        };
        ledger.left(&function.place, format!("the function {name}: {why}"));
    }
    made
}

/// The program for `call`.
fn hook(
    configuration: &Configuration,
    call: &Call,
    file: &str,
    ledger: &mut Ledger,
    used: &mut BTreeSet<String>,
    called: &mut BTreeSet<String>,
) -> String {
    let functions = needed(configuration, &call.name);
    let mut text = format!(
        "#!/bin/sh\n# `{}` of {file}, {}.\nset -e\n",
        call.name, configuration.functions[&call.name].place
    );
    for (name, stand_in) in CONVENIENCES {
        let is_used = functions
            .iter()
            .any(|function| body::names(&configuration.functions[*function].text).contains(name));
        if is_used && !configuration.functions.contains_key(name) {
            let _ = writeln!(text, "{stand_in}"); // writing to a string cannot fail
        }
    }
    let all: BTreeSet<&str> =
        functions.iter().flat_map(|name| body::variables(&configuration.functions[*name].text)).collect();
    let sets: BTreeSet<&str> =
        functions.iter().flat_map(|name| body::set(&configuration.functions[*name].text)).collect();
    // What the builder calls the product need not be what the functions expect.
    let own_name = |name: &str| name == "NANO_NAME" && configuration.variables.contains_key(name);
    for name in all.into_iter().filter(|name| !is_hook_variable(name) || own_name(name)) {
        let place = &configuration.functions[&call.name].place;
        match configuration.variables.get(name).map(|variable| (&variable.value, &variable.place)) {
            Some((Ok(value), _)) => {
                used.insert(name.to_owned());
                let _ = writeln!(text, "{name}='{}'", value.replace('\'', "'\\''"));
            }
            Some((Err(why), set)) => {
                used.insert(name.to_owned());
                ledger.noted(set, format!("the hook of {} needs {name}: set it there ({why})", call.name));
                let _ = writeln!(text, "{name}=${{{name}:?set it in this hook: see {set} of {file}}}");
            }
            None => match variables::default(name) {
                Some(value) => {
                    let _ = writeln!(text, "{name}='{value}'");
                }
                None if sets.contains(name) || OF_HOST.contains(&name) => {}
                None => ledger.noted(
                    place,
                    format!("{} takes {name}, which nothing sets: hooks are not told it", call.name),
                ),
            },
        }
    }
    for name in functions {
        let function = &configuration.functions[name];
        let _ = write!(text, "\n{}\n", function.text);
        if called.insert(name.to_owned()) {
            ledger.carried(&function.place, format!("the function {name}, as it is"));
            for (line, concern) in body::concerns(&function.text) {
                ledger.noted(&function.place.line(line), concern);
            }
        }
    }
    let _ = write!(text, "\n{}\n", call.name);
    text
}

/// The functions that `name` needs, itself last.
fn needed<'c>(configuration: &'c Configuration, name: &'c str) -> Vec<&'c str> {
    let mut found = vec![name];
    let mut next = 0;
    while let Some(name) = found.get(next) {
        let names = body::names(&configuration.functions[*name].text);
        let known = names.into_iter().filter_map(|name| configuration.functions.get_key_value(name));
        for (name, _) in known {
            if !found.contains(&name.as_str()) {
                found.push(name);
            }
        }
        next += 1;
    }
    found.reverse();
    found
}
