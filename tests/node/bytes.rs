//! Every text of a manifest and every value of an input arrives byte by byte, wherever it stands.
//!
//! The kubelet has the last word: it expands `$(NAME)`, in some fields and not in others. What is expected is written
//! down here by hand.

use crate::bench::{Bench, PROBE, Seen, Text, bench, wait_for};
use crate::nasty::TEXTS;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A secret that tries to be everything that it is not.
macro_rules! token {
    () => {
        "$(PLAIN) $$ $$(X) $PLAIN it's \"q\" \\ {{ .V }} {web.bindings.http.url} %s *&!@ ü😀\nend\n"
    };
}

/// The same as .NET's `Uri.EscapeDataString` writes it.
macro_rules! token_uri {
    () => {
        "%24%28PLAIN%29%20%24%24%20%24%24%28X%29%20%24PLAIN%20it%27s%20%22q%22%20%5C%20%7B%7B%20.V%20%7D%7D%20%7Bweb.bindings.http.url%7D%20%25s%20%2A%26%21%40%20%C3%BC%F0%9F%98%80%0Aend%0A"
    };
}

/// The default of a plain parameter, equally hostile.
macro_rules! odd {
    () => {
        "$(PLAIN) $$ %s %d 100% {{ .Release.Name }} {token.value} it's \"q\" \\n + ü"
    };
}

/// Variables of `web` that hold no reference.
const LITERALS: &[(&str, &str)] = &[
    ("PLAIN", "plain"),
    ("QUOTES", "it's \"quoted\" `back`"),
    ("BACKSLASHES", "C:\\temp\\new\\\\x \\u0041 \\"),
    ("NEWLINES", "a\nb\n\nc"),
    ("NEWLINE_LAST", "line\n"),
    ("NEWLINES_LAST", "line\n\n"),
    ("NEWLINE_FIRST", "\nline"),
    ("CRLF", "a\r\nb\r\n"),
    ("TABS", "\tx\t"),
    ("BLANKS", "  x  "),
    ("GO_TEMPLATE", "{{ .Values.x }} {{- end -}} }} {{{{ {{\"a\"}}"),
    ("JINJA", "[[ x ]] [% if y %] [# z #]"),
    ("NO_EXPRESSION", "{PLAIN} {**rest} {\"a\":{\"b\":1}}"),
    ("DOLLARS", "$(PLAIN) $(X) $$ $$(X) $PLAIN ${PLAIN} $( $"),
    ("BOOL", "true"),
    ("OCTAL", "0777"),
    ("FLOAT", "1e3"),
    ("INT", "12345678"),
    ("NULL", "null"),
    ("TILDE", "~"),
    ("STAR", "*a"),
    ("AMPERSAND", "&a"),
    ("BANG", "!a"),
    ("AT", "@a"),
    ("PERCENT", "%a %s %d %% 100%"),
    ("HASH", "# a"),
    ("DASH", "- a"),
    ("QUESTION", "? a"),
    ("COLON", "a: b"),
    ("PIPE", "| a"),
    ("FOLD", ">- a"),
    ("DOCUMENT", "---\na\n..."),
    ("LATIN", "Grüße, 世界"),
    ("EMOJI", "🚀 👩\u{200d}👩\u{200d}👧"),
    ("SEPARATORS", "a\u{2028}b\u{2029}c\u{feff}d\u{a0}f"),
    ("CONTROLS", "\u{1}\u{1b}[31m\u{8}"),
    ("EMPTY", ""),
    ("Logging__LogLevel__Default", "Information"),
    ("dotted.name", "dot"),
    ("dashed-name", "dash"),
    ("1st", "digit"),
    (".x", "dot first"),
    ("a:b", "$(PLAIN) $$ $$(X) \"q\" {{ x }} \\\n"),
    ("with space", "blank in the name"),
    ("..up", "no key"),
    ("~!@#$%^&*()", "punctuation"),
];

/// Variables of `web` that are made of others.
const COMPOSED: &[(&str, &str)] = &[
    ("HTTP_PORTS", "8080"),
    ("OWN_URL", "http://web:80"),
    ("PEER", "entry:7000/7001/redis"),
    ("services__entry__tcp__0", "redis://entry:7000"),
    ("COMPOSED", "100% %d {{ x }} $(PLAIN) $$ \"q\" \\ 80%s\n"),
    ("u:rl", "$(PLAIN)$$=http://web:80"),
    ("DIRECT", "Host=entry;Port=7000"),
    ("ODD", odd!()),
    ("ODD_INSIDE", concat!("<", odd!(), "> $(PLAIN)")),
    ("o:dd", concat!("<", odd!(), "> $(PLAIN)")),
    (
        "ODD_URI",
        "%24%28PLAIN%29%20%24%24%20%25s%20%25d%20100%25%20%7B%7B%20.Release.Name%20%7D%7D%20%7Btoken.value%7D%20it%27s%20%22q%22%20%5Cn%20%2B%20%C3%BC",
    ),
    ("NUMBER", "007"),
    ("GIVEN", "1e3"),
    ("GIVEN_INSIDE", "1e300780"),
    ("TOKEN", token!()),
    ("TOKEN_INSIDE", concat!("$(PLAIN)$$ {{;pw=", token!(), ";$$(X)")),
    ("TOKEN_URI", concat!("redis://:", token_uri!(), "@entry:7000")),
    ("TOKEN_ODD", concat!(token!(), odd!(), token_uri!(), "80")),
    ("t:oken", token!()),
    ("t:oken inside", concat!("$(PLAIN) ", token!())),
];

/// Arguments of `web`.
const ARGUMENTS: &[&str] = &[
    "serve",
    "$(HOME)",
    "$(PLAIN) $(TOKEN)",
    "$$",
    "$$(PLAIN)",
    "$PLAIN",
    token!(),
    concat!("pw=", token!(), ";$(PLAIN)"),
    token_uri!(),
    odd!(),
    "--url=http://web:80&x=%s",
    "",
    " ",
    "{{ .x }}",
    "a\nb\r\n",
    "true",
    "0777",
    "*a",
    "\\ \"q\" 'q'",
    "🚀",
];

/// The variables that a container has without us.
fn is_given_by_others(name: &str) -> bool {
    ["PATH", "HOME", "HOSTNAME"].contains(&name) || name.starts_with("KUBERNETES_")
}

fn expect_variables(seen: &Seen, expected: &[(impl AsRef<str>, impl AsRef<str>)]) {
    for (name, value) in expected {
        let (name, value) = (name.as_ref(), value.as_ref());
        assert_eq!(seen.env.get(name), Some(&Text::from(value)), "{name}");
    }
}

/// Deploys what stands in the folder `app`, with `web` built.
fn deploy(bench: &Bench, parameters: &Value) {
    bench.write("parameters.json", parameters.to_string());
    bench.deploy(&["--parameter-file", "parameters.json", "--image", &format!("web={PROBE}")]).ok();
}

#[test]
fn variables_and_arguments_are_what_the_manifest_says() {
    let Some(bench) = bench("bytes") else { return };
    bench.write("app/aspire-manifest.json", include_str!("../inputs/node/bytes.json"));
    let command = "resources: {entry: {command: ['/{tool.value}']}}";
    bench.write("app/aspire-k8s.yaml", format!("apiVersion: aspire-k8s/v1\n{command}\n"));
    deploy(&bench, &json!({"token": token!(), "tool": "probe", "given": "1e3"}));
    let web = bench.seen("deployment/web", &[]);
    expect_variables(&web, LITERALS);
    expect_variables(&web, COMPOSED);
    let ours: BTreeSet<&str> = web.env.keys().map(String::as_str).filter(|name| !is_given_by_others(name)).collect();
    // The http endpoint answers in place of the https one, under its own name.
    let helpers = ["ASPIRE_SECRET_TOKEN", "ASPIRE_SECRET_TOKEN_URI", "services__web__http__0"];
    let known: BTreeSet<&str> = LITERALS.iter().chain(COMPOSED).map(|(name, _)| *name).chain(helpers).collect();
    assert_eq!(ours, known, "nothing else, HTTPS_PORTS least of all");
    assert_eq!(web.args[0], Text::from("/probe"));
    let arguments: Vec<Text> = ARGUMENTS.iter().map(|text| Text::from(*text)).collect();
    assert_eq!(web.args[1..], arguments);

    // A secret in the command, and one beside it.
    let entry = bench.seen("deployment/entry", &[]);
    assert_eq!(entry.args, ["/probe", "serve", token!(), "$(PORT)"].map(Text::from));
    assert_eq!(entry.env["PORT"], Text::from("7001"));
    let checks = bench.exec("deployment/web", &["/probe", "check"]);
    assert!(checks.contains(r#""name":"services__entry__tcp__0","address":"entry:7000","ok":true"#), "{checks}");

    // A shell expands what is written for it, and nothing that comes out of it.
    let out =
        wait_for("the script's output", || bench.node.exec(&bench.ns, "deployment/shell", &["cat", "/tmp/out"]).ok());
    let text = "a $(b) $$ $c";
    let expected =
        [text, token!(), concat!("<", token!(), ">"), text, "sub", "zero", token!(), "$TEXT $(TEXT)", "1", ""];
    assert_eq!(out.split('\0').collect::<Vec<_>>(), expected);
}

#[test]
fn what_helm_4_changes_is_named() {
    let Some(bench) = bench("lost") else { return };
    let text = "a\u{85}b";
    let env = json!({"NEL": text, "PLAIN": "{plain.value}", "SECRET": "{secret.value}", "DEFAULT": "{default.value}"});
    let web = json!({"type": "container.v0", "image": PROBE, "args": ["serve", text], "env": env});
    let parameter = |name: &str, secret: bool| {
        let inputs = json!({"value": {"type": "string", "secret": secret}});
        json!({"type": "parameter.v0", "value": format!("{{{name}.inputs.value}}"), "inputs": inputs})
    };
    let mut resources = json!({"web": web, "plain": parameter("plain", false), "secret": parameter("secret", true)});
    resources["default"] = parameter("default", false);
    resources["default"]["inputs"]["value"]["default"] = json!({"value": text});
    bench.write("app/aspire-manifest.json", json!({"resources": resources}).to_string());
    let given = ["plain", "secret"].map(|name| format!("--parameter={name}={text}"));
    let said = bench.deploy(&given.each_ref().map(String::as_str)).ok();
    for place in ["web: the variable NEL", "web: args[1]", "plain: its value", "default: its default"] {
        assert!(said.contains(&format!("]: {place} holds the character U+0085")), "{said}");
    }
    assert!(!said.contains("secret: its value"), "{said}");
    let seen = bench.seen("deployment/web", &[]);
    assert_eq!(seen.env["SECRET"], Text::from(text));
    // When this fails, the API server reads JSON as JSON, and the warning can go.
    assert_eq!(seen.env["NEL"], Text::from("a b"));
}

#[test]
fn every_nasty_text_arrives_everywhere() {
    let Some(bench) = bench("nasty") else { return };
    let mut env = Map::new();
    let mut resources = Map::new();
    let mut given = Map::new();
    let mut expected = Vec::new();
    let mut add = |name: String, written: String, value: String| {
        env.insert(name.clone(), written.into());
        expected.push((name, value));
    };
    let mut arguments = vec!["serve".to_owned()];
    let mut parameter = |name: &str, secret: bool| {
        let input = json!({"type": "string", "secret": secret});
        let value =
            json!({"type": "parameter.v0", "value": format!("{{{name}.inputs.value}}"), "inputs": {"value": input}});
        resources.insert(name.to_owned(), value);
    };
    for (n, text) in TEXTS.iter().enumerate() {
        let text = (*text).to_owned();
        add(format!("LITERAL_{n}"), text.clone(), text.clone());
        add(format!("literal:{n}"), text.clone(), text.clone());
        for (kind, secret) in [("plain", false), ("secret", true)] {
            let name = format!("{kind}-{n}");
            parameter(&name, secret);
            given.insert(name.clone(), text.clone().into());
            let reference = format!("{{{name}.value}}");
            add(format!("{kind}_{n}"), reference.clone(), text.clone());
            add(format!("{kind}:{n}"), reference.clone(), text.clone());
            add(format!("{kind}_inside_{n}"), format!("{text}={reference}"), format!("{text}={text}"));
            add(format!("{kind}:inside:{n}"), format!("{text}={reference}"), format!("{text}={text}"));
            arguments.extend([reference.clone(), format!("{text}={reference}")]);
        }
        arguments.push(text);
    }
    let expected_arguments = arguments.iter().map(|written| {
        given.iter().fold(written.clone(), |text, (name, value)| {
            text.replace(&format!("{{{name}.value}}"), value.as_str().unwrap())
        })
    });
    let expected_arguments: Vec<Text> =
        ["/probe".to_owned()].into_iter().chain(expected_arguments).map(|text| Text(text.into_bytes())).collect();
    let bindings = json!({"http": {"scheme": "http", "protocol": "tcp", "transport": "http"}});
    let web = json!({"type": "project.v0", "path": "Web.csproj", "args": arguments, "env": env, "bindings": bindings});
    resources.insert("web".into(), web);
    bench.write("app/aspire-manifest.json", json!({"resources": resources}).to_string());
    deploy(&bench, &given.into());
    let seen = bench.seen("deployment/web", &[]);
    expect_variables(&seen, &expected);
    assert_eq!(seen.args, expected_arguments);
}

#[test]
fn mounted_files_are_equal_byte_by_byte() {
    let Some(bench) = bench("files") else { return };
    let all: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let text = "{{ .Values.x }} $(PATH) $$ [[ y ]]\r\n\ttab  \n\n: *a\n\u{feff}\u{2028}\u{85}\u{7f}end";
    let mut files: Vec<(String, Vec<u8>)> = [
        ("text.conf", text.as_bytes()),
        ("all.bin", &all),
        ("tree/empty", b""),
        ("tree/newlines", b"\n\n\n"),
        ("tree/no newline", b"x"),
        ("tree/.hidden", b"h"),
        ("tree/UPPER.Txt", b"\xef\xbb\xbfbom\r\n"),
        ("tree/sub/deeper/x", b"a/b"),
        ("tree/sub.deeper.x", b"a.b"),
        ("tree/sub/latin.txt", b"Gr\xfc\xdfe"),
        ("tree/sub/\u{fc}.txt", "\u{fc}".as_bytes()),
        ("tree/long", "a line that is very long ".repeat(400).as_bytes()),
    ]
    .map(|(path, bytes)| (path.to_owned(), bytes.to_vec()))
    .into();
    files.extend(TEXTS.iter().enumerate().map(|(n, text)| (format!("tree/nasty/{n}"), text.as_bytes().to_vec())));
    for (path, bytes) in &files {
        bench.write(&format!("app/files/{path}"), bytes);
    }
    let mount = |source: &str, target: &str| json!({"source": source, "target": target, "readOnly": true});
    let web = json!({
        "type": "container.v0",
        "image": PROBE,
        "bindMounts": [
            mount("files/text.conf", "/mounted/text.conf"),
            mount("files/all.bin", "/mounted/renamed"),
            mount("files/tree", "/mounted/tree"),
        ],
    });
    bench.write("app/aspire-manifest.json", json!({"resources": {"web": web}}).to_string());
    bench.deploy(&[]).ok();
    let paths: Vec<String> =
        files.iter().map(|(path, _)| format!("/mounted/{}", path.replace("all.bin", "renamed"))).collect();
    let seen = bench.seen("deployment/web", &paths.iter().map(String::as_str).collect::<Vec<_>>());
    for (path, (_, bytes)) in paths.iter().zip(&files) {
        assert_eq!(seen.files[path], Text(bytes.clone()), "{path}");
    }
}
