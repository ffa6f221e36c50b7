//! The programs: one row each.
//!
//! This module must not do anything.

use super::{How, Tool};

/// Version of helm that `helm` on the test bed's PATH is.
pub const DEFAULT_HELM: &str = "4.2.4";

const KUBERNETES_LDFLAGS: &str = "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 \
     -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36";

macro_rules! kubernetes {
    ($name:literal) => {
        Tool {
            name: $name,
            module: "k8s.io/kubernetes",
            version: "1.36.3",
            package: concat!("k8s.io/kubernetes/cmd/", $name),
            ldflags: KUBERNETES_LDFLAGS,
            how: How::Module,
        }
    };
}

macro_rules! helm {
    ($major:literal, $version:literal) => {
        Tool {
            name: concat!("helm-", $version, "/helm"),
            module: concat!("helm.sh/helm/v", $major),
            version: $version,
            package: concat!("helm.sh/helm/v", $major, "/cmd/helm"),
            ldflags: concat!("-s -w -X helm.sh/helm/v", $major, "/internal/version.version=v", $version),
            how: How::Install,
        }
    };
}

/// What a [`ControlPlane`](crate::ControlPlane) needs.
pub const LEVEL_A: &[Tool] = &[
    Tool {
        name: "etcd",
        module: "go.etcd.io/etcd/server/v3",
        version: "3.7.3",
        package: "go.etcd.io/etcd/server/v3",
        ldflags: "-s -w",
        how: How::Module,
    },
    kubernetes!("kube-apiserver"),
    kubernetes!("kube-controller-manager"),
    kubernetes!("kube-scheduler"),
    kubernetes!("kubectl"),
    Tool {
        name: "kwok",
        module: "sigs.k8s.io/kwok",
        version: "0.8.0",
        package: "sigs.k8s.io/kwok/cmd/kwok",
        ldflags: "",
        how: How::Install,
    },
    helm!("4", "4.2.4"),
];

/// What a real node needs besides.
pub const LEVEL_B: &[Tool] = &[
    kubernetes!("kubelet"),
    kubernetes!("kube-proxy"),
    Tool {
        name: "kube-router",
        module: "github.com/cloudnativelabs/kube-router/v2",
        version: "2.1.0",
        package: "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",
        ldflags: "-s -w",
        how: How::Install,
    },
    Tool {
        name: "coredns",
        module: "github.com/coredns/coredns",
        version: "1.15.0",
        package: "github.com/coredns/coredns",
        ldflags: "-s -w",
        how: How::InstallStatic,
    },
    Tool {
        name: "local-path-provisioner",
        module: "github.com/rancher/local-path-provisioner",
        version: "0.0.30",
        package: "github.com/rancher/local-path-provisioner",
        ldflags: "-s -w",
        how: How::InstallStatic,
    },
];

/// The other versions of helm that the plugin is tried with.
pub const HELM_MATRIX: &[Tool] =
    &[helm!("3", "3.14.4"), helm!("3", "3.22.0"), helm!("4", "4.0.5"), helm!("4", "4.3.1")];

/// A registry for charts.
pub const REGISTRY: &[Tool] = &[Tool {
    name: "registry",
    module: "github.com/distribution/distribution/v3",
    version: "3.1.2",
    package: "github.com/distribution/distribution/v3/cmd/registry",
    ldflags: "-s -w",
    how: How::InstallStatic,
}];

/// Encrypts and decrypts files of parameters.
pub const SOPS: Tool = Tool {
    name: "sops",
    module: "github.com/getsops/sops/v3",
    version: "3.13.3",
    package: "github.com/getsops/sops/v3/cmd/sops",
    ldflags: "-s -w",
    how: How::InstallStatic,
};

/// Makes keys for [`SOPS`].
pub const AGE_KEYGEN: Tool = Tool {
    name: "age-keygen",
    module: "filippo.io/age",
    version: "1.3.2",
    package: "filippo.io/age/cmd/age-keygen",
    ldflags: "-s -w",
    how: How::InstallStatic,
};

/// Makes Secrets of `SealedSecret` objects. It knows no other cluster than the one it runs in, until it is told to read
/// a kubeconfig.
pub const SEALED_SECRETS: Tool = Tool {
    name: "sealed-secrets-controller",
    module: "github.com/bitnami-labs/sealed-secrets",
    version: "0.40.0",
    package: "github.com/bitnami/sealed-secrets/cmd/controller",
    ldflags: "-s -w",
    how: How::Patched(&[
        (
            "pkg/controller/main.go",
            "rest.InClusterConfig()",
            "clientcmd.BuildConfigFromFlags(\"\", os.Getenv(\"KUBECONFIG\"))",
        ),
        ("pkg/controller/main.go", "\"k8s.io/client-go/rest\"", "\"k8s.io/client-go/tools/clientcmd\""),
    ]),
};

/// Makes Secrets of `ExternalSecret` objects. Of its forty providers only the one that makes values up, because the
/// others are the clients of every cloud. It is the last version whose parts are all in one published module.
pub const EXTERNAL_SECRETS: Tool = Tool {
    name: "external-secrets",
    module: "github.com/external-secrets/external-secrets",
    version: "0.20.4",
    package: "github.com/external-secrets/external-secrets",
    ldflags: "-s -w",
    how: How::Patched(&[
        (
            "pkg/provider/register/register.go",
            "",
            "package register\n\nimport _ \"github.com/external-secrets/external-secrets/pkg/provider/fake\"\n",
        ),
        (
            "pkg/generator/register/register.go",
            "",
            "package register\n\nimport _ \"github.com/external-secrets/external-secrets/pkg/generator/fake\"\n",
        ),
    ]),
};

/// Where secrets can come from.
pub const SECRETS: &[Tool] = &[SOPS, AGE_KEYGEN, SEALED_SECRETS, EXTERNAL_SECRETS];

/// The three parts of cert-manager in one program. Its own commands are in no published module.
pub const CERT_MANAGER: Tool = Tool {
    name: "cert-manager",
    module: "github.com/cert-manager/cert-manager",
    version: "1.21.2",
    package: "github.com/cert-manager/cert-manager/testbed",
    ldflags: "-s -w",
    how: How::Own("cert-manager"),
};

/// The ACME server that Let's Encrypt tests clients with.
pub const PEBBLE: Tool = Tool {
    name: "pebble",
    module: "github.com/letsencrypt/pebble/v2",
    version: "2.10.1",
    package: "github.com/letsencrypt/pebble/v2/cmd/pebble",
    ldflags: "-s -w",
    how: How::InstallStatic,
};

/// Serves what Ingresses and the routes of the Gateway API say.
pub const TRAEFIK: Tool = Tool {
    name: "traefik",
    module: "github.com/traefik/traefik/v3",
    version: "3.7.13",
    package: "github.com/traefik/traefik/v3/cmd/traefik",
    ldflags: "-s -w -X github.com/traefik/traefik/v3/pkg/version.Version=3.7.13",
    how: How::Own("traefik"),
};

/// Routes and certificates.
pub const ROUTES: &[Tool] = &[CERT_MANAGER, PEBBLE, TRAEFIK];

/// The kinds of the Gateway API. The newest version whose module this Go takes; the controllers are built against the
/// same minor version.
pub const GATEWAY_API: (&str, &str) = ("sigs.k8s.io/gateway-api", "1.6.3");

/// Reads Compose files: what `docker compose config` does, with the library of Docker Compose and without its client.
pub const COMPOSE_CONFIG: Tool = Tool {
    name: "compose-config",
    module: "github.com/compose-spec/compose-go/v2",
    version: "2.16.2",
    package: "github.com/compose-spec/compose-go/v2/testbed",
    ldflags: "-s -w",
    how: How::Own("compose-config"),
};

/// Reads the workflows of GitHub.
pub const ACTIONLINT: Tool = Tool {
    name: "actionlint",
    module: "github.com/rhysd/actionlint",
    version: "1.7.12",
    package: "github.com/rhysd/actionlint/cmd/actionlint",
    ldflags: "-s -w",
    how: How::Install,
};

/// Reads the manifests of krew, as its index does.
pub const KREW_VALIDATOR: Tool = Tool {
    name: "validate-krew-manifest",
    module: "sigs.k8s.io/krew",
    version: "0.4.3",
    package: "sigs.k8s.io/krew/cmd/validate-krew-manifest",
    ldflags: "-s -w",
    how: How::Install,
};

/// What reads the files of a release.
pub const RELEASE: &[Tool] = &[ACTIONLINT, KREW_VALIDATOR];

/// Every row of the table.
#[must_use]
pub fn all() -> Vec<Tool> {
    [LEVEL_A, LEVEL_B, HELM_MATRIX, REGISTRY, SECRETS, ROUTES, &[COMPOSE_CONFIG], RELEASE].concat()
}

/// The row of a version of helm.
#[must_use]
pub fn helm(version: &str) -> Option<Tool> {
    all().into_iter().find(|tool| tool.name.starts_with("helm-") && tool.version == version)
}
