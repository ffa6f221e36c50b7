//! The bill of materials of a platform: every crate that is in its program, in `CycloneDX`.

use crate::project::{metadata, package};
use crate::{Error, Platform, Project, write};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Writes it into a folder.
pub(crate) fn write_to(project: &Project, platform: &Platform, out: &Path) -> Result<PathBuf, Error> {
    let metadata = metadata(&project.root, &["--filter-platform", platform.target])?;
    let bill = serde_json::to_vec_pretty(&bill(project, &metadata)?)?;
    let name = format!("kubectl-aspire-{}-{}-{}.cdx.json", project.version, platform.os, platform.arch);
    write(out.join(name), &bill)
}

fn bill(project: &Project, metadata: &Value) -> Result<Value, Error> {
    let root = package(metadata, "kubectl-aspire").and_then(|root| root["id"].as_str()).ok_or("no root package")?;
    let used = reached(metadata, root);
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let is_used = |it: &&Value| it["id"].as_str().is_some_and(|id| id != root && used.contains(id));
    let mut components: Vec<Value> = packages.filter(is_used).map(component).collect();
    components.sort_by_key(|component| component["purl"].to_string());
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {
            "type": "application",
            "name": "kubectl-aspire",
            "version": project.version,
            "licenses": [{"expression": project.license}],
        }},
        "components": components,
    }))
}

fn component(package: &Value) -> Value {
    let (name, version) = (text(&package["name"]), text(&package["version"]));
    let mut component =
        json!({"type": "library", "name": name, "version": version, "purl": format!("pkg:cargo/{name}@{version}")});
    if let Some(license) = package["license"].as_str() {
        // An old form of `OR` that SPDX does not know.
        component["licenses"] = json!([{"expression": license.replace('/', " OR ")}]);
    }
    component
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What the program is linked with: the packages that lead from the root by normal dependencies, not by those of tests or
/// of build scripts.
fn reached<'a>(metadata: &'a Value, root: &'a str) -> BTreeSet<&'a str> {
    let nodes: Vec<&Value> = metadata["resolve"]["nodes"].as_array().into_iter().flatten().collect();
    let (mut found, mut next) = (BTreeSet::from([root]), vec![root]);
    while let Some(id) = next.pop() {
        let node = nodes.iter().filter(|node| node["id"] == id);
        for dependency in node.flat_map(|node| node["deps"].as_array().into_iter().flatten()) {
            let mut kinds = dependency["dep_kinds"].as_array().into_iter().flatten();
            let package = text(&dependency["pkg"]);
            if kinds.any(|kind| kind["kind"].is_null()) && found.insert(package) {
                next.push(package);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_linked_is_in_the_bill() {
        let node = |id: &str, deps: &[(&str, Option<&str>)]| {
            let deps = deps.iter().map(|(pkg, kind)| json!({"pkg": pkg, "dep_kinds": [{"kind": kind}]}));
            json!({"id": id, "deps": deps.collect::<Vec<_>>()})
        };
        let nodes = json!([
            node("root", &[("a", None), ("test", Some("dev")), ("script", Some("build"))]),
            node("a", &[("b", None)]),
            node("b", &[]),
            node("test", &[("c", None)]),
        ]);
        let metadata = json!({"resolve": {"nodes": nodes}});
        assert_eq!(reached(&metadata, "root"), BTreeSet::from(["a", "b", "root"]));
    }
}
