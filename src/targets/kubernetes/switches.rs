//! The templates of workloads that a value turns off: `workloads.NAME.enabled`. All of their objects exist, or none.

use super::patches::start_of_object;
use super::planned::Plan;
use super::text;

/// The template of an object that exists only while its workload is enabled; none if it always does. Definitions for other
/// templates in it stay. `folder` is the folder of the object, which only objects of workloads share.
pub(crate) fn switched(plan: &Plan, folder: Option<&str>, template: &str) -> Option<String> {
    let name = folder?;
    plan.workloads.iter().find(|workload| workload.view.name == name && workload.view.switched)?;
    let (definitions, object) = template.split_at(start_of_object(template));
    let name = text::go(name);
    Some(format!("{definitions}{{{{- if (index .Values.workloads {name}).enabled }}}}\n{object}{{{{- end }}}}\n"))
}
