//! Arbitrary text in all positions of a manifest, through render and the real helm.
