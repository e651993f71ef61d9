//! `[customize]` of the product definition, checked: the steps, switches and hooks of NanoBSD's three stages.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::access::Access;
use super::overlay::{Overlay, Rule};
use super::raw::RawCustomize;
use super::step::{Action, Stage, Step, step};

/// Where hooks are when the definition does not say.
const HOOKS: &str = "appliance/hooks";

/// What changes the tree beyond layers and NanoBSD's rules.
#[derive(Clone, Debug)]
pub struct Customize {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Directories with `early.d`, `customize.d` and `late.d`, from the root of the repository.
    pub hooks: Vec<String>,
    /// A directory that lies over everything, replacing what is there, with the mtree(5) file of its owners and modes.
    pub install_files: Option<Overlay>,
    /// The mtree(5) file with owners, modes and flags of what `install_files` brings.
    pub files_mtree: Option<PathBuf>,
    /// Whether the packages of pkglist are installed.
    pub pkgng: bool,
}

impl Customize {
    pub(super) fn check(raw: RawCustomize, access: &Access) -> Result<Self> {
        ensure!(
            raw.comconsole != Some(false),
            "customize.comconsole: false, but the serial console is the only one of the board\nhint: `[console] speed` is its rate"
        );
        let mut steps = Vec::new();
        if !access.authorized_keys.is_empty() {
            steps.push(Step {
                stage: Stage::Customize,
                name: "access.authorized_keys".to_owned(),
                action: Action::AllowSshKeys,
            });
        }
        if raw.allow_ssh_root == Some(true) {
            steps.push(Step {
                stage: Stage::Customize,
                name: "customize.allow_ssh_root".to_owned(),
                action: Action::AllowSshRoot,
            });
        }
        for (index, raw) in raw.step.unwrap_or_default().into_iter().enumerate() {
            let name = format!("customize.step {}", index + 1);
            let step = step(&name, raw).with_context(|| name.clone())?;
            steps.push(step);
        }
        let install_files = raw.install_files.filter(|directory| !directory.is_empty()).map(|directory| {
            Overlay { folders: vec![directory], rules: vec![Rule { replace: true, ..Rule::of("/**") }] }
        });
        let files_mtree = raw.files_mtree.filter(|file| !file.is_empty()).map(PathBuf::from);
        ensure!(
            files_mtree.is_none() || install_files.is_some(),
            "customize.files_mtree: it is about the files of customize.install_files, which is not set"
        );
        Ok(Self {
            steps,
            hooks: raw.hooks.unwrap_or_else(|| vec![HOOKS.to_owned()]),
            install_files,
            files_mtree,
            pkgng: raw.pkgng.unwrap_or(true),
        })
    }

    /// Whether a directory of hooks may be missing: the default one.
    pub fn may_be_missing(directory: &str) -> bool {
        directory == HOOKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Customize> {
        Customize::check(toml::from_str(text).unwrap(), &Access::default())
    }

    fn refusal(text: &str) -> String {
        format!("{:#}", check(text).unwrap_err())
    }

    #[test]
    fn nothing_is_asked_for_when_nothing_is_said() {
        let customize = check("").unwrap();
        assert!(customize.steps.is_empty() && customize.install_files.is_none() && customize.pkgng);
        assert_eq!(customize.hooks, ["appliance/hooks"]);
    }

    #[test]
    fn a_step_is_told_by_its_number_and_what_it_lacks() {
        let step = |text: &str| refusal(&format!("step = [{{ remove = \"/x\" }}, {{ {text} }}]"));
        insta::assert_snapshot!([
            step(""),
            step("stage = \"last\", remove = \"/x\""),
            step("remove = \"/x\", put = \"/y\""),
            step("put = \"/x\""),
            step("put = \"/x\", text = \"\", from = \"y\""),
            step("put = \"x\", text = \"\""),
            step("put = \"/x\", text = \"\", mode = \"9\""),
            step("put = \"/x/../y\", text = \"\""),
            step("append = \"/x\""),
            step("replace = \"/x\", line = \"a\""),
            step("replace = \"/x\", line = \"a\\nb\", with = \"\""),
            step("chmod = \"/x\""),
            step("chown = \"/x\", owner = \":\""),
            step("symlink = \"/x\""),
            step("remove = \"/x\", mode = \"0600\""),
            step("sysrc = \"sshd_enable\""),
            step("sysrc = \"1x=y\""),
            step("sysrc = 'x=\"'"),
            refusal("comconsole = false"),
            refusal("files_mtree = \"x\""),
        ]
        .join("\n"), @r#"
        customize.step 2: the verb is missing
        hint: a step has one of put, append, replace, remove, chmod, chown, symlink, mkdir, sysrc
        customize.step 2: stage: `last` is unknown
        hint: NanoBSD has `early`, `customize` and `late`
        customize.step 2: both `put` and `remove`
        hint: a step has one of put, append, replace, remove, chmod, chown, symlink, mkdir, sysrc; make two steps of it
        customize.step 2: `put`: it needs `text`, or `from` with a file of the repository
        customize.step 2: `put`: both `text` and `from` are set
        hint: drop one of them
        customize.step 2: `put`: `x`: a path of the image starts with `/`, its root
        customize.step 2: `put`: mode: `9` is not octal
        hint: write for instance "0600"
        customize.step 2: `put`: path `/x/../y` contains `..`: paths in an image start at its root
        customize.step 2: `append`: it needs `text`
        customize.step 2: `replace`: it needs `with`
        customize.step 2: `replace`: line: it has more than one line
        hint: replace them one by one
        customize.step 2: `chmod`: it needs `mode`
        customize.step 2: `chown`: owner: `:`
        hint: write `user`, `user:group` or `:group`
        customize.step 2: `symlink`: it needs `to`
        customize.step 2: `remove` does not use `mode`
        hint: remove it
        customize.step 2: `sysrc`: `sshd_enable` is not an assignment
        hint: write `name=value`, `name+=value`, `name-=value` or `-x name`, as for sysrc(8)
        customize.step 2: `sysrc`: `1x` is not the name of a variable
        customize.step 2: `sysrc`: the value `"` of x contains what the shell would change
        hint: add the line with a hook or `append`
        customize.comconsole: false, but the serial console is the only one of the board
        hint: `[console] speed` is its rate
        customize.files_mtree: it is about the files of customize.install_files, which is not set
        "#);
    }
}
