//! `schema`: the JSON schemas of aspire-k8s.yaml and of what `-o json` prints. Each is generated from the types that are read or
//! written.

use super::args::{Schema, SchemaOf};
use super::charts::Listed as Chart;
use super::plan::Json as Plan;
use super::{Exit, output};
use crate::doctor::Findings;
use crate::images::Listed as Images;
use crate::inputs::Row;
use crate::pipeline::{Event, Revision, Status};
use crate::support::diagnostic::Diagnostic;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// What a verb prints with `-o json`: its result, or why it has none.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is made")]
enum Document<T> {
    Result(T),
    Failed { errors: Vec<Diagnostic> },
}

/// Prints a schema.
pub(super) fn schema(options: &Schema) -> Exit {
    output::json(&match options.of {
        SchemaOf::Config => crate::config::schema(),
        SchemaOf::Events => of::<Event>("events"),
        SchemaOf::Plan => of::<Document<Plan>>("plan"),
        SchemaOf::Status => of::<Document<Status>>("status"),
        SchemaOf::History => of::<Document<Vec<Revision>>>("history"),
        SchemaOf::Doctor => of::<Document<Findings>>("doctor"),
        SchemaOf::Inputs => of::<Document<Vec<Row>>>("inputs"),
        SchemaOf::Images => of::<Document<Images>>("images"),
        SchemaOf::Charts => of::<Vec<Chart>>("charts"),
    });
    Exit::Done
}

fn of<T: JsonSchema>(name: &str) -> Value {
    let settings = SchemaSettings::draft07().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    schema["$id"] = json!(format!("urn:kubectl-aspire:{name}:v1"));
    schema["title"] = json!(name);
    schema
}
