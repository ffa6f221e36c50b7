//! `security` of a resource and of all, as written: what containers may do, and as which user.
//!
//! Must not know images: which user an official image has is a table of the target.

use super::Config;
use super::findings::Findings;
use super::path::{Path, shown};
use super::rules;
use crate::support::diagnostic::Code;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What containers may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Security {
    /// Nothing is set.
    None,
    /// No privilege escalation, the runtime's default seccomp profile.
    Baseline,
    /// What Pod Security "restricted" admits: also not root and without capabilities; and a root file system that is read-only.
    Restricted,
}

/// `security:` of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ResourceSecurity {
    /// As `defaults.security`.
    Word(Security),
    /// `restricted`, for an image whose user and folders you name.
    Image(ImageSecurity),
}

/// How an image runs as `restricted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageSecurity {
    /// Number of the user.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub user: u32,
    /// Number of the group; that of the user in the image when absent.
    #[serde(default)]
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub group: Option<u32>,
    /// Folders that the program writes to. Each that is on no volume becomes an emptyDir, which is empty at the start.
    #[serde(default)]
    pub writable: Vec<String>,
    /// Whether all other folders of the image are read-only; true when absent.
    #[serde(default)]
    pub read_only_root: Option<bool>,
}

impl Config {
    /// What the file says of the containers of a workload; none if it says nothing.
    pub(crate) fn security_of(&self, workload: &str) -> Option<ResourceSecurity> {
        self.intent(workload).security.clone().or(self.defaults.security.map(ResourceSecurity::Word))
    }
}

/// Reports what is not legal in `security:` of a resource.
pub(super) fn check(security: Option<&ResourceSecurity>, findings: &mut Findings, at: &Path<'_>) {
    let Some(ResourceSecurity::Image(ImageSecurity { writable, .. })) = security else { return };
    let at = at.key("writable");
    for (index, folder) in writable.iter().enumerate() {
        let is_root = folder.trim_matches('/').is_empty();
        if is_root || !(rules::MOUNT_PATH.legal)(folder) {
            let what = format!("{} is not valid as a folder of an image", shown(folder));
            findings.add(Code::InvalidValue, &at.item(index), what, "an absolute path such as /var/cache, and not `/`");
        } else if writable[..index].contains(folder) {
            let what = format!("{} is listed twice", shown(folder));
            findings.add(Code::DuplicateEntry, &at.item(index), what, "remove one of them");
        }
    }
}
