//! The demo: the example application of this project on a private cluster, from nothing to "look at it".
//!
//! It runs the very program that users run; it must not do anything that they could not type.

use crate::{ControlPlane, Error, Node, tools};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A cluster with faked or with real pods.
enum Cluster {
    Faked(ControlPlane),
    Real(Node),
}

impl Deref for Cluster {
    type Target = ControlPlane;

    fn deref(&self) -> &ControlPlane {
        match self {
            Self::Faked(plane) => plane,
            Self::Real(node) => node,
        }
    }
}

/// Shows the example application; with `real`, on a real node. Waits until Enter is pressed, unless `once`.
pub fn run(real: bool, once: bool) -> Result<(), Error> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let program = build(workspace)?;
    tools::ensure(tools::LEVEL_A)?;
    crate::say("starting a private control plane ...");
    let cluster = if real { Cluster::Real(Node::start()?) } else { Cluster::Faked(ControlPlane::start()?) };
    let example = workspace.join("examples/shop");
    deploy(&cluster, &program, &example, real)?;
    show(&cluster, &program, &example)?;
    if once {
        return Ok(());
    }
    wait(&format!("{} and the control plane end when you press Enter.", cluster.dir().display()));
    Ok(())
}

fn build(workspace: &Path) -> Result<PathBuf, Error> {
    crate::say("building kubectl-aspire ...");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status =
        Command::new(cargo).current_dir(workspace).args(["build", "--quiet", "--bin", "kubectl-aspire"]).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(_) => return Err(Error::new("kubectl-aspire was not built; see above.")),
        Err(error) => return Err(Error::new(format!("Cannot run cargo: {error}"))),
    }
    // This program lies beside the one that was just built.
    let here = std::env::current_exe().map_err(|error| Error::new(format!("Cannot find myself: {error}")))?;
    Ok(here.with_file_name("kubectl-aspire"))
}

fn deploy(cluster: &ControlPlane, program: &Path, example: &Path, real: bool) -> Result<(), Error> {
    let mut deploy = aspire(cluster, program);
    deploy.arg("deploy").arg(example);
    if real {
        for resource in ["api", "worker", "frontend"] {
            deploy.arg("--image").arg(format!("{resource}=testbed/probe:1"));
        }
    }
    shown(&mut deploy)
}

fn show(cluster: &ControlPlane, program: &Path, example: &Path) -> Result<(), Error> {
    let out = &mut std::io::stdout();
    let pods = cluster.kubectl(&["get", "-n", "shop", "statefulset,deployment,pod,service,persistentvolumeclaim"])?;
    let helm = cluster.helm("4.2.4");
    let text = format!(
        "\n{pods}\nLook at it from another terminal:\n  export KUBECONFIG={}\n  export PATH={}:$PATH\n  kubectl get all -n shop\n  {} history shop -n shop\n  kubectl port-forward -n shop service/frontend 8080:80\nDeploy a change, or remove it:\n  {} deploy {} -e production\n  {} destroy {}\n",
        cluster.kubeconfig().display(),
        crate::home().join("bin").display(),
        helm.display(),
        program.display(),
        example.display(),
        program.display(),
        example.display(),
    );
    out.write_all(text.as_bytes()).map_err(|error| Error::new(format!("Cannot print: {error}")))
}

fn aspire(cluster: &ControlPlane, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.envs(cluster.env()).env("HELM_BIN", cluster.helm("4.2.4"));
    command
}

fn shown(command: &mut Command) -> Result<(), Error> {
    crate::say(&format!("$ {command:?}"));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::new(format!("It ended with {status}."))),
        Err(error) => Err(Error::new(format!("It could not be started: {error}"))),
    }
}

/// Waits for Enter; without a terminal, until standard input ends.
fn wait(sentence: &str) {
    crate::say(sentence);
    let mut line = String::new();
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let _ = stdin.lock().read_line(&mut line);
    } else {
        let _ = std::io::copy(&mut stdin.lock(), &mut std::io::sink());
    }
}
