//! Keys of a product definition.

use toml_edit::{Array, Value};

/// A key, such as `media.drive`, and its value.
pub type Key = (&'static str, Value);

/// A list; with more than one value, each is on a line of its own.
pub fn array<'a>(values: impl IntoIterator<Item = &'a str>) -> Value {
    let mut array: Array = values.into_iter().collect();
    if array.len() > 1 {
        array.iter_mut().for_each(|value| value.decor_mut().set_prefix("\n    "));
        array.set_trailing("\n");
        array.set_trailing_comma(true);
    }
    array.into()
}
