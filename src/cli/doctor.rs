//! `doctor`: what would make a deploy fail, one line per finding, JSON or YAML.

use super::args::{Common, Doctor, Source};
use super::described::has_application;
use super::packed;
use super::project::{for_release, given, rendered};
use super::run_options::random;
use super::which_release::{reading, release_name};
use super::{CliError, Exit, output};
use crate::config::Config;
use crate::doctor::{Findings, Verdict};
use crate::pipeline;
use crate::report::{Colour, Terminal, harmless};
use std::fmt::Write as _;

/// Name of a release that there need not be: without an application nothing is said about it.
const NO_RELEASE: &str = "none";

/// Looks at helm, the cluster and, where there is one, the application.
pub(super) fn doctor(common: &Common, options: &Doctor) -> Result<Exit, CliError> {
    let namespace = options.on.release_namespace.as_deref();
    let findings = if is_application(&options.source) {
        let environment = common.environment.as_deref();
        let (rendered, images, project) = rendered(&options.source, environment, &options.images)?;
        let given = given(&options.parameters, &images, &rendered)?;
        let name = release_name(options.on.release.as_deref(), &rendered.config, &rendered.app.name)?;
        let release = reading(common, &name, namespace, &rendered.config)?;
        let rendered = for_release(rendered, project, &release, environment, &images)?;
        let charts = super::charts::of_rendered(&rendered, &release.name, &release.namespace)?;
        let request = pipeline::Deploy { charts: &charts, ..rendered.deploy(environment, given) };
        pipeline::doctor(Some(&request), &release, &random)
    } else {
        let name = options.on.release.as_deref().unwrap_or(NO_RELEASE);
        pipeline::doctor(None, &reading(common, name, namespace, &Config::default())?, &random)
    };
    match options.output.data() {
        Some(form) => output::data(&findings, form),
        None => output::text(&listed(&findings, Terminal::of_output())),
    }
    Ok(if findings.worst() == Verdict::Failed { Exit::Error } else { Exit::Done })
}

/// Whether SOURCE names an application; a folder may hold none.
fn is_application(source: &Source) -> bool {
    packed::is_chart(source) || !source.path().is_dir() || has_application(source.path())
}

fn listed(findings: &Findings, terminal: Terminal) -> String {
    let mut text = String::new();
    for finding in &findings.findings {
        let colour = match finding.verdict {
            Verdict::Ok => Colour::Green,
            Verdict::Skipped => Colour::Faint,
            Verdict::Warning => Colour::Yellow,
            Verdict::Failed => Colour::Red,
        };
        let verdict = terminal.paint(colour, &format!("{:8}", finding.verdict));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{verdict} {}", harmless(&finding.to_string()));
    }
    text
}
