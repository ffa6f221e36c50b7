//! What the program keeps in a cluster between runs, and helm's own records: Secret, Lease, journal, remembered values.

pub mod holder;
pub mod lease;
pub mod owned_config_map;
pub mod record;
pub mod records;
pub mod remembered;
pub mod secret;
pub mod transition_record;
