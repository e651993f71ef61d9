//! Lists in a manifest. Reading stops at the first element too many, so a long list is refused without taking up memory.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use super::limits::{LAYOUTS_MAX, LOWERED_FLOORS_MAX};
use crate::key_id::KeyId;
use crate::revocations::REVOKED_MAX;

/// Reads the list of layouts.
pub(super) fn layouts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    read(deserializer, "layouts", LAYOUTS_MAX)
}

/// Reads the list of revoked keys.
pub(super) fn revoked_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<KeyId>, D::Error> {
    read(deserializer, "revoked keys", REVOKED_MAX)
}

/// Reads the list of version floors that the release lowers.
pub(super) fn lowers_floors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    read(deserializer, "version floors", LOWERED_FLOORS_MAX)
}

fn read<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
    what: &'static str,
    most: usize,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(ListVisitor { what, most, element: PhantomData })
}

struct ListVisitor<T> {
    what: &'static str,
    most: usize,
    element: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", self.what)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            if elements.len() == self.most {
                return Err(A::Error::custom(format_args!("more than {} {}", self.most, self.what)));
            }
            elements.push(element);
        }
        Ok(elements)
    }
}
