//! `deploy` and `destroy`: which release on which cluster, and who answers questions.

use super::args::{Accept, Common, Deploy, Destroy, ListFormat, On, Promote, Render, Rollback, Source, StepFormat};
use super::packed::{self, Packed};
use super::project::{Project, given, rendered};
use super::{CliError, Exit, output, prompt};
use crate::app::Note;
use crate::cluster::connect::access::Access;
use crate::cluster::connect::environment::Environment;
use crate::config::Config;
use crate::helm::checked_arguments;
use crate::inputs::{Outlook, rotation};
use crate::migration::Confirmation;
use crate::pipeline::Release;
use crate::pipeline::destroy::Destroyed;
use crate::pipeline::engine::event::Event;
use crate::pipeline::engine::run::{Limits, RunOptions};
use crate::pipeline::migrate::Wish;
use crate::pipeline::release::deploy_request::{Ask, Rotation, Wait};
use crate::pipeline::release::migration::consent::Consent;
use crate::pipeline::release::records::judge::NamedObject;
use crate::support::diagnostic::Problem;
use crate::targets::kubernetes::{BuiltImages, Name};
use crate::{pipeline, report};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Installs or upgrades the application.
pub fn deploy(common: &Common, options: &Deploy) -> Result<Exit, CliError> {
    if let Some(format) = options.steps.list_steps {
        return Ok(listed(
            &crate::pipeline::deploy::steps(&super::charts::steps_of_source(common, &options.source)?)
                .map_err(pipeline::Error::from)?
                .list(),
            format,
        ));
    }
    let limits = limits(duration(&options.on.timeout)?)?;
    let display = display(options.output);
    let note = |note: &Note| display.event(&Event::Warned { text: format!("{}: {}", note.resource, note.text) });
    requested(common, options, &note, |request, release| {
        let conduct = RunOptions { only: options.steps.step.as_deref(), limits, report: &|event| display.event(event) };
        let asker = prompt::asker(common);
        let ask = Ask {
            inputs: &|outlook: &Outlook| display.pause(|| asker(outlook)),
            agree: &|| display.pause(|| prompt::agrees(common)),
        };
        pipeline::deploy(request, release, &ask, &random, &conduct)?;
        Ok(Exit::Done)
    })
}

/// What a deploy with these flags is, for the verb that does it and for the one that only looks.
pub fn requested<T>(
    common: &Common,
    options: &Deploy,
    note: &dyn Fn(&Note),
    act: impl FnOnce(&crate::pipeline::release::deploy_request::Deploy, &Release) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let approved = options.plan.as_deref().map(super::plan::read).transpose()?;
    let (rendered, images) = rendered(&options.source, common.environment.as_deref(), &options.images)?;
    let given = given(&options.parameters, &images, &rendered)?;
    let rotation = Rotation {
        names: rotation(&options.rotate, &rendered.app, &rendered.plan, &given)
            .map_err(|problems| CliError::Input { file: "parameters".into(), problems })?,
        accept_stale: options.accept.contains(&Accept::StaleCredentials),
    };
    rendered.plan.notes.iter().for_each(note);
    let name = release_name(options.on.named.release.as_deref(), &rendered.config, &rendered.app.name)?;
    let release = writing(common, &name, options.on.named.release_namespace.as_deref(), &rendered.config)?
        .allowing(allowed(&options.on)?);
    let charts = super::charts::of_rendered(&rendered, &release.name, &release.namespace)?;
    let request = crate::pipeline::release::deploy_request::Deploy {
        charts: &charts,
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
        helm_arguments: checked_arguments(&options.helm_arguments).map_err(pipeline::Error::from)?,
        ..rendered.deploy(common.environment.as_deref(), given)
    };
    act(&request, &release)
}

/// What was agreed to on the command line.
fn consent(confirm: Option<&String>, accept: &[Accept]) -> Consent {
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

/// Goes on with a change of kinds, or back, or says where it stands.
pub fn promote(common: &Common, options: &Promote) -> Result<Exit, CliError> {
    let timeout = duration(&options.on.timeout)?;
    let (name, config, _) = meant(common, options.on.named.release.as_deref(), &options.source)?;
    let release =
        writing(common, &name, options.on.named.release_namespace.as_deref(), &config)?.allowing(allowed(&options.on)?);
    let wish = if options.status {
        Wish::Status
    } else if options.abort {
        Wish::Abort
    } else {
        Wish::Resume
    };
    let display = display(options.output);
    let conduct = RunOptions { only: None, limits: limits(timeout)?, report: &|event| display.event(event) };
    crate::pipeline::migrate::promote(wish, &release, options.on.assume_helm_dead, &conduct)?;
    Ok(Exit::Done)
}

/// Uninstalls the application.
pub fn destroy(common: &Common, options: &Destroy) -> Result<Exit, CliError> {
    if let Some(format) = options.steps.list_steps {
        return Ok(listed(&crate::pipeline::destroy::steps().map_err(pipeline::Error::from)?.list(), format));
    }
    let timeout = duration(&options.on.timeout)?;
    let (name, config, application) = meant(common, options.on.named.release.as_deref(), &options.source)?;
    let release =
        writing(common, &name, options.on.named.release_namespace.as_deref(), &config)?.allowing(allowed(&options.on)?);
    let charts = super::charts::to_remove(&config, &release.name, &release.namespace)?;
    let request = crate::pipeline::destroy::Destroy {
        application,
        delete_data: options.delete_data,
        delete_namespace: options.delete_namespace,
        assume_helm_dead: options.on.assume_helm_dead,
        charts,
        remove_charts: places("--remove-chart", &options.remove_charts)?,
        allow_chart_hooks: places("--allow-chart-hooks", &options.allow_chart_hooks)?,
    };
    let limits = limits(timeout)?;
    let display = display(options.output);
    let conduct = RunOptions { only: options.steps.step.as_deref(), limits, report: &|event| display.event(event) };
    let agree = || common.yes || display.pause(|| prompt::agrees(common));
    let done = pipeline::destroy(&request, &release, &agree, &conduct)?;
    drop(display);
    summarise(&done, &release);
    Ok(if done.found || options.steps.step.is_some() { Exit::Done } else { Exit::Error })
}

/// Brings the release back to an earlier revision.
pub fn rollback(common: &Common, options: &Rollback) -> Result<Exit, CliError> {
    if let Some(format) = options.steps.list_steps {
        return Ok(listed(&crate::pipeline::rollback::steps().map_err(pipeline::Error::from)?.list(), format));
    }
    let timeout = duration(&options.on.timeout)?;
    let (source, revision) = which(&options.which)?;
    let source = Source::named(source, &options.beside);
    let (name, config, application) = meant(common, options.on.named.release.as_deref(), &source)?;
    let release =
        writing(common, &name, options.on.named.release_namespace.as_deref(), &config)?.allowing(allowed(&options.on)?);
    let request = crate::pipeline::rollback::Rollback {
        revision,
        application,
        wait: !options.no_wait,
        assume_helm_dead: options.on.assume_helm_dead,
        consent: consent(options.confirm.as_ref(), &options.accept),
    };
    let limits = limits(timeout)?;
    let display = display(options.output);
    let conduct = RunOptions { only: options.steps.step.as_deref(), limits, report: &|event| display.event(event) };
    let agree = || display.pause(|| prompt::agrees(common));
    pipeline::rollback(&request, &release, &agree, &conduct)?;
    Ok(Exit::Done)
}

/// NAMESPACE/RELEASE, each.
fn places(flag: &str, texts: &[String]) -> Result<Vec<(String, String)>, CliError> {
    let place = |text: &String| match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err(CliError::Usage(format!("{flag} {text}: write it like NAMESPACE/RELEASE"))),
    };
    texts.iter().map(place).collect()
}

/// What a person lets helm touch beyond the namespace.
fn allowed(on: &On) -> Result<Vec<NamedObject>, CliError> {
    let read = |text: &String| {
        let wrong =
            || CliError::Usage(format!("--allow-object {text}: write it like KIND/NAME or KIND/NAMESPACE/NAME"));
        NamedObject::parse(text).ok_or_else(wrong)
    };
    on.allow_objects.iter().map(read).collect()
}

/// SOURCE and REVISION, of which either may be left out: a number is a revision.
fn which(words: &[String]) -> Result<(Option<PathBuf>, Option<u64>), CliError> {
    match words {
        [] => Ok((None, None)),
        [one] => Ok(one.parse().map_or_else(|_| (Some(one.into()), None), |revision| (None, Some(revision)))),
        [source, revision, ..] => {
            let wrong = |_| CliError::Usage(format!("`{revision}` is no number of a revision; `history` lists them"));
            Ok((Some(source.into()), Some(revision.parse().map_err(wrong)?)))
        }
    }
}

/// The release that is meant. One that is named needs no SOURCE, from whatever machine; one that is given all the same says
/// its namespace and application.
pub fn meant(
    common: &Common,
    release: Option<&str>,
    source: &Source,
) -> Result<(String, Config, Option<String>), CliError> {
    if let (Some(name), None) = (release, &source.source) {
        return Ok((name.to_owned(), Config::default(), None));
    }
    let (name, config, application) = named_by_source(common, source)?;
    Ok((release.map_or(name, str::to_owned), config, Some(application)))
}

fn display(output: ListFormat) -> report::Display {
    report::Display::new(match output {
        ListFormat::Text => report::Form::Text,
        ListFormat::Json => report::Form::Json,
    })
}

/// Prints the steps.
pub fn listed(steps: &[crate::pipeline::engine::graph::StepName], format: StepFormat) -> Exit {
    let draw = match format {
        StepFormat::Text => report::steps::text,
        StepFormat::Json => report::steps::json,
        StepFormat::Dot => report::steps::dot,
        StepFormat::Mermaid => report::steps::mermaid,
        StepFormat::Svg => report::steps::svg,
    };
    output::text(&draw(steps));
    Exit::Done
}

/// Rendering waits for nobody, so that nothing has to bound it. A signal ends it once what it has begun is removed.
pub fn conduct_of_render(options: &Render) -> RunOptions<'_> {
    let deadline = Instant::now() + Duration::from_secs(3600);
    crate::helm::hold();
    let limits = Limits { deadline, stopped: &crate::helm::stopped };
    RunOptions { only: options.steps.step.as_deref(), limits, report: &report::quiet }
}

/// The bounds of a run. From here on a signal asks it to end, and a second one ends it.
pub fn limits(timeout: Duration) -> Result<Limits<'static>, CliError> {
    let deadline = Instant::now().checked_add(timeout);
    let deadline =
        deadline.ok_or_else(|| CliError::Usage(format!("--timeout of {} s is too long", timeout.as_secs())))?;
    crate::helm::hold();
    Ok(Limits { deadline, stopped: &crate::helm::stopped })
}

/// Name, intent and application id that the files of SOURCE give to a release.
pub fn named_by_source(common: &Common, source: &Source) -> Result<(String, Config, String), CliError> {
    if packed::is_chart(source) {
        let (config, application, id) = Packed::load(source)?.intent(common.environment.as_deref())?;
        let name = release_name(None, &config, &application)?;
        return Ok((name, config, id));
    }
    let project = Project::load(source)?;
    let config = project.config(common.environment.as_deref())?;
    let application = config.application.clone().unwrap_or_else(|| project.folder().to_owned());
    let name = release_name(None, &config, &application)?;
    let id = config.application_id.clone().unwrap_or(application);
    Ok((name, config, id))
}

fn summarise(done: &Destroyed, release: &Release) {
    if !done.found {
        output::say(&format!("there was nothing to destroy: no {}", release.described()));
        return;
    }
    output::say(&format!("destroyed {}", release.described()));
    if !done.deleted.is_empty() {
        output::say(&format!("deleted with their data: {}", done.deleted.join(", ")));
    }
    for kept in &done.volumes_kept {
        output::say(&format!("deleted: {kept}"));
    }
    if !done.charts_removed.is_empty() {
        output::say(&format!("removed with it: the charts {}", done.charts_removed.join(", ")));
    }
    for kept in &done.charts_kept {
        output::say(&format!("left in place: {kept}"));
    }
    if done.namespace {
        output::say(&format!("deleted namespace {}", release.namespace));
    }
    if !done.kept.is_empty() {
        output::say(&format!("kept, with the secrets that belong to them: {}", done.kept.join(", ")));
        output::say("  --delete-data removes them");
    }
}

/// The release name: as given, else the file's, else the application's.
pub fn release_name(given: Option<&str>, config: &Config, application: &str) -> Result<String, CliError> {
    if let Some(name) = given.or(config.release.name.as_deref()) {
        return Ok(name.to_owned());
    }
    if application.is_empty() {
        return Err(CliError::Usage(
            "the application has no name; pass --release, or write `application: NAME` into aspire-k8s.yaml".into(),
        ));
    }
    Ok(Name::of_workload(application).to_string())
}

/// The release that is about to be looked at. Where only the person could say which namespace is meant, it is the file's.
pub fn reading(
    common: &Common,
    name: &str,
    release_namespace: Option<&str>,
    config: &Config,
) -> Result<Release, CliError> {
    let from_file = config.release.namespace.as_deref();
    if let (None, Some(file)) = (release_namespace.or(common.namespace.as_deref()), from_file)
        && let Err(CliError::Refused(_)) = writing(common, name, None, config)
    {
        output::say(&format!(
            "looking into namespace {file}, which aspire-k8s.yaml names; --release-namespace names another"
        ));
        return writing(common, name, Some(file), config);
    }
    writing(common, name, release_namespace, config)
}

/// The release that is about to be changed.
///
/// Helm always sets `HELM_NAMESPACE`, so `-n default` cannot be told from no `-n` at all. Where the file names another
/// namespace than the one that merely is the context's own, only the person can say which is meant.
pub fn writing(
    common: &Common,
    name: &str,
    release_namespace: Option<&str>,
    config: &Config,
) -> Result<Release, CliError> {
    let environment = Environment::of_process();
    let access = access(common, &environment);
    let location = crate::cluster::connect::kubeconfig::locate(&access, &environment).map_err(pipeline::Error::from)?;
    let from_file = config.release.namespace.as_deref();
    let typed = release_namespace.or(common.namespace.as_deref());
    let namespace = match (typed, &access.helm_namespace, from_file) {
        (Some(typed), ..) => typed.to_owned(),
        (None, Some(helm), Some(file)) if helm != file => {
            if *helm == location.context_namespace {
                return Err(CliError::Refused(format!(
                    "aspire-k8s.yaml names the namespace {file}, helm says {helm}, which may be the context's own or what you typed: \
                     say --release-namespace {file} or --release-namespace {helm}"
                )));
            }
            helm.clone()
        }
        (None, _, Some(file)) => file.to_owned(),
        (None, _, None) => location.namespace.clone(),
    };
    Ok(Release::new(name, &namespace, Access { namespace: Some(namespace.clone()), ..access }, environment)?)
}

/// How to reach the cluster: what was typed, else what helm passes on.
fn access(common: &Common, environment: &Environment) -> Access {
    let typed = Access {
        kubeconfig: common.kubeconfig.clone(),
        context: common.context.clone(),
        namespace: common.namespace.clone(),
        as_user: common.as_user.clone(),
        as_groups: common.as_groups.clone(),
        ..Access::default()
    };
    let mut access = typed.with_environment(environment);
    if !super::is_helm_plugin() {
        // Somebody's variable, not helm's word.
        access.namespace = access.namespace.or_else(|| access.helm_namespace.take());
        access.helm_namespace = None;
    }
    access
}

/// Random bytes of the system.
pub fn random(bytes: &mut [u8]) -> Result<(), Problem> {
    getrandom::fill(bytes).map_err(|error| Problem::at("", format!("the system gives no random bytes: {error}")))
}

/// `90s`, `10m`, `1h30m`: durations as helm writes them.
pub fn duration(text: &str) -> Result<Duration, CliError> {
    let wrong = || CliError::Usage(format!("--timeout {text} is no duration; write it like 90s, 10m or 1h30m"));
    let mut seconds = 0_u64;
    let mut number = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match c {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return Err(wrong()),
        };
        let count: u64 = number.parse().map_err(|_| wrong())?;
        seconds = count.checked_mul(unit).and_then(|more| seconds.checked_add(more)).ok_or_else(wrong)?;
        number.clear();
    }
    if !number.is_empty() || seconds == 0 { Err(wrong()) } else { Ok(Duration::from_secs(seconds)) }
}

/// The objects of an application as YAML.
pub fn template(
    common: &Common,
    rendered: &super::project::Rendered,
    images: &BuiltImages,
    options: &Render,
) -> Result<Option<String>, CliError> {
    let (release, show_secrets) = (options.release.as_deref(), options.show_secrets);
    let given = given(&options.parameters, images, rendered)?;
    let name = release_name(release, &rendered.config, &rendered.app.name)?;
    let namespace = common.namespace.as_deref().or(rendered.config.release.namespace.as_deref()).unwrap_or("default");
    let request = crate::pipeline::render::Template {
        app: &rendered.app,
        plan: &rendered.plan,
        chart: &rendered.chart,
        environment: common.environment.clone(),
        given: &given,
        release: &name,
        namespace,
        show_secrets,
    };
    let conduct = conduct_of_render(options);
    Ok(crate::pipeline::render::template(&request, &Environment::of_process(), &random, &conduct)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_helms() {
        for (text, seconds) in [
            ("90s", Some(90)),
            ("10m", Some(600)),
            ("1h30m", Some(5400)),
            ("5", None),
            ("", None),
            ("m", None),
            ("1d", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(duration(text).ok().map(|duration| duration.as_secs()), seconds, "{text}");
        }
    }
}
