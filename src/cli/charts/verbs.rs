//! `charts list`, `charts lock`, `charts update`.

use super::{lock_path, of_source, read_intent, read_lock, wrong};
use crate::cli::args::{Charts, ChartsList, ChartsLock, Common, Source};
use crate::cli::project::config_folder;
use crate::cli::run_options::{duration, limits};
use crate::cli::table::table;
use crate::cli::which_release::{named_by_source, reading};
use crate::cli::{CliError, Exit, output};
use crate::cluster::connect::environment::Environment;
use crate::config::is_exact_version;
use crate::external_charts::{self, Found, Locked, Phase, PlannedChart, Version, fits, newest};
use crate::pipeline;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, nearest, suggestion};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Does what was asked for.
pub(crate) fn charts(common: &Common, options: &Charts) -> Result<Exit, CliError> {
    match options {
        Charts::List(options) => list(common, options),
        Charts::Lock(options) => relock(options, None, false),
        Charts::Update(options) => relock(&options.lock, options.to.as_deref(), true),
    }
}

/// One chart, as it is listed.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Listed<'a> {
    name: &'a str,
    chart: &'a str,
    repository: Option<&'a str>,
    version: Option<&'a str>,
    locked: Option<&'a Locked>,
    release: &'a str,
    namespace: &'a str,
    phase: Phase,
    installed: Option<Installed<'a>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Installed<'a> {
    chart: &'a str,
    revision: u64,
    status: &'a str,
    ours: bool,
}

fn list(common: &Common, options: &ChartsList) -> Result<Exit, CliError> {
    let charts = of_source(common, &options.source)?;
    let (name, config, _) = named_by_source(common, &options.source)?;
    let name = options.named.release.clone().unwrap_or(name);
    let found = reading(common, &name, options.named.release_namespace.as_deref(), &config)
        .and_then(|release| Ok(pipeline::charts::pin::installed_charts(&charts, &release)?));
    let none = || charts.iter().map(|_| None).collect();
    let found = found.unwrap_or_else(|error| {
        output::say(&format!("the installed charts are unknown: {error}"));
        none()
    });
    let listed = |(chart, found): (&'_ PlannedChart, &'_ Option<(Found, bool)>)| -> Vec<String> {
        let installed = found.as_ref().map_or_else(
            || "-".to_owned(),
            |(found, ours)| {
                let whose = if *ours { "" } else { ", not managed here" };
                format!("{} revision {} ({}{whose})", found.chart, found.revision, found.status)
            },
        );
        let locked = chart.locked.as_ref().map_or_else(
            || "-".to_owned(),
            |locked| format!("{} {}", locked.version, locked.digest.chars().take(19).collect::<String>()),
        );
        let place = format!("{} in {}", chart.release, chart.namespace);
        let version = chart.version.clone().unwrap_or_else(|| "-".to_owned());
        vec![chart.name.clone(), chart.source.reference().to_owned(), version, locked, place, installed]
    };
    match options.output.data() {
        None => {
            let rows: Vec<[String; 6]> =
                charts.iter().zip(&found).filter_map(|both| listed(both).try_into().ok()).collect();
            let head = ["NAME", "CHART", "VERSION", "LOCKED", "RELEASE", "INSTALLED"];
            output::text(&crate::report::harmless(&table(&head, rows)));
        }
        Some(form) => {
            let listed = charts.iter().zip(&found).map(|(chart, found)| Listed {
                name: &chart.name,
                chart: chart.source.reference(),
                repository: chart.source.repository(),
                version: chart.version.as_deref(),
                locked: chart.locked.as_ref(),
                release: &chart.release,
                namespace: &chart.namespace,
                phase: chart.phase,
                installed: found.as_ref().map(|(found, ours)| Installed {
                    chart: &found.chart,
                    revision: found.revision,
                    status: &found.status,
                    ours: *ours,
                }),
            });
            output::data(&listed.collect::<Vec<_>>(), form);
        }
    }
    Ok(Exit::Done)
}

/// Writes the lock file again: named charts, or all, and those of every environment.
fn relock(options: &ChartsLock, to: Option<&str>, move_on: bool) -> Result<Exit, CliError> {
    let source = Source::named(options.source.clone(), &options.beside);
    let all = of_every_environment(&source)?;
    let folder = all.folder;
    check_names(&options.names, to, &all.charts)?;
    let mut lock = read_lock(&folder)?.unwrap_or_default();
    lock.keep_only(&all.charts);
    let is_meant = |chart: &&PlannedChart| options.names.is_empty() || options.names.contains(&chart.name);
    let meant: Vec<&PlannedChart> = all.charts.iter().filter(is_meant).collect();
    let (environment, limits) = (Environment::of_process(), limits(duration(&options.timeout)?)?);
    let mut asked: Vec<(PlannedChart, String)> = Vec::new();
    let mut wanted: Vec<(PlannedChart, String)> = Vec::new();
    for chart in meant {
        let version = chart.version.clone().unwrap_or_default();
        let known = lock.find(chart).filter(|_| !move_on).map(|locked| locked.version);
        match (to, known, is_exact_version(&version)) {
            (Some(to), ..) if fits(to, &version) => wanted.push((chart.clone(), to.to_owned())),
            (Some(to), ..) => return Err(not_asked_for(chart, to)),
            (None, _, true) => wanted.push((chart.clone(), version)),
            (None, Some(known), false) => wanted.push((chart.clone(), known)),
            (None, None, false) => asked.push((chart.clone(), version)),
        }
    }
    let found = pipeline::charts::pin::newest_of(&asked, &environment, &limits)?;
    wanted.extend(asked.into_iter().zip(found).map(|((chart, _), version)| (chart, version)));
    let before = lock.clone();
    for ((chart, _), locked) in wanted.iter().zip(pipeline::pin_charts(&wanted, &environment, &limits)?) {
        let old = before.find(chart);
        if old.as_ref() != Some(&locked) {
            let from = old.map_or_else(String::new, |old| format!("{} -> ", old.version));
            output::say(&format!("{}: {from}{} {}", chart.name, locked.version, locked.digest));
        }
        lock.put(chart, &locked);
    }
    if move_on && to.is_none() {
        tell_newer(&wanted, &environment, &limits);
    }
    let path = lock_path(&folder);
    output::file(&path, &lock.to_text())?;
    output::say(&format!("wrote {}", path.display()));
    Ok(Exit::Done)
}

/// An exact version of aspire-k8s.yaml is a user's to change: they are told of a newer one of the same major version.
fn tell_newer(wanted: &[(PlannedChart, String)], environment: &Environment, limits: &pipeline::Limits) {
    let exact = wanted.iter().filter(|(chart, _)| chart.version.as_deref().is_some_and(is_exact_version));
    let exact: Vec<(PlannedChart, String)> = exact.map(|(chart, version)| (chart.clone(), newest(version))).collect();
    // It is only news; a failure to get it is not an error.
    for ((chart, _), found) in
        exact.iter().zip(pipeline::charts::pin::newest_of(&exact, environment, limits).unwrap_or_default())
    {
        let version = chart.version.as_deref().unwrap_or_default();
        if Version::parse(&found) > Version::parse(version) {
            output::say(&format!(
                "{}: aspire-k8s.yaml requires exactly {version}; the newest of that major version is {found}: set it \
                there, or a range such as {}",
                chart.name,
                newest(version)
            ));
        }
    }
}

fn not_asked_for(chart: &PlannedChart, to: &str) -> CliError {
    let version = chart.version.as_deref().unwrap_or_default();
    let diagnostic = Diagnostic::new(
        Code::ChartLockOutdated,
        "--to",
        format!("{to} does not match `version: {version}` of {} in aspire-k8s.yaml", chart.name),
    );
    wrong("aspire-k8s.yaml", diagnostic.hint(format!("set `version: {to}` there, or a range that contains it")).into())
}

fn check_names(names: &[String], to: Option<&str>, charts: &[PlannedChart]) -> Result<(), CliError> {
    if to.is_some() && names.len() != 1 {
        return Err(CliError::Usage(Code::InvalidUsage, "--to updates one chart: name it with --chart NAME".into()));
    }
    if let Some(to) = to.filter(|to| !is_exact_version(to)) {
        return Err(CliError::Usage(
            Code::InvalidArgument,
            format!("--to {to:?} is not a valid version; use the form 4.10.0"),
        ));
    }
    let known: Vec<&str> = charts.iter().map(|chart| chart.name.as_str()).collect();
    let mut diagnostics = Diagnostics::default();
    for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
        let diagnostic = Diagnostic::new(Code::UnknownEntry, "charts", format!("there is no remote chart `{name}`"));
        diagnostics.push(
            diagnostic
                .hint(suggestion(nearest(name, known.iter().copied()), "`kubectl aspire charts list` lists them")),
        );
    }
    diagnostics.or(()).map_err(|diagnostics| wrong("aspire-k8s.yaml", diagnostics))
}

/// Charts with and without environments, each way of asking for one once.
struct All {
    charts: Vec<PlannedChart>,
    folder: PathBuf,
}

fn of_every_environment(source: &Source) -> Result<All, CliError> {
    let (config, shown) = read_intent(source)?;
    let mut charts = external_charts::plan(&config);
    for name in config.environments.keys() {
        let chosen = config.for_environment(name).map_err(|diagnostic| wrong(&shown, diagnostic.into()))?;
        charts.extend(external_charts::plan(&chosen));
    }
    charts.retain(|chart| chart.source.is_remote());
    let mut seen = BTreeSet::new();
    charts.retain(|chart| {
        let source = &chart.source;
        let asked = (
            chart.name.clone(),
            source.reference().to_owned(),
            source.repository().map(str::to_owned),
            chart.version.clone(),
        );
        seen.insert(asked)
    });
    Ok(All { charts, folder: config_folder(&shown) })
}
