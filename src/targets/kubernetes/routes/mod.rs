//! `ingresses:` and `gateways:` to what their templates see, and to values.
//!
//! Pure. Which resource answers is decided here; hosts, classes, certificates and annotations are values, because
//! environments change them. What a text refers to is filled in by the chart (`aspire.text`).

pub mod backend;
pub mod controllers;
pub mod gateway;
pub mod ingress;
mod plan;
mod shared;
mod views;

pub use controllers::table as controllers;
pub use plan::plan;
pub use shared::{Discovering, GATEWAYS, INGRESSES, Routes, Surroundings};
pub use views::{GatewayView, IngressView, ListenerView, PathView, RouteView, RuleView};
