//! The helm commands that we use, each with its arguments and a parser for its output.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::Helm;
use super::arguments::{Options, Target, Values, path_word, words};
use super::error::Result;
use super::process::{Line, Outcome};
use super::release::{Intended, Release, Revision, chart_yaml, json};
use crate::cluster::connect::access::Access;

/// A packed chart that is fetched from somewhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pull<'a> {
    /// NAME with a repository, REPOSITORY/NAME, or `oci://...`.
    pub reference: &'a str,
    /// Address of the repository.
    pub repository: Option<&'a str>,
    /// Version, or a range; none for the newest.
    pub version: Option<&'a str>,
    /// Whether the registry speaks plain HTTP.
    pub plain_http: bool,
}

impl Pull<'_> {
    fn words(&self) -> Vec<OsString> {
        let mut arguments = words([self.reference]);
        arguments.extend(self.repository.map(|url| OsString::from(format!("--repo={url}"))));
        arguments.extend(self.version.map(|version| OsString::from(format!("--version={version}"))));
        arguments.extend(self.plain_http.then(|| OsString::from("--plain-http")));
        arguments
    }
}

impl Helm {
    /// Installs the release, or brings it to this chart and exactly these values: values of an earlier revision are not
    /// taken over. What helm prints comes line by line.
    pub(crate) fn upgrade_install(
        &self,
        target: &Target,
        chart: &Path,
        values: &Values<'_>,
        options: &Options,
        on_line: &mut dyn FnMut(Line<'_>),
    ) -> Result<()> {
        let arguments = self.upgrade_arguments(target, chart, values, options)?;
        self.change(arguments, target.access(), values.input(), options.timeout, on_line)?.success().map(drop)
    }

    /// What [`Self::upgrade_install`] would apply. The cluster is read and nothing is written; helm stops before the API
    /// server would check the objects.
    pub(crate) fn dry_run(
        &self,
        target: &Target,
        chart: &Path,
        values: &Values<'_>,
        options: &Options,
    ) -> Result<Intended> {
        let mut arguments = self.upgrade_arguments(target, chart, values, options)?;
        arguments.extend(words(["--dry-run=server", "-o", "json"]));
        let outcome = self.call(arguments, target.access(), values.input(), &mut |_| {})?.success()?;
        json(&outcome.output).ok_or_else(|| outcome.unreadable("a release"))
    }

    fn upgrade_arguments(
        &self,
        target: &Target,
        chart: &Path,
        values: &Values<'_>,
        options: &Options,
    ) -> Result<Vec<OsString>> {
        let version = self.version()?;
        let mut arguments = words(["upgrade", "--install", target.release()]);
        arguments.push(path_word(chart).into());
        arguments.extend(target.flags());
        arguments.push("--reset-values".into());
        arguments.extend(values.flags()?);
        arguments.extend(options.flags(true));
        arguments.extend(options.description_flags());
        if options.roll_back {
            arguments.push(version.roll_back_flag().into());
        }
        arguments.extend(words(&options.extra));
        Ok(arguments)
    }

    /// Brings the release back to a revision.
    pub(crate) fn rollback(
        &self,
        target: &Target,
        revision: u64,
        options: &Options,
        on_line: &mut dyn FnMut(Line<'_>),
    ) -> Result<()> {
        self.version()?;
        let mut arguments = words(["rollback", target.release(), &revision.to_string()]);
        arguments.extend(target.flags());
        arguments.extend(options.flags(true));
        arguments.extend(words(&options.extra));
        self.change(arguments, target.access(), None, options.timeout, on_line)?.success().map(drop)
    }

    /// Removes the release. False when there was none.
    pub(crate) fn uninstall(
        &self,
        target: &Target,
        options: &Options,
        on_line: &mut dyn FnMut(Line<'_>),
    ) -> Result<bool> {
        self.version()?;
        let mut arguments = words(["uninstall", target.release()]);
        arguments.extend(target.flags());
        arguments.extend(options.flags(false));
        arguments.extend(options.description_flags());
        arguments.extend(words(&options.extra));
        let outcome = self.change(arguments, target.access(), None, options.timeout, on_line)?;
        Ok(known(outcome)?.is_some())
    }

    /// The objects of a chart as helm renders them. With `--dry-run=server` in `extra` the cluster is asked.
    pub(crate) fn template(
        &self,
        target: &Target,
        chart: &Path,
        values: &Values<'_>,
        extra: &[String],
    ) -> Result<String> {
        self.version()?;
        let mut arguments = words(["template", target.release()]);
        arguments.push(path_word(chart).into());
        arguments.extend(target.flags());
        arguments.extend(values.flags()?);
        arguments.extend(words(extra));
        Ok(self.call(arguments, target.access(), values.input(), &mut |_| {})?.success()?.output)
    }

    /// Fetches a packed chart into a folder, in this time at most.
    pub(crate) fn pull(&self, pull: &Pull<'_>, folder: &Path, limit: Duration) -> Result<()> {
        self.version()?;
        let mut arguments = words(["pull"]);
        arguments.extend(pull.words());
        arguments.push("--destination".into());
        arguments.push(path_word(folder).into());
        self.call_within(arguments, limit)?.success().map(drop)
    }

    /// The Chart.yaml of a chart, asked for in this time at most. With a range of versions it is the newest that fits.
    pub(crate) fn show_chart(&self, pull: &Pull<'_>, limit: Duration) -> Result<Value> {
        self.version()?;
        let mut arguments = words(["show", "chart"]);
        arguments.extend(pull.words());
        let outcome = self.call_within(arguments, limit)?.success()?;
        chart_yaml(&outcome.output).ok_or_else(|| outcome.unreadable("a Chart.yaml"))
    }

    /// The definitions of kinds that lie in the folder `crds` of a chart on disk.
    pub(crate) fn show_crds(&self, chart: &Path) -> Result<String> {
        self.version()?;
        let mut arguments = words(["show", "crds"]);
        arguments.push(path_word(chart).into());
        Ok(self.call(arguments, &Access::default(), None, &mut |_| {})?.success()?.output)
    }

    /// The release as it is, in whatever state; `None` if it does not exist.
    pub(crate) fn status(&self, target: &Target) -> Result<Option<Release>> {
        let version = self.version()?;
        let filter = format!("^{}$", target.release().replace('.', "\\."));
        let mut arguments = words(["list", "--filter", &filter, "-o", "json"]);
        arguments.extend(target.flags());
        arguments.extend(version.list_all_flag().map(OsString::from));
        let outcome = self.call(arguments, target.access(), None, &mut |_| {})?.success()?;
        let found: Vec<Release> = json(&outcome.output).ok_or_else(|| outcome.unreadable("a list of releases"))?;
        Ok(found.into_iter().find(|release| release.name == target.release()))
    }

    /// The revisions that helm remembers, the oldest first; none when there is no release.
    pub(crate) fn history(&self, target: &Target) -> Result<Vec<Revision>> {
        let mut arguments = words(["history", target.release(), "-o", "json"]);
        arguments.extend(target.flags());
        match self.ask(target, arguments)? {
            Some(outcome) => json(&outcome.output).ok_or_else(|| outcome.unreadable("a list of revisions")),
            None => Ok(Vec::new()),
        }
    }

    /// The objects of a revision (none for the last); none when there is no such release or revision.
    pub(crate) fn get_manifest(&self, target: &Target, revision: Option<u64>) -> Result<Option<String>> {
        let arguments = get("manifest", target, revision);
        Ok(self.ask(target, arguments)?.map(|outcome| outcome.output))
    }

    /// The values that a revision (none for the last) was given; never to be printed.
    pub(crate) fn get_values(&self, target: &Target, revision: Option<u64>) -> Result<Option<Value>> {
        let mut arguments = get("values", target, revision);
        arguments.extend(words(["-o", "json"]));
        let outcome = self.ask(target, arguments)?;
        outcome.map(|outcome| json(&outcome.output).ok_or_else(|| outcome.unreadable("values"))).transpose()
    }

    fn ask(&self, target: &Target, arguments: Vec<OsString>) -> Result<Option<Outcome>> {
        self.version()?;
        known(self.call(arguments, target.access(), None, &mut |_| {})?)
    }
}

fn get(what: &str, target: &Target, revision: Option<u64>) -> Vec<OsString> {
    let mut arguments = words(["get", what, target.release()]);
    arguments.extend(target.flags());
    if let Some(revision) = revision {
        arguments.extend(words(["--revision", &revision.to_string()]));
    }
    arguments
}

/// None when helm says that there is no such release.
fn known(outcome: Outcome) -> Result<Option<Outcome>> {
    match outcome.success() {
        Err(error) if error.is_not_found() => Ok(None),
        other => other.map(Some),
    }
}
