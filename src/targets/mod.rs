//! Where an application can run. A target is `plan(App, its configuration) -> Plan`, the files from it, and
//! steps. Beside the targets are facts that several of them need.

pub(crate) mod built_images;
pub(crate) mod compose;
pub(crate) mod kubernetes;
pub(crate) mod migrations;
pub(crate) mod readiness;
