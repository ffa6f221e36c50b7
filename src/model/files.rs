//! Files that an AppHost writes into a container: each becomes a bind mount of its own, so that nothing hides what the image
//! has beside it.

use super::annotations::{FileSystem, Item};
use crate::manifest::{BindMount, Kind, Manifest};

/// Modes that a file in a ConfigMap may have without a loss: every user can read it, none can execute it.
const PLAIN: [&str; 3] = ["0644", "0444", "0664"];

/// The files of a resource.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub mounts: Vec<BindMount>,
    /// The path of a mount, and its content.
    pub contents: Vec<(String, Vec<u8>)>,
    pub losses: Vec<String>,
}

/// Takes over what a ConfigMap can hold.
pub(super) fn files(resource: &str, files: &FileSystem, manifest: &Manifest) -> Taken {
    let mut taken = Taken::default();
    let destination = files.destination.trim_end_matches('/');
    if let Some(error) = &files.error {
        taken
            .losses
            .push(format!("its files at {} are missing: the code that makes them threw {error}", files.destination));
    }
    if files.has_owner {
        taken.losses.push(format!(
            "the owner of its files at {} is not set: root owns them, and everybody can read them",
            files.destination
        ));
    }
    for item in &files.items {
        add(&mut taken, resource, destination, item, manifest);
    }
    taken
}

fn add(taken: &mut Taken, resource: &str, folder: &str, item: &Item, manifest: &Manifest) {
    // A name is a name, whatever the AppHost writes into it.
    if item.name.is_empty() || item.name == "." || item.name == ".." || item.name.contains(['/', '\\', '\0']) {
        taken.losses.push(format!("it has a file with the invalid name {:?} in {folder}", item.name));
        return;
    }
    let path = format!("{folder}/{}", item.name);
    if let Some(entries) = &item.entries {
        for entry in entries {
            add(taken, resource, &path, entry, manifest);
        }
        return;
    }
    let source = match (&item.contents, &item.source) {
        (Some(contents), _) => {
            if let Some(parameter) = parameter_in(contents, manifest) {
                taken.losses.push(format!(
                    "its file {path} is missing: it holds the value of the parameter `{parameter}`; pass that as a variable instead"
                ));
                return;
            }
            let source = format!("apphost:{resource}{path}");
            taken.contents.push((source.clone(), contents.clone().into_bytes()));
            source
        }
        (None, Some(source)) => source.clone(),
        (None, None) => {
            taken.losses.push(format!("its file {path} is missing: it holds the value of a secret"));
            return;
        }
    };
    let is_plain = item.mode.as_deref().is_none_or(|mode| PLAIN.contains(&mode));
    if !is_plain || item.has_owner {
        taken.losses.push(format!("mode and owner of its file {path} are not set: root owns it, with the mode 0644"));
    }
    taken.mounts.push(BindMount { source, target: path, read_only: true });
}

/// The first parameter whose value a text holds. The reader in the AppHost puts `{name.value}` in its place.
fn parameter_in<'a>(text: &str, manifest: &'a Manifest) -> Option<&'a str> {
    let parameters = manifest.resources.iter().filter(|(_, resource)| resource.kind == Kind::Parameter);
    parameters.map(|(name, _)| name.as_str()).find(|name| text.contains(&format!("{{{name}.value}}")))
}
