//! `status` and `history`: the state of the release on the cluster, as text, JSON or YAML.

use super::args::{Common, Look};
use super::table::table;
use super::which_release::release;
use super::{CliError, Exit, output};
use crate::pipeline::{self, Standing};
use crate::report::harmless;
use std::fmt::Write as _;

/// Shows the release.
pub(super) fn status(common: &Common, options: &Look) -> Result<Exit, CliError> {
    let release = release(common, &options.source, &options.on)?;
    match pipeline::status(&release)? {
        Standing::Release(status) => match options.output.data() {
            Some(form) => output::data(&status, form),
            None => output::text(&harmless(&described(&status))),
        },
        Standing::Nothing { claims, secrets } => {
            output::say(&format!("there is no {}", release.described()));
            if !claims.is_empty() || !secrets.is_empty() {
                let left = [claims, secrets].concat().join(", ");
                output::say(&format!(
                    "left from an earlier release: {left}; `deploy` reuses them, `destroy --delete-data` deletes them"
                ));
            }
            return Ok(Exit::Error);
        }
    }
    Ok(Exit::Done)
}

/// Shows the revisions.
pub(super) fn history(common: &Common, options: &Look) -> Result<Exit, CliError> {
    let release = release(common, &options.source, &options.on)?;
    let revisions = pipeline::history(&release)?;
    if revisions.is_empty() {
        output::say(&format!("there is no {}", release.described()));
        return Ok(Exit::Error);
    }
    if let Some(form) = options.output.data() {
        output::data(&revisions, form);
    } else {
        let rows = revisions.iter().map(|revision| {
            let live = if revision.live { "*" } else { "" };
            [
                &format!("{}{live}", revision.revision),
                &revision.updated,
                &revision.status,
                &revision.chart,
                &revision.description,
            ]
            .map(Clone::clone)
        });
        let text = table(&["REVISION", "UPDATED", "STATUS", "CHART", "DESCRIPTION"], rows.collect());
        output::text(&harmless(&text));
    }
    Ok(Exit::Done)
}

fn described(status: &pipeline::Status) -> String {
    let mut out = String::new();
    if let Some(migration) = &status.migration {
        let _ =
            writeln!(out, "UNFINISHED   workload migration: {}", migration.meaning.replace('\n', "\n             "));
        for workload in &migration.workloads {
            let _ = writeln!(out, "             {workload}");
        }
        let _ = writeln!(out, "             {}", migration.next);
    }
    let context = status.context.as_ref().map_or("this cluster".to_owned(), |context| format!("context {context}"));
    let _ = writeln!(
        out,
        "release      {} in namespace {} of {context} ({})",
        status.release, status.namespace, status.server
    );
    let application = status.application.as_deref().unwrap_or("none: it was not deployed with kubectl aspire");
    let _ = writeln!(out, "application  {application}");
    let _ = writeln!(out, "revision     {} of {}, {}", status.revision, status.updated, status.chart);
    let _ = writeln!(out, "state        {}: {}", status.status, status.meaning);
    if !status.remembered.is_empty() {
        let _ = writeln!(out, "remembered   {}", status.remembered.join(", "));
    }
    section(
        &mut out,
        "WORKLOADS",
        &["NAME", "KIND", "READY", "IMAGE"],
        status.workloads.iter().map(|workload| {
            let scaler = workload.autoscaler.as_ref().map_or(String::new(), |name| format!(" (by autoscaler {name})"));
            [
                workload.name.clone(),
                workload.kind.clone(),
                format!("{}/{}{scaler}", workload.ready, workload.desired),
                workload.images.join(", "),
            ]
        }),
    );
    section(
        &mut out,
        "ENDPOINTS",
        &["NAME", "KIND", "PORT", "REACH"],
        status.endpoints.iter().map(|endpoint| {
            let port = [endpoint.port_name.clone(), endpoint.port.map(|port| port.to_string())];
            [
                endpoint.name.clone(),
                endpoint.kind.clone(),
                port.into_iter().flatten().collect::<Vec<_>>().join(" "),
                endpoint.reach.clone(),
            ]
        }),
    );
    section(
        &mut out,
        "CLAIMS",
        &["NAME", "PHASE", "SIZE", "WHEN DESTROYED"],
        status.claims.iter().map(|claim| {
            let kept = if claim.kept { "kept" } else { "deleted" };
            [claim.name.clone(), claim.phase.clone(), claim.size.clone(), kept.to_owned()]
        }),
    );
    section(
        &mut out,
        "CERTIFICATES",
        &["NAME", "RENEWED", "PODS SINCE", "HOW TO READ IT"],
        status
            .renewed
            .iter()
            .map(|it| [it.name.clone(), it.valid_from.clone(), it.started.clone(), it.command.clone()]),
    );
    section(
        &mut out,
        "SECRETS",
        &["NAME", "KEYS", "MISSING"],
        status.secrets.iter().map(|secret| {
            let missing = match secret.exists {
                None => "not readable".to_owned(),
                Some(false) => "the whole Secret".to_owned(),
                Some(true) => secret.missing.join(", "),
            };
            [secret.name.clone(), secret.keys.join(", "), missing]
        }),
    );
    if status.drift.is_empty() {
        out.push_str("\nno drift: live objects match the chart\n");
    }
    section(
        &mut out,
        "DRIFT",
        &["OBJECT", "FIELD", "", "CHART", "LIVE"],
        status.drift.iter().map(|drift| {
            let value = |value: &Option<String>| value.clone().unwrap_or_default();
            [
                format!("{} {}", drift.kind, drift.name),
                drift.path.clone(),
                drift.what.to_owned(),
                value(&drift.chart),
                value(&drift.live),
            ]
        }),
    );
    out
}

fn section<const N: usize>(out: &mut String, title: &str, head: &[&str; N], rows: impl Iterator<Item = [String; N]>) {
    let rows: Vec<[String; N]> = rows.collect();
    if !rows.is_empty() {
        let _ = write!(out, "\n{title}\n{}", table(head, rows));
    }
}
