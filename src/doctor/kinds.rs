//! Kinds that the chart needs and the cluster may not have: a table names what usually installs them.

use super::{Finding, Verdict, or_ok};
use crate::k8s::error::Error;
use crate::k8s::kind::{Kind, KindName};
use std::collections::BTreeMap;

/// Groups of kinds that no cluster has by itself, and what brings them.
const BROUGHT_BY: [(&str, &str); 8] = [
    ("dapr.io", "install Dapr (`dapr init -k`)"),
    ("external-secrets.io", "install the External Secrets operator"),
    ("bitnami.com", "install the Sealed Secrets controller"),
    ("cert-manager.io", "install cert-manager"),
    ("gateway.networking.k8s.io", "install the CRDs of the Gateway API"),
    ("keda.sh", "install KEDA"),
    ("monitoring.coreos.com", "install the Prometheus operator"),
    ("traefik.io", "install Traefik"),
];

/// Findings about kinds. Those that the chart itself defines are not missing.
pub(crate) fn kinds(found: &BTreeMap<KindName, Result<Option<Kind>, Error>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ((version, kind), answer) in found {
        match answer {
            Ok(Some(_)) => {}
            Ok(None) => {
                let group = version.split_once('/').map_or("", |(group, _)| group);
                let known = BROUGHT_BY.iter().find(|(name, _)| *name == group);
                let fix = known.map_or_else(|| format!("install the CRDs of {group}"), |(_, fix)| (*fix).to_owned());
                let reason = format!("the cluster does not know this kind ({version})");
                findings.push(Finding::new("kinds", Verdict::Failed, kind.clone(), reason).fix(fix));
            }
            Err(error) => findings.push(Finding::unread("kinds", kind.clone(), error)),
        }
    }
    or_ok(findings, "kinds", "", format!("the cluster knows all {} kinds of the chart", found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::error::ErrorKind;
    use crate::k8s::kind::SECRET;

    #[test]
    fn a_missing_kind_names_what_brings_it() {
        let of = |version: &str, answer| BTreeMap::from([((version.to_owned(), "Component".to_owned()), answer)]);
        assert_eq!(kinds(&of("dapr.io/v1alpha1", Ok(Some(SECRET))))[0].verdict, Verdict::Ok);
        let missing = kinds(&of("dapr.io/v1alpha1", Ok(None)));
        assert_eq!(
            missing[0].to_string(),
            "kinds: Component: the cluster does not know this kind (dapr.io/v1alpha1); install Dapr (`dapr init -k`)"
        );
        assert_eq!(kinds(&of("x.example/v1", Ok(None)))[0].fix, "install the CRDs of x.example");
        let forbidden = Err(Error::new(ErrorKind::Forbidden, "no"));
        assert_eq!(kinds(&of("x.example/v1", forbidden))[0].verdict, Verdict::Skipped);
    }
}
