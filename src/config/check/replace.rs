//! The rules for `replaceWith:` that types cannot express: which of its keys exclude each other, what it leaves no use for,
//! and how hosts are written.

use crate::config::findings::Findings;
use crate::config::path::{Path, shown};
use crate::config::replace::{Address, ReplacedHost};
use crate::config::rules::{OBJECT_NAME, SECRET_KEY, is_dns_subdomain};
use crate::config::{EnvironmentResource, ExistingSecret, ReplaceWith, Resource};
use crate::support::diagnostic::Code;

/// Keys of a connection string that hold a credential, without blanks and in lower case.
const CREDENTIALS: [&str; 8] =
    ["password", "pwd", "accountkey", "sharedaccesskey", "accesskey", "secretkey", "apikey", "key"];

const HOST_SAYS: &str = "write a name such as db.example.com or db.example.com:5432, without a scheme and a path";

/// Reports what is wrong with `replaceWith` of a resource.
pub(super) fn check(resource: &Resource, findings: &mut Findings, at: &Path<'_>) {
    let Some(with) = &resource.replace_with else { return };
    without_use(resource, findings, at);
    let at = &at.key("replaceWith");
    if *with == ReplaceWith::default() && !findings.any_within(at) {
        let hint = "set `connectionString`, `existingSecret`, `host` or `externalName`";
        findings.add(Code::MissingKey, at, "it does not say what replaces the resource", hint);
    }
    let both = [
        ("connectionString", with.connection_string.is_some(), "existingSecret", with.existing_secret.is_some()),
        ("host", with.host.is_some(), "externalName", with.external_name.is_some()),
    ];
    for (one, _, other, _) in both.into_iter().filter(|(_, one, _, other)| *one && *other) {
        let what = format!("`{one}` and `{other}` exclude each other");
        findings.add(Code::ConflictingKeys, at, what, "keep one of them");
    }
    if let Some(text) = &with.connection_string {
        connection_string(text, findings, &at.key("connectionString"));
    }
    if let Some(ExistingSecret { name, key, uri_key }) = &with.existing_secret {
        let at = at.key("existingSecret");
        let names = [
            ("name", Some(name), OBJECT_NAME),
            ("key", Some(key), SECRET_KEY),
            ("uriKey", uri_key.as_ref(), SECRET_KEY),
        ];
        for (key, text, rule) in names {
            let Some(text) = text.filter(|text| !(rule.legal)(text)) else { continue };
            let what = format!("{} is not valid as {}", shown(text), rule.what);
            findings.add(Code::InvalidValue, &at.key(key), what, rule.says);
        }
    }
    hosts(with.host.as_ref(), findings, &at.key("host"));
    if let Some(name) = with.external_name.as_deref().filter(|name| !is_dns_name(name)) {
        let what = format!("{} is not valid as a DNS name", shown(name));
        let hint =
            "write a name such as db.example.com, without a scheme and a port; for an address or a port, use `host`";
        findings.add(Code::InvalidValue, &at.key("externalName"), what, hint);
    }
}

/// Reports what is wrong with `enabled` and `replaceWith` of an environment. Its references have one host, which is a value.
pub(super) fn check_environment(resource: &EnvironmentResource, findings: &mut Findings, at: &Path<'_>) {
    let Some(with) = &resource.replace_with else { return };
    if resource.enabled == Some(true) {
        let hint = "remove one of them: a replaced resource does not run";
        findings.add(Code::ConflictingKeys, at, "`enabled: true` and `replaceWith` exclude each other", hint);
    }
    let at = at.key("replaceWith");
    hosts(Some(&with.host), findings, &at.key("host"));
    if let ReplacedHost::Each(hosts) = &with.host {
        let mut names: Vec<&str> = hosts.values().filter_map(|host| Some(Address::read(host)?.host)).collect();
        names.dedup();
        if names.len() != 1 {
            let what = "in an environment, all endpoints have the same host, with ports of their own";
            findings.add(Code::ConflictingKeys, &at.key("host"), what, "write one host, as `NAME` or `NAME:PORT`");
        }
    }
}

fn hosts(written: Option<&ReplacedHost>, findings: &mut Findings, at: &Path<'_>) {
    match written {
        Some(ReplacedHost::One(written)) => host(written, findings, at),
        Some(ReplacedHost::Each(hosts)) => {
            for (endpoint, written) in hosts {
                host(written, findings, &at.key(endpoint));
            }
        }
        None => {}
    }
}

/// Reports the other keys of a resource that does not run.
fn without_use(resource: &Resource, findings: &mut Findings, at: &Path<'_>) {
    // Plain data of this crate always has a JSON form.
    let json = |resource: &Resource| serde_json::to_value(resource).unwrap_or_default();
    let (said, silent) = (json(resource), json(&Resource::default()));
    let said = said.as_object().into_iter().flatten().filter(|(key, value)| silent.get(*key) != Some(*value));
    for (key, _) in said.filter(|(key, _)| *key != "replaceWith") {
        let what = format!("`replaceWith` and `{key}` exclude each other");
        let hint = format!("remove one of them: a replaced resource does not run, so `{key}` has no effect");
        findings.add(Code::ConflictingKeys, &at.key(key), what, hint);
    }
}

fn host(written: &str, findings: &mut Findings, at: &Path<'_>) {
    if !Address::read(written).is_some_and(|address| is_dns_subdomain(address.host)) {
        // What looks like a URI may have a password.
        let text = if written.contains('@') { "this".to_owned() } else { shown(written) };
        findings.add(Code::InvalidValue, at, format!("{text} is not valid as a host"), HOST_SAYS);
    }
}

/// A name of the DNS, and no address, which the API server refuses.
fn is_dns_name(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    is_dns_subdomain(text) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

fn connection_string(text: &str, findings: &mut Findings, at: &Path<'_>) {
    if text.trim().is_empty() {
        let hint = "write it like `Host=db.example.com;Password={db-password.value}`";
        findings.add(Code::InvalidValue, at, "the connection string is empty", hint);
    }
    if let Some(key) = plain_credential(text) {
        let hint = "refer to a secret parameter, such as `{db-password.value}`, or use `existingSecret`";
        findings.add(Code::SecretInFile, at, format!("`{key}` holds a secret, which must not be in a file"), hint);
    }
}

/// What of a connection string holds a credential as plain text: a key, or the password of a URI.
fn plain_credential(text: &str) -> Option<String> {
    let is_plain = |value: &str| !value.trim().is_empty() && !value.trim_start().starts_with('{');
    for pair in text.split([';', ',', '?', '&']) {
        let Some((key, value)) = pair.split_once('=') else { continue };
        let bare: String = key.chars().filter(|c| !c.is_whitespace()).collect();
        if CREDENTIALS.contains(&bare.to_ascii_lowercase().as_str()) && is_plain(value) {
            return Some(key.trim().to_owned());
        }
    }
    let (_, rest) = text.split_once("://")?;
    let (user, _) = rest.split(['/', '?']).next()?.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    is_plain(password).then(|| "user:password@".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_plain_text_are_found() {
        for (text, found) in [
            ("Host=a;Username=u;Password={pw.value}", None),
            ("Host=a;PassWord = x", Some("PassWord")),
            ("Host=a;Pass word=x", Some("Pass word")),
            ("a:6379,password=x", Some("password")),
            ("a:6379,password={pw.value},ssl=true", None),
            ("Host=a;Password=", None),
            ("amqp://u:{pw.value}@a:5672", None),
            ("amqp://u:x@a:5672/v", Some("user:password@")),
            ("amqp://a:5672/x@y", None),
            ("AccountName=a;AccountKey=x", Some("AccountKey")),
        ] {
            assert_eq!(plain_credential(text).as_deref(), found, "{text}");
        }
    }
}
