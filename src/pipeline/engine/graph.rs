//! Steps and their dependencies. Pure: it orders and selects steps, and runs none.

use crate::pipeline::Error;
use crate::support::diagnostic::{Code, Diagnostic, nearest, suggestion};
use serde::Serialize;
use std::collections::BTreeSet;

/// What a step is called, what it does, and what must be done before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StepName {
    /// Its name, as `--step` takes it.
    pub name: String,
    /// What it does, as a command: `check helm and its version`.
    pub description: String,
    /// Names of the steps that it waits for.
    pub depends_on: Vec<String>,
}

/// How the run ended, for what a step has to clear up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every step ended well.
    Well,
    /// Something failed, or we were stopped.
    Badly,
}

type Act<'f, C> = Box<dyn Fn(&C) -> Result<(), Error> + Send + Sync + 'f>;
type End<'f, C> = Box<dyn Fn(&C, Ended) -> Result<(), Error> + Send + Sync + 'f>;

/// A step: its name, what it does, and what it clears up. `C` is what the steps of a run share.
pub(crate) struct Step<'f, C> {
    /// How it is listed.
    pub listed: StepName,
    pub(crate) act: Act<'f, C>,
    pub(crate) end: Option<End<'f, C>>,
    /// Whether it takes no time and changes nothing, so that it is done even when the timeout is reached.
    pub(crate) is_free: bool,
}

impl<'f, C> Step<'f, C> {
    /// A step that waits for these others.
    pub(crate) fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        depends_on: &[&str],
        act: impl Fn(&C) -> Result<(), Error> + Send + Sync + 'f,
    ) -> Self {
        let depends_on = depends_on.iter().map(|name| (*name).to_owned()).collect();
        let listed = StepName { name: name.into(), description: description.into(), depends_on };
        Self { listed, act: Box::new(act), end: None, is_free: false }
    }

    /// A step that takes no time and changes nothing, such as telling what was done.
    #[must_use]
    pub(crate) fn free(self) -> Self {
        Self { is_free: true, ..self }
    }

    /// What to do when the run is over, whether the step itself ended well or not. The last step to begin is cleared up first.
    #[must_use]
    pub(crate) fn at_end(mut self, end: impl Fn(&C, Ended) -> Result<(), Error> + Send + Sync + 'f) -> Self {
        self.end = Some(Box::new(end));
        self
    }
}

/// Steps in an order in which they can run.
pub(crate) struct Graph<'f, C> {
    pub(crate) steps: Vec<Step<'f, C>>,
}

impl<'f, C> Graph<'f, C> {
    /// Orders the steps; ones that do not wait for each other stay as they are given. A name that is not there, or steps
    /// that wait for each other, are a problem.
    pub(crate) fn new(steps: Vec<Step<'f, C>>) -> Result<Self, Diagnostic> {
        let names: BTreeSet<String> = steps.iter().map(|step| step.listed.name.clone()).collect();
        for step in &steps {
            if let Some(missing) = step.listed.depends_on.iter().find(|name| !names.contains(*name)) {
                let what = format!("the step {} depends on {missing}, which does not exist", step.listed.name);
                return Err(Diagnostic::new(Code::Defect, "", what));
            }
        }
        let (mut ordered, mut left, mut done) = (Vec::new(), steps, BTreeSet::new());
        while !left.is_empty() {
            let ready = |step: &Step<'f, C>| step.listed.depends_on.iter().all(|name| done.contains(name));
            let Some(next) = left.iter().position(ready) else {
                let cycle = left.iter().map(|step| step.listed.name.as_str()).collect::<Vec<_>>().join(", ");
                return Err(Diagnostic::new(
                    Code::Defect,
                    "",
                    format!("these steps depend on each other in a cycle: {cycle}"),
                ));
            };
            let step = left.remove(next);
            done.insert(step.listed.name.clone());
            ordered.push(step);
        }
        Ok(Self { steps: ordered })
    }

    /// Only one step and everything that it needs; all when none is named.
    pub(crate) fn part(mut self, name: Option<&str>) -> Result<Self, Diagnostic> {
        let Some(name) = name else { return Ok(self) };
        let names = self.steps.iter().map(|step| step.listed.name.as_str());
        if !names.clone().any(|step| step == name) {
            let diagnostic = Diagnostic::new(Code::InvalidArgument, "--step", format!("there is no step `{name}`"));
            return Err(diagnostic.hint(suggestion(nearest(name, names), "--list-steps lists them")));
        }
        let mut needed = BTreeSet::from([name.to_owned()]);
        // What a step needs stands before it.
        for step in self.steps.iter().rev() {
            if needed.contains(&step.listed.name) {
                needed.extend(step.listed.depends_on.iter().cloned());
            }
        }
        self.steps.retain(|step| needed.contains(&step.listed.name));
        Ok(self)
    }

    /// The steps in their order.
    pub(crate) fn list(&self) -> Vec<StepName> {
        self.steps.iter().map(|step| step.listed.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(steps: &[(&str, &[&str])]) -> Result<Graph<'static, ()>, Diagnostic> {
        Graph::new(steps.iter().map(|(name, after)| Step::new(*name, "", after, |()| Ok(()))).collect())
    }

    fn names(graph: &Graph<'_, ()>) -> Vec<String> {
        graph.list().into_iter().map(|step| step.name).collect()
    }

    #[test]
    fn steps_come_after_what_they_wait_for_and_else_stay() {
        let ordered = graph(&[("d", &["b", "c"]), ("b", &["a"]), ("a", &[]), ("c", &["a"])]).unwrap();
        assert_eq!(names(&ordered), ["a", "b", "c", "d"]);
    }

    #[test]
    fn one_step_brings_what_it_needs_and_no_more() {
        let all: &[(&str, &[&str])] = &[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b"])];
        assert_eq!(names(&graph(all).unwrap().part(Some("d")).unwrap()), ["a", "b", "d"]);
        assert_eq!(names(&graph(all).unwrap().part(Some("c")).unwrap()), ["a", "c"]);
    }

    #[test]
    fn wrong_graphs_and_names_are_diagnostics() {
        let unknown = graph(&[("a", &["x"])]).err().unwrap().to_string();
        assert!(unknown.contains("depends on x, which does not exist"), "{unknown}");
        let cycle = graph(&[("a", &["b"]), ("b", &["a"]), ("c", &[])]).err().unwrap().to_string();
        assert!(cycle.contains("depend on each other in a cycle: a, b"), "{cycle}");
        let near = graph(&[("publish-kubernetes", &[])]).unwrap().part(Some("publish-kubernets")).err().unwrap();
        assert_eq!(near.hint, "did you mean `publish-kubernetes`?");
    }
}
