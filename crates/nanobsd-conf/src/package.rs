//! Names of packages.

/// The name of the package in the file `file`, which can be a pattern: `sudo` for `All/sudo-1.9.13p3.pkg`.
pub fn package_name(file: &str) -> Option<&str> {
    const SUFFIXES: [&str; 6] = [".pkg", ".txz", ".tzst", ".tbz", ".tgz", ".tar"];
    let name = file.rsplit('/').next()?;
    let stem = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    let cut = stem.rmatch_indices('-').find(|(at, _)| {
        let behind = &stem[at + 1..];
        behind.starts_with(|c: char| c.is_ascii_digit() || "*?[".contains(c))
    });
    let name = cut.map_or(stem, |(at, _)| &stem[..at]);
    let good = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    (name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(good)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_package_is_found_in_the_name_of_its_file() {
        for (file, name) in [
            ("sudo-1.9.13p3.pkg", Some("sudo")),
            ("All/py39-setuptools-63.1.0_1.txz", Some("py39-setuptools")),
            ("nginx-*", Some("nginx")),
            ("gtk-2-engines-1.0,1.pkg", Some("gtk-2-engines")),
            ("bash", Some("bash")),
            ("*", None),
            ("-x", None),
            ("", None),
        ] {
            assert_eq!(package_name(file), name, "{file}");
        }
    }
}
