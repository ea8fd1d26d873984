//! Permission rules.
