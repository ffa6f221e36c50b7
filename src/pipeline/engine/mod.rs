//! Steps, their order, and running them: it knows nothing of what a step does.

pub(crate) mod event;
pub(crate) mod graph;
pub(crate) mod random;
pub(crate) mod run;
pub(crate) mod slot;
