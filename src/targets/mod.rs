//! Where an application can be deployed. A target is `plan(App, its configuration) -> Plan`, the files from it, and
//! steps.

pub(crate) mod kubernetes;
