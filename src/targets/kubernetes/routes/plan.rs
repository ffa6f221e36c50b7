//! All `ingresses:` and `gateways:` of a chart.

use super::shared::{GATEWAYS, INGRESSES, Routes, Surroundings};
use super::{gateway, ingress};
use crate::app::{Note, check_route_secrets};
use crate::config::Config;
use crate::support::diagnostic::Problems;
use crate::targets::kubernetes::values::Tree;

/// Plans all routes.
pub fn plan(config: &Config, around: &Surroundings, notes: &mut Vec<Note>, problems: &mut Problems) -> Routes {
    let mut routes = Routes::default();
    check_route_secrets(config, &around.app.inputs, problems);
    let (mut ingresses, mut gateways) = (Tree::default(), Tree::default());
    for (name, ingress) in &config.ingresses {
        ingress::plan(name, ingress, config, around, &mut routes, notes, problems);
        ingresses.tree(name, "", ingress::values(name, ingress, &config.cert_manager));
    }
    for (name, gateway) in &config.gateways {
        gateway::plan(name, gateway, around, &mut routes, notes, problems);
        gateways.tree(name, "", gateway::values(name, gateway, &config.cert_manager));
    }
    routes.values = [(INGRESSES, ingresses), (GATEWAYS, gateways)];
    routes
}
