//! Examples below the help of each verb.

use clap::Command;

/// Verb, and its examples: what one wants, and the line without the name of the program.
const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "render",
        &[
            (
                "Write the chart of the manifest in this folder",
                "render -o chart --registry ghcr.io/contoso --tag 1.4.0",
            ),
            ("Write the chart of an AppHost", "render ./AppHost -o chart"),
            ("Fail in CI if the committed chart is out of date", "render -o chart --check"),
            ("Write a Compose file for one machine", "render --target compose -o compose --tag 1.4.0"),
            ("Print the Kubernetes objects", "render --format yaml -o - --tag 1.4.0"),
        ],
    ),
    ("init", &[("Write a first aspire-k8s.yaml beside the manifest", "init shop")]),
    (
        "deploy",
        &[
            ("Install or upgrade", "deploy --registry ghcr.io/contoso --tag 1.4.0 -n shop"),
            ("Deploy with the settings of an environment", "deploy -e production --tag 1.4.0"),
            ("Give a secret from a file", "deploy --parameter-from api-token=token.txt"),
            ("Set a chart value for this run", "deploy --tag 1.4.0 --set workloads.api.replicas=5"),
            ("Deploy the images that another job built", "deploy --images-file images.json"),
            ("Deploy exactly what was reviewed", "deploy --plan plan.json --tag 1.4.0"),
        ],
    ),
    ("demo", &[("Try it on the cluster of the current context", "demo"), ("Remove it again", "demo --remove")]),
    (
        "plan",
        &[
            ("Show what a deploy would change", "plan --tag 1.4.0 -n shop"),
            ("Save it for `deploy --plan`", "plan --tag 1.4.0 --save plan.json"),
        ],
    ),
    (
        "promote",
        &[
            ("Show the state of a migration that was interrupted", "promote --status --release shop -n shop"),
            ("Take it back", "promote --abort --release shop -n shop"),
        ],
    ),
    (
        "destroy",
        &[
            ("Uninstall; volumes and passwords stay", "destroy -n shop"),
            ("Uninstall and delete the data", "destroy -n shop --delete-data"),
        ],
    ),
    (
        "status",
        &[
            ("The release of the manifest in this folder", "status"),
            ("A release by its name, from any folder", "status --release shop -n shop"),
        ],
    ),
    ("dashboard", &[("Open a port and print the login link", "dashboard --release shop -n shop")]),
    ("history", &[("List the revisions", "history --release shop -n shop")]),
    (
        "rollback",
        &[
            ("To the last good revision", "rollback --release shop -n shop"),
            ("To revision 3", "rollback 3 --release shop -n shop"),
        ],
    ),
    (
        "doctor",
        &[
            ("Check everything that a deploy of this folder needs", "doctor -n shop"),
            ("In a script", "doctor -n shop -o json"),
        ],
    ),
    (
        "manifest",
        &[
            ("Write the manifest of an AppHost for a later job without .NET", "manifest ./AppHost -o out"),
            ("Of what was built before", "manifest ./AppHost -o out --no-build"),
        ],
    ),
    (
        "inputs",
        &[("List what the application needs", "inputs"), ("Write a parameter file to fill in", "inputs -o yaml")],
    ),
    (
        "images",
        &[
            ("List what must be built, with commands to copy", "images --registry ghcr.io/contoso --tag 1.4.0"),
            (
                "For nodes of another architecture than yours",
                "images --registry ghcr.io/contoso --platform linux/amd64",
            ),
            ("For a script", "images --registry ghcr.io/contoso --tag 1.4.0 -o json"),
        ],
    ),
    (
        "build",
        &[
            ("Build and push the images of all projects", "build --registry ghcr.io/contoso --tag 1.4.0"),
            ("Save their digests for a later job", "build --registry ghcr.io/contoso --tag 1.4.0 --save images.json"),
        ],
    ),
    ("seal", &[("Encrypt what is not sealed yet", "seal --cert controller.pem -n shop")]),
    (
        "charts",
        &[
            ("Which version of each chart is wanted, locked, installed", "charts list"),
            ("Lock the versions", "charts lock"),
            ("Update one of them", "charts update --chart ingress-nginx"),
        ],
    ),
    ("explain", &[("Cause and fix of an error", "explain unknown-key"), ("All codes", "explain")]),
    (
        "schema",
        &[
            ("For the editor", "schema > aspire-k8s.schema.json"),
            ("What each line of `deploy -o json` is", "schema events"),
        ],
    ),
    ("completion", &[("For bash, in this terminal", "completion bash > aspire.bash && . ./aspire.bash")]),
    ("version", &[("Which version this is", "version")]),
];

/// The command with the examples of each verb, as a user types them.
pub(super) fn with_examples(command: Command, program: &str) -> Command {
    EXAMPLES.iter().fold(command, |command, (verb, examples)| {
        command.mut_subcommand(verb, |verb| verb.after_help(text(examples, program)))
    })
}

fn text(examples: &[(&str, &str)], program: &str) -> String {
    let lines = examples.iter().map(|(what, line)| format!("  # {what}\n  {program} {line}"));
    format!("Examples:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn every_verb_has_examples_that_are_understood() {
        for verb in Cli::command().get_subcommands() {
            let row = EXAMPLES.iter().find(|(name, _)| *name == verb.get_name());
            let (_, examples) = row.unwrap_or_else(|| panic!("{} has no example", verb.get_name()));
            for (_, line) in *examples {
                let typed = line.split(" > ").next().unwrap_or_default().split(' ');
                let parsed = Cli::command().try_get_matches_from(std::iter::once("aspire").chain(typed));
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
                assert!(line.starts_with(verb.get_name()), "{line}");
            }
        }
    }
}
