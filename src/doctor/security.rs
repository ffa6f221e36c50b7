//! Pod Security: the rules of a level that the pods of a chart would violate.
//!
//! The rules are those of <https://kubernetes.io/docs/concepts/security/pod-security-standards/>. The API server
//! decides: it knows exemptions, and newer rules ([`super::trials()`]).

use super::pods::{Pods, pods};
use super::{Finding, Verdict, or_ok};
use crate::k8s::error::Error;
use crate::k8s::object::{label, text};
use serde_json::Value as Json;

const CHECK: &str = "pod-security";
const LABEL: &str = "pod-security.kubernetes.io/enforce";

/// Capabilities that the level baseline lets be added.
const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// Kernel parameters that the level baseline lets be set.
const SYSCTLS: [&str; 10] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_syncookies",
];
/// Types of `SELinux` labels that the level baseline lets be set.
const SELINUX: [&str; 5] = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
/// Volumes that the level restricted lets be mounted.
const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// The level that the namespace enforces; none when it says nothing.
pub(super) fn level(namespace: &Json) -> Option<&str> {
    label(namespace, LABEL).filter(|level| ["baseline", "restricted"].contains(level))
}

/// Findings by the rules alone.
pub fn pod_security(objects: &[Json], namespace: &Result<Option<Json>, Error>) -> Vec<Finding> {
    let live = match namespace {
        Ok(Some(live)) => live,
        // A new namespace has no level; what is preset for the cluster will show.
        Ok(None) => return Vec::new(),
        Err(error) => return vec![Finding::unread(CHECK, "labels of the namespace", error)],
    };
    let Some(level) = level(live) else {
        return vec![Finding::new(CHECK, Verdict::Ok, "", "the namespace enforces no level")];
    };
    let findings = pods(objects).into_iter().filter_map(|pods| {
        let broken = broken(&pods, level);
        (!broken.is_empty()).then(|| finding(pods.name(), level, &broken.join(", ")))
    });
    or_ok(findings.collect(), CHECK, "", format!("every pod complies with the level {level}"))
}

/// The finding about the pods of one workload.
pub(super) fn finding(workload: &str, level: &str, reason: &str) -> Finding {
    let fix = match level {
        "restricted" => format!(
            "set `security: restricted` (`defaults` or resources.{workload}; for images that are not built, it needs \
             `compatibility: 3`), or deploy to a namespace with another level"
        ),
        _ => format!(
            "remove it from `podSecurityContext` or `securityContext` of resources.{workload}, or deploy to a \
            namespace with another level"
        ),
    };
    let reason = format!("the namespace enforces the level {level}: {reason}");
    Finding::new(CHECK, Verdict::Failed, format!("pods of {workload}"), reason).fix(fix)
}

/// What pods break of a level.
pub(super) fn broken(pods: &Pods<'_>, level: &str) -> Vec<String> {
    let mut broken = baseline(pods);
    if level == "restricted" {
        broken.extend(restricted(pods));
    }
    broken
}

fn baseline(pods: &Pods<'_>) -> Vec<String> {
    let (spec, mut broken) = (pods.spec(), Vec::new());
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[key] == true {
            broken.push(format!("{key} is true"));
        }
    }
    for volume in list(&spec["volumes"]).filter(|volume| volume["hostPath"].is_object()) {
        broken.push(format!("volume {} is a hostPath", text(&volume["name"])));
    }
    for sysctl in list(&spec["securityContext"]["sysctls"]).map(|sysctl| text(&sysctl["name"])) {
        if !SYSCTLS.contains(&sysctl) {
            broken.push(format!("sysctl {sysctl}"));
        }
    }
    for (who, context) in contexts(pods) {
        if !SELINUX.contains(&text(&context["seLinuxOptions"]["type"]))
            || ["user", "role"].iter().any(|key| context["seLinuxOptions"][key].is_string())
        {
            broken.push(format!("{who} has seLinuxOptions"));
        }
        for profile in ["seccompProfile", "appArmorProfile"] {
            if context[profile]["type"] == "Unconfined" {
                broken.push(format!("{who} has {profile}.type Unconfined"));
            }
        }
        if context["windowsOptions"]["hostProcess"] == true {
            broken.push(format!("{who} has windowsOptions.hostProcess"));
        }
    }
    for container in containers(pods) {
        let (who, context) = (format!("container {}", text(&container["name"])), &container["securityContext"]);
        if context["privileged"] == true {
            broken.push(format!("{who} is privileged"));
        }
        for capability in list(&context["capabilities"]["add"]).map(text).filter(|name| !CAPABILITIES.contains(name)) {
            broken.push(format!("{who} adds the capability {capability}"));
        }
        if !matches!(text(&context["procMount"]), "" | "Default") {
            broken.push(format!("{who} has procMount {}", text(&context["procMount"])));
        }
        if list(&container["ports"]).any(|port| port["hostPort"].as_u64().is_some_and(|port| port > 0)) {
            broken.push(format!("{who} has a hostPort"));
        }
    }
    broken
}

fn restricted(pods: &Pods<'_>) -> Vec<String> {
    let (spec, mut broken) = (pods.spec(), Vec::new());
    for volume in list(&spec["volumes"]) {
        let kinds = volume.as_object().into_iter().flat_map(|map| map.keys()).filter(|key| *key != "name");
        if kinds.into_iter().any(|kind| !VOLUMES.contains(&kind.as_str()) && kind != "hostPath") {
            broken.push(format!("volume {} is of another type", text(&volume["name"])));
        }
    }
    let of_pod = &spec["securityContext"];
    for container in containers(pods) {
        let (who, own) = (format!("container {}", text(&container["name"])), &container["securityContext"]);
        let effective = |key: &str| if own[key].is_null() { &of_pod[key] } else { &own[key] };
        let capabilities = &own["capabilities"];
        let rules = [
            (own["allowPrivilegeEscalation"] == false, "allowPrivilegeEscalation: false"),
            (*effective("runAsNonRoot") == true, "runAsNonRoot: true"),
            (effective("runAsUser").as_u64() != Some(0), "a runAsUser other than 0"),
            (
                matches!(text(&effective("seccompProfile")["type"]), "RuntimeDefault" | "Localhost"),
                "seccompProfile.type: RuntimeDefault",
            ),
            (list(&capabilities["drop"]).any(|name| name == "ALL"), "capabilities.drop: [ALL]"),
            (
                list(&capabilities["add"]).all(|name| name == "NET_BIND_SERVICE"),
                "no added capability but NET_BIND_SERVICE",
            ),
        ];
        let missing: Vec<&str> = rules.into_iter().filter(|(kept, _)| !kept).map(|(_, words)| words).collect();
        if !missing.is_empty() {
            broken.push(format!("{who} needs {}", missing.join(", ")));
        }
    }
    broken
}

fn containers<'a>(pods: &Pods<'a>) -> impl Iterator<Item = &'a Json> {
    pods.containers().chain(pods.init_containers())
}

/// The security contexts of the pod and its containers, with a word for each.
fn contexts<'a>(pods: &Pods<'a>) -> Vec<(String, &'a Json)> {
    let own = containers(pods)
        .map(|container| (format!("container {}", text(&container["name"])), &container["securityContext"]));
    std::iter::once(("the pod".to_owned(), &pods.spec()["securityContext"])).chain(own).collect()
}

fn list(value: &Json) -> impl Iterator<Item = &Json> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::error::ErrorKind;
    use serde_json::json;

    fn good() -> Json {
        json!({"allowPrivilegeEscalation": false, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}, "capabilities": {"drop": ["ALL"]}})
    }

    fn check(level: &str, pod: &Json, container: &Json) -> Finding {
        let spec = json!({"securityContext": pod, "containers": [{"name": "c", "securityContext": container}]});
        let objects =
            [json!({"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"template": {"spec": spec}}})];
        pod_security(&objects, &Ok(Some(json!({"metadata": {"labels": {LABEL: level}}})))).swap_remove(0)
    }

    #[test]
    fn baseline_refuses_what_reaches_the_node() {
        for (pod, container, words) in [
            (json!({}), json!({}), ""),
            (json!({}), json!({"capabilities": {"add": ["CHOWN"]}}), ""),
            (json!({}), json!({"privileged": true}), "container c is privileged"),
            (json!({}), json!({"capabilities": {"add": ["NET_ADMIN"]}}), "adds the capability NET_ADMIN"),
            (json!({}), json!({"procMount": "Unmasked"}), "procMount"),
            (json!({"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}), json!({}), "sysctl kernel.msgmax"),
            (
                json!({"seccompProfile": {"type": "Unconfined"}}),
                json!({}),
                "the pod has seccompProfile.type Unconfined",
            ),
            (json!({"seLinuxOptions": {"type": "spc_t"}}), json!({}), "seLinuxOptions"),
        ] {
            let finding = check("baseline", &pod, &container);
            assert_eq!(finding.verdict, if words.is_empty() { Verdict::Ok } else { Verdict::Failed }, "{finding}");
            assert!(finding.reason.contains(words), "{finding}");
            assert_eq!(check("privileged", &pod, &container).verdict, Verdict::Ok);
        }
    }

    #[test]
    fn restricted_wants_every_container_tied_down() {
        assert_eq!(check("restricted", &json!({}), &good()).verdict, Verdict::Ok);
        for (key, value, words) in [
            ("allowPrivilegeEscalation", Json::Null, "allowPrivilegeEscalation: false"),
            ("runAsNonRoot", Json::Null, "runAsNonRoot: true"),
            ("runAsUser", json!(0), "runAsUser other than 0"),
            ("seccompProfile", Json::Null, "seccompProfile"),
            ("capabilities", json!({"drop": ["KILL"]}), "capabilities.drop"),
            ("capabilities", json!({"drop": ["ALL"], "add": ["CHOWN"]}), "NET_BIND_SERVICE"),
        ] {
            let mut context = good();
            context[key] = value;
            let finding = check("restricted", &json!({}), &context);
            assert!(finding.verdict == Verdict::Failed && finding.reason.contains(words), "{key} {finding}");
        }
        // What the pod says holds for its containers.
        let mut context = good();
        context["runAsNonRoot"] = Json::Null;
        assert_eq!(check("restricted", &json!({"runAsNonRoot": true}), &context).verdict, Verdict::Ok);
    }

    #[test]
    fn without_a_level_or_without_a_look_nothing_is_judged() {
        assert!(pod_security(&[], &Ok(None)).is_empty());
        assert_eq!(pod_security(&[], &Ok(Some(json!({}))))[0].verdict, Verdict::Ok);
        assert_eq!(pod_security(&[], &Err(Error::new(ErrorKind::Forbidden, "no")))[0].verdict, Verdict::Skipped);
    }
}
