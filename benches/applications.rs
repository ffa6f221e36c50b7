//! Applications to measure: as many workloads as asked for, each with endpoints, a secret and references to its neighbour.

use serde_json::{Map, Value, json};

/// The manifest of an application with this many projects, and a database, a cache and their passwords.
pub(crate) fn manifest(projects: usize) -> Vec<u8> {
    let mut resources = Map::new();
    for (name, port, scheme) in [("postgres", 5432, "tcp"), ("cache", 6379, "redis")] {
        resources.insert(name.into(), json!({
            "type": "container.v0",
            "connectionString": format!("Host={{{name}.bindings.tcp.host}};Port={{{name}.bindings.tcp.port}};Password={{{name}-password.value}}"),
            "image": format!("docker.io/library/{name}:1"),
            "volumes": [{"name": format!("bench.apphost-0123456789-{name}-data"), "target": "/data", "readOnly": false}],
            "env": {"PASSWORD": format!("{{{name}-password.value}}")},
            "bindings": {"tcp": {"scheme": scheme, "protocol": "tcp", "transport": "tcp", "targetPort": port}},
        }));
        resources.insert(
            format!("{name}-password"),
            json!({
                "type": "parameter.v0", "value": format!("{{{name}-password.inputs.value}}"),
                "inputs": {"value": {"type": "string", "secret": true, "default": {"generate": {"minLength": 22}}}},
            }),
        );
    }
    for index in 0..projects {
        let next = (index + 1) % projects;
        resources.insert(
            format!("service-{index}"),
            json!({
                "type": "project.v0", "path": format!("../Service{index}/Service{index}.csproj"),
                "env": {
                    "OTEL_DOTNET_EXPERIMENTAL_OTLP_RETRY": "in_memory",
                    "ASPNETCORE_FORWARDEDHEADERS_ENABLED": "true",
                    "HTTP_PORTS": format!("{{service-{index}.bindings.http.targetPort}}"),
                    "ConnectionStrings__db": "{postgres.connectionString};Database=db",
                    "ConnectionStrings__cache": "{cache.connectionString}",
                    format!("services__service-{next}__http__0"): format!("{{service-{next}.bindings.http.url}}"),
                },
                "bindings": {
                    "http": {"scheme": "http", "protocol": "tcp", "transport": "http"},
                    "https": {"scheme": "https", "protocol": "tcp", "transport": "http"},
                },
            }),
        );
    }
    let document: Value = json!({"resources": resources});
    document.to_string().into_bytes()
}
