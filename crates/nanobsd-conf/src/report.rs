//! The conversion report: what became of each line. Nothing of a configuration may be lost silently, so every statement is
//! entered here.

use super::location::Location;

/// What became of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It has no counterpart.
    Left,
    /// It is carried over, and something about it needs a look.
    Noted,
    /// It is carried over.
    Carried,
}

/// What became of the statements.
#[derive(Debug, Default)]
pub struct Report {
    entries: Vec<(Location, Outcome, String)>,
    general: Vec<String>,
    /// Files that lose the carriage returns at their line ends.
    without_carriage_returns: Vec<String>,
}

impl Report {
    /// The statement at `location` is carried over to `what`.
    pub fn carried(&mut self, location: &Location, what: impl Into<String>) {
        self.entries.push((location.clone(), Outcome::Carried, what.into()));
    }

    /// The statement at `location` is carried over, and `text` needs a look.
    pub fn noted(&mut self, location: &Location, text: impl Into<String>) {
        self.entries.push((location.clone(), Outcome::Noted, text.into()));
    }

    /// The statement at `location` is not carried over; `why` says which it is and why.
    pub fn left(&mut self, location: &Location, why: impl Into<String>) {
        self.entries.push((location.clone(), Outcome::Left, why.into()));
    }

    /// A note on no statement in particular.
    pub fn general(&mut self, text: impl Into<String>) {
        self.general.push(text.into());
    }

    /// The file `name` has lost the carriage returns at its line ends.
    pub fn without_carriage_returns(&mut self, name: &str) {
        self.without_carriage_returns.push(name.to_owned());
    }

    /// Whether there is an entry for the line `number` of the file that was read as number `order`.
    #[cfg(test)]
    pub fn knows(&self, order: usize, number: usize) -> bool {
        let about = |location: &Location| {
            location.order == order && (location.first..=location.last).contains(&number)
        };
        self.entries.iter().any(|(location, ..)| about(location))
    }

    fn lines(&self, wanted: Outcome) -> Vec<String> {
        let of_outcome = self.entries.iter().filter(|(_, outcome, _)| *outcome == wanted);
        let mut entries: Vec<(&Location, &str)> =
            of_outcome.map(|(location, _, text)| (location, text.as_str())).collect();
        entries.sort_by_key(|(location, _)| *location);
        entries.dedup();
        entries.into_iter().map(|(location, text)| format!("{location}: {text}")).collect()
    }

    /// The entries that need a look, under headings. A heading without entries is left out.
    pub fn to_look_at(&self) -> Vec<(&'static str, Vec<String>)> {
        let mut general = self.general.clone();
        if !self.without_carriage_returns.is_empty() {
            let files = self.without_carriage_returns.join(", ");
            general.insert(0, format!("carriage returns at line ends are removed from {files}"));
        }
        let sections = [
            ("Not carried over", self.lines(Outcome::Left)),
            ("Carried over, needs a look", self.lines(Outcome::Noted)),
            ("General", general),
        ];
        sections.into_iter().filter(|(_, lines)| !lines.is_empty()).collect()
    }

    /// What is carried over.
    pub fn carried_over(&self) -> Vec<String> {
        self.lines(Outcome::Carried)
    }
}
