//! The table of NanoBSD's variables: the one of docs/nanobsd.md itself, so that the two cannot differ.

/// The page with the table.
const PAGE: &str = include_str!("../../../docs/nanobsd.md");

/// The row of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariableRow {
    /// The name of the variable.
    pub name: &'static str,
    /// The keys of the product definition or options of commands that replace it, if any.
    here: Option<&'static str>,
    /// A remark, or the reason why nothing replaces it.
    note: &'static str,
}

impl VariableRow {
    /// The row of the variable `name`.
    pub fn find(name: &str) -> Option<Self> {
        all().find(|row| row.name == name)
    }

    /// The keys of the product definition that replace it.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        let words = self.here.unwrap_or_default().split('`').skip(1).step_by(2);
        words.filter(|word| word.contains('.') && !word.contains(' '))
    }

    /// The row as advice.
    pub fn advice(&self) -> String {
        match (self.here, self.note) {
            (Some(here), "") => format!("see {here}"),
            (Some(here), note) => format!("see {here}: {}", plain(note)),
            (None, note) => plain(note),
        }
    }
}

/// The rows in the order of the table.
pub fn all() -> impl Iterator<Item = VariableRow> {
    let rows = PAGE.lines().filter_map(|line| {
        let cells: Vec<&'static str> = line.split('|').map(str::trim).collect();
        let [_, name, here, note, _] = cells[..] else { return None };
        let name = name.strip_prefix('`')?.strip_suffix('`')?;
        Some(VariableRow { name, here: (here != "none").then_some(here), note })
    });
    // "the same" stands for the remark of the row above.
    rows.scan("", |above, mut row| {
        if row.note != "the same" {
            *above = row.note;
        }
        row.note = above;
        Some(row)
    })
}

/// Replaces links, which are `[page.md](page.md)`, by the paths of their pages.
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
    fn rows_are_advice_in_words() {
        let advice = |name: &str| VariableRow::find(name).unwrap().advice();
        insta::assert_snapshot!(
            ["NANO_SRC", "CONF_BUILD", "NANO_NCPU", "NANO_PMAKE", "NANO_PACKAGE_DIR"].map(advice).join("\n"),
            @r"
        see `image --src DIR`: or `--world DIR`, `--sets DIR`: docs/sets.md
        see `world.build`
        all processors of the machine are used
        all processors of the machine are used
        see `packages.repository`: a directory or a URL; images are built from the lock file and a cache: docs/packages.md
        "
        );
        assert_eq!(VariableRow::find("NANO_HOLIDAY"), None);
        let keys: Vec<&str> = VariableRow::find("NANO_BOOT0CFG").unwrap().keys().collect();
        assert_eq!(keys, ["boot.packet", "boot.update", "boot.default", "boot.menu", "boot.ticks"]);
    }
}
