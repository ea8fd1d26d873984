//! Permission rules that the state machine owns: access lists, set-id bits, and who may do what.

pub(crate) mod access;
pub(crate) mod access_list;
pub(crate) mod acl;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod set_id;
