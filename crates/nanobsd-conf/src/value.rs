//! The value of a variable, which remembers where it uses what differs between the build host and here.

use super::quote::quoted;

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text.
    Text(String),
    /// The directory that nanobsd.sh is in or was started in. It stands for the directory of the configuration.
    Site {
        /// The value in the file, or the reason why it is not known.
        value: Result<String, String>,
    },
    /// An expression of `$(( ))` with variables that the build sets for hooks.
    Sum {
        /// The expression, with the values of all other variables.
        text: String,
        /// Those variables, with their values in the file.
        variables: Vec<(String, String)>,
        /// The value in the file.
        value: String,
    },
    /// The value of a variable that the build sets for hooks.
    Variable {
        /// The name of the variable.
        name: String,
        /// The value in the file, or the reason why it is not known.
        value: Result<String, String>,
    },
}

/// The value of a variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// The parts.
    pub pieces: Vec<Piece>,
}

impl Value {
    /// Appends text.
    pub fn push_str(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }

    /// Appends another value.
    pub fn append(&mut self, other: &Self) {
        for piece in &other.pieces {
            match piece {
                Piece::Text(text) => self.push_str(text),
                other => self.pieces.push(other.clone()),
            }
        }
    }

    /// The value as the file has it.
    ///
    /// # Errors
    /// The reason why it is not known.
    pub fn plain(&self) -> Result<String, String> {
        let texts = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) | Piece::Sum { value: text, .. } => Ok(text.clone()),
            Piece::Site { value } | Piece::Variable { value, .. } => value.clone(),
        });
        texts.collect()
    }

    /// The value with its variables as they are written, and without directories of NanoBSD.
    pub fn written(&self) -> String {
        let texts = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) | Piece::Sum { value: text, .. } => text.clone(),
            Piece::Site { .. } => String::new(),
            Piece::Variable { name, .. } => format!("${{{name}}}"),
        });
        texts.collect()
    }

    /// The value with `why` as the reason why its unknown parts are not known.
    #[must_use]
    pub fn because(&self, why: &str) -> Self {
        let mut value = self.clone();
        for piece in &mut value.pieces {
            if let Piece::Site { value } | Piece::Variable { value, .. } = piece
                && value.is_err()
            {
                *value = Err(why.to_owned());
            }
        }
        value
    }

    /// The beginning of the value as the file has it, as far as it is known, and whether it is the whole value.
    pub fn prefix(&self) -> (String, bool) {
        let mut prefix = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) | Piece::Sum { value: text, .. } => prefix += text,
                Piece::Site { value: Ok(value) } | Piece::Variable { value: Ok(value), .. } => {
                    prefix += value;
                }
                Piece::Site { .. } | Piece::Variable { .. } => return (prefix, false),
            }
        }
        (prefix, true)
    }

    /// The path from the directory of the configuration, if the value is such a path.
    pub fn below_site(&self) -> Option<Self> {
        let site = self.pieces.iter().rposition(|piece| matches!(piece, Piece::Site { .. }))?;
        let behind = Self { pieces: self.pieces[site + 1..].to_vec() };
        let (prefix, _) = behind.prefix();
        (behind.pieces.is_empty() || prefix.starts_with('/')).then_some(behind)
    }

    /// The value as a word of a hook, in which `NANO_TOOLS` is the directory of the configuration. `current` is the final
    /// value of a variable in the file.
    pub fn in_hook(&self, current: impl Fn(&str) -> Option<String>) -> String {
        let mut word = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => word += &quoted(text),
                Piece::Site { .. } => word += "\"${NANO_TOOLS}\"",
                Piece::Sum { text, variables, value } => {
                    let is_final =
                        |(name, value): &(String, String)| current(name).is_none_or(|now| now == *value);
                    word += &if variables.iter().all(is_final) {
                        format!("\"$(({text}))\"")
                    } else {
                        quoted(value)
                    };
                }
                // Only the final value of a variable is another in a hook.
                Piece::Variable { name, value: Ok(value) }
                    if current(name).is_some_and(|now| now != *value) =>
                {
                    word += &quoted(value);
                }
                Piece::Variable { name, .. } => word += &format!("\"${{{name}}}\""),
            }
        }
        if word.is_empty() { "''".to_owned() } else { word }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self { pieces: vec![Piece::Text(text.to_owned())] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_here_stays_a_reference_in_hooks() {
        let mut value = Value::from("/dev/");
        value.append(&Value {
            pieces: vec![Piece::Variable { name: "NANO_DRIVE".into(), value: Ok("ad0".into()) }],
        });
        value.push_str("s4");
        assert_eq!(value.plain().as_deref(), Ok("/dev/ad0s4"));
        assert_eq!(value.in_hook(|_| Some("ad0".into())), "'/dev/'\"${NANO_DRIVE}\"'s4'");
        assert_eq!(value.in_hook(|_| Some("da0".into())), "'/dev/''ad0''s4'");
        assert_eq!(value.below_site(), None);
        let mut value = Value { pieces: vec![Piece::Site { value: Err("unknown".into()) }] };
        assert_eq!(value.below_site(), Some(Value::default()));
        value.push_str("/a/b");
        assert_eq!(value.below_site(), Some(Value::from("/a/b")));
        assert_eq!(value.plain(), Err("unknown".to_owned()));
        assert_eq!(value.in_hook(|_| None), "\"${NANO_TOOLS}\"'/a/b'");
        assert_eq!(Value::default().in_hook(|_| None), "''");
    }
}
