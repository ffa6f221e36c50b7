//! List entries that helm's own merge loses: in helm 3, and in helm 4 for a release without server-side apply.
//!
//! Such a merge identifies entries of a list by one field, where the API server uses two: port 53 of TCP and of UDP are
//! the same entry. Creating an object is correct; a change overwrites one entry with the other, and a removal removes
//! both.

use super::keys;
use super::predict::predict;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The lists of this object in which helm would lose an entry: where, by what it tells entries apart, and the value that is
/// there more than once.
pub fn lost(last: &Json, wanted: &Json, live: &Json) -> Vec<String> {
    let next = predict(last, wanted, live);
    let mut found = BTreeSet::new();
    walk("", "", [last, wanted, live, &next], &mut found);
    found.into_iter().collect()
}

fn walk(path: &str, name: &str, sides: [&Json; 4], found: &mut BTreeSet<String>) {
    let [_, wanted, ..] = sides;
    match wanted {
        Json::Object(fields) => {
            for name in fields.keys() {
                let below = super::below(path, name);
                walk(&below, name, sides.map(|side| &side[name.as_str()]), found);
            }
        }
        Json::Array(_) => list(path, name, sides, found),
        _ => {}
    }
}

fn list(path: &str, name: &str, sides: [&Json; 4], found: &mut BTreeSet<String>) {
    let lists = sides.map(|side| side.as_array().map(Vec::as_slice).unwrap_or_default());
    let [last, wanted, live, next] = lists;
    if let Some((field, twice)) = keys::ambiguous(name, &lists)
        && (last != wanted || live != next)
    {
        found.insert(format!("`{path}` by `{field}` only, and {twice} occurs more than once"));
    }
    // Containers and the like are told apart well; what is in them may not be.
    let Some(all) = keys::merged(name, &lists) else { return };
    let places: Vec<_> = all.iter().map(|keys| keys::places(keys)).collect();
    for (index, entry) in wanted.iter().enumerate() {
        let key = &all[1][index];
        let same = |side: usize| places[side].get(key.as_str()).map_or(&Json::Null, |at: &usize| &lists[side][*at]);
        walk(&format!("{path}[{key}]"), "", [same(0), entry, same(2), same(3)], found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(ports: &[(u16, &str, u16)]) -> Json {
        let port = |(number, protocol, target): &(u16, &str, u16)| json!({"name": format!("p{number}{protocol}"), "port": number, "protocol": protocol, "targetPort": target});
        let ports: Vec<Json> = ports.iter().map(port).collect();
        json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": ports}})
    }

    #[test]
    fn a_change_beside_an_entry_of_the_same_number_is_lost() {
        let (tcp, udp, moved) = ((53, "TCP", 53), (53, "UDP", 53), (5353, "UDP", 5353));
        let (one, both, away) = (service(&[tcp]), service(&[tcp, udp]), service(&[tcp, moved]));
        for (last, wanted, live, expected) in [
            (&one, &both, &one, 1),
            (&both, &away, &both, 1),
            (&both, &one, &both, 1),
            // An entry that was lost before cannot come back so either.
            (&both, &both, &one, 1),
            (&both, &both, &both, 0),
            (&one, &away, &one, 0),
            (&one, &one, &one, 0),
        ] {
            let found = lost(last, wanted, live);
            assert_eq!(found.len(), expected, "{last} {wanted} {live}: {found:?}");
        }
        let found = lost(&one, &both, &one).remove(0);
        assert_eq!(found, "`spec.ports` by `port` only, and 53 occurs more than once");
    }

    #[test]
    fn ports_of_containers_and_other_lists_of_two_keys_are_looked_at() {
        let pod = |ports: Json, spread: Json| {
            let spec = json!({"containers": [{"name": "dns", "ports": ports}], "topologySpreadConstraints": spread});
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": spec}}})
        };
        let tcp = json!({"containerPort": 53, "protocol": "TCP"});
        let udp = json!({"containerPort": 53, "protocol": "UDP"});
        let zone = |when: &str| json!({"topologyKey": "zone", "whenUnsatisfiable": when, "maxSkew": 1});
        let before = pod(json!([tcp]), json!([zone("DoNotSchedule")]));
        let after = pod(json!([tcp, udp]), json!([zone("DoNotSchedule"), zone("ScheduleAnyway")]));
        let found = lost(&before, &after, &before);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("containers[name=dns].ports` by `containerPort`"), "{found:?}");
        assert_eq!(lost(&after, &after, &after), [""; 0]);
    }
}
