//! Reads and writes objects of the cluster from inside the test process.
//!
//! A test that waits asks again and again, and a kubectl for each question costs more processor time than the program under
//! test. This module must not do what kubectl does better: everything that is not a plain read, an apply or the creation of a
//! namespace goes through [`ControlPlane::kubectl`](crate::ControlPlane::kubectl).

use crate::error::{Context as _, Error};
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;
use std::path::Path;
use tokio::runtime::Runtime;

/// A built-in kind: its names on the command line, the path of its group and version, and how the API server spells it in paths and in objects.
struct Kind {
    names: &'static [&'static str],
    path: &'static str,
    plural: &'static str,
    singular: &'static str,
    namespaced: bool,
}

const fn kind(
    names: &'static [&'static str],
    path: &'static str,
    plural: &'static str,
    singular: &'static str,
    namespaced: bool,
) -> Kind {
    Kind { names, path, plural, singular, namespaced }
}

const KINDS: &[Kind] = &[
    kind(&["pod", "po"], "api/v1", "pods", "Pod", true),
    kind(&["service", "svc"], "api/v1", "services", "Service", true),
    kind(&["secret"], "api/v1", "secrets", "Secret", true),
    kind(&["configmap", "cm"], "api/v1", "configmaps", "ConfigMap", true),
    kind(&["persistentvolumeclaim", "pvc"], "api/v1", "persistentvolumeclaims", "PersistentVolumeClaim", true),
    kind(&["persistentvolume", "pv"], "api/v1", "persistentvolumes", "PersistentVolume", false),
    kind(&["serviceaccount", "sa"], "api/v1", "serviceaccounts", "ServiceAccount", true),
    kind(&["namespace", "ns"], "api/v1", "namespaces", "Namespace", false),
    kind(&["node"], "api/v1", "nodes", "Node", false),
    kind(&["event"], "api/v1", "events", "Event", true),
    kind(&["deployment", "deploy"], "apis/apps/v1", "deployments", "Deployment", true),
    kind(&["statefulset", "sts"], "apis/apps/v1", "statefulsets", "StatefulSet", true),
    kind(&["replicaset", "rs"], "apis/apps/v1", "replicasets", "ReplicaSet", true),
    kind(&["job"], "apis/batch/v1", "jobs", "Job", true),
    kind(&["ingress", "ing"], "apis/networking.k8s.io/v1", "ingresses", "Ingress", true),
    kind(&["lease"], "apis/coordination.k8s.io/v1", "leases", "Lease", true),
];

impl Kind {
    /// The kind that a word of the command line names; none for a kind that is not built in.
    fn of(word: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.plural == word || kind.names.contains(&word))
    }

    fn path(&self, namespace: &str) -> String {
        let within = if self.namespaced { format!("namespaces/{namespace}/") } else { String::new() };
        format!("/{}/{within}{}", self.path, self.plural)
    }

    fn api_version(&self) -> &str {
        self.path.split_once('/').map_or("v1", |(_, version)| version)
    }
}

/// A connection to the API server as a cluster administrator.
pub(crate) struct Api {
    client: Client,
    runtime: Runtime,
}

impl Api {
    pub(crate) fn connect(kubeconfig: &Path) -> Result<Self, Error> {
        let failed = || "Cannot connect to the API server";
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().context(failed)?;
        let client = runtime.block_on(async {
            let file = Kubeconfig::read_from(kubeconfig).context(failed)?;
            let mut config =
                kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.context(failed)?;
            config.proxy_url = None;
            Client::try_from(config).context(failed)
        })?;
        Ok(Self { client, runtime })
    }

    /// Objects of built-in kinds (`pods,services`), in the order of the kinds; `None` when one of them is not built in.
    pub(crate) fn list(&self, kinds: &str, namespace: &str) -> Option<Result<Vec<Value>, Error>> {
        let kinds: Vec<&Kind> = kinds.split(',').map(Kind::of).collect::<Option<_>>()?;
        Some(kinds.into_iter().try_fold(Vec::new(), |mut found, kind| {
            let mut list = self.read(&kind.path(namespace))?.unwrap_or_default();
            for mut item in list["items"].as_array_mut().map(std::mem::take).unwrap_or_default() {
                // The API server leaves these out of the items of a list, kubectl puts them back.
                item["apiVersion"] = kind.api_version().into();
                item["kind"] = kind.singular.into();
                found.push(item);
            }
            Ok(found)
        }))
    }

    /// An object of a built-in kind, `Ok(None)` when it does not exist; `None` when its kind is not built in.
    pub(crate) fn find(&self, object: &str, namespace: &str) -> Option<Result<Option<Value>, Error>> {
        let (kind, name) = object.split_once('/')?;
        let path = format!("{}/{name}", Kind::of(kind)?.path(namespace));
        Some(self.read(&path))
    }

    pub(crate) fn create_namespace(&self, name: &str) -> Result<(), Error> {
        let body = serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}).to_string();
        let request = http::Request::post("/api/v1/namespaces")
            .header("Content-Type", "application/json")
            .body(body.into_bytes())
            .context(|| "Cannot create a namespace")?;
        self.send(request).map(|_| ())
    }

    fn read(&self, path: &str) -> Result<Option<Value>, Error> {
        let request = http::Request::get(path).body(Vec::new()).context(|| path.to_owned())?;
        match self.runtime.block_on(self.client.request::<Value>(request)) {
            Ok(object) => Ok(Some(object)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(Error::new(format!("GET {path} failed: {error}"))),
        }
    }

    fn send(&self, request: http::Request<Vec<u8>>) -> Result<Value, Error> {
        let what = format!("{} {}", request.method(), request.uri());
        self.runtime.block_on(self.client.request(request)).context(|| format!("{what} failed"))
    }
}
