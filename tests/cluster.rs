//! One chart on a real API server, with pods that are faked but live: from dry run to what an uninstall leaves.
//!
//! Each chart has a namespace of its own on the control plane that all tests of this process share.

use crate::case::{Case, kept, name_of};
use crate::helm::{self, RELEASE};
use crate::observe;
use crate::program::{Outcome, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use testbed::{ControlPlane, Level, available, skip_or_fail};

/// All kinds that a release may leave behind.
const KINDS: &str = "deployments,statefulsets,replicasets,pods,services,configmaps,secrets,persistentvolumeclaims,\
     serviceaccounts,jobs,ingresses,components.dapr.io";

/// Longest time until the pods of deleted workloads are gone.
const GOING: Duration = Duration::from_secs(60);

/// The shared control plane, or `None` where this machine cannot run one.
pub(crate) fn plane() -> Option<&'static ControlPlane> {
    match available(Level::A) {
        Ok(()) => Some(ControlPlane::shared()),
        Err(reason) => {
            skip_or_fail(&reason);
            None
        }
    }
}

/// Everything that can only be seen on a cluster.
pub(crate) fn check(plane: &'static ControlPlane, case: &Case) {
    let space = Space { plane, case, name: plane.namespace("corpus") };
    space.prepare();
    space.accepts_every_object();
    space.installs();
    case.compare(&observe::live(&space.objects()));
    space.leaves_only_what_is_kept();
}

struct Space<'a> {
    plane: &'static ControlPlane,
    case: &'a Case,
    name: String,
}

impl Space<'_> {
    fn prepare(&self) {
        if let Some(mut object) = self.case.prerequisites() {
            object["metadata"]["namespace"] = self.name.as_str().into();
            self.plane.apply(&object.to_string()).expect("the ConfigMap should be accepted");
        }
    }

    /// The API server would take each object, and knows each field.
    fn accepts_every_object(&self) {
        let rendered = helm::template(helm::NEWEST, &self.case.chart(), Some(&self.case.values()));
        let objects = rendered.expect("`helm template`");
        if !objects.contains("kind:") {
            return;
        }
        let file = self.case.folder().join("objects.yaml");
        fs::write(&file, objects).expect("the objects should be written");
        let apply = ["apply", "--dry-run=server", "--validate=strict", "-n", &self.name, "-f", &file.to_string_lossy()];
        self.plane.kubectl(&apply).unwrap_or_else(|error| panic!("{error}"));
    }

    fn installs(&self) {
        let (chart, values) = (self.case.chart(), self.case.values());
        let (chart, values) = (chart.to_string_lossy(), values.to_string_lossy());
        let install = ["upgrade", "--install", RELEASE, &chart, "-f", &values, "--wait", "--timeout", "3m"];
        self.helm(&install).expect("`helm upgrade --install`");
        let pods = self.objects().into_iter().filter(|object| object["kind"] == "Pod");
        let waiting: Vec<String> = pods.filter(|pod| !is_ready(pod)).map(|pod| name_of(&pod)).collect();
        assert!(waiting.is_empty(), "{waiting:?} are not ready after `--wait`");
    }

    /// Claims and credentials stay, all else goes.
    fn leaves_only_what_is_kept(&self) {
        let kept = kept(&self.objects());
        self.helm(&["uninstall", RELEASE, "--wait", "--timeout", "2m"]).expect("`helm uninstall`");
        // Helm waits for what it deletes, and not for the pods of that.
        let start = Instant::now();
        while self.names() != kept && start.elapsed() < GOING {
            thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(self.names(), kept, "what the uninstall leaves");
    }

    fn names(&self) -> BTreeSet<String> {
        self.objects().iter().map(name_of).collect()
    }

    /// All objects in the namespace but those that every namespace has.
    fn objects(&self) -> Vec<Value> {
        let items = self.plane.list(KINDS, &self.name).unwrap_or_else(|error| panic!("{error}"));
        let own = ["serviceaccount/default", "configmap/kube-root-ca.crt"];
        items.into_iter().filter(|item| !own.contains(&name_of(item).as_str())).collect()
    }

    fn helm(&self, args: &[&str]) -> Outcome {
        let mut command = Command::new(self.plane.helm(helm::NEWEST));
        run(command.args(args).args(["-n", &self.name]).envs(self.plane.env()))
    }
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
