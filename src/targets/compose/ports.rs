//! Ports of a service: external endpoints are published on the host, others are reached by other services alone.

use super::node::{Node, list};
use super::planning::Planning;
use super::text::{Piece, Text};
use super::variables::Variable;
use crate::app::{Port, Workload};
use std::collections::BTreeSet;

/// `ports:` and `expose:` of a service.
pub(super) fn ports(planning: &mut Planning, workload: &Workload) -> (Option<Node>, Option<Node>) {
    let is_dashboard = planning.config.dashboard.as_ref().is_some_and(|it| it.name() == workload.name);
    let (mut published, mut internal, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    // An endpoint that is published is not exposed again under another name.
    let external = |binding: &str, port: &Port| port.external || (is_dashboard && binding == "http");
    let (public, others): (Vec<_>, Vec<_>) = workload.ports.iter().partition(|(binding, port)| external(binding, port));
    for (binding, port) in public {
        if seen.insert((port.process, port.udp)) {
            published.push(Node::Text(publish(planning, workload, binding, port, is_dashboard)));
        }
    }
    for (_, port) in others {
        if seen.insert((port.process, port.udp)) {
            internal.push(Node::literal(of_container(port)));
        }
    }
    (list(published), list(internal))
}

fn of_container(port: &Port) -> String {
    format!("{}{}", port.process, if port.udp { "/udp" } else { "" })
}

/// A published port. The port of the host is a variable, because it is a fact of the host. The dashboard is for those who
/// are on the host.
fn publish(planning: &mut Planning, workload: &Workload, binding: &str, port: &Port, is_dashboard: bool) -> Text {
    let replicas = planning.intent(workload).replicas.unwrap_or(1).max(1);
    let value = planning.host_ports.take(port.client, port.udp, replicas);
    let service = planning.service(&workload.name);
    let plural = if replicas > 1 { "ports" } else { "port" };
    let about = format!(
        "{plural} of the host for the endpoint {} of {service}",
        super::variables::legal(binding).to_lowercase()
    );
    match (&value, replicas) {
        (None, _) => {
            let what =
                format!("there is no free port of the host for its endpoint `{binding}`: set the variable in `.env`");
            planning.note(&workload.name, what);
        }
        (Some(value), 2..) => {
            let what = format!(
                "Compose has no load balancer: each of its {replicas} containers has a port of the host of its own, {value}; \
                run a proxy before them"
            );
            planning.note(&workload.name, what);
        }
        (Some(value), _) if *value != port.client.to_string() => {
            let what = format!(
                "port {} of the host is taken by another service, so its endpoint `{binding}` is published on {value}",
                port.client
            );
            planning.note(&workload.name, what);
        }
        _ => {}
    }
    let variable = Variable { secret: false, may_be_empty: false, value, about };
    let host = planning.variables.add(&format!("{service}_{binding}_PORT"), variable);
    let mut text = Text::literal(if is_dashboard { "127.0.0.1:" } else { "" });
    text.push(host);
    text.push(Piece::Literal(format!(":{}", of_container(port))));
    text
}
