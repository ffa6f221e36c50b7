//! What the containers of a workload may do, as which user they run, and where they can write.
//!
//! Must not change the user, group or root file system of a live release by itself: what is new comes with a number
//! ([`crate::config::compatibility`]).

mod images;
#[cfg(test)]
mod tests;

use super::certificate;
use super::claims::WorkloadStorage;
use super::name::Name;
use super::view::{VolumeView, WritableView};
use crate::app::{CERTIFICATE_FOLDER, Image, Workload};
use crate::config::compatibility::{EVERY_CONTAINER, NEWEST, OLDEST};
use crate::config::{Config, ImageSecurity, ResourceSecurity, Security, intent_place};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::support::servers;
use crate::targets::built_images::BuiltImages;
use images::Row;
use serde_json::{Map, Value as Json, json};

/// The user of the .NET images.
const DOTNET_USER: u32 = 1654;

/// The group of files on PVCs, as Aspire's own tool sets it.
const FILES_GROUP: u32 = 2000;

/// The server that changes the mode of the folder of its data, which only the owner of the folder may.
const OWNS_DATA: &str = "PostgreSQL";

/// What is decided for a workload.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Allowed {
    /// Security context of the pod.
    pub pod: Map<String, Json>,
    /// Security context of its container.
    pub container: Map<String, Json>,
    /// Folders that become emptyDirs.
    pub writable: Vec<WritableView>,
    /// Whether its user must own the folders of its data.
    pub owns_data: bool,
}

/// How the container runs as `restricted`.
struct Runs {
    user: u32,
    group: Option<u32>,
    writable: Vec<String>,
    read_only_root: bool,
}

/// Decides the security of a workload; also which numbers of defaults change it.
pub(crate) fn plan(
    workload: &Workload,
    config: &Config,
    images: &BuiltImages,
    storage: &WorkloadStorage,
    diagnostics: &mut Diagnostics,
) -> (Allowed, Vec<u32>) {
    let planning = Planning { workload, config, images, storage };
    let allowed = planning.of(config.defaults_of_pods(), diagnostics);
    let mut unheard = Diagnostics::default();
    let mut of = |number: u32| planning.of(number, &mut unheard);
    let changed_by = (OLDEST + 1..=NEWEST).filter(|number| of(*number) != of(*number - 1)).collect();
    (allowed, changed_by)
}

/// Marks the volumes whose folder the user of the container must own.
pub(crate) fn mark_owned(allowed: &Allowed, volumes: &mut [VolumeView]) {
    let is_data = |volume: &&mut VolumeView| !volume.ephemeral && !volume.read_only && !volume.again;
    for volume in volumes.iter_mut().filter(is_data) {
        volume.owned = allowed.owns_data;
    }
}

struct Planning<'a> {
    workload: &'a Workload,
    config: &'a Config,
    images: &'a BuiltImages,
    storage: &'a WorkloadStorage,
}

impl Planning<'_> {
    fn of(&self, number: u32, diagnostics: &mut Diagnostics) -> Allowed {
        let (built, every) = (self.workload.is_built(), number >= EVERY_CONTAINER);
        let said = self.config.security_of(&self.workload.name);
        let runs = match said {
            Some(ResourceSecurity::Image(image)) => Some(own(image)),
            Some(ResourceSecurity::Word(Security::None)) => return self.with(FILES_GROUP, Map::new()),
            Some(ResourceSecurity::Word(Security::Restricted)) if every => self.known(diagnostics),
            Some(ResourceSecurity::Word(Security::Restricted)) if built => return self.restricted_before(),
            Some(ResourceSecurity::Word(Security::Baseline)) if every => None,
            _ if built => None,
            _ => return self.with(FILES_GROUP, Map::new()),
        };
        match runs {
            Some(runs) => self.restricted(&runs),
            None => self.with(FILES_GROUP, baseline()),
        }
    }

    /// How a known image runs; an error names the key for others.
    fn known(&self, diagnostics: &mut Diagnostics) -> Option<Runs> {
        if self.workload.is_dotnet {
            return Some(known(&images::DOTNET));
        }
        let (name, reference) = (&self.workload.name, self.image());
        let row = images::of(reference);
        if row.is_none() {
            let image = if reference.is_empty() { "that is built" } else { reference };
            let what = format!("which user the image {image} of `{name}` runs as without root is not known");
            let hint = format!(
                "set `resources.{name}.security` to the user of the image and the folders that it writes to, such as \
                 {{user: 1000, writable: [/tmp]}}, or to `baseline` or `none`"
            );
            diagnostics.push(Diagnostic::new(Code::UnknownImageUser, self.place(), what).hint(hint));
        }
        row.as_ref().map(known)
    }

    /// The image; empty for one that is built and named by no flag.
    fn image(&self) -> &str {
        match (self.images.references.get(&self.workload.name), &self.workload.image) {
            (Some(image), _) | (None, Image::Reference(image)) => image,
            (None, Image::Built) => "",
        }
    }

    /// Where the file says it.
    fn place(&self) -> Place {
        let name = &self.workload.name;
        match self.config.intent(name).security {
            Some(_) => intent_place(format!("resources.{name}.security")),
            None => intent_place("defaults.security"),
        }
    }

    fn restricted(&self, runs: &Runs) -> Allowed {
        let mut context = baseline();
        context.insert("capabilities".into(), json!({"drop": ["ALL"]}));
        if runs.read_only_root {
            context.insert("readOnlyRootFilesystem".into(), json!(true));
        }
        context.insert("runAsNonRoot".into(), json!(true));
        context.insert("runAsUser".into(), json!(runs.user));
        if let Some(group) = runs.group {
            context.insert("runAsGroup".into(), json!(group));
        }
        // Another group would make the kubelet change all files of a live claim.
        let files = if self.workload.is_built() && runs.user == DOTNET_USER { DOTNET_USER } else { FILES_GROUP };
        let writable = self.unmounted(&runs.writable);
        Allowed { writable, owns_data: servers::of(self.image()) == Some(OWNS_DATA), ..self.with(files, context) }
    }

    /// `restricted` of the first numbers: built images, as the user of .NET, with a writable root file system.
    fn restricted_before(&self) -> Allowed {
        let mut context = baseline();
        context.insert("capabilities".into(), json!({"drop": ["ALL"]}));
        context.insert("runAsNonRoot".into(), json!(true));
        context.insert("runAsUser".into(), json!(DOTNET_USER));
        self.with(DOTNET_USER, context)
    }

    fn with(&self, files_group: u32, container: Map<String, Json>) -> Allowed {
        let mut pod = Map::new();
        if self.storage.has_claim {
            pod.insert("fsGroup".into(), json!(files_group));
            pod.insert("fsGroupChangePolicy".into(), json!("OnRootMismatch"));
        }
        Allowed { pod, container, ..Allowed::default() }
    }

    /// Folders that no volume of the workload holds.
    fn unmounted(&self, folders: &[String]) -> Vec<WritableView> {
        let volumes = self.storage.volumes.iter().map(|volume| volume.target.as_str());
        let files = self.workload.files.iter().map(|mount| mount.target.as_str());
        let certificate = certificate::of(self.config, &self.workload.name).map(|_| CERTIFICATE_FOLDER);
        let mounted: Vec<&str> = volumes.chain(files).chain(certificate).collect();
        let is_held = |folder: &str| mounted.iter().any(|mount| holds(mount, folder));
        let folders = folders.iter().filter(|folder| !is_held(folder));
        let view = |folder: &String| WritableView {
            volume: Name::of_label(&format!("{}-writable", folder.trim_matches('/'))).to_string(),
            target: folder.clone(),
        };
        folders.map(view).collect()
    }
}

/// Whether a folder is another one, or in it.
fn holds(outer: &str, folder: &str) -> bool {
    let rest = folder.trim_end_matches('/').strip_prefix(outer.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn baseline() -> Map<String, Json> {
    let mut context = Map::new();
    context.insert("allowPrivilegeEscalation".into(), json!(false));
    context.insert("seccompProfile".into(), json!({"type": "RuntimeDefault"}));
    context
}

fn own(image: ImageSecurity) -> Runs {
    let ImageSecurity { user, group, writable, read_only_root } = image;
    Runs { user, group, writable, read_only_root: read_only_root.unwrap_or(true) }
}

fn known(row: &Row) -> Runs {
    Runs {
        user: row.user,
        group: row.group,
        writable: row.writable.iter().map(|&folder| folder.to_owned()).collect(),
        read_only_root: row.read_only_root,
    }
}
