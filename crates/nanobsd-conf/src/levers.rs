//! What becomes of each of NanoBSD's variables: the table of docs/nanobsd.md itself, so that the two cannot differ.

/// The page with the table.
const PAGE: &str = include_str!("../../../docs/nanobsd.md");

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lever {
    /// The variable.
    pub name: &'static str,
    /// What is here in its place, as keys of the product definition or options of a command; nothing for `none`.
    here: Option<&'static str>,
    /// What is to be known of it, or why there is nothing.
    note: &'static str,
}

impl Lever {
    /// The row of the variable `name`.
    pub fn find(name: &str) -> Option<Self> {
        all().find(|lever| lever.name == name)
    }

    /// The keys of the product definition that it is.
    #[cfg(test)]
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        let words = self.here.unwrap_or_default().split('`').skip(1).step_by(2);
        words.filter(|word| word.contains('.') && !word.contains(' '))
    }

    /// In words, for who looks for it.
    pub fn tell(&self) -> String {
        match (self.here, self.note) {
            (Some(here), "") => format!("see {here}"),
            (Some(here), note) => format!("see {here}: {}", plain(note)),
            (None, note) => plain(note),
        }
    }
}

/// The rows, in their order.
pub fn all() -> impl Iterator<Item = Lever> {
    let rows = PAGE.lines().filter_map(|line| {
        let cells: Vec<&'static str> = line.split('|').map(str::trim).collect();
        let [_, name, here, note, _] = cells[..] else { return None };
        let name = name.strip_prefix('`')?.strip_suffix('`')?;
        Some(Lever { name, here: (here != "none").then_some(here), note })
    });
    // "The same" is what the row above says.
    rows.scan("", |above, mut lever| {
        if lever.note != "the same" {
            *above = lever.note;
        }
        lever.note = above;
        Some(lever)
    })
}

/// Without links, which are `[page.md](page.md)`.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, (page, behind))) =
        rest.split_once('[').and_then(|(before, link)| Some((before, link.split_once("](")?)))
    {
        plain.extend([before, "docs/", page]);
        rest = behind.split_once(')').map_or("", |(_, rest)| rest);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_in_words() {
        let tell = |name: &str| Lever::find(name).unwrap().tell();
        insta::assert_snapshot!(
            ["NANO_SRC", "CONF_BUILD", "NANO_NCPU", "NANO_PMAKE", "NANO_PACKAGE_DIR"].map(tell).join("\n"),
            @r"
        see `image --src DIR`: or `--world DIR`, `--sets DIR`: docs/sets.md
        see `world.build`
        all processors of the machine are used
        all processors of the machine are used
        see `packages.repository`: a directory or a URL; images are built from the lock file and a cache: docs/packages.md
        "
        );
        assert_eq!(Lever::find("NANO_HOLIDAY"), None);
        let keys: Vec<&str> = Lever::find("NANO_BOOT0CFG").unwrap().keys().collect();
        assert_eq!(keys, ["boot.packet", "boot.update", "boot.default", "boot.menu", "boot.ticks"]);
    }
}
