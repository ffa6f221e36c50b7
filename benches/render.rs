//! Manifest to chart in memory, without the process around it; and the chart to its folder: new, again, and with one or
//! every file changed.

mod applications;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kubectl_aspire::internals::kubernetes::chart::{Chart, write};
use kubectl_aspire::internals::kubernetes::{BuiltImages, chart, plan};
use kubectl_aspire::internals::{app, config, manifest};

fn rendered(manifest: &[u8]) -> Chart {
    let manifest = manifest::parse(manifest).expect("the manifest is well-formed");
    let config = config::Config::default();
    let app = app::resolve(&manifest, &config, "bench", &app::Sources::default()).expect("it resolves");
    let images = BuiltImages { tag: Some("1".into()), ..BuiltImages::default() };
    let plan = plan(&app, &config, &images).expect("it can be planned");
    chart::render(&plan).expect("it renders")
}

fn render(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("render");
    group.sample_size(10);
    for projects in [8_usize, 100, 1_000, 10_000] {
        let manifest = applications::manifest(projects);
        group.throughput(Throughput::Elements(projects as u64));
        group.bench_with_input(BenchmarkId::from_parameter(projects), &manifest, |bencher, manifest| {
            bencher.iter(|| rendered(manifest));
        });
    }
    group.finish();
}

/// The same chart with a comment more in some files.
fn changed(chart: &Chart, wanted: impl Fn(&str) -> bool) -> Chart {
    let mut chart = chart.clone();
    for (_, bytes) in chart.files.iter_mut().filter(|(path, _)| wanted(path)) {
        bytes.extend_from_slice(b"\n# changed\n");
    }
    chart
}

fn writing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write");
    group.sample_size(10);
    for projects in [8_usize, 1_000] {
        let chart = rendered(&applications::manifest(projects));
        let one = changed(&chart, |path| path == "values.yaml");
        let two = changed(&chart, |path| matches!(path, "values.yaml" | "README.md"));
        let every = changed(&chart, |path| path != "Chart.yaml");
        let cases =
            [("new", &chart), ("again", &chart), ("one-file", &one), ("two-files", &two), ("every-file", &every)];
        for (name, next) in cases {
            group.bench_function(BenchmarkId::new(name, projects), |bencher| {
                let start = || {
                    let folder = tempfile::tempdir().expect("a folder");
                    if name != "new" {
                        write(&chart, &folder.path().join("chart")).expect("it is written");
                    }
                    folder
                };
                // What was written is removed when the folder is dropped, which is not measured.
                bencher.iter_batched(
                    start,
                    |folder| {
                        write(next, &folder.path().join("chart")).expect("it is written");
                        folder
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, render, writing);
criterion_main!(benches);
