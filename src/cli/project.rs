//! Reads what SOURCE refers to: the manifest, the configuration beside it, and the files that both refer to.

use super::args::{AppHost, Images, Parameters, Source};
use super::described::{CONFIG, Described};
use super::packed::{self, Packed};
use super::placed::{self, Files};
use super::rendered::Rendered;
use super::sources::Reader;
use super::{CliError, app_host, model, output};
use crate::app::{self, App, Build, Found, Input, Sources};
use crate::config::{self, Config, SEALED_FILE, Sealed, SecretSource};
use crate::external_charts::{self, PlannedChart};
use crate::inputs::{Format, Given, Means, names, parse_assignment};
use crate::manifest::{self, Manifest};
use crate::model::Model;
use crate::pipeline::{self, Release};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::read_file;
use crate::targets::built_images::BuiltImages;
use crate::targets::kubernetes::chart;
use crate::targets::kubernetes::plan;
use crate::targets::kubernetes::{CONTENTS, Contents, Plan, environment_values};
use indexmap::IndexMap;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

/// An application as it lies on disk.
pub(super) struct Project {
    manifest: Manifest,
    /// The manifest, or the AppHost that wrote it.
    manifest_path: PathBuf,
    /// Whether that file is the text of a manifest, which has lines.
    has_lines: bool,
    config: Config,
    config_path: String,
    /// The default name of the application.
    application: String,
    sources: Sources,
}

/// SOURCE, rendered: on the spot, with the project that it was rendered from, or before.
pub(super) fn rendered(
    source: &Source,
    environment: Option<&str>,
    images: &Images,
) -> Result<(Rendered, BuiltImages, Option<Project>), CliError> {
    let built = super::images::parse(images)?;
    if packed::is_chart(source) {
        return Ok((Packed::load(source)?.render(environment, &built)?, built, None));
    }
    let project = Project::load(source)?;
    Ok((project.render(environment, &built)?, built, Some(project)))
}

/// The same with the defaults that the pods of a live release have.
pub(super) fn for_release(
    rendered: Rendered,
    project: Option<Project>,
    release: &Release,
    environment: Option<&str>,
    images: &BuiltImages,
) -> Result<Rendered, CliError> {
    match project {
        Some(project) => project.keeping(rendered, &|| pipeline::defaults_to_keep(release), environment, images),
        None => Ok(rendered),
    }
}

impl Project {
    /// Reads the files.
    pub(super) fn load(source: &Source) -> Result<Self, CliError> {
        if packed::is_chart(source) {
            return Err(CliError::Usage(
                Code::InvalidUsage,
                format!(
                    "{} is a rendered chart, but this command needs the manifest that it was rendered from",
                    source.path().display()
                ),
            ));
        }
        let described = Described::at(source.path())?;
        let (base, flags) = (described.folder(), &source.beside.app_host);
        let has_lines = matches!(described, Described::Manifest(_));
        let intent = described.intent_folder(source.path());
        let application = described.application();
        let config = || read_config(source.beside.config.as_deref(), &intent);
        let (mut manifest, model, manifest_path, (mut config, config_path)) = match described {
            Described::Manifest(path) => {
                app_host::warn_beside_manifest(source.path(), flags);
                let (manifest, model) = read_manifest(&path, flags)?;
                (manifest, model, path, config()?)
            }
            // The intent first: nothing has to be built to see what is wrong with it.
            Described::AppHost(program) => {
                let config = config()?;
                let (manifest, model) = app_host::manifest(&program, flags)?;
                (manifest, model, program.shown, config)
            }
        };
        config.sealed = read_sealed(&sealed_path(config.secrets.sealed.file.as_deref(), &config_path))?;
        for environment in config.environments.values() {
            if let Some(file) = &environment.secrets.sealed.file {
                config.sealed.add(read_sealed(&sealed_path(Some(file), &config_path))?);
            }
        }
        let contents = model.map(|model| crate::model::merge(&model, &mut manifest, &mut config)).unwrap_or_default();
        let home = std::env::home_dir();
        let named = config.source_root.as_ref().map(|root| config_folder(&config_path).join(root));
        let root = source.beside.source_root.clone().or(named);
        let reader = Reader::new(&base, root.as_deref(), home.as_deref());
        if let Some(why) = reader.refusal().filter(|_| root.is_some()) {
            return Err(CliError::Usage(
                Code::FileRefused,
                format!("the source root (--source-root, `sourceRoot`): {why}"),
            ));
        }
        let of_app_host = |path: &&str| contents.iter().any(|(source, _)| source == path);
        let mut sources = reader.read(app::wanted_sources(&manifest).into_iter().filter(|path| !of_app_host(path)));
        for (source, bytes) in contents {
            sources.insert(&source, Found::File(bytes), Vec::new());
        }
        Ok(Self { manifest, manifest_path, has_lines, config, config_path, application, sources })
    }

    /// The intent, with the values of an environment.
    pub(super) fn config(&self, environment: Option<&str>) -> Result<Config, CliError> {
        for_environment(&self.config, &self.config_path, environment)
    }

    /// Where the values sealed with this intent are kept, and what is there already.
    pub(super) fn sealed(&self, config: &Config) -> Result<(PathBuf, Sealed), CliError> {
        let path = sealed_path(config.secrets.sealed.file.as_deref(), &self.config_path);
        let sealed = read_sealed(&path)?;
        Ok((path, sealed))
    }

    /// The names of the environments.
    pub(super) fn environments(&self) -> Vec<String> {
        self.config.environments.keys().cloned().collect()
    }

    /// The names of the resources.
    pub(super) fn resources(&self) -> Vec<String> {
        self.manifest.resources.keys().cloned().collect()
    }

    /// The images that the rendered application needs built, and the inputs that they need.
    pub(super) fn builds(&self, rendered: &Rendered) -> Result<(Vec<Build>, IndexMap<String, Input>), CliError> {
        let builds = app::builds(&self.manifest, &rendered.config, &rendered.app);
        builds.map_err(|diagnostics| self.placed(&rendered.config, None, diagnostics))
    }

    /// The manifest, or the AppHost that wrote it; and whether it is a manifest.
    pub(super) fn described_in(&self) -> (&Path, bool) {
        (&self.manifest_path, self.has_lines)
    }

    /// The manifest as it is written.
    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The default name of the application.
    pub(super) fn application(&self) -> &str {
        &self.application
    }

    /// Resolves, plans and renders.
    pub(super) fn render(&self, environment: Option<&str>, images: &BuiltImages) -> Result<Rendered, CliError> {
        let chosen = environment.map(|name| Ok::<_, CliError>((name, self.config(Some(name))?))).transpose()?;
        let (app, plan) = self.plan(&self.config, None, images)?;
        let mut chart = chart::render(&plan)?;
        // Only environments are compared with it, and it is as large as the chart.
        let base = if self.config.environments.is_empty() { Json::Null } else { plan.values.to_json() };
        let mut contents = Contents::new(&app, &plan, &self.config.release);
        contents.name_charts(external_charts::plan(&self.config).iter().map(PlannedChart::described).collect());
        let mut rendered = None;
        for name in self.config.environments.keys() {
            let config = self.config(Some(name))?;
            let (mut env_app, mut env_plan) = self.plan(&config, Some(name), images)?;
            keep_inputs(&app, &plan, &mut env_app, &mut env_plan);
            let (app, plan) = (env_app, env_plan);
            let values = environment_values(&base, &plan.values.to_json());
            let text = format!("{}{}", chart::VALUES_MARK, chart::data_yaml(&values));
            chart.files.insert(format!("values-{name}.yaml"), text.into_bytes());
            contents.add(name, &app, &plan, &config.release);
            if environment == Some(name) {
                rendered = Some((app, plan, values));
            }
        }
        contents.know_files(&chart.files);
        chart.files.insert(CONTENTS.to_owned(), contents.to_text().into_bytes());
        let config = chosen.map_or_else(|| self.config.clone(), |(_, config)| config);
        let (app, plan, environment_values) = match rendered {
            Some((app, plan, values)) => (app, plan, Some(values)),
            None => (app, plan, None),
        };
        let sops_file = self.sops_file(&config, &plan);
        let folder = Some(config_folder(&self.config_path));
        Ok(Rendered { app, plan, chart, config, environment_values, sops_file, folder })
    }

    /// The same with the defaults of what is there already, unless the intent says which.
    pub(super) fn keeping(
        mut self,
        rendered: Rendered,
        number: &dyn Fn() -> u32,
        environment: Option<&str>,
        images: &BuiltImages,
    ) -> Result<Rendered, CliError> {
        if self.config.compatibility.is_some() {
            return Ok(rendered);
        }
        let number = number();
        if number == rendered.plan.compatibility {
            return Ok(rendered);
        }
        self.config.compatibility = Some(number);
        let kept = self.render(environment, images)?;
        let config = Config { compatibility: None, ..kept.config };
        Ok(Rendered { config, ..kept })
    }

    /// The file that the intent names, from the folder of the intent.
    fn sops_file(&self, config: &Config, plan: &Plan) -> Option<PathBuf> {
        let wanted = plan.secrets.values().any(|secret| secret.source == SecretSource::Sops);
        let file = config.secrets.sops.file.as_ref().filter(|_| wanted)?;
        Some(Path::new(&self.config_path).parent().unwrap_or(Path::new("")).join(file))
    }

    fn plan(&self, config: &Config, environment: Option<&str>, images: &BuiltImages) -> Result<(App, Plan), CliError> {
        let wrong = |diagnostics| self.placed(config, environment, diagnostics);
        let (manifest, config, found) = app::with_databases(&self.manifest, config, &self.config);
        let app = app::resolve(&manifest, &config, &self.application, &self.sources);
        let app = found.and(app).map_err(wrong)?;
        let plan = plan::plan(&app, &config, images).map_err(wrong)?;
        Ok((app, plan))
    }

    /// The application with a configuration, which may be that of an environment.
    pub(super) fn app(&self, config: &Config, environment: Option<&str>) -> Result<App, CliError> {
        let app = app::resolve(&self.manifest, config, &self.application, &self.sources);
        app.map_err(|diagnostics| self.placed(config, environment, diagnostics))
    }

    /// Errors of the application, with their files and lines.
    pub(super) fn placed(&self, config: &Config, environment: Option<&str>, diagnostics: Diagnostics) -> CliError {
        let files = Files {
            manifest: &self.manifest_path,
            has_lines: self.has_lines,
            intent: Path::new(&self.config_path),
            from_app_host: &config.from_app_host,
        };
        CliError::Input(placed::in_files(diagnostics, files, environment))
    }
}

/// The templates are the same for all environments: what they need they need everywhere, also where an environment's text
/// replaces the only variable that an input is in.
fn keep_inputs(base_app: &App, base: &Plan, app: &mut App, plan: &mut Plan) {
    for (name, input) in &base_app.inputs {
        let own = app.inputs.entry(name.clone()).or_insert_with(|| input.clone());
        own.used_by.extend(input.used_by.iter().cloned());
        own.uri |= input.uri;
    }
    for (name, secret) in &base.secrets {
        let own = plan.secrets.entry(name.clone()).or_insert_with(|| secret.clone());
        own.uri |= secret.uri;
    }
    for (name, users) in &base.required {
        if app.inputs.get(name).is_some_and(|input| input.default.is_none()) {
            plan.required.entry(name.clone()).or_insert_with(|| users.clone());
        }
    }
}

/// The manifest, and the model beside it.
fn read_manifest(path: &Path, flags: &AppHost) -> Result<(Manifest, Option<Model>), CliError> {
    let shown = path.display().to_string();
    let bytes = read_file::bytes(path).map_err(|source| CliError::Read { path: shown.clone(), source })?;
    let wrong = |diagnostics| CliError::input(&shown, placed::in_manifest(diagnostics, &bytes));
    let manifest = manifest::parse(&bytes).map_err(wrong)?;
    Ok((manifest, model::beside(path, &bytes, flags)?))
}

/// The intent with the values of an environment.
pub(super) fn for_environment(config: &Config, path: &str, environment: Option<&str>) -> Result<Config, CliError> {
    match environment {
        None => Ok(config.clone()),
        Some(name) => config.for_environment(name).map_err(|diagnostic| {
            let diagnostic = if Path::new(path).is_file() {
                diagnostic
            } else {
                diagnostic.hint(format!("environments are defined in aspire-k8s.yaml, and there is no {path}"))
            };
            CliError::input(path, diagnostic)
        }),
    }
}

/// The intent of an AppHost, its path, and the default name of the application: enough to name a release without a
/// build. `None` if SOURCE is a manifest.
pub(super) fn intent_of_app_host(source: &Source) -> Result<Option<(Config, String, String)>, CliError> {
    let described = Described::at(source.path())?;
    if matches!(described, Described::Manifest(_)) {
        return Ok(None);
    }
    let (config, config_path) = read_config(source.beside.config.as_deref(), &described.intent_folder(source.path()))?;
    Ok(Some((config, config_path, described.application())))
}

/// The folder that paths in the intent start from.
pub(super) fn config_folder(config_path: &str) -> PathBuf {
    Path::new(config_path).parent().unwrap_or(Path::new("")).to_owned()
}

/// Reads the intent; without one it is the default. With it, its path.
pub(super) fn read_config(path: Option<&Path>, base: &Path) -> Result<(Config, String), CliError> {
    let beside = base.join(CONFIG);
    let path = match path {
        Some(path) => path.to_owned(),
        None if beside.is_file() => beside,
        None => return Ok((Config::default(), beside.display().to_string())),
    };
    let shown = path.display().to_string();
    let text = read_file::text(&path).map_err(|source| CliError::Read { path: shown.clone(), source })?;
    let config = config::parse(&text).map_err(|diagnostics| CliError::input(&shown, diagnostics))?;
    Ok((config, shown))
}

/// The file of sealed values, in the folder of the intent.
fn sealed_path(file: Option<&str>, config_path: &str) -> PathBuf {
    Path::new(config_path).parent().unwrap_or(Path::new("")).join(file.unwrap_or(SEALED_FILE))
}

/// What is sealed already; nothing when there is no such file yet.
fn read_sealed(path: &Path) -> Result<Sealed, CliError> {
    let shown = path.display().to_string();
    let text = match read_file::text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Sealed::default()),
        Err(source) => return Err(CliError::Read { path: shown, source }),
    };
    Sealed::parse(&text).map_err(|diagnostic| CliError::input(&shown, diagnostic))
}

/// The values that the command line, its files and the environment give.
pub(super) fn given(parameters: &Parameters, images: &BuiltImages, rendered: &Rendered) -> Result<Given, CliError> {
    let app = &rendered.app;
    let mut diagnostics = Diagnostics::default();
    let mut given = Given::default();
    let names = names(app);
    for text in &parameters.assignments {
        let added = parse_assignment("--parameter", text).and_then(|(typed, value)| {
            let name = names.find(typed).map_err(|diagnostic| diagnostic.at("--parameter"))?;
            given.add(name, value.to_owned(), Means::Flag, "--parameter")
        });
        diagnostics.0.extend(added.err());
    }
    for text in &parameters.sources {
        let flag = "--parameter-from";
        let parsed = parse_assignment(flag, text)
            .and_then(|(typed, path)| Ok((names.find(typed).map_err(|diagnostic| diagnostic.at(flag))?, path)));
        let added = match parsed {
            Ok((name, path)) => given.add(name, read_value(name, Path::new(path))?, Means::Flag, flag),
            Err(diagnostic) => Err(diagnostic),
        };
        diagnostics.0.extend(added.err());
    }
    diagnostics.0.extend(super::images::add(images, &mut given).err().unwrap_or_default().0);
    for path in &parameters.files {
        let (text, origin) = read_parameters(path)?;
        let added = given.add_file(&text, Format::of(&origin, &text), &origin, &names);
        diagnostics.0.extend(added.err().unwrap_or_default().0);
    }
    let added = given.add_environment(&names, |variable| {
        let value = std::env::var_os(variable)?;
        Some(
            value
                .into_string()
                .map_err(|_| Diagnostic::new(Code::InvalidInput, "", "the value of the variable is not UTF-8")),
        )
    });
    diagnostics.0.extend(added.err().unwrap_or_default().0);
    for variable in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
        let Some(meant) = names.misspelt(&variable) else { continue };
        let what = format!("the variable {variable} is not read: did you mean `{meant}`?");
        output::warn(Code::UnknownInput, &what);
    }
    if let Some(file) = &rendered.sops_file {
        let origin = file.display().to_string();
        match crate::sops::decrypt(file) {
            Ok(json) => diagnostics
                .0
                .extend(given.add_decrypted(&json, &origin, &rendered.plan).err().into_iter().flat_map(|more| more.0)),
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    diagnostics.or(given).map_err(CliError::Input)
}

/// A value that is a whole file, byte for byte.
fn read_value(name: &str, path: &Path) -> Result<String, CliError> {
    let failed = |source| CliError::Read { path: path.display().to_string(), source };
    let value = read_file::text(path).map_err(failed)?;
    if value.ends_with('\n') {
        let text = format!("--parameter-from: the value of {name} ends with a line break, as {} does", path.display());
        output::warn(Code::InvalidInput, &text);
    }
    Ok(value)
}

fn read_parameters(path: &Path) -> Result<(String, String), CliError> {
    let failed = |source| CliError::Read { path: path.display().to_string(), source };
    if path == Path::new("-") {
        return read_file::standard_input().map(|text| (text, "standard input".into())).map_err(failed);
    }
    read_file::text(path).map(|text| (text, path.display().to_string())).map_err(failed)
}
