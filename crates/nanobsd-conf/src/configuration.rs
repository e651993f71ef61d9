//! What a configuration contains, after it is read.

use std::collections::{BTreeMap, BTreeSet};

use super::conditional::Conditional;
use super::defaults;
use super::location::Location;
use super::stage::Stage;
use super::value::{Piece, Value};

/// The variable in which the reader keeps the two words after `FlashDevice`.
pub const FLASH_DEVICE: &str = "FlashDevice";

/// The variables that FlashDevice and UsbDevice set.
pub const GEOMETRY: [&str; 3] = ["NANO_MEDIASIZE", "NANO_SECTS", "NANO_HEADS"];

/// A variable, as it is at the end of the file.
#[derive(Clone, Debug)]
pub struct Variable {
    /// The value, or the reason why it is not known.
    pub value: Result<Value, String>,
    /// The statement that sets it.
    pub location: Location,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// The whole text.
    pub text: String,
    /// The lines of the text.
    pub location: Location,
}

/// The registration of a function for a stage.
#[derive(Clone, Debug)]
pub struct Call {
    /// The stage.
    pub stage: Stage,
    /// The name of the function.
    pub name: String,
    /// The statement that registers it.
    pub location: Location,
}

/// A configuration.
#[derive(Debug, Default)]
pub struct Configuration {
    /// The variables that it sets.
    pub variables: BTreeMap<String, Variable>,
    /// The functions that it defines.
    pub functions: BTreeMap<String, Function>,
    /// The functions that it registers, in order.
    pub calls: Vec<Call>,
    /// The variables that are used in the values of others.
    pub used: BTreeSet<String>,
    /// The functions that are defined only under a condition.
    pub conditional: BTreeMap<String, (Location, Conditional)>,
}

impl Variable {
    /// The value as the file has it.
    ///
    /// # Errors
    /// The reason why it is not known.
    pub fn plain(&self) -> Result<String, String> {
        self.value.as_ref().map_err(Clone::clone)?.plain()
    }
}

impl Configuration {
    /// The value of the variable `name` as the file has it, if it is known.
    pub fn plain(&self, name: &str) -> Option<String> {
        self.variables.get(name)?.plain().ok()
    }

    /// The value that the variable `name` has in the file, or else in NanoBSD. `is_hooks` says whether a hook has a value of
    /// its own for a variable.
    ///
    /// # Errors
    /// The reason why it is not known.
    pub fn lookup(&self, name: &str, is_hooks: &dyn Fn(&str) -> bool) -> Result<Value, String> {
        let variable = self.variables.get(name);
        let plain = match variable {
            Some(variable) => {
                variable.plain().map_err(|_| format!("it depends on {name}, whose value is not known"))
            }
            None if GEOMETRY.contains(&name) && self.variables.contains_key(FLASH_DEVICE) => {
                Err(format!("it depends on {name}, which {FLASH_DEVICE} sets"))
            }
            None => {
                let default = defaults::default(name).or_else(|| defaults::fixed(name)).map(str::to_owned);
                default.ok_or_else(|| format!("it depends on {name}, which the file does not set"))
            }
        };
        if name == "NANO_TOOLS" || (name == "PWD" && variable.is_none()) {
            return Ok(Value { pieces: vec![Piece::Site { value: plain }] });
        }
        if is_hooks(name) {
            return Ok(Value { pieces: vec![Piece::Variable { name: name.to_owned(), value: plain }] });
        }
        match (variable.map(|variable| &variable.value), plain) {
            (Some(Ok(value)), Ok(_)) => Ok(value.clone()),
            (Some(Ok(value)), Err(why)) => Ok(value.because(&why)),
            (_, plain) => plain.map(|plain| Value::from(plain.as_str())),
        }
    }
}
