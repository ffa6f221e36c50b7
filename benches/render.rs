//! Manifest to chart in memory, without the process around it.

mod applications;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kubectl_aspire::targets::kubernetes;
use kubectl_aspire::{app, config, manifest};

fn rendered(manifest: &[u8]) -> usize {
    let manifest = manifest::parse(manifest).expect("the manifest is well-formed");
    let config = config::Config::default();
    let app = app::resolve(&manifest, &config, "bench", &app::Sources::default()).expect("it resolves");
    let images = kubernetes::BuiltImages { tag: Some("1".into()), ..kubernetes::BuiltImages::default() };
    let plan = kubectl_aspire::targets::kubernetes::plan::plan(&app, &config, &images).expect("it can be planned");
    kubectl_aspire::targets::kubernetes::chart::render::render(&plan).expect("it renders").files.len()
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

criterion_group!(benches, render);
criterion_main!(benches);
