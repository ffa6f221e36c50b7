//! The machine in every order of events: helm, controllers, kubelet, a hostile scaler, and a kill at every step.
//!
//! The model drives the real [`next()`]. Looking and acting are two steps, so that anything can happen in between; a
//! guarded write fails when its object changed since the look. What the program remembers is what the journal holds.

use kubectl_aspire::internals::migration::{
    Action, Claim, Direction, HelmRun, Observed, Pair, Phase, Progress, Revision, Role, Side, Status, Workload, next,
};
use stateright::{Checker, HasDiscoveries, Model, Property};
use std::collections::{HashMap, HashSet, VecDeque};

/// What is switched on.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
struct World {
    /// Kind of the old workload; the new one is of the other.
    old_is_deployment: bool,
    /// Whether pods of the new workload never become ready.
    broken: bool,
    /// Times somebody scales a stopped workload up.
    hostile: u8,
    /// Whether programs are killed, pods evicted and helm's other objects refused.
    faults: bool,
    /// Whether a stopped workload is deleted before helm is called; otherwise zero replicas count as gone.
    fence: bool,
    /// Whether it is known that the helm of a killed run still works.
    sees_helm: bool,
    /// Whether the program waits until controllers have seen the zero.
    settles: bool,
    /// Whether claims are protected first.
    protects: bool,
}

const WORLD: World = World {
    old_is_deployment: true,
    broken: false,
    hostile: 1,
    faults: true,
    fence: true,
    sees_helm: true,
    settles: true,
    protects: true,
};

/// A workload, its controllers and its one pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
struct Object {
    /// Replicas that are asked for; none when there is no object.
    spec: Option<u8>,
    /// Replicas that the controller works towards: those of the ReplicaSet, or what was last seen of the StatefulSet.
    level: Option<u8>,
    running: bool,
    ending: bool,
    touched: bool,
    keeps: bool,
    /// Whether it was written since the program looked.
    stale: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Tool {
    Off,
    Idle,
    /// It decided, and did not act yet.
    Doing(Action),
    /// It waits for the helm that it started.
    InHelm,
    Halted,
    Done(Phase),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Run {
    direction: Direction,
    step: u8,
    /// What the revision holds whose objects are compared.
    base: Role,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
struct State {
    old: Object,
    new: Object,
    status: Status,
    brings: Role,
    /// The manifest of the last revision in place.
    deployed: Role,
    helm: Option<Run>,
    tool: Tool,
    elsewhere: bool,
    journal: Option<Progress>,
    kept: bool,
    retained: bool,
    owned: bool,
    lost: bool,
    hostile: u8,
    evictions: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Event {
    Controller(Role),
    PodMade(Role),
    PodStopped(Role),
    PodGone(Role),
    PolicyGone,
    Collected(Role),
    HelmStep,
    Look,
    TimeIsOver,
    Act,
    HelmEnded,
    Resume { elsewhere: bool },
    Abort,
    // From here on: what may happen and need not.
    LateRollback,
    Evicted(Role),
    HelmError,
    HelmKilled,
    Killed,
    ScaledUp(Role),
}

impl Event {
    fn is_fault(self) -> bool {
        use Event::{Evicted, HelmError, HelmKilled, Killed, LateRollback, ScaledUp};
        matches!(self, LateRollback | Evicted(_) | HelmError | HelmKilled | Killed | ScaledUp(_))
    }
}

const BOTH: [Role; 2] = [Role::Old, Role::New];

fn other(role: Role) -> Role {
    if role == Role::Old { Role::New } else { Role::Old }
}

impl State {
    fn object(&self, role: Role) -> &Object {
        if role == Role::Old { &self.old } else { &self.new }
    }

    fn change(&mut self, role: Role) -> &mut Object {
        if role == Role::Old { &mut self.old } else { &mut self.new }
    }

    fn two_writers(&self) -> bool {
        (self.old.running || self.old.ending) && (self.new.running || self.new.ending)
    }

    fn runs_alone(&self, role: Role) -> bool {
        let rest = self.object(other(role));
        self.object(role).running && rest.spec.is_none() && !rest.running && !rest.ending
    }

    fn is_good_end(&self) -> bool {
        !self.lost
            && match self.tool {
                Tool::Done(Phase::Committed) => self.runs_alone(Role::New) && self.brings == Role::New,
                Tool::Done(Phase::RolledBack) => self.runs_alone(Role::Old) && self.brings == Role::Old,
                _ => false,
            }
    }
}

impl World {
    fn is_deployment(&self, role: Role) -> bool {
        self.old_is_deployment == (role == Role::Old)
    }

    fn side(&self, state: &State, role: Role) -> Side {
        let object = state.object(role);
        let workload = object.spec.map(|replicas| Workload {
            replicas: u32::from(replicas),
            settled: !self.settles || object.level == Some(replicas),
            ready: object.running && !object.ending && !(self.broken && role == Role::New),
            deleting: false,
            ours: true,
            touched: object.touched,
            keeps_claims: object.keeps || !self.protects,
        });
        let pods = u32::from(object.running) + u32::from(object.ending);
        // Only a ReplicaSet can be seen after its owner.
        let orphans = u32::from(object.spec.is_none() && object.level.is_some() && self.is_deployment(role));
        let side = Side { workload, orphans, pods, wanted: 1, stays: false };
        let looks_gone = pods == 0 && workload.is_some_and(|workload| workload.replicas == 0 && workload.settled);
        if !self.fence && looks_gone { Side { workload: None, ..side } } else { side }
    }

    fn look(&self, state: &State, late: bool) -> Observed {
        let helm = match (state.helm, state.elsewhere) {
            (Some(_), false) if self.sees_helm => HelmRun::Runs,
            (_, true) if self.sees_helm => HelmRun::Unknown,
            _ => HelmRun::Gone,
        };
        Observed {
            revision: Revision { status: state.status, brings: state.brings, foreign: false },
            helm,
            pairs: vec![Pair { old: self.side(state, Role::Old), new: self.side(state, Role::New), strangers: 0 }],
            claims: vec![Claim {
                intact: true,
                kept: state.kept || !self.protects,
                retained: state.retained || !self.protects,
                owned: state.owned && self.protects,
                to_restore: state.retained,
                to_grow: false,
            }],
            late,
        }
    }

    fn decide(&self, state: &State, late: bool) -> Option<Action> {
        Some(next(&state.journal?, &self.look(state, late)))
    }

    /// What the driver does with an action. A conflict makes it look again.
    fn act(state: &mut State, action: Action) {
        let Some(journal) = &mut state.journal else { return };
        state.tool = Tool::Idle;
        match action {
            Action::Wait(_) | Action::Grow(_) | Action::Retire(_) => {}
            Action::Unlock => state.status = Status::Failed,
            Action::Protect(_) => (state.kept, state.retained) = (true, true),
            Action::KeepClaims(_, role) => state.change(role).keeps = true,
            Action::Stop(_, role) | Action::Start(_, role) => {
                let replicas = u8::from(matches!(action, Action::Start(..)));
                if replicas == 0 {
                    journal.stops += 1;
                }
                let object = state.change(role);
                if !object.stale && object.spec.is_some() {
                    (object.spec, object.touched) = (Some(replicas), true);
                }
            }
            Action::Delete(_, role) => {
                let lost = state.owned;
                let object = state.change(role);
                if !object.stale && object.spec.is_some() {
                    object.spec = None;
                    state.lost |= lost;
                }
            }
            Action::Disown(_, role) => state.change(role).touched = false,
            Action::Helm(direction) => {
                // An upgrade refuses a pending release, a rollback does not look.
                if direction == Direction::Forward && state.status == Status::Pending {
                    journal.failures += 1;
                    return;
                }
                let (base, brings) = match direction {
                    Direction::Forward => (state.deployed, Role::New),
                    Direction::Back => (state.brings, Role::Old),
                };
                (state.status, state.brings) = (Status::Pending, brings);
                state.helm = Some(Run { direction, step: 0, base });
                state.tool = Tool::InHelm;
            }
            Action::MarkSplit => journal.split = true,
            Action::TurnBack => *journal = journal.back(),
            Action::Restore(_) => state.retained = false,
            Action::Finish(phase) => state.tool = Tool::Done(phase),
            Action::Halt(_) => state.tool = Tool::Halted,
        }
    }

    /// One step of helm: what comes is made or patched, what left is deleted, the revision is recorded.
    fn helm_step(state: &mut State, run: Run) {
        let (leaving, coming) = run.direction.roles();
        match run.step {
            0 => {
                let object = state.change(coming);
                if object.touched && object.spec.is_some() {
                    (state.status, state.helm) = (Status::Failed, None);
                    return;
                }
                (object.spec, object.keeps, object.stale) = (Some(1), true, true);
                object.touched = false;
            }
            1 => {
                if run.base == leaving {
                    state.lost |= !state.kept;
                    let object = state.change(leaving);
                    (object.spec, object.stale) = (None, true);
                }
            }
            _ => {
                (state.status, state.deployed, state.helm) = (Status::Deployed, coming, None);
                return;
            }
        }
        state.helm = Some(Run { step: run.step + 1, ..run });
    }
}

impl Model for World {
    type State = State;
    type Action = Event;

    fn init_states(&self) -> Vec<State> {
        // A StatefulSet of somebody else may delete its claims when it is stopped.
        let keeps = self.old_is_deployment;
        let old = Object { spec: Some(1), level: Some(1), running: true, keeps, ..Object::default() };
        vec![State {
            old,
            new: Object::default(),
            status: Status::Deployed,
            brings: Role::Old,
            deployed: Role::Old,
            helm: None,
            tool: Tool::Idle,
            elsewhere: false,
            journal: Some(Progress::new(Direction::Forward)),
            kept: false,
            retained: false,
            owned: !keeps,
            lost: false,
            hostile: self.hostile,
            evictions: u8::from(self.faults),
        }]
    }

    fn actions(&self, state: &State, events: &mut Vec<Event>) {
        for role in BOTH {
            let object = state.object(role);
            if object.spec.is_some() && object.level != object.spec {
                events.push(Event::Controller(role));
            }
            if object.spec.is_none() && object.level.is_some() {
                events.push(Event::Collected(role));
            }
            let waits = object.ending && !self.is_deployment(role);
            if object.level == Some(1) && !object.running && !waits {
                events.push(Event::PodMade(role));
            }
            if object.level != Some(1) && object.running {
                events.push(Event::PodStopped(role));
            }
            if object.ending {
                events.push(Event::PodGone(role));
            }
            if object.running && state.evictions > 0 {
                events.push(Event::Evicted(role));
            }
            if object.spec == Some(0) && state.hostile > 0 {
                events.push(Event::ScaledUp(role));
            }
        }
        if state.owned && state.old.keeps {
            events.push(Event::PolicyGone);
        }
        if state.helm.is_some() {
            events.push(Event::HelmStep);
            if self.faults {
                events.extend([Event::HelmError, Event::HelmKilled]);
            }
        }
        match state.tool {
            Tool::Idle => {
                events.push(Event::Look);
                if let Some(Action::Wait(_)) = self.decide(state, false) {
                    events.push(Event::TimeIsOver);
                }
            }
            Tool::Doing(_) => events.push(Event::Act),
            Tool::InHelm if state.helm.is_none() => events.push(Event::HelmEnded),
            Tool::Off | Tool::Halted => {
                events.extend([Event::Resume { elsewhere: false }, Event::Resume { elsewhere: true }, Event::Abort]);
            }
            Tool::Done(Phase::Committed) => events.push(Event::LateRollback),
            Tool::InHelm | Tool::Done(_) => {}
        }
        if self.faults && matches!(state.tool, Tool::Idle | Tool::Doing(_) | Tool::InHelm) {
            events.push(Event::Killed);
        }
    }

    fn next_state(&self, state: &State, event: Event) -> Option<State> {
        let mut state = state.clone();
        match event {
            Event::Controller(role) => {
                let object = state.change(role);
                // The controller writes its status.
                (object.level, object.stale) = (object.spec, true);
            }
            Event::Collected(role) => state.change(role).level = None,
            Event::PodMade(role) => state.change(role).running = true,
            Event::PodStopped(role) => {
                state.lost |= state.owned && role == Role::Old && state.old.spec != Some(1);
                let object = state.change(role);
                (object.running, object.ending, object.stale) = (false, true, true);
            }
            Event::PodGone(role) => state.change(role).ending = false,
            Event::PolicyGone => state.owned = false,
            Event::Evicted(role) => {
                state.evictions -= 1;
                let object = state.change(role);
                (object.running, object.ending) = (false, true);
            }
            Event::ScaledUp(role) => {
                state.hostile -= 1;
                let object = state.change(role);
                (object.spec, object.stale) = (Some(1), true);
            }
            Event::HelmStep => {
                let run = state.helm?;
                Self::helm_step(&mut state, run);
            }
            Event::HelmError => (state.status, state.helm) = (Status::Failed, None),
            Event::HelmKilled => state.helm = None,
            Event::Look | Event::TimeIsOver => {
                let action = self.decide(&state, event == Event::TimeIsOver)?;
                (state.old.stale, state.new.stale) = (false, false);
                if matches!(action, Action::Wait(_)) {
                    return None;
                }
                state.tool = Tool::Doing(action);
            }
            Event::Act => {
                let Tool::Doing(action) = state.tool else { return None };
                Self::act(&mut state, action);
            }
            Event::HelmEnded => {
                state.tool = Tool::Idle;
                if state.status != Status::Deployed
                    && let Some(journal) = &mut state.journal
                {
                    journal.failures += 1;
                }
            }
            Event::Killed => state.tool = Tool::Off,
            Event::Resume { .. } | Event::Abort => {
                (state.tool, state.elsewhere) = (Tool::Idle, event == Event::Resume { elsewhere: true });
                let resumed = state.journal?.resumed();
                state.journal = Some(if event == Event::Abort { resumed.back() } else { resumed });
            }
            Event::LateRollback => {
                (state.tool, state.journal) = (Tool::Idle, Some(Progress::new(Direction::Back)));
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("never two writers", |_, state: &State| !state.two_writers()),
            Property::always("no claim is lost", |_, state: &State| !state.lost),
            Property::always("an end is a good end", |_, state: &State| {
                // A pod may be evicted, and a stopped workload started, at any time after the end was recorded.
                !matches!(state.tool, Tool::Done(_)) || !state.two_writers()
            }),
            Property::sometimes("it is committed", |_, state: &State| state.tool == Tool::Done(Phase::Committed)),
            Property::sometimes("it is rolled back", |_, state: &State| state.tool == Tool::Done(Phase::RolledBack)),
        ]
    }
}

/// Every state that can be reached, checked; the number of states.
fn holds(world: &World) -> usize {
    let checker = world.clone().checker().threads(2).spawn_bfs().join();
    for (name, path) in checker.discoveries() {
        let is_example = ["it is committed", "it is rolled back"].contains(&name);
        assert!(is_example, "{name}:\n{path}");
    }
    checker.unique_state_count()
}

/// The shortest way to break a promise, as text.
fn breaks(world: &World, promise: &'static str) -> String {
    // One thread, so that the first way found is a shortest one.
    let checker = world.clone().checker().finish_when(HasDiscoveries::AnyOf([promise].into())).spawn_bfs().join();
    let path = checker.discovery(promise).unwrap_or_else(|| panic!("the promise `{promise}` holds"));
    path.into_actions().iter().map(|event| format!("{event:?}")).collect::<Vec<_>>().join(" > ")
}

/// States from which no good end can be reached without further faults, with the way to the first of them.
fn dead_ends(world: &World) -> (usize, String) {
    let mut order: Vec<State> = world.init_states();
    let mut known: HashMap<State, usize> = order.iter().cloned().zip(0..).collect();
    let mut came: Vec<(usize, String)> = vec![(0, String::new())];
    let mut before: Vec<Vec<usize>> = vec![Vec::new()];
    let mut at = 0;
    while at < order.len() {
        let mut events = Vec::new();
        world.actions(&order[at], &mut events);
        for event in events {
            let Some(state) = world.next_state(&order[at], event) else { continue };
            let index = *known.entry(state.clone()).or_insert_with(|| {
                order.push(state);
                before.push(Vec::new());
                came.push((at, format!("{event:?}")));
                order.len() - 1
            });
            if !event.is_fault() {
                before[index].push(at);
            }
        }
        at += 1;
    }
    let ends: Vec<usize> = (0..order.len()).filter(|index| order[*index].is_good_end()).collect();
    let mut good: HashSet<usize> = ends.iter().copied().collect();
    let mut open: VecDeque<usize> = ends.into();
    while let Some(index) = open.pop_front() {
        for &earlier in &before[index] {
            if good.insert(earlier) {
                open.push_back(earlier);
            }
        }
    }
    let Some(first) = (0..order.len()).find(|index| !good.contains(index)) else { return (0, String::new()) };
    let (mut way, mut step) = (vec![format!("{:?}", order[first])], first);
    while step != 0 {
        way.push(came[step].1.clone());
        step = came[step].0;
    }
    way.reverse();
    (order.len() - good.len(), way.join("\n"))
}

#[track_caller]
fn no_dead_end(world: &World) {
    let (count, way) = dead_ends(world);
    assert_eq!(count, 0, "the way to the first:\n{way}");
}

#[test]
fn a_deployment_becomes_a_stateful_set_in_every_order_of_events() {
    let start = std::time::Instant::now();
    let states = holds(&WORLD);
    println!("{states} states in {:.1} s", start.elapsed().as_secs_f64());
    assert!(states > 10_000, "{states}");
}

#[test]
fn a_stateful_set_becomes_a_deployment_in_every_order_of_events() {
    holds(&World { old_is_deployment: false, ..WORLD });
}

#[test]
fn a_workload_that_never_becomes_ready_is_taken_back_in_every_order_of_events() {
    let world = World { broken: true, hostile: 0, ..WORLD };
    let checker = world.clone().checker().threads(2).spawn_bfs().join();
    let found: HashSet<&str> = checker.discoveries().into_keys().collect();
    assert_eq!(found, HashSet::from(["it is rolled back"]));
}

#[test]
fn there_is_always_a_way_to_a_good_end() {
    no_dead_end(&World { hostile: 0, ..WORLD });
    no_dead_end(&World { old_is_deployment: false, hostile: 0, ..WORLD });
    no_dead_end(&World { broken: true, hostile: 0, ..WORLD });
    no_dead_end(&World { faults: false, ..WORLD });
}

#[test]
fn without_the_fence_two_run_at_once() {
    let way = breaks(&World { fence: false, faults: false, ..WORLD }, "never two writers");
    assert!(way.contains("ScaledUp"), "{way}");
    holds(&World { faults: false, ..WORLD });
}

#[test]
fn without_a_look_for_the_old_helm_two_run_at_once() {
    breaks(&World { sees_helm: false, hostile: 0, ..WORLD }, "never two writers");
}

#[test]
fn without_waiting_for_controllers_two_run_at_once() {
    breaks(&World { settles: false, ..WORLD }, "never two writers");
}

#[test]
fn without_protection_a_claim_is_lost() {
    breaks(&World { protects: false, faults: false, ..WORLD }, "no claim is lost");
    breaks(&World { protects: false, faults: false, old_is_deployment: false, ..WORLD }, "no claim is lost");
}
