//! Steps, their order, and running them: the engine does not know what a step does.

pub(crate) mod event;
pub(crate) mod graph;
pub(crate) mod random;
pub(crate) mod run;
pub(crate) mod slot;
