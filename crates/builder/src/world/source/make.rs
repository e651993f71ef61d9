//! How FreeBSD's own build system is called: for the board's processor, without root, and without anything of the host's
//! configuration or the engineer's environment.
//!
//! On Linux it is entered through `tools/build/make.py`, which brings its own make(1); on FreeBSD through make(1)
//! itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::tree::SourceTree;
use crate::board::Processor;

/// The environment of every step, beside what [`Make`] itself sets.
const ENVIRONMENT: [(&str, &str); 2] =
    [("LC_ALL", "C"), ("PATH", "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin")];

/// What every step has in common.
#[derive(Clone, Debug)]
pub struct Make {
    /// The processor that FreeBSD is built for.
    pub processor: &'static Processor,
    /// The source tree.
    pub tree: SourceTree,
    /// `MAKEOBJDIRPREFIX`.
    pub objects: PathBuf,
    /// make.conf(5) for what is compiled.
    pub make_conf: PathBuf,
    /// Where home directories would be looked up: somewhere empty.
    pub home: PathBuf,
}

impl Make {
    /// The command for `target` with src.conf(5) `src_conf` and further `variables`; clang and lld are in `compilers`, which
    /// is needed on Linux only.
    pub fn command(&self, target: &str, compilers: &Path, src_conf: &Path, variables: &[String]) -> Command {
        let compiler = |name: &str| format!("{}{}", compilers.join(name).display(), self.path_maps());
        let jobs = format!("-j{}", std::thread::available_parallelism().map_or(1, usize::from) + 1);
        let mut command = if cfg!(target_os = "freebsd") {
            Command::new("/usr/bin/make")
        } else {
            let mut command = Command::new("/usr/bin/python3");
            command.arg("tools/build/make.py").arg(format!("--cross-bindir={}", compilers.display()));
            command
        };
        command
            .current_dir(&self.tree.path)
            .env_clear()
            .envs(ENVIRONMENT)
            .env("HOME", &self.home)
            .env("MAKEOBJDIRPREFIX", &self.objects)
            // The bootstrapped make(1) tests itself; two of the tests fail where SIGINT is ignored, one under dash.
            .env("BROKEN_TESTS", "*")
            .env("XCC", compiler("clang"))
            // Debian's clang++ takes the GNU C++ library for FreeBSD targets too.
            .env("XCXX", format!("{} -stdlib=libc++", compiler("clang++")));
        if cfg!(target_os = "freebsd") {
            // The base system's own compiler builds the one that is used; its own defaults fit.
            command.env_remove("XCC").env_remove("XCXX").env_remove("BROKEN_TESTS");
        }
        // Installing writes METALOG line by line, which several jobs at once would mix up.
        if !target.starts_with("install") && target != "distribution" {
            command.arg(jobs);
        }
        command
            .arg("-DNO_CLEAN")
            .arg(format!("TARGET={}", self.processor.target))
            .arg(format!("TARGET_ARCH={}", self.processor.target_arch))
            .arg("SRC_ENV_CONF=/dev/null")
            .arg(format!("__MAKE_CONF={}", self.make_conf.display()))
            .arg(format!("SRCCONF={}", src_conf.display()))
            .args(variables)
            .arg(target);
        command
    }

    /// Assertions and the like name their source file: under the paths that a build on FreeBSD has, and not under
    /// this machine's, so that the directory of a build does not get into its programs.
    fn path_maps(&self) -> String {
        let map = |from: &Path, to: &str| format!(" -ffile-prefix-map={}={to}", from.display());
        map(&self.tree.path, "/usr/src") + &map(&self.objects, "/usr/obj")
    }
}
