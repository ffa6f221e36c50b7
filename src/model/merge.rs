//! What becomes of the model: `aspire-k8s.yaml` wins over it, and it wins over what is guessed from the manifest.

use super::annotations::{Annotation, Until};
use super::files;
use super::probes;
use super::read::{Model, Resource};
use crate::config::{
    AppHostSetting, Config, EachProbe, FromAppHost, Job, ProbeSetting, Probes, PullPolicy, RunAs, WaitTargets,
};
use crate::manifest::{Kind, Manifest, Source};
use indexmap::IndexSet;
use std::collections::BTreeSet;

/// Contents of files that lie nowhere, by the source of their bind mount.
pub(super) type Files = Vec<(String, Vec<u8>)>;

/// Fills the keys that the configuration lacks, and adds the files of the AppHost to the manifest.
pub(crate) fn merge(model: &Model, manifest: &mut Manifest, config: &mut Config) -> Files {
    let mut merging = Merging { model, config, from: FromAppHost::default() };
    let running: Vec<(&String, &Resource)> =
        model.resources.iter().filter(|(name, _)| runs(manifest, merging.config, name)).collect();
    // Before the waits, which depend on what is a job and what is not started.
    for name in merging.awaited(&running) {
        merging.run_as_job(name);
    }
    for (name, resource) in &running {
        merging.scale(name, resource);
    }
    let mut contents = Vec::new();
    for (name, resource) in &running {
        merging.wait(name, resource);
        merging.pull(name, resource);
        if let Some(written) = manifest.resources.get(*name) {
            let (probes, losses) = probes::probes(name, resource, written);
            merging.probe(name, &probes);
            merging.lose(name, losses);
        }
        for annotation in &resource.annotations {
            let Annotation::Files(written) = annotation else { continue };
            let taken = files::files(name, written, manifest);
            merging.lose(name, taken.losses);
            if !taken.mounts.is_empty() {
                merging.say(name, "files", taken.mounts.iter().map(|mount| mount.target.as_str()));
            }
            if let Some(written) = manifest.resources.get_mut(*name) {
                written.bind_mounts.extend(taken.mounts);
            }
            contents.extend(taken.contents);
        }
    }
    merging.tell_unknown(&running);
    merging.create();
    config.from_app_host = merging.from;
    contents
}

/// Whether a resource becomes a workload.
fn runs(manifest: &Manifest, config: &Config, name: &str) -> bool {
    let kind = manifest.resources.get(name).map(|resource| &resource.kind);
    let has_image = || config.resources.get(name).is_some_and(|resource| resource.image.is_some());
    let is_workload = match kind {
        Some(Kind::Project { .. } | Kind::Container(Source::Image(_) | Source::Build { only: false })) => true,
        Some(Kind::Container(Source::Missing) | Kind::Executable { .. }) => has_image(),
        _ => false,
    };
    is_workload && !config.leaves_out(name)
}

struct Merging<'a> {
    model: &'a Model,
    config: &'a mut Config,
    from: FromAppHost,
}

impl Merging<'_> {
    fn say<'t>(&mut self, resource: &str, key: &str, values: impl IntoIterator<Item = &'t str>) {
        let value = values.into_iter().collect::<Vec<_>>().join(", ");
        self.from.settings.push(AppHostSetting { resource: resource.to_owned(), key: key.to_owned(), value });
    }

    fn lose(&mut self, resource: &str, losses: impl IntoIterator<Item = String>) {
        self.from.losses.extend(losses.into_iter().map(|loss| (resource.to_owned(), loss)));
    }

    /// The workloads that others wait for to complete.
    fn awaited<'r>(&mut self, running: &[(&'r String, &'r Resource)]) -> IndexSet<&'r str> {
        let mut awaited = IndexSet::new();
        for (name, resource) in running {
            for annotation in &resource.annotations {
                let Annotation::Wait { on, until: Until::Completed(code) } = annotation else { continue };
                if !running.iter().any(|(other, _)| *other == on) {
                    continue;
                }
                awaited.insert(on.as_str());
                if *code != 0 {
                    self.lose(
                        name,
                        [format!(
                            "it waits until `{on}` ends with the exit status {code}, but a Job is complete with 0 only"
                        )],
                    );
                }
            }
        }
        awaited
    }

    fn run_as_job(&mut self, name: &str) {
        let in_environment = self
            .config
            .environments
            .values()
            .any(|environment| environment.resources.get(name).is_some_and(|resource| resource.replicas.is_some()));
        let own = self.config.resources.entry(name.to_owned()).or_default();
        if own.run_as.is_some() {
            return;
        }
        let keys = [
            ("sidecarOf", own.sidecar_of.is_some()),
            ("workload", own.workload.is_some()),
            ("replicas", own.replicas.is_some() || in_environment),
            ("autoscaling", own.autoscaling.is_some()),
            ("podDisruptionBudget", own.pod_disruption_budget.is_some()),
            ("strategy", own.strategy.is_some()),
            ("spread", own.spread.is_some()),
            ("drainSeconds", own.drain_seconds.is_some()),
        ];
        if let Some((key, _)) = keys.into_iter().find(|(_, given)| *given) {
            self.lose(
                name,
                [format!(
                    "others wait for its completion, but aspire-k8s.yaml sets `{key}`, so it is not run as a job"
                )],
            );
            return;
        }
        own.run_as = Some(RunAs::Job(Job::default()));
        self.say(name, "runAs", ["job"]);
    }

    fn scale(&mut self, name: &str, model: &Resource) {
        let is_explicit = model.annotations.contains(&Annotation::ExplicitStart);
        let replicas = model.annotations.iter().rev().find_map(|annotation| match annotation {
            Annotation::Replicas(number) => Some(*number),
            _ => None,
        });
        let Some(number) = (if is_explicit { Some(0) } else { replicas }) else { return };
        let own = self.config.resources.entry(name.to_owned()).or_default();
        if own.run_as.is_some() {
            let what = if is_explicit {
                "the AppHost starts it only by hand, but it runs as a job with each deploy".to_owned()
            } else {
                format!("it has {number} replicas in the AppHost, but a job runs one pod")
            };
            self.lose(name, [what]);
        } else if own.sidecar_of.is_some() {
            self.lose(name, [format!("it has {number} replicas in the AppHost, but a sidecar runs once in each pod")]);
        } else if own.replicas.is_none() && own.autoscaling.is_none() {
            own.replicas = Some(number);
            let value = if is_explicit { "0: not started by a deploy".to_owned() } else { number.to_string() };
            self.say(name, "replicas", [value.as_str()]);
        }
    }

    /// The file says all that a resource waits for, or nothing.
    fn wait(&mut self, name: &str, model: &Resource) {
        let says = |it: &crate::config::Resource| {
            it.wait_for.is_some() || !it.wait_for_start.is_empty() || !it.wait_for_completion.is_empty()
        };
        if self.config.resources.get(name).is_some_and(says) {
            return;
        }
        let (mut ready, mut started, mut completed) = (IndexSet::new(), IndexSet::new(), IndexSet::new());
        for annotation in &model.annotations {
            let Annotation::Wait { on, until } = annotation else { continue };
            match self.can_wait(on, *until) {
                Err(why) => self.lose(name, [format!("it does not wait for `{on}`: {why}")]),
                Ok(false) => {}
                Ok(true) => match until {
                    Until::Healthy => drop(ready.insert(on.clone())),
                    Until::Started => drop(started.insert(on.clone())),
                    Until::Completed(_) => drop(completed.insert(on.clone())),
                },
            }
        }
        if self.config.defaults.wait_for.is_some() {
            ready.clear();
        }
        if ready.is_empty() && started.is_empty() && completed.is_empty() {
            return;
        }
        for (key, on) in [("waitFor", &ready), ("waitForStart", &started), ("waitForCompletion", &completed)] {
            if !on.is_empty() {
                self.say(name, key, on.iter().map(String::as_str));
            }
        }
        let own = self.config.resources.entry(name.to_owned()).or_default();
        // Without one here, that of `defaults` holds, which is in the file.
        own.wait_for = (!ready.is_empty()).then(|| WaitTargets::Named(ready.into_iter().collect()));
        own.wait_for_start = started.into_iter().collect();
        own.wait_for_completion = completed.into_iter().collect();
    }

    /// Whether there is something to wait for; the reason where that would never come.
    fn can_wait(&self, on: &str, until: Until) -> Result<bool, &'static str> {
        if self.config.leaves_out(on) || !self.model.resources.contains_key(on) {
            return Ok(false);
        }
        let own = self.config.resources.get(on);
        let is_job = own.is_some_and(|own| matches!(own.run_as, Some(RunAs::Job(_))));
        let never_ready = own.is_some_and(|own| own.run_as.is_some());
        match until {
            Until::Completed(_) if !is_job => Err("it does not run as a job"),
            Until::Healthy | Until::Started if never_ready => Err("it runs to completion, so it never becomes ready"),
            _ if own.is_some_and(|own| own.replicas == Some(0)) => Err("it has no pods"),
            _ => Ok(true),
        }
    }

    fn pull(&mut self, name: &str, model: &Resource) {
        let said = model.annotations.iter().rev().find_map(|annotation| match annotation {
            Annotation::PullPolicy(policy) => Some(policy.as_str()),
            _ => None,
        });
        let policy = match said {
            Some("Always") => PullPolicy::Always,
            Some("Missing" | "IfNotPresent") => PullPolicy::IfNotPresent,
            Some("Never") => PullPolicy::Never,
            _ => return,
        };
        let own = self.config.resources.entry(name.to_owned()).or_default();
        if own.image_pull_policy.is_none() {
            own.image_pull_policy = Some(policy);
            self.say(name, "imagePullPolicy", [format!("{policy:?}").as_str()]);
        }
    }

    /// Each probe that the file does not set.
    fn probe(&mut self, name: &str, probes: &EachProbe) {
        let own = self.config.resources.get(name).and_then(|own| own.probes.clone());
        let mut merged = match own {
            Some(Probes::Word(_)) => return,
            Some(Probes::Each(own)) => own,
            None => EachProbe::default(),
        };
        let each = [
            ("probes.startup", &probes.startup, &mut merged.startup),
            ("probes.readiness", &probes.readiness, &mut merged.readiness),
            ("probes.liveness", &probes.liveness, &mut merged.liveness),
        ];
        let mut is_changed = false;
        for (key, theirs, ours) in each {
            let (Some(theirs), None) = (theirs, &ours) else { continue };
            *ours = Some(theirs.clone());
            is_changed = true;
            self.say(name, key, [shown(theirs).as_str()]);
        }
        if is_changed {
            self.config.resources.entry(name.to_owned()).or_default().probes = Some(Probes::Each(merged));
        }
    }

    /// The SQL that creates databases. Their resources are no workloads.
    fn create(&mut self) {
        for (name, resource) in &self.model.resources {
            for annotation in &resource.annotations {
                let Annotation::CreationScript(sql) = annotation else { continue };
                self.from.creation_scripts.push((name.clone(), sql.clone()));
            }
        }
    }

    /// Annotations that are not understood, each once.
    fn tell_unknown(&mut self, running: &[(&String, &Resource)]) {
        let mut told = BTreeSet::new();
        for (name, resource) in running {
            for unknown in &resource.unknown {
                if told.insert(unknown.clone()) {
                    self.lose(name, [format!("the AppHost gives it a `{unknown}`, which this program does not know")]);
                }
            }
        }
    }
}

fn shown(probe: &ProbeSetting) -> String {
    probe.probe().and_then(|probe| probe.http).map(|http| format!("GET {}", http.path)).unwrap_or_default()
}
