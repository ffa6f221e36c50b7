//! A private Kubernetes control plane for tests and the demo.
