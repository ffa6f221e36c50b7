//! What a container may do: the security profile of built images, and the fields of a container's security context that
//! Docker has too.

use super::node::{Map, Node, list};
use super::planning::Planning;
use crate::app::Workload;
use crate::config::{ResourceSecurity, Security};
use serde_json::{Map as JsonMap, Value as Json};

/// Keys of a security context that change nothing here: Docker's own profile is the runtime's default, and no image can be
/// asked for its user before it runs.
const WITHOUT_EFFECT: [&str; 2] = ["seccompProfile", "runAsNonRoot"];

/// The keys of a service about its rights.
pub(super) fn rights(planning: &mut Planning, workload: &Workload) -> Map {
    let intent = planning.intent(workload);
    let is_restricted = workload.is_built()
        && matches!(
            planning.config.security_of(&workload.name),
            Some(ResourceSecurity::Word(Security::Restricted) | ResourceSecurity::Image(_))
        );
    let none = JsonMap::new();
    let said = intent.security_context.as_ref().unwrap_or(&none);
    let flag = |key: &str| said.get(key).and_then(Json::as_bool);
    let escalates = flag("allowPrivilegeEscalation").unwrap_or(!workload.is_built());
    let names = |key: &str| {
        let listed = said.get("capabilities").and_then(|capabilities| capabilities.get(key)).and_then(Json::as_array);
        listed.map(|names| names.iter().filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>())
    };
    let dropped = names("drop").or_else(|| is_restricted.then(|| vec!["ALL".to_owned()])).unwrap_or_default();
    let options = (!escalates).then(|| Node::literal("no-new-privileges:true"));
    let rights = [
        ("user", user(said).map(Node::literal)),
        ("read_only", flag("readOnlyRootFilesystem").filter(|flag| *flag).map(Node::Flag)),
        ("privileged", flag("privileged").filter(|flag| *flag).map(Node::Flag)),
        ("cap_add", list(names("add").unwrap_or_default().into_iter().map(Node::literal).collect())),
        ("cap_drop", list(dropped.into_iter().map(Node::literal).collect())),
        ("security_opt", list(options.into_iter().collect())),
    ];
    for key in said.keys().filter(|key| !is_known(key)) {
        planning.note(&workload.name, format!("`securityContext.{key}` has no equivalent in a Compose file"));
    }
    super::node::map(rights)
}

fn is_known(key: &str) -> bool {
    const KNOWN: [&str; 6] =
        ["runAsUser", "runAsGroup", "readOnlyRootFilesystem", "privileged", "capabilities", "allowPrivilegeEscalation"];
    KNOWN.contains(&key) || WITHOUT_EFFECT.contains(&key)
}

/// `UID` or `UID:GID`; a group without a user has no form.
fn user(said: &JsonMap<String, Json>) -> Option<String> {
    let number = |key: &str| said.get(key).and_then(Json::as_u64);
    let user = number("runAsUser")?;
    Some(number("runAsGroup").map_or_else(|| user.to_string(), |group| format!("{user}:{group}")))
}
