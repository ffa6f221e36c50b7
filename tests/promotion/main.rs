//! Workloads that change their kind: the machine against every order of events, and the program on a real control plane.

mod model;
