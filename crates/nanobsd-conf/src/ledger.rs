//! What became of each line: the notes that a conversion ends with. Nothing of a configuration may be lost silently, so every
//! statement is entered here.

use std::fmt;

/// Where a statement stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The number of the file, in the order of reading.
    pub order: usize,
    /// Its name, if it is not the file that was asked for.
    pub file: Option<String>,
    /// The first line, from 1.
    pub first: usize,
    /// The last line.
    pub last: usize,
}

impl Place {
    /// Its line `number`, from 0.
    #[must_use]
    pub fn line(&self, number: usize) -> Self {
        let line = usize::min(self.first + number, self.last);
        Self { first: line, last: line, ..self.clone() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(out, "{file}, ")?;
        }
        match self.first == self.last {
            true => write!(out, "line {}", self.first),
            false => write!(out, "lines {}-{}", self.first, self.last),
        }
    }
}

/// What became of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// It has no counterpart here, and why.
    Left(String),
    /// It is carried over, and something about it is to be known.
    Noted(String),
    /// It is carried over, and to where.
    Carried(String),
}

/// The notes.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Vec<(Place, Fate)>,
    advice: Vec<String>,
}

impl Ledger {
    /// `place` is carried over to `what`.
    pub fn carried(&mut self, place: &Place, what: impl Into<String>) {
        self.entries.push((place.clone(), Fate::Carried(what.into())));
    }

    /// `text` has to be known about what `place` was made into.
    pub fn noted(&mut self, place: &Place, text: impl Into<String>) {
        self.entries.push((place.clone(), Fate::Noted(text.into())));
    }

    /// `place` is not carried over, and `why`.
    pub fn left(&mut self, place: &Place, why: impl Into<String>) {
        self.entries.push((place.clone(), Fate::Left(why.into())));
    }

    /// Something that is no single line's matter.
    pub fn advise(&mut self, text: impl Into<String>) {
        self.advice.push(text.into());
    }

    /// Whether anything is said of the line `number` of the file that was read as number `order`.
    #[cfg(test)]
    pub fn knows(&self, order: usize, number: usize) -> bool {
        let about = |place: &Place| place.order == order && (place.first..=place.last).contains(&number);
        self.entries.iter().any(|(place, _)| about(place))
    }

    fn lines(&self, choose: impl Fn(&Fate) -> Option<&str>) -> Vec<String> {
        let mut chosen: Vec<(&Place, &str)> =
            self.entries.iter().filter_map(|(place, fate)| Some((place, choose(fate)?))).collect();
        chosen.sort_by_key(|(place, _)| *place);
        chosen.dedup();
        chosen.into_iter().map(|(place, text)| format!("{place}: {text}")).collect()
    }

    /// What has to be looked at: each heading with its lines, none without.
    pub fn to_look_at(&self) -> Vec<(&'static str, Vec<String>)> {
        let left = self.lines(|fate| match fate {
            Fate::Left(text) => Some(text),
            _ => None,
        });
        let noted = self.lines(|fate| match fate {
            Fate::Noted(text) => Some(text),
            _ => None,
        });
        let sections =
            [("Not carried over", left), ("Carried over, but look", noted), ("Besides", self.advice.clone())];
        sections.into_iter().filter(|(_, lines)| !lines.is_empty()).collect()
    }

    /// What is carried over, a line each.
    pub fn carried_over(&self) -> Vec<String> {
        self.lines(|fate| match fate {
            Fate::Carried(text) => Some(text),
            _ => None,
        })
    }
}
