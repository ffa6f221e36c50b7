//! `ingresses:` and `gateways:` to what their templates see, and to values.
//!
//! Pure. Which resource answers is decided here; hosts, classes, certificates and annotations are values, because
//! environments change them. What a text refers to is filled in by the chart (`aspire.text`).

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
