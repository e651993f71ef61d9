//! The package list. Packages are not installed yet; a list that asks for some is refused and never passed over.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Checks that the list in `path` asks for nothing. Empty lines and what follows a `#` do not count.
///
/// # Errors
/// It cannot be read, or names a package.
pub fn check(path: &Path) -> Result<()> {
    let text =
        fs::read_to_string(path).with_context(|| format!("reading the package list {}", path.display()))?;
    let asked = text.lines().enumerate().find_map(|(index, line)| {
        let name = line.split('#').next().unwrap_or_default().trim();
        (!name.is_empty()).then_some((index + 1, name))
    });
    if let Some((line, name)) = asked {
        bail!(
            "{}, line {line}: `{name}`: packages cannot be put into an image yet; remove the line, or bring the program in \
             through overlay/",
            path.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_refused_with_its_line_and_not_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pkglist");
        fs::write(&path, "# none\n\n   # really none\n").unwrap();
        check(&path).unwrap();
        fs::write(&path, "# some\nmpd5 # PPP\n").unwrap();
        let error = check(&path).unwrap_err().to_string();
        assert!(error.contains("pkglist, line 2: `mpd5`"), "{error}");
    }
}
