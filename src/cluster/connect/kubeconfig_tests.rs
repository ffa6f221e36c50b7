//! Kubeconfig files on disk in, the selected cluster out.

use super::*;

const TWO: &str = "
apiVersion: v1
kind: Config
current-context: a
clusters:
- {name: ca, cluster: {server: 'https://a:6443', proxy-url: 'http://own:1'}}
- {name: cb, cluster: {server: 'https://b:6443', insecure-skip-tls-verify: true}}
contexts:
- {name: a, context: {cluster: ca, user: ua, namespace: shop}}
- {name: bravo, context: {cluster: cb, user: ub}}
users:
- {name: ua, user: {token: s3cret}}
";
const MORE: &str = "
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: cc, cluster: {server: 'https://c:6443'}}]
contexts: [{name: c, context: {cluster: cc}}, {name: a, context: {cluster: cc}}]
";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".kube")).unwrap();
        for (name, text) in [("two", TWO), ("more", MORE), (".kube/config", MORE), ("empty", "")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    fn environment(&self, variables: &[(&str, &str)]) -> Environment {
        let home = [("HOME", self.0.path().to_str().unwrap())];
        Environment::new(self.0.path(), variables.iter().copied().chain(home))
    }

    fn locate(&self, access: Access, variables: &[(&str, &str)]) -> Result<Location> {
        let environment = self.environment(variables);
        locate(&access.with_environment(&environment), &environment)
    }
}

fn context(name: &str) -> Access {
    Access { context: Some(name.into()), ..Access::default() }
}

#[test]
fn a_login_in_an_address_is_hidden() {
    for (address, shown) in [
        ("https://a:6443/x", "https://a:6443/x"),
        ("https://user:pa@ss@a:6443/x@y", "https://***@a:6443/x@y"),
        ("https://token@a", "https://***@a"),
        ("user:secret@proxy:3128", "***@proxy:3128"),
        ("https://a/b@c", "https://a/b@c"),
        ("", ""),
    ] {
        assert_eq!(without_login(address), shown);
    }
}

#[test]
fn the_place_is_found_without_connecting() {
    let folder = Folder::new();
    let explicit = Access { kubeconfig: Some("two".into()), ..Access::default() };
    for (access, variables, expected) in [
        (Access::default(), vec![], ("c", "https://c:6443", "default", "default")),
        (explicit.clone(), vec![], ("a", "https://a:6443", "shop", "shop")),
        (explicit.clone(), vec![("KUBECONFIG", "more")], ("a", "https://a:6443", "shop", "shop")),
        (Access::default(), vec![("KUBECONFIG", "two:more")], ("a", "https://a:6443", "shop", "shop")),
        (Access::default(), vec![("KUBECONFIG", "more:two")], ("c", "https://c:6443", "default", "default")),
        (
            context("bravo"),
            vec![("KUBECONFIG", "missing::more:two")],
            ("bravo", "https://b:6443", "default", "default"),
        ),
        (Access::default(), vec![("KUBECONFIG", "two"), ("HELM_NAMESPACE", "n")], ("a", "https://a:6443", "n", "shop")),
        (
            Access::default(),
            vec![("KUBECONFIG", "two"), ("HELM_KUBEAPISERVER", "z:1")],
            ("a", "https://z:1", "shop", "shop"),
        ),
    ] {
        let found = folder.locate(access, &variables).unwrap();
        let got = (found.context.as_deref().unwrap(), &*found.url, &*found.namespace, &*found.context_namespace);
        assert_eq!(got, expected, "{variables:?}");
    }
}

#[test]
fn an_address_alone_is_enough() {
    let folder = Folder::new();
    let access = Access { server: Some("http://x:1".into()), ..Access::default() };
    let found = folder.locate(access.clone(), &[("KUBECONFIG", "empty")]).unwrap();
    assert_eq!((found.context, &*found.url), (None, "http://x:1"));
    let config = configuration(&access, &folder.environment(&[("KUBECONFIG", "empty")])).unwrap();
    assert_eq!(config.cluster_url.to_string(), "http://x:1/");
}

#[test]
fn a_pod_finds_its_own_cluster() {
    let folder = Folder::new();
    let pod = [("KUBECONFIG", "empty"), ("KUBERNETES_SERVICE_HOST", "fd00::1"), ("KUBERNETES_SERVICE_PORT", "443")];
    let found = folder.locate(Access::default(), &pod).unwrap();
    assert_eq!((found.context, &*found.url), (None, "https://[fd00::1]:443"));
}

#[test]
fn mistakes_are_sentences() {
    let folder = Folder::new();
    let missing = Access { kubeconfig: Some("nowhere".into()), ..Access::default() };
    for (access, variables, parts) in [
        (context("brava"), vec![("KUBECONFIG", "two")], ["no context `brava`", "a, bravo", "did you mean `bravo`"]),
        (Access::default(), vec![("KUBECONFIG", "empty")], ["no cluster is configured", "empty", "--kubeconfig"]),
        (missing, vec![], ["nowhere", "cannot be read", "No such file"]),
    ] {
        let error = folder.locate(access, &variables).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        for part in parts {
            assert!(error.to_string().contains(part), "{error} lacks {part}");
        }
    }
}

#[test]
fn a_broken_file_does_not_show_its_tokens() {
    let folder = Folder::new();
    let text = "apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user: {token: s3cret, exec: [}\n";
    std::fs::write(folder.0.path().join("broken"), text).unwrap();
    let error = folder.locate(Access::default(), &[("KUBECONFIG", "broken")]).unwrap_err().to_string();
    assert!(error.contains("broken") && !error.contains("s3cret"), "{error}");
}

#[test]
fn the_client_gets_the_overrides() {
    let folder = Folder::new();
    let access = Access {
        context: Some("bravo".into()),
        token: Some(super::super::access::Token::new("t")),
        as_user: Some("eve".into()),
        as_groups: vec!["dev".into()],
        tls_server_name: Some("api".into()),
        ..Access::default()
    };
    let config = configuration(&access, &folder.environment(&[("KUBECONFIG", "two")])).unwrap();
    assert_eq!(config.cluster_url.to_string(), "https://b:6443/");
    assert!(config.accept_invalid_certs && config.auth_info.token.is_some());
    assert_eq!(config.auth_info.impersonate.as_deref(), Some("eve"));
    assert_eq!(config.auth_info.impersonate_groups, Some(vec!["dev".to_owned()]));
    assert_eq!(config.tls_server_name.as_deref(), Some("api"));
}

#[test]
fn the_proxy_of_the_cluster_goes_before_the_one_of_the_environment() {
    let folder = Folder::new();
    let environment = folder.environment(&[("KUBECONFIG", "two"), ("HTTPS_PROXY", "http://p:3128"), ("NO_PROXY", "a")]);
    let proxy = |name| configuration(&context(name), &environment).unwrap().proxy_url.map(|url| url.to_string());
    assert_eq!(proxy("a").as_deref(), Some("http://own:1/"));
    assert_eq!(proxy("bravo").as_deref(), Some("http://p:3128/"));
}
