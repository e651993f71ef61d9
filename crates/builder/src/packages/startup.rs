//! Scripts of packages that the product definition asks to run, `packages.run_scripts`. They run at every start: the root is
//! read-only and `/etc` and `/var` are filled anew each time, so nothing that they did before is there any more.

use anyhow::{Result, bail, ensure};
use freebsd_pkg::scripts::{Language, Left};
use rootfs::tree::{EntryKind, Layer, TreePath};

/// Where the scripts are.
const FOLDER: &str = "usr/share/sluice/packages";
/// What runs them.
const RC_SCRIPT: &str = "etc/rc.d/sluice_packages";
/// Its text.
const RC_SCRIPT_TEXT: &str = include_str!("startup/sluice_packages");

/// What one package left to run.
#[derive(Clone, Debug)]
pub struct Leftover<'a> {
    /// The package.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Where it lives.
    pub prefix: &'a str,
    /// What is not done.
    pub left: &'a [Left],
}

/// Puts what `run` names into `layer`.
///
/// # Errors
/// `run` names a package that is not here, or one with nothing that can be run.
pub fn add(layer: &mut Layer, run: &[String], packages: &[Leftover<'_>]) -> Result<()> {
    for name in run {
        let Some(package) = packages.iter().find(|package| package.name == *name) else {
            bail!(
                "packages.run_scripts: no package `{name}` is locked; `cargo xtask pkg list` shows those that are"
            );
        };
        let shell: Vec<&Left> = package.left.iter().filter(|left| left.language == Language::Shell).collect();
        ensure!(
            !shell.is_empty(),
            "packages.run_scripts: the package `{name}` has no shell script that the build does not do the work of; remove \
             it there"
        );
        for (index, left) in shell.iter().enumerate() {
            let place = TreePath::parse(FOLDER)?.join(&format!("{name}.{index}.sh"))?;
            layer.push(place, EntryKind::File(text(package, left).as_str().into()), 0o555);
        }
    }
    if !run.is_empty() {
        layer.push(TreePath::parse(RC_SCRIPT)?, EntryKind::File(RC_SCRIPT_TEXT.into()), 0o555);
    }
    Ok(())
}

/// A script with the environment and arguments that pkg gives it (`libpkg/scripts.c`).
fn text(package: &Leftover<'_>, left: &Left) -> String {
    let phase = if left.phase == "pre-install" { "PRE-INSTALL" } else { "POST-INSTALL" };
    format!(
        "#!/bin/sh\n# The {} script of the package {} {}.\nexport PKG_PREFIX='{}'\nset -- '{}-{}' {phase}\n{}\n",
        left.phase,
        package.name,
        package.version,
        package.prefix,
        package.name,
        package.version,
        left.script.trim_end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(language: Language) -> Left {
        Left {
            phase: "post-install".into(),
            language,
            script: "rebuild $1\n".into(),
            line: "rebuild $1".into(),
        }
    }

    fn add_for(run: &str, left: &[Left]) -> Result<Layer> {
        let mut layer = Layer::new("packages");
        let package = Leftover { name: "foo", version: "1.2", prefix: "/usr/local", left };
        add(&mut layer, &[run.to_owned()], &[package])?;
        Ok(layer)
    }

    #[test]
    fn a_script_gets_what_pkg_would_give_it() {
        let layer = add_for("foo", &[left(Language::Lua), left(Language::Shell)]).unwrap();
        let paths: Vec<_> = layer.entries.iter().map(|entry| entry.path.to_string()).collect();
        assert_eq!(paths, ["/usr/share/sluice/packages/foo.0.sh", "/etc/rc.d/sluice_packages"]);
        let EntryKind::File(content) = &layer.entries[0].kind else { panic!("no file") };
        insta::assert_snapshot!(String::from_utf8(content.read().unwrap()).unwrap(), @r"
        #!/bin/sh
        # The post-install script of the package foo 1.2.
        export PKG_PREFIX='/usr/local'
        set -- 'foo-1.2' POST-INSTALL
        rebuild $1
        ");
    }

    #[test]
    fn what_cannot_be_run_is_told() {
        let error = |run: &str, left: &[Left]| add_for(run, left).unwrap_err().to_string();
        insta::assert_snapshot!(error("bar", &[]), @"packages.run_scripts: no package `bar` is locked; `cargo xtask pkg list` shows those that are");
        insta::assert_snapshot!(error("foo", &[left(Language::Lua)]), @"packages.run_scripts: the package `foo` has no shell script that the build does not do the work of; remove it there");
    }
}
