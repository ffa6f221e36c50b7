//! Plans all `ingresses:` and `gateways:` of a chart.

use super::shared::{GATEWAYS, INGRESSES, Routes, Surroundings};
use super::{gateway, ingress};
use crate::app::{Note, check_route_secrets};
use crate::config::Config;
use crate::support::diagnostic::Diagnostics;
use crate::targets::kubernetes::values::Tree;

/// Plans all routes.
pub(crate) fn plan(
    config: &Config,
    around: &Surroundings,
    notes: &mut Vec<Note>,
    diagnostics: &mut Diagnostics,
) -> Routes {
    let mut routes = Routes::default();
    check_route_secrets(config, &around.app.inputs, diagnostics);
    let (mut ingresses, mut gateways) = (Tree::default(), Tree::default());
    for (name, ingress) in &config.ingresses {
        ingress::plan(name, ingress, config, around, &mut routes, notes, diagnostics);
        ingresses.tree(name, "", ingress::values(name, ingress, &config.cert_manager));
    }
    for (name, gateway) in &config.gateways {
        gateway::plan(name, gateway, around, &mut routes, notes, diagnostics);
        gateways.tree(name, "", gateway::values(name, gateway, &config.cert_manager));
    }
    routes.values = [(INGRESSES, ingresses), (GATEWAYS, gateways)];
    routes
}
