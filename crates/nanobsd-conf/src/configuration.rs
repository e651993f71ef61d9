//! What a configuration contains, after it is read.

use std::collections::{BTreeMap, BTreeSet};

use super::location::Location;
use super::stage::Stage;
use super::word::Value;

/// The variable in which the reader keeps the two words after `FlashDevice`.
pub const FLASH_DEVICE: &str = "FlashDevice";

/// A variable, as it is at the end of the file.
#[derive(Clone, Debug)]
pub struct Variable {
    /// The value.
    pub value: Value,
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
}
