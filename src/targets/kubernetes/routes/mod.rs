//! `ingresses:` and `gateways:` as views for their templates, and as values.
//!
//! Pure. The backend of a route is decided here; hosts, classes, certificates and annotations are values, because
//! environments change them. The chart resolves references in strings (`aspire.text`).

pub(crate) mod backend;
pub(crate) mod controllers;
pub(crate) mod gateway;
pub(crate) mod ingress;
mod plan;
mod shared;
mod views;

pub(crate) use plan::plan;
pub(crate) use shared::{Discovering, GATEWAYS, INGRESSES, Routes, Surroundings};
pub(crate) use views::{GatewayView, RouteView};
