//! The syntax of image references: the grammar of registries and of the kubelet
//! (<https://github.com/distribution/reference>), and which part of a text violates it.
//!
//! Must not know where a reference comes from, and must not call a registry.

/// Longest name of an image, its registry included.
pub(crate) const LONGEST_NAME: usize = 255;

const LONGEST_TAG: usize = 128;

/// `[registry/]name[:tag][@digest]` in its three parts; joined again they are the same text.
pub fn split(reference: &str) -> (&str, &str, &str) {
    let (rest, digest) = reference.split_once('@').unwrap_or((reference, ""));
    let last = rest.rfind('/').map_or(0, |slash| slash + 1);
    match rest[last..].rfind(':') {
        Some(colon) => (&rest[..last + colon], &rest[last + colon + 1..], digest),
        None => (rest, "", digest),
    }
}

/// The registry that a name begins with, and the path in it. A name without one lies on Docker Hub.
pub(crate) fn registry_of(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((host, path)) if is_host(host) => (Some(host), path),
        _ => (None, name),
    }
}

/// Whether a text is the reference of an image; else what is wrong, with the part that is.
pub fn check(reference: &str) -> Result<(), String> {
    check_text(reference)?;
    let (name, tag, digest) = split(reference);
    check_name(name)?;
    let without_digest = reference.split_once('@').map_or(reference, |(rest, _)| rest);
    if without_digest.len() > name.len() {
        check_tag(tag)?;
    }
    if reference.contains('@') { check_digest(digest) } else { Ok(()) }
}

/// Whether a text can stand before the names of images; else what is wrong, with the part that is.
pub fn check_registry(registry: &str) -> Result<(), String> {
    check_text(registry)?;
    if registry.ends_with('/') {
        return Err("it ends with `/`".into());
    }
    if registry.contains('@') {
        return Err("it has a digest, which identifies one image".into());
    }
    // A registry alone is a host; only what follows it must be a path.
    match registry.split_once('/') {
        Some((host, path)) if is_host(host) => check_host(host).and_then(|()| check_path(path)),
        None if is_host(registry) => check_host(registry),
        Some(_) | None => check_path(registry),
    }
}

/// Whether a text is a tag; else what is wrong.
pub fn check_tag(tag: &str) -> Result<(), String> {
    let inner = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    match tag {
        "" => Err("its tag is empty".into()),
        _ if tag.len() > LONGEST_TAG => Err(format!("its tag has more than {LONGEST_TAG} characters")),
        _ if tag.starts_with(['.', '-']) || !tag.chars().all(inner) => Err(format!(
            "the tag {} has characters other than letters, digits, `_`, `.` and `-`, or begins with `.` or `-`",
            shown(tag)
        )),
        _ => Ok(()),
    }
}

/// The name of the image that is built from a resource: the resource in lower case. Where a registry would not take that,
/// other characters become `-`.
pub fn repository_of(resource: &str) -> String {
    let lower = resource.to_lowercase();
    if check_component(&lower).is_ok() {
        return lower;
    }
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-");
    if name.is_empty() { "x".into() } else { name }
}

/// What no part of a reference may hold.
fn check_text(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("it is empty".into());
    }
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(format!("it has a scheme ({})", shown(&format!("{scheme}://"))));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it contains a space or a control character".into());
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    if name.len() > LONGEST_NAME {
        return Err(format!("its name has {} characters; the limit is {LONGEST_NAME}", name.len()));
    }
    match name.split_once('/') {
        Some((host, path)) if is_host(host) => check_host(host).and_then(|()| check_path(path)),
        _ if name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit()) => {
            Err("64 hexadecimal digits are the id of an image, not a name".into())
        }
        _ => check_path(name),
    }
}

/// Whether what stands before the first `/` is a registry: it has a `.` or a port, or is `localhost`. All else is the start
/// of a path on Docker Hub.
pub(crate) fn is_host(text: &str) -> bool {
    text == "localhost" || text.contains(['.', ':'])
}

fn check_host(host: &str) -> Result<(), String> {
    let wrong = || Err(format!("{} is not a valid registry host", shown(host)));
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else { return wrong() };
            if address.parse::<core::net::Ipv6Addr>().is_err() || !(port.is_empty() || port.starts_with(':')) {
                return wrong();
            }
            (None, port.strip_prefix(':'))
        }
        None => host.split_once(':').map_or((Some(host), None), |(name, port)| (Some(name), Some(port))),
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if name.is_some_and(|name| !name.split('.').all(is_label)) {
        return wrong();
    }
    match port {
        Some(port) if !port.bytes().all(|b| b.is_ascii_digit()) || !matches!(port.parse::<u16>(), Ok(1..)) => {
            Err(format!("{} is not a valid registry port", shown(port)))
        }
        _ => Ok(()),
    }
}

fn check_path(path: &str) -> Result<(), String> {
    path.split('/').try_for_each(check_component)
}

/// One part of a path: lower-case letters and digits, between them `.`, `_`, `__` or dashes.
fn check_component(part: &str) -> Result<(), String> {
    if part.is_empty() {
        return Err("a part between two `/` is empty".into());
    }
    if part.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(format!("{} has upper-case letters, but a repository name is lower case", shown(part)));
    }
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if let Some(other) = part.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(*c))) {
        return Err(format!("{} holds {}", shown(part), shown(&other.to_string())));
    }
    let mut separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let is_separator = |text: &str| matches!(text, "" | "." | "_" | "__") || text.bytes().all(|b| b == b'-');
    let ends_well = part.bytes().next().is_some_and(is_inner) && part.bytes().last().is_some_and(is_inner);
    if !ends_well || !separators.all(is_separator) {
        return Err(format!(
            "{} needs a letter or digit first and last, and one `.`, one or two `_`, or dashes between them",
            shown(part)
        ));
    }
    Ok(())
}

/// `algorithm:hex`. Registries know sha256, sha384 and sha512; others are taken as the grammar has them.
fn check_digest(digest: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("the digest {} {why}", shown(digest)));
    let Some((algorithm, hex)) = digest.split_once(':') else { return wrong("names no algorithm, such as sha256:...") };
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(|c| c.is_ascii_alphanumeric())
    };
    if !algorithm.split(['+', '.', '-', '_']).all(is_word) {
        return wrong("has no algorithm of letters and digits");
    }
    let length = match algorithm {
        "sha256" => Some(64),
        "sha384" => Some(96),
        "sha512" => Some(128),
        _ => None,
    };
    let is_lower_hex = hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match length {
        Some(length) if hex.len() != length || !is_lower_hex => {
            wrong(&format!("needs {length} lower-case hexadecimal digits"))
        }
        None if hex.len() < 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            wrong("needs at least 32 hexadecimal digits")
        }
        _ => Ok(()),
    }
}

/// A part of a reference as messages show it.
fn shown(text: &str) -> String {
    let visible: String = text.chars().filter(|c| !c.is_control()).collect();
    let short: String = visible.chars().take(80).collect();
    if short.len() < visible.len() { format!("`{short}...`") } else { format!("`{short}`") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000001";

    #[test]
    fn references_split_and_join() {
        for (reference, parts) in [
            ("redis", ("redis", "", "")),
            ("docker.io/library/redis:8.6", ("docker.io/library/redis", "8.6", "")),
            ("localhost:5000/x", ("localhost:5000/x", "", "")),
            ("r.io:5/x:1@sha256:ab", ("r.io:5/x", "1", "sha256:ab")),
            ("x@sha256:ab", ("x", "", "sha256:ab")),
        ] {
            assert_eq!(split(reference), parts);
        }
    }

    #[test]
    fn a_registry_is_told_from_a_path() {
        for (name, parts) in [
            ("ghcr.io/contoso/api", (Some("ghcr.io"), "contoso/api")),
            ("localhost:5000/api", (Some("localhost:5000"), "api")),
            ("localhost/api", (Some("localhost"), "api")),
            ("contoso/api", (None, "contoso/api")),
            ("api", (None, "api")),
        ] {
            assert_eq!(registry_of(name), parts, "{name}");
        }
    }

    #[test]
    fn references_that_a_registry_takes() {
        let long = format!("a/{}", "b".repeat(253));
        for good in [
            "redis",
            "redis:8",
            "library/redis:8.6-alpine",
            "docker.io/library/nginx:1.29",
            "localhost:5000/team/app",
            "localhost/app:2",
            "Registry.Example:443/team/app:V1_a.b-C",
            "[::1]:5000/app",
            "10.0.0.7:5000/a/b/c__d/e---f.g_h:x",
            "mcr.microsoft.com/mssql/server:2022-latest",
            &long,
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
            let pinned = format!("{good}@{DIGEST}");
            assert_eq!(check(&pinned), Ok(()), "{pinned}");
        }
    }

    #[test]
    fn references_that_no_registry_takes_name_the_part() {
        let long = "b".repeat(256);
        let tag = format!("a:{}", "t".repeat(129));
        for (bad, part) in [
            ("", "empty"),
            ("Registry.Example:443/Team/App:V1", "`Team` has upper-case letters"),
            ("ghcr.io/Contoso/api:1", "`Contoso` has upper-case letters"),
            ("Contoso/api", "`Contoso` has upper-case letters"),
            ("Redis", "`Redis` has upper-case letters"),
            ("https://ghcr.io/a", "scheme (`https://`)"),
            ("ghcr.io//a", "two `/`"),
            ("ghcr.io/a/", "two `/`"),
            ("/a", "two `/`"),
            ("a b", "space"),
            ("a\tb", "space"),
            ("ghcr.io:x/a", "`x` is not a valid registry port"),
            ("ghcr.io:/a", "not a valid registry port"),
            ("ghcr.io:0/a", "`0` is not a valid registry port"),
            ("ghcr.io:65536/a", "`65536` is not a valid registry port"),
            ("-a.io/x", "`-a.io` is not a valid registry host"),
            ("a..io/x", "`a..io` is not a valid registry host"),
            ("[::1/x", "not a valid registry host"),
            ("a:", "tag is empty"),
            ("a:-x", "the tag `-x`"),
            ("a:1:2", "`a:1` holds `:`"),
            ("ghcr.io/a:b/c", "`a:b` holds `:`"),
            ("a.", "`a.` needs a letter"),
            ("a___b", "`a___b` needs"),
            ("a.-b", "`a.-b` needs"),
            ("_a", "`_a` needs"),
            ("grüße", "`grüße` holds `ü`"),
            ("{api.image}", "holds `{`"),
            ("a@", "names no algorithm"),
            ("a@sha256:12", "64 lower-case"),
            ("a@md5:12", "at least 32"),
            ("a@9:12", "algorithm"),
            ("0000000000000000000000000000000000000000000000000000000000000001", "id of an image"),
            (&long, "the limit is 255"),
            (&tag, "more than 128"),
        ] {
            let why = check(bad).unwrap_err();
            assert!(why.contains(part), "{bad}: {why}");
        }
    }

    #[test]
    fn registries_are_hosts_and_paths() {
        for good in ["ghcr.io", "ghcr.io/contoso", "localhost:5000", "localhost", "contoso", "Registry.Example/team"] {
            assert_eq!(check_registry(good), Ok(()), "{good}");
        }
        for (bad, part) in [
            ("", "empty"),
            ("https://ghcr.io", "scheme"),
            ("ghcr.io/Contoso", "`Contoso` has upper-case letters"),
            ("Contoso", "upper-case"),
            ("ghcr.io/contoso/", "it ends with"),
            ("ghcr.io//contoso", "two `/`"),
            ("ghcr.io/contoso:1", "`contoso:1` holds `:`"),
            ("ghcr.io:no", "`no` is not a valid registry port"),
            ("ghcr.io/a@sha256:1", "digest"),
        ] {
            let why = check_registry(bad).unwrap_err();
            assert!(why.contains(part), "{bad}: {why}");
        }
    }

    #[test]
    fn an_image_is_called_like_its_resource() {
        let long = "EventBusProcessorForIncomingOrdersAndShipments-Number1";
        for (resource, repository) in [
            ("Api", "api"),
            (long, "eventbusprocessorforincomingordersandshipments-number1"),
            ("my_legacy_svc", "my_legacy_svc"),
            ("3rd-party", "3rd-party"),
            ("a..b", "a-b"),
            ("Größe", "gr-e"),
            ("!", "x"),
        ] {
            assert_eq!(repository_of(resource), repository);
        }
    }

    proptest! {
        #[test]
        fn every_resource_has_an_image(resource in ".{1,100}") {
            prop_assert_eq!(check_component(&repository_of(&resource)), Ok(()));
        }

        #[test]
        fn no_text_is_too_odd(text in "[a-zA-Z0-9:/@.\\[\\]_\u{0}ä-]{0,40}") {
            let _ = (check(&text), check_registry(&text));
            let (name, tag, digest) = split(&text);
            prop_assert!(name.len() + tag.len() + digest.len() <= text.len());
        }
    }
}
