//! The JSON schema of the file, generated from the types, so that the published schema is the one that
//! [`super::parse()`] enforces.

use super::Config;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::{Map, Value, json};

/// What `apiVersion` says.
pub(super) const API_VERSION: &str = "aspire-k8s/v1";

/// The JSON schema (draft 7, which every editor knows) of `aspire-k8s.yaml`; always the same bytes.
#[must_use]
pub(crate) fn schema() -> Value {
    let mut made =
        SchemaSettings::draft07().with_transform(Strict).into_generator().into_root_schema_for::<Config>().to_value();
    made["properties"]["apiVersion"]["enum"] = json!([API_VERSION]);
    // A u16 of the types, but no port is 0.
    for key in ["ports", "nodePorts"] {
        made["definitions"]["Service"]["properties"][key]["additionalProperties"]["minimum"] = json!(1);
    }
    let external = "The same, with the defaults of `secrets.externalSecrets`.";
    word_alone(&mut made["definitions"]["SecretSource"], "external-secrets", external);
    word_alone(&mut made["definitions"]["RunAs"], "job", "The same, with the defaults.");
    let mut out = Map::new();
    out.insert("$schema".to_owned(), made["$schema"].take());
    out.insert("$id".to_owned(), "urn:kubectl-aspire:aspire-k8s:v1".into());
    out.insert("title".to_owned(), "aspire-k8s.yaml".into());
    let description =
        "Deployment configuration of a .NET Aspire application: settings that its manifest does not contain.";
    out.insert("description".to_owned(), description.into());
    if let Value::Object(made) = made {
        for (key, value) in made {
            out.entry(key).or_insert(value);
        }
    }
    Value::Object(out)
}

/// What has no required key may stand as a word alone.
fn word_alone(choice: &mut Value, word: &str, description: &str) {
    let word = json!({"type": "string", "const": word, "description": description});
    if let Some(choices) = choice["oneOf"].as_array_mut() {
        let words = choices.iter().take_while(|choice| choice["const"].is_string()).count();
        choices.insert(words, word);
    }
}

/// A key is either left out or has a value: no null but where null itself means something (a map's entry), and no
/// defaults that only say "nothing".
#[derive(Clone)]
struct Strict;

impl Transform for Strict {
    fn transform(&mut self, schema: &mut schemars::Schema) {
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.values_mut().for_each(without_null);
        }
        transform_subschemas(self, schema);
    }
}

fn without_null(property: &mut Value) {
    let Value::Object(property) = property else { return };
    if !property.get("default").is_some_and(Value::is_boolean) {
        property.shift_remove("default");
    }
    if let Some(Value::Array(types)) = property.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            property.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(mut choices)) = property.shift_remove("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
        property.insert("allOf".to_owned(), Value::Array(choices));
    }
}
