//! Proves what is kept of a snapshot on its way, and that no other byte passes for one of it.

mod incoming;
mod listing;
