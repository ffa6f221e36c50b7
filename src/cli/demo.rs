//! `demo`: an example with public images, deployed and removed by the same code as any other application.

use super::args::{Cli, Common, Demo, Verb};
use super::which_release::writing;
use super::{CliError, Exit, output, prompt, release};
use crate::config::Config;
use crate::support::diagnostic::Code;
use crate::support::temporary;
use clap::Parser as _;
use serde_json::Value;
use std::ffi::OsStr;

/// Name of the release, and of its namespace where none is given.
const NAME: &str = "aspire-demo";

/// Its manifest, as it stands in the repository.
const MANIFEST: &str = include_str!("../../examples/demo/aspire-manifest.json");

/// What the folder of the example contains.
const FILES: [(&str, &str); 2] =
    [("aspire-manifest.json", MANIFEST), ("aspire-k8s.yaml", include_str!("../../examples/demo/aspire-k8s.yaml"))];

/// The containers of the example and their images, a line each.
fn images() -> Vec<String> {
    let manifest: Value = serde_json::from_str(MANIFEST).unwrap_or_default();
    let resources = manifest["resources"].as_object().into_iter().flatten();
    resources.filter_map(|(name, resource)| Some(format!("  {name:9}{}", resource["image"].as_str()?))).collect()
}

/// Deploys the example, or removes it.
pub(super) fn demo(common: &Common, options: &Demo) -> Result<Exit, CliError> {
    let named = options.release_namespace.as_deref().or(common.namespace.as_deref());
    let namespace = named.unwrap_or(NAME);
    let on = writing(common, NAME, Some(namespace), &Config::default())?;
    if options.remove {
        let with_namespace = if named.is_some() { "" } else { " and its namespace" };
        output::say(&format!("This removes {} with its data{with_namespace}.", on.described()));
    } else {
        output::say(&format!("This installs {}:", on.described()));
        for line in images() {
            output::say(&line);
        }
        output::say("`cache` gets a generated password and a PVC. `demo --remove` removes all of it.");
    }
    if !common.yes && !prompt::agrees(common) {
        let what = "nothing was done: confirm on a terminal, or pass --yes";
        return Err(CliError::Refused(Code::ConfirmationRequired, what.into()));
    }
    let folder = temporary::folder("demo").map_err(|error| output::unwritable(&std::env::temp_dir(), &error))?;
    for (name, text) in FILES {
        let file = folder.path().join(name);
        temporary::write(&file, text.as_bytes()).map_err(|error| output::unwritable(&file, &error))?;
    }
    let words =
        [OsStr::new(NAME), OsStr::new(if options.remove { "destroy" } else { "deploy" }), folder.path().as_os_str()];
    let flags: &[&str] = match (options.remove, named) {
        (true, None) => &["--delete-data", "--delete-namespace"],
        (true, Some(_)) => &["--delete-data"],
        (false, _) => &[],
    };
    let placed = ["--release", NAME, "--release-namespace", namespace];
    let words = words.into_iter().chain(placed.iter().chain(flags).map(OsStr::new));
    match Cli::try_parse_from(words) {
        Ok(Cli { verb: Verb::Deploy(deploy), .. }) => release::deploy(common, &deploy),
        Ok(Cli { verb: Verb::Destroy(destroy), .. }) => release::destroy(common, &destroy),
        Ok(_) => Ok(Exit::Error),
        Err(error) => Err(CliError::Usage(Code::Defect, error.to_string())),
    }
}
