//! Reading a Kubernetes object as received: name, labels, annotations, and errors in a response.

use serde_json::{Value, json};

/// A value as text; empty if it is not text.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A value as text of its own, if it is text.
pub(crate) fn owned(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The name of an object; empty when it has none.
pub(crate) fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

pub(crate) fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["labels"][key].as_str()
}

pub(crate) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][key].as_str()
}

/// The containers of a pod that run until it stops: its own, and native sidecars.
pub(crate) fn long_running(pod_spec: &Value) -> impl Iterator<Item = &Value> {
    let list = |key: &str| pod_spec[key].as_array().into_iter().flatten();
    list("containers").chain(list("initContainers").filter(|container| is_sidecar(container)))
}

/// Whether an init container is a native sidecar.
pub(crate) fn is_sidecar(container: &Value) -> bool {
    container["restartPolicy"] == "Always"
}

/// Sets a value at a path of keys. What stands on the way and is no object gives way to one, so that nothing that
/// another client wrote can stop it.
pub(crate) fn set(object: &mut Value, path: &[&str], value: Value) {
    let mut place = object;
    for key in path {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[key];
    }
    *place = value;
}

/// Whether a condition of an object has the status `True`.
pub(crate) fn has_condition(object: &Value, name: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|condition| condition["type"] == name && condition["status"] == "True")
}

/// What is wrong with an answer that cannot be an object or a list of objects: what the program sets and reads by name
/// must be where names are.
pub fn oddity(answer: &Value) -> Option<String> {
    const MAPS: [&[&str]; 7] = [
        &["metadata"],
        &["metadata", "labels"],
        &["metadata", "annotations"],
        &["spec"],
        &["status"],
        &["data"],
        &["stringData"],
    ];
    let is = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    if !answer.is_object() {
        return Some(format!("it is {}", is(answer)));
    }
    // The answer to a delete is no object but a word on how it went, under `status`.
    let is_word = answer["kind"] == "Status";
    for path in MAPS.iter().filter(|path| !(is_word && **path == ["status"])) {
        let found = path.iter().try_fold(answer, |value, key| value.get(key));
        if let Some(found) = found.filter(|found| !found.is_object() && !found.is_null()) {
            return Some(format!("`{}` is {}", path.join("."), is(found)));
        }
    }
    match answer.get("items") {
        Some(Value::Array(items)) => {
            let odd = items.iter().enumerate().find_map(|(index, item)| Some((index, oddity(item)?)));
            odd.map(|(index, what)| format!("in item {index}, {what}"))
        }
        None | Some(Value::Null) => None,
        Some(other) => Some(format!("`items` is {}", is(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_on_the_way_stops_a_value() {
        for odd in [
            json!(null),
            json!(1),
            json!("x"),
            json!([]),
            json!({"metadata": [1]}),
            json!({"metadata": {"labels": "x"}}),
        ] {
            let mut object = odd;
            set(&mut object, &["metadata", "labels", "a"], json!("b"));
            assert_eq!(object["metadata"]["labels"]["a"], "b");
        }
    }

    #[test]
    fn an_answer_that_is_no_object_is_named() {
        for (answer, what) in [
            (json!([]), "it is a list"),
            (json!(null), "it is null"),
            (json!({"metadata": "x"}), "`metadata` is a text"),
            (json!({"metadata": {"labels": []}}), "`metadata.labels` is a list"),
            (json!({"spec": 1}), "`spec` is a number"),
            (json!({"items": {}}), "`items` is an object"),
            (json!({"items": [{}, true]}), "in item 1, it is a truth value"),
            (json!({"items": [{"data": "x"}]}), "in item 0, `data` is a text"),
        ] {
            assert_eq!(oddity(&answer).as_deref(), Some(what));
        }
        assert_eq!(oddity(&json!({"metadata": null, "items": [{"spec": {}}]})), None);
        assert_eq!(
            oddity(&json!({"kind": "Status", "status": "Success", "metadata": {}})),
            None,
            "the answer to a delete"
        );
    }
}
