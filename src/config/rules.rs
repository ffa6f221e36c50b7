//! The syntax of names, versions and sizes: the rules of Kubernetes, helm and registries, each with its message.

use super::path::shown;
use crate::support::image;

/// Whether no object of Kubernetes carries this character: YAML and the API server's reader refuse it or fold it, and a
/// template function that meets it there leaves out all that stands beside it.
pub(crate) fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\x7f'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

/// Prefixes of annotations that helm and kubectl aspire write and act on.
const RESERVED_ANNOTATIONS: [&str; 3] = ["helm.sh/", "meta.helm.sh/", "aspire-k8s/"];

/// Whether only helm and kubectl aspire may set an annotation. Helm reads the metadata of an object without regard to case.
pub(crate) fn is_reserved_annotation(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    RESERVED_ANNOTATIONS.iter().any(|prefix| key.starts_with(prefix))
}

/// The field that a key means in another case. Helm takes it for that field, the API server for an unknown one.
pub(crate) fn field_in_other_case<'f>(fields: impl IntoIterator<Item = &'f str>, key: &str) -> Option<&'f str> {
    fields.into_iter().find(|field| field.eq_ignore_ascii_case(key) && *field != key)
}

/// A rule for a text.
pub(super) struct Rule {
    /// What the text is: `a chart name`.
    pub(super) what: &'static str,
    /// The rule, said to a user.
    pub(super) says: &'static str,
    pub(super) legal: fn(&str) -> bool,
}

/// A rule for a part of the reference of an image, which names what breaks it.
pub(super) struct Reference {
    /// What the text is: `an image`.
    pub(super) what: &'static str,
    /// The rule, said to a user.
    pub(super) says: &'static str,
    check: fn(&str) -> Result<(), String>,
}

impl Reference {
    /// What is wrong with the text, as a sentence.
    pub(super) fn broken_by(&self, text: &str) -> Option<String> {
        let why = (self.check)(text).err()?;
        Some(format!("{} is not valid as {}: {why}", shown(text), self.what))
    }
}

pub(super) const APPLICATION: Rule = Rule {
    what: "an application name",
    says: "letters, digits, `.`, `_`, `-` and spaces, a letter or digit first and last, at most 63 characters",
    legal: |text| text.len() <= 63 && is_framed(text, |c| c.is_ascii_alphanumeric(), "._- "),
};
pub(super) const CHART_NAME: Rule = Rule { what: "a chart name", says: LABEL_SAYS, legal: is_dns_label };
pub(super) const NAMESPACE: Rule = Rule { what: "a namespace", says: LABEL_SAYS, legal: is_dns_label };
pub(super) const RELEASE_NAME: Rule = Rule {
    what: "a release name",
    says: "lower-case letters, digits, `-` and `.`, a letter or digit first and last, at most 53 characters",
    legal: |text| text.len() <= 53 && is_dns_subdomain(text),
};
pub(super) const WORKLOAD_NAME: Rule = Rule {
    what: "the name of a workload",
    says: "lower-case letters, digits and `-`, a letter first, a letter or digit last, at most 52 characters",
    legal: |text| text.len() <= 52 && is_dns_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase()),
};
pub(super) const CONTAINER_NAME: Rule = Rule { what: "the name of a container", says: LABEL_SAYS, legal: is_dns_label };
pub(super) const ENVIRONMENT_NAME: Rule = Rule {
    what: "an environment name",
    says: "letters, digits, `.`, `_` and `-`, a letter or digit first and last, at most 63 characters",
    legal: |text| !text.is_empty() && is_label_value(text),
};
pub(super) const CHART_VERSION: Rule =
    Rule { what: "a chart version", says: "a semantic version such as 1.4.0 or 1.4.0-rc.1", legal: is_semver };
pub(super) const OBJECT_NAME: Rule = Rule {
    what: "the name of an object",
    says: "lower-case letters, digits, `-` and `.`, a letter or digit first and last, at most 253 characters",
    legal: is_dns_subdomain,
};
/// An empty storage class is legal: it asks for a volume that is not provisioned.
pub(super) const STORAGE_CLASS: Rule =
    Rule { what: "a storage class", says: OBJECT_NAME.says, legal: |text| text.is_empty() || is_dns_subdomain(text) };
pub(super) const KIND: Rule = Rule {
    what: "a kind",
    says: "letters and digits, an upper-case letter first, such as NetworkPolicy",
    legal: |text| {
        text.len() <= 63
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.chars().all(|c| c.is_ascii_alphanumeric())
    },
};
pub(super) const SECRET_KEY: Rule = Rule {
    what: "a key of a Secret",
    says: "letters, digits, `-`, `_` and `.`, at most 253 characters, not starting with `..`",
    legal: is_secret_key,
};
pub(super) const REMOTE_KEY: Rule =
    Rule { what: "a key in a store", says: "one line of text, the key in the store", legal: is_one_line };
pub(super) const INTERVAL: Rule =
    Rule { what: "an interval", says: "such as 1h, 15m or 1h30m; 0s means only once", legal: is_interval };
pub(super) const FILE: Rule =
    Rule { what: "a file", says: "a path on one line, relative to the folder of aspire-k8s.yaml", legal: is_one_line };
pub(super) const PRODUCER: Rule = Rule { what: "a producer", says: "a name on one line", legal: is_one_line };
pub(super) const ENV_NAME: Rule = Rule {
    what: "a name of an environment variable",
    says: "visible ASCII characters and spaces, without `=`",
    legal: |text| !text.is_empty() && text.chars().all(|c| matches!(c, ' '..='~') && c != '='),
};
pub(super) const LABEL_KEY: Rule = Rule { what: "a label key", says: KEY_SAYS, legal: is_qualified_name };
pub(super) const ANNOTATION_KEY: Rule = Rule { what: "an annotation key", says: KEY_SAYS, legal: is_qualified_name };
pub(super) const LOAD_BALANCER_CLASS: Rule =
    Rule { what: "a load balancer class", says: KEY_SAYS, legal: is_qualified_name };
pub(super) const LABEL_VALUE: Rule = Rule {
    what: "a label value",
    says: "letters, digits, `-`, `_` and `.`, a letter or digit first and last, at most 63 characters",
    legal: is_label_value,
};
pub(super) const SIZE: Rule =
    Rule { what: "a size", says: "more than zero, for example 500Mi, 20Gi or 1.5Ti", legal: is_size };
pub(super) const MOUNT_PATH: Rule = Rule {
    what: "a mount path",
    says: "an absolute path such as /var/lib/data, without `:`",
    legal: |text| text.starts_with('/') && !text.contains(':') && is_one_line(text),
};
/// An empty sub path is legal: it asks for the root of the volume.
pub(super) const SUB_PATH: Rule = Rule {
    what: "a sub path",
    says: "a relative path inside the volume, without `..`",
    legal: |text| {
        !text.starts_with('/') && text.split('/').all(|part| part != "..") && !text.contains(char::is_control)
    },
};
pub(super) const DATABASE: Rule = Rule {
    what: "a database name",
    says: "1 to 128 characters, without braces and control characters",
    legal: |text| {
        (1..=128).contains(&text.chars().count()) && !text.chars().any(|c| "{}".contains(c) || c.is_control())
    },
};
pub(super) const IMAGE: Reference =
    Reference { what: "an image", says: "write it like ghcr.io/contoso/api:1.2.0", check: image::check };
pub(super) const REGISTRY: Reference = Reference {
    what: "a registry",
    says: "write it like ghcr.io/contoso, without `https://` and a slash at the end",
    check: image::check_registry,
};
pub(super) const TAG: Reference = Reference {
    what: "an image tag",
    says: "letters, digits, `_`, `.` and `-`, at most 128 characters, not starting with `.` or `-`",
    check: image::check_tag,
};

/// What a hundred controllers agree on: a path of the URI, no query, nothing that a regular expression or nginx reads.
pub(super) const PATH: Rule = Rule {
    what: "a path",
    says: "it starts with `/` and holds no spaces, `?`, `#`, quotes, `;`, `{` and `}`",
    legal: |text| text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic() && !"?#\"'`;{}".contains(c)),
};
pub(super) const HOST: Rule = Rule {
    what: "a host name",
    says: "such as shop.example.com or *.example.com: lower-case letters, digits, `-` and `.`, no port, no path, no address",
    legal: |text| {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let last = name.rsplit('.').next().unwrap_or_default();
        // No top-level domain is a number, so an address is not a host name.
        is_dns_subdomain(name) && text.len() <= 253 && !last.chars().all(|c| c.is_ascii_digit())
    },
};
/// The object is called so, and the Secret of its certificate `<name>-tls`.
pub(super) const CIDR: Rule = Rule {
    what: "an IP range",
    says: "an address and a prefix length, such as 10.20.0.0/16 or 2001:db8::/32",
    legal: |text| {
        let Some((address, length)) = text.split_once('/') else { return false };
        let longest = address.parse::<core::net::IpAddr>().map(|address| if address.is_ipv4() { 32 } else { 128 });
        let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        is_number && longest.is_ok_and(|longest| length.parse::<u8>().is_ok_and(|length| length <= longest))
    },
};
pub(super) const ROUTE_NAME: Rule = Rule {
    what: "the name of a route",
    says: "lower-case letters, digits and `-`, a letter or digit first and last, at most 40 characters",
    legal: |text| text.len() <= 40 && is_dns_label(text),
};
pub(super) const LISTENER: Rule = Rule { what: "a listener", says: LABEL_SAYS, legal: is_dns_label };
pub(super) const GRPC_NAME: Rule = Rule {
    what: "a name in gRPC",
    says: "letters, digits, `_` and `.`",
    legal: |text| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c)),
};

const LABEL_SAYS: &str = "lower-case letters, digits and `-`, a letter or digit first and last, at most 63 characters";
const KEY_SAYS: &str = "at most 63 letters, digits, `-`, `_` and `.`, a letter or digit first and last, \
    and before them, if wanted, a domain and `/`";

/// Not empty, `outer` first and last, `outer` or one of `inner` between.
fn is_framed(text: &str, outer: fn(char) -> bool, inner: &str) -> bool {
    text.starts_with(outer) && text.ends_with(outer) && text.chars().all(|c| outer(c) || inner.contains(c))
}

fn is_lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

pub(super) fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && is_framed(text, is_lower, "-")
}

pub(super) fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(|part| is_framed(part, is_lower, "-"))
}

fn is_label_value(text: &str) -> bool {
    text.is_empty() || text.len() <= 63 && is_framed(text, |c| c.is_ascii_alphanumeric(), "-_.")
}

fn is_qualified_name(text: &str) -> bool {
    let (domain, name) = text.split_once('/').map_or((None, text), |(domain, name)| (Some(domain), name));
    domain.is_none_or(is_dns_subdomain) && !name.is_empty() && is_label_value(name)
}

pub(super) fn is_secret_key(text: &str) -> bool {
    let characters = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    !text.is_empty() && text.len() <= 253 && characters && text != "." && !text.starts_with("..")
}

pub(super) fn is_one_line(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// A duration as Go reads it, in whole hours, minutes and seconds.
fn is_interval(text: &str) -> bool {
    let mut rest = text;
    for unit in ['h', 'm', 's'] {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if (1..=6).contains(&digits) && rest[digits..].starts_with(unit) {
            rest = &rest[digits + 1..];
        }
    }
    rest.is_empty() && !text.is_empty()
}

fn is_semver(text: &str) -> bool {
    semver::Version::parse(text).is_ok()
}

/// Whether a text is the name of a host, or of all hosts of a domain.
pub(crate) fn is_host(text: &str) -> bool {
    (HOST.legal)(text)
}

/// Whether a text is one version of a chart, as helm reads it: a semantic version that may begin with `v`.
pub fn is_exact_version(text: &str) -> bool {
    is_semver(text.strip_prefix('v').unwrap_or(text))
}

/// `^4`, `^4.10`, `~4.10.1`: what is newer and still fits.
pub(super) fn is_version_range(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['^', '~']) else { return false };
    let rest = rest.strip_prefix('v').unwrap_or(rest);
    let is_number = |word: &str| {
        (1..=9).contains(&word.len())
            && word.bytes().all(|b| b.is_ascii_digit())
            && (word == "0" || !word.starts_with('0'))
    };
    is_semver(rest) || rest.split('.').count() <= 2 && rest.split('.').all(is_number)
}

/// A Kubernetes quantity that is not negative: digits, and a unit or an exponent.
pub(super) fn is_quantity(text: &str) -> bool {
    let (number, unit) = split_quantity(text);
    let exponent = unit.strip_prefix(['e', 'E']).map(|digits| digits.strip_prefix(['+', '-']).unwrap_or(digits));
    let is_exponent =
        exponent.is_some_and(|digits| (1..=2).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit()));
    let units = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let is_number = number.matches('.').count() <= 1 && number.contains(|c: char| c.is_ascii_digit());
    is_number && (units.contains(&unit) || is_exponent)
}

/// A quantity of bytes that something fits into.
fn is_size(text: &str) -> bool {
    let (number, unit) = split_quantity(text);
    is_quantity(text) && !matches!(unit, "n" | "u" | "m") && number.contains(|c| matches!(c, '1'..='9'))
}

fn split_quantity(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()))
}
