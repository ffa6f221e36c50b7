//! The syntax of the strings in `charts:`, each rule with its message.

use super::{is_local, path_keys};
use crate::config::rules::{self, Rule, is_dns_label, is_exact_version, is_one_line, is_secret_key, is_version_range};

pub(in crate::config) const ENTRY: Rule = Rule {
    what: "the name of a chart",
    says: "lower-case letters, digits and `-`, a letter or digit first and last, at most 50 characters",
    legal: |text| text.len() <= 50 && is_dns_label(text),
};
pub(in crate::config) const REFERENCE: Rule = Rule {
    what: "a chart",
    says: "a name in a `repository`, REPOSITORY/NAME from `helm repo list`, oci://HOST/PATH, ./FOLDER or ./FILE.tgz; \
    letters, digits, `_`, `.`, `/`, `:`, `@`, `+`, `~` and `-` only",
    legal: is_reference,
};
pub(in crate::config) const REPOSITORY: Rule = Rule {
    what: "a chart repository",
    says: "an address such as https://kubernetes.github.io/ingress-nginx, without a query or fragment",
    legal: is_repository,
};
pub(in crate::config) const VERSION: Rule = Rule {
    what: "a version of a chart",
    says: "a semantic version such as 4.10.0 or v1.20.2, or a range such as ^4.10 or ~4.10.1",
    legal: |text| is_exact_version(text) || is_version_range(text),
};
pub(in crate::config) const VALUES_FILE: Rule = Rule {
    what: "a file of values",
    says: "a path on one line, not starting with `-`",
    legal: |text| is_one_line(text) && !text.starts_with('-'),
};
pub(in crate::config) const VALUE_PATH: Rule = Rule {
    what: "a path in values",
    says: "keys joined by dots, such as auth.password; a dot inside of a key is written `\\.`",
    legal: is_value_path,
};
pub(in crate::config) const CRD: Rule = Rule {
    what: "the name of a custom resource definition",
    says: "PLURAL.GROUP, such as gateways.gateway.networking.k8s.io",
    legal: |text| text.contains('.') && (rules::OBJECT_NAME.legal)(text),
};
pub(in crate::config) const KIND: Rule = Rule {
    what: "a kind",
    says: "such as Deployment",
    legal: |text| text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(|c| c.is_ascii_alphanumeric()),
};
pub(in crate::config) const API_VERSION: Rule = Rule {
    what: "a group and version",
    says: "such as apps/v1",
    legal: |text| text.split('/').count() <= 2 && text.split('/').all(|part| (rules::OBJECT_NAME.legal)(part)),
};
pub(in crate::config) const CONDITION: Rule =
    Rule { what: "a condition", says: "such as Available or Ready", legal: |text| is_secret_key(text) };

/// The characters that Aspire's own tool lets through, and no word that helm would take for a flag or that climbs oddly.
fn is_reference(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_./:@+~-".contains(c);
    if text.is_empty() || text.len() > 1024 || text.starts_with('-') || !text.chars().all(legal) {
        return false;
    }
    match text.split_once("://") {
        Some(("oci", rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            !host.is_empty()
                && !host.contains('@')
                && is_path(path)
                && !path.split('/').any(|part| part == "." || part == "..")
        }
        Some(_) => false,
        None if is_local(text) => {
            // Up to the folders above, but never down and up again: `charts/../../x` hides where it leads.
            let parts: Vec<&str> = text.trim_start_matches('/').split('/').filter(|part| !part.is_empty()).collect();
            let down = parts.iter().position(|part| !matches!(*part, "." | "..")).unwrap_or(parts.len());
            !text.starts_with('~')
                && !text.contains("//")
                && parts[down..].iter().all(|part| !matches!(*part, "." | ".."))
        }
        None => text.matches('/').count() <= 1 && is_path(text) && !text.contains([':', '@', '~']),
    }
}

fn is_path(text: &str) -> bool {
    !text.is_empty() && text.split('/').all(|part| !part.is_empty() && !part.starts_with(['-', '.']))
}

fn is_repository(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let legal = |c: char| c.is_ascii_alphanumeric() || "_./:%+~-[]".contains(c);
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '-', ':']) && rest.chars().all(legal))
}

fn is_value_path(text: &str) -> bool {
    is_one_line(text) && path_keys(text).iter().all(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_charts() {
        for (text, legal) in [
            ("ingress-nginx", true),
            ("bitnami/redis", true),
            ("oci://quay.io/jetstack/charts/cert-manager", true),
            ("oci://127.0.0.1:5000/charts/a", true),
            ("./charts/own", true),
            ("../own", true),
            ("../../own.tgz", true),
            ("./own-1.0.0.tgz", true),
            ("/srv/charts/own", true),
            ("", false),
            ("-x", false),
            ("--repo", false),
            ("a b", false),
            ("a;rm", false),
            ("$(x)", false),
            ("`x`", false),
            ("a'b", false),
            ("a\"b", false),
            ("a\nb", false),
            ("a|b", false),
            ("a&b", false),
            ("a\\b", false),
            ("a\u{1b}[31m", false),
            ("./charts/../../../etc", false),
            ("..", false),
            ("a/../b", false),
            ("oci://h/a/../b", false),
            ("oci://", false),
            ("oci:///a", false),
            ("https://h/a-1.0.0.tgz", false),
            ("file:///etc", false),
            ("~/x", false),
            ("a/b/c", false),
            ("a/-b", false),
        ] {
            assert_eq!(is_reference(text), legal, "{text:?}");
        }
    }

    #[test]
    fn addresses_of_repositories() {
        for (text, legal) in [
            ("https://kubernetes.github.io/ingress-nginx", true),
            ("http://127.0.0.1:8080", true),
            ("https://[::1]:8080/x", true),
            ("https://user:secret@h/x", false),
            ("https://", false),
            ("oci://h/x", false),
            ("file:///x", false),
            ("https://h/x y", false),
            ("https://h/;x", false),
            ("-x", false),
        ] {
            assert_eq!(is_repository(text), legal, "{text:?}");
        }
    }

    #[test]
    fn paths_in_values() {
        assert_eq!(path_keys("auth.password"), ["auth", "password"]);
        assert_eq!(path_keys(r"a.b\.c"), ["a", "b.c"]);
        for text in ["", ".", "a.", ".a", "a..b", "a\nb"] {
            assert!(!is_value_path(text), "{text:?}");
        }
    }
}
