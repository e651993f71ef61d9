//! nanobsd.sh's options that skip a part of the build.

use std::fmt::Write;

use anyhow::{Result, bail};

/// What a build from source skips.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SkipOptions {
    /// `-w`: the world is not built; the previous build of it is used.
    pub no_world: bool,
    /// `-k`: the kernel is not built; the previous build of it is used.
    pub no_kernel: bool,
    /// `-K`: the kernel is not installed.
    pub no_install_kernel: bool,
    /// `-n`: objects of other inputs are kept, and make(1) decides what of them is still good.
    pub keep_objects: bool,
    /// `-I`: nothing is built or installed; the installed world is used as it is.
    pub only_images: bool,
}

impl SkipOptions {
    /// Refuses options that contradict each other.
    ///
    /// # Errors
    /// With the reason.
    pub fn check(self) -> Result<Self> {
        if self.only_images && self.no_install_kernel {
            bail!(
                "-I takes what is installed as it is, kernel and all, so there is nothing for -K to skip\nhint: drop one of them"
            );
        }
        if self.only_images && self.keep_objects {
            bail!("-I builds nothing, so there are no objects for -n to keep\nhint: drop one of them");
        }
        if self.no_world && self.no_kernel && self.keep_objects {
            bail!(
                "-b (-w and -k) builds nothing, so there are no objects for -n to keep\nhint: drop one of them"
            );
        }
        Ok(self)
    }

    /// The given options that only a build from source obeys, as `-w -k`; empty if there are none.
    pub fn of_source(self) -> String {
        let given =
            [(self.no_world, 'w'), (self.no_kernel, 'k'), (self.keep_objects, 'n'), (self.only_images, 'I')];
        given.into_iter().filter(|(given, _)| *given).fold(String::new(), |mut text, (_, letter)| {
            let _ = write!(text, "{}-{letter}", if text.is_empty() { "" } else { " " });
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_contradict_each_other_are_refused_with_the_reason() {
        let images = SkipOptions { only_images: true, ..SkipOptions::default() };
        let nothing = SkipOptions { no_world: true, no_kernel: true, ..SkipOptions::default() };
        for (options, reason) in [
            (SkipOptions { no_install_kernel: true, ..images }, "kernel and all"),
            (SkipOptions { keep_objects: true, ..images }, "-I builds nothing"),
            (SkipOptions { keep_objects: true, ..nothing }, "-b (-w and -k) builds nothing"),
        ] {
            let error = options.check().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        for options in
            [images, nothing, SkipOptions { keep_objects: true, no_world: true, ..SkipOptions::default() }]
        {
            assert_eq!(options.check().unwrap(), options);
        }
        assert_eq!(nothing.of_source(), "-w -k");
        assert_eq!(SkipOptions { no_install_kernel: true, ..SkipOptions::default() }.of_source(), "");
    }
}
