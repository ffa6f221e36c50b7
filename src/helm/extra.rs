//! Arguments that a person adds to `helm upgrade`, and the ones that would break what a deploy promises.
//!
//! Anything that is not in the table goes to helm as it is: helm knows best which flags it has.

use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};

/// Flags that are refused, why, and what to do instead.
const REFUSED: [(&[&str], &str, &str); 10] = [
    (
        &["--atomic", "--rollback-on-failure"],
        "helm would go back by itself, and delete claims that the failed revision made, with their data",
        "leave it out",
    ),
    (
        &["--cleanup-on-fail"],
        "helm would delete what the failed revision made, claims with data too, whatever their policy",
        "leave it out",
    ),
    (
        &["--force", "--force-replace"],
        "helm would replace whole objects, and what others wrote into them (replicas of an autoscaler) would be lost",
        "leave it out",
    ),
    (
        &["--take-ownership"],
        "helm would take objects of others, and remove them with this release one day",
        "rename the resource, or choose another namespace",
    ),
    (
        &["--reuse-values", "--reset-then-reuse-values", "--reset-values"],
        "a deploy gives all values itself; those of an earlier revision would come back unseen",
        "put them into aspire-k8s.yaml",
    ),
    (
        &["--set", "--set-string", "--set-file", "--set-json", "--set-literal", "--values", "-f"],
        "helm would get values that were not checked and are not remembered, and secrets among them would be in its records",
        "put them into aspire-k8s.yaml, or give inputs with --parameter-file",
    ),
    (
        &["--post-renderer", "--post-renderer-args"],
        "it would change objects after they were checked, and could take away what protects data",
        "render the chart and deploy it with helm alone",
    ),
    (&["--debug"], "helm would print the values of secrets", "leave it out"),
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
        "helm would work on another cluster, or as another user, than was checked",
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
        "a deploy decides it itself",
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
            let what = format!("`{name}` is no long flag, and helm would take it for something else");
            diagnostics.push(
                Diagnostic::new(Code::HelmArgumentRefused, "--helm-arg", what)
                    .hint("write one flag with its value: --helm-arg=--history-max=5"),
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
            ("--no-hooks", None),
            ("--description=by the nightly", None),
            ("--atomic", Some("with their data")),
            ("--rollback-on-failure=true", Some("with their data")),
            ("--cleanup-on-fail", Some("claims with data too")),
            ("--force", Some("replace whole objects")),
            ("--force-replace", Some("replace whole objects")),
            ("--take-ownership", Some("take objects of others")),
            ("--reuse-values", Some("come back unseen")),
            ("--set=a=b", Some("not checked")),
            ("--set-string", Some("not checked")),
            ("-fvalues.yaml", Some("not checked")),
            ("--post-renderer=./x", Some("after they were checked")),
            ("--debug", Some("values of secrets")),
            ("--kube-context=other", Some("another cluster")),
            ("-nother", Some("another cluster")),
            ("--timeout=1s", Some("decides it itself")),
            ("5", Some("no long flag")),
            ("-q", Some("no long flag")),
            ("--", Some("no long flag")),
            ("", Some("no long flag")),
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
