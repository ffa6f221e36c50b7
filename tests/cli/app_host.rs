//! An AppHost as SOURCE, with a fake `dotnet`: its arguments and environment, and every way in which it can fail.
#![cfg(target_os = "linux")]

use crate::aspire::{Ran, shown};
use crate::{Aspire, aspire};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PROJECT: &str = "<Project Sdk=\"Aspire.AppHost.Sdk/13.6.4\" />\n";

const MANIFEST: &str = r#"{
  "resources": {
    "web": {
      "type": "project.v0",
      "path": "@APP@/../Web/Web.csproj",
      "bindings": {"http": {"scheme": "http", "protocol": "tcp", "transport": "http"}}
    },
    "proxy": {
      "type": "container.v0",
      "image": "nginx:1.29",
      "bindMounts": [
        {"source": "@APP@/nginx.conf", "target": "/etc/nginx/nginx.conf", "readOnly": true},
        {"source": "@APP@/../outside.conf", "target": "/etc/outside.conf", "readOnly": true}
      ]
    }
  }
}
"#;

/// An application with its AppHost in `app/`, and a `dotnet` that answers for it.
struct Shop(tempfile::TempDir);

impl Shop {
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        shop.write("manifest", MANIFEST);
        shop.write("app/Shop.AppHost.csproj", PROJECT);
        shop.write("app/AppHost.cs", "var builder = DistributedApplication.CreateBuilder(args);\n");
        shop.write("app/bin/Shop.AppHost.dll", "");
        shop.write("app/bin/Shop.AppHost.runtimeconfig.json", r#"{"runtimeOptions": {"tfm": "net10.0"}}"#);
        shop.write("app/nginx.conf", "events {}\n");
        shop.write("outside.conf", "CANARY\n");
        for folder in ["path", "tmp"] {
            fs::create_dir(shop.path(folder)).unwrap();
        }
        let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake/dotnet");
        std::os::unix::fs::symlink(fake, shop.path("path/dotnet")).unwrap();
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn aspire(&self, line: &str) -> Aspire {
        let path = format!("{}:/usr/bin:/bin", self.path("path").display());
        aspire(line.split(' '))
            .within(self.0.path())
            .env("PATH", path)
            .env("FAKE_DOTNET", self.path(""))
            .env("TMPDIR", self.path("tmp"))
            .env("XDG_CACHE_HOME", self.path("cache"))
    }

    fn run(&self, line: &str) -> Ran {
        self.aspire(line).run()
    }

    /// Renders SOURCE, which may be followed by flags.
    fn render(&self, source: &str) -> Ran {
        self.run(&format!("render {source} -o chart --registry r.example.com --tag 1"))
    }

    /// The verbs of all calls of `dotnet`.
    fn calls(&self) -> Vec<String> {
        self.read("calls").lines().map(str::to_owned).collect()
    }

    /// No temporary file is left.
    fn assert_clean(&self) {
        let left: Vec<_> = fs::read_dir(self.path("tmp")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Whether a process runs; a zombie does not.
fn runs(process: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    status.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Waits until a condition holds.
fn until(what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_app_host_is_what_its_manifest_beside_it_would_be() {
    let shop = Shop::new();
    let flags = "--registry r.example.com --tag 1";
    let told = shop.run(&format!("render app -o of-app {flags}"));
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!(shop.calls(), ["version", "build", "exec"]);
    shop.assert_clean();
    // The same manifest, written into the folder of the AppHost by other means.
    shop.write("beside/aspire-manifest.json", &MANIFEST.replace("@APP@/", ""));
    shop.write("beside/nginx.conf", "events {}\n");
    shop.write("beside/aspire-k8s.yaml", "application: Shop\n");
    shop.run(&format!("render beside -o of-manifest {flags}")).ok();
    let compared =
        Command::new("diff").args(["-r", "of-app", "of-manifest"]).current_dir(shop.0.path()).output().unwrap();
    assert!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stdout));
    // Files outside of its folder need a flag, and no path of this machine gets into a chart.
    let found =
        Command::new("grep").args(["-r", "CANARY\\|/tmp/", "of-app"]).current_dir(shop.0.path()).output().unwrap();
    assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
}

#[test]
fn every_way_to_name_an_app_host_leads_to_it() {
    let shop = Shop::new();
    shop.write("file/apphost.cs", "#:sdk Aspire.AppHost.Sdk@13.6.4\n");
    for (source, calls, name) in [
        ("app/Shop.AppHost.csproj", &["version", "build", "exec"][..], "chart Shop"),
        ("app", &["version", "build", "exec"], "chart Shop"),
        ("app/bin/Shop.AppHost.dll", &["exec"], "chart Shop"),
        ("file/apphost.cs", &["version", "build", "exec"], "chart file"),
        ("file", &["version", "build", "exec"], "chart file"),
    ] {
        let _ = fs::remove_file(shop.path("calls"));
        let ran = shop.render(source);
        assert!(ran.code == 0 && ran.err.to_lowercase().contains(&name.to_lowercase()), "{source}: {}", ran.err);
        assert_eq!(shop.calls(), calls, "{source}");
        fs::remove_dir_all(shop.path("chart")).unwrap();
    }
    let _ = fs::remove_file(shop.path("calls"));
    let ran = shop.render(".");
    assert!(ran.err.contains("error[several-apphosts]"), "{}", ran.err);
    assert!(shop.calls().is_empty(), "{:?}", shop.calls());
    // A project that is an AppHost because of a file that it imports is evaluated before it is built.
    shop.write("app/Shop.AppHost.csproj", "<Project Sdk=\"Microsoft.NET.Sdk\" />");
    for (flag, calls) in
        [("", &["version", "build", "build", "exec"][..]), (" --no-build", &["version", "build", "exec"])]
    {
        let _ = fs::remove_file(shop.path("calls"));
        shop.render(&format!("app/Shop.AppHost.csproj{flag}")).ok();
        assert_eq!(shop.calls(), calls, "{flag}");
    }
}

#[test]
fn the_bundle_of_the_aspire_cli_is_not_needed() {
    let shop = Shop::new();
    shop.write("build", "[ -n \"${DcpDir:-}\" ] || { echo '/a/A.csproj : error ASPIRE009: no bundle' >&2; exit 1; }");
    shop.render("app").ok();
    assert_eq!(shop.calls(), ["version", "build", "build", "exec"]);
    assert!(shop.read("env.build").contains("DcpDir=none\n") && !shop.read("env.exec").contains("DcpDir"));
}

#[test]
fn every_command_that_reads_an_application_publishes_it() {
    for line in ["plan app --tag 1", "deploy app --tag 1", "doctor app", "inputs app", "images app", "init app"] {
        let shop = Shop::new();
        let ran = shop.run(line);
        assert_eq!(shop.calls(), ["version", "build", "exec"], "{line}: {}", ran.err);
        shop.assert_clean();
    }
}

#[test]
fn a_dockerfile_that_an_app_host_generates_is_beside_it() {
    let shop = Shop::new();
    let build = r#"{"context": "@APP@/../web", "dockerfile": "web.Dockerfile"}"#;
    shop.write("manifest", &format!(r#"{{"resources": {{"web": {{"type": "container.v1", "build": {build}}}}}}}"#));
    let ran = shop.run("images app --registry r.io --tag 1");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("docker build -f app/web.Dockerfile -t r.io/web:1 web\n"), "{}", ran.out);
    assert!(ran.err.contains("`kubectl aspire manifest app/Shop.AppHost.csproj -o DIR` writes it"), "{}", ran.err);
}

#[test]
fn dotnet_gets_explicit_arguments_and_no_secrets() {
    let shop = Shop::new();
    let line = "render app -o chart --registry r.example.com --tag 1";
    let told = shop.aspire(line).env("Parameters__password", "CANARY").env("HELM_KUBETOKEN", "CANARY").run();
    assert_eq!(told.code, 0, "{}", told.err);
    let mut report = String::new();
    for verb in ["version", "build", "exec"] {
        let (arguments, variables) = (shop.read(&format!("argv.{verb}")), shop.read(&format!("env.{verb}")));
        assert!(!variables.contains("CANARY") && variables.contains("MSBUILDDISABLENODEREUSE=1"), "{variables}");
        assert!(!variables.contains("DOTNET_ENVIRONMENT"), "{variables}");
        report.extend(["== ", verb, " in ", &shop.read(&format!("pwd.{verb}")), &arguments]);
    }
    let report = report.replace(&shop.path("").display().to_string(), "[tmp]/");
    let from = report.find("[tmp]/tmp/aspire-").expect("a private folder");
    let to = report.rfind("/aspire-manifest.json").expect("a manifest");
    insta::assert_snapshot!(report.replace(&report[from..to], "[private folder]"));
    shop.run(&format!("{line} --no-build --apphost-environment Staging")).ok();
    assert!(shop.read("env.exec").contains("DOTNET_ENVIRONMENT=Staging"));
    assert!(!shop.read("argv.build").contains("-t:Build"));
    shop.assert_clean();
}

/// The title of each failure, and what `dotnet` runs then.
type Answers = &'static [(&'static str, &'static str)];

/// SOURCE and flags, the verb of `dotnet` that fails, and its failures.
const FAILURES: &[(&str, &str, Answers)] = &[
    (
        "app",
        "version",
        &[
            ("the SDK is too old", "echo 7.0.100; exit 0"),
            ("global.json names an SDK that is not there", "echo 'Requested SDK version: 9.9.100' >&2; exit 155"),
        ],
    ),
    (
        "app",
        "build",
        &[
            (
                "it does not compile",
                "echo \"/a/AppHost.cs(3,1): error CS0103: no 'x' [/a/A.csproj]\" >&2; echo 'Build failed.' >&2; exit 1",
            ),
            ("a package is not to be had", "echo '/a/A.csproj : error NU1101: Unable to find package X.' >&2; exit 1"),
            ("the build says nothing", "exit 0"),
            ("it is no AppHost", "properties /a/A.dll '' ''; exit 0"),
            ("it has two target frameworks", "properties '' true ''; exit 0"),
        ],
    ),
    ("app --no-build", "build", &[("it was not built", "properties /nowhere/A.dll true ''; exit 0")]),
    (
        "app",
        "exec",
        &[
            (
                "it throws",
                "printf 'Unhandled exception. System.Exception: boom\\n   at Aspire.X() in /_/X.cs:line 1\\n' >&2; \
                 kill -ABRT $$",
            ),
            (
                "it leaves half a manifest",
                "printf '{\"resources\": {' >\"$output\"; printf 'fail: Pipeline[0]\\n      Step failed: boom\\n'; exit 0",
            ),
            ("it says that it wrote one", "echo '      Published manifest to: /a/aspire-manifest.json'; exit 0"),
            ("it writes elsewhere", "echo '{\"resources\": {}}' >\"$FAKE_DOTNET/elsewhere.json\"; exit 0"),
            ("it fails after its manifest", "publish >/dev/null; echo gave up >&2; exit 7"),
        ],
    ),
    (
        "app/bin/Shop.AppHost.dll",
        "exec",
        &[(
            "its runtime is not there",
            "echo 'You must install or update .NET to run this application.' >&2; exit 150",
        )],
    ),
    ("app", "exec", &[("its manifest is none", "echo '{\"targets\": {}}' >\"$output\"; exit 0")]),
    ("app --apphost-timeout 1s", "exec", &[("it waits for something", "echo waiting for a database; sleep 300")]),
];

#[test]
fn failures_have_a_reason_and_leave_nothing() {
    let mut report = String::new();
    for (source, verb, answers) in FAILURES {
        for (title, answer) in *answers {
            let shop = Shop::new();
            shop.write(verb, answer);
            let ran = shop.render(source);
            assert!(!shop.path("chart").exists(), "{title}");
            shop.assert_clean();
            report.push_str(&shown(title, &ran, Some(&shop.path(""))));
        }
    }
    let shop = Shop::new();
    shop.write("other/Other.csproj", PROJECT);
    shop.write("empty/Program.cs", "");
    for (title, line) in [
        ("there are several", "render . -o chart"),
        ("there is none", "render empty -o chart"),
        ("a file of a project", "render app/AppHost.cs -o chart"),
        ("a project that is not there", "render app/No.csproj -o chart"),
        ("a time that is none", "render app -o chart --apphost-timeout soon"),
        ("an intent that is wrong", "render app -o chart --config nowhere.yaml"),
        ("nothing to publish", "manifest empty -o out"),
    ] {
        report.push_str(&shown(title, &shop.run(line), Some(&shop.path(""))));
    }
    assert!(shop.calls().is_empty(), "{:?}", shop.calls());
    let ran = shop.aspire("render app -o chart").env("PATH", "/nowhere").run();
    report.push_str(&shown("there is no dotnet", &ran, Some(&shop.path(""))));
    insta::assert_snapshot!(report);
}

#[test]
fn a_manifest_is_written_whole_or_not_at_all() {
    let shop = Shop::new();
    let told = shop.run("manifest app -o out");
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.err.ends_with("manifest written to out/aspire-manifest.json: 2 resources\n"), "{}", told.err);
    let written = shop.read("out/aspire-manifest.json");
    // Aspire made the paths for this folder.
    assert_eq!(written, MANIFEST.replace("@APP@", "../app"));
    shop.write("exec", "printf '{\"resources\": {' >\"$output\"; exit 0");
    assert_eq!(shop.run("manifest app -o out").code, 1);
    assert_eq!(shop.read("out/aspire-manifest.json"), written);
    let mut names: Vec<_> = fs::read_dir(shop.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["aspire-manifest.json", "aspire-model.json"]);
    let mode = fs::metadata(shop.path("out/aspire-manifest.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

#[test]
fn an_app_host_that_does_not_exit_is_killed_with_all_that_it_started() {
    let shop = Shop::new();
    shop.write(
        "exec",
        "sleep 300 & echo $! >\"$FAKE_DOTNET/child\"; echo $$ >\"$FAKE_DOTNET/own\"; publish; sleep 300",
    );
    let ran = shop.render("app/bin/Shop.AppHost.dll");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("warning[apphost-not-ended]"), "{}", ran.err);
    // One that exits leaves a child, which holds its output open.
    shop.write("exec", "sleep 300 & echo $! >\"$FAKE_DOTNET/other\"");
    shop.render("app/bin/Shop.AppHost.dll").ok();
    for process in ["child", "own", "other"] {
        let number = shop.read(process);
        until(process, || !runs(number.trim()));
    }
}

#[test]
fn an_interrupted_run_leaves_nothing() {
    let shop = Shop::new();
    // It ignores signals, as some AppHosts do.
    shop.write("exec", "trap '' INT TERM; echo $$ >\"$FAKE_DOTNET/own\"; while :; do sleep 300; done");
    let mut command = shop.aspire("render app -o chart").command();
    let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("it runs", || !shop.read("own").is_empty());
    let number = started.id().to_string();
    Command::new("kill").args(["-INT", &number]).status().unwrap();
    let output = started.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(6) && text.contains("error[interrupted]"), "{text}");
    until("the AppHost ends", || !runs(shop.read("own").trim()));
    shop.assert_clean();
}

#[test]
fn any_amount_of_output_is_read_and_shown_with_v_only() {
    let shop = Shop::new();
    shop.write(
        "exec",
        "yes 'a line of noise' | head -c 20000000; head -c 100000 /dev/zero | tr '\\0' x; echo last; publish; exit 0",
    );
    let ran = shop.render("app/bin/Shop.AppHost.dll");
    assert!(ran.code == 0 && !ran.err.contains("noise"), "{}", ran.err);
    shop.write("exec", "echo a line of noise; echo another >&2");
    let ran = shop.render("app/bin/Shop.AppHost.dll -v");
    assert!(ran.code == 0 && ran.err.contains("a line of noise\n") && ran.err.contains("another\n"), "{}", ran.err);
}

#[test]
fn the_name_of_a_release_needs_no_build() {
    let shop = Shop::new();
    for line in [
        "status app",
        "history app",
        "dashboard app",
        "destroy app",
        "rollback app",
        "promote app --status",
        "charts list app",
    ] {
        let ran = shop.run(line);
        assert!(ran.err.contains("no cluster is configured"), "{line}: {}", ran.err);
    }
    shop.run("__complete render app --image=");
    assert!(shop.calls().is_empty(), "{:?}", shop.calls());
}

#[test]
fn the_intent_is_found_beside_the_app_host_or_beside_source() {
    let shop = Shop::new();
    let name = || {
        let ran = shop.run("render . --format chart -o - --registry r.example.com --tag 1");
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out.lines().find_map(|line| line.strip_prefix("name: ")).unwrap_or_default().to_owned()
    };
    shop.write("aspire-k8s.yaml", "application: above\n");
    assert!(name().contains("above"));
    shop.write("app/aspire-k8s.yaml", "application: beside\n");
    assert!(name().contains("beside"));
}

#[test]
fn a_manifest_that_is_older_than_its_app_host_causes_a_warning() {
    let shop = Shop::new();
    shop.write("app/aspire-manifest.json", &MANIFEST.replace("@APP@/", ""));
    assert!(!shop.render("app").err.contains("older-manifest"));
    let old = std::time::SystemTime::now() - Duration::from_secs(3_600);
    let file = fs::File::options().write(true).open(shop.path("app/aspire-manifest.json")).unwrap();
    file.set_modified(old).unwrap();
    let ran = shop.render("app --no-build");
    assert!(ran.code == 0 && ran.err.contains("warning[older-manifest]"), "{}", ran.err);
    assert!(ran.err.contains("warning[no-effect]: --no-build"), "{}", ran.err);
    assert!(shop.calls().is_empty(), "{:?}", shop.calls());
}

/// What the AppHost of the shop says and its manifest leaves out.
const MODEL: &str = r#"{"resources": {
  "web": {"annotations": [
    {"type": "ReplicaAnnotation", "Replicas": 2},
    {"type": "EndpointAnnotation", "Name": "http"},
    {"type": "HealthCheckAnnotation", "Key": "web_http_/health_200_check"},
    {"type": "WaitAnnotation", "Resource": "proxy", "WaitType": "WaitForCompletion", "ExitCode": 0}
  ]},
  "proxy": {"annotations": [
    {"type": "ContainerFileSystemCallbackAnnotation", "DestinationPath": "/etc/nginx/html", "Files": [
      {"kind": "ContainerFile", "Name": "index.html", "Contents": "<h1>hello</h1>\n"},
      {"kind": "ContainerFile", "Name": "nginx.conf", "SourcePath": "@APP@/nginx.conf"}]},
    {"type": "MyAnnotation"}
  ]}
}}
"#;

/// A shop whose AppHost has that model, and the way from the manifest to the AppHost in it.
fn modelled() -> Shop {
    let shop = Shop::new();
    shop.write("model", MODEL);
    shop.write(
        "exec",
        "publish; way=$(realpath --relative-to=\"$(dirname \"$output\")\" \"$FAKE_DOTNET/app\"); \
         [ -z \"${KUBECTL_ASPIRE_MODEL:-}\" ] || sed -i \"s|@APP@|$way|\" \"$KUBECTL_ASPIRE_MODEL\"; exit 0",
    );
    shop.write("intent.yaml", "application: Shop\n");
    shop
}

#[test]
fn the_model_fills_what_the_file_lacks_and_travels_with_the_manifest() {
    let shop = modelled();
    let flags = "--config intent.yaml --registry r.example.com --tag 1";
    let told = shop.run(&format!("render app -o of-app {flags}"));
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.err.contains("warning[not-taken-over]: proxy: the AppHost gives it a `MyAnnotation`"), "{}", told.err);
    let values = shop.read("of-app/values.yaml");
    assert!(values.contains("replicas: 2") && values.contains("path: \"/health\""), "{values}");
    assert!(shop.read("of-app/templates/proxy/job.yaml").contains("kind: Job"), "{}", told.err);
    assert_eq!(shop.read("of-app/files/proxy/index.html"), "<h1>hello</h1>\n");
    let readme = shop.read("of-app/README.md");
    let section = readme.split("## From the AppHost").nth(1).expect("a section").split("##").next().unwrap_or_default();
    insta::assert_snapshot!(section.trim());
    // Elsewhere there is no .NET: manifest and model are enough. Files of the AppHost lie outside of their folder.
    shop.run("manifest app -o app").ok();
    let other = shop.run(&format!("render app/aspire-manifest.json -o of-manifest {flags}"));
    assert_eq!(other.code, 0, "{}", other.err);
    let compared =
        Command::new("diff").args(["-r", "of-app", "of-manifest"]).current_dir(shop.0.path()).output().unwrap();
    assert!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stdout));
    // The file wins, and without the model the manifest alone counts.
    shop.write("own.yaml", "application: Shop\nresources: {web: {replicas: 1}}\n");
    shop.run(&format!("render app/aspire-manifest.json -o of-file {}", flags.replace("intent", "own"))).ok();
    assert!(!shop.read("of-file/values.yaml").contains("replicas: 2"));
    shop.run(&format!("render app/aspire-manifest.json -o without --no-model {flags}")).ok();
    assert!(!shop.read("without/README.md").contains("From the AppHost"));
    // A model of another manifest is refused.
    shop.write("app/aspire-manifest.json", &(shop.read("app/aspire-manifest.json") + "\n"));
    let refused = shop.run(&format!("render app/aspire-manifest.json -o other {flags}"));
    assert!(refused.code == 1 && refused.err.contains("error[model-of-other-manifest]"), "{}", refused.err);
    assert!(!shop.path("other").exists());
}

#[test]
fn a_model_that_cannot_be_read_is_told_with_the_reason() {
    let off = r#"{"runtimeOptions": {"tfm": "net10.0", "configProperties": {"System.StartupHookProvider.IsSupported": false}}}"#;
    for (name, text, reason, calls) in [
        ("exec", "[ -z \"${KUBECTL_ASPIRE_MODEL:-}\" ] || exit 134", "with the reader", 2),
        ("exec", "publish; rm -f \"$KUBECTL_ASPIRE_MODEL\"; exit 0", "did not stop its host", 1),
        (
            "exec",
            "publish; echo '{\"error\": \"KeyNotFoundException\"}' >\"$KUBECTL_ASPIRE_MODEL\"; exit 0",
            "threw KeyNotFoundException",
            1,
        ),
        ("exec", "publish; printf '{' >\"$KUBECTL_ASPIRE_MODEL\"; exit 0", "was cut off", 1),
        (
            "reader",
            "echo 'x.csproj : error NU1101: Unable to find package Microsoft.NETCore.App.Ref.' >&2; exit 1",
            "reference pack of net10.0",
            1,
        ),
        ("app/bin/Shop.AppHost.runtimeconfig.json", off, "StartupHookSupport", 1),
        ("app/bin/Shop.AppHost.runtimeconfig.json", "{}", "names no target framework", 1),
        ("cache", "a file", "cannot be written", 1),
    ] {
        let shop = modelled();
        shop.write(name, text);
        let ran = shop.render("app/bin/Shop.AppHost.dll");
        assert_eq!(ran.code, 0, "{reason}: {}", ran.err);
        assert!(ran.err.contains("warning[model-not-read]") && ran.err.contains(reason), "{reason}: {}", ran.err);
        assert!(!shop.read("chart/README.md").contains("From the AppHost"), "{reason}");
        assert_eq!(shop.calls(), vec!["exec"; calls], "{reason}");
        shop.assert_clean();
    }
    let shop = modelled();
    shop.write("exec", "exit 134");
    let ran = shop.render("app/bin/Shop.AppHost.dll");
    assert!(ran.code == 1 && ran.err.contains("error[apphost-failed]"), "{}", ran.err);
}

#[test]
fn the_reader_is_compiled_once_and_belongs_to_its_owner() {
    let shop = modelled();
    let first = shop
        .aspire("render app -o chart --registry r.example.com --tag 1")
        .env("DOTNET_STARTUP_HOOKS", "/own.dll")
        .run();
    assert!(first.code == 0 && first.err.contains("compiling the reader"), "{}", first.err);
    let second = shop.run("render app -o again --registry r.example.com --tag 1");
    assert!(second.code == 0 && !second.err.contains("compiling the reader"), "{}", second.err);
    let cache = shop.path("cache/kubectl-aspire");
    let files: Vec<PathBuf> = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&cache), mode(file)), (0o700, 0o600));
    // The hooks of the user stay, and nothing else of the run changes.
    assert!(shop.read("env.exec").contains(&format!("DOTNET_STARTUP_HOOKS={}\n", file.display())));
    // One that others could have written is not loaded.
    fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap();
    let third = shop.run("render app -o third --registry r.example.com --tag 1");
    assert!(third.err.contains("compiling the reader") && mode(file) == 0o600, "{}", third.err);
    let without = shop.run("render app -o without --no-model --registry r.example.com --tag 1");
    assert!(without.code == 0 && !shop.read("env.exec").contains("KUBECTL_ASPIRE_MODEL"), "{}", without.err);
}

#[test]
fn values_of_secrets_in_texts_stop_everything() {
    let shop = modelled();
    let found = r#""secretsFound": [{"in": "manifest", "resource": "web", "field": "env.KEY", "parameter": "api-key"}], "resources""#;
    shop.write("model", &MODEL.replace("\"resources\"", found));
    for line in ["render app -o chart --registry r.example.com --tag 1", "manifest app -o out"] {
        let ran = shop.run(line);
        assert!(ran.code == 3 && ran.err.contains("error[secret-in-text]"), "{line}: {}", ran.err);
        assert!(ran.err.contains("web: env.KEY holds the value of the parameter api-key"), "{}", ran.err);
    }
    assert!(!shop.path("chart").exists() && !shop.path("out/aspire-manifest.json").exists());
    shop.run("render app -o chart --allow-secret-text --registry r.example.com --tag 1").ok();
}
