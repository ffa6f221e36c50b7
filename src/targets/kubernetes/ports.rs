//! Ports of containers and Services.

use super::name::port_name;
use super::view::{ContainerPort, ServicePort};
use crate::app::{App, Workload};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use std::collections::{BTreeMap, BTreeSet};

/// Port names by (resource, binding). They are the endpoint names, made legal and unique within the workload.
pub(crate) fn port_names(app: &App) -> BTreeMap<(String, String), String> {
    let mut names = BTreeMap::new();
    for (resource, workload) in &app.workloads {
        let mut taken = BTreeSet::new();
        for binding in workload.ports.keys() {
            let name = port_name(binding, &taken);
            taken.insert(name.clone());
            names.insert((resource.clone(), binding.clone()), name);
        }
    }
    names
}

/// The ports of a workload's container and Service.
///
/// Several bindings may share a number (http and https behind one port): Kubernetes wants each (number, protocol) once.
pub(crate) fn ports(
    workload: &Workload,
    names: &BTreeMap<(String, String), String>,
    diagnostics: &mut Diagnostics,
) -> (Vec<ContainerPort>, Vec<ServicePort>) {
    let mut containers: BTreeMap<(u16, bool), String> = BTreeMap::new();
    let mut services: BTreeMap<(u16, bool), (String, u16)> = BTreeMap::new();
    let (mut container_ports, mut service_ports) = (Vec::new(), Vec::new());
    for (binding, port) in &workload.ports {
        let Some(name) = names.get(&(workload.name.clone(), binding.clone())) else { continue };
        let protocol = if port.udp { "UDP" } else { "TCP" };
        let target = containers.entry((port.process, port.udp)).or_insert_with(|| {
            container_ports.push(ContainerPort { name: name.clone(), protocol });
            name.clone()
        });
        match services.get(&(port.client, port.udp)) {
            Some((other, process)) if *process != port.process => diagnostics.push(
                Diagnostic::new(
                    Code::PortCollision,
                    format!("resources.{}.bindings.{binding}", workload.name),
                    format!("it needs port {} of the Service, which binding `{other}` already uses", port.client),
                )
                .hint("set another `port` for one of them in the AppHost"),
            ),
            Some(_) => {}
            None => {
                services.insert((port.client, port.udp), (binding.clone(), port.process));
                let h2c = port.transport == "http2" && port.scheme != "https";
                service_ports.push(ServicePort {
                    name: name.clone(),
                    target: target.clone(),
                    protocol,
                    app_protocol: h2c.then_some("kubernetes.io/h2c"),
                });
            }
        }
    }
    (container_ports, service_ports)
}
