//! Answers worked out by hand, so that the oracle itself can be wrong in a test.

use super::{Given, answer, escape_data_string, short};
use serde_json::json;
use std::collections::BTreeMap;

#[test]
fn a_small_application() {
    let manifest = json!({"resources": {
        "Pass": {"type": "parameter.v0", "value": "{Pass.inputs.value}", "inputs": {"value": {"secret": true}}},
        "pass-uri": {"type": "annotated.string", "value": "{Pass.value}", "filter": "uri"},
        "Cache": {"type": "container.v0", "image": "redis:8", "args": ["--pass", "{Pass.value}"],
            "connectionString": "{Cache.bindings.TCP.host}:{Cache.bindings.tcp.port},password={Pass.value}",
            "bindings": {"tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": 6379, "port": 9}}},
        "db": {"type": "value.v0", "connectionString": "{Cache.connectionString};x={pass-uri.value}"},
        "api": {"type": "project.v0", "env": {
                "DB": "{db.connectionString}", "PORT": "{api.bindings.https.targetPort}", "GONE": "{no.value}",
                "services__api__https__0": "{api.bindings.https.url}", "LITERAL": "{**x} {api.url}"},
            "bindings": {"http": {"scheme": "http"}, "https": {"scheme": "https"}}},
    }});
    let inputs = [("Pass", "a b"), ("no.value", "?")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let given = Given { inputs: BTreeMap::from(inputs), registry: "r", tag: "1", ..Given::default() };
    let answer = answer(&manifest, &given);
    assert!(answer.missing.is_empty(), "{:?}", answer.missing);
    let (api, cache) = (&answer.workloads["api"], &answer.workloads["cache"]);
    let env: Vec<(&str, &[u8])> = api.env.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let wanted: [(&str, &[u8]); 5] = [
        ("DB", b"cache:9,password=a b;x=a%20b"),
        ("GONE", b"?"),
        ("LITERAL", b"{**x} {api.url}"),
        ("PORT", b"8080"),
        ("services__api__http__0", b"http://api:80"),
    ];
    assert_eq!(env, wanted);
    assert_eq!((api.image.as_str(), cache.image.as_str()), ("r/api:1", "redis:8"));
    assert_eq!(api.service_ports.iter().next(), Some(&(80, 8080, "TCP".to_owned())));
    assert_eq!(cache.service_ports.iter().next(), Some(&(9, 6379, "TCP".to_owned())));
    assert_eq!(cache.args, [b"--pass".to_vec(), b"a b".to_vec()]);
}

#[test]
fn names_of_volumes_lose_what_aspire_puts_before_them() {
    assert_eq!(short("redis.apphost-7855b85e05-redis-data"), "redis-data");
    assert_eq!(short("TestShop.AppHost-redis-data"), "TestShop.AppHost-redis-data");
    assert_eq!(short("0123456789-data"), "0123456789-data");
}

#[test]
fn escaping_is_that_of_dotnet() {
    assert_eq!(escape_data_string("aZ9-_.~ +/é'!*()"), "aZ9-_.~%20%2B%2F%C3%A9%27%21%2A%28%29");
}
