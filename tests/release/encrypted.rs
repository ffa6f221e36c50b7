//! Secrets out of a file that the real sops encrypted for a real age key.

use crate::bench::{Bench, CONFIG, bench, text};
use std::path::PathBuf;
use testbed::tools::{AGE_KEYGEN, SOPS, ensure};

const FROM_SOPS: &str = "secrets: {from: sops, sops: {file: secrets.enc.yaml}}\n";

struct Keys {
    sops: PathBuf,
    file: PathBuf,
}

/// Makes a key, and encrypts a file for it beside the intent.
fn encrypted(bench: &Bench, plain: &str) -> Keys {
    let bin = ensure(&[SOPS, AGE_KEYGEN]).unwrap();
    let file = bench.path("age.key");
    if !file.exists() {
        bench.program(&bin.join("age-keygen"), &["-o", &file.display().to_string()]).ok();
    }
    let key = std::fs::read_to_string(&file).unwrap();
    let recipient = key.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    bench.write("plain.yaml", plain);
    let ran = bench.program(&bin.join("sops"), &["encrypt", "--age", recipient, "plain.yaml"]).ok();
    bench.write("app/secrets.enc.yaml", &ran.out);
    Keys { sops: bin.join("sops"), file }
}

impl Keys {
    fn deploy(&self, bench: &Bench, more: &[&str]) -> crate::bench::Run {
        bench.deploy(more).env("SOPS_BIN", &self.sops).env("SOPS_AGE_KEY_FILE", &self.file)
    }
}

#[test]
fn values_of_an_encrypted_file_reach_the_secret_and_nothing_else() {
    let Some(bench) = bench("sops") else { return };
    bench.deploy(&["--parameter", "token=before"]).ok();
    let password = bench.secret("app-secrets")["db-password"].clone();
    let keys = encrypted(&bench, "token: \"canary-token 1+\"\ndb-password: \"canary-db\"\n");
    bench.configure(&format!("{CONFIG}{FROM_SOPS}"));
    let ran = keys.deploy(&bench, &["--accept", "stale-credentials"]).ok();
    assert!(!format!("{ran}").contains("canary"), "{ran}");
    let secret = bench.secret("app-secrets");
    assert_eq!((&*secret["token"], &*secret["db-password"]), ("canary-token 1+", "canary-db"));
    let stored = bench.helm(&["get", "all", "app"]).ok();
    assert!(!stored.out.contains("canary"));
    assert!(bench.left_behind().is_empty());
    let running = bench.running();
    keys.deploy(&bench, &[]).ok();
    assert_eq!(bench.running(), running, "the same again restarts nothing");

    let keys = encrypted(&bench, "token: \"changed\"\ndb-password: \"canary-db\"\n");
    keys.deploy(&bench, &[]).ok();
    assert_ne!(bench.running(), running, "a change rolls, as from deploy");

    bench.configure(CONFIG);
    bench.deploy(&[]).ok();
    let secret = bench.secret("app-secrets");
    assert_eq!((&*secret["token"], &*secret["db-password"]), ("changed", "canary-db"), "and back: taken along");
    assert_ne!(password, "canary-db");
}

#[test]
fn what_cannot_be_decrypted_stops_before_anything_is_written() {
    let Some(bench) = bench("sopsbad") else { return };
    bench.configure(&format!("{CONFIG}{FROM_SOPS}"));
    let keys = encrypted(&bench, "token: \"canary-t\"\ndb-password: \"canary-p\"\n");
    let refused = |run: crate::bench::Run, parts: &[&str]| {
        let ran = bench.unchanged(|| run.exits(1)).says(parts);
        assert!(!ran.err.contains("canary"), "{ran}");
    };
    refused(bench.deploy(&[]).env("PATH", "/nowhere"), &["there is no `sops` on the PATH", "SOPS_BIN"]);
    refused(bench.deploy(&[]).env("SOPS_BIN", "/nowhere/sops"), &["SOPS_BIN: there is no program /nowhere/sops"]);
    let other = bench.path("other.key");
    bench.program(&ensure(&[AGE_KEYGEN]).unwrap().join("age-keygen"), &["-o", &other.display().to_string()]).ok();
    refused(
        keys.deploy(&bench, &[]).env("SOPS_AGE_KEY_FILE", &other),
        &["secrets.enc.yaml: no available key can decrypt it", "SOPS_AGE_KEY_FILE"],
    );
    let good = std::fs::read_to_string(bench.path("app/secrets.enc.yaml")).unwrap();
    bench.write(
        "app/secrets.enc.yaml",
        &good.lines().filter(|line| !line.starts_with("token")).collect::<Vec<_>>().join("\n"),
    );
    refused(keys.deploy(&bench, &[]), &["it was changed after it was encrypted"]);
    bench.write("app/secrets.enc.yaml", "token: canary\n");
    refused(keys.deploy(&bench, &[]), &["sops did not encrypt it"]);
    std::fs::remove_file(bench.path("app/secrets.enc.yaml")).unwrap();
    refused(keys.deploy(&bench, &[]), &["there is no such file"]);
    encrypted(&bench, "tokn: \"canary-x\"\ndb-password: 12\n");
    refused(
        keys.deploy(&bench, &[]),
        &["no secret parameter of this name", "did you mean `token`?", "no value for `token`", "is not a string"],
    );
}

#[test]
fn an_environment_has_its_own_file() {
    let Some(bench) = bench("sopsenv") else { return };
    let keys = encrypted(&bench, "token: \"of-staging\"\n");
    bench.configure(&format!(
        "{CONFIG}parameters: {{token: {{from: sops}}}}\nsecrets: {{sops: {{file: nowhere.yaml}}}}\nenvironments: {{staging: {{secrets: {{sops: {{file: secrets.enc.yaml}}}}}}}}\n"
    ));
    bench.unchanged(|| keys.deploy(&bench, &[]).exits(1).says(&["nowhere.yaml: there is no such file"]));
    keys.deploy(&bench, &["-e", "staging"]).ok();
    assert_eq!(bench.secret("app-secrets")["token"], "of-staging");
    assert!(!text(&bench.get("configmap/app-aspire")["data"]["values"]).contains("of-staging"));
}
