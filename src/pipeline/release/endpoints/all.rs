//! All URLs of an application.

use super::objects::Endpoint;
use super::{gateways, objects};
use serde_json::Value as Json;

/// How what is among these live objects is reached.
pub(crate) fn endpoints(live: &[&Json]) -> Vec<Endpoint> {
    let mut all: Vec<Endpoint> = live.iter().flat_map(|object| objects::of(object)).collect();
    all.extend(gateways::of(live));
    all
}
