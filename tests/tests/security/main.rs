//! TLS: who has no good certificate is not let in and is told why, and who is let in may do what the certificate says.
//!
//! Clusters are those of `holdfast dev-cluster --tls`, certificates are made by `holdfast pki`, and whoever asks is a process
//! with its own certificate, or speaks to a node as nobody of us would.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod entrance;
mod forged;
mod hidden;
mod lifetime;
mod mounts;
mod rights;
mod scene;
mod squash;
