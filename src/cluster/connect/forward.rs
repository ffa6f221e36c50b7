//! Forwards a local port to a port of a pod, as `kubectl port-forward` does.

use crate::support::diagnostic::Code;
use std::net::Ipv4Addr;
use std::pin::Pin;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::Portforwarder;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::cluster::api::address::segment;
use crate::cluster::api::explain::Attempt;
use crate::cluster::connect::client::Cluster;
use crate::k8s::error::{Error, ErrorKind, Result};
use crate::k8s::kind;
use crate::k8s::kind::Kind;

/// What is asked for: a connection is made to something below a pod.
static CONNECTION: Kind = kind::row("v1", "connection to Pod", "pods/portforward", true);

#[derive(Debug, Clone, Copy)]
pub(crate) struct PodPort<'a> {
    /// Namespace of the pod.
    pub namespace: &'a str,
    /// Its name.
    pub pod: &'a str,
    pub port: u16,
}

impl Cluster {
    /// Listens on a port of the loopback address (0: a free one) and leads each connection to the pod until a user stops us
    /// (Ctrl-C, or SIGTERM). `opened` gets the number of the port, after a first connection has shown that the way is free;
    /// `failed` gets what goes wrong with a single connection. It is an error when the pod is gone.
    pub(crate) fn forward(
        &self,
        to: PodPort<'_>,
        local: u16,
        opened: &dyn Fn(u16),
        failed: &dyn Fn(&Error),
    ) -> Result<()> {
        // What could be read as another address goes no further.
        segment(to.namespace).and(segment(to.pod))?;
        self.runtime.block_on(async {
            self.connection(to).await?.abort();
            let taken = |error: &std::io::Error| {
                let what = format!("could not listen on port {local} of this machine: {error}");
                Error::new(ErrorKind::Configuration, what)
                    .code_of(Code::PortInUse)
                    .hint("use another --port, or omit it to use a free one")
            };
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, local)).await.map_err(|error| taken(&error))?;
            let told = std::pin::pin!(told());
            opened(listener.local_addr().map_err(|error| taken(&error))?.port());
            self.accept(to, &listener, told, failed).await
        })
    }

    async fn accept(
        &self,
        to: PodPort<'_>,
        listener: &TcpListener,
        mut told: Pin<&mut impl Future<Output = ()>>,
        failed: &dyn Fn(&Error),
    ) -> Result<()> {
        let mut carried: JoinSet<std::result::Result<(), String>> = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut told => return Ok(()),
                accepted = listener.accept() => {
                    // A client that left before it was accepted needs no answer.
                    let Ok((client, _)) = accepted else { continue };
                    let way = tokio::select! {
                        () = &mut told => return Ok(()),
                        way = self.connection(to) => way,
                    };
                    match way {
                        Ok(way) => {
                            carried.spawn(carry(client, way, to.port));
                        }
                        Err(error) if error.kind() == ErrorKind::NotFound => {
                            return Err(error.hint("the pod is gone; run the command again to find the new one"));
                        }
                        Err(error) => failed(&error),
                    }
                }
                Some(ended) = carried.join_next(), if !carried.is_empty() => {
                    if let Ok(Err(said)) = ended {
                        failed(&Error::new(ErrorKind::Other, format!("{}: {}", attempt(to), said.trim())));
                    }
                }
            }
        }
    }

    async fn connection(&self, to: PodPort<'_>) -> Result<Portforwarder> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), to.namespace);
        let ports = [to.port];
        let answer = tokio::time::timeout(self.timeout, pods.portforward(to.pod, &ports)).await;
        let attempt = attempt(to);
        match answer {
            Ok(Ok(way)) => Ok(way),
            Ok(Err(report)) => {
                let error = attempt.failed(&report, &self.url, &self.hidden());
                Err(match error.kind() {
                    ErrorKind::Forbidden => error.hint(format!(
                        "you need the permissions `get` and `create` on `pods/portforward` in {}",
                        to.namespace
                    )),
                    _ => error,
                })
            }
            Err(_) => Err(attempt.timed_out(&self.url, self.timeout.as_secs_f64())),
        }
    }
}

fn attempt(to: PodPort<'_>) -> Attempt<'_> {
    Attempt { verb: "create", kind: &CONNECTION, namespace: to.namespace, name: to.pod }
}

/// Both directions of one connection, until both ends are done. The error is what the node said.
async fn carry(mut client: TcpStream, mut way: Portforwarder, port: u16) -> std::result::Result<(), String> {
    let (Some(mut pod), Some(said)) = (way.take_stream(port), way.take_error(port)) else { return Ok(()) };
    // A browser drops connections as it likes; only what the node says matters.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut pod).await;
    drop(pod);
    way.abort();
    said.await.map_or(Ok(()), Err)
}

/// Comes when a user tells us to stop. From this call on no signal ends us by itself.
#[cfg(unix)]
fn told() -> impl Future<Output = ()> {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    async fn heard(signal: std::io::Result<Signal>) {
        match signal {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    }
    let (interrupted, terminated) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async {
        tokio::select! {
            () = heard(interrupted) => {}
            () = heard(terminated) => {}
        }
    }
}

/// Comes when a user tells us to stop.
#[cfg(not(unix))]
async fn told() {
    let _ = tokio::signal::ctrl_c().await;
}
