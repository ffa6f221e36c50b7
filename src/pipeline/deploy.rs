//! Deploy, step by step: settle the inputs, check the cluster, write the Secret, run helm.

use super::before::{self, Before};
use super::event::{Report, say, warn};
use super::graph::{Ended, Graph, Step};
use super::kinds::{Agreed, Consent, Intent, Question};
use super::lock::{self, Lock, Seen, Word};
use super::plan::Planned;
use super::preflight::{self, Examination, Examined};
use super::promote::{Driver, Terms, Way};
use super::run::{Conduct, Limits, run};
use super::saved::Saved;
use super::settle::{Ask, Rotation, settled};
use super::watch::Watching;
use super::{Error, Random, Release, Slot, chart_secret, checks, foreign, replicas, rollback, values};
use crate::app::App;
use crate::chart::Chart;
use crate::cluster::claims::ReleaseName;
use crate::cluster::secret::Change;
use crate::cluster::{Cluster, ErrorKind, Owner, ReleaseSecret, State, namespace};
use crate::doctor::{Finding, Verdict};
use crate::helm::{Helm, Options, Target, Values};
use crate::inputs::{Given, Settled};
use crate::kubernetes::{Plan, PlannedWorkload};
use crate::problem::{Problem, Problems};
use serde_json::{Value as Json, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// How long helm waits for the workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// Until they are ready or time is up.
    UntilReady,
    /// Until they are ready or one shows what will not mend itself.
    UntilHopeless,
}

impl Wait {
    /// Whether helm waits at all.
    pub fn waits(self) -> bool {
        self != Self::No
    }
}

/// What to deploy.
pub struct Deploy<'a> {
    /// The application, with the values of the chosen environment.
    pub app: &'a App,
    /// Its plan.
    pub plan: &'a Plan,
    /// Its chart.
    pub chart: &'a Chart,
    /// The chosen environment and what it changes of the chart's values.
    pub environment: Option<(String, Json)>,
    /// Values that a person gave.
    pub given: Given,
    /// Secrets that are replaced.
    pub rotation: Rotation,
    /// How long to wait for the workloads.
    pub wait: Wait,
    /// The plan that was looked at: exactly that is deployed, or nothing.
    pub approved: Option<&'a Saved>,
    /// Whether to go back to the last good revision when helm fails.
    pub roll_back: bool,
    /// Whether a person knows that no other helm works on the release.
    pub assume_helm_dead: bool,
    /// Checks, of [`crate::doctor::MAY_BE_WRONG`], that a person knows better than.
    pub ignored: Vec<String>,
    /// Flags for `helm upgrade` that a person added; [`crate::helm::checked_arguments()`] let them through.
    pub helm_arguments: Vec<String>,
    /// What was agreed to, should a workload change its kind.
    pub consent: Consent,
}

/// What the steps of one deploy share.
pub struct Deployment<'a> {
    pub(super) request: &'a Deploy<'a>,
    pub(super) release: &'a Release,
    ask: &'a Ask<'a>,
    random: &'a Random<'a>,
    report: &'a Report<'a>,
    pub(super) limits: &'a Limits<'a>,
    pub(super) helm: Slot<(Helm, Target)>,
    pub(super) cluster: Slot<Cluster>,
    pub(super) before: Slot<Before>,
    pub(super) chart: Slot<TempDir>,
    pub(super) settled: Slot<Settled>,
    seen: Slot<Seen>,
    /// The objects of the chart, as they were looked at before anything is confirmed.
    foreseen: Slot<Vec<Json>>,
    kube_version: Slot<Vec<String>>,
    word: Word,
    lock: Slot<Arc<Lock>>,
    /// A change of kinds that was agreed to.
    agreed: Mutex<Option<Agreed>>,
    changes_kinds: Slot<()>,
    written: Mutex<Written>,
    /// Helm was started: from here on the release may have changed.
    tried: Slot<()>,
    deployed: Slot<()>,
    pub(super) planned: Slot<Planned>,
    /// The time that the whole was given.
    time: Duration,
    rolled_back: Slot<Option<u64>>,
}

/// The checks that are about what belongs to whom.
const OWNERS: [&str; 4] = ["release", "claims", "names", "secrets"];

/// What was written before helm ran.
#[derive(Default)]
struct Written {
    state: Option<State>,
    change: Option<Change>,
}

/// The steps that only read: all that is known before anything is checked or written.
pub(super) fn reading<'a>() -> Vec<Step<'a, Deployment<'a>>> {
    vec![
        Step::new("check-helm-prereqs-kubernetes", "find helm and check its version", &[], Deployment::find_helm),
        Step::new("check-cluster-kubernetes", "read what the cluster holds of the release", &[], Deployment::look),
        Step::new("publish-kubernetes", "write the chart for helm", &[], Deployment::publish),
        Step::new(
            "process-parameters",
            "settle the value of every input, and ask for what is missing",
            // Nothing else goes on, and nothing is said, while a person is asked.
            &["check-helm-prereqs-kubernetes", "check-cluster-kubernetes", "publish-kubernetes"],
            Deployment::settle,
        ),
    ]
}

/// The steps of a deploy.
pub fn steps<'a>() -> Result<Graph<'a, Deployment<'a>>, Problem> {
    let mut steps = reading();
    steps.extend([
        Step::new(
            "preflight-kubernetes",
            "check all that could stop helm, before anything is written",
            &["process-parameters"],
            Deployment::check,
        ),
        Step::new(
            "confirm-kubernetes",
            "show a change of kinds, where there is one, and have it confirmed",
            &["preflight-kubernetes"],
            Deployment::confirm,
        ),
        Step::new(
            "lock-kubernetes",
            "make the namespace, take the Lease of the release, free it from a helm that was killed",
            &["confirm-kubernetes"],
            Deployment::lock,
        )
        .at_end(|deployment, _| deployment.lock.find().map_or(Ok(()), |lock| lock.release())),
        Step::new(
            "prepare-kubernetes",
            "write remembered values and Secret",
            &["lock-kubernetes"],
            Deployment::prepare,
        )
        .at_end(Deployment::keep_or_take_back),
        Step::new("helm-deploy-kubernetes", "run helm upgrade --install", &["prepare-kubernetes"], Deployment::upgrade),
        Step::new(
            "print-kubernetes-summary",
            "say where the application can be reached",
            &["helm-deploy-kubernetes"],
            Deployment::summarise,
        )
        .free(),
    ]);
    Graph::new(steps)
}

/// Deploys the application.
pub fn deploy(request: &Deploy, release: &Release, ask: &Ask, random: &Random, conduct: &Conduct) -> Result<(), Error> {
    let (graph, report, limits) = (steps()?.part(conduct.only)?, conduct.report, &conduct.limits);
    say(report, format!("deploying to {}", release.described()));
    let deployment = Deployment::new(request, release, ask, random, conduct);
    let ended = run(&graph, &deployment, report, limits);
    match (ended, deployment.rolled_back.find()) {
        (Err(error), Some(Some(revision))) => Err(Error::RolledBack { error: Box::new(error), revision: *revision }),
        (Err(error), Some(None)) => {
            warn(report, deployment.left_as_it_is());
            Err(error)
        }
        (ended, _) => ended,
    }
}

impl<'a> Deployment<'a> {
    pub(super) fn new(
        request: &'a Deploy<'a>,
        release: &'a Release,
        ask: &'a Ask<'a>,
        random: &'a Random<'a>,
        conduct: &'a Conduct<'a>,
    ) -> Self {
        Self {
            request,
            release,
            ask,
            random,
            report: conduct.report,
            limits: &conduct.limits,
            helm: Slot::default(),
            cluster: Slot::default(),
            before: Slot::default(),
            chart: Slot::default(),
            settled: Slot::default(),
            seen: Slot::default(),
            foreseen: Slot::default(),
            kube_version: Slot::default(),
            word: Word { assume_helm_dead: request.assume_helm_dead, timeout: conduct.limits.left() },
            lock: Slot::default(),
            agreed: Mutex::default(),
            changes_kinds: Slot::default(),
            written: Mutex::default(),
            tried: Slot::default(),
            deployed: Slot::default(),
            planned: Slot::default(),
            time: conduct.limits.left(),
            rolled_back: Slot::default(),
        }
    }
}

impl Deployment<'_> {
    fn owner(&self) -> Owner<'_> {
        Owner { release: &self.release.name, application: &self.request.plan.application_id }
    }

    fn say(&self, text: impl Into<String>) {
        say(self.report, text);
    }

    fn find_helm(&self) -> Result<(), Error> {
        self.helm.put(self.release.helm()?);
        Ok(())
    }

    fn look(&self) -> Result<(), Error> {
        let cluster = self.release.connect()?;
        let dapr = !self.request.plan.dapr_components.is_empty();
        let before = before::look(&cluster, self.release, self.owner(), dapr).map_err(|error| self.explained(error))?;
        self.before.put(before);
        self.cluster.put(cluster);
        Ok(())
    }

    /// One right that is missing is seldom the only one: all of them are named.
    fn explained(&self, error: Error) -> Error {
        if !matches!(&error, Error::Cluster(error) if error.kind() == ErrorKind::Forbidden) {
            return error;
        }
        let found = preflight::doctor(Some(self.request), self.release, self.random);
        refusal(&found.findings).unwrap_or(error)
    }

    fn publish(&self) -> Result<(), Error> {
        let folder = tempfile::Builder::new().prefix("aspire-deploy-").tempdir().map_err(Error::Temporary)?;
        crate::chart::write(self.request.chart, &folder.path().join("chart"))?;
        self.chart.put(folder);
        Ok(())
    }

    fn settle(&self) -> Result<(), Error> {
        let before = self.before.get()?;
        foreign::check_lost(self.request.plan, &self.request.given, &before.lost)?;
        self.cluster.get()?.hide(before.kept.foreign.values().filter(|value| !value.is_empty()).cloned());
        let settled = settled(self.request, before, self.ask.inputs, self.random, self.report)?;
        self.cluster.get()?.hide(values::secrets_of(&settled));
        self.settled.put(settled);
        Ok(())
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let findings = self.examined()?;
        for finding in findings.iter().filter(|finding| finding.verdict == Verdict::Warning) {
            warn(self.report, finding.to_string());
        }
        for finding in findings.iter().filter(|finding| finding.verdict == Verdict::Ok && finding.check == "claims") {
            self.say(finding.reason.clone());
        }
        refusal(&findings).map_or(Ok(()), Err)
    }

    fn lock(&self) -> Result<(), Error> {
        self.check_approved()?;
        let (cluster, space) = (self.cluster.get()?, &self.release.namespace);
        let is_new = namespace::ensure(cluster, space, &self.release.name)? == namespace::Found::Created;
        if is_new {
            self.say(format!("created namespace {space}"));
        }
        let seen = self.seen.get()?;
        let (lock, recover) = Lock::take(self.release, self.owner(), "deploy", seen, self.word)?;
        let lock = Arc::new(lock);
        self.helm.get()?.0.follow(Arc::clone(&lock) as _);
        self.lock.put(lock);
        if !is_new {
            // Once more, when nobody else writes any more.
            self.check_approved()?;
        }
        if recover {
            lock::recover(cluster, self.release, seen, self.limits, self.report)?;
        }
        Ok(())
    }

    /// What a plan refuses: its own dry runs say the rest, and looking needs no right to write.
    pub(super) fn check_owners(&self) -> Result<(), Error> {
        let mut findings = self.examined()?;
        findings.retain(|finding| OWNERS.contains(&finding.check));
        refusal(&findings).map_or(Ok(()), Err)
    }

    fn examined(&self) -> Result<Vec<Finding>, Error> {
        let ((helm, target), cluster) = (self.helm.get()?, self.cluster.get()?);
        let (before, settled) = (self.before.get()?, self.settled.get()?);
        helm.hide(values::secrets_of(settled));
        let folder = self.chart.get()?.path().join("chart");
        let examined = Examined {
            request: self.request,
            release: self.release,
            helm,
            target,
            cluster,
            before,
            settled,
            folder: &folder,
            word: self.word,
        };
        let foreign = match foreign::check(cluster, self.release, self.request.plan, &before.kept, self.report) {
            Ok(()) => Vec::new(),
            Err(Error::Refused(Problems(problems))) => problems,
            Err(error) => return Err(error),
        };
        let found = match preflight::examine(&examined, &cluster.survey(&self.release.namespace)?) {
            Ok(found) => found,
            // Without its secrets the chart says no more.
            Err(Error::Helm(_)) if !foreign.is_empty() => Examination::default(),
            Err(error) => return Err(error),
        };
        let Examination { mut findings, seen, objects, version } = found;
        self.seen.put(seen);
        self.foreseen.put(objects);
        self.kube_version.put(version);
        findings.extend(foreign.into_iter().map(|problem| Finding::of_problem("secrets", problem)));
        for finding in &mut findings {
            if finding.verdict == Verdict::Failed && self.request.ignored.iter().any(|check| check == finding.check) {
                finding.verdict = Verdict::Warning;
            }
        }
        Ok(findings)
    }

    fn confirm(&self) -> Result<(), Error> {
        let agreed = match self.change_of_kinds()? {
            Some(Intent::New(change)) => Some(self.question()?.begin(change, &self.request.consent, self.ask.agree)?),
            Some(Intent::UnderWay(log, objects)) => Some(self.question()?.go_on(log, &objects, None)?),
            None => None,
        };
        *self.agreed.lock().unwrap_or_else(PoisonError::into_inner) = agreed;
        Ok(())
    }

    /// The change of kinds that this deploy is, or goes on with; none in most cases.
    pub(super) fn change_of_kinds(&self) -> Result<Option<Intent>, Error> {
        let (question, before) = (self.question()?, self.before.get()?);
        let release = ReleaseName { name: &self.release.name, namespace: &self.release.namespace };
        let open = question.open()?;
        if open.is_none() && !checks::transition(release, before, self.foreseen.get()?) {
            return Ok(None);
        }
        // Whatever their values: workloads only hold the numbers of secrets.
        let marks = self.request.plan.secrets.keys().map(|name| (name.clone(), json!({"revision": "plan"})));
        let mut over = self.values(&ReleaseSecret::default())?;
        over["secrets"] = marks.collect::<serde_json::Map<_, _>>().into();
        let chart = self.chart.get()?.path().join("chart");
        let values = Values { files: &values::files(self.request, &chart), over: &over };
        let objects = question.objects_to_come(&chart, &values, self.kube_version.get()?)?;
        match open {
            Some(log) => Ok(Some(Intent::UnderWay(log, objects))),
            None => Ok(question.plan(&objects, None)?.map(Intent::New)),
        }
    }

    fn question(&self) -> Result<Question<'_>, Error> {
        let (helm, target) = self.helm.get()?;
        let (cluster, release, report) = (self.cluster.get()?, self.release, self.report);
        Ok(Question { cluster, helm, target, release, owner: self.owner(), report })
    }

    fn prepare(&self) -> Result<(), Error> {
        let ((helm, target), cluster) = (self.helm.get()?, self.cluster.get()?);
        let (before, settled) = (self.before.get()?, self.settled.get()?);
        let (owner, space) = (self.owner(), &self.release.namespace);
        self.lock.get()?.check()?;
        before::forget_finished_run(helm, target, cluster, self.release, owner, &before.secret)?;
        if !settled.made.is_empty() {
            self.say(format!("made values for {}", settled.made.join(", ")));
        }
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = before.state.clone();
        state.values.clone_from(&settled.plain);
        written.state = Some(state.write(cluster, owner, space)?);
        written.change = Some(Change::begin(cluster, owner, space, &self.next_secret()?)?);
        Ok(())
    }

    /// What helm is given. Autoscaled workloads are looked at as late as possible: an autoscaler goes on.
    pub(super) fn values(&self, secret: &ReleaseSecret) -> Result<Json, Error> {
        let workloads = self.request.plan.workloads.iter().map(|it| (it.view.kind, it.view.name.as_str()));
        let replicas = replicas::live(self.cluster.get()?, self.release, workloads)?;
        Ok(values::values(self.request, self.settled.get()?, secret, &self.before.get()?.claims, &replicas))
    }

    fn upgrade(&self) -> Result<(), Error> {
        let agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner).take();
        match agreed {
            Some(agreed) => self.change_kinds(agreed)?,
            None => self.run_helm()?,
        }
        self.deployed.put(());
        Ok(())
    }

    fn run_helm(&self) -> Result<(), Error> {
        let ((helm, target), chart) = (self.helm.get()?, self.chart.get()?.path().join("chart"));
        let values = {
            let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            let secret = written.change.as_ref().map(Change::now).cloned().unwrap_or_default();
            self.values(&secret)?
        };
        let files = values::files(self.request, &chart);
        self.tried.put(());
        let options = Options {
            timeout: self.limits.left(),
            wait: self.request.wait.waits(),
            extra: self.request.helm_arguments.clone(),
            ..Options::default()
        };
        let upgrade = || {
            let values = Values { files: &files, over: &values };
            Ok(helm.upgrade_install(target, &chart, &values, &options, &mut |_| {})?)
        };
        let ran = if self.request.wait.waits() { self.watched(upgrade) } else { upgrade() };
        // What helm says is worth more than that its end could not be noted.
        let noted = self.lock.get()?.helm_ended(self.cluster.get()?, self.release, ran.is_ok());
        if let Err(error) = ran {
            for sentence in foreign::late(self.cluster.get()?, self.release, self.request.plan) {
                warn(self.report, sentence);
            }
            return Err(error);
        }
        if let Err(error) = noted {
            warn(self.report, error.to_string());
        }
        Ok(())
    }

    /// All that is not shown: the secrets of now and of before.
    fn secrets(&self) -> Result<Vec<String>, Error> {
        let kept = &self.before.get()?.kept;
        let old = kept.secret.values().chain(kept.chart_secret.values()).filter(|value| !value.is_empty());
        Ok(values::secrets_of(self.settled.get()?).into_iter().chain(old.cloned()).collect())
    }

    /// Shows the workloads while helm waits for them; when it fails because of them, the error says what they showed.
    fn watched(&self, upgrade: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let secrets = self.secrets()?;
        let give_up = (self.request.wait == Wait::UntilHopeless).then_some(crate::helm::stop as fn());
        let watching = Watching { release: self.release, secrets: &secrets, report: self.report, give_up };
        watching.during(upgrade)
    }

    fn change_kinds(&self, agreed: Agreed) -> Result<(), Error> {
        self.changes_kinds.put(());
        match self.drive(agreed, self.limits.left(), Some(&|| self.run_helm()))? {
            (Way::Forward, _) => Ok(()),
            (Way::Back(why), base) => {
                self.rolled_back.put(Some(base));
                Err(Error::KindsUnchanged(why))
            }
        }
    }

    /// Drives a change of kinds to its end: how it ended, and the revision that the way back leads to.
    fn drive(
        &self,
        agreed: Agreed,
        time: Duration,
        upgrade: Option<&dyn Fn() -> Result<(), Error>>,
    ) -> Result<(Way, u64), Error> {
        let Question { cluster, helm, target, release, owner, report } = self.question()?;
        let mut log = agreed.log(cluster, owner, &release.namespace)?;
        let (lock, secrets) = (self.lock.get()?, self.secrets()?);
        let (terms, stopped) = (Terms::within(time), self.limits.stopped);
        let take_back = &|| self.take_back(cluster);
        let driver = Driver {
            cluster,
            helm,
            target,
            release,
            owner,
            lock,
            secrets: &secrets,
            report,
            terms,
            stopped,
            take_back,
        };
        let way = driver.drive(&mut log, upgrade)?;
        Ok((way, log.journal.base))
    }

    /// The release is good, or secrets and values are those from before again. The state of a first install stays, because
    /// it says whose release it is. Where helm was not to run, what was written waits for the next deploy.
    fn keep_or_take_back(&self, ended: Ended) -> Result<(), Error> {
        let Some(cluster) = self.cluster.find() else { return Ok(()) };
        if let Some(lock) = self.lock.find() {
            lock.check()?;
        }
        if self.deployed.find().is_some() {
            let Written { state, change } = self.take_written();
            if let Some(mut state) = state {
                state.foreign = foreign::used(self.request.plan, &self.release.name);
                state.write(cluster, self.owner(), &self.release.namespace)?;
            }
            if !self.request.wait.waits() {
                // Old pods may still run, and a container that starts again takes its secrets anew.
                return Ok(change.map_or(Ok(()), |change| change.keep_leaving(cluster))?);
            }
            if let Some(change) = change {
                change.commit(cluster)?;
            }
            let settled = self.settled.get()?;
            chart_secret::keep_only(cluster, self.release, |name| settled.chart_secret.contains_key(name))?;
            foreign::remove(cluster, self.release, Some(self.request.plan))?;
        } else if ended == Ended::Badly && self.changes_kinds.find().is_none() {
            // A change of kinds that stopped on its way is gone on with, or led back with what was before.
            self.take_back(cluster)?;
            self.roll_back(cluster)?;
        }
        Ok(())
    }

    fn take_written(&self) -> Written {
        std::mem::take(&mut *self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Secrets and values are those from before again.
    fn take_back(&self, cluster: &Cluster) -> Result<(), Error> {
        let (Written { state, change }, before) = (self.take_written(), self.before.get()?);
        if let Some(change) = change {
            change.restore(cluster)?;
        }
        if let Some(mut state) = state.filter(|_| before.state.exists()) {
            state.values.clone_from(&before.state.values);
            state.write(cluster, self.owner(), &self.release.namespace)?;
        }
        Ok(())
    }

    /// With secrets and values from before, the release can go back too. Who stopped us wants to look, or to go on.
    fn roll_back(&self, cluster: &Cluster) -> Result<(), Error> {
        if !self.request.roll_back || self.tried.find().is_none() || (self.limits.stopped)() {
            return Ok(());
        }
        let (helm, target) = self.helm.get()?;
        // The deploy may have used up its time; the way back gets as much again.
        let options = Options { timeout: self.time, wait: self.request.wait.waits(), ..Options::default() };
        let (release, report, secrets) = (self.release, self.report, self.secrets()?);
        let lock = self.lock.get()?;
        let way = rollback::Way { helm, target, cluster, lock, release, options: &options, secrets: &secrets, report };
        let back = way.after_failure(|revision, wanted| {
            let objects: Vec<Json> = wanted.values().cloned().collect();
            let Some(change) = self.question()?.plan(&objects, Some(revision))? else {
                return way.go(revision, wanted);
            };
            let journal = change.agreed_beforehand(&self.request.consent)?;
            match self.drive(Agreed::Begin(journal), self.time, None)? {
                (Way::Forward, _) => Ok(()),
                (Way::Back(why), _) => Err(Error::KindsUnchanged(why)),
            }
        })?;
        self.rolled_back.put(back);
        Ok(())
    }

    fn left_as_it_is(&self) -> String {
        let (name, space) = (&self.release.name, &self.release.namespace);
        format!(
            "there is no earlier revision to go back to, so the release is left as it is: \
             `kubectl aspire status --release {name} -n {space}` shows it, \
             `kubectl aspire destroy --release {name} -n {space}` removes it and keeps its claims"
        )
    }

    fn summarise(&self) -> Result<(), Error> {
        self.deployed.get()?;
        self.say(format!("deployed {}", self.release.described()));
        for sentence in endpoints(self.request.plan, self.release) {
            self.say(sentence);
        }
        Ok(())
    }
}

/// What failed, as the refusal of a run.
fn refusal(findings: &[Finding]) -> Option<Error> {
    let failed = findings.iter().filter(|finding| finding.verdict == Verdict::Failed);
    let problems: Vec<Problem> = failed.map(Finding::to_problem).collect();
    (!problems.is_empty()).then_some(Error::Refused(Problems(problems)))
}

/// How to reach what the AppHost marked as public.
fn endpoints(plan: &Plan, release: &Release) -> Vec<String> {
    let public = plan.workloads.iter().flat_map(|workload| workload.external.iter().map(move |port| (workload, port)));
    let line = |(workload, (port, scheme)): (&PlannedWorkload, &(String, String))| {
        format!(
            "  {0} ({port}): kubectl port-forward -n {1} service/{0} 8080:{port}    then {scheme}://localhost:8080",
            workload.view.name, release.namespace
        )
    };
    public.map(line).collect()
}
