//! The helm binary: the only code that starts it.
//!
//! ```text
//! Helm::find ── version (3.14 to 4.x) ──> verbs: upgrade_install, rollback, uninstall, template
//!                                                 status, history, get_manifest, get_values
//! Target + Values + Options ──> arguments, environment, standard input ──> process ──> lines, Error
//! ```
//! Values go through standard input or files, never into arguments; secrets in helm's output are masked before it is
//! shown. Nothing here knows what a chart is for.

mod arguments;
mod cause;
mod error;
mod extra;
mod follow;
mod process;
mod release;
mod verbs;
mod version;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

pub use crate::support::ended::Ended;
pub(crate) use arguments::{Options, Target, Values};
pub(crate) use cause::{Cause, UnknownKind};
pub(crate) use error::Result;
pub use error::{Error, Failure};
pub use extra::checked as checked_arguments;
pub(crate) use follow::Follow;
pub(crate) use process::Line;
pub use release::{Intended, Release, Revision, chart_yaml, json as first_json};
pub(crate) use verbs::Pull;
pub use version::Version;

use crate::cluster::connect::access::Access;
use crate::cluster::connect::environment::Environment;
use crate::support::interrupt::Interrupts;
use crate::support::redact::Mask;
use process::{Call, Outcome};

/// What helm reads about the cluster: set from the target, never inherited, so that the target is what is printed.
const TARGET_VARIABLES: [&str; 10] = [
    "HELM_NAMESPACE",
    "HELM_KUBECONTEXT",
    "HELM_KUBEAPISERVER",
    "HELM_KUBETOKEN",
    "HELM_KUBEASUSER",
    "HELM_KUBEASGROUPS",
    "HELM_KUBECAFILE",
    "HELM_KUBEINSECURE_SKIP_TLS_VERIFY",
    "HELM_KUBETLS_SERVER_NAME",
    "HELM_DEBUG",
];

/// A helm binary.
pub(crate) struct Helm {
    program: PathBuf,
    environment: Environment,
    secrets: RwLock<Vec<String>>,
    version: OnceLock<Version>,
    interrupts: &'static Interrupts,
    follower: OnceLock<Arc<dyn Follow>>,
}

impl Helm {
    /// Finds it: `$HELM_BIN` (a path starts at the start folder), else `helm` on the `PATH`. Does not run it yet.
    pub(crate) fn find(environment: &Environment) -> Result<Self> {
        let wanted = environment.os("HELM_BIN");
        let name = wanted.map_or_else(|| OsString::from("helm"), OsString::from);
        let found = which::which_in(&name, environment.os("PATH"), environment.directory());
        let program = found.map_err(|_| {
            Error::Missing(match wanted {
                Some(name) => format!("$HELM_BIN is `{}`, which is not a program", name.display()),
                None => "no such program is on the PATH".to_owned(),
            })
        })?;
        let interrupts = Interrupts::of_program();
        let environment = environment.clone();
        Ok(Self {
            program,
            environment,
            secrets: RwLock::default(),
            version: OnceLock::new(),
            interrupts,
            follower: OnceLock::new(),
        })
    }

    /// The program that was found.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Texts that nothing helm says may show.
    pub(crate) fn hide(&self, secrets: impl IntoIterator<Item = String>) {
        self.secrets.write().unwrap_or_else(PoisonError::into_inner).extend(secrets);
    }

    fn secrets(&self) -> Vec<String> {
        self.secrets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reports every helm that changes something, from now on. The first one stays.
    pub(crate) fn follow(&self, follower: Arc<dyn Follow>) {
        let _ = self.follower.set(follower);
    }

    /// Its version, asked once; one that we do not know is an error.
    pub(crate) fn version(&self) -> Result<Version> {
        if let Some(version) = self.version.get() {
            return Ok(*version);
        }
        let words = arguments::words(["version", "--template", "{{.Version}}"]);
        let outcome = self.call(words, &Access::default(), None, &mut |_| {})?.success()?;
        let version = Version::parse(&outcome.output).ok_or_else(|| outcome.unreadable("a version"))?;
        version.check().map_err(|hint| Error::Unsupported {
            program: self.program.display().to_string(),
            version: version.to_string(),
            hint,
        })?;
        Ok(*self.version.get_or_init(|| version))
    }

    /// Runs helm with exactly these arguments.
    fn call(
        &self,
        arguments: Vec<OsString>,
        access: &Access,
        input: Option<Vec<u8>>,
        on_line: &mut dyn FnMut(Line<'_>),
    ) -> Result<Outcome> {
        self.run(arguments, access, input, None, None, on_line)
    }

    /// Runs a helm that changes nothing and asks a repository or registry, which may never answer.
    fn call_within(&self, arguments: Vec<OsString>, limit: Duration) -> Result<Outcome> {
        self.run(arguments, &Access::default(), None, None, Some(limit), &mut |_| {})
    }

    /// Runs a helm that changes something, and lets the follower know.
    fn change(
        &self,
        arguments: Vec<OsString>,
        access: &Access,
        input: Option<Vec<u8>>,
        timeout: Duration,
        on_line: &mut dyn FnMut(Line<'_>),
    ) -> Result<Outcome> {
        let follower = self.follower.get().map(AsRef::as_ref);
        if let Some(follower) = follower {
            let command = arguments.first().map(|word| word.to_string_lossy()).unwrap_or_default();
            follower.starts(&command, timeout).map_err(Error::Lock)?;
        }
        self.run(arguments, access, input, follower, None, on_line)
    }

    fn run(
        &self,
        arguments: Vec<OsString>,
        access: &Access,
        input: Option<Vec<u8>>,
        follower: Option<&dyn Follow>,
        limit: Option<Duration>,
        on_line: &mut dyn FnMut(Line<'_>),
    ) -> Result<Outcome> {
        let mask = Mask::new(&self.secrets());
        let mut variables = self.variables(access);
        let marks = follower.map(Follow::marks).unwrap_or_default();
        variables.extend(marks.into_iter().map(|(name, value)| (name.into(), value.into())));
        let call = Call {
            program: &self.program,
            arguments,
            variables,
            directory: self.environment.directory(),
            input,
            mask: &mask,
            interrupts: self.interrupts,
            follower,
            limit,
        };
        call.run(on_line)
    }

    /// The inherited variables, with those about the cluster from the target. Plugins would cost time, and debug output
    /// shows every value.
    fn variables(&self, access: &Access) -> Vec<(OsString, OsString)> {
        let inherited = self.environment.variables();
        let kept = inherited.filter(|(name, _)| !TARGET_VARIABLES.iter().any(|own| *name == *own));
        let own = [("HELM_NO_PLUGINS", "1"), ("HELM_DEBUG", "false")];
        let own = own.into_iter().map(|(name, value)| (name, OsString::from(value)));
        let mut all: Vec<(OsString, OsString)> = kept.map(|(name, value)| (name.into(), value.into())).collect();
        all.extend(own.chain(access.helm_variables()).map(|(name, value)| (name.into(), value)));
        all
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
