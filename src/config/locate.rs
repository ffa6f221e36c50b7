//! Finds the line of a value by parsing the text again and stopping there with an error, which has a position. The YAML
//! parser gives positions for errors only, and a valid file should not pay for them.

use super::key::KeySeed;
use super::path::{Step, is_shown};
use crate::support::diagnostic::{Position, excerpt};
use crate::support::path;
use crate::support::yaml;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::cell::RefCell;
use std::fmt;

/// The place of a written path, or of the deepest part of it that the text has, with as much of the line as may be shown.
pub fn position(text: &str, written: &str) -> Option<Position> {
    yaml::affordable(text).ok()?;
    let document = serde_yaml::from_str(text).ok()?;
    let steps = path::steps(&document, written);
    let (line, column) = spot(text, &steps, 0)?;
    Some(Position { excerpt: excerpt(text, line, column, is_shown(&steps)), ..Position::new(line, column) })
}

/// Line and column, from 1, of the n-th key (or the item) that a path ends with.
pub(super) fn spot(text: &str, steps: &[Step], nth: usize) -> Option<(usize, usize)> {
    if steps.is_empty() {
        return None;
    }
    let reached = RefCell::new(None);
    let seek = Seek { steps, nth, goal: Goal::Place, reached: &reached };
    let error = seek.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    reached.borrow().as_ref()?;
    error.location().map(|at| (at.line(), at.column()))
}

/// A scalar as it stands in the text, before YAML gave it a type: `0777`, `1e3`.
pub(super) fn raw(text: &str, steps: &[Step]) -> Option<String> {
    let reached = RefCell::new(None);
    let seek = Seek { steps, nth: 0, goal: Goal::Raw, reached: &reached };
    let _ = seek.deserialize(serde_yaml::Deserializer::from_str(text));
    reached.take()
}

#[derive(Clone, Copy, PartialEq)]
enum Goal {
    Place,
    Raw,
}

/// A reader that goes down one path and ends with an error in any case.
#[derive(Clone, Copy)]
struct Seek<'a> {
    steps: &'a [Step],
    nth: usize,
    goal: Goal,
    /// Filled when the error is about the wanted place: with the raw text, or with nothing of interest.
    reached: &'a RefCell<Option<String>>,
}

fn stop<E: Error>() -> E {
    E::custom("stopped")
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if !self.steps.is_empty() {
            return deserializer.deserialize_any(self);
        }
        if self.goal == Goal::Raw {
            return deserializer.deserialize_str(self);
        }
        // An item of a list: whatever it is, without steps left the visitor refuses it, at its place.
        self.reached.replace(Some(String::new()));
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the wanted place")
    }

    fn visit_str<E: Error>(self, raw: &str) -> Result<(), E> {
        if self.steps.is_empty() && self.goal == Goal::Raw {
            self.reached.replace(Some(raw.to_owned()));
        }
        Err(stop())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Key(wanted), rest)) = self.steps.split_first() else { return Err(stop()) };
        let mut left = if rest.is_empty() { self.nth } else { 0 };
        loop {
            let ends_here = rest.is_empty() && self.goal == Goal::Place && left == 0;
            let stop_at = |name: &str| {
                let reached = ends_here && name == wanted;
                if reached {
                    self.reached.replace(Some(String::new()));
                }
                reached
            };
            let Some(key) = map.next_key_seed(KeySeed { stop_at: &stop_at })? else { return Err(stop()) };
            let same = key.text() == wanted;
            if same && left == 0 {
                map.next_value_seed(Self { steps: rest, ..self })?;
                return Err(stop());
            }
            left -= usize::from(same);
            map.next_value::<IgnoredAny>()?;
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some((Step::Item(wanted), rest)) = self.steps.split_first() else { return Err(stop()) };
        for _ in 0..*wanted {
            items.next_element::<IgnoredAny>()?;
        }
        items.next_element_seed(Self { steps: rest, ..self })?;
        Err(stop())
    }
}
