//! `--registry`, `--tag` and `--image`: what was said once holds until somebody says otherwise, and goes back with a rollback.

use crate::bench::{Bench, CONFIG, bench, text};
use std::collections::BTreeMap;

const MANIFEST: &str = include_str!("../inputs/release/built.json");
const LONG: &str = "OrdersAndShipmentsProcessorOfTheIncomingEventsBus-Number1";

/// The images of the Deployments, in the order of their names: cache, the long one, web.
fn images(bench: &Bench) -> Vec<String> {
    let all = bench.list("deployments").into_iter().map(|object| {
        let image = text(&object["spec"]["template"]["spec"]["containers"][0]["image"]).to_owned();
        (text(&object["metadata"]["name"]).to_owned(), image)
    });
    all.collect::<BTreeMap<_, _>>().into_values().collect()
}

fn built(prefix: &str) -> Option<Bench> {
    let bench = bench(prefix)?;
    bench.write("app/aspire-manifest.json", MANIFEST);
    Some(bench)
}

fn long(registry: &str) -> String {
    format!("{registry}/ordersandshipmentsprocessoroftheincomingeventsbus-number1")
}

#[test]
fn a_deploy_that_says_nothing_leaves_every_image_where_it_is() {
    let Some(bench) = built("images") else { return };
    let first = ["registry.invalid/cache:1".to_owned(), long("r.example/team") + ":1", "o.example/web:7".to_owned()];
    bench.deploy(&["--registry", "r.example/team", "--tag", "1", "--image", "Web=o.example/web:7"]).ok();
    assert_eq!(images(&bench), first);
    let settled = bench.running();
    bench.run(&["plan", "app", "-n", &bench.ns]).ok();
    bench.deploy(&[]).ok().says(&[
        "registry r.example/team (remembered from revision 1)",
        "tag 1 (remembered from revision 1)",
        "image of Web: o.example/web:7 (remembered from revision 1)",
    ]);
    assert_eq!(images(&bench), first);
    assert_eq!(bench.running(), settled, "nothing was to change");
    let shown = bench.run(&["status", "app", "-n", &bench.ns]).ok();
    for part in ["remembered ", "registry r.example/team", "tag 1", "image of Web: o.example/web:7"] {
        assert!(shown.out.contains(part), "{shown}");
    }

    // A flag wins, and only for what it says.
    bench.deploy(&["--registry", "r.example/next"]).ok();
    let next = ["registry.invalid/cache:1".to_owned(), long("r.example/next") + ":1", "o.example/web:7".to_owned()];
    assert_eq!(images(&bench), next);

    // A revision carries its own, and the next deploy starts from there.
    bench.run(&["rollback", "app", "-n", &bench.ns, "2"]).ok();
    assert_eq!(images(&bench), first);
    bench.deploy(&[]).ok().says(&["registry r.example/team (remembered"]);
    assert_eq!(images(&bench), first);

    // A failed deploy leaves nothing behind.
    bench.configure(&format!(
        "{CONFIG}resources: {{cache: {{podAnnotations: {{testbed.dev/behavior: image-pull-backoff}}}}}}\n"
    ));
    bench.deploy(&["--registry", "r.example/bad", "--timeout", "12s"]).exits(1);
    bench.configure(CONFIG);
    bench.deploy(&[]).ok();
    assert_eq!(images(&bench), first);
}

#[test]
fn the_file_wins_over_what_was_remembered_and_a_dash_forgets_it() {
    let Some(bench) = built("forget") else { return };
    let reference = format!("{LONG}=o.example/orders:3");
    let cache = "cache=mirror.example/cache:1";
    bench.deploy(&["--registry", "r.example", "--tag", "1", "--image", &reference, "--image", cache]).ok();
    assert_eq!(images(&bench), ["mirror.example/cache:1", "o.example/orders:3", "r.example/web:1"]);
    bench.configure(&format!(
        "{CONFIG}defaults: {{registry: f.example, tag: '2'}}\nresources: {{cache: {{image: 'f.example/cache:2'}}}}\n"
    ));
    bench.deploy(&[]).ok();
    assert_eq!(images(&bench), ["f.example/cache:2", "o.example/orders:3", "f.example/web:2"]);
    bench.deploy(&["--image", &format!("{LONG}=-")]).ok();
    assert_eq!(images(&bench), ["f.example/cache:2", &(long("f.example") + ":2"), "f.example/web:2"]);
    // With all images named nothing needs a tag, this time or the next.
    bench.configure(CONFIG);
    let web = "Web=o.example/web:4";
    bench.deploy(&["--image", &reference, "--image", web, "--registry", "-", "--tag", "-"]).ok();
    bench.deploy(&[]).ok();
    assert_eq!(images(&bench), ["registry.invalid/cache:1", "o.example/orders:3", "o.example/web:4"]);
    bench.deploy(&["--image", "Web=-"]).exits(1).says(&["no tag for the images of Web"]);
}

#[test]
fn a_chart_that_was_rendered_before_stays_where_the_release_is() {
    let Some(bench) = built("packedimg") else { return };
    bench.deploy(&["--registry", "r.example", "--tag", "1"]).ok();
    let first = images(&bench);
    bench.run(&["render", "app", "-o", "chart"]).ok();
    bench.run(&["deploy", "chart", "-n", &bench.ns, "--release", "app"]).ok().says(&["registry r.example (remembered"]);
    assert_eq!(images(&bench), first);
    // What the chart says itself is never overruled.
    bench.run(&["render", "app", "-o", "named", "--registry", "n.example", "--tag", "2"]).ok();
    bench.run(&["deploy", "named", "-n", &bench.ns, "--release", "app"]).ok();
    assert_eq!(images(&bench)[2], "n.example/web:2");
    // But a flag is, as it overrules a manifest.
    let flags = ["--registry", "m.example", "--tag", "3", "--image", "cache=m.example/cache:2"];
    bench.run(&[&["deploy", "named", "-n", &bench.ns, "--release", "app"], &flags[..]].concat()).ok();
    assert_eq!(images(&bench), ["m.example/cache:2", &(long("m.example") + ":3"), "m.example/web:3"]);
    bench.unchanged(|| {
        let unknown = ["deploy", "named", "-n", &bench.ns, "--release", "app", "--image", "Wep=m.example/web:2"];
        bench.run(&unknown).exits(1).says(&["the application runs no `Wep`", "did you mean `Web`?"]);
    });
}

/// Takes out of a rendered chart what former versions did not write into it.
fn as_former_version(bench: &Bench, chart: &str) {
    let path = format!("{chart}/aspire.json");
    let mut contents: serde_json::Value = serde_json::from_slice(&std::fs::read(bench.path(&path)).unwrap()).unwrap();
    contents["base"].as_object_mut().unwrap().remove("images").unwrap();
    bench.write(&path, &contents.to_string());
}

#[test]
fn the_registry_of_a_former_version_is_read_once_from_its_revision() {
    let Some(bench) = built("former") else { return };
    bench.run(&["render", "app", "-o", "chart", "--registry", "r.example/team", "--tag", "1"]).ok();
    as_former_version(&bench, "chart");
    bench.run(&["deploy", "chart", "-n", &bench.ns, "--release", "app"]).ok();
    let first = images(&bench);
    assert_eq!(first[1], long("r.example/team") + ":1");
    bench.deploy(&["--tag", "1"]).ok().says(&["registry r.example/team (remembered"]);
    assert_eq!(images(&bench), first);
    // From here on it is a remembered value like any other, and can be forgotten.
    bench.deploy(&["--registry", "-"]).ok();
    bench.deploy(&[]).ok();
    assert_eq!(images(&bench)[2], "web:1");
}
