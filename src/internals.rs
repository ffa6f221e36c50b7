//! What the tests and benchmarks of this repository call, under the names of the modules that define it. It is not an
//! interface: it changes with the code. Everything else is private to the crate, so that the compiler finds dead code.

pub mod app {
    pub use crate::app::{App, Found, Sources, escape_uri_data, resolve};
}
pub mod cli {
    pub use crate::cli::duration;
}
pub mod cluster {
    pub use crate::cluster::{Timestamp, processes::start_time};
    pub mod api {
        pub use crate::cluster::api::explain::Attempt;
        pub use crate::cluster::api::objects::{Guard, Objects, Propagation};
    }
    pub mod connect {
        pub use crate::cluster::connect::{access::Access, environment::Environment, kubeconfig::locate};
    }
    pub mod state {
        pub use crate::cluster::state::holder::Holder;
        pub use crate::cluster::state::record::Record;
        pub use crate::cluster::state::remembered::State;
        pub use crate::cluster::state::secret::ReleaseSecret;
        pub use crate::cluster::state::transition_record::TransitionRecord;
        pub mod lease {
            pub use crate::cluster::state::lease::{abandoned, look, outlived};
        }
    }
}
pub mod config {
    pub use crate::config::{Config, Release, Sealed, is_exact_version, parse, position};
}
pub mod diff {
    pub use crate::diff::{
        Object, Sides, change, fields, holds_data, lines, lost, merge_patch, objects, predict, with_places,
    };
}
pub mod doctor {
    pub use crate::doctor::{
        Demand, kind_names, limits, names, objects_of, pod_security, pods, quotas, route_classes, trial_pods,
    };
}
pub mod external_charts {
    pub use crate::external_charts::plan::plan;
    pub use crate::external_charts::{Lock, Marks, PlannedChart, Version, fits, newest, provided_crds, with_texts};
}
pub mod helm {
    pub use crate::helm::{
        Ended, Error, Failure, Intended, Release, Revision, Version, chart_yaml, checked_arguments, first_json,
    };
}
pub mod images {
    pub use crate::images::Saved;
}
pub mod inputs {
    pub use crate::inputs::{Format, Given, Names, list, parse_assignment, variable};
}
pub mod k8s {
    pub use crate::k8s::error::Result;
    pub use crate::k8s::kind::{Kind, SECRET};
    pub use crate::k8s::object::oddity;
    pub use crate::k8s::ownership::{Owner, ReleaseName, helm_release};
    pub use crate::k8s::quantity::Quantity;
    pub mod labels {
        pub use crate::k8s::labels::{KEEP, RESOURCE_POLICY};
    }
}
pub mod manifest {
    pub use crate::manifest::{Manifest, parse, position};
}
pub mod migration {
    pub use crate::migration::detect::detect;
    pub use crate::migration::observe::observe;
    pub use crate::migration::{
        Action, Change, Claim, Direction, HelmRun, Journal, Live, Observed, Pair, Phase, Progress, Revision, Role,
        Side, Sides, Status, Stop, Wait, Workload, asks, concerns, next, pods_of, retired,
    };
}
pub mod pipeline {
    pub use crate::pipeline::release::records::judge::NamedObject;
    pub use crate::pipeline::release::records::stored::read as read_record;
    pub use crate::pipeline::release::saved_plan::Saved;
    pub mod drift {
        pub use crate::pipeline::status::drift::{compare, objects};
    }
}
pub mod rollout {
    pub use crate::rollout::{End, Rollout};
}
pub mod seal {
    pub use crate::seal::Certificate;
}
pub mod sops {
    pub use crate::sops::explain;
}
pub mod support {
    pub mod image {
        pub use crate::support::image::{check, check_registry, check_tag, repository_of, split};
    }
    pub mod redact {
        pub use crate::support::redact::lines::MaskedLines;
        pub use crate::support::redact::{Mask, base64, unbase64};
    }
    pub mod yaml {
        pub use crate::support::yaml::{affordable, documents};
    }
}
pub mod kubernetes {
    pub use crate::targets::built_images::BuiltImages;
    pub use crate::targets::kubernetes::plan::plan;
    pub use crate::targets::kubernetes::{Contents, KINDS, Plan};
    pub mod chart {
        pub use crate::targets::kubernetes::chart::read::read;
        pub use crate::targets::kubernetes::chart::render::render;
        pub use crate::targets::kubernetes::chart::{Chart, write::write};
    }
}
