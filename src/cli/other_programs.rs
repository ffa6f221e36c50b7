//! Words that people know from helm, kubectl, aspire and docker, and what they lead to here.
//!
//! Each word is still an error: what it does there and what the command here does are never quite the same.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Commands of other programs.
const COMMANDS: &[(&[&str], &str)] = &[
    (&["install", "upgrade", "apply", "up", "sync", "run", "create"], "`deploy` installs and upgrades"),
    (&["uninstall", "delete", "del", "remove", "rm", "down"], "`destroy` uninstalls the release and keeps its data"),
    (&["publish", "generate", "package", "convert", "do"], "`render` writes the Helm chart"),
    (&["template"], "`render --format yaml -o -` prints the Kubernetes objects"),
    (&["list", "ls", "get", "ps"], "`status` shows one release; `helm list -A` lists all of them"),
    (&["describe", "show", "info"], "`status` shows the release, `inputs` what the application needs"),
    (&["undo", "rollout"], "`rollback` goes back to an earlier revision"),
    (&["lint", "test", "check", "validate", "verify"], "`doctor` checks helm, the cluster and the application"),
    (&["preview", "dry-run"], "`plan` shows what a deploy would change"),
    (&["parameters", "params", "secrets", "values", "config", "settings"], "`inputs` lists what the application needs"),
    (&["logs", "exec", "port-forward"], "use kubectl: objects are named like the resources of the application"),
];

/// Flags of other programs.
const FLAGS: &[(&[&str], &str)] = &[
    (
        &[
            "--set",
            "--set-string",
            "--set-file",
            "--set-json",
            "--set-literal",
            "-f",
            "--values",
            "--filename",
            "--file",
        ],
        "pass chart values to deploy or plan with --values FILE or --set PATH=VALUE, and inputs with --parameter-file FILE; \
         for render, set them under the key values of aspire-k8s.yaml",
    ),
    (&["--dry-run", "--diff", "--preview"], "`plan` shows what a deploy would change, without writing anything"),
    (
        &["--wait", "--wait-for-jobs"],
        "deploy waits until the workloads are ready; --no-wait does not, --timeout limits it",
    ),
    (&["--atomic"], "--rollback-on-failure goes back to the last good revision and never deletes a volume"),
    (
        &["--cleanup-on-fail", "--force", "--force-replace"],
        "it can delete data, so deploy does without; `plan` shows what stands in the way",
    ),
    (&["-i", "--install", "--create-namespace"], "leave it out: deploy installs what is not there, the namespace too"),
    (
        &["--reuse-values", "--reset-then-reuse-values"],
        "leave it out: inputs and images are stored in the cluster; pass --values and --set again, or set them in aspire-k8s.yaml",
    ),
    (
        &[
            "--keep-history",
            "--cascade",
            "--delete-volume",
            "--delete-volumes",
            "--delete-pvc",
            "--delete-pvcs",
            "--volumes",
            "--purge",
        ],
        "destroy keeps the volumes and their passwords; --delete-data deletes them",
    ),
    (&["-A", "--all-namespaces"], "a command works on one release; `helm list -A` lists all of them"),
    (&["-l", "--selector"], "a command works on a whole release"),
    (&["--revision"], "the revision is an argument: `rollback 3`"),
    (&["--name", "--release-name"], "the release is named with --release NAME"),
    (&["--output-path", "--output-dir", "--out"], "`render -o DIR` names the folder of the chart"),
    (&["--image-tag"], "the tag of the images of projects is given with --tag"),
    (&["--non-interactive-mode", "--no-input", "--no-prompt"], "--non-interactive never prompts"),
    (&["--force-yes", "--assume-yes", "--auto-approve"], "--yes confirms simple prompts"),
];

/// The error with a tip that names what to type here, where it is known. Guesses by spelling are dropped then, and so is the advice
/// to pass a mistyped flag as a value.
pub(super) fn with_tip(mut error: clap::Error) -> clap::Error {
    let tip = match error.kind() {
        ErrorKind::InvalidSubcommand => word(&error, ContextKind::InvalidSubcommand).and_then(|it| find(COMMANDS, &it)),
        ErrorKind::UnknownArgument => {
            error.remove(ContextKind::Suggested);
            word(&error, ContextKind::InvalidArg).and_then(|it| of_argument(&it))
        }
        _ => None,
    };
    if let Some(tip) = tip {
        error.remove(ContextKind::SuggestedSubcommand);
        error.remove(ContextKind::SuggestedArg);
        // It is made of the guess.
        error.remove(ContextKind::Usage);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    }
    error
}

fn word(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    }
}

fn of_argument(word: &str) -> Option<&'static str> {
    if !word.starts_with('-') {
        return Some("one SOURCE is read; the release is named with --release NAME");
    }
    find(FLAGS, word.split(['=', ' ']).next().unwrap_or_default())
}

fn find(table: &[(&[&str], &'static str)], word: &str) -> Option<&'static str> {
    table.iter().find(|(words, _)| words.contains(&word)).map(|(_, tip)| *tip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use clap::CommandFactory as _;
    use std::collections::BTreeSet;

    #[test]
    fn no_word_of_others_is_one_of_ours_or_stands_twice() {
        let command = Cli::command();
        let mut seen = BTreeSet::new();
        for word in COMMANDS.iter().chain(FLAGS).flat_map(|(words, _)| words.iter()) {
            assert!(seen.insert(word), "{word} stands twice");
            assert!(command.find_subcommand(word).is_none(), "{word} is a command");
        }
    }

    #[test]
    fn every_tip_names_commands_and_flags_that_exist() {
        let mut command = Cli::command();
        command.build();
        let verbs = command.get_subcommands();
        let flags: BTreeSet<&str> =
            verbs.flat_map(|verb| verb.get_arguments().filter_map(clap::Arg::get_long)).collect();
        for (_, tip) in COMMANDS.iter().chain(FLAGS) {
            for quoted in tip.split('`').skip(1).step_by(2).filter(|quoted| !quoted.starts_with("helm ")) {
                let verb = quoted.split(' ').next().unwrap_or_default();
                assert!(command.find_subcommand(verb).is_some(), "{tip}: {verb}");
            }
            for flag in tip.split([' ', ';', ',', ':', '`']).filter_map(|word| word.strip_prefix("--")) {
                assert!(flags.contains(flag), "{tip}: --{flag}");
            }
        }
    }
}
