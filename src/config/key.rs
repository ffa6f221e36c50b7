//! A key of a map in YAML, as text.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use std::fmt;

pub(super) fn skip_tagged<'de, A: EnumAccess<'de>>(data: A) -> Result<(), A::Error> {
    let (IgnoredAny, content) = data.variant()?;
    content.newtype_variant::<IgnoredAny>().map(|_| ())
}

/// A key of a map, as text.
pub(super) enum Key {
    Text(String),
    /// A number, a truth value, null.
    Scalar(String),
    /// A map or a list, or something with a tag.
    Nested,
}

impl Key {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Scalar(text) => text,
            Self::Nested => "?",
        }
    }

    /// Why this key is refused, and what to do.
    pub(super) fn complaint(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Text(text) if text == "<<" => {
                Some(("merge keys (`<<`) are not used in this file", "write the keys out"))
            }
            Self::Text(_) => None,
            Self::Scalar(_) => Some(("this key is not text", "write it in quotes")),
            Self::Nested => Some(("a map or a list cannot be a key", "")),
        }
    }
}

/// Reads a key, and fails at it when `stop_at` says so.
pub(super) struct KeySeed<'a> {
    pub(super) stop_at: &'a dyn Fn(&str) -> bool,
}

impl KeySeed<'_> {
    fn read<E: Error>(&self, key: Key) -> Result<Key, E> {
        if (self.stop_at)(key.text()) { Err(E::custom("stopped")) } else { Ok(key) }
    }
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for KeySeed<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Key, E> {
        self.read(Key::Text(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Key, E> {
        self.read(Key::Scalar("null".to_owned()))
    }

    fn visit_none<E: Error>(self) -> Result<Key, E> {
        self.visit_unit()
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Key, E> {
        self.read(Key::Scalar(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Key, E> {
        self.read(Key::Scalar(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Key, E> {
        self.read(Key::Scalar(value.to_string()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Key, E> {
        self.read(Key::Scalar(value.to_string()))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Key, E> {
        self.read(Key::Scalar(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Key, E> {
        self.read(Key::Scalar(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Key, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        self.read(Key::Nested)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Key, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.read(Key::Nested)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Key, A::Error> {
        skip_tagged(data)?;
        self.read(Key::Nested)
    }
}
