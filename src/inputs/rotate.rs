//! Rotates secrets on request: which secrets can be rotated, and which data was created with the old value.

use super::needs::ValueNeeds;
use super::{Given, Kept, Outlook, Settled, names, variable};
use crate::app::App;
use crate::config::SecretSource;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use std::collections::{BTreeMap, BTreeSet};

/// The inputs whose values are to be made, or asked for, once more. Refuses what rotating cannot change.
pub(crate) fn rotation(
    typed: &[String],
    app: &App,
    plan: &dyn ValueNeeds,
    given: &Given,
) -> Result<BTreeSet<String>, Diagnostics> {
    let (names, mut rotation, mut diagnostics) = (names(app), BTreeSet::new(), Diagnostics::default());
    for typed in typed {
        let checked = names.find(typed).and_then(|name| check(name, app, plan, given).map(|()| name));
        match checked {
            Ok(name) => {
                rotation.insert(name.to_owned());
            }
            Err(diagnostic) => diagnostics.push(diagnostic.at("--rotate")),
        }
    }
    diagnostics.or(rotation)
}

fn check(name: &str, app: &App, plan: &dyn ValueNeeds, given: &Given) -> Result<(), Diagnostic> {
    let wrong = |what: String, hint: String| Err(Diagnostic::new(Code::NotRotatable, "", what).hint(hint));
    let Some(input) = app.inputs.get(name).filter(|input| input.secret || input.generate.is_some()) else {
        return wrong(format!("`{name}` is neither secret nor generated"), "set its new value with --parameter".into());
    };
    let users = input.used_by.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    if users.is_empty() {
        return wrong(format!("nothing uses `{name}`"), String::new());
    }
    let source = plan.secret(name).map(|secret| secret.source);
    if input.secret && !matches!(source, Some(SecretSource::Deploy | SecretSource::Chart)) {
        return wrong(
            format!("the value of `{name}` is managed elsewhere and cannot be rotated here"),
            format!(
                "change it at the source that aspire-k8s.yaml names, then restart its users ({users}) with `kubectl \
                rollout restart`"
            ),
        );
    }
    if let Some(origin) = given.origin(name) {
        return wrong(
            format!("`{name}` is set by {origin}, so no value is generated"),
            "change it there and omit --rotate, or no longer set it".into(),
        );
    }
    Ok(())
}

impl Kept {
    /// The same without the values that are to be replaced.
    pub(crate) fn without(&self, names: &BTreeSet<String>) -> Self {
        let rest = |kept: &BTreeMap<String, String>| {
            let rest = kept.iter().filter(|(name, _)| !names.contains(*name));
            rest.map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        Self {
            plain: rest(&self.plain),
            secret: rest(&self.secret),
            chart_secret: rest(&self.chart_secret),
            foreign: rest(&self.foreign),
        }
    }

    fn credential(&self, name: &str) -> Option<&String> {
        [&self.foreign, &self.chart_secret, &self.secret].into_iter().find_map(|values| values.get(name))
    }
}

/// Before the name of a chart, where it stands among claims: a chart with claims of its own is set up with secrets too.
pub(crate) const CHART: &str = "chart/";

/// The data of a release that may have been set up with its credentials.
pub(crate) struct Data<'a> {
    /// The plan, which says which claims belong to which credential.
    pub plan: &'a dyn ValueNeeds,
    /// The claims that the Secret remembers by input.
    pub remembered: &'a BTreeMap<String, Vec<String>>,
    /// The claims, and the charts with claims, that are in the cluster.
    pub live: BTreeSet<String>,
    /// Those of them that the release takes over.
    pub ours: BTreeSet<String>,
}

impl Data<'_> {
    /// Which of these may have been set up with the value of an input.
    fn of(&self, name: &str, among: &BTreeSet<String>) -> Vec<String> {
        let planned = self.plan.secret(name).map(|secret| secret.claims).unwrap_or_default();
        let known = self.remembered.get(name).map(Vec::as_slice).unwrap_or_default();
        let claims: BTreeSet<&String> =
            planned.iter().chain(known).filter(|claim| among.contains(claim.as_str())).collect();
        claims.into_iter().cloned().collect()
    }

    /// Has a user asked for the values that would be generated although data is there: only a user who knows the old
    /// one can continue without a loss.
    pub(crate) fn ask_for_lost(&self, outlook: &mut Outlook, kept: &Kept) {
        let made = std::mem::take(&mut outlook.made);
        for mut input in made {
            let claims = self.of(&input.name, &self.ours);
            if !input.secret || claims.is_empty() || kept.credential(&input.name).is_some() {
                outlook.made.push(input);
                continue;
            }
            input.reason = Some(format!("the value with which {} was created", described(&claims)));
            outlook.missing.push(input);
        }
    }
}

/// Credentials that live data may have been set up with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Stale {
    /// Those that change, with the claims.
    pub changed: Vec<(String, Vec<String>)>,
    /// Those that are generated although such claims are there, because the cluster holds no old value.
    pub lost: Vec<(String, Vec<String>)>,
}

/// Compares what is kept with what will be.
pub(crate) fn stale(data: &Data, kept: &Kept, settled: &Settled) -> Stale {
    let mut stale = Stale::default();
    for (name, value) in settled.secret.iter().chain(&settled.chart_secret) {
        let (found, among) = match kept.credential(name) {
            Some(old) if old != value => (&mut stale.changed, &data.live),
            // What is not taken over is refused for itself.
            None if settled.made.contains(name) => (&mut stale.lost, &data.ours),
            _ => continue,
        };
        let claims = data.of(name, among);
        if !claims.is_empty() {
            found.push((name.clone(), claims));
        }
    }
    stale
}

impl Stale {
    /// What is refused until a user accepts it by name.
    pub(crate) fn refusals(&self) -> Diagnostics {
        let changed = self.changed.iter().map(|(name, claims)| {
            let what = format!(
                "`{name}` would change, but the data in {} may have been created with the old value: a database \
                 keeps passwords in its own files, and rejects the new one",
                described(claims)
            );
            Diagnostic::new(Code::StaleCredentials, "", what).hint(
                "change it in the database first (PostgreSQL: ALTER USER postgres PASSWORD '...'), pass the same value \
                 to deploy with --parameter-file, and confirm with --accept stale-credentials",
            )
        });
        let lost = self.lost.iter().map(|(name, claims)| {
            let what = format!(
                "`{name}` would be generated, because the cluster has no value for it, but {} already exists: a \
                 database keeps passwords in its own files, and rejects another one",
                described(claims)
            );
            Diagnostic::new(Code::StaleCredentials, "", what).hint(format!(
                "supply the old value: `{name}: VALUE` in a file for --parameter-file, the variable {}, or \
                 --parameter '{name}=VALUE'; if the data does not depend on it, confirm a new one with --accept \
                 stale-credentials",
                variable(name)
            ))
        });
        Diagnostics(changed.chain(lost).collect())
    }
}

fn described(claims: &[String]) -> String {
    let (charts, claims): (Vec<&String>, Vec<&String>) = claims.iter().partition(|claim| claim.starts_with(CHART));
    let claims: Vec<&str> = claims.into_iter().map(String::as_str).collect();
    let charts: Vec<&str> = charts.into_iter().map(|chart| &chart[CHART.len()..]).collect();
    let said = |noun: &str, names: &[&str]| {
        let many = if names.len() == 1 { "" } else { "s" };
        format!("the {noun}{many} {}", names.join(", "))
    };
    match (claims.is_empty(), charts.is_empty()) {
        (_, true) => said("claim", &claims),
        (true, false) => said("chart", &charts),
        (false, false) => format!("{} and {}", said("claim", &claims), said("chart", &charts)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::Means;
    use crate::targets::kubernetes::Plan;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn application() -> (App, Plan) {
        let parameter = |name: &str, secret: bool, generated: bool| {
            let mut value = serde_json::json!({"type": "string", "secret": secret});
            if generated {
                value["default"] = serde_json::json!({"generate": {"minLength": 22}});
            }
            let text = format!("{{{name}.inputs.value}}");
            serde_json::json!({"type": "parameter.v0", "value": text, "inputs": {"value": value}})
        };
        let manifest = serde_json::json!({"resources": {
            "postgres": {"type": "container.v0", "image": "pg:1", "env": {"A": "{db.value}"},
                "volumes": [{"name": "data", "target": "/data", "readOnly": false}]},
            "api": {"type": "container.v0", "image": "api:1",
                "env": {"A": "{db.value}", "B": "{token.value}", "C": "{mine.value}", "D": "{plain.value}", "E": "{dice.value}"}},
            "db": parameter("db", true, true),
            "token": parameter("token", true, false),
            "mine": parameter("mine", true, false),
            "plain": parameter("plain", false, false),
            "dice": parameter("dice", false, true),
            "unused": parameter("unused", true, true),
        }});
        let manifest = crate::manifest::parse(manifest.to_string().as_bytes()).unwrap();
        let config = "parameters: {token: {from: chart}, mine: {from: {existing: {name: a, key: b}}}}";
        let config = crate::config::parse(config).unwrap();
        let app = crate::app::resolve(&manifest, &config, "shop", &crate::app::Sources::default()).unwrap();
        let plan = crate::targets::kubernetes::plan::plan(
            &app,
            &config,
            &crate::targets::built_images::BuiltImages::default(),
        )
        .unwrap();
        (app, plan)
    }

    #[test]
    fn what_is_made_or_asked_for_can_be_replaced_and_nothing_else() {
        let (app, plan) = application();
        let mut given = Given::default();
        given.add("token", "hunter2".into(), Means::File, "a.env").unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
        let typed = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let good = rotation(&typed(&["Parameters__db", "db", "dice"]), &app, &plan, &given).unwrap();
        assert_eq!(good.into_iter().collect::<Vec<_>>(), ["db", "dice"]);
        let said = rotation(&typed(&["token", "mine", "plain", "unused", "dbb", "image.tag"]), &app, &plan, &given);
        let said = said.unwrap_err().to_string();
        for sentence in [
            "--rotate: `token` is set by a.env",
            "--rotate: the value of `mine` is managed elsewhere and cannot be rotated here",
            "restart its users (api)",
            "--rotate: `plain` is neither secret nor generated",
            "--rotate: nothing uses `unused`",
            "did you mean `db`?",
            "`image.tag` is neither",
        ] {
            assert!(said.contains(sentence), "{sentence}: {said}");
        }
        assert!(!said.contains("hunter2"));
    }

    #[test]
    fn a_changed_credential_of_a_live_claim_is_stale() {
        let (_, plan) = application();
        let kept = Kept { secret: map(&[("db", "old"), ("token", "old")]), ..Kept::default() };
        let settled =
            Settled { secret: map(&[("db", "new"), ("token", "new")]), made: vec!["db".into()], ..Settled::default() };
        let remembered = BTreeMap::from([("token".to_owned(), vec!["cache".to_owned()])]);
        let data = |live: &[&str]| Data {
            plan: &plan,
            remembered: &remembered,
            live: live.iter().map(|claim| (*claim).to_owned()).collect(),
            ours: live.iter().filter(|claim| **claim != "cache").map(|claim| (*claim).to_owned()).collect(),
        };
        let of = |kept: &Kept, live: &[&str]| stale(&data(live), kept, &settled);
        assert_eq!(of(&kept, &["other"]), Stale::default());
        let both = of(&kept, &["postgres-data", "cache"]);
        assert_eq!(both.changed.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["db", "token"]);
        assert!(both.refusals().to_string().contains("`token` would change, but the data in the claim cache"));
        let same = Kept { chart_secret: settled.secret.clone(), secret: map(&[("db", "older")]), ..Kept::default() };
        assert_eq!(of(&same, &["postgres-data", "cache"]), Stale::default());
        let unknown = of(&Kept::default(), &["postgres-data", "cache"]);
        assert_eq!((unknown.changed.len(), unknown.lost.len()), (0, 1), "token was given");
        let theirs = Data { ours: BTreeSet::new(), ..data(&["postgres-data"]) };
        assert_eq!(stale(&theirs, &Kept::default(), &settled), Stale::default(), "it is refused for itself");
        let said = unknown.refusals().to_string();
        for part in
            ["`db` would be generated", "the claim postgres-data already exists", "Parameters__db", "--accept stale"]
        {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn a_person_is_asked_for_a_lost_credential_of_live_data() {
        let (app, plan) = application();
        let remembered = BTreeMap::new();
        let asked = |live: &[&str], kept: &Kept| {
            let data = Data {
                plan: &plan,
                remembered: &remembered,
                live: BTreeSet::new(),
                ours: live.iter().map(|claim| (*claim).to_owned()).collect(),
            };
            let mut outlook = crate::inputs::outlook(&app, &plan, &Given::default(), kept);
            data.ask_for_lost(&mut outlook, kept);
            let names =
                |all: &[crate::inputs::Listed]| all.iter().map(|it| it.name.clone()).collect::<Vec<_>>().join(" ");
            (names(&outlook.missing), names(&outlook.made), outlook.missing.last().and_then(|it| it.reason.clone()))
        };
        let nothing = Kept { chart_secret: map(&[("token", "t")]), plain: map(&[("plain", "p")]), ..Kept::default() };
        let (missing, made, reason) = asked(&["postgres-data"], &nothing);
        assert_eq!((missing.as_str(), made.as_str()), ("db", "dice"));
        assert_eq!(reason.as_deref(), Some("the value with which the claim postgres-data was created"));
        assert_eq!(asked(&["other"], &nothing).0, "");
        let known = Kept { secret: map(&[("db", "old")]), ..nothing };
        assert_eq!(asked(&["postgres-data"], &known).0, "");
    }

    #[test]
    fn charts_stand_among_claims() {
        let said = |names: &[&str]| described(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(said(&["a"]), "the claim a");
        assert_eq!(said(&["chart/pg"]), "the chart pg");
        assert_eq!(said(&["a", "b", "chart/pg"]), "the claims a, b and the chart pg");
    }

    #[test]
    fn what_is_replaced_is_forgotten_everywhere() {
        let one = map(&[("a", "1"), ("b", "2")]);
        let kept = Kept { plain: one.clone(), secret: one.clone(), chart_secret: one.clone(), foreign: one };
        let rest = kept.without(&BTreeSet::from(["a".to_owned()]));
        let left = map(&[("b", "2")]);
        for rest in [rest.plain, rest.secret, rest.chart_secret, rest.foreign] {
            assert_eq!(rest, left);
        }
    }
}
