//! References in the objects of `extraObjects:`: their values, and the inputs that they need. This module must not know what
//! the objects are; a target writes them.

use super::expression::{Token, tokens};
use super::value::Value;
use super::values::Values;
use crate::config::{Config, intent_place};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// The prefix of these objects in the list of users of an input.
const USER: &str = "extraObjects[";

/// Whether a user of an input is such an object.
pub(crate) fn is_extra_object(user: &str) -> bool {
    user.starts_with(USER)
}

/// All strings with references, and their values.
pub(super) fn texts(config: &Config, values: &mut Values) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for (index, object) in config.extra_objects.iter().enumerate() {
        let user = format!("{USER}{index}]");
        visit(object, &user, &mut |place, text| {
            if tokens(text).iter().any(|token| matches!(token, Token::Reference(_))) {
                let value = values.used(&user, &intent_place(place), text);
                found.insert(text.to_owned(), value);
            }
        });
    }
    found
}

/// Visits every string of a map, with its place.
fn visit(map: &Map<String, Json>, at: &str, see: &mut dyn FnMut(&str, &str)) {
    for (key, value) in map {
        visit_value(value, &format!("{at}.{key}"), see);
    }
}

fn visit_value(value: &Json, at: &str, see: &mut dyn FnMut(&str, &str)) {
    match value {
        Json::String(text) => see(at, text),
        Json::Object(map) => visit(map, at, see),
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                visit_value(item, &format!("{at}[{index}]"), see);
            }
        }
        _ => {}
    }
}
