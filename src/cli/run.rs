//! Arguments to a verb, and its result to an exit code.

use super::args::{
    Cli, Deploy, Destroy, Doctor, ImageList, InputFormat, Inputs, ListFormat, Look, Plan, Promote, ReportFormat,
    Rollback, Target, Verb,
};
use super::output::JsonErrors;
use super::program::typed_name;
use super::{
    CliError, Exit, build, charts, complete, completion_names, dashboard, demo, doctor, examples, explain, image_list,
    init, inputs, manifest, other_programs, output, plan, release, render, schema, seal, status,
};
use crate::support::diagnostic::Code;
use clap::{Command, CommandFactory, FromArgMatches};
use std::ffi::OsString;

/// Runs the program and returns its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let name = typed_name(args.first());
    if args.get(1).is_some_and(|word| word == COMPLETE) {
        return complete(&args[2..]);
    }
    let command = examples::with_examples(without_dead_flags(Cli::command()), name);
    let matches = match command.bin_name(name).display_name(name).try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(error) => return usage(&other_programs::with_tip(error)),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage(&other_programs::with_tip(error)),
    };
    let form = json_errors(&cli.verb);
    let exit = execute(&cli, name).unwrap_or_else(|error| {
        output::error(&error, form);
        error.exit()
    });
    if form == JsonErrors::Events {
        output::exited(exit);
    }
    output::finished(exit)
}

/// What kubectl and helm ask for the candidates of a line that is being typed; it is no verb, because its words are not ours
/// to understand.
const COMPLETE: &str = "__complete";

fn complete(words: &[OsString]) -> Exit {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    output::text(&complete::answer(
        without_dead_flags(Cli::command()),
        &words,
        &completion_names::Application::of(&words),
    ));
    output::finished(Exit::Done)
}

/// Flags of a SOURCE in a registry.
const OF_REGISTRIES: [&str; 2] = ["version", "plain_http"];

/// Flags of an AppHost.
const OF_APP_HOSTS: [&str; 4] = ["no_build", "apphost_environment", "apphost_timeout", "verbose"];

/// Verbs that read no chart take the flags of a SOURCE in a registry only so that the error is about SOURCE, and verbs that
/// only need the name of a release run no AppHost; help and completion hide those flags.
fn without_dead_flags(mut command: Command) -> Command {
    let hide = |command: Command, flags: &[&str]| {
        flags.iter().fold(command, |command, flag| command.mut_arg(*flag, |arg| arg.hide(true)))
    };
    for verb in ["render", "inputs", "images", "build", "seal"] {
        command = command.mut_subcommand(verb, |verb| hide(verb, &OF_REGISTRIES));
    }
    for verb in ["promote", "destroy", "status", "dashboard", "history", "rollback"] {
        command = command.mut_subcommand(verb, |verb| hide(verb, &OF_APP_HOSTS));
    }
    command.mut_subcommand("charts", |charts| {
        let verbs: Vec<String> = charts.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        verbs.iter().fold(charts, |charts, verb| charts.mut_subcommand(verb, |verb| hide(verb, &OF_APP_HOSTS)))
    })
}

/// Help goes to standard output and is no error; clap's own code for wrong usage is 2, which here means "differs".
fn usage(error: &clap::Error) -> Exit {
    output::help(error);
    output::finished(if error.use_stderr() { Exit::Error } else { Exit::Done })
}

fn execute(cli: &Cli, name: &str) -> Result<Exit, CliError> {
    refuse_other_targets(cli.common.target, &cli.verb)?;
    match &cli.verb {
        Verb::Init(options) => init::init(options),
        Verb::Render(options) => render::render(&cli.common, options),
        Verb::Doctor(options) => doctor::doctor(&cli.common, options),
        Verb::Manifest(options) => manifest::manifest(options),
        Verb::Inputs(options) => inputs::inputs(&cli.common, options),
        Verb::Build(options) => build::build(&cli.common, options),
        Verb::Images(options) => image_list::images(&cli.common, options),
        Verb::Deploy(options) => release::deploy(&cli.common, options),
        Verb::Plan(options) => plan::plan(&cli.common, options),
        Verb::Promote(options) => release::promote(&cli.common, options),
        Verb::Destroy(options) => release::destroy(&cli.common, options),
        Verb::Status(options) => status::status(&cli.common, options),
        Verb::Rollback(options) => release::rollback(&cli.common, options),
        Verb::Dashboard(options) => dashboard::dashboard(&cli.common, options),
        Verb::History(options) => status::history(&cli.common, options),
        Verb::Seal(options) => seal::seal(&cli.common, options),
        Verb::Charts(options) => charts::charts(&cli.common, options),
        Verb::Explain(options) => explain::explain(options),
        Verb::Schema(options) => Ok(schema::schema(options)),
        Verb::Demo(options) => demo::demo(&cli.common, options),
        Verb::Completion { shell } => {
            output::text(&completion(*shell));
            Ok(Exit::Done)
        }
        Verb::Version => {
            output::line(&format!("{name} {}", env!("CARGO_PKG_VERSION")));
            output::line(&built());
            Ok(Exit::Done)
        }
    }
}

/// Which build this is: the commit, where the one who built it named it, and the platform.
fn built() -> String {
    use std::env::consts::{ARCH, OS};
    let commit = option_env!("KUBECTL_ASPIRE_COMMIT").filter(|commit| !commit.is_empty()).unwrap_or("unknown");
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!("commit {commit}, {profile} build for {OS}/{ARCH}")
}

/// The script for the program's own name. The command is a fresh one, because one that has parsed is already named in two
/// words, and the generator looks for its verbs under one.
fn completion(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut without_dead_flags(Cli::command()), env!("CARGO_PKG_NAME"), &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// How a verb with these flags tells programs of its errors. A list of steps has a form of its own.
fn json_errors(verb: &Verb) -> JsonErrors {
    let (is_json, form) = match verb {
        Verb::Deploy(Deploy { steps, .. })
        | Verb::Destroy(Destroy { steps, .. })
        | Verb::Rollback(Rollback { steps, .. })
        | Verb::Plan(Plan { deploy: Deploy { steps, .. }, .. })
            if steps.list_steps.is_some() =>
        {
            return JsonErrors::None;
        }
        Verb::Deploy(Deploy { output, .. })
        | Verb::Promote(Promote { output, .. })
        | Verb::Destroy(Destroy { output, .. })
        | Verb::Rollback(Rollback { output, .. }) => (*output == ListFormat::Json, JsonErrors::Events),
        Verb::Plan(Plan { deploy: Deploy { output, .. }, .. }) => (*output == ListFormat::Json, JsonErrors::Document),
        Verb::Status(Look { output, .. })
        | Verb::History(Look { output, .. })
        | Verb::Doctor(Doctor { output, .. })
        | Verb::Images(ImageList { output, .. }) => (*output == ReportFormat::Json, JsonErrors::Document),
        Verb::Inputs(Inputs { output, .. }) => (*output == InputFormat::Json, JsonErrors::Document),
        _ => (false, JsonErrors::None),
    };
    if is_json { form } else { JsonErrors::None }
}

fn refuse_other_targets(target: Target, verb: &Verb) -> Result<(), CliError> {
    let what = match target {
        Target::Kubernetes => return Ok(()),
        Target::Compose if matches!(verb, Verb::Render(_)) => return Ok(()),
        Target::Compose => {
            let what = "this command works on a Kubernetes cluster; with `render --target compose -o DIR` the application gets a Compose \
                file, and `docker compose up -d` in DIR runs it";
            return Err(CliError::Usage(Code::InvalidArgument, what.into()));
        }
        Target::Aks => "AKS (creating the cluster)",
        Target::ContainerApps => "Azure Container Apps",
        Target::AppService => "Azure App Service",
    };
    Err(CliError::Usage(
        Code::InvalidArgument,
        format!(
            "this version does not support the target {what}; it deploys to existing Kubernetes clusters (omit \
            --target)"
        ),
    ))
}
