//! Keeping what is removed.

/// Sets for how long what is removed is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetTrash {
    /// `None`: it is not kept any more, and what was kept becomes what any other files are.
    pub keep_seconds: Option<u64>,
}

/// Removes what was kept for long enough at the time of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmptyTrash {
    /// Most names that are removed: the answer says whether there are more.
    pub names_max: usize,
    /// The term of the leader that has looked.
    pub term: u64,
}
