//! Registered functions: NanoBSD's own become switches of `[customize]`, those of the configuration become hooks.

use std::collections::BTreeSet;

use anyhow::Result;

use super::configuration::{Call, Configuration};
use super::copy::Copy;
use super::hook::{Hook, HookWriter};
use super::report::Report;
use super::site::Site;
use super::stage::Stage;

/// The registered functions.
#[derive(Debug, Default)]
pub struct Customization {
    /// `cust_allow_ssh_root`.
    pub allow_ssh_root: bool,
    /// `cust_install_files`.
    pub install_files: bool,
    /// `cust_pkgng`.
    pub pkgng: bool,
    /// The hooks of the configuration's own functions.
    pub hooks: Vec<Hook>,
    /// The variables of the configuration that hooks use.
    pub used: BTreeSet<String>,
    /// The variables that hooks use and that can have another value there than in the file.
    pub differing: BTreeSet<String>,
    /// The files beside the configuration that hooks use.
    pub copies: Vec<Copy>,
}

/// Functions of NanoBSD that a configuration may replace.
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

/// Makes hooks and switches of the functions that the configuration, a file named `name`, registers.
///
/// # Errors
/// A file that a function reads cannot be read.
pub fn customization(site: Site<'_>, name: &str, report: &mut Report) -> Result<Customization> {
    let configuration = site.configuration;
    let mut made = Customization::default();
    let mut writer = HookWriter::new(site, name);
    for stage in Stage::ALL {
        let calls: Vec<&Call> = configuration.calls.iter().filter(|call| call.stage == stage).collect();
        let digits = (10 * calls.len()).to_string().len();
        let (mut hooks, mut overtaking) = (0, Vec::new());
        for call in calls {
            if configuration.functions.contains_key(&call.name) {
                hooks += 1;
                let path = format!("{}.d/{:0digits$}-{}", stage.name(), 10 * hooks, call.name);
                let text = writer.write(call, report);
                report.carried(&call.location, format!("`{}`: hooks/{path}", call.name));
                if stage == Stage::Early {
                    let note = format!(
                        "{}: NanoBSD's early stage runs before the tree exists; here it runs on the tree",
                        call.name
                    );
                    report.noted(&call.location, note);
                }
                made.hooks.push(Hook { path, text });
            } else if made.switch(call, configuration, report) && hooks > 0 {
                overtaking.push(format!("{} ({})", call.name, call.location));
            }
        }
        if !overtaking.is_empty() {
            report.general(format!(
                "registered after a function but applied before all hooks: {}",
                overtaking.join(", ")
            ));
        }
    }
    let HookWriter { variables, differing, functions, copies, .. } = writer;
    made.used = variables;
    made.differing = differing;
    made.copies = copies.copies()?;
    for (name, function) in configuration.functions.iter().filter(|(name, _)| !functions.contains(*name)) {
        let why = match STEPS.contains(&name.as_str()) {
            true => "it replaces a step of NanoBSD's own build, which is not used here",
            false => "no registered function calls it",
        };
        report.left(&function.location, format!("the function {name}: {why}"));
    }
    Ok(made)
}

impl Customization {
    /// Turns on the switch for one of NanoBSD's own functions; returns false if it is not one.
    fn switch(&mut self, call: &Call, configuration: &Configuration, report: &mut Report) -> bool {
        let (switch, key) = match call.name.as_str() {
            "cust_comconsole" => (None, "customize.comconsole"),
            "cust_allow_ssh_root" => (Some(&mut self.allow_ssh_root), "customize.allow_ssh_root"),
            "cust_install_files" => (Some(&mut self.install_files), "customize.install_files"),
            "cust_pkgng" | "cust_pkg" => (Some(&mut self.pkgng), "customize.pkgng"),
            name => {
                if let Some((location, found)) = configuration.conditional.get(name) {
                    let note = format!(
                        "`{name}`: the function is defined only {} ({location})\nhint: if it applies, move it out of there and \
                         convert again",
                        found.condition
                    );
                    report.left(&call.location, note);
                    return false;
                }
                report.left(
                    &call.location,
                    format!("`{name}`: neither the file nor NanoBSD has this function"),
                );
                return false;
            }
        };
        if let Some(switch) = switch {
            *switch = true;
        }
        report.carried(&call.location, format!("`{}`: {key}", call.name));
        true
    }
}
