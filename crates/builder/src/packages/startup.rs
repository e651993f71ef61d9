//! Scripts of packages that run on the unit (`packages.run_scripts`). They run at every start: the root is read-only, and
//! `/etc` and `/var` are filled again each time, so the results of the previous run are lost.

use anyhow::{Result, bail, ensure};
use firmware::paths::{self, in_image};
use freebsd_pkg::actions::{Language, UnhandledScript};
use rootfs::tree::{EntryKind, Layer, TreePath};

/// The directory of the scripts.
const DIR: &str = in_image(paths::PACKAGE_SCRIPTS);
/// The rc.d script that runs them.
const RC_SCRIPT: &str = "etc/rc.d/sluice_packages";
/// The text of the rc.d script.
const RC_SCRIPT_TEXT: &str = include_str!("startup/sluice_packages");

/// A package with its scripts that are not recognized.
#[derive(Clone, Debug)]
pub struct UnhandledPackage<'a> {
    /// The name.
    pub name: &'a str,
    /// The version.
    pub version: &'a str,
    /// The directory that it is installed in.
    pub prefix: &'a str,
    /// The scripts.
    pub scripts: &'a [UnhandledScript],
}

/// Adds the scripts of the packages named in `run` to `layer`.
///
/// # Errors
/// `run` names a package that is not installed, or that has no shell script to run.
pub fn add(layer: &mut Layer, run: &[String], packages: &[UnhandledPackage<'_>]) -> Result<()> {
    for name in run {
        let Some(package) = packages.iter().find(|package| package.name == *name) else {
            bail!(
                "packages.run_scripts: no package `{name}` is locked\nhint: `cargo xtask pkg list` shows the locked packages"
            );
        };
        let shell: Vec<&UnhandledScript> =
            package.scripts.iter().filter(|script| script.language == Language::Shell).collect();
        ensure!(
            !shell.is_empty(),
            "packages.run_scripts: package `{name}` has no shell script that needs to run\nhint: remove it from \
             packages.run_scripts"
        );
        for (index, script) in shell.iter().enumerate() {
            let path = TreePath::parse(DIR)?.join(&format!("{name}.{index}.sh"))?;
            layer.push(path, EntryKind::File(text(package, script).as_str().into()), 0o555);
        }
    }
    if !run.is_empty() {
        layer.push(TreePath::parse(RC_SCRIPT)?, EntryKind::File(RC_SCRIPT_TEXT.into()), 0o555);
    }
    Ok(())
}

/// The script with the environment and arguments that it gets from pkg (`libpkg/scripts.c`).
fn text(package: &UnhandledPackage<'_>, script: &UnhandledScript) -> String {
    let phase = if script.phase == "pre-install" { "PRE-INSTALL" } else { "POST-INSTALL" };
    format!(
        "#!/bin/sh\n# The {} script of the package {} {}.\nexport PKG_PREFIX='{}'\nset -- '{}-{}' {phase}\n{}\n",
        script.phase,
        package.name,
        package.version,
        package.prefix,
        package.name,
        package.version,
        script.script.trim_end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(language: Language) -> UnhandledScript {
        UnhandledScript {
            phase: "post-install".into(),
            language,
            script: "rebuild $1\n".into(),
            line: "rebuild $1".into(),
        }
    }

    fn add_for(run: &str, scripts: &[UnhandledScript]) -> Result<Layer> {
        let mut layer = Layer::new("packages");
        let package = UnhandledPackage { name: "foo", version: "1.2", prefix: "/usr/local", scripts };
        add(&mut layer, &[run.to_owned()], &[package])?;
        Ok(layer)
    }

    #[test]
    fn a_script_gets_the_environment_and_arguments_of_pkg() {
        let layer = add_for("foo", &[script(Language::Lua), script(Language::Shell)]).unwrap();
        let paths: Vec<_> = layer.entries.iter().map(|entry| entry.path.to_string()).collect();
        assert_eq!(paths, ["/usr/share/sluice/packages/foo.0.sh", "/etc/rc.d/sluice_packages"]);
        let EntryKind::File(content) = &layer.entries[0].kind else { panic!("not a file") };
        insta::assert_snapshot!(String::from_utf8(content.read().unwrap()).unwrap(), @r"
        #!/bin/sh
        # The post-install script of the package foo 1.2.
        export PKG_PREFIX='/usr/local'
        set -- 'foo-1.2' POST-INSTALL
        rebuild $1
        ");
    }

    #[test]
    fn a_package_without_a_script_to_run_is_refused() {
        let error = |run: &str, scripts: &[UnhandledScript]| add_for(run, scripts).unwrap_err().to_string();
        insta::assert_snapshot!(error("bar", &[]), @"
packages.run_scripts: no package `bar` is locked
hint: `cargo xtask pkg list` shows the locked packages
");
        insta::assert_snapshot!(error("foo", &[script(Language::Lua)]), @"
packages.run_scripts: package `foo` has no shell script that needs to run
hint: remove it from packages.run_scripts
");
    }
}
