//! `waitFor` of a resource and `waits:` of the application, as written.
//!
//! Must not know resources: whether one exists, and what waits in a cycle, is asked when the application is resolved.

use super::Config;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Default image of the init containers that wait: small, public, with `sh` and `nc`.
const IMAGE: &str = "docker.io/library/busybox:1.37.0";

/// The default image of those that wait for a Job: also with a client that verifies the certificate of the API server.
const JOB_IMAGE: &str = "docker.io/curlimages/curl:8.16.0";

/// `waitFor:` of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum WaitTargets {
    /// The resources that its variables, command and arguments refer to.
    Word(WaitWord),
    /// Resources by name; an empty list for none.
    Named(Vec<String>),
}

/// Resources in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WaitWord {
    /// Those that variables, command and arguments refer to.
    References,
}

/// `waits:`, whether and with what pods wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Waits {
    /// Pods do not wait.
    Word(NoWaits),
    /// With what they wait.
    Settings(WaitSettings),
}

/// No waits in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NoWaits {
    /// Every application tries again by itself.
    None,
}

/// With what pods wait.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WaitSettings {
    /// Image of the init containers that wait for connections, with `sh` and the `nc` of busybox.
    pub image: Option<String>,
    /// Image of the init containers that wait for jobs, with `sh`, `curl`, `grep` and `tr`.
    pub job_image: Option<String>,
}

impl Waits {
    /// Takes what an environment says: an image goes over an image, everything else replaces.
    pub(super) fn take(ours: &mut Option<Self>, theirs: Option<&Self>) {
        match (ours.as_mut(), theirs) {
            (_, None) => {}
            (Some(Self::Settings(ours)), Some(Self::Settings(WaitSettings { image, job_image }))) => {
                ours.image = image.clone().or(ours.image.take());
                ours.job_image = job_image.clone().or(ours.job_image.take());
            }
            (_, Some(theirs)) => *ours = Some(theirs.clone()),
        }
    }
}

impl Config {
    /// Whether pods wait for others.
    pub(crate) fn pods_wait(&self) -> bool {
        !matches!(self.waits, Some(Waits::Word(NoWaits::None)))
    }

    /// The image of the init containers that wait for connections.
    pub(crate) fn wait_image(&self) -> &str {
        match &self.waits {
            Some(Waits::Settings(WaitSettings { image: Some(image), .. })) => image,
            _ => IMAGE,
        }
    }

    /// The image of the init containers that wait for jobs.
    pub(crate) fn wait_job_image(&self) -> &str {
        match &self.waits {
            Some(Waits::Settings(WaitSettings { job_image: Some(image), .. })) => image,
            _ => JOB_IMAGE,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    #[test]
    fn an_environment_says_whether_and_with_what_pods_wait() {
        for (base, over, expected) in [
            ("none", "{image: a}", (true, "a")),
            ("{image: a}", "none", (false, super::IMAGE)),
            ("{image: a}", "{image: b}", (true, "b")),
            ("{image: a}", "{}", (true, "a")),
            ("{}", "{}", (true, super::IMAGE)),
        ] {
            let text = format!("waits: {base}\nenvironments: {{e: {{waits: {over}}}}}");
            let config = parse(&text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
            let config = config.for_environment("e").unwrap();
            assert_eq!((config.pods_wait(), config.wait_image()), expected, "{base} {over}");
        }
    }
}
