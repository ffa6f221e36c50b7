//! A deploy as its flags describe it, for `deploy` and for `plan`.

use super::CliError;
use super::args::{Accept, Common, Deploy, On};
use super::chart_values;
use super::project::{for_release, given, rendered};
use super::rendered::Rendered;
use super::which_release::{release_name, writing};
use crate::app::Note;
use crate::app::unknown_workload;
use crate::helm::checked_arguments;
use crate::inputs::rotation;
use crate::migration::Confirmation;
use crate::pipeline::release::records::judge::NamedObject;
use crate::pipeline::{self, Consent, Release, Rotation, Saved, Wait};
use crate::support::diagnostic::{Code, Diagnostics, Place};
use crate::support::read_file;
use std::path::Path;

/// What a deploy with these flags is, for the verb that does it and for the one that only looks.
pub(super) fn requested<T>(
    common: &Common,
    options: &Deploy,
    note: &dyn Fn(&Note),
    act: impl FnOnce(&pipeline::Deploy, &Release) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let approved = options.plan.as_deref().map(read).transpose()?;
    let helm_arguments = checked_arguments(&options.helm_arguments).map_err(pipeline::Error::from)?;
    let environment = common.environment.as_deref();
    let (rendered, images, project) = rendered(&options.source, environment, &options.images)?;
    let given = given(&options.parameters, &images, &rendered)?;
    let passed = chart_values::passed(&options.chart_values, &rendered.plan.values.to_json())?;
    let rotation = Rotation {
        names: rotation(&options.rotate, &rendered.app, &rendered.plan, &given).map_err(CliError::Input)?,
        accept_stale: options.accept.contains(&Accept::StaleCredentials),
    };
    rendered.plan.notes.iter().for_each(note);
    let name = release_name(options.on.named.release.as_deref(), &rendered.config, &rendered.app.name)?;
    let release = writing(common, &name, options.on.named.release_namespace.as_deref(), &rendered.config)?
        .allowing(allowed(&options.on)?);
    let told = rendered.plan.notes.clone();
    let rendered = for_release(rendered, project, &release, environment, &images)?;
    rendered.plan.notes.iter().filter(|one| !told.contains(one)).for_each(note);
    let charts = super::charts::of_rendered(&rendered, &release.name, &release.namespace)?;
    let request = pipeline::Deploy {
        charts: &charts,
        passed,
        only: only(&options.only, &rendered)?,
        rotation,
        wait: match (options.no_wait, options.fail_fast) {
            (true, _) => Wait::No,
            (_, true) => Wait::UntilHopeless,
            _ => Wait::UntilReady,
        },
        approved: approved.as_ref(),
        roll_back: options.rollback_on_failure,
        assume_helm_dead: options.on.assume_helm_dead,
        consent: consent(options.confirm.as_ref(), &options.accept),
        ignored: options.ignore.clone(),
        helm_arguments,
        ..rendered.deploy(environment, given)
    };
    act(&request, &release)
}

/// Resources that may change, each of which must run.
fn only(names: &[String], rendered: &Rendered) -> Result<Vec<String>, CliError> {
    let running: Vec<&str> = rendered.plan.workloads.iter().map(|workload| workload.resource.as_str()).collect();
    let unknown = names.iter().filter(|name| !running.contains(&name.as_str())).map(|name| {
        let place = Place::in_file("command line", "--only");
        unknown_workload(name, place, running.iter().copied(), &Diagnostics::default())
    });
    Diagnostics(unknown.collect()).or(names.to_vec()).map_err(CliError::Input)
}

/// What was agreed to on the command line.
pub(super) fn consent(confirm: Option<&String>, accept: &[Accept]) -> Consent {
    let confirmation = |accept: &Accept| match accept {
        Accept::StaleCredentials => None,
        Accept::Downtime => Some(Confirmation::Downtime),
        Accept::EmptydirLoss => Some(Confirmation::EmptydirLoss),
        Accept::AbandonData => Some(Confirmation::AbandonData),
        Accept::Hostpath => Some(Confirmation::Hostpath),
        Accept::StrayDelete => Some(Confirmation::StrayDelete),
        Accept::JobKill => Some(Confirmation::JobKill),
        Accept::ServiceRecreate => Some(Confirmation::ServiceRecreate),
        Accept::DatabaseVersion => Some(Confirmation::DatabaseVersion),
    };
    Consent { confirm: confirm.cloned(), accept: accept.iter().filter_map(confirmation).collect() }
}

/// What a user lets helm touch beyond the namespace.
pub(super) fn allowed(on: &On) -> Result<Vec<NamedObject>, CliError> {
    let read = |text: &String| {
        let wrong = || {
            CliError::Usage(
                Code::InvalidArgument,
                format!("--allow-object {text}: use the form KIND/NAME or KIND/NAMESPACE/NAME"),
            )
        };
        NamedObject::parse(text).ok_or_else(wrong)
    };
    on.allow_objects.iter().map(read).collect()
}

/// A plan from a file.
fn read(file: &Path) -> Result<Saved, CliError> {
    let name = file.display().to_string();
    let text = read_file::text(file).map_err(|source| CliError::Read { path: name.clone(), source })?;
    Saved::parse(&text, &name).map_err(|diagnostic| CliError::Input(diagnostic.into()))
}
