//! Whether a connection uses the proxy of the environment, by the rules of Go programs.
//!
//! kube's own handling of `NO_PROXY` compares the proxy's address, not the cluster's, so the decision is made here.

use std::net::IpAddr;

use super::environment::Environment;

/// The proxy for this address, if any.
pub(crate) fn for_url<'a>(url: &str, environment: &'a Environment) -> Option<&'a str> {
    let first = |names: [&str; 2]| names.iter().find_map(|name| environment.text(name));
    let names = if url.starts_with("http:") { ["HTTP_PROXY", "http_proxy"] } else { ["HTTPS_PROXY", "https_proxy"] };
    let proxy = first(names)?;
    let (host, port) = host_and_port(url);
    let exceptions = first(["NO_PROXY", "no_proxy"]).unwrap_or_default();
    (!is_local(host) && !exceptions.split(',').any(|entry| covers(entry.trim(), host, port))).then_some(proxy)
}

fn host_and_port(url: &str) -> (&str, &str) {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some((host, rest)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, rest.trim_start_matches(':'));
    }
    authority.split_once(':').unwrap_or((authority, ""))
}

fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether one entry of `NO_PROXY` means this host: `*`, a name, a suffix, an address, a range, each with a port or not.
fn covers(entry: &str, host: &str, port: &str) -> bool {
    let (entry, wanted_port) = match entry.rsplit_once(':') {
        Some((name, digits)) if !name.contains(':') && digits.chars().all(|c| c.is_ascii_digit()) => (name, digits),
        _ => (entry, ""),
    };
    if entry.is_empty() || (!wanted_port.is_empty() && wanted_port != port) {
        return false;
    }
    if entry == "*" {
        return true;
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return entry.parse::<IpAddr>().is_ok_and(|other| other == address) || in_range(entry, address);
    }
    let (host, entry) = (host.to_ascii_lowercase(), entry.to_ascii_lowercase());
    let suffix = entry.strip_prefix('*').unwrap_or(&entry);
    let bare = suffix.strip_prefix('.');
    match bare {
        Some(_) => host.ends_with(suffix),
        None => host == suffix || host.ends_with(&format!(".{suffix}")),
    }
}

fn in_range(entry: &str, address: IpAddr) -> bool {
    let Some((base, bits)) = entry.split_once('/') else { return false };
    let (Ok(base), Ok(bits)) = (base.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) if bits <= 32 => {
            let shift = 32 - bits;
            u64::from(base.to_bits()) >> shift == u64::from(address.to_bits()) >> shift
        }
        (IpAddr::V6(base), IpAddr::V6(address)) if bits <= 128 => {
            let shift = 128 - bits;
            base.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exceptions_are_those_of_go() {
        for (exceptions, url, through) in [
            ("", "https://api.example.com:6443", true),
            ("", "https://127.0.0.1:6443", false),
            ("", "https://[::1]:6443", false),
            ("", "https://localhost", false),
            ("*", "https://api.example.com", false),
            ("example.com", "https://api.example.com", false),
            ("example.com", "https://example.com", false),
            (".example.com", "https://example.com", true),
            (".example.com", "https://api.EXAMPLE.com", false),
            ("*.example.com", "https://api.example.com", false),
            ("ample.com", "https://api.example.com", true),
            ("10.0.0.0/8", "https://10.3.4.5:6443", false),
            ("10.0.0.0/8", "https://11.3.4.5:6443", true),
            ("11.3.4.5", "https://11.3.4.5", false),
            ("0.0.0.0/0", "https://11.3.4.5", false),
            ("fd00::/8", "https://[fd00::5]:6443/x", false),
            ("example.com:8443", "https://example.com:6443", true),
            ("other, example.com:6443", "https://example.com:6443", false),
        ] {
            let environment = Environment::new("/", [("HTTPS_PROXY", "http://p:3128"), ("NO_PROXY", exceptions)]);
            assert_eq!(for_url(url, &environment).is_some(), through, "NO_PROXY={exceptions} {url}");
        }
    }

    #[test]
    fn plain_addresses_use_the_other_variable() {
        let environment = Environment::new("/", [("https_proxy", "http://p:3128")]);
        assert_eq!(for_url("http://a", &environment), None);
        assert_eq!(for_url("https://a", &environment), Some("http://p:3128"));
    }
}
