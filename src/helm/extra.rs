//! Arguments that a user adds to `helm upgrade`, and those that would break a guarantee of `deploy`.
//!
//! Any flag that is not in the table is passed to helm unchanged: helm itself knows best which flags it has.

use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};

/// Flags that are refused, why, and what to do instead.
const REFUSED: [(&[&str], &str, &str); 11] = [
    (
        &["--atomic", "--rollback-on-failure"],
        "helm would roll back by itself, and delete PVCs that the failed revision created, with their data",
        "remove it",
    ),
    (
        &["--cleanup-on-fail"],
        "helm would delete what the failed revision created, also PVCs with data, whatever their resource policy",
        "remove it",
    ),
    (
        &["--force", "--force-replace"],
        "helm would replace whole objects, and changes of other clients (replicas of an autoscaler) would be lost",
        "remove it",
    ),
    (
        &["--take-ownership"],
        "helm would adopt objects that the release does not own, and delete them when the release is uninstalled",
        "rename the resource, or choose another namespace",
    ),
    (
        &["--reuse-values", "--reset-then-reuse-values", "--reset-values"],
        "deploy always passes the complete values; values of an earlier revision would return unnoticed",
        "pass values with --values and --set of this command; its --reset-values drops those of earlier deploys",
    ),
    (
        &["--set", "--set-string", "--set-file", "--set-json", "--set-literal", "--values", "-f"],
        "these values would not be checked, and secrets among them would be in helm's records",
        "use --values and --set of this command, which are checked, or pass inputs with --parameter-file",
    ),
    (
        &["--post-renderer", "--post-renderer-args"],
        "it would change objects after they were checked, and could remove annotations that protect data",
        "render the chart and install it with plain helm",
    ),
    (&["--no-hooks"], "deploy passes it itself, so that no hook runs", "remove it"),
    (&["--debug"], "helm would print the values of secrets", "remove it"),
    (
        &[
            "--namespace",
            "-n",
            "--kube-context",
            "--kubeconfig",
            "--kube-apiserver",
            "--kube-token",
            "--kube-as-user",
            "--kube-as-group",
            "--kube-ca-file",
            "--kube-insecure-skip-tls-verify",
            "--kube-tls-server-name",
        ],
        "helm would use another cluster or user than the checks",
        "use our own flags (--namespace, --context, --kubeconfig, --as, --as-group) or helm's variables",
    ),
    (
        &[
            "--install",
            "-i",
            "--create-namespace",
            "--dry-run",
            "--timeout",
            "--wait",
            "--output",
            "-o",
            "--version",
            "--repo",
        ],
        "deploy sets it itself",
        "use our own flags (--timeout, --no-wait), or `plan` for a dry run",
    ),
];

/// The arguments, unless one of them must not reach helm.
pub fn checked(arguments: &[String]) -> Result<Vec<String>, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    for argument in arguments {
        let name = argument.split_once('=').map_or(argument.as_str(), |(name, _)| name);
        let refused = REFUSED.iter().find(|(names, ..)| names.iter().any(|refused| is(name, refused)));
        if let Some((_, why, instead)) = refused {
            diagnostics.push(
                Diagnostic::new(Code::HelmArgumentRefused, "--helm-arg", format!("`{name}` is refused: {why}"))
                    .hint(*instead),
            );
        } else if !name.starts_with("--") || name.len() == 2 {
            let what = format!("`{name}` is not a long flag, so helm would interpret it differently");
            diagnostics.push(
                Diagnostic::new(Code::HelmArgumentRefused, "--helm-arg", what)
                    .hint("pass one flag with its value: --helm-arg=--history-max=5"),
            );
        }
    }
    diagnostics.or(arguments.to_vec())
}

/// Whether it is this flag; a short one may have its value right behind it.
fn is(name: &str, flag: &str) -> bool {
    if flag.starts_with("--") { name == flag } else { name.starts_with(flag) && !name.starts_with("--") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_promise_is_refused() {
        for (argument, words) in [
            ("--history-max=5", None),
            ("--force-conflicts", None),
            ("--no-hooks=false", Some("so that no hook runs")),
            ("--description=by the nightly", None),
            ("--atomic", Some("with their data")),
            ("--rollback-on-failure=true", Some("with their data")),
            ("--cleanup-on-fail", Some("also PVCs with data")),
            ("--force", Some("replace whole objects")),
            ("--force-replace", Some("replace whole objects")),
            ("--take-ownership", Some("adopt objects")),
            ("--reuse-values", Some("return unnoticed")),
            ("--set=a=b", Some("would not be checked")),
            ("--set-string", Some("would not be checked")),
            ("-fvalues.yaml", Some("would not be checked")),
            ("--post-renderer=./x", Some("after they were checked")),
            ("--debug", Some("values of secrets")),
            ("--kube-context=other", Some("another cluster")),
            ("-nother", Some("another cluster")),
            ("--timeout=1s", Some("sets it itself")),
            ("5", Some("not a long flag")),
            ("-q", Some("not a long flag")),
            ("--", Some("not a long flag")),
            ("", Some("not a long flag")),
        ] {
            let result = checked(&[argument.to_owned()]);
            match words {
                None => assert_eq!(result, Ok(vec![argument.to_owned()])),
                Some(words) => {
                    let said = result.unwrap_err().to_string();
                    assert!(said.contains(words) && said.contains("hint"), "{argument}: {said}");
                }
            }
        }
    }

    #[test]
    fn all_refusals_come_together_and_values_stay_out_of_them() {
        let said = checked(&["--set=password=hunter22".into(), "--atomic".into()]).unwrap_err();
        assert_eq!(said.0.len(), 2);
        assert!(!said.to_string().contains("hunter22"), "{said}");
    }
}
