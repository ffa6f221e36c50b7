//! Which live claim belongs to which volume: an existing one takes precedence over the naming rule. Pure.
//!
//! A claim is found by its labels (instance, component, volume), else by the mounts of the live pods, else by its name,
//! else, if no pods run, by its mount-path annotation. It must be owned by this release: anyone in the namespace can
//! write a label, and helm would not change it.

use crate::k8s::labels;
use crate::k8s::object::{annotation, label, name_of};
use crate::k8s::ownership::ReleaseName;
use crate::pipeline::release::workloads::Live;
use crate::targets::kubernetes::{Claim, Plan};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Claims that continue under the name that they have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Adopted {
    /// Live names by those that the chart would give.
    names: BTreeMap<String, String>,
    /// The plan with the live names.
    plan: Plan,
}

impl Adopted {
    /// Finds them; none if every claim is called as the chart calls it.
    pub(crate) fn find(plan: &Plan, release: ReleaseName, live: &Live, claims: &[Json]) -> Option<Self> {
        let names = names(plan, release, live, claims);
        if names.is_empty() {
            return None;
        }
        let mut plan = plan.clone();
        let rename = |name: &mut String| {
            if let Some(live) = names.get(name) {
                name.clone_from(live);
            }
        };
        plan.workloads.iter_mut().flat_map(|workload| &mut workload.claims).for_each(|claim| rename(&mut claim.name));
        plan.secrets.values_mut().flat_map(|secret| &mut secret.claims).for_each(rename);
        Some(Self { names, plan })
    }

    /// The plan with the live names.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What helm must be given, by workload.
    pub(crate) fn values(&self) -> Json {
        let mut workloads = json!({});
        for claim in
            self.plan.claims().filter(|claim| !claim.per_replica && self.names.values().any(|name| *name == claim.name))
        {
            workloads[&claim.workload]["volumes"][&claim.key] = json!({"claimName": claim.name});
        }
        workloads
    }

    /// What a user should know of it.
    pub(crate) fn sentences(&self) -> impl Iterator<Item = String> {
        self.names.iter().map(|(name, live)| {
            format!("the existing PVC {live} is mounted instead of {name}, the name in a new chart")
        })
    }
}

/// Live names of claims that the chart would call otherwise.
fn names(plan: &Plan, release: ReleaseName, live: &Live, claims: &[Json]) -> BTreeMap<String, String> {
    let ours: Vec<&Json> = claims
        .iter()
        .filter(|claim| release.owns(claim) && label(claim, labels::INSTANCE).is_none_or(|name| name == release.name))
        .filter(|claim| claim["metadata"]["deletionTimestamp"].is_null())
        .collect();
    let all: Vec<&Claim> = plan.claims().filter(|claim| !claim.per_replica).collect();
    let search = Search { ours, all: &all, mounts: mounts(release, live) };
    let mut taken: BTreeSet<&str> = all.iter().filter(|claim| claim.pinned).map(|claim| &*claim.name).collect();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut new: Vec<(String, String)> = Vec::new();
    let rules: [fn(&Search, &Claim, &str) -> bool; 4] = [
        |search, claim, name| search.by_label(claim, name),
        |search, claim, name| search.by_mount(claim, name),
        |search, claim, name| search.by_name(claim, name),
        |search, claim, name| search.by_memory(claim, name),
    ];
    for rule in rules {
        for claim in all.iter().filter(|claim| !claim.pinned) {
            if found.contains_key(&claim.name) {
                continue;
            }
            let is_free = |name: &&str| !taken.contains(name) && rule(&search, claim, name);
            let fitting: Vec<&str> = search.ours.iter().map(|object| name_of(object)).filter(is_free).collect();
            // Where several fit, the one that is in use is the one that holds the data.
            let one = match fitting.as_slice() {
                [] => continue,
                [one] => one,
                several => {
                    let used = several.iter().find(|name| search.by_mount(claim, name));
                    let named = several.iter().find(|name| **name == claim.name);
                    match used.or(named) {
                        Some(one) => one,
                        None => continue,
                    }
                }
            };
            taken.insert(one);
            found.insert(claim.name.clone(), (*one).to_owned());
        }
    }
    // A new claim does not get the name of one that continues for another volume.
    let mut used: BTreeSet<String> = taken.into_iter().map(str::to_owned).collect();
    for claim in all.iter().filter(|claim| !claim.pinned && !found.contains_key(&claim.name)) {
        let names =
            (1..).map(|number| if number == 1 { claim.name.clone() } else { format!("{}-{number}", claim.name) });
        new.extend(names.into_iter().find(|name| used.insert(name.clone())).map(|name| (claim.name.clone(), name)));
    }
    found.extend(new);
    found.retain(|name, live| name != live);
    found
}

/// What claims are looked for in.
struct Search<'a> {
    /// Live claims of the release.
    ours: Vec<&'a Json>,
    /// The claims of the chart.
    all: &'a [&'a Claim],
    /// Live workloads of the release, by component: folders in the container and their claims.
    mounts: BTreeMap<&'a str, BTreeMap<&'a str, &'a str>>,
}

impl Search<'_> {
    fn object(&self, name: &str) -> &Json {
        self.ours.iter().find(|object| name_of(object) == name).copied().unwrap_or(&Json::Null)
    }

    /// Whether the live claim says that it is for this volume.
    fn by_label(&self, claim: &Claim, name: &str) -> bool {
        let object = self.object(name);
        label(object, labels::COMPONENT) == Some(&claim.workload) && label(object, labels::VOLUME) == Some(&claim.key)
    }

    /// Whether the live pods mount it where the volume is mounted, and no other volume of the chart has a better claim to it.
    fn by_mount(&self, claim: &Claim, name: &str) -> bool {
        let mounted = self.mounts.get(&*claim.workload).and_then(|mounts| mounts.get(folder(&claim.mount_path)));
        mounted.is_some_and(|mounted| *mounted == name) && !self.is_of_another(claim, name)
    }

    /// Whether it is called as the chart calls it, and says nothing else.
    fn by_name(&self, claim: &Claim, name: &str) -> bool {
        name == claim.name && label(self.object(name), labels::VOLUME).is_none_or(|volume| volume == claim.key)
    }

    /// When nothing runs: whether it was mounted where the volume is, or is called as Aspire called it before.
    fn by_memory(&self, claim: &Claim, name: &str) -> bool {
        let object = self.object(name);
        if self.mounts.contains_key(&*claim.workload)
            || label(object, labels::COMPONENT) != Some(&claim.workload)
            || self.is_of_another(claim, name)
        {
            return false;
        }
        match annotation(object, labels::MOUNT_PATH) {
            Some(path) => folder(path) == folder(&claim.mount_path),
            None => name.strip_prefix(&*claim.workload).is_some_and(|rest| rest.ends_with(&format!("-{}", claim.key))),
        }
    }

    /// Whether another volume of the chart is called like the live claim, or the claim says that it is for it.
    fn is_of_another(&self, claim: &Claim, name: &str) -> bool {
        let volume = label(self.object(name), labels::VOLUME);
        let mut others = self.all.iter().filter(|other| other.name != claim.name);
        others.any(|other| other.name == name || (other.workload == claim.workload && volume == Some(&other.key)))
    }
}

/// What the live workloads of the release mount, by their component.
fn mounts<'a>(release: ReleaseName, live: &'a Live) -> BTreeMap<&'a str, BTreeMap<&'a str, &'a str>> {
    let mut found: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    let workloads = ["Deployment", "StatefulSet"].into_iter().filter_map(|kind| live.get(kind)).flatten();
    for workload in workloads.filter(|object| release.owns(object)) {
        let pod = &workload["spec"]["template"]["spec"];
        let list = |value: &'a Json| value.as_array().into_iter().flatten();
        let component = label(workload, labels::COMPONENT).unwrap_or_else(|| name_of(workload));
        let of_workload = found.entry(component).or_default();
        for volume in list(&pod["volumes"]) {
            let (Some(name), Some(claim)) =
                (volume["name"].as_str(), volume["persistentVolumeClaim"]["claimName"].as_str())
            else {
                continue;
            };
            let mounts = list(&pod["containers"]).flat_map(|container| list(&container["volumeMounts"]));
            let paths = mounts.filter(|mount| mount["name"] == name).filter_map(|mount| mount["mountPath"].as_str());
            of_workload.extend(paths.map(|path| (folder(path), claim)));
        }
    }
    found
}

/// A path as it is compared.
fn folder(path: &str) -> &str {
    path.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Storage;
    use crate::targets::kubernetes::{PlannedWorkload, WorkloadView};

    const RELEASE: ReleaseName<'_> = ReleaseName { name: "shop", namespace: "n" };

    /// A plan with volumes of the workload `pg`: key and path.
    fn plan(volumes: &[(&str, &str)]) -> Plan {
        let claim = |(key, path): &(&str, &str)| Claim {
            name: format!("pg-{key}"),
            workload: "pg".into(),
            key: (*key).into(),
            storage: Storage::default(),
            volume_name: None,
            per_replica: false,
            sub_path: "data".into(),
            mount_path: (*path).into(),
            pinned: false,
        };
        let workload = PlannedWorkload {
            resource: "pg".into(),
            view: WorkloadView::default(),
            claims: volumes.iter().map(claim).collect(),
            claim_views: Vec::new(),
            external: Vec::new(),
            changed_by: Vec::new(),
        };
        Plan { workloads: vec![workload], ..Plan::default() }
    }

    /// A live claim of the release with the label, if any.
    fn claim(name: &str, volume: Option<&str>) -> Json {
        json!({"metadata": {
            "name": name,
            "labels": {labels::COMPONENT: "pg", labels::VOLUME: volume, labels::INSTANCE: "shop", labels::MANAGED_BY: "Helm"},
            "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"},
        }})
    }

    /// The live workload with these claims at these paths.
    fn live(claims: &[(&str, &str)]) -> Live {
        let volumes: Vec<Json> = claims
            .iter()
            .map(|(name, _)| json!({"name": name, "persistentVolumeClaim": {"claimName": name}}))
            .collect();
        let mounts: Vec<Json> = claims.iter().map(|(name, path)| json!({"name": name, "mountPath": path})).collect();
        let mut set = claim("pg", None);
        set["spec"] = json!({"template": {"spec": {"volumes": volumes, "containers": [{"volumeMounts": mounts}]}}});
        [("StatefulSet", vec![set])].into_iter().collect()
    }

    fn found(plan: &Plan, live: &Live, claims: &[Json]) -> Vec<(String, String)> {
        names(plan, RELEASE, live, claims).into_iter().collect()
    }

    #[test]
    fn an_existing_claim_wins_over_every_rule_of_names() {
        let one = plan(&[("data", "/data")]);
        let to = |name: &str| vec![("pg-data".to_owned(), name.to_owned())];
        let none = Vec::new();
        for (what, live, claims, expected) in [
            ("nothing is there", Live::new(), vec![], none.clone()),
            ("the same name", live(&[("pg-data", "/data")]), vec![claim("pg-data", None)], none.clone()),
            ("mounted there", live(&[("old", "/data/")]), vec![claim("old", None)], to("old")),
            (
                "mounted there, with another label",
                live(&[("old", "/data")]),
                vec![claim("old", Some("app-db"))],
                to("old"),
            ),
            ("mounted elsewhere", live(&[("old", "/other")]), vec![claim("old", None)], none.clone()),
            ("by its label, at another path", live(&[("old", "/other")]), vec![claim("old", Some("data"))], to("old")),
            ("by its label, nothing runs", Live::new(), vec![claim("old", Some("data"))], to("old")),
            (
                "in use, though one of the name is there",
                live(&[("old", "/data")]),
                vec![claim("pg-data", None), claim("old", None)],
                to("old"),
            ),
            (
                "two with the label: the one in use",
                live(&[("new", "/data")]),
                vec![claim("old", Some("data")), claim("new", Some("data"))],
                to("new"),
            ),
            (
                "called as Aspire called it",
                Live::new(),
                vec![claim("pg-shop-apphost-data", None)],
                to("pg-shop-apphost-data"),
            ),
            ("of another volume", Live::new(), vec![claim("pg-shop-apphost-logs", None)], none.clone()),
        ] {
            assert_eq!(found(&one, &live, &claims), expected, "{what}");
        }
        let mut remembered = claim("old", Some("before"));
        remembered["metadata"]["annotations"][labels::MOUNT_PATH] = json!("/data");
        assert_eq!(found(&one, &Live::new(), &[remembered]), to("old"));
    }

    #[test]
    fn a_new_claim_does_not_get_the_name_of_another() {
        // `b` was called `a` before and kept its claim; now there is an `a` again.
        let two = plan(&[("a", "/x"), ("b", "/y")]);
        let names = found(&two, &live(&[("pg-a", "/y")]), &[claim("pg-a", Some("b"))]);
        assert_eq!(names, [("pg-a".to_owned(), "pg-a-2".to_owned()), ("pg-b".to_owned(), "pg-a".to_owned())]);
    }

    #[test]
    fn what_is_not_of_the_release_is_left_alone() {
        let one = plan(&[("data", "/data")]);
        let mut foreign = claim("old", Some("data"));
        foreign["metadata"]["annotations"]["meta.helm.sh/release-name"] = json!("other");
        let mut bare = claim("old", Some("data"));
        bare["metadata"]["annotations"] = json!({});
        let mut going = claim("old", Some("data"));
        going["metadata"]["deletionTimestamp"] = json!("now");
        for claim in [foreign, bare, going] {
            assert_eq!(found(&one, &live(&[("old", "/data")]), &[claim]), []);
        }
        let mut pinned = plan(&[("data", "/data")]);
        pinned.workloads[0].claims[0].pinned = true;
        assert_eq!(found(&pinned, &live(&[("old", "/data")]), &[claim("old", Some("data"))]), []);
    }

    #[test]
    fn volumes_that_change_places_keep_their_claims() {
        let swapped = plan(&[("a", "/y"), ("b", "/x")]);
        let now = live(&[("pg-a", "/x"), ("pg-b", "/y")]);
        for label in [true, false] {
            let claims = ["a", "b"].map(|key| claim(&format!("pg-{key}"), label.then_some(key)));
            assert_eq!(found(&swapped, &now, &claims), [], "by label: {label}");
        }
        // A new volume takes the place, and the old one is still there elsewhere.
        let both = plan(&[("new", "/x"), ("a", "/y")]);
        assert_eq!(found(&both, &live(&[("pg-a", "/x")]), &[claim("pg-a", None)]), []);
    }

    #[test]
    fn the_plan_and_the_values_have_the_live_name() {
        let one = plan(&[("data", "/data")]);
        let adopted = Adopted::find(&one, RELEASE, &live(&[("old", "/data")]), &[claim("old", None)]).unwrap();
        assert_eq!(adopted.plan().claims().next().unwrap().name, "old");
        assert_eq!(adopted.values(), json!({"pg": {"volumes": {"data": {"claimName": "old"}}}}));
        assert!(adopted.sentences().next().unwrap().contains("existing PVC old is mounted"));
        assert!(Adopted::find(&one, RELEASE, &Live::new(), &[]).is_none());
    }
}
