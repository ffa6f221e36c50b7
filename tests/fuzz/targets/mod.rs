//! What is tried: one row for each parser, with small real inputs of it.

mod cluster;
mod given;
mod programs;

use kubectl_aspire::internals::config::{Config, Sealed};
use kubectl_aspire::internals::inputs::Format;
use kubectl_aspire::internals::{cli, config, images, manifest, migration};
use std::borrow::Cow;
use std::fs;
use std::hint::black_box;
use std::path::Path;

/// A parser.
pub(crate) struct Target {
    pub name: &'static str,
    /// How many of the cases it gets, in relation to the others.
    pub share: u64,
    /// Whether its inputs are JSON or YAML.
    pub tree: bool,
    /// Real inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Reads one.
    pub run: fn(&[u8]),
}

const fn of_trees(name: &'static str, share: u64, seeds: fn() -> Vec<Vec<u8>>, run: fn(&[u8])) -> Target {
    Target { name, share, tree: true, seeds, run }
}

const fn of_texts(name: &'static str, share: u64, seeds: fn() -> Vec<Vec<u8>>, run: fn(&[u8])) -> Target {
    Target { name, share, tree: false, seeds, run }
}

/// All of them. A share says how many cases a target can try in the time of one that renders an application.
pub(crate) const TARGETS: &[Target] = &[
    // What a person gives.
    of_trees("manifest", 30, given::manifests, |bytes| drop(black_box(manifest::parse(bytes)))),
    of_trees("manifest-places", 10, given::manifests, given::manifest_places),
    of_trees("config-places", 3, given::configs, given::config_places),
    of_trees("application", 1, given::manifests, |bytes| drop(given::application(bytes, &Config::default()))),
    of_trees("config", 3, given::configs, |bytes| drop(black_box(config::parse(&text(bytes))))),
    of_trees("configured", 1, given::configs, given::configured),
    of_trees("dapr-file", 5, given::dapr_files, given::dapr_file),
    of_trees("parameters-yaml", 40, given::parameters, |bytes| given::parameter_file(bytes, Format::Yaml)),
    of_trees("parameters-json", 40, given::parameters, |bytes| given::parameter_file(bytes, Format::Json)),
    of_texts("dotenv", 60, given::dotenvs, |bytes| given::parameter_file(bytes, Format::Env)),
    of_trees("sops", 40, given::parameters, given::decrypted),
    of_trees("sealed-values", 40, given::sealed_values, |bytes| drop(black_box(Sealed::parse(&text(bytes))))),
    of_trees("saved-images", 40, given::saved_images, |bytes| {
        drop(black_box(images::Saved::parse(&text(bytes), "file")));
    }),
    of_texts("certificate", 20, given::certificates, given::certificate),
    of_trees("lock", 40, given::locks, given::lock),
    of_trees("contents", 10, given::contents, given::chart_contents),
    of_texts("archive", 4, given::archives, given::archive),
    of_trees("kubeconfig", 4, given::kubeconfigs, given::kubeconfig),
    of_trees("saved-plan", 40, given::saved_plans, given::saved_plan),
    of_texts("image", 100, given::words, |bytes| given::words_of(&text(bytes))),
    of_texts("versions", 100, given::words, |bytes| given::versions(&text(bytes))),
    of_texts("quantity", 100, given::words, |bytes| given::quantities(&text(bytes))),
    of_texts("duration", 100, given::words, |bytes| drop(black_box(cli::duration(&text(bytes))))),
    // What lies in a cluster, where others may write.
    of_trees("record", 10, cluster::records, cluster::record),
    of_texts("packed-record", 40, cluster::packed_records, |bytes| cluster::packed_record(&text(bytes))),
    of_trees("stored-manifest", 10, cluster::objects, cluster::stored),
    of_trees("diff", 4, cluster::objects, cluster::differences),
    of_trees("doctor", 4, cluster::objects, cluster::checks),
    of_trees("rollout", 4, cluster::live, cluster::watched),
    of_trees("journal", 40, cluster::journals, |bytes| drop(black_box(migration::Journal::parse(&text(bytes))))),
    of_trees("migration", 4, cluster::live, cluster::migration),
    of_trees("owned", 20, cluster::owned, cluster::owned_objects),
    of_trees("observed", 4, cluster::observable, cluster::observed),
    // What other programs say.
    of_trees("api-error", 20, programs::statuses, programs::refused),
    of_texts("sops-error", 40, programs::outputs, |bytes| programs::sops_says(&text(bytes))),
    of_texts("helm-output", 40, programs::outputs, |bytes| programs::helm_says(&text(bytes))),
    of_texts("masker", 5, programs::outputs, |bytes| programs::masked(&text(bytes))),
    of_trees("yaml", 40, cluster::objects, programs::affordable),
];

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Files of the folder of tests, none of them long.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs").join(folder);
    let entries = fs::read_dir(&folder).expect("the folder should be readable").flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect("the file should be readable"))
        .filter(|it| it.len() < 5_000)
        .collect()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).expect("writing into memory");
    packer.finish().expect("writing into memory")
}
