//! Jobs that create the databases of servers, which Aspire creates only in a local run. Each is a resource of its own,
//! `SERVER-databases`, added to the manifest and to the configuration before they are resolved, so everything that is true of a
//! resource with `runAs: job` is true of it.
//!
//! Must not know Kubernetes: how a job runs once, and how a pod waits for it, is known where jobs are.

mod clients;
mod named;
#[cfg(test)]
mod tests;

use super::expression::{Token, tokens};
use crate::config::compatibility::DATABASES;
use crate::config::{self, AskedBy, Config, Job, RunAs, WaitTargets, WantedDatabases, intent_place, is_database_name};
use crate::manifest::{Kind, Manifest, Resource, Source};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use clients::Client;
use indexmap::IndexMap;
use named::Named;
use serde_json::{Map, Value as Json, json};
use std::borrow::Cow;

/// Values of the variable [`Client::open`] that say that nobody needs a password.
const OPEN: [&str; 5] = ["trust", "yes", "true", "1", "y"];

/// The user and group that run the client: `nobody`.
const USER: u32 = 65534;

/// The manifest and the configuration with a job for each server whose databases are created, and what is wrong with
/// `databases:`. Without such a server they are the same. `base` is the configuration without the values of an environment: it
/// decides which jobs there are, because templates are the same in all environments.
pub(crate) fn with_databases<'a>(
    manifest: &'a Manifest,
    config: &'a Config,
    base: &Config,
) -> (Cow<'a, Manifest>, Cow<'a, Config>, Diagnostics) {
    let mut adding = Adding {
        named: named::all(manifest),
        before: manifest,
        said: config,
        manifest: Cow::Borrowed(manifest),
        config: Cow::Borrowed(config),
        diagnostics: Diagnostics::default(),
    };
    for server in manifest.resources.keys() {
        adding.server(server, base);
    }
    (adding.manifest, adding.config, adding.diagnostics)
}

/// Why databases cannot be created on a resource.
enum NoServer {
    /// It would be a server that is known, but nobody knows how to log in.
    WithoutLogin(String),
    Other(String),
}

/// A server whose databases can be created.
struct Server<'a> {
    client: &'static Client,
    resource: &'a Resource,
    /// What the file says of it.
    intent: Option<&'a config::Resource>,
    image: &'a str,
    /// Its endpoint.
    binding: &'a str,
}

struct Adding<'a> {
    named: Vec<Named>,
    /// Both without jobs.
    before: &'a Manifest,
    said: &'a Config,
    manifest: Cow<'a, Manifest>,
    config: Cow<'a, Config>,
    diagnostics: Diagnostics,
}

impl Adding<'_> {
    /// Adds the job of a server.
    fn server(&mut self, name: &str, base: &Config) {
        let wanted = base.databases_of(name);
        let asked_by = match wanted {
            WantedDatabases::None => return,
            WantedDatabases::Named(_) => AskedBy::Server,
            WantedDatabases::ConnectionStrings(asked_by) => asked_by,
        };
        let server = match server(self.before, base, name) {
            Ok(server) => server.with(self.said.resources.get(name)),
            Err(why) => return self.tell(name, asked_by, why),
        };
        let databases = match wanted {
            WantedDatabases::Named(names) => names.to_vec(),
            WantedDatabases::None | WantedDatabases::ConnectionStrings(_) => {
                self.tell_unknown_names(name);
                self.databases(name, server.client)
            }
        };
        if databases.is_empty() {
            return;
        }
        let job = format!("{name}-databases");
        if let Some(taken) = self.manifest.resources.keys().find(|resource| resource.eq_ignore_ascii_case(&job)) {
            let what = format!("`{taken}` has the name of the Job that creates the databases of `{name}`");
            let hint = format!("rename it in the AppHost, or set `resources: {{{name}: {{databases: none}}}}`");
            let place = format!("resources.{taken}");
            self.diagnostics.push(Diagnostic::new(Code::NameCollision, place, what).hint(hint));
            return;
        }
        let environment = self.environment(name, &server, &databases);
        let written = Resource {
            type_name: "container.v0".to_owned(),
            kind: Kind::Container(Source::Image(server.image.to_owned())),
            entrypoint: Some("sh".to_owned()),
            args: vec!["-c".to_owned(), server.client.script()],
            env: environment,
            ..Resource::default()
        };
        self.manifest.to_mut().resources.insert(job.clone(), written);
        let own = self.config.to_mut().resources.entry(job.clone()).or_default();
        configure(own, server.intent);
        let mut pods = self.wait(name, &databases, &job);
        if asked_by == AskedBy::Number {
            pods.push(job);
            self.config.to_mut().by_number.extend(pods.into_iter().map(|pod| (pod, DATABASES)));
        }
    }

    /// The databases of a server that connection strings name.
    fn databases(&self, server: &str, client: &Client) -> Vec<String> {
        let mut databases = Vec::new();
        for name in self.named.iter().filter(|named| named.server == server).filter_map(|it| it.database.as_ref()) {
            let is_own = client.own.contains(&name.to_lowercase().as_str());
            if is_database_name(name) && !is_own && !databases.contains(name) {
                databases.push(name.clone());
            }
        }
        databases
    }

    /// Says why no databases are created on a resource: as an error where its own key asks for it.
    fn tell(&mut self, name: &str, asked_by: AskedBy, why: NoServer) {
        match (asked_by, why) {
            (AskedBy::Server, NoServer::Other(why) | NoServer::WithoutLogin(why)) => {
                let place = intent_place(format!("resources.{name}.databases"));
                let hint = "remove it, or set it on the resource of a server that runs in this application";
                self.diagnostics.push(Diagnostic::new(Code::CannotCreateDatabases, place, why).hint(hint));
            }
            (_, NoServer::WithoutLogin(why)) => {
                let of_server = self.named.iter().filter(|named| named.server == name);
                let told = of_server.map(|it| (it.resource.clone(), format!("its database is not created: {why}")));
                let told: Vec<_> = told.collect();
                self.config.to_mut().from_app_host.losses.extend(told);
            }
            (_, NoServer::Other(_)) => {}
        }
    }

    /// Says which names cannot be created, and why.
    fn tell_unknown_names(&mut self, server: &str) {
        let why = |named: &Named| match &named.database {
            None => Some("its name is known only when the application runs"),
            Some(name) if !is_database_name(name) => Some("its name is too long, or has braces or control characters"),
            Some(_) => None,
        };
        let of_server = self.named.iter().filter(|named| named.server == server);
        let told: Vec<_> = of_server
            .filter_map(|named| Some((named.resource.clone(), format!("its database is not created: {}", why(named)?))))
            .collect();
        if !told.is_empty() {
            self.config.to_mut().from_app_host.losses.extend(told);
        }
    }

    /// The variables of a job. What the script and the client read is there once; what the server reads stays there.
    fn environment(&mut self, name: &str, server: &Server, databases: &[String]) -> IndexMap<String, String> {
        let client = server.client;
        let binding = format!("{{{name}.bindings.{}", server.binding);
        let filled = |text: &str| {
            text.replace("{host}", &format!("{binding}.host}}")).replace("{port}", &format!("{binding}.port}}"))
        };
        let mut environment = IndexMap::new();
        let mut set = |variable: &str, text: &str| drop(environment.insert(variable.to_owned(), text.to_owned()));
        for (variable, text) in client.variables {
            set(variable, &filled(text));
        }
        if let Some((variable, of_server, default)) = client.user {
            set(variable, server.variable(of_server).unwrap_or(default));
        }
        if let Some(password) = server.password() {
            set(client.password.0, password);
        }
        let has_pods = server.intent.is_none_or(|intent| intent.replicas != Some(0));
        let runs_here = self.said.switch(name).is_none_or(|switch| switch.enabled);
        let number = if has_pods && runs_here { databases.len() } else { 0 };
        set("DATABASES", &number.to_string());
        for (index, database) in databases.iter().enumerate() {
            let sql = (client.sql)(database);
            set(&format!("DATABASE_{index}"), database);
            set(&format!("DATABASE_{index}_EXISTS"), &sql.exists);
            let script = self.script(name, database).map(|script| format!("{script}{}", sql.end));
            set(&format!("DATABASE_{index}_CREATE"), script.as_deref().unwrap_or(&sql.create));
        }
        environment
    }

    /// The SQL with which the AppHost creates a database.
    fn script(&mut self, server: &str, database: &str) -> Option<String> {
        let is_it = |named: &&Named| named.server == server && named.database.as_deref() == Some(database);
        let mut resources = self.named.iter().filter(is_it).map(|named| &named.resource);
        let scripts = &self.config.from_app_host.creation_scripts;
        let found = resources.find_map(|resource| scripts.iter().rev().find(|(of, _)| of == resource));
        let (resource, script) = found.cloned()?;
        // A variable would get the value instead.
        if tokens(&script).iter().all(|token| matches!(token, Token::Text(_))) {
            return Some(script);
        }
        let loss = "its creation script is not run, because it holds a text that is written like a reference";
        self.config.to_mut().from_app_host.losses.push((resource, loss.to_owned()));
        None
    }

    /// Those who wait for one of the databases wait for the job, too; their names.
    fn wait(&mut self, server: &str, databases: &[String], job: &str) -> Vec<String> {
        let is_created = |named: &&Named| {
            named.server == server && named.database.as_ref().is_some_and(|name| databases.contains(name))
        };
        let created: Vec<&str> = self.named.iter().filter(is_created).map(|named| named.resource.as_str()).collect();
        let mut waiting = Vec::new();
        for (name, resource) in &mut self.config.to_mut().resources {
            let Some(WaitTargets::Named(targets)) = &resource.wait_for else { continue };
            if targets.iter().any(|target| created.contains(&target.as_str())) {
                resource.wait_for_completion.push(job.to_owned());
                waiting.push(name.clone());
            }
        }
        waiting
    }
}

impl<'a> Server<'a> {
    /// The same server with what an environment says of it.
    fn with<'e>(self, intent: Option<&'e config::Resource>) -> Server<'e>
    where
        'a: 'e,
    {
        let image = image(self.resource, intent).unwrap_or(self.image);
        Server { client: self.client, resource: self.resource, intent, image, binding: self.binding }
    }

    /// The text of a variable of the server.
    fn variable(&self, name: &str) -> Option<&str> {
        match self.intent.and_then(|intent| intent.env.get(name)) {
            Some(text) => text.as_deref(),
            None => self.resource.env.get(name).map(String::as_str),
        }
    }

    fn password(&self) -> Option<&str> {
        self.client.password.1.iter().find_map(|name| self.variable(name))
    }

    fn is_open(&self) -> bool {
        self.variable(self.client.open).is_some_and(|text| OPEN.contains(&text.to_lowercase().as_str()))
    }
}

/// The server that a resource is.
fn server<'a>(manifest: &'a Manifest, config: &'a Config, name: &str) -> Result<Server<'a>, NoServer> {
    let intent = config.resources.get(name);
    let resource = manifest.resources.get(name).filter(|_| !config.leaves_out(name));
    let image = resource.and_then(|resource| image(resource, intent));
    let ends = intent.is_some_and(|intent| intent.run_as.is_some());
    let (Some(resource), Some(image), false) = (resource, image, ends) else {
        return Err(NoServer::Other(format!("`{name}` does not run as a server in this application")));
    };
    let Some(client) = clients::of(image) else {
        let what = format!("`{name}` runs `{image}`, which is no PostgreSQL, MySQL, MariaDB or SQL Server");
        return Err(NoServer::Other(what));
    };
    let mut endpoints = resource.bindings.iter().filter(|(_, binding)| binding.protocol != "udp");
    let usual = endpoints.clone().find(|(_, binding)| binding.target_port == Some(client.port));
    let Some((binding, _)) = usual.or_else(|| endpoints.next()) else {
        return Err(NoServer::Other(format!("`{name}` has no TCP endpoint")));
    };
    let server = Server { client, resource, intent, image, binding };
    if server.password().is_none() && !server.is_open() {
        let names = client.password.1.join(" or ");
        let what = format!("`{name}` has no variable {names} with the password of its administrator");
        return Err(NoServer::WithoutLogin(what));
    }
    Ok(server)
}

/// The image of another owner that a resource runs.
fn image<'a>(resource: &'a Resource, intent: Option<&'a config::Resource>) -> Option<&'a str> {
    let own = intent.and_then(|intent| intent.image.as_deref());
    match &resource.kind {
        Kind::Container(Source::Image(image)) => Some(own.unwrap_or(image)),
        Kind::Container(Source::Missing) | Kind::Executable { .. } => own,
        _ => None,
    }
}

/// What the job of a server has that the file does not say of it: the image and the nodes of the server, and no rights.
fn configure(own: &mut config::Resource, server: Option<&config::Resource>) {
    own.run_as.get_or_insert_with(|| RunAs::Job(Job::default()));
    if let Some(server) = server {
        own.image = own.image.take().or_else(|| server.image.clone());
        own.image_pull_policy = own.image_pull_policy.or(server.image_pull_policy);
        if own.node_selector.is_empty() {
            own.node_selector.clone_from(&server.node_selector);
        }
        if own.tolerations.is_empty() {
            own.tolerations.clone_from(&server.tolerations);
        }
    }
    let restricted = json!({
        "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true,
        "runAsUser": USER, "runAsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"},
    });
    let mut security: Map<String, Json> = restricted.as_object().cloned().unwrap_or_default();
    security.extend(own.security_context.take().unwrap_or_default());
    own.security_context = Some(security);
}
