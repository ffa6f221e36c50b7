//! Who says what a value is: flag, file, variable, what was kept, the default; and what happens when nobody does.

use crate::bench::{Bench, bench};

fn currency(bench: &Bench) -> String {
    bench.get("configmap/api-config")["data"]["CURRENCY"].as_str().unwrap().to_owned()
}

#[test]
fn all_missing_inputs_are_named_and_nothing_is_written() {
    let Some(bench) = bench("missing") else { return };
    bench.change_manifest(", \"default\": { \"value\": \"EUR\" }", "");
    bench.change_manifest(", \"default\": { \"generate\": { \"minLength\": 22 } }", "");
    bench.change_manifest(
        "\"type\": \"container.v0\",\n      \"image\": \"registry.invalid/api:1\"",
        "\"type\": \"project.v0\",\n      \"path\": \"Api/Api.csproj\"",
    );
    let words = [
        "no value for the secret input `db-password`, which db, api need",
        "no value for the secret input `token`",
        "--parameter 'token=VALUE', set Parameters__token, or put `token: VALUE` into a file for --parameter-file",
        "set Parameters__db_password",
        "no value for the input `currency`, which api needs",
        "no tag for the images of api",
        "--tag",
    ];
    bench.unchanged(|| bench.deploy(&[]).exits(1).says(&words));
    let absent = format!("{}-absent", bench.ns);
    bench.run(&["deploy", "app", "-n", &absent]).exits(1).says(&words);
    assert_eq!(bench.find(&format!("namespace/{absent}")), None);
    let given = ["--parameter", "token=t", "--parameter", "db-password=p", "--tag", "7"];
    bench.unchanged(|| bench.deploy(&given).exits(1).says(&["no value for the input `currency`"]));
    bench.deploy(&[&given[..], &["--parameter", "currency=EUR"]].concat()).ok();
    bench.deploy(&[]).ok();
    let image = &bench.get("deployment/api")["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, "api:7");
    assert_eq!((&*bench.secret("app-secrets")["db-password"], &*currency(&bench)), ("p", "EUR"));
}

#[test]
fn flag_beats_file_beats_variable_beats_kept_beats_default() {
    let Some(bench) = bench("order") else { return };
    let file = bench.write("values.yaml", "currency: file\n").display().to_string();
    bench.deploy(&[]).ok();
    assert_eq!(currency(&bench), "EUR");
    for (arguments, variable, expected) in [
        (&["--parameter", "currency=flag", "--parameter-file", &*file][..], Some("variable"), "flag"),
        (&["--parameter-file", &*file], Some("variable"), "file"),
        (&[], Some("variable"), "variable"),
        (&[], None, "variable"),
    ] {
        let deploy = bench.deploy(arguments);
        match variable {
            Some(value) => deploy.env("Parameters__currency", value).ok(),
            None => deploy.ok(),
        };
        assert_eq!(currency(&bench), expected);
    }
}

#[test]
fn secrets_come_from_variables_and_standard_input_too() {
    let Some(bench) = bench("stdin") else { return };
    let deploy = bench.deploy(&["--parameter-file", "-"]).stdin("{\"token\": \"from stdin\"}");
    deploy.env("Parameters__db_password", "from variable").env("Parameters__token", "not this").ok();
    let secret = bench.secret("app-secrets");
    assert_eq!((&*secret["token"], &*secret["db-password"]), ("from stdin", "from variable"));
    assert_eq!(secret["db-password.uri"], "from%20variable");
}

#[test]
fn an_unknown_input_is_refused_with_the_nearest_name() {
    let Some(bench) = bench("unknown") else { return };
    let file = bench.write("values.yaml", "curency: x\n").display().to_string();
    bench.unchanged(|| {
        let ran = bench.deploy(&["--parameter", "tokn=x", "--parameter-file", &file]).exits(1);
        ran.says(&["no input `tokn`", "did you mean `token`?", "no input `curency`", "did you mean `currency`?"]);
    });
}
