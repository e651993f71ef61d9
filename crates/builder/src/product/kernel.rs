//! `[kernel]`: which kernel the product has.

use std::fmt;
use std::path::Path;

use anyhow::{Result, ensure};

use super::options::make_variables;
use super::raw::RawKernel;

/// `[kernel]`
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its configuration; `None` for an image without a kernel of the world.
    pub config: Option<KernelConfig>,
    /// make(1) variables for buildkernel and installkernel, `NAME=value` each.
    pub options: Vec<String>,
}

/// A kernel configuration, as config(5) has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelConfig {
    /// Its name, which is that of its file.
    pub name: String,
    /// The directory of its file, from the root of the repository. Without it, the file is in `kernel/` or is FreeBSD's own.
    pub directory: Option<String>,
}

impl Kernel {
    pub(super) fn check(raw: RawKernel) -> Result<Self> {
        Ok(Self {
            config: KernelConfig::parse("kernel.config", raw.config.as_deref().unwrap_or("GENERIC"))?,
            options: make_variables("kernel.options", raw.options)?,
        })
    }

    /// The name of the configuration; empty if there is no kernel.
    pub fn name(&self) -> &str {
        self.config.as_ref().map_or("", |config| &config.name)
    }
}

impl KernelConfig {
    /// Parses a name, the path of a file, or "" for no kernel.
    ///
    /// # Errors
    /// config(8) does not accept the name. The message begins with `key`.
    pub fn parse(key: &str, text: &str) -> Result<Option<Self>> {
        if text.is_empty() {
            return Ok(None);
        }
        let (directory, name) =
            text.rsplit_once('/').map_or((None, text), |(directory, name)| (Some(directory), name));
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        ensure!(
            !name.is_empty() && !name.starts_with(['.', '-']) && name.chars().all(good),
            "{key}: `{text}` is not a kernel configuration\nhint: write a name as \"ALIX\", a file as \"conf/ALIX\", or \"\" for no kernel"
        );
        let directory = directory.map(|directory| if directory.is_empty() { "/" } else { directory });
        Ok(Some(Self { name: name.to_owned(), directory: directory.map(str::to_owned) }))
    }

    /// The directory of its file, if one is given, for the repository at `root`.
    pub fn directory(&self, root: &Path) -> Option<std::path::PathBuf> {
        self.directory.as_ref().map(|directory| root.join(directory))
    }
}

impl fmt::Display for Kernel {
    /// As the definition has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.iter().try_for_each(|config| config.fmt(f))
    }
}

impl fmt::Display for KernelConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.directory {
            Some(directory) => write!(f, "{directory}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_a_name_a_file_or_none() {
        let parse = |text| KernelConfig::parse("kernel.config", text).unwrap();
        let config = |name: &str, directory: Option<&str>| {
            Some(KernelConfig { name: name.to_owned(), directory: directory.map(str::to_owned) })
        };
        assert_eq!(parse(""), None);
        assert_eq!(parse("ALIX-QEMU"), config("ALIX-QEMU", None));
        assert_eq!(parse("conf/MINE"), config("MINE", Some("conf")));
        assert_eq!(parse("/etc/MINE"), config("MINE", Some("/etc")));
        assert_eq!(
            parse("/etc/MINE").unwrap().directory(Path::new("/repository")).unwrap(),
            Path::new("/etc")
        );
        assert_eq!(parse("conf/MINE").unwrap().to_string(), "conf/MINE");
        for text in ["conf/", "MY KERNEL", "..", "x=$(y)"] {
            assert!(KernelConfig::parse("kernel.config", text).is_err(), "{text}");
        }
    }
}
