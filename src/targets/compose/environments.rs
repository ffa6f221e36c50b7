//! One Compose file for all environments. Where a text differs in an environment, it becomes a variable, whose values are in
//! `.env` and in `.env.<environment>`. An environment changes values only: any other difference is an error.

use super::node::{Map, Node};
use super::plan::Plan;
use super::text::{Piece, Text};
use super::variables::{Variable, legal};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use indexmap::{IndexMap, IndexSet};

/// A plan, and the values of each environment that differ from it, by the name of the variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merged {
    pub plan: Plan,
    pub environments: IndexMap<String, IndexMap<String, String>>,
}

/// Values that say nothing, by the last keys of their paths: what is absent in one plan has this value there.
const NEUTRAL: [(&str, &str); 4] = [("replicas", "1"), ("cpus", "0"), ("memory", "0"), ("pull_policy", "missing")];

/// Maps that may be absent.
const OPTIONAL: [&str; 4] = ["deploy", "resources", "limits", "reservations"];

/// Merges the plan of the file and those of its environments.
pub(crate) fn merge(base: Plan, others: &[(String, Plan)]) -> Result<Merged, Diagnostics> {
    let mut merging = Merging {
        variables: base.variables.clone(),
        environments: others.iter().map(|(name, _)| (name.clone(), IndexMap::new())).collect(),
        names: others.iter().map(|(name, _)| name.as_str()).collect(),
        diagnostics: Diagnostics::default(),
    };
    merging.known(&base, others);
    let documents: Vec<Node> = others.iter().map(|(_, plan)| Node::Map(plan.document.clone())).collect();
    let documents: Vec<Option<&Node>> = documents.iter().map(Some).collect();
    let document = match merging.node(&mut Vec::new(), Some(&Node::Map(base.document.clone())), &documents) {
        Some(Node::Map(map)) => map,
        _ => Map::new(),
    };
    let Merging { variables, environments, diagnostics, .. } = merging;
    diagnostics.or(Merged { plan: Plan { document, variables, ..base }, environments })
}

struct Merging<'a> {
    variables: IndexMap<String, Variable>,
    environments: IndexMap<String, IndexMap<String, String>>,
    names: Vec<&'a str>,
    diagnostics: Diagnostics,
}

impl Merging<'_> {
    /// Values of variables that every plan has.
    fn known(&mut self, base: &Plan, others: &[(String, Plan)]) {
        for (environment, plan) in others {
            for (name, variable) in &plan.variables {
                let before = base.variables.get(name).and_then(|variable| variable.value.as_ref());
                if let Some(value) = variable.value.as_ref().filter(|value| before != Some(*value)) {
                    self.set(environment, name, value);
                }
            }
        }
    }

    fn set(&mut self, environment: &str, variable: &str, value: &str) {
        if let Some(values) = self.environments.get_mut(environment) {
            values.insert(variable.to_owned(), value.to_owned());
        }
    }

    /// One node for all plans; none if no plan has it.
    fn node(&mut self, path: &mut Vec<String>, base: Option<&Node>, others: &[Option<&Node>]) -> Option<Node> {
        if others.iter().all(|other| *other == base) {
            return base.cloned();
        }
        let key = path.last().map(String::as_str).unwrap_or_default();
        let absent = absent(key);
        let all: Vec<Option<&Node>> = std::iter::once(base).chain(others.iter().copied()).collect();
        let all: Vec<Option<&Node>> = all.into_iter().map(|node| node.or(absent.as_ref())).collect();
        if let Some(at) = all.iter().position(Option::is_none) {
            // The first is the base: then some environment has what it lacks.
            let other = all.iter().skip(1).position(Option::is_some);
            self.differs(path, at.checked_sub(1).or(other).unwrap_or_default());
            return base.cloned();
        }
        let all: Vec<&Node> = all.into_iter().flatten().collect();
        match all.split_first() {
            Some((Node::Map(base), others)) => Some(self.maps(path, base, others)),
            Some((Node::List(base), others)) => Some(self.lists(path, base, others)),
            Some((base, others)) => Some(self.scalars(path, base, others)),
            None => None,
        }
    }

    fn maps(&mut self, path: &mut Vec<String>, base: &Map, others: &[&Node]) -> Node {
        let maps: Option<Vec<&Map>> =
            others.iter().map(|node| if let Node::Map(map) = node { Some(map) } else { None }).collect();
        let Some(maps) = maps else {
            self.differs(path, 0);
            return Node::Map(base.clone());
        };
        let keys: IndexSet<&String> = base.keys().chain(maps.iter().flat_map(|map| map.keys())).collect();
        let mut merged = Map::new();
        for key in keys {
            path.push(key.clone());
            let others: Vec<Option<&Node>> = maps.iter().map(|map| map.get(key)).collect();
            merged.extend(self.node(path, base.get(key), &others).map(|node| (key.clone(), node)));
            path.pop();
        }
        Node::Map(merged)
    }

    fn lists(&mut self, path: &mut Vec<String>, base: &[Node], others: &[&Node]) -> Node {
        let mut lists = Vec::new();
        for (at, other) in others.iter().enumerate() {
            match other {
                Node::List(items) if items.len() == base.len() => lists.push(items),
                _ => {
                    self.differs(path, at);
                    return Node::List(base.to_vec());
                }
            }
        }
        let mut merged = Vec::new();
        for (index, item) in base.iter().enumerate() {
            path.push(index.to_string());
            let others: Vec<Option<&Node>> = lists.iter().map(|items| items.get(index)).collect();
            merged.extend(self.node(path, Some(item), &others));
            path.pop();
        }
        Node::List(merged)
    }

    /// A variable in the place of texts that differ.
    fn scalars(&mut self, path: &[String], base: &Node, others: &[&Node]) -> Node {
        let Some(value) = plain(base) else {
            self.differs(path, 0);
            return base.clone();
        };
        let values: Vec<Option<String>> = others.iter().map(|node| plain(node)).collect();
        if let Some(at) = values.iter().position(Option::is_none) {
            self.differs(path, at);
            return base.clone();
        }
        let name = self.name(path);
        let about = format!("{} of the Compose file, which differs in an environment", path.join("."));
        self.variables
            .insert(name.clone(), Variable { secret: false, may_be_empty: true, value: Some(value.clone()), about });
        let names = self.names.clone();
        for (environment, other) in names.into_iter().zip(values.into_iter().flatten()) {
            if other != value {
                self.set(environment, &name, &other);
            }
        }
        Node::Text(Text::from(Piece::Variable { name, may_be_empty: true }))
    }

    /// `services.api.environment.LOG_LEVEL` is `API_LOG_LEVEL`.
    fn name(&self, path: &[String]) -> String {
        const LEFT_OUT: [&str; 4] = ["services", "environment", "deploy", "resources"];
        let words: Vec<&str> = path.iter().map(String::as_str).filter(|word| !LEFT_OUT.contains(word)).collect();
        let base = legal(&words.join("_"));
        let mut name = base.clone();
        let mut number = 2_u32;
        while self.variables.contains_key(&name) {
            name = format!("{base}_{number}");
            number += 1;
        }
        name
    }

    fn differs(&mut self, path: &[String], environment: usize) {
        let environment = self.names.get(environment).copied().unwrap_or_default();
        let what = format!(
            "the environment {environment} changes `{}` of the Compose file in more than a value",
            path.join(".")
        );
        let hint = "an environment of Compose replaces plain texts only: a variable, image or volume must be there in all of them, and \
            what is composed from references stays; make it a parameter, whose value an environment can change";
        let place = crate::config::intent_place(format!("environments.{environment}"));
        self.diagnostics.push(Diagnostic::new(Code::EnvironmentChangesStructure, place, what).hint(hint));
    }
}

/// What a key has where it is absent; none if that is no value.
fn absent(key: &str) -> Option<Node> {
    if OPTIONAL.contains(&key) {
        return Some(Node::Map(Map::new()));
    }
    NEUTRAL.iter().find(|(name, _)| *name == key).map(|(_, value)| Node::literal(*value))
}

/// A scalar without variables, as text.
fn plain(node: &Node) -> Option<String> {
    match node {
        Node::Text(text) => text.as_literal().map(str::to_owned),
        Node::Number(number) => Some(number.to_string()),
        Node::Flag(flag) => Some(flag.to_string()),
        Node::Map(_) | Node::List(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::compose::node::map;
    use std::collections::BTreeMap;

    fn plan(level: Option<&str>, replicas: Option<u32>, size: &str) -> Plan {
        let environment = map([("LOG_LEVEL", level.map(Node::literal))]);
        let deploy = replicas.map(|replicas| Node::Map(map([("replicas", Some(Node::Number(replicas)))])));
        let service = map([("environment", Some(Node::Map(environment))), ("deploy", deploy)]);
        let services = Map::from([("api".to_owned(), Node::Map(service))]);
        let size = Variable { secret: false, may_be_empty: true, value: Some(size.to_owned()), about: String::new() };
        Plan {
            project: "shop".into(),
            document: Map::from([("services".to_owned(), Node::Map(services))]),
            variables: IndexMap::from([("SIZE".to_owned(), size)]),
            files: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn what_differs_becomes_a_variable() {
        let others =
            [("a".to_owned(), plan(Some("info"), None, "1")), ("b".to_owned(), plan(Some("debug"), Some(3), "2"))];
        let merged = merge(plan(Some("info"), None, "1"), &others).unwrap();
        let values: Vec<_> =
            merged.environments["b"].iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(values, [("SIZE", "2"), ("API_LOG_LEVEL", "debug"), ("API_REPLICAS", "3")]);
        assert!(merged.environments["a"].is_empty());
        let base: Vec<_> =
            merged.plan.variables.iter().map(|(name, it)| (name.as_str(), it.value.as_deref())).collect();
        assert_eq!(base, [("SIZE", Some("1")), ("API_LOG_LEVEL", Some("info")), ("API_REPLICAS", Some("1"))]);
        let text = super::super::node::yaml(&merged.plan.document);
        assert!(text.contains("LOG_LEVEL: \"${API_LOG_LEVEL?see .env}\"\n"), "{text}");
    }

    #[test]
    fn another_structure_is_an_error() {
        for (base, other) in [(Some("info"), None), (None, Some("info"))] {
            let others = [("same".to_owned(), plan(base, None, "1")), ("prod".to_owned(), plan(other, None, "1"))];
            let wrong = merge(plan(base, None, "1"), &others).unwrap_err().to_string();
            assert!(wrong.contains("the environment prod changes `services.api.environment.LOG_LEVEL`"), "{wrong}");
        }
    }
}
