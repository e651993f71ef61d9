//! nanobsd.sh's letters for what of a build is left out.

use std::fmt::Write;

use anyhow::{Result, bail};

/// What of a build from source is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Letters {
    /// `-w`: the world is not built; what was built of it before is taken.
    pub no_world: bool,
    /// `-k`: the kernel is not built; what was built of it before is taken.
    pub no_kernel: bool,
    /// `-K`: the kernel is not installed.
    pub no_install_kernel: bool,
    /// `-n`: objects of other inputs are kept, and make(1) decides what of them is still good.
    pub keep_objects: bool,
    /// `-I`: nothing is built or installed; what is installed is taken.
    pub only_images: bool,
}

impl Letters {
    /// Refuses letters that say nothing together.
    ///
    /// # Errors
    /// With the reason.
    pub fn check(self) -> Result<Self> {
        if self.only_images && self.no_install_kernel {
            bail!(
                "-I takes what is installed as it is, kernel and all, so -K has nothing to leave out; leave out one of them"
            );
        }
        if self.only_images && self.keep_objects {
            bail!("-I builds nothing, so there are no objects for -n to keep; leave out one of them");
        }
        if self.no_world && self.no_kernel && self.keep_objects {
            bail!(
                "-b (-w and -k) builds nothing, so there are no objects for -n to keep; leave out one of them"
            );
        }
        Ok(self)
    }

    /// Those that only a build from source obeys, as they were given; empty when there are none.
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
    fn letters_that_say_nothing_together_are_refused_with_the_reason() {
        let images = Letters { only_images: true, ..Letters::default() };
        let nothing = Letters { no_world: true, no_kernel: true, ..Letters::default() };
        for (letters, reason) in [
            (Letters { no_install_kernel: true, ..images }, "kernel and all"),
            (Letters { keep_objects: true, ..images }, "-I builds nothing"),
            (Letters { keep_objects: true, ..nothing }, "-b (-w and -k) builds nothing"),
        ] {
            let error = letters.check().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        for letters in [images, nothing, Letters { keep_objects: true, no_world: true, ..Letters::default() }]
        {
            assert_eq!(letters.check().unwrap(), letters);
        }
        assert_eq!(nothing.of_source(), "-w -k");
        assert_eq!(Letters { no_install_kernel: true, ..Letters::default() }.of_source(), "");
    }
}
