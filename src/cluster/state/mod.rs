//! What the program stores in a cluster between runs, and helm's own records: Secret, Lease, journal, stored values.

pub(crate) mod holder;
pub(crate) mod lease;
pub(crate) mod owned_config_map;
pub(crate) mod record;
pub(crate) mod records;
pub(crate) mod remembered;
pub(crate) mod secret;
pub(crate) mod transition_record;
